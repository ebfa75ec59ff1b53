//! What was last seen of the own node, and the generation of all that was answered.
//!
//! Promises: a node is taken for what it is only while nothing was heard that puts it in doubt; whatever
//! makes an older answer wrong moves the generation after it can be seen here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::failure::Failure;
use super::node::{BackendState, Heard, Node};

/// The own node as last seen, and the generation.
pub(super) struct Seen {
    last: watch::Sender<Last>,
    generation: AtomicU64,
}

struct Last {
    node: Arc<Node>,
    /// Why the daemon did not say, where it did not.
    trouble: Option<Failure>,
    /// How often it was put in doubt.
    doubts: u64,
    /// Whether it was asked since.
    is_settled: bool,
}

impl Last {
    /// Whether the daemon's answers count.
    fn is_up(&self) -> Result<(), Failure> {
        match (self.trouble, self.node.state) {
            (Some(failure), _) => Err(failure),
            (None, BackendState::Running) => Ok(()),
            (None, BackendState::NoState | BackendState::Starting) => Err(Failure::Starting),
            (None, other) => Err(Failure::NotRunning(other)),
        }
    }
}

impl Seen {
    /// Nothing yet.
    pub(super) fn nothing() -> Self {
        let last = Last { node: Arc::new(Node::unknown()), trouble: None, doubts: 0, is_settled: false };
        Self { last: watch::Sender::new(last), generation: AtomicU64::new(0) }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn node(&self) -> Arc<Node> {
        self.last.borrow().node.clone()
    }

    pub(super) fn state(&self) -> BackendState {
        self.last.borrow().node.state
    }

    pub(super) fn doubts(&self) -> u64 {
        self.last.borrow().doubts
    }

    /// The generation, and then the node, once it is beyond doubt; a failure unless it is up.
    pub(super) async fn settled(&self) -> Result<(u64, Arc<Node>), Failure> {
        let mut changes = self.last.subscribe();
        loop {
            let generation = self.generation();
            {
                let last = changes.borrow_and_update();
                if last.is_settled {
                    return last.is_up().map(|()| (generation, last.node.clone()));
                }
            }
            changes.changed().await.map_err(|_| Failure::Down)?;
        }
    }

    /// Nothing that was answered before counts.
    pub(super) fn void(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// The own node may have changed.
    pub(super) fn doubt(&self) {
        self.last.send_modify(|last| {
            last.doubts += 1;
            last.is_settled = false;
        });
        self.void();
    }

    /// Nobody listens any more: nothing is known.
    pub(super) fn forget(&self) {
        self.last.send_modify(|last| {
            last.node = Arc::new(Node::unknown());
            last.trouble = None;
            last.doubts += 1;
            last.is_settled = false;
        });
        self.void();
    }

    /// Whether the bus is heard.
    pub(super) fn hear(&self, heard: Heard) {
        self.last.send_modify(|last| Arc::make_mut(&mut last.node).heard = heard);
    }

    /// What the daemon said, asked after so many `doubts`: if there were more since, it says nothing.
    pub(super) fn learn(&self, doubts: u64, told: Result<Node, Failure>) {
        let mut is_other = false;
        self.last.send_modify(|last| match told {
            Ok(_) if last.doubts != doubts => {}
            Ok(node) => {
                is_other = last.trouble.is_some() || !node.judges_like(&last.node);
                last.node = Arc::new(Node { heard: last.node.heard, ..node });
                last.trouble = None;
                last.is_settled = true;
            }
            Err(failure) => {
                is_other = last.trouble.is_none();
                let node = Arc::make_mut(&mut last.node);
                node.state = BackendState::Unknown;
                node.online = None;
                node.health.clear();
                last.trouble = Some(failure);
                last.is_settled = true;
            }
        });
        if is_other {
            self.void();
        }
    }
}
