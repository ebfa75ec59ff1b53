//! The own node. Owns [`Node`], what the daemon's status says of it, and the states of the backend.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::failure::Failure;

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
    #[expect(dead_code, reason = "statuses are read next")]
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
            heard: Heard::NotYet,
            health: Vec::new(),
        }
    }
}
