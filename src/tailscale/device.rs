//! A device of the tailnet. Owns [`Answer`]: whose device an address is, or why that cannot be said.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::failure::Broken;
use super::node::Node;
use super::wire::{self, CapMap, Peer, Profile, Whois};
use crate::clock::{Mono, Now, Wall};
use crate::identity::Person;

/// The most characters of a display name that are kept.
const LONGEST_NAME: usize = 100;

/// What the daemon says of an address. Counts before [`until`](Self::until), and only while the
/// generation is the same.
#[derive(Debug)]
pub struct Answer {
    /// The device, or why it says nothing.
    pub who: Result<Device, Unusable>,
    /// From when it counts no more: [`LIFETIME`](super::LIFETIME) after it was asked, or earlier when the
    /// device's key expires. About a connection it counts for the one request only.
    pub until: Mono,
    /// The generation when it was asked.
    pub generation: u64,
    /// When the device's key expires.
    expires: Option<Wall>,
    /// How much the daemon wrote.
    pub(super) bytes: usize,
}

impl Answer {
    /// What was `judged` from so many `bytes`, asked `now` in `generation`; it counts for `lifetime` at most.
    pub(super) fn new(judged: Judged, lifetime: Duration, bytes: usize, generation: u64, now: Now) -> Self {
        let Judged { who, expires } = judged;
        // What says that the key has expired stands for as long as anything else.
        let left = expires.map(|moment| now.wall.until(moment)).filter(|left| !left.is_zero());
        let until = now.mono.plus(left.map_or(lifetime, |left| left.min(lifetime)));
        Self { who, until, generation, expires, bytes }
    }

    /// Whether it still counts, as far as time goes.
    pub(super) fn counts(&self, now: Now) -> bool {
        now.mono < self.until && (self.who.is_err() || self.expires.is_none_or(|moment| now.wall < moment))
    }
}

/// A device that says who uses it.
#[derive(Debug)]
pub struct Device {
    /// Its name without the tailnet's: `laptop`. That of another tailnet is whole, or empty.
    pub name: Box<str>,
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
}

/// What a body of the daemon says: whose device it is about, and when its key expires.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) who: Result<Device, Unusable>,
    pub(super) expires: Option<Wall>,
}

impl Judged {
    /// That no device is there.
    pub(super) fn not_there() -> Self {
        Self { who: Err(Unusable::NotThere), expires: None }
    }

    /// Reads an answer about `asked` that `own` node's daemon gave. Without `asked`, it was asked about
    /// a connection.
    pub(super) fn read(body: &[u8], asked: Option<IpAddr>, own: &Node, now: Wall) -> Result<Self, Broken> {
        let Whois { node, user_profile, cap_map } = wire::read(body)?;
        let addresses = addresses(&node.addresses)?;
        if asked.is_some_and(|asked| !addresses.contains(&asked)) {
            return Err(Broken::Address);
        }
        let expires = node.key_expiry.as_deref().map(moment).transpose()?.flatten();
        let is_own = own.stable_id.as_ref() == Some(&node.stable_id)
            || addresses.iter().any(|address| own.addresses.contains(address));
        let refused = [
            (is_own, Unusable::ThisNode),
            (node.expired == Some(true) || expires.is_some_and(|moment| moment <= now), Unusable::Expired),
            (node.is_jailed == Some(true), Unusable::Jailed),
            (node.unsigned_peer_api_only == Some(true), Unusable::Unsigned),
            (node.is_wire_guard_only == Some(true), Unusable::WireGuardOnly),
            (node.machine_authorized != Some(true), Unusable::NotAuthorized),
        ];
        let who = match refused.into_iter().find(|(is_so, _)| *is_so) {
            Some((_, why)) => Err(why),
            None => device(node, user_profile, cap_map, own)?,
        };
        Ok(Self { who, expires })
    }
}

fn device(
    node: Peer,
    profile: Profile,
    cap_map: Option<CapMap>,
    own: &Node,
) -> Result<Result<Device, Unusable>, Broken> {
    let full_name = node.name.unwrap_or_default();
    let (name, is_in_tailnet) = wire::without_tailnet(&full_name, own.tailnet.as_deref());
    let is_shared = node.sharer.is_some_and(|sharer| sharer != 0)
        || node.hostinfo.is_some_and(|hostinfo| hostinfo.sharee_node == Some(true));
    let tags = node.tags.unwrap_or_default();
    let owner = match (&own.tailnet, is_shared, tags.is_empty()) {
        (Some(tailnet), true, true) => {
            Owner::Shared(person(profile, node.user, Person::tailnet_of_those_shared_with(tailnet))?)
        }
        (Some(tailnet), false, true) if is_in_tailnet => {
            Owner::Person(person(profile, node.user, tailnet.clone())?)
        }
        // The tag of another tailnet is none of ours.
        (Some(_), false, false) if is_in_tailnet => Owner::Tagged(tags.into()),
        (Some(_) | None, _, _) => return Ok(Err(Unusable::OtherTailnet)),
    };
    let routes = node.allowed_ips.into_iter().flatten().any(|network| !node.addresses.contains(&network));
    let grants = cap_map.into_iter().flatten();
    Ok(Ok(Device {
        name: wire::tame(name, 255),
        owner,
        routes,
        grants: Grants(grants.map(|(capability, values)| (capability, values.unwrap_or_default())).collect()),
    }))
}

fn person(profile: Profile, owner: Option<i64>, tailnet: Arc<str>) -> Result<Person, Broken> {
    if owner != Some(profile.id) || profile.id == 0 {
        return Err(Broken::Owner);
    }
    Ok(Person {
        tailnet,
        id: profile.id,
        login: wire::name(profile.login_name)?,
        name: wire::tame(&profile.display_name.unwrap_or_default(), LONGEST_NAME),
    })
}

/// The addresses that are a node's own: each is a network of one.
fn addresses(networks: &[Box<str>]) -> Result<Vec<IpAddr>, Broken> {
    let single = |network: &str| match network.parse::<IpNet>() {
        Ok(network) if network.prefix_len() == network.max_prefix_len() => Ok(network.addr().to_canonical()),
        Ok(_) | Err(_) => Err(Broken::Value),
    };
    networks.iter().map(|network| single(network)).collect()
}

/// A moment; nothing for Go's zero time, by which older daemons say never.
pub(super) fn moment(text: &str) -> Result<Option<Wall>, Broken> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Broken::Value)?;
    let milliseconds = i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000));
    Ok(if moment.year() > 1 { milliseconds.ok().map(Wall) } else { None })
}
