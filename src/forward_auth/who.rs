//! Who asks: by what a request carries, and by the device it comes from.
//!
//! Promises: what is remembered is answered by a plain function that cannot await, and says the same as
//! what is found out; the tailnet is asked only where its answer could let somebody in.
//! Never: writes a verdict.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::passes::{Moment, Pass, Terms, Used};
use super::{Door, identity_headers, known};
use crate::authenticate::tailnet::{Ambient, Occasion};
use crate::authenticate::{Basis, Carried, Credential, Recognised};
use crate::clock::Now;
use crate::error::Error;
use crate::forwarded::Asked;
use crate::identity::{Found, Identity, Why};
use crate::keys::AssertionClaims;
use crate::policy::{App, CrossSite, Rule, Scope, falls_short, goes_further, is_decided_by_device};
use crate::state::Current;
use crate::tailscale::Place;

/// How long the same assertion is handed out: half its life, so that an app never gets a stale one.
const ASSERTION_RENEWAL: Duration = Duration::from_secs(150);

/// Who asks.
pub(super) enum Who {
    /// Somebody who is remembered, with the headers of the answer ready.
    Remembered(Arc<Pass>),
    /// Somebody whose token is not for what they ask.
    Beyond(Arc<Identity>),
    /// Whatever else was found.
    Found(Found),
}

/// What somebody is found as whose token is not for what they ask.
static BEYOND: Found = Found::Refused(Why::Scope);

impl Who {
    /// What was found.
    pub(super) fn found(&self) -> &Found {
        match self {
            Self::Remembered(pass) => &pass.found,
            Self::Beyond(_) => &BEYOND,
            Self::Found(found) => found,
        }
    }

    /// The headers of the answer, where somebody is there.
    pub(super) fn ready(&self) -> Option<&HeaderMap> {
        match self {
            Self::Remembered(pass) => Some(&pass.headers),
            Self::Beyond(_) | Self::Found(_) => None,
        }
    }

    /// Whose credential was shown, whether it counts here or not.
    pub(super) fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Beyond(identity) => Some(identity),
            Self::Remembered(_) | Self::Found(_) => known(self.found()),
        }
    }
}

/// Somebody, if what they show may not be used for what they ask. Judged on every request, whether they
/// are remembered or not.
fn beyond(found: &Found, scope: Option<&Scope>, asked: &Asked<'_>) -> Option<Who> {
    match (found, scope) {
        (Found::Known(identity), Some(scope)) if !scope.covers(&asked.method, &asked.path) => {
            Some(Who::Beyond(identity.clone()))
        }
        (Found::Nobody | Found::Known(_) | Found::Refused(_) | Found::Unanswered(_), _) => None,
    }
}

impl Door {
    /// Who asks, if that can be said from memory.
    pub(super) fn remembered(
        &self,
        current: &Current,
        app: &App,
        rule: &Rule,
        asked: &Asked<'_>,
        headers: &HeaderMap,
        now: Now,
    ) -> Option<Who> {
        let moment = Moment {
            now,
            version: current.version,
            changes: &self.changes,
            tailnet: self.authenticate.tailnet_generation(),
        };
        let on_device = |device| self.passes.get(Credential::Device(device), app.name(), moment);
        let carried = if is_decided_by_device(rule) {
            Carried::Nothing
        } else {
            self.authenticate.carried(&asked.credentials)
        };
        match carried {
            Carried::Nothing if !falls_short(rule, &Found::Nobody, now.wall) => {
                Some(Who::Found(Found::Nobody))
            }
            Carried::Nothing => match self.device(current, app, asked, headers, now) {
                None => Some(Who::Found(Found::Nobody)),
                Some(device) => on_device(device).map(Who::Remembered),
            },
            Carried::One(credential) => {
                let pass = self.passes.get(credential, app.name(), moment)?;
                if let Some(beyond) = beyond(&pass.found, pass.scope.as_deref(), asked) {
                    return Some(beyond);
                }
                if falls_short(rule, &pass.found, now.wall)
                    && let Some(device) = self.device(current, app, asked, headers, now)
                {
                    let on_device = on_device(device)?;
                    if goes_further(rule, &pass.found, &on_device.found, now.wall) {
                        return Some(Who::Remembered(on_device));
                    }
                }
                Some(Who::Remembered(pass))
            }
            Carried::Several => None,
        }
    }

    /// Who asks, found out by asking. Somebody is remembered.
    pub(super) async fn find_out(
        &self,
        current: &Current,
        app: &App,
        rule: &Rule,
        asked: &Asked<'_>,
        headers: &HeaderMap,
        now: Now,
    ) -> Result<Who, Error> {
        let carried = if is_decided_by_device(rule) {
            Recognised { found: Found::Nobody, by: None }
        } else {
            self.authenticate.find(&asked.credentials, app.name(), now).await
        };
        let scope = carried.by.as_ref().and_then(|basis| basis.scope.as_deref());
        if let Some(beyond) = beyond(&carried.found, scope, asked) {
            return Ok(beyond);
        }
        let recognised = self.or_device(carried, current, (app, rule), asked, headers, now).await;
        match recognised.by {
            Some(basis) => self.remember(current, app, basis, now).map(Who::Remembered),
            None => Ok(Who::Found(recognised.found)),
        }
    }

    /// Who asks: by what the request carries; by its device where it carries nothing, where the rule asks
    /// for the device, and where the device lets the same person in and the rest does not.
    async fn or_device<'a>(
        &self,
        carried: Recognised<'a>,
        current: &Current,
        (app, rule): (&App, &Rule),
        asked: &Asked<'_>,
        headers: &HeaderMap,
        now: Now,
    ) -> Recognised<'a> {
        if !falls_short(rule, &carried.found, now.wall) {
            return carried;
        }
        let Some(device) = self.device(current, app, asked, headers, now) else { return carried };
        let rules = current.tailnet.as_ref();
        let device = (device, Occasion::Visit);
        let on_device = self.authenticate.find_device(rules, device, app.name(), now).await;
        match &carried.found {
            Found::Nobody => on_device,
            // What could not be asked may still be somebody; what was found out stays.
            Found::Unanswered(_) if known(&on_device.found).is_some() => on_device,
            Found::Known(_) if goes_further(rule, &carried.found, &on_device.found, now.wall) => {
                if let Some(basis) = carried.by {
                    // So that the next check knows both from memory.
                    let _told_by_the_other = self.remember(current, app, basis, now);
                }
                on_device
            }
            Found::Known(_) | Found::Unanswered(_) | Found::Refused(_) => carried,
        }
    }

    /// The device of the tailnet that a check comes from, if an identity may rest on that.
    fn device(
        &self,
        current: &Current,
        app: &App,
        asked: &Asked<'_>,
        headers: &HeaderMap,
        now: Now,
    ) -> Option<Place> {
        // A preflight shows no credential, and its device is none: what it asks for is asked for later.
        let rules = current.tailnet.as_ref().filter(|_| !asked.preflight)?;
        let lax = match app.cross_site() {
            CrossSite::Allow => true,
            CrossSite::Refuse => {
                asked.reach.is_lax(asked.scheme, &asked.host, current.cookie_domain.as_ref())
            }
        };
        let ambient = Ambient {
            address: asked.client,
            vouched: Some(asked.vouched),
            funnel: asked.funnel,
            lax,
            headers,
        };
        self.authenticate.device(Some(rules), &ambient, now.mono).ok()
    }

    /// Prepares the answer's headers for somebody who was recognised, and keeps them.
    fn remember(&self, current: &Current, app: &App, basis: Basis<'_>, now: Now) -> Result<Arc<Pass>, Error> {
        let Basis { credential, identity, scope, until, until_mono, session, handles } = basis;
        let sessions = &self.authenticate.sessions;
        let used = session
            .map(|session| Used { last: sessions.touch(session, now.wall), idle: sessions.lifetimes().idle });
        let claims = AssertionClaims::of(&identity, app.name(), now.wall);
        let assertion = self.authenticate.keys.sign_assertion(&claims)?;
        let ready = identity_headers::of(&current.header_names, app.remote_user(), &identity, &assertion);
        let until_wall = now.wall.plus(ASSERTION_RENEWAL).min(until);
        let renewal = now.mono.plus(now.wall.until(until_wall));
        let terms = Terms {
            credential,
            app: app.name(),
            version: current.version,
            until_wall,
            until_mono: until_mono.map_or(renewal, |until| until.min(renewal)),
            used,
            scope,
        };
        let pass = Arc::new(Pass::new(terms, handles, Found::Known(identity), ready));
        self.passes.keep(credential, app.name(), pass.clone());
        Ok(pass)
    }
}
