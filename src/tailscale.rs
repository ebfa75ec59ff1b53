//! The local tailscaled. Owns the conversation with its `LocalAPI`: whose device an address is, what the
//! own node is, and when that changes.
//!
//! Promises: an answer is at most [`LIFETIME`] old, and void at once when the daemon tells of a change,
//! or is not heard; what is no clear answer is a [`Failure`], never "nobody"; one question takes at most
//! 300 ms, and few are asked at once: nobody can stall the daemon, or hold up those who are known.
//! Never: knows accounts or rules, changes anything at the daemon, or asks it about a port without need.

mod device;
mod failure;
mod node;
mod options;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, Now};
use crate::error::Error;
use crate::place::ClientAddress;

pub use device::{Answer, Device, Grants, Owner, Unusable};
pub use failure::{Broken, Failure};
pub use node::{BackendState, Heard, Node};
pub use options::Options;

/// How long an answer counts at most.
pub const LIFETIME: Duration = Duration::from_secs(5);
/// How long it counts that no device has an address: it may have joined since.
pub const LIFETIME_OF_NOBODY: Duration = Duration::from_secs(1);

/// Where a visitor is, as far as the daemon can be asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// An address of the tailnet.
    Address(ClientAddress),
    /// With userspace networking, the daemon's own end of a connection that it made here for a peer.
    Loopback(SocketAddr),
}

/// The local tailscaled, as it is heard and asked.
pub struct Tailscale {
    options: Options,
    clock: Clock,
    generation: AtomicU64,
}

impl Tailscale {
    /// Nothing heard yet. Opens nothing.
    pub fn new(options: Options, clock: Clock) -> Self {
        Self { options, clock, generation: AtomicU64::new(0) }
    }

    /// Whether a node of the tailnet can have `address`. Asks nobody.
    pub fn may_be_there(&self, address: ClientAddress) -> bool {
        self.options.may_be_there(address)
    }

    /// The number of the generation: when it moves, what was answered before does not count.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What is known of the own node now.
    pub fn node(&self) -> Arc<Node> {
        Arc::new(Node::unknown())
    }

    /// Whose device is at `place`.
    pub async fn whois(&self, place: Place, now: Now) -> Result<Arc<Answer>, Failure> {
        let _ = (place, now);
        self.status().await.and(Err(Failure::Down))
    }

    /// Asks the daemon afresh what the own node is.
    pub async fn status(&self) -> Result<Node, Failure> {
        self.clock.wait(Duration::ZERO).await;
        Err(Failure::Down)
    }

    /// Hears the daemon, for ever: the body of a background task.
    pub async fn listen(&self) -> Result<Infallible, Error> {
        std::future::pending().await
    }
}
