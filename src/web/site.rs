//! What pages need to know of the site they stand on. Owns [`Site`], made once at start and reload.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use super::assets::{self, Assets};
use super::urls;
use crate::place::{Host, Origin, Scheme};
use crate::secret::fingerprint;

/// Our own site: its address, its assets and the policies of its pages.
#[derive(Clone, Debug)]
pub struct Site {
    public_url: Origin,
    longest: Duration,
    pub(super) assets: Assets,
    pub(super) policy: HeaderValue,
    pub(super) travelling_policy: HeaderValue,
}

impl Site {
    /// The site at `public_url`, whose apps stand under `domain`, and on which one can stay signed in
    /// for `longest`.
    pub fn new(public_url: Origin, domain: Option<&Host>, longest: Duration) -> Self {
        let targets = domain.map(form_targets).unwrap_or_default();
        let policy = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
             form-action 'self'{targets}; base-uri 'none'; frame-ancestors 'none'"
        );
        let travelling = format!(
            "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
            STANDARD.encode(fingerprint(assets::SHEET))
        );
        let value = |policy: String| {
            HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
        };
        Self {
            public_url,
            longest,
            assets: Assets::new(),
            policy: value(policy),
            travelling_policy: value(travelling),
        }
    }

    /// Scheme, host and port under which people reach us.
    pub fn public_url(&self) -> &Origin {
        &self.public_url
    }

    /// How long one can stay signed in.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// Whether people reach us over TLS.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == Scheme::Https
    }

    /// Whether it can have passkeys: they belong to a name, and no address is one.
    pub fn has_passkeys(&self) -> bool {
        !self.public_url.host().is_address()
    }

    /// `path` on this site, absolute.
    pub fn absolute(&self, path: &str) -> String {
        urls::absolute(&self.public_url, path)
    }
}

/// Where a form of ours may lead besides ourselves. Chromium holds `form-action` against every
/// redirect that follows a form, and signing in ends at an app; a source with `http` covers `https`.
fn form_targets(domain: &Host) -> String {
    let scheme = if domain.is_localhost() { "http" } else { "https" };
    format!(" {scheme}://{domain}:* {scheme}://*.{domain}:*")
}
