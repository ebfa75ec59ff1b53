//! What the tailnet and our record say of a device together. Owns [`Sighted`] and [`Guest`].
//! Never asks anybody.

use std::fmt;
use std::sync::Arc;

use super::super::Handles;
use super::Rules;
use crate::clock::Mono;
use crate::error::Error;
use crate::identity::{AppName, Assurance, Identity, Person, Role, UserId, Username};
use crate::tailscale::{Answer, Failure, Owner, Unusable};

/// What the tailnet, and our record, say of a device.
pub enum Sighted {
    /// Somebody of ours.
    Known(Box<Guest>),
    /// A person of the tailnet who has no account here.
    Stranger(Person),
    /// The account of this person is disabled.
    Disabled(Person),
    /// A device that says nothing about who uses it.
    Unusable(Reason),
    /// It could not be asked.
    Unanswered(Unasked),
}

/// Why a device cannot say who uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The daemon does not know it, or it is in a state that proves nothing.
    Device(Unusable),
    /// It has a tag, and the tag is nobody's.
    Tagged,
    /// It is of another tailnet, and its owner is not listed.
    Shared,
}

impl Reason {
    /// In words for its user: `this device is tagged`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Device(why) => why.words(),
            Self::Tagged => "this device is tagged",
            Self::Shared => "this device is of another tailnet",
        }
    }
}

/// What did not answer.
#[derive(Debug)]
pub enum Unasked {
    /// The local tailscaled.
    Tailscale(Failure),
    /// The store.
    Store(Error),
}

impl fmt::Display for Unasked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tailscale(failure) => failure.fmt(formatter),
            Self::Store(error) => error.fmt(formatter),
        }
    }
}

/// Somebody of ours, on a device of the tailnet.
#[derive(Debug)]
pub struct Guest {
    pub(super) identity: Identity,
    /// Whom the tailnet says it is: the login, or the name of a machine.
    pub login: Box<str>,
    pub(super) answer: Arc<Answer>,
    pub(super) handles: Handles,
}

impl Guest {
    /// Who it is at `app`: with the roles that grants give there. Without an app, as recorded.
    pub fn identity(&self, rules: &Rules, app: Option<&AppName>) -> Identity {
        let mut identity = self.identity.clone();
        let grants = self.answer.who.as_ref().ok().map(|device| &device.grants);
        if let (Some(app), Some(capability), Some(grants)) = (app, rules.capability(), grants) {
            let granted = rules.granted(grants.of(capability), app);
            if !granted.is_empty() {
                let mut roles: Vec<Role> = identity.roles.iter().cloned().chain(granted).collect();
                roles.sort_unstable();
                roles.dedup();
                identity.roles = roles.into();
            }
        }
        identity
    }

    /// How far the device reaches.
    pub fn assurance(&self) -> Assurance {
        self.identity.assurance
    }

    /// Who it is: the id of an account, or of a machine.
    pub fn user(&self) -> UserId {
        self.identity.user
    }

    /// Whose account it is; a machine has none.
    pub fn account(&self) -> Option<UserId> {
        match self.answer.who.as_ref().map(|device| &device.owner) {
            Ok(Owner::Person(_) | Owner::Shared(_)) => Some(self.identity.user),
            Ok(Owner::Tagged(_)) | Err(_) => None,
        }
    }

    /// The name here.
    pub fn username(&self) -> &Username {
        &self.identity.username
    }

    /// Until when that counts.
    pub(super) fn until(&self) -> Mono {
        self.answer.until
    }
}
