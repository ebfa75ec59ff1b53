//! A stand-in for Telegram: its Bot API with one bot, and the phones of people who talk to it. For the
//! show, and for tests of all who speak to Telegram.
//!
//! Promises: what the real one refuses is refused with its words (as its published server has them); an
//! update is kept until it is acknowledged; every wait is for the thing itself, and its clock is that of
//! whoever made it. Never: speaks TLS, or to anybody but the bot.

mod delivery;
mod methods;
mod misbehaviour;
mod parameters;
mod phone;
#[cfg(test)]
mod tests;
mod wording;
mod world;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::error::Fault;
use crate::forwarded::Peer;
use crate::secret::{Secret, same};
use crate::serve::{Answer, Limits, Listener, run};
use crate::web::Response as Reply;

use parameters::Parameters;
use world::World;

pub use misbehaviour::Misbehaviour;
pub use phone::Phone;
pub use world::{Call, Key, Posted, Toast};

/// What a call came to: the result, or why not.
type Outcome = Result<Value, Refusal>;

/// The stand-in. Its clones are one and the same.
#[derive(Clone)]
pub struct BotApi(Arc<Inner>);

struct Inner {
    clock: Clock,
    /// For the delivery of updates.
    client: reqwest::Client,
    world: Mutex<World>,
    /// Sent after each change of the world.
    changed: watch::Sender<()>,
}

/// Why a call is refused, as the Bot API writes it.
struct Refusal {
    code: u16,
    text: String,
    /// Seconds.
    retry_after: Option<u64>,
}

impl Refusal {
    fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), retry_after: None }
    }
}

impl BotApi {
    /// With a bot of this token and name, and nobody else.
    pub fn new(token: &Secret, username: &str, clock: Clock) -> Result<Self, Fault> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_certs_only([])
            .build()
            .map_err(|error| Fault::new(format!("updates cannot be delivered: {}", error.without_url())))?;
        Ok(Self(Arc::new(Inner {
            clock,
            client,
            world: Mutex::new(World::new(token.clone(), username)),
            changed: watch::Sender::new(()),
        })))
    }

    /// Answers at `listeners` and delivers updates, until `until` comes to its end.
    pub async fn serve(&self, listeners: Vec<Listener>, until: impl Future<Output = ()>) {
        let limits = Limits { connections: 64, drain: Duration::from_secs(1), ..Limits::default() };
        tokio::select! {
            _drained = run(listeners, Arc::new(self.clone()), limits, until) => {}
            never = self.deliver() => match never {},
        }
    }

    /// Somebody who has started the bot.
    pub fn person(&self, id: i64, name: &str) -> Phone {
        self.change(|world| world.meet(id, name, true));
        Phone::new(self.clone(), id)
    }

    /// Somebody whom the bot has never heard of.
    pub fn stranger(&self, id: i64, name: &str) -> Phone {
        self.change(|world| world.meet(id, name, false));
        Phone::new(self.clone(), id)
    }

    /// A group that the bot is in. Ids of groups are below zero.
    pub fn group(&self, id: i64, title: &str) {
        self.change(|world| world.groups.insert(id, title.to_owned()));
    }

    /// From now on so many calls of `method` are answered like this. What was asked for first comes first.
    pub fn misbehave(&self, method: &str, times: usize, how: Misbehaviour) {
        self.change(|world| world.misbehaviours.extend((0..times).map(|_| (method.to_owned(), how))));
    }

    /// The token is no bot's any more.
    pub fn revoke(&self) {
        self.change(|world| world.token = Secret::random(48));
    }

    /// Updates are delivered to this address over plain HTTP, whatever the URL of the webhook names.
    pub fn deliver_to(&self, address: SocketAddr) {
        self.change(|world| world.delivered_to = Some(address));
    }

    /// The webhook's URL, if there is one.
    pub fn webhook(&self) -> Option<String> {
        self.0.world.lock().webhook.as_ref().map(|webhook| webhook.url.clone())
    }

    /// The bot's commands, each with what it does.
    pub fn commands(&self) -> Vec<(String, String)> {
        self.0.world.lock().commands.clone()
    }

    /// What the bot called, the oldest first (the last 1,024); what was misbehaved at too.
    pub fn calls(&self) -> Vec<Call> {
        self.0.world.lock().calls.iter().cloned().collect()
    }

    /// How the bot answered taps, the oldest first (the last 1,024).
    pub fn toasts(&self) -> Vec<Toast> {
        self.0.world.lock().toasts.iter().cloned().collect()
    }

    /// How many updates were not acknowledged yet.
    pub fn unacknowledged(&self) -> usize {
        self.0.world.lock().updates.len()
    }

    /// Waits for a call that `is_it`, past or to come.
    pub async fn wait_for_call(&self, is_it: impl Fn(&Call) -> bool) -> Call {
        self.wait_for(|world| world.calls.iter().find(|call| is_it(call)).cloned()).await
    }

    /// Waits until every update was acknowledged.
    pub async fn wait_until_acknowledged(&self) {
        self.wait_for(|world| world.updates.is_empty().then_some(())).await;
    }

    /// Waits until `look` finds something.
    async fn wait_for<T>(&self, mut look: impl FnMut(&World) -> Option<T>) -> T {
        let mut changed = self.0.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some(found) = look(&self.0.world.lock()) {
                return found;
            }
            // It cannot fail: its sender is `self`.
            let _changed = changed.changed().await;
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let done = change(&mut self.0.world.lock());
        self.0.changed.send_replace(());
        done
    }

    /// The method that a path names, if its token is the bot's.
    fn method(&self, path: &str) -> Result<String, Refusal> {
        let called = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/'));
        let Some((token, method)) = called.filter(|(token, _)| token.contains(':')) else {
            return Err(Refusal::new(404, "Not Found"));
        };
        if same(token.as_bytes(), self.0.world.lock().token.reveal().as_bytes()) {
            Ok(method.to_owned())
        } else {
            Err(Refusal::new(401, "Unauthorized"))
        }
    }

    async fn reply(&self, request: Request<Incoming>) -> Reply {
        let method = match self.method(request.uri().path()) {
            Ok(method) => method,
            Err(refusal) => return written(Err(refusal)),
        };
        let parameters = match Parameters::read(request).await {
            Ok(parameters) => parameters,
            Err(refusal) => return written(Err(refusal)),
        };
        let how = self.change(|world| {
            world.called(&method, parameters.to_value());
            world.misbehaviour(&method)
        });
        match how {
            None => written(self.call(&method, &parameters).await),
            Some(Misbehaviour::Refuse(code, text)) => written(Err(Refusal::new(code, text))),
            Some(Misbehaviour::TooMany(seconds)) => {
                let text = format!("Too Many Requests: retry after {seconds}");
                written(Err(Refusal { retry_after: Some(seconds), ..Refusal::new(429, text) }))
            }
            Some(Misbehaviour::Hang) => self.wait_for(|world| world.closing.then(Reply::default)).await,
            Some(Misbehaviour::Slow(span)) => {
                self.0.clock.wait(span).await;
                written(self.call(&method, &parameters).await)
            }
            Some(Misbehaviour::Break) => broken(),
            Some(Misbehaviour::Lose) => {
                let _lost = self.call(&method, &parameters).await;
                broken()
            }
            Some(Misbehaviour::Redirect) => {
                let mut reply = page(StatusCode::FOUND, "Found");
                let elsewhere = HeaderValue::from_static("http://127.0.0.1:1/");
                reply.headers_mut().insert(http::header::LOCATION, elsewhere);
                reply
            }
            Some(Misbehaviour::Garbage) => page(StatusCode::OK, "Sign in to this network"),
            Some(Misbehaviour::BadGateway) => page(StatusCode::BAD_GATEWAY, "Bad Gateway"),
            Some(Misbehaviour::Huge) => {
                written(Ok(json!({ "message_id": 1, "text": "m".repeat(misbehaviour::HUGE) })))
            }
        }
    }
}

impl Answer for BotApi {
    async fn answer(&self, _peer: Peer, request: Request<Incoming>) -> Reply {
        self.reply(request).await
    }

    fn panicked(&self, _path: &str) -> Reply {
        written(Err(Refusal::new(500, "Internal Server Error")))
    }

    fn draining(&self) {
        self.change(|world| world.closing = true);
    }
}

/// The answer with this outcome.
fn written(outcome: Outcome) -> Reply {
    let (status, body) = match outcome {
        Ok(result) => (200, json!({ "ok": true, "result": result })),
        Err(Refusal { code, text, retry_after: None }) => {
            (code, json!({ "ok": false, "error_code": code, "description": text }))
        }
        Err(Refusal { code, text, retry_after }) => {
            let parameters = json!({ "retry_after": retry_after });
            (code, json!({ "ok": false, "error_code": code, "description": text, "parameters": parameters }))
        }
    };
    let mut reply = Reply::new(body.to_string().into());
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// Something that stands before the Bot API answers.
fn page(status: StatusCode, text: &str) -> Reply {
    let mut reply = Reply::new(format!("<!doctype html><title>{text}</title>").into());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    reply
}

/// An answer whose head is no HTTP: whoever reads it gives the connection up. (A handler of ours cannot
/// close one.)
fn broken() -> Reply {
    let mut reply = Reply::default();
    reply.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("none"));
    *reply.body_mut() = "-".into();
    reply
}
