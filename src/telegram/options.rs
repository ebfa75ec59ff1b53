//! Which bot asks where, and how it hears. Owns [`Options`]: what `[telegram]` says of that.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::config::{Placed, TelegramSettings};
use crate::error::{Fault, Faults};
use crate::place::{Host, Origin, Scheme};
use crate::secret::{Secret, fingerprint};

/// How long one call may take, the connection and a second attempt included.
const LIMIT: Duration = Duration::from_secs(8);
/// The least characters of a token behind its colon; @BotFather's have 35.
const SHORTEST_TOKEN: usize = 30;
/// The most characters of the secret of a webhook.
const LONGEST_WEBHOOK_SECRET: usize = 256;

/// The bot, where it asks, and how it hears. Equal if every part is.
#[derive(Clone)]
pub struct Options {
    /// How updates come.
    pub receive: Receive,
    pub(super) token: Secret,
    pub(super) api: Origin,
    pub(super) limit: Duration,
}

/// `receive`: how updates come.
#[derive(Clone)]
pub enum Receive {
    /// They are asked for.
    Polling,
    /// They are delivered, with this secret in `X-Telegram-Bot-Api-Secret-Token`.
    Webhook(Secret),
}

impl Options {
    /// Checks `[telegram]`, but for `mode`. (That a webhook needs a `public_url` with https is not known here.)
    pub fn compile(settings: &Placed<TelegramSettings>) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let written = &settings.value;
        let token = token(settings).map_err(|fault| faults.add(fault));
        let api = api(&written.api_url).map_err(|fault| faults.add(fault));
        let receive = receive(written).map_err(|fault| faults.add(fault));
        match (token, api, receive) {
            (Ok(token), Ok(api), Ok(receive)) => Ok(Self { receive, token, api, limit: LIMIT }),
            _ => Err(faults),
        }
    }

    /// The same, with another limit for one call: for tests, which may not depend on how fast the
    /// machine is.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

impl PartialEq for Options {
    fn eq(&self, other: &Self) -> bool {
        let Self { receive, token, api, limit } = self;
        fingerprint(token.reveal()) == fingerprint(other.token.reveal())
            && (receive, api, limit) == (&other.receive, &other.api, &other.limit)
    }
}

impl Eq for Options {}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("receive", &self.receive)
            .field("api", &self.api)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Receive {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Polling, Self::Polling) => true,
            (Self::Webhook(secret), Self::Webhook(others)) => {
                fingerprint(secret.reveal()) == fingerprint(others.reveal())
            }
            (Self::Polling, Self::Webhook(_)) | (Self::Webhook(_), Self::Polling) => false,
        }
    }
}

impl Eq for Receive {}

impl fmt::Debug for Receive {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Polling => "Polling",
            Self::Webhook(_) => "Webhook(…)",
        })
    }
}

fn token(settings: &Placed<TelegramSettings>) -> Result<Secret, Fault> {
    let Some(token) = &settings.value.token else {
        let fault = Fault::new("[telegram] has no token, so that there is no bot to ask with").hint(
            "@BotFather makes a bot and gives its token: put it into a file, and name that in \
             `telegram.token_file`",
        );
        return Err(settings.fault(fault));
    };
    let is_one = token.value.reveal().split_once(':').is_some_and(|(bot, rest)| {
        !bot.is_empty()
            && bot.bytes().all(|byte| byte.is_ascii_digit())
            && rest.len() >= SHORTEST_TOKEN
            && rest.bytes().all(is_base64url)
    });
    if is_one {
        return Ok(token.value.clone());
    }
    // What stands there is not quoted: it may be nearly one.
    let fault = Fault::new("`telegram.token` is not the token of a bot").hint(
        "@BotFather gives it: digits, a colon, and 35 letters, digits, `-` and `_`, with nothing around them",
    );
    Err(token.fault(fault))
}

fn api(written: &Placed<String>) -> Result<Origin, Fault> {
    let wrong = |why: &str, hint: &str| {
        written
            .fault(Fault::new(format!("`telegram.api_url` cannot be `{}`: {why}", written.value)).hint(hint))
    };
    let api: Origin = written.value.parse().map_err(|_| {
        wrong("it is not of the form https://host or https://host:port", "such as `https://api.telegram.org`")
    })?;
    match api.scheme() {
        Scheme::Http if !is_this_machine(api.host()) => Err(wrong(
            "without TLS, whoever is on the way could read the bot's token",
            "`https://…`; `http://` only for a Bot API server on this machine",
        )),
        Scheme::Http | Scheme::Https => Ok(api),
    }
}

fn is_this_machine(host: &Host) -> bool {
    let address = host.as_str().trim_start_matches('[').trim_end_matches(']');
    host.is_localhost() || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn receive(written: &TelegramSettings) -> Result<Receive, Fault> {
    match (written.receive.value.as_str(), &written.webhook_secret) {
        ("polling", _) => Ok(Receive::Polling),
        ("webhook", None) => {
            let fault = Fault::new("`telegram.receive` is `webhook`, and there is no `telegram.webhook_secret`: anybody could pretend to be Telegram")
                .hint("`openssl rand -hex 32` makes one: put it into a file, and name that in `telegram.webhook_secret_file`");
            Err(written.receive.fault(fault))
        }
        ("webhook", Some(secret)) => {
            let text = secret.value.reveal();
            if (1..=LONGEST_WEBHOOK_SECRET).contains(&text.len()) && text.bytes().all(is_base64url) {
                return Ok(Receive::Webhook(secret.value.clone()));
            }
            let fault = Fault::new("`telegram.webhook_secret` is not one that Telegram takes")
                .hint("1 to 256 letters, digits, `-` and `_`; `openssl rand -hex 32` makes one");
            Err(secret.fault(fault))
        }
        (other, _) => {
            let fault = Fault::new(format!("`telegram.receive` cannot be `{other}`"))
                .hint("`polling`, which needs no way in from outside, or `webhook`");
            Err(written.receive.fault(fault))
        }
    }
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
