//! The settings: their shape, and where each stands. Owns reading them from file, includes,
//! environment and flags.
//!
//! Promises: every value keeps its place in the file; unknown keys are faults with a suggestion;
//! reading opens nothing but the files it was given.
//! Never: knows what a setting means; the module that owns a meaning owns its check.

mod cases;
mod interpret;
mod section;
mod sources;
mod span;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::Fault;
use crate::secret::Secret;

pub use cases::{CaseSettings, Cases, PersonSettings, cases};
pub use interpret::sqlite_file;
pub(crate) use section::nearest;
pub use sources::{Sources, read, read_with};
pub use span::span;

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// The file, or the variable's or flag's name; nothing for a default.
    pub source: Option<PathBuf>,
    /// The line in that file, from 1.
    pub line: Option<usize>,
}

impl<T> Placed<T> {
    /// A value that was written nowhere: a default, or made in a test.
    pub fn of(value: T) -> Self {
        Self { value, source: None, line: None }
    }

    /// `fault`, at the place of this value.
    pub fn fault(&self, fault: Fault) -> Fault {
        match &self.source {
            Some(source) => fault.at(source, self.line),
            None => fault,
        }
    }

    /// Another value at the same place.
    fn with<U>(&self, value: U) -> Placed<U> {
        Placed { value, source: self.source.clone(), line: self.line }
    }
}

/// The settings as written, with defaults filled in; nothing is checked but their types.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `public_url`; without one `http://localhost:PORT` of the first TCP listener.
    pub public_url: Option<Placed<String>>,
    /// `listen`.
    pub listen: Vec<Placed<String>>,
    /// `trusted_proxies`.
    pub trusted_proxies: Vec<Placed<String>>,
    /// `trusted_hops`.
    pub trusted_hops: Vec<Placed<String>>,
    /// `proxy_secret`, `proxy_secret_file` or the credential `proxy_secret`.
    pub proxy_secret: Option<Placed<Secret>>,
    /// `data_dir`.
    pub data_dir: Placed<PathBuf>,
    /// `DATABASE_URL` or `database_url`.
    pub database_url: Option<Placed<Secret>>,
    /// `headers`: `remote`, `x-auth-request`, or a map from our names to others.
    pub headers: Placed<HeaderNames>,
    /// `[cookie]`.
    pub cookie: CookieSettings,
    /// `[tailscale]`, if it is there: without it nobody is known by the tailnet.
    pub tailscale: Option<Placed<TailscaleSettings>>,
    /// `[telegram]`, if it is there: without it nobody is asked there.
    pub telegram: Option<Placed<TelegramSettings>>,
    /// `[second_factor]`.
    pub second_factor: SecondFactorSettings,
    /// `[session]`.
    pub session: SessionSettings,
    /// `[token]` and `JWT_SECRET`.
    pub token: TokenSettings,
    /// `[log]`.
    pub log: LogSettings,
    /// `[limits]`.
    pub limits: LimitSettings,
    /// `BOOTSTRAP_ADMIN_EMAIL` with `BOOTSTRAP_ADMIN_PASSWORD`.
    pub bootstrap_admin: Option<BootstrapAdmin>,
    /// `AEGIS_NEW_USER_PASSWORD`: of the account that `aegis user add` makes.
    pub new_user_password: Option<Placed<Secret>>,
    /// `[app.NAME]`, in the order of their names.
    pub apps: BTreeMap<String, Placed<AppSettings>>,
    /// What is not wrong, but should be said: secrets that others on this machine can read.
    pub warnings: Vec<Fault>,
}

/// `headers = "remote"` or a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderNames {
    /// A set known by its name: `remote`, `x-auth-request`.
    Set(String),
    /// From `user`, `email`, `name`, `groups`, `method` to the header's name.
    Map(BTreeMap<String, String>),
}

/// `[cookie]`.
#[derive(Clone, Debug, Default)]
pub struct CookieSettings {
    /// `domain`: hosts under it share one cookie.
    pub domain: Option<Placed<String>>,
}

/// `[tailscale]`.
#[derive(Clone, Debug)]
pub struct TailscaleSettings {
    /// `socket`: of the local tailscaled. `auto`, or a path.
    pub socket: Placed<String>,
    /// `networks`: the addresses of the tailnet. Tailscale's own.
    pub networks: Vec<Placed<String>>,
    /// `accept`: `own-tailnet`.
    pub accept: Placed<String>,
    /// `auto_create`: whether a person of the tailnet who is seen for the first time becomes a user. `false`.
    pub auto_create: Placed<bool>,
    /// `roles`: that such a user gets.
    pub roles: Vec<Placed<String>>,
    /// `counts_as`: `two_factor` or `signed_in`. `two_factor`.
    pub counts_as: Placed<String>,
    /// `trust_loopback`: whether a proxy that only asks from loopback is believed about the tailnet. `false`.
    pub trust_loopback: Placed<bool>,
    /// `capability`: of the grants that give roles.
    pub capability: Option<Placed<String>>,
    /// `client_port_header`: with userspace networking, the header in which the proxy tells the client's port.
    pub client_port_header: Option<Placed<String>>,
    /// `[tailscale.users]`: from a login of the tailnet to a username.
    pub users: BTreeMap<String, Placed<String>>,
    /// `[tailscale.shared]`: from a login of another tailnet, whose owner this node is shared with, to a username.
    pub shared: BTreeMap<String, Placed<String>>,
    /// `[tailscale.tags]`: from a tag to what its devices are.
    pub tags: BTreeMap<String, Placed<TagSettings>>,
}

/// `[tailscale.tags]`: `"tag:ci" = { user = "ci", roles = ["robot"] }`.
#[derive(Clone, Debug, Default)]
pub struct TagSettings {
    /// `user`: the name such a device has.
    pub user: Option<Placed<String>>,
    /// `roles`.
    pub roles: Vec<Placed<String>>,
}

/// `[telegram]`.
#[derive(Clone, Debug)]
pub struct TelegramSettings {
    /// `token`, `token_file` or the credential `telegram`: of the bot, as `@BotFather` gives it.
    pub token: Option<Placed<Secret>>,
    /// `mode`: `pick` one of four numbers, `type` the number, or `plain` for browsers that are remembered. `pick`.
    pub mode: Placed<String>,
    /// `api_url`: of the Bot API. `https://api.telegram.org`.
    pub api_url: Placed<String>,
    /// `receive`: `polling` or `webhook`. `polling`.
    pub receive: Placed<String>,
    /// `webhook_secret`, `webhook_secret_file` or the credential `telegram_webhook`.
    pub webhook_secret: Option<Placed<Secret>>,
}

/// `[second_factor]`.
#[derive(Clone, Debug)]
pub struct SecondFactorSettings {
    /// `roles`: who has one of these shows two factors wherever somebody must be signed in.
    pub roles: Vec<Placed<String>>,
    /// `fresh`: how long after showing a factor it may be used to change the account. `10m`.
    pub fresh: Placed<String>,
}

/// `[session]`: spans such as `7d`, `24h`, `30m`.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// `idle`: a session unused for so long is over. `7d`.
    pub idle: Placed<String>,
    /// `longest`: with "keep me signed in". `30d`.
    pub longest: Placed<String>,
    /// `token`: how long a token of `POST /auth/token` lives. `24h`.
    pub token: Placed<String>,
}

/// `[token]` and `JWT_SECRET`.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// `issuer`: the claim `iss`. `aegis-auth`.
    pub issuer: Placed<String>,
    /// `algorithm`: `ES256`, `EdDSA` or `RS256`; with `JWT_SECRET` it is HS256.
    pub algorithm: Option<Placed<String>>,
    /// `JWT_SECRET`.
    pub jwt_secret: Option<Placed<Secret>>,
}

/// `[log]`.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// `level`: `error`, `warn`, `info`, `debug` or `trace`. `info`.
    pub level: Placed<String>,
    /// `format`: `text` or `json`; without it text on a terminal, else JSON.
    pub format: Option<Placed<String>>,
}

/// `[limits]`.
#[derive(Clone, Debug)]
pub struct LimitSettings {
    /// `connections`: open at once. 1024.
    pub connections: Placed<i64>,
    /// `hash_threads`: passwords hashed at once, 1 or 2. 1.
    pub hash_threads: Placed<i64>,
    /// `remembered`: MiB for remembered checks; 0 turns remembering off. 32.
    pub remembered: Placed<i64>,
}

/// The administrator seeded if absent.
#[derive(Clone, Debug)]
pub struct BootstrapAdmin {
    /// `BOOTSTRAP_ADMIN_EMAIL`.
    pub email: Placed<String>,
    /// `BOOTSTRAP_ADMIN_PASSWORD`, or its `_FILE`.
    pub password: Placed<Secret>,
}

/// `[app.NAME]`.
#[derive(Clone, Debug, Default)]
pub struct AppSettings {
    /// `title`: what people read; the name where there is none.
    pub title: Option<Placed<String>>,
    /// `hosts`.
    pub hosts: Vec<Placed<String>>,
    /// `require`.
    pub require: Option<Placed<String>>,
    /// `users`.
    pub users: Vec<Placed<String>>,
    /// `roles`.
    pub roles: Vec<Placed<String>>,
    /// `max_age`: how old the last showing of a factor may be.
    pub max_age: Option<Placed<String>>,
    /// `public`: path prefixes, before all rules.
    pub public: Vec<Placed<String>>,
    /// `preflight`: `refuse` or `pass`.
    pub preflight: Option<Placed<String>>,
    /// `cross_site`: `refuse` or `allow`.
    pub cross_site: Option<Placed<String>>,
    /// `challenge`: `bearer` or `basic`.
    pub challenge: Option<Placed<String>>,
    /// `assets`: `public` or `protected`.
    pub assets: Option<Placed<String>>,
    /// `remote_user`: `username`, `email` or `id`.
    pub remote_user: Option<Placed<String>>,
    /// `cookie`: `shared` or `own`.
    pub cookie: Option<Placed<String>>,
    /// `[[app.NAME.rule]]`, in order: the first that matches counts.
    pub rules: Vec<Placed<RuleSettings>>,
}

/// `[[app.NAME.rule]]`. What it leaves out is the app's.
#[derive(Clone, Debug, Default)]
pub struct RuleSettings {
    /// `path`: `/x` exactly, `/x/*` with all below; without it every path.
    pub path: Option<Placed<String>>,
    /// `path_regex`, instead of `path`: a regular expression for the whole path.
    pub path_regex: Option<Placed<String>>,
    /// `methods`; without it every method.
    pub methods: Vec<Placed<String>>,
    /// `networks` that the visitor comes from; without it from anywhere.
    pub networks: Option<Vec<Placed<String>>>,
    /// `require`.
    pub require: Option<Placed<String>>,
    /// `users`.
    pub users: Option<Vec<Placed<String>>>,
    /// `roles`.
    pub roles: Option<Vec<Placed<String>>>,
    /// `max_age`.
    pub max_age: Option<Placed<String>>,
    /// `challenge`.
    pub challenge: Option<Placed<String>>,
}
