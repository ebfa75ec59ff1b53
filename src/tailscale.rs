//! The local tailscaled. Owns the conversation with its `LocalAPI`: whose device an address is, what the
//! own node is, and when that changes.
//!
//! Promises: an answer is at most [`LIFETIME`] old, and void at once when the daemon tells of a change,
//! or is not heard; what is no clear answer is a [`Failure`], never "nobody"; one question takes at most
//! 300 ms, and few are asked at once: nobody can stall the daemon, or hold up those who are known.
//! Never: knows accounts or rules, changes anything at the daemon, or asks it about a port without need.

mod bus;
mod device;
mod failure;
mod local_api;
mod lookups;
mod node;
mod options;
mod seen;
#[cfg(test)]
mod tests;
mod wire;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::Notify;

use crate::clock::{Clock, Now, Seldom};
use crate::error::Error;
use crate::place::ClientAddress;

use bus::{Lines, News};
use device::Judged;
use local_api::{LocalApi, refused, within};
use lookups::Lookups;
use seen::Seen;

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

/// Changes of peers, in the form that every version has; the state is the first line.
const BUS: &str = "/localapi/v0/watch-ipn-bus?mask=4098";
/// For daemons that refuse the former.
const PLAIN_BUS: &str = "/localapi/v0/watch-ipn-bus?mask=2";
const STATUS: &str = "/localapi/v0/status?peers=false";
/// How often the daemon is asked whether it is there; the bus can fall silent without an end.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// The same, while it is not.
const HEARTBEAT_OF_NOBODY: Duration = Duration::from_millis(250);
/// How long to wait before the bus is tried again: at first, and at most.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// How often the log may hear of the same trouble.
const TOLD_AGAIN: Duration = Duration::from_secs(10);

/// The local tailscaled, as it is heard and asked.
pub struct Tailscale {
    options: Options,
    clock: Clock,
    api: LocalApi,
    lookups: Lookups,
    seen: Seen,
    /// That the status is to be asked at once.
    in_doubt: Notify,
    /// That the daemon is there again.
    is_back: Notify,
    told: Seldom,
}

impl Tailscale {
    /// Nothing heard yet. Opens nothing.
    pub fn new(options: Options, clock: Clock) -> Self {
        let api = LocalApi::new(options.socket.clone());
        Self {
            options,
            clock,
            api,
            lookups: Lookups::new(),
            seen: Seen::nothing(),
            in_doubt: Notify::new(),
            is_back: Notify::new(),
            told: Seldom::default(),
        }
    }

    /// Whether a node of the tailnet can have `address`. Asks nobody.
    pub fn may_be_there(&self, address: ClientAddress) -> bool {
        self.options.may_be_there(address)
    }

    /// The number of the generation: it moves with every change that is heard of, and when nothing can
    /// be heard. What was answered under an older one does not count.
    pub fn generation(&self) -> u64 {
        self.seen.generation()
    }

    /// What is known of the own node now.
    pub fn node(&self) -> Arc<Node> {
        self.seen.node()
    }

    /// Where its socket is looked for, in this order. Asks nobody.
    pub fn sockets(&self) -> Vec<PathBuf> {
        self.api.sockets()
    }

    /// Whose device is at `place`.
    ///
    /// A loopback address is nobody's where the daemon has a TUN device, or does not say.
    pub async fn whois(&self, place: Place, now: Now) -> Result<Arc<Answer>, Failure> {
        within(self.options.limit, async {
            // In this order: what changes in between leaves the answer dead on arrival.
            let (generation, node) = self.seen.settled().await?;
            let unasked = match place {
                Place::Address(address) if node.addresses.contains(&address.ip()) => Some(Unusable::ThisNode),
                Place::Address(address) if self.may_be_there(address) => None,
                Place::Loopback(at) if at.ip().is_loopback() && node.tun == Some(false) => None,
                Place::Address(_) | Place::Loopback(_) => Some(Unusable::NotThere),
            };
            if let Some(why) = unasked {
                let judged = Judged { who: Err(why), expires: None };
                return Ok(Arc::new(Answer::new(judged, LIFETIME, 0, generation, now)));
            }
            let ask = || self.ask(place, &node, generation, now);
            self.lookups.answer(generation, place, now, ask).await
        })
        .await
    }

    async fn ask(&self, place: Place, own: &Node, generation: u64, now: Now) -> Result<Answer, Failure> {
        let (asked, mut target) = match place {
            Place::Address(address) => (Some(address.ip()), whois_of(&address.to_string())),
            Place::Loopback(at) => (None, whois_of(&at.to_string())),
        };
        if asked.is_none() {
            // Without it the daemon would look among the other connections too, and others wait for it.
            target.push_str("&proto=tcp");
        }
        let (status, body) = self.api.get(&target).await?;
        let judged = match status {
            StatusCode::OK => Judged::read(&body, asked, own, now.wall).map_err(Failure::Broken)?,
            StatusCode::NOT_FOUND if body.starts_with(b"no match") => Judged::not_there(),
            other => return Err(refused(other)),
        };
        let lifetime = match (&judged.who, place) {
            (Err(Unusable::NotThere), _) => LIFETIME_OF_NOBODY,
            // The port is another's as soon as the connection ends.
            (Ok(_), Place::Loopback(_)) => Duration::ZERO,
            (Ok(_) | Err(_), _) => LIFETIME,
        };
        Ok(Answer::new(judged, lifetime, body.len(), generation, now))
    }

    /// Asks the daemon afresh what the own node is.
    pub async fn status(&self) -> Result<Node, Failure> {
        let (status, body) = within(self.options.limit, self.api.get(STATUS)).await?;
        match status {
            StatusCode::OK => {
                let node = Node::read(&body).map_err(Failure::Broken)?;
                Ok(Node { heard: self.node().heard, ..node })
            }
            other => Err(refused(other)),
        }
    }

    /// Hears the daemon, for ever: the body of a background task. Once at a time.
    pub async fn listen(&self) -> Result<Infallible, Error> {
        // What is not heard is not known: also when this is dropped.
        let _deaf = Deaf(self);
        tokio::select! {
            never = self.hear() => match never {},
            never = self.watch() => match never {},
        }
    }

    /// Hears the bus, and again whenever it ends.
    async fn hear(&self) -> Infallible {
        let (first, longest) = WAITS;
        let mut wait = first;
        loop {
            let why = match self.tune_in().await {
                Ok(stream) => {
                    self.hear_out(stream, &mut wait).await;
                    self.api.forget();
                    self.doubt();
                    Failure::Down
                }
                Err(failure) => failure,
            };
            self.seen.hear(Heard::Not(why));
            tracing::debug!(event = "tailscale.unheard", reason = %why);
            tokio::select! {
                () = self.clock.wait(wait) => {}
                () = self.is_back.notified() => {}
            }
            wait = (wait * 2).min(longest);
        }
    }

    async fn tune_in(&self) -> Result<local_api::Stream, Failure> {
        let limit = self.options.limit;
        match within(limit, self.api.stream(BUS)).await {
            Err(Failure::Broken(Broken::Status(400))) => within(limit, self.api.stream(PLAIN_BUS)).await,
            heard => heard,
        }
    }

    async fn hear_out(&self, mut stream: local_api::Stream, wait: &mut Duration) {
        self.seen.hear(Heard::Now);
        // Nobody heard what changed before.
        self.doubt();
        let mut lines = Lines::default();
        while let Some(bytes) = stream.next().await {
            *wait = WAITS.0;
            match lines.read(&bytes) {
                News::Nothing => {}
                News::Peers => self.seen.void(),
                News::Own => self.doubt(),
            }
        }
    }

    /// Nothing is answered until the status was asked anew.
    fn doubt(&self) {
        self.seen.doubt();
        self.in_doubt.notify_one();
    }

    /// Asks for the status: often enough, and whenever it is in doubt.
    async fn watch(&self) -> Infallible {
        let mut last_told = None;
        loop {
            let doubts = self.seen.doubts();
            let status = self.status().await;
            let trouble = status.as_ref().err().copied();
            self.tell(trouble, &mut last_told);
            self.learn(doubts, status);
            let pause = if trouble.is_none() { HEARTBEAT } else { HEARTBEAT_OF_NOBODY };
            tokio::select! {
                () = self.clock.wait(pause) => {}
                () = self.in_doubt.notified() => {}
            }
        }
    }

    /// Tells the log of trouble, once for each kind, and seldom enough if it comes and goes.
    fn tell(&self, trouble: Option<Failure>, last_told: &mut Option<Failure>) {
        match trouble {
            Some(failure) if *last_told != trouble && self.told.again(TOLD_AGAIN, self.clock.now().mono) => {
                tracing::warn!(event = "tailscale.unanswered", reason = %failure, hint = failure.hint());
                *last_told = trouble;
            }
            Some(_) => {}
            None => *last_told = None,
        }
    }

    /// Takes in the status, asked after so many `doubts`.
    fn learn(&self, doubts: u64, status: Result<Node, Failure>) {
        let had = self.seen.state();
        self.seen.learn(doubts, status);
        let has = self.seen.state();
        if had != has {
            tracing::info!(event = "tailscale.state", state = %has, before = %had);
            if had == BackendState::Unknown {
                self.is_back.notify_waiters();
            }
        }
    }
}

/// The question about `address`.
fn whois_of(address: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("addr", address).finish();
    format!("/localapi/v0/whois?{query}")
}

/// Ends what is known when it is dropped.
struct Deaf<'a>(&'a Tailscale);

impl Drop for Deaf<'_> {
    fn drop(&mut self) {
        self.0.seen.forget();
    }
}
