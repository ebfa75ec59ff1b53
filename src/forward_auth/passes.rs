//! What is remembered of allowed checks. Owns [`Pass`] and the bounded map of them.
//!
//! Promises: a hit counts only if the credential is equal, in constant time, and while the user, the
//! session or token, the rules' version, the change feed and both clocks say so; a pass is never a verdict.
//! Never: holds anything for nobody or for a refusal, so that strangers cannot fill it.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::RandomState;
use http::HeaderMap;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::api_tokens::Fingerprint;
use crate::authenticate::{Credential, Handles};
use crate::changes::Changes;
use crate::clock::{Mono, Now, Wall};
use crate::identity::{AppName, Found};
use crate::policy::Scope;
use crate::secret::{Secret, same};
use crate::sessions::LastUse;
use crate::tailscale::Place;

/// Somebody who was recognised at one app, with the answer's headers ready.
pub(super) struct Pass {
    credential: Kept,
    app: AppName,
    version: u64,
    until_wall: Wall,
    until_mono: Mono,
    /// The last use of the session, where there is one.
    used: Option<Used>,
    handles: Handles,
    /// Who: always `Found::Known`.
    pub(super) found: Found,
    /// What the credential may be used for, where that is not everything.
    pub(super) scope: Option<Arc<Scope>>,
    /// The identity headers of this person at this app.
    pub(super) headers: HeaderMap,
}

/// A session's last use, whoever notes it, and for how long it may lie unused.
pub(super) struct Used {
    pub(super) last: Arc<LastUse>,
    pub(super) idle: Duration,
}

/// A credential that is kept.
enum Kept {
    Cookie(Secret),
    Bearer(Secret),
    ApiToken(Fingerprint),
    Device(Place),
}

impl Kept {
    fn of(credential: Credential<'_>) -> Self {
        match credential {
            // Nothing is lost: it was verified, so it is ASCII.
            Credential::Cookie(value) => Self::Cookie(Secret::new(String::from_utf8_lossy(value))),
            Credential::Bearer(text) => Self::Bearer(Secret::new(text)),
            Credential::ApiToken(fingerprint) => Self::ApiToken(fingerprint),
            Credential::Device(place) => Self::Device(place),
        }
    }

    /// Whether `shown` is the very same; of secrets in constant time.
    fn is(&self, shown: Credential<'_>) -> bool {
        match (self, shown) {
            (Self::Cookie(kept), Credential::Cookie(shown)) => same(kept.reveal().as_bytes(), shown),
            (Self::Bearer(kept), Credential::Bearer(shown)) => {
                same(kept.reveal().as_bytes(), shown.as_bytes())
            }
            (Self::ApiToken(kept), Credential::ApiToken(shown)) => *kept == shown,
            (Self::Device(kept), Credential::Device(shown)) => *kept == shown,
            (Self::Cookie(_) | Self::Bearer(_) | Self::ApiToken(_) | Self::Device(_), _) => false,
        }
    }

    /// What it costs, in bytes.
    fn len(&self) -> usize {
        match self {
            Self::Cookie(secret) | Self::Bearer(secret) => secret.reveal().len(),
            Self::ApiToken(_) | Self::Device(_) => 0,
        }
    }
}

/// What a pass is for and how long it may last.
pub(super) struct Terms<'a> {
    pub(super) credential: Credential<'a>,
    pub(super) app: &'a AppName,
    pub(super) version: u64,
    pub(super) until_wall: Wall,
    pub(super) until_mono: Mono,
    pub(super) used: Option<Used>,
    pub(super) scope: Option<Arc<Scope>>,
}

/// The present, as far as passes depend on it.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) now: Now,
    /// Which rules there are.
    pub(super) version: u64,
    pub(super) changes: &'a Changes,
    /// The tailnet's generation, where there is one.
    pub(super) tailnet: Option<u64>,
}

impl Pass {
    pub(super) fn new(terms: Terms<'_>, handles: Handles, found: Found, headers: HeaderMap) -> Self {
        Self {
            credential: Kept::of(terms.credential),
            app: terms.app.clone(),
            version: terms.version,
            until_wall: terms.until_wall,
            until_mono: terms.until_mono,
            used: terms.used,
            handles,
            found,
            scope: terms.scope,
            headers,
        }
    }

    fn counts(&self, credential: Credential<'_>, app: &AppName, moment: Moment<'_>) -> bool {
        let Moment { now, version, changes, tailnet } = moment;
        let lies_unused = |used: &Used| now.wall >= used.last.at().plus(used.idle);
        now.mono < self.until_mono
            && now.wall < self.until_wall
            && !self.used.as_ref().is_some_and(lies_unused)
            && self.version == version
            && self.handles.generation == changes.generation()
            && (self.handles.tailnet.is_none() || self.handles.tailnet == tailnet)
            && self.handles.user.is_live()
            && self.handles.own.as_ref().is_none_or(|own| own.is_live())
            && self.app == *app
            && self.credential.is(credential)
    }
}

/// Passes, bounded by their weight.
pub(super) struct Passes {
    cache: Option<Cache<u64, Arc<Pass>, Weight>>,
    keys: RandomState,
}

/// What a header costs beside its text, in bytes: its place in the map and the owner of its text.
const A_HEADER: usize = 160;
/// What a role costs beside its text.
const A_ROLE: usize = 32;
/// What a pass costs beside all that: the identity, flags, the last use, the places in their maps.
const BESIDE: usize = 1024;

#[derive(Clone)]
struct Weight;

impl Weighter<u64, Arc<Pass>> for Weight {
    fn weight(&self, _: &u64, pass: &Arc<Pass>) -> u64 {
        let headers: usize =
            pass.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + A_HEADER).sum();
        let roles: usize = match &pass.found {
            Found::Known(identity) => identity.role_names().map(|role| role.len() + A_ROLE).sum(),
            Found::Nobody | Found::Refused(_) | Found::Unanswered(_) => 0,
        };
        let scope = pass.scope.as_ref().map_or(0, |scope| scope.size());
        let size = size_of::<Pass>() + BESIDE + pass.credential.len() + headers + roles + scope;
        u64::try_from(size).unwrap_or(u64::MAX)
    }
}

impl Passes {
    /// A map of at most `bytes`; with 0 nothing is remembered.
    pub(super) fn new(bytes: u64) -> Self {
        let cache = (bytes > 0).then(|| {
            let likely = usize::try_from(bytes / 4096).unwrap_or(1024).max(16);
            Cache::with_weighter(likely, bytes, Weight)
        });
        Self { cache, keys: RandomState::default() }
    }

    /// The pass of that credential at that app, if it counts now.
    pub(super) fn get(
        &self,
        credential: Credential<'_>,
        app: &AppName,
        moment: Moment<'_>,
    ) -> Option<Arc<Pass>> {
        if !moment.changes.heard_recently(moment.now.mono) {
            return None;
        }
        let pass = self.cache.as_ref()?.get(&self.key(credential, app))?;
        if !pass.counts(credential, app, moment) {
            return None;
        }
        if let Some(used) = &pass.used {
            used.last.touch(moment.now.wall);
        }
        Some(pass)
    }

    /// Remembers a pass in the place of an older one of the same credential and app.
    pub(super) fn keep(&self, credential: Credential<'_>, app: &AppName, pass: Arc<Pass>) {
        if let Some(cache) = &self.cache {
            cache.insert(self.key(credential, app), pass);
        }
    }

    /// A keyed hash of the credential's end (its signature, which no two tokens share) and the app.
    /// It only finds the place: what is found is compared whole.
    fn key(&self, credential: Credential<'_>, app: &AppName) -> u64 {
        let mut hasher = self.keys.build_hasher();
        hasher.write(app.as_str().as_bytes());
        let (bytes, is_cookie) = match credential {
            Credential::Cookie(value) => (value, true),
            Credential::Bearer(token) => (token.as_bytes(), false),
            Credential::ApiToken(fingerprint) => {
                hasher.write(fingerprint.bytes());
                return hasher.finish();
            }
            Credential::Device(place) => {
                place.hash(&mut hasher);
                return hasher.finish();
            }
        };
        hasher.write(bytes.get(bytes.len().saturating_sub(24)..).unwrap_or_default());
        hasher.write_u8(is_cookie.into());
        hasher.finish()
    }
}
