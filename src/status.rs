//! Whether this server can serve. Owns `/health`: each part it needs, by name.
//! Never tells a stranger more than that: no version, no address, no count.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value as Json, json};

use crate::clock::Now;
use crate::state::App;
use crate::tailscale::{BackendState, Heard, Node};
use crate::web::{self, Response};

/// A background task and whether it runs, as whoever starts them says.
pub type Tasks = Arc<dyn Fn() -> Vec<(&'static str, bool)> + Send + Sync>;

/// The door's own parts.
pub struct Door {
    app: Arc<App>,
    tasks: Tasks,
    ending: std::sync::atomic::AtomicBool,
}

/// How the local tailscaled fares. It is no reason to be unwell: people sign in without it.
fn in_words(node: &Node) -> String {
    match (node.state, node.online) {
        (BackendState::Running, Some(false)) => {
            "the control server is not reached: changes on the tailnet are not heard".to_owned()
        }
        (BackendState::Running, Some(true) | None) => "ok".to_owned(),
        (BackendState::Unknown, _) => match node.heard {
            Heard::Not(why) => why.to_string(),
            Heard::NotYet | Heard::Now => "not heard".to_owned(),
        },
        (other, _) => format!("not up: {other}"),
    }
}

impl Door {
    /// The door of this house; `tasks` says which background tasks run.
    pub fn new(app: &Arc<App>, tasks: Tasks) -> Self {
        Self { app: app.clone(), tasks, ending: false.into() }
    }

    /// From now on the server is ending, and says so.
    pub fn end(&self) {
        self.ending.store(true, std::sync::atomic::Ordering::Release);
    }

    /// Whether the parts without which nothing can be answered are there.
    pub fn is_well(&self, now: Now) -> bool {
        self.app.store.is_writer_alive() && self.app.changes.heard_recently(now.mono)
    }

    /// `GET /health`.
    pub fn health(&self, now: Now) -> Response {
        let word = |well: bool| if well { "ok" } else { "failing" };
        let mut parts = Map::new();
        parts.insert("store".into(), word(self.app.store.is_writer_alive()).into());
        parts.insert("changes".into(), word(self.app.changes.heard_recently(now.mono)).into());
        for (name, runs) in (self.tasks)() {
            parts.insert(name.into(), word(runs).into());
        }
        if let Some(tailnet) = &self.app.authenticate.tailnet {
            parts.insert("tailscale".into(), in_words(&tailnet.tailscale.node()).into());
        }
        if let Some(line) = &self.app.telegram {
            let said = match (line.trouble(), line.bot()) {
                (Some(trouble), _) => trouble,
                (None, Some(_)) => "ok",
                (None, None) => "not heard",
            };
            parts.insert("telegram".into(), said.into());
        }
        if self.app.reload_failed() {
            parts.insert(
                "configuration".into(),
                "the last reload was refused; the settings before it hold".into(),
            );
        }
        let ending = self.ending.load(std::sync::atomic::Ordering::Acquire);
        let (status, said) = match (ending, self.is_well(now)) {
            (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "ending"),
            (false, true) => (StatusCode::OK, "ok"),
            (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
        };
        web::json(status, &json!({ "status": said, "parts": Json::Object(parts) }))
    }
}
