//! From the tree to the settings: every key with its type and its default, once.
//! Never checks a meaning, but for secrets that must not be used at all.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::section::{Reading, Section};
use super::tree::Table;
use super::{
    AppSettings, BootstrapAdmin, CookieSettings, HeaderNames, LimitSettings, LogSettings, Placed,
    RuleSettings, SecondFactorSettings, SessionSettings, Settings, TagSettings, TailscaleSettings,
    TelegramSettings, TokenSettings,
};
use crate::error::Fault;
use crate::secret::{Secret, same};

/// What older deployments published as defaults: everybody knows them.
const PUBLISHED_SECRET: &str = "aegis-local-dev-secret-change-in-production";
const PUBLISHED_PASSWORD: &str = "aegis-dev-admin";

/// The least length of a key for HS256 (RFC 7518, section 3.2).
const SHORTEST_KEY: usize = 32;

impl Default for Settings {
    /// What holds where nothing is written.
    fn default() -> Self {
        settings(Table::new(), &mut Reading::default())
    }
}

/// The settings that `tree` says; what is wrong with it is left in `reading`.
pub(super) fn settings(tree: Table, reading: &mut Reading) -> Settings {
    let mut settings = Section::read(String::new(), tree, reading, whole);
    settings.warnings = std::mem::take(&mut reading.warnings);
    settings
}

fn whole(root: &mut Section<'_>) -> Settings {
    for section in ["mail", "metrics"] {
        root.later(section);
    }
    // Who puts the files together has taken it out.
    root.knows("include");
    let database_url = database_url(root);
    Settings {
        public_url: root.text("public_url"),
        listen: root.texts_or("listen", &["127.0.0.1:8009"]),
        trusted_proxies: root.texts_or("trusted_proxies", &["127.0.0.1/32", "::1/128"]),
        trusted_hops: root.texts_or("trusted_hops", &[]),
        proxy_secret: root.secret("proxy_secret", "proxy_secret_file", "proxy_secret"),
        data_dir: data_dir(root, database_url.as_ref()),
        database_url,
        headers: headers(root),
        cookie: root.section("cookie", |cookie| CookieSettings { domain: cookie.text("domain") }),
        tailscale: root.optional_section("tailscale", tailscale),
        telegram: root.optional_section("telegram", telegram),
        second_factor: root.section("second_factor", |section| SecondFactorSettings {
            roles: section.texts_or("roles", &[]),
            fresh: section.text_or("fresh", "10m"),
        }),
        session: root.section("session", |session| SessionSettings {
            idle: session.text_or("idle", "7d"),
            longest: session.text_or("longest", "30d"),
            token: session.text_or("token", "24h"),
        }),
        token: root.section("token", token),
        log: root.section("log", |log| LogSettings {
            level: log.text_or("level", "info"),
            format: log.text("format"),
        }),
        limits: root.section("limits", |limits| LimitSettings {
            connections: limits.number_or("connections", 1024),
            hash_threads: limits.number_or("hash_threads", 1),
            remembered: limits.number_or("remembered", 32),
        }),
        bootstrap_admin: root.section("bootstrap_admin", bootstrap_admin),
        new_user_password: root.section("new_user", |new_user| {
            new_user.secret("password", "password_file", "new_user_password")
        }),
        apps: root.sections("app", app),
        warnings: Vec::new(),
    }
}

/// `data_dir`, else `$STATE_DIRECTORY`, else the folder of the database that `database_url` names, else
/// `aegis-data`.
fn data_dir(root: &mut Section<'_>, database_url: Option<&Placed<Secret>>) -> Placed<PathBuf> {
    if let Some(written) = root.path("data_dir") {
        return written;
    }
    let reading = root.reading();
    if let Some(state) = &reading.state {
        return Placed { value: state.clone(), source: Some("STATE_DIRECTORY".into()), line: None };
    }
    let named = database_url.and_then(|url| {
        let file = sqlite_file(url).ok()?;
        // Another name is a fault of its own; see who knows what the database is called.
        Some(url.with(reading.directory.join(file.parent()?).components().collect()))
    });
    named.unwrap_or_else(|| Placed::of(reading.directory.join("aegis-data")))
}

fn database_url(root: &mut Section<'_>) -> Option<Placed<Secret>> {
    let url = root.secret("database_url", "database_url_file", "database_url")?;
    match sqlite_file(&url) {
        Ok(_) => Some(url),
        Err(fault) => {
            root.reading().faults.add(fault);
            None
        }
    }
}

/// The file that a `database_url` of the form `sqlite:PATH` names.
pub fn sqlite_file(url: &Placed<Secret>) -> Result<PathBuf, Fault> {
    const FORM: &str =
        "write `sqlite:/path/to/aegis.db`, or leave it out: the database is then in the data directory";
    let text = url.value.reveal();
    if text.starts_with("postgresql:") || text.starts_with("postgres:") {
        return Err(url.fault(Fault::new("PostgreSQL comes in a later release").hint(FORM)));
    }
    let path = text.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
    match path {
        Some(path) if !path.is_empty() && !path.contains(['?', '#', '\0']) && path != ":memory:" => {
            Ok(PathBuf::from(path))
        }
        // What stands there is not quoted: it may hold a password.
        _ => Err(url.fault(Fault::new("`database_url` does not name a SQLite file").hint(FORM))),
    }
}

fn headers(root: &mut Section<'_>) -> Placed<HeaderNames> {
    if !root.is_section("headers") {
        let set = root.text_or("headers", "remote");
        return set.with(HeaderNames::Set(set.value.clone()));
    }
    root.section("headers", |section| {
        let mut place = Placed::of(());
        let mut names = BTreeMap::new();
        for ours in ["user", "email", "name", "groups", "method"] {
            if let Some(theirs) = section.text(ours) {
                place = theirs.with(());
                names.insert(ours.to_owned(), theirs.value);
            }
        }
        place.with(HeaderNames::Map(names))
    })
}

fn tailscale(section: &mut Section<'_>) -> TailscaleSettings {
    TailscaleSettings {
        socket: section.text_or("socket", "auto"),
        networks: section.texts_or("networks", &["100.64.0.0/10", "fd7a:115c:a1e0::/48"]),
        accept: section.text_or("accept", "own-tailnet"),
        auto_create: section.flag_or("auto_create", false),
        roles: section.texts_or("roles", &[]),
        counts_as: section.text_or("counts_as", "two_factor"),
        trust_loopback: section.flag_or("trust_loopback", false),
        capability: section.text("capability"),
        client_port_header: section.text("client_port_header"),
        users: section.map("users"),
        shared: section.map("shared"),
        tags: section.sections("tags", |tag| TagSettings {
            user: tag.text("user"),
            roles: tag.texts_or("roles", &[]),
        }),
    }
}

fn telegram(section: &mut Section<'_>) -> TelegramSettings {
    TelegramSettings {
        token: section.secret("token", "token_file", "telegram"),
        mode: section.text_or("mode", "pick"),
        api_url: section.text_or("api_url", "https://api.telegram.org"),
        receive: section.text_or("receive", "polling"),
        webhook_secret: section.secret("webhook_secret", "webhook_secret_file", "telegram_webhook"),
    }
}

fn token(section: &mut Section<'_>) -> TokenSettings {
    let jwt_secret = section.secret("jwt_secret", "jwt_secret_file", "jwt_secret");
    if let Some(secret) = &jwt_secret {
        let hint = "make one with `openssl rand -base64 48`; or leave it out, and keys are generated";
        let fault = if is_published(&secret.value, PUBLISHED_SECRET) {
            Some(
                "JWT_SECRET is the published default of older deployments: anybody could sign tokens with it",
            )
        } else if secret.value.reveal().len() < SHORTEST_KEY {
            Some("JWT_SECRET is shorter than 32 bytes: it could be guessed")
        } else {
            None
        };
        if let Some(message) = fault {
            section.reading().faults.add(secret.fault(Fault::new(message).hint(hint)));
        }
    }
    TokenSettings {
        issuer: section.text_or("issuer", "aegis-auth"),
        algorithm: section.text("algorithm"),
        jwt_secret,
    }
}

fn is_published(secret: &Secret, published: &str) -> bool {
    same(secret.reveal().trim().as_bytes(), published.as_bytes())
}

fn bootstrap_admin(section: &mut Section<'_>) -> Option<BootstrapAdmin> {
    let email = section.text("email");
    let password = section.secret("password", "password_file", "bootstrap_admin_password");
    if let Some(password) = &password
        && is_published(&password.value, PUBLISHED_PASSWORD)
    {
        let fault = Fault::new("BOOTSTRAP_ADMIN_PASSWORD is the published default of older deployments")
            .hint("choose another: everybody knows this one");
        section.reading().faults.add(password.fault(fault));
    }
    let fault = match (email, password) {
        (Some(email), Some(password)) => return Some(BootstrapAdmin { email, password }),
        (None, None) => return None,
        (Some(email), None) => email.fault(
            Fault::new("BOOTSTRAP_ADMIN_EMAIL is set without BOOTSTRAP_ADMIN_PASSWORD")
                .hint("set both; or none, and a set-up link for the first administrator is printed"),
        ),
        (None, Some(password)) => password.fault(
            Fault::new("BOOTSTRAP_ADMIN_PASSWORD is set without BOOTSTRAP_ADMIN_EMAIL")
                .hint("set both, or none"),
        ),
    };
    section.reading().faults.add(fault);
    None
}

fn app(section: &mut Section<'_>) -> AppSettings {
    AppSettings {
        title: section.text("title"),
        hosts: section.texts_or("hosts", &[]),
        require: section.text("require"),
        users: section.texts_or("users", &[]),
        roles: section.texts_or("roles", &[]),
        max_age: section.text("max_age"),
        public: section.texts_or("public", &[]),
        preflight: section.text("preflight"),
        cross_site: section.text("cross_site"),
        challenge: section.text("challenge"),
        assets: section.text("assets"),
        remote_user: section.text("remote_user"),
        cookie: section.text("cookie"),
        rules: section.list("rule", |rule| RuleSettings {
            path: rule.text("path"),
            path_regex: rule.text("path_regex"),
            methods: rule.texts_or("methods", &[]),
            networks: rule.texts("networks"),
            require: rule.text("require"),
            users: rule.texts("users"),
            roles: rule.texts("roles"),
            max_age: rule.text("max_age"),
            challenge: rule.text("challenge"),
        }),
    }
}
