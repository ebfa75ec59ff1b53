//! The room against a stand-in for the daemon.

mod daemon;
mod known;
mod recorded;
mod storms;
mod trouble;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::clock::{Manual, Wall};
use crate::config::{Placed, TailscaleSettings};
use daemon::{Daemon, Manner, somebody};

/// The address of [`SAM`]'s device.
const LAPTOP: &str = "100.64.0.2";
const SAM: &str = "sam@github";
const WHOIS: &str = "/localapi/v0/whois";

/// A daemon, and ours in conversation with it on a clock of the test's.
struct Lab {
    daemon: Daemon,
    tailscale: Arc<Tailscale>,
    hand: Arc<Manual>,
    clock: Clock,
    listening: JoinSet<()>,
    _folder: TempDir,
}

impl Lab {
    /// With Sam's laptop; nothing goes on any more when this returns.
    async fn new() -> Self {
        // No test may fail because the machine is slow.
        Self::with_limit(Duration::from_mins(5)).await
    }

    async fn with_limit(limit: Duration) -> Self {
        let mut lab = Self::before_listening(limit);
        lab.listen();
        lab.is_calm(2).await;
        lab
    }

    fn before_listening(limit: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("tailscaled.sock");
        let daemon = Daemon::start(&socket);
        daemon.put_quietly(&somebody(LAPTOP, 2, SAM));
        let (clock, hand) = Clock::manual(Wall::from_seconds(1_795_252_374));
        let tailscale = Arc::new(Tailscale::new(options(&socket).with_limit(limit), clock.clone()));
        Self { daemon, tailscale, hand, clock, listening: JoinSet::new(), _folder: folder }
    }

    fn listen(&mut self) {
        let tailscale = self.tailscale.clone();
        self.listening.spawn(async move {
            let Err(error) = tailscale.listen().await;
            panic!("listening ended: {error}");
        });
    }

    /// Waits until there were so many doubts (two for each bus that is heard: that it is, and its first
    /// line), and the last was settled.
    async fn is_calm(&self, doubts: u64) {
        until("calm", || self.tailscale.seen.doubts() >= doubts).await;
        let _node = self.tailscale.seen.settled().await;
    }

    async fn whois(&self, address: &str) -> Result<Arc<Answer>, Failure> {
        self.tailscale.whois(at(address), self.clock.now()).await
    }

    /// Asks beside the test.
    fn ask<'a>(&self, asking: &'a mut Asking, address: &str) -> &'a mut Asking {
        let (tailscale, now, place) = (self.tailscale.clone(), self.clock.now(), at(address));
        asking.spawn(async move { tailscale.whois(place, now).await });
        asking
    }

    fn questions(&self) -> usize {
        self.daemon.questions(WHOIS).len()
    }

    /// Waits for `what`, and moves the clock meanwhile.
    async fn moving(&self, what: &str, is_so: impl Fn() -> bool) {
        until(what, || {
            self.hand.advance(Duration::from_millis(50));
            is_so()
        })
        .await;
    }
}

type Asking = JoinSet<Result<Arc<Answer>, Failure>>;

/// Waits for something that comes by itself.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_mins(1), async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

fn at(address: &str) -> Place {
    Place::Address(address.parse().unwrap())
}

fn options(socket: &Path) -> Options {
    let text = |text: &str| Placed::of(text.to_owned());
    let socket: PathBuf = socket.into();
    let settings = TailscaleSettings {
        socket: text(socket.to_str().unwrap()),
        networks: vec![text("100.64.0.0/10"), text("fd7a:115c:a1e0::/48")],
        accept: text("own-tailnet"),
        auto_create: Placed::of(false),
        roles: Vec::new(),
        counts_as: text("two_factor"),
        trust_loopback: Placed::of(false),
        capability: None,
        client_port_header: None,
        users: BTreeMap::new(),
        shared: BTreeMap::new(),
        tags: BTreeMap::new(),
    };
    Options::compile(&Placed::of(settings)).unwrap()
}

/// The login of whoever it is.
fn login(answer: &Answer) -> &str {
    match &answer.who {
        Ok(Device { owner: Owner::Person(person), .. }) => &person.login,
        other => panic!("no person: {other:?}"),
    }
}

fn unusable(answer: &Answer) -> Option<Unusable> {
    answer.who.as_ref().err().copied()
}
