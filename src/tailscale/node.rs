//! The own node. Owns [`Node`], what the daemon's status says of it, and the states of the backend.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::device::moment;
use super::failure::{Broken, Failure};
use super::wire::{self, Status};
use crate::clock::Wall;

/// The most that is kept of what the daemon complains of: so many sentences, of so many characters.
const COMPLAINTS: (usize, usize) = (16, 300);

/// `BackendState`: how far the daemon's tailnet is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendState {
    /// It was not heard, or is none that is known.
    Unknown,
    /// Nothing yet.
    NoState,
    /// Another user of this machine has it.
    InUseOtherUser,
    /// Nobody is logged in.
    NeedsLogin,
    /// An administrator of the tailnet has yet to let this machine in.
    NeedsMachineAuth,
    /// `tailscale down`.
    Stopped,
    /// On its way up.
    Starting,
    /// Up.
    Running,
}

impl BackendState {
    /// By its name in a status.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "NoState" => Self::NoState,
            "InUseOtherUser" => Self::InUseOtherUser,
            "NeedsLogin" => Self::NeedsLogin,
            "NeedsMachineAuth" => Self::NeedsMachineAuth,
            "Stopped" => Self::Stopped,
            "Starting" => Self::Starting,
            "Running" => Self::Running,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for BackendState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unknown => "Unknown",
            Self::NoState => "NoState",
            Self::InUseOtherUser => "InUseOtherUser",
            Self::NeedsLogin => "NeedsLogin",
            Self::NeedsMachineAuth => "NeedsMachineAuth",
            Self::Stopped => "Stopped",
            Self::Starting => "Starting",
            Self::Running => "Running",
        })
    }
}

/// Whether the daemon tells of changes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nobody has listened yet.
    NotYet,
    /// It does.
    Now,
    /// It does not, and why.
    Not(Failure),
}

/// What is known of the own node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// How far it is up, as last heard.
    pub state: BackendState,
    /// The daemon's version; nothing may depend on its form.
    pub version: Option<Box<str>>,
    /// Whether it has a TUN device. Without one (userspace networking) every peer reaches loopback.
    pub tun: Option<bool>,
    /// `CurrentTailnet.MagicDNSSuffix`.
    pub tailnet: Option<Arc<str>>,
    /// Its stable id.
    pub stable_id: Option<Box<str>>,
    /// Its name, without the tailnet's.
    pub name: Option<Box<str>>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its tags.
    pub tags: Vec<Box<str>>,
    /// Whether the control server is reached: while it is not, changes on the tailnet are not seen.
    pub online: Option<bool>,
    /// When its key expires; nothing where it does not.
    pub expires: Option<Wall>,
    /// Whether changes are heard of as they happen.
    pub heard: Heard,
    /// What the daemon itself complains of.
    pub health: Vec<String>,
}

impl Node {
    /// Nothing known.
    pub(super) fn unknown() -> Self {
        Self {
            state: BackendState::Unknown,
            version: None,
            tun: None,
            tailnet: None,
            stable_id: None,
            name: None,
            addresses: Vec::new(),
            tags: Vec::new(),
            online: None,
            expires: None,
            heard: Heard::NotYet,
            health: Vec::new(),
        }
    }

    /// What a status says.
    pub(super) fn read(body: &[u8]) -> Result<Self, Broken> {
        let status: Status = wire::read(body)?;
        let state = BackendState::named(&status.backend_state);
        let suffix = status.current_tailnet.and_then(|tailnet| tailnet.magic_dns_suffix);
        let tailnet = suffix
            .map(|suffix| Arc::from(suffix.trim_end_matches('.')))
            .filter(|suffix: &Arc<str>| !suffix.is_empty());
        let mut addresses = Vec::new();
        let mut node = Self { state, tailnet, tun: status.tun, ..Self::unknown() };
        addresses.extend(status.tailscale_ips.into_iter().flatten());
        if let Some(own) = status.own {
            addresses.extend(own.tailscale_ips.into_iter().flatten());
            node.stable_id = own.id.filter(|id| !id.is_empty());
            node.name = own
                .dns_name
                .filter(|name| !name.is_empty())
                .map(|name| wire::tame(wire::without_tailnet(&name, node.tailnet.as_deref()).0, 255));
            node.tags = own.tags.unwrap_or_default();
            node.online = own.online;
            node.expires = own.key_expiry.and_then(|text| moment(&text).ok().flatten());
        }
        for address in addresses {
            let address: IpAddr = address.parse().map_err(|_| Broken::Value)?;
            if !node.addresses.contains(&address.to_canonical()) {
                node.addresses.push(address.to_canonical());
            }
        }
        if state == BackendState::Running && (node.stable_id.is_none() || node.addresses.is_empty()) {
            // Who does not know itself could take itself for a visitor.
            return Err(Broken::Shape);
        }
        node.version = status.version.map(|version| wire::tame(&version, 100));
        let (sentences, characters) = COMPLAINTS;
        let health = status.health.into_iter().flatten().take(sentences);
        node.health = health.map(|sentence| wire::tame(&sentence, characters).into()).collect();
        Ok(node)
    }

    /// Whether what was judged with `other` would be judged the same with this.
    pub(super) fn judges_like(&self, other: &Self) -> bool {
        let told = |node: &Self| (node.state, node.tun, node.stable_id.clone(), node.tailnet.clone());
        told(self) == told(other) && self.addresses == other.addresses
    }
}
