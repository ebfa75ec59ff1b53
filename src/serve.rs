//! The server: listeners, the limits of a connection, background tasks, and the way it ends.
//!
//! Owns every byte between a socket and an [`Answer`]. Promises: whatever a client does costs no more
//! than its [`Limits`]; a panic is one closed answer and the server goes on; at the end nobody who was
//! being answered is cut without being named.
//! Never: knows a route, a verdict or a dialect.

mod accept;
mod caught;
mod connection;
pub mod control;
mod drain;
pub mod house;
pub mod listen;
pub mod notify;
mod patience;
pub mod routes;
mod socket;
pub mod tasks;

pub use socket::Listener;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::task::JoinSet;

use crate::config::LimitSettings;
use crate::error::{Fault, Faults};
use crate::forwarded::Peer;

/// What answers the requests of every connection.
pub trait Answer: Send + Sync + 'static {
    /// The answer to a request that needs no waiting, if this is one.
    fn at_once(&self, _peer: Peer, _request: &Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        None
    }

    /// The answer to any other request. It may be dropped at any await: its client left, or the drain is over.
    fn answer(
        &self,
        peer: Peer,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;

    /// The closed answer of whatever stands at `path`, after a panic while it was being answered.
    fn panicked(&self, path: &str) -> Response<Full<Bytes>>;

    /// The answer to a request that announced a longer body than [`Limits::body`]; the connection ends with it.
    fn too_large(&self, _path: &str) -> Response<Full<Bytes>> {
        let mut answer = Response::new(Full::new(Bytes::from_static(b"The request is too large.\n")));
        *answer.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        answer.headers_mut().insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
        answer
    }

    /// The server begins to end: be unwell in `/health`, and let everybody go who waits for something.
    fn draining(&self) {}
}

/// What a client may cost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once. One more is answered 503 and closed.
    pub connections: u32,
    /// Bytes of a request's line and headers together; more is 431. (Their number is at most 100.)
    pub header: usize,
    /// Bytes of body that a request may announce; more is 413. What comes unannounced, its reader counts.
    pub body: u64,
    /// How long a client out there may take for a whole header, or stay without asking anything.
    pub patience: Duration,
    /// The same for whoever is on this machine: a proxy keeps connections open to use them again.
    pub patience_near: Duration,
    /// How long an answer may lie unread at a client before its connection is given up (TCP only).
    pub unread: Duration,
    /// How long requests may still take once the server begins to end.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            header: 32 * 1024,
            body: 64 * 1024,
            patience: Duration::from_secs(10),
            patience_near: Duration::from_mins(1),
            unread: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// The limits with what `[limits]` says.
    pub fn from_settings(settings: &LimitSettings) -> Result<Self, Faults> {
        let placed = &settings.connections;
        match u32::try_from(placed.value) {
            Ok(connections @ 16..=100_000) => Ok(Self { connections, ..Self::default() }),
            _ => Err(placed
                .fault(
                    Fault::new(format!("`limits.connections` cannot be {}", placed.value))
                        .hint("from 16 to 100000; 1024 is enough for most"),
                )
                .into()),
        }
    }
}

/// How it ended.
#[derive(Debug, Default)]
pub struct Drained {
    /// Requests that were still being answered when their time was over: `GET /path`.
    pub cut: Vec<String>,
    /// Why the server ended although nobody asked it to.
    pub fault: Option<String>,
}

/// Answers whoever connects, until `shutdown` comes to its end; then drains, and says what was cut.
///
/// Dropping this future closes the listeners at once; connections end with their runtime.
pub async fn run<A: Answer>(
    listeners: Vec<Listener>,
    answer: Arc<A>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let connections = Arc::new(connection::Connections::new(answer, limits));
    let mut doors = JoinSet::new();
    for listener in listeners {
        doors.spawn(accept::accept(listener, connections.clone()));
    }
    let fault = tokio::select! {
        () = shutdown => None,
        Some(ended) = doors.join_next() => {
            Some(ended.map_or_else(|why| why.to_string(), |()| "it ended by itself".to_owned()))
        }
    };
    if let Some(why) = &fault {
        tracing::error!(event = "server.deaf", why, "a listener ended");
    }
    connections.answer().draining();
    connections.ending().begin();
    while doors.join_next().await.is_some() {}
    let cut = connections.finish().await;
    Drained { cut, fault }
}

#[cfg(test)]
mod tests;
