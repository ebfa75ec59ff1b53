//! The settings a command works with: file, includes, environment, then what stands on the line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Common, Failure};
use crate::config::{
    CookieSettings, HeaderNames, LimitSettings, LogSettings, Placed, SessionSettings, Settings, TokenSettings,
};

/// HOLE: becomes one call of `config`; until then these are its defaults and the line's `--data-dir`.
#[expect(clippy::unnecessary_wraps, reason = "HOLE: reading will have faults")]
pub(super) fn read(common: &Common) -> Result<Settings, Failure> {
    let text = |value: &str| Placed::of(value.to_owned());
    Ok(Settings {
        public_url: None,
        listen: vec![text("127.0.0.1:8009")],
        trusted_proxies: vec![text("127.0.0.1/32"), text("::1/128")],
        trusted_hops: Vec::new(),
        proxy_secret: None,
        data_dir: Placed::of(common.data_dir.clone().unwrap_or_else(|| PathBuf::from("./aegis-data"))),
        database_url: None,
        headers: Placed::of(HeaderNames::Set("remote".into())),
        cookie: CookieSettings::default(),
        session: SessionSettings { idle: text("7d"), longest: text("30d"), token: text("24h") },
        token: TokenSettings { issuer: text("aegis-auth"), algorithm: None, jwt_secret: None },
        log: LogSettings { level: text("info"), format: None },
        limits: LimitSettings {
            connections: Placed::of(1024),
            hash_threads: Placed::of(1),
            remembered: Placed::of(32),
        },
        bootstrap_admin: None,
        apps: BTreeMap::new(),
    })
}
