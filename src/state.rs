//! The house as it stands: its fixed parts, and what a reload may replace.
//!
//! Promises: [`App::prepare`] checks everything and opens nothing; a reload replaces all of
//! [`Current`] at once or changes nothing. Never: names a type of a door.

pub mod header_names;
mod line;
mod open;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderMap;

use crate::api_tokens::ApiTokens;
use crate::attempts::Attempts;
use crate::authenticate::Authenticate;
use crate::authenticate::tailnet::{self, Ambient, Elsewhere, Sighted, Tailnet};
use crate::changes::Changes;
use crate::clock::{Clock, Now};
use crate::config::{self, Settings};
use crate::error::{Fault, Faults};
use crate::forwarded::{Came, Proxies};
use crate::keys::Keys;
use crate::links::Links;
use crate::password::Passwords;
use crate::place::{Host, Origin, Scheme};
use crate::policy::{self, Policy};
use crate::second_factor::SecondFactor;
use crate::second_factor::prompting::Mode;
use crate::secret::fingerprint;
use crate::sessions::{Lifetimes, Sessions};
use crate::sign_in::SignIn;
use crate::store::{self, Store};
use crate::tailscale::{self, Tailscale};
use crate::telegram::{self, Receive};
use crate::users::Users;
use crate::web::Site;

pub use header_names::HeaderNames;
pub use line::{Line, Way};
pub use open::NotSeeded;

/// What a reload may replace, always all of it.
pub struct Current {
    /// Which one it is: 1 at start, one more with each reload.
    pub version: u64,
    /// Apps and rules.
    pub policy: Policy,
    /// Who is believed about visitors.
    pub proxies: Proxies,
    /// People and machines of the tailnet, where there is one.
    pub tailnet: Option<tailnet::Rules>,
    /// What identity headers are called.
    pub header_names: HeaderNames,
    /// What our pages need to know of the site.
    pub site: Site,
    /// The domain whose hosts share the token cookie.
    pub cookie_domain: Option<Host>,
    /// How long after a factor was shown the account may be changed.
    pub fresh: Duration,
    /// The headers of an answer for nobody, made ready at the first one.
    pub for_nobody: OnceLock<HeaderMap>,
    /// Fixed parts as the settings now have them, to notice what needs a restart.
    fixed: Fixed,
}

/// What is set once, at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Where the data is.
    pub data_dir: PathBuf,
    /// Where to listen, as written.
    pub listen: Vec<String>,
    /// The claim `iss`.
    pub issuer: String,
    /// What signs tokens: the algorithm as written, and the SHA-256 of the shared secret.
    pub signing: (Option<String>, Option<[u8; 32]>),
    /// What is logged, and in which form, as written.
    pub log: (String, Option<String>),
    /// How long sessions live: idle, longest, token.
    pub lifetimes: [Duration; 3],
    /// Connections open at once.
    pub connections: usize,
    /// Passwords hashed at once.
    pub hash_threads: usize,
    /// Bytes for remembered checks; 0 turns remembering off.
    pub remembered: u64,
    /// The local tailscaled, where it is asked.
    pub tailscale: Option<tailscale::Options>,
    /// The bot on Telegram and how people are asked there, where they are.
    pub telegram: Option<(telegram::Options, Mode)>,
}

/// Settings that were found right, and nothing opened yet.
pub struct Prepared {
    /// What can be replaced.
    pub current: Current,
    /// What cannot.
    pub fixed: Fixed,
}

/// The parts of the house. Doors take from it what they name.
pub struct App {
    /// Time.
    pub clock: Clock,
    /// What a reload replaces.
    pub current: ArcSwap<Current>,
    /// What it does not.
    pub fixed: Fixed,
    /// The store.
    pub store: Store,
    /// The change feed in memory.
    pub changes: Arc<Changes>,
    /// Keys.
    pub keys: Arc<Keys>,
    /// The hash pool.
    pub passwords: Passwords,
    /// People.
    pub users: Users,
    /// Sessions.
    pub sessions: Sessions,
    /// Tokens of scripts and native apps.
    pub api_tokens: ApiTokens,
    /// Counters of guesses.
    pub attempts: Attempts,
    /// What more than a password there is.
    pub second_factor: SecondFactor,
    /// Single-use links.
    pub links: Links,
    /// From a password to a session.
    pub sign_in: SignIn,
    /// From a request's credentials to who it is.
    pub authenticate: Authenticate,
    /// The line to Telegram, where there is one.
    pub telegram: Option<Arc<Line>>,
    reload_failed: AtomicBool,
}

impl App {
    /// Checks all of `settings` and opens nothing: what `aegis check`, the start and a reload do.
    pub fn prepare(settings: &Settings) -> Result<Prepared, Faults> {
        let mut faults = Faults::default();
        let mut keep = |result: Result<(), Fault>| {
            if let Err(fault) = result {
                faults.add(fault);
            }
        };
        let public_url = policy::public_url(settings);
        let cookie_domain = policy::cookie_domain(settings);
        let header_names = HeaderNames::compile(&settings.headers);
        keep(public_url.as_ref().map(|_| ()).map_err(Clone::clone));
        keep(cookie_domain.as_ref().map(|_| ()).map_err(Clone::clone));
        keep(header_names.as_ref().map(|_| ()).map_err(Clone::clone));
        keep(database(settings));
        faults.extend(Keys::check(&settings.token).err().unwrap_or_default());
        faults.extend(open::bootstrap_admin(settings).err().unwrap_or_default());
        let lifetimes = lifetimes(settings).map_err(|found| faults.extend(found)).unwrap_or_default();
        let fixed = fixed(settings, lifetimes).map_err(|found| faults.extend(found)).ok();
        let proxies = Proxies::compile(settings).map_err(|found| faults.extend(found)).ok();
        let tailnet = tailnet(settings).map_err(|found| faults.extend(found)).ok();
        let fresh = fresh(settings).map_err(|fault| faults.add(fault)).unwrap_or_default();
        let telegram =
            telegram(settings, public_url.as_ref().ok()).map_err(|found| faults.extend(found)).ok();
        let policy = match (&public_url, &cookie_domain) {
            (Ok(public_url), Ok(domain)) => Policy::compile(settings, public_url, domain.as_ref())
                .map_err(|found| faults.extend(found))
                .ok(),
            _ => None,
        };
        match (public_url, cookie_domain, fixed, header_names, proxies, policy, tailnet, telegram) {
            (
                Ok(public_url),
                Ok(domain),
                Some(mut fixed),
                Ok(header_names),
                Some(proxies),
                Some(policy),
                Some((tailscale, tailnet)),
                Some(telegram),
            ) if faults.0.is_empty() => {
                fixed.tailscale = tailscale;
                fixed.telegram = telegram;
                let [_, longest, _] = fixed.lifetimes;
                let site = Site::new(public_url, domain.as_ref(), longest);
                let current = Current {
                    version: 1,
                    policy,
                    proxies,
                    tailnet,
                    header_names,
                    site,
                    cookie_domain: domain,
                    fresh,
                    for_nobody: OnceLock::new(),
                    fixed: fixed.clone(),
                };
                Ok(Prepared { current, fixed })
            }
            _ => Err(faults),
        }
    }

    /// Puts the house together around a store and keys that are open.
    pub fn build(
        prepared: Prepared,
        clock: Clock,
        store: Store,
        changes: Arc<Changes>,
        keys: Keys,
    ) -> Result<Arc<Self>, Fault> {
        let Prepared { current, fixed } = prepared;
        let keys = Arc::new(keys);
        let passwords = Passwords::start(fixed.hash_threads, clock.clone())?;
        let users = Users::new(store.clone());
        let sessions = Sessions::new(store.clone(), fixed.session_lifetimes());
        let api_tokens = ApiTokens::new(store.clone());
        let attempts = Attempts::new(store.clone());
        let second_factor = SecondFactor::new(store.clone(), keys.clone());
        second_factor.passkeys.stand_at(current.site.public_url());
        let tailnet = fixed.tailscale.clone().map(|options| {
            let tailscale = Arc::new(Tailscale::new(options, clock.clone()));
            Arc::new(Tailnet::new(tailscale, users.clone()))
        });
        let (telegram, asks) = match fixed.telegram.clone() {
            Some((options, mode)) => (Some(Arc::new(Line::new(options, clock.clone())?)), Some(mode)),
            None => (None, None),
        };
        let sign_in = SignIn {
            clock: clock.clone(),
            store: store.clone(),
            users: users.clone(),
            sessions: sessions.clone(),
            attempts: attempts.clone(),
            passwords: passwords.clone(),
            second_factor: second_factor.clone(),
            asks,
        };
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(current),
            links: Links::new(store.clone()),
            authenticate: Authenticate {
                keys: keys.clone(),
                sessions: sessions.clone(),
                api_tokens: api_tokens.clone(),
                users: users.clone(),
                changes: changes.clone(),
                tailnet,
                unanswered_told: Arc::default(),
            },
            clock,
            fixed,
            store,
            changes,
            keys,
            passwords,
            users,
            sessions,
            api_tokens,
            attempts,
            second_factor,
            sign_in,
            telegram,
            reload_failed: AtomicBool::new(false),
        }))
    }

    /// Who is on the device that a request to a page of our own comes from, or why nobody is asked.
    pub async fn sighted(
        &self,
        current: &Current,
        came: &Came<'_>,
        headers: &HeaderMap,
        now: Now,
    ) -> Result<Sighted, Elsewhere> {
        let home = current.site.public_url();
        let domain = current.cookie_domain.as_ref();
        let lax = came.reach.is_lax(home.scheme(), home.host().as_str(), domain);
        let ambient =
            Ambient { address: came.address, vouched: came.vouched, funnel: came.funnel, lax, headers };
        self.authenticate.sighted(current.tailnet.as_ref(), &ambient, now).await
    }

    /// Replaces what can be replaced. Says what else differs and needs a restart.
    pub fn reload(&self, prepared: Prepared) -> Vec<&'static str> {
        let was = self.current.load();
        let mut current = prepared.current;
        current.version = was.version + 1;
        let differs = self.fixed.differences(&current.fixed);
        self.second_factor.passkeys.stand_at(current.site.public_url());
        self.current.store(Arc::new(current));
        self.reload_failed.store(false, Ordering::Release);
        differs
    }

    /// Notes that a reload was refused: what was before holds.
    pub fn refuse_reload(&self) {
        self.reload_failed.store(true, Ordering::Release);
    }

    /// The name of the bot on Telegram after its `@`, once Telegram has said it.
    pub fn bot_name(&self) -> Option<String> {
        self.telegram.as_ref()?.bot().map(|bot| bot.username.clone())
    }

    /// Whether the last reload was refused.
    pub fn reload_failed(&self) -> bool {
        self.reload_failed.load(Ordering::Acquire)
    }
}

impl Current {
    /// Whether a visitor may be sent back to that host: it is one of an app, as rules would find it.
    pub fn is_app(&self, host: &Host, port: Option<u16>, scheme: Scheme) -> bool {
        self.policy.app_for(host.as_str(), port, scheme).is_ok()
    }
}

impl Fixed {
    /// How long sessions live.
    pub fn session_lifetimes(&self) -> Lifetimes {
        let [idle, longest, token] = self.lifetimes;
        let browser = longest.min(Duration::from_hours(24));
        Lifetimes { idle, longest, browser, token }
    }

    /// The settings in which `other` differs.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let mut differs = Vec::new();
        let mut compare = |name, same: bool| {
            if !same {
                differs.push(name);
            }
        };
        compare("data_dir", self.data_dir == other.data_dir);
        compare("listen", self.listen == other.listen);
        compare("token.issuer", self.issuer == other.issuer);
        compare("token.algorithm", self.signing.0 == other.signing.0);
        compare("token.jwt_secret", self.signing.1 == other.signing.1);
        compare("log", self.log == other.log);
        compare("tailscale.socket", self.tailscale == other.tailscale);
        compare("telegram", self.telegram == other.telegram);
        compare("session", self.lifetimes == other.lifetimes);
        compare(
            "limits",
            (self.connections, self.hash_threads, self.remembered)
                == (other.connections, other.hash_threads, other.remembered),
        );
        differs
    }
}

/// That `database_url` names the database of the data directory: elsewhere it would not be looked for.
fn database(settings: &Settings) -> Result<(), Fault> {
    let Some(url) = &settings.database_url else { return Ok(()) };
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let named = absolute(config::sqlite_file(url)?);
    let own = absolute(store::database_in(&settings.data_dir.value));
    if named == own {
        return Ok(());
    }
    let fault = if named.file_name() == own.file_name() {
        Fault::new("`database_url` and the data directory name different places")
    } else {
        Fault::new("`database_url` names a database of another name than Aegis gives its own")
    };
    Err(url
        .fault(fault.hint(format!("leave one of them out; by `data_dir` the database is {}", own.display()))))
}

/// What `[tailscale]` says: of the daemon, and of people.
fn tailnet(settings: &Settings) -> Result<(Option<tailscale::Options>, Option<tailnet::Rules>), Faults> {
    let Some(written) = &settings.tailscale else { return Ok((None, None)) };
    match (tailscale::Options::compile(written), tailnet::Rules::compile(&written.value)) {
        (Ok(options), Ok(rules)) => Ok((Some(options), Some(rules))),
        (Ok(_), Err(faults)) | (Err(faults), Ok(_)) => Err(faults),
        (Err(mut faults), Err(others)) => {
            faults.extend(others);
            Err(faults)
        }
    }
}

/// How long after a factor was shown the account may be changed.
fn fresh(settings: &Settings) -> Result<Duration, Fault> {
    let written = &settings.second_factor.fresh;
    let span = config::span(written)?;
    if span < Duration::from_mins(1) || span > Duration::from_hours(24) {
        let fault = Fault::new(format!("{:?} is not how long a factor is fresh", written.value));
        return Err(written.fault(fault.hint("between one minute (\"1m\") and a day (\"24h\")")));
    }
    Ok(span)
}

/// What `[telegram]` says: of the bot, and how people are asked.
fn telegram(
    settings: &Settings,
    public_url: Option<&Origin>,
) -> Result<Option<(telegram::Options, Mode)>, Faults> {
    let Some(written) = &settings.telegram else { return Ok(None) };
    let mut faults = Faults::default();
    let mode = Mode::compile(&written.value.mode).map_err(|fault| faults.add(fault));
    let options = telegram::Options::compile(written).map_err(|found| faults.extend(found));
    let is_called = options.as_ref().is_ok_and(|options| matches!(options.receive, Receive::Webhook(_)));
    if is_called && public_url.is_some_and(|url| url.scheme() == Scheme::Http) {
        let fault = Fault::new("`telegram.receive` is `webhook`, and `public_url` is not https://")
            .hint("Telegram calls addresses with a certificate only; `polling` needs none");
        faults.add(written.value.receive.fault(fault));
    }
    match (options, mode) {
        (Ok(options), Ok(mode)) if faults.0.is_empty() => Ok(Some((options, mode))),
        _ => Err(faults),
    }
}

fn lifetimes(settings: &Settings) -> Result<[Duration; 3], Faults> {
    let session = &settings.session;
    let mut faults = Faults::default();
    let read = [&session.idle, &session.longest, &session.token]
        .map(|written| lifetime(written).map_err(|fault| faults.add(fault)).unwrap_or_default());
    faults.or(read)
}

fn lifetime(written: &config::Placed<String>) -> Result<Duration, Fault> {
    let span = config::span(written)?;
    if span < Duration::from_mins(1) || span > Duration::from_hours(9600) {
        let fault = Fault::new(format!("{:?} is not a lifetime of a session", written.value));
        return Err(written.fault(fault.hint("between one minute (\"1m\") and 400 days (\"400d\")")));
    }
    Ok(span)
}

fn fixed(settings: &Settings, lifetimes: [Duration; 3]) -> Result<Fixed, Faults> {
    let mut faults = Faults::default();
    let mut within = |name: &str, written: &config::Placed<i64>, least: i64, most: i64| {
        if !(least..=most).contains(&written.value) {
            let fault = Fault::new(format!("`limits.{name}` cannot be {}", written.value));
            faults.add(written.fault(fault.hint(format!("between {least} and {most}"))));
        }
        usize::try_from(written.value).unwrap_or_default()
    };
    let remembered = within("remembered", &settings.limits.remembered, 0, 4096);
    let hash_threads = within("hash_threads", &settings.limits.hash_threads, 1, 2);
    faults.or(Fixed {
        data_dir: settings.data_dir.value.clone(),
        listen: settings.listen.iter().map(|listen| listen.value.clone()).collect(),
        issuer: settings.token.issuer.value.clone(),
        signing: (
            settings.token.algorithm.as_ref().map(|algorithm| algorithm.value.clone()),
            settings.token.jwt_secret.as_ref().map(|secret| fingerprint(secret.value.reveal())),
        ),
        log: (
            settings.log.level.value.clone(),
            settings.log.format.as_ref().map(|format| format.value.clone()),
        ),
        lifetimes,
        connections: usize::try_from(settings.limits.connections.value).unwrap_or_default(),
        hash_threads,
        remembered: u64::try_from(remembered).unwrap_or_default().saturating_mul(1024 * 1024),
        tailscale: None,
        telegram: None,
    })
}
