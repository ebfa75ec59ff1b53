//! What is remembered of allowed checks. Owns [`Pass`] and the bounded map of them.
//!
//! Promises: a hit counts only if the credential is equal, in constant time, and while the user, the
//! session, the rules' version, the change feed and both clocks say so; a pass is never a verdict.
//! Never: holds anything for nobody or for a refusal, so that strangers cannot fill it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use http::HeaderMap;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::authenticate::{Credential, Handles};
use crate::changes::Changes;
use crate::clock::{Mono, Now, Wall};
use crate::identity::{AppName, Found};
use crate::secret::{Secret, same};

/// Somebody who was recognised at one app, with the answer's headers ready.
pub(super) struct Pass {
    credential: Secret,
    is_cookie: bool,
    app: AppName,
    version: u64,
    until_wall: Wall,
    until_mono: Mono,
    handles: Handles,
    /// Who: always `Found::Known`.
    pub(super) found: Found,
    /// The identity headers of this person at this app.
    pub(super) headers: HeaderMap,
}

/// What a pass is for and how long it may last.
pub(super) struct Terms<'a> {
    pub(super) credential: Credential<'a>,
    pub(super) app: &'a AppName,
    pub(super) version: u64,
    pub(super) until_wall: Wall,
    pub(super) until_mono: Mono,
}

impl Pass {
    pub(super) fn new(terms: &Terms<'_>, handles: Handles, found: Found, headers: HeaderMap) -> Self {
        let (text, is_cookie) = parts(terms.credential);
        Self {
            credential: Secret::new(text),
            is_cookie,
            app: terms.app.clone(),
            version: terms.version,
            until_wall: terms.until_wall,
            until_mono: terms.until_mono,
            handles,
            found,
            headers,
        }
    }

    fn counts(
        &self,
        credential: Credential<'_>,
        app: &AppName,
        version: u64,
        generation: u64,
        now: Now,
    ) -> bool {
        let (text, is_cookie) = parts(credential);
        now.mono < self.until_mono
            && now.wall < self.until_wall
            && self.version == version
            && self.handles.generation == generation
            && self.handles.user.is_live()
            && self.handles.session.is_live()
            && self.is_cookie == is_cookie
            && self.app == *app
            && same(self.credential.reveal().as_bytes(), text.as_bytes())
    }
}

fn parts(credential: Credential<'_>) -> (&str, bool) {
    match credential {
        Credential::Cookie(text) => (text, true),
        Credential::Bearer(text) => (text, false),
    }
}

/// Passes, bounded by their weight.
pub(super) struct Passes {
    cache: Option<Cache<u64, Arc<Pass>, Weight>>,
    keys: RandomState,
}

#[derive(Clone)]
struct Weight;

impl Weighter<u64, Arc<Pass>> for Weight {
    fn weight(&self, _: &u64, pass: &Arc<Pass>) -> u64 {
        let headers: usize =
            pass.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        let size = size_of::<Pass>() + 512 + pass.credential.reveal().len() + headers;
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
        Self { cache, keys: RandomState::new() }
    }

    /// The pass of that credential at that app, if it counts now.
    pub(super) fn get(
        &self,
        credential: Credential<'_>,
        app: &AppName,
        version: u64,
        changes: &Changes,
        now: Now,
    ) -> Option<Arc<Pass>> {
        if !changes.heard_recently(now.mono) {
            return None;
        }
        let pass = self.cache.as_ref()?.get(&self.key(credential, app))?;
        pass.counts(credential, app, version, changes.generation(), now).then_some(pass)
    }

    /// Remembers a pass in the place of an older one of the same credential and app.
    pub(super) fn keep(&self, credential: Credential<'_>, app: &AppName, pass: Pass) {
        if let Some(cache) = &self.cache {
            cache.insert(self.key(credential, app), Arc::new(pass));
        }
    }

    /// A keyed hash of the credential's end (its signature, which no two tokens share) and the app.
    /// It only finds the place: what is found is compared whole.
    fn key(&self, credential: Credential<'_>, app: &AppName) -> u64 {
        let (text, is_cookie) = parts(credential);
        let bytes = text.as_bytes();
        let end = bytes.get(bytes.len().saturating_sub(24)..).unwrap_or_default();
        self.keys.hash_one((end, is_cookie, app.as_str()))
    }
}
