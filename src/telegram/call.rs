//! One call: its address, its limits, its second attempt, and what the answer means.
//!
//! Promises: whatever comes out of here as text was rid of the bot's token; only what surely was not done
//! is done again, or what may be done twice; of an answer no more than 1 MiB is read.

use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::message::shown;
use super::options::Options;
use crate::error::Fault;
use crate::place::Scheme;
use crate::secret::random_bytes;

/// The largest answer that is read.
pub(super) const LARGEST: usize = 1024 * 1024;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);
/// How many milliseconds to wait before the second attempt, and up to 255 more.
const PAUSE: u64 = 100;
/// How many connections are kept.
const KEPT: usize = 4;
/// How long to be silent where we are told to be, and not how long.
const SILENCE: Duration = Duration::from_secs(5);
/// The longest silence that is believed.
const LONGEST_SILENCE: Duration = Duration::from_hours(24);
/// The most characters of what an answer says that go into a failure.
const LONGEST_TEXT: usize = 300;

/// Whether a call that failed for a moment is made again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It can be done twice.
    Always,
    /// It would be seen if it was done twice.
    IfUndone,
    /// Its caller does.
    Never,
}

/// Where the bot asks.
pub(super) struct Calls {
    client: Client,
    options: Options,
}

/// Why an attempt came to nothing.
enum Missed {
    /// It would not be otherwise a second time.
    Lasting(Failure),
    /// For a moment, and nothing was done there.
    Undone(Failure),
    /// For a moment, and it may have been done.
    Unknown(Failure),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    ok: bool,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error_code: Option<u16>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
}

impl Calls {
    pub(super) fn new(options: Options) -> Result<Self, Fault> {
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(KEPT);
        if options.api.scheme() == Scheme::Http {
            // No certificate is looked at, so this works where there are none.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| {
            Fault::new(format!("Telegram cannot be asked: {}", chain(&error.without_url())))
                .hint("the certificates of the authorities come with the package `ca-certificates`")
        })?;
        Ok(Self { client, options })
    }

    /// Calls `method`, which can be done twice and answers nothing of interest.
    pub(super) async fn done(&self, method: &str, body: &Value) -> Result<(), Failure> {
        self.call::<serde::de::IgnoredAny>(method, body, Repeat::Always).await.map(|_| ())
    }

    /// Calls `method`.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        body: &Value,
        repeat: Repeat,
    ) -> Result<T, Failure> {
        self.within(Duration::ZERO, method, body, repeat).await
    }

    /// Calls `method`, whose answer may take `longer` than others.
    pub(super) async fn within<T: DeserializeOwned>(
        &self,
        longer: Duration,
        method: &str,
        body: &Value,
        repeat: Repeat,
    ) -> Result<T, Failure> {
        let attempts = async {
            let first = self.attempt(method, body).await;
            let is_repeated = match &first {
                Err(Missed::Undone(_)) => repeat != Repeat::Never,
                Err(Missed::Unknown(_)) => repeat == Repeat::Always,
                Ok(_) | Err(Missed::Lasting(_)) => false,
            };
            if is_repeated {
                pause().await;
                return self.attempt(method, body).await;
            }
            first
        };
        let limit = self.options.limit.saturating_add(longer);
        let Ok(answered) = timeout(limit, attempts).await else {
            return Err(Failure::Unreachable("it did not answer in time".to_owned()));
        };
        answered.map_err(|(Missed::Lasting(failure) | Missed::Undone(failure) | Missed::Unknown(failure))| {
            failure
        })
    }

    async fn attempt<T: DeserializeOwned>(&self, method: &str, body: &Value) -> Result<T, Missed> {
        let Options { api, token, .. } = &self.options;
        let address = Zeroizing::new(format!("{api}/bot{}/{method}", token.reveal()));
        let asked = self.client.post(address.as_str()).header(CONTENT_TYPE, "application/json");
        let response = asked.body(body.to_string()).send().await.map_err(|error| self.missed(error))?;
        let status = response.status();
        let body = self.body(response).await?;
        let Ok(envelope) = serde_json::from_slice(&body) else { return Err(no_answer(status)) };
        self.judge(status, &envelope)
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Missed> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.missed(error))? {
            if body.len() + chunk.len() > LARGEST {
                return Err(Missed::Lasting(Failure::Garbage("an answer of more than 1 MiB".to_owned())));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// What it means that the network failed.
    fn missed(&self, error: reqwest::Error) -> Missed {
        let is_undone = error.is_connect();
        // An error names the address, and the token is in it.
        let failure = Failure::Unreachable(self.harmless(&chain(&error.without_url())));
        if is_undone { Missed::Undone(failure) } else { Missed::Unknown(failure) }
    }

    /// What an answer of the Bot API means: by its code first, and by what it says only where that is not
    /// enough.
    fn judge<T: DeserializeOwned>(&self, status: StatusCode, envelope: &Envelope<'_>) -> Result<T, Missed> {
        if envelope.ok {
            let result = envelope.result.map_or("null", RawValue::get);
            return serde_json::from_str(result)
                .map_err(|_| Missed::Lasting(Failure::Garbage("an answer of another shape".to_owned())));
        }
        let text = self.harmless(envelope.description.as_deref().unwrap_or_default());
        let retry_after = envelope.parameters.as_ref().and_then(|parameters| parameters.retry_after);
        Err(Missed::Lasting(match envelope.error_code.unwrap_or(status.as_u16()) {
            400 if text.starts_with("Bad Request: chat not found") => Failure::NoChat,
            // The methods are right: it is the token in the path that is not found.
            401 | 404 => Failure::Unauthorized,
            403 => Failure::Blocked,
            409 => Failure::Conflict(text),
            429 => Failure::TooMany(retry_after.map_or(SILENCE, Duration::from_secs).min(LONGEST_SILENCE)),
            500.. => return Err(Missed::Undone(Failure::Unreachable(text))),
            code => Failure::Refused { code, text },
        }))
    }

    /// `text` of others as it may stand in a log: what it may quote of the token is taken out.
    fn harmless(&self, text: &str) -> String {
        let token = self.options.token.reveal();
        let secret = token.split_once(':').map_or(token, |(_bot, secret)| secret);
        // Cut last: half a token at the end would not be found.
        shown(&shown(text, usize::MAX).replace(secret, "…"), LONGEST_TEXT)
    }
}

/// What it means that something else than the Bot API answered.
fn no_answer(status: StatusCode) -> Missed {
    match status.as_u16() {
        429 => Missed::Lasting(Failure::TooMany(SILENCE)),
        // A proxy before it, that knows no more than we do.
        code @ 500.. => Missed::Unknown(Failure::Unreachable(format!("status {code}"))),
        code => Missed::Lasting(Failure::Garbage(format!("status {code}, and no answer that it gives"))),
    }
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Many who failed together do not come again together.
#[expect(
    clippy::disallowed_methods,
    reason = "between two attempts at a network; nothing of ours is due then"
)]
async fn pause() {
    let [jitter] = random_bytes();
    tokio::time::sleep(Duration::from_millis(PAUSE + u64::from(jitter))).await;
}
