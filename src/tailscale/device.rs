//! A device of the tailnet. Owns [`Answer`]: whose device an address is, or why that cannot be said.

use std::collections::HashMap;

use serde_json::Value;

use crate::clock::{Mono, Wall};
use crate::identity::Person;

/// What the daemon says of an address. Counts before [`until`](Self::until), and only while the
/// generation is the same.
#[derive(Debug)]
pub struct Answer {
    /// The device, or why it says nothing.
    pub who: Result<Device, Unusable>,
    /// When it was asked, at the latest.
    pub asked_at: Mono,
    /// From when it counts no more: [`LIFETIME`](super::LIFETIME) after it was asked, or when the
    /// device's key expires.
    pub until: Mono,
    /// The generation when it was asked.
    pub generation: u64,
    /// When the device's key expires.
    #[expect(dead_code, reason = "the memory of answers comes next")]
    pub(super) expires: Option<Wall>,
}

/// A device that says who uses it.
#[derive(Debug)]
pub struct Device {
    /// Its name without the tailnet's: `laptop`. That of another tailnet is whole, or empty.
    pub name: Box<str>,
    /// Its id for ever.
    pub stable_id: Box<str>,
    /// Whose it is.
    pub owner: Owner,
    /// Whether it routes for others: then a request from it may be anybody's behind it.
    pub routes: bool,
    /// What the tailnet's policy grants it at this node.
    pub grants: Grants,
}

/// Whose a device is.
#[derive(Debug)]
pub enum Owner {
    /// A person of this tailnet.
    Person(Person),
    /// A person of another tailnet: this node is shared with them, or their device with us. Their
    /// `tailnet` is `shared with` ours.
    Shared(Person),
    /// Nobody: it has these tags, never none.
    Tagged(Box<[Box<str>]>),
}

/// Why a device does not say who uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// No device has this address.
    NotThere,
    /// It is this machine.
    ThisNode,
    /// Its key has expired.
    Expired,
    /// The tailnet lets it open no connection to us.
    Jailed,
    /// The tailnet lock does not know its key.
    Unsigned,
    /// It speaks plain `WireGuard`, and is no node.
    WireGuardOnly,
    /// No administrator of the tailnet has let it in.
    NotAuthorized,
    /// It is of another tailnet.
    OtherTailnet,
}

impl Unusable {
    /// In words for its user.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotThere => "this device is not on the tailnet",
            Self::ThisNode => "this is the machine that Aegis runs on",
            Self::Expired => "this device’s key has expired",
            Self::Jailed => "the tailnet does not let this device in",
            Self::Unsigned => "this device is not signed for the tailnet",
            Self::WireGuardOnly => "this device is only connected by WireGuard",
            Self::NotAuthorized => "this device is not authorized on the tailnet",
            Self::OtherTailnet => "this device is of another tailnet",
        }
    }
}

/// The app capabilities that a device was granted at this node.
#[derive(Debug, Default)]
pub struct Grants(pub(super) HashMap<Box<str>, Box<[Value]>>);

impl Grants {
    /// What `capability` was granted with; nothing where it was not, or without arguments.
    pub fn of(&self, capability: &str) -> &[Value] {
        self.0.get(capability).map_or(&[], |values| values)
    }

    /// Whether `capability` was granted, be it without arguments.
    pub fn has(&self, capability: &str) -> bool {
        self.0.contains_key(capability)
    }
}
