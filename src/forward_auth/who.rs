//! Who asks: by what a request carries, and by the device it comes from.
//!
//! Promises: what is remembered is answered by a plain function that cannot await, and says the same as
//! what is found out; the tailnet is asked only where its answer could let somebody in.
//! Never: writes a verdict.

use std::time::Duration;

use http::HeaderMap;

use super::passes::{Moment, Pass, Terms, Used};
use super::{Door, Reason, answers, identity_headers, known};
use crate::authenticate::tailnet::Ambient;
use crate::authenticate::{Basis, Carried, Credential, Recognised};
use crate::clock::Now;
use crate::error::Error;
use crate::forwarded::{Asked, Dialect};
use crate::identity::Found;
use crate::keys::AssertionClaims;
use crate::policy::{App, CrossSite, Rule, falls_short, goes_further, is_decided_by_device};
use crate::state::Current;
use crate::tailscale::Place;
use crate::web::Response;

/// How long the same assertion is handed out: half its life, so that an app never gets a stale one.
const ASSERTION_RENEWAL: Duration = Duration::from_secs(150);

impl Door {
    /// Answers from memory, if it can.
    pub(super) fn known(
        &self,
        dialect: Dialect,
        current: &Current,
        asked: &Asked<'_>,
        headers: &HeaderMap,
        now: Now,
    ) -> Option<Response> {
        let chosen = match self.choose(dialect, current, asked, now) {
            Ok(chosen) => chosen,
            Err(answer) => return Some(*answer),
        };
        let (app, rule) = chosen;
        let moment = Moment {
            now,
            version: current.version,
            changes: &self.changes,
            tailnet: self.authenticate.tailnet_generation(),
        };
        let verdict = |found: &Found, ready: Option<&HeaderMap>| {
            self.verdict(dialect, current, asked, headers, chosen, found, ready, now)
        };
        let on_device = |device| self.passes.get(Credential::Device(device), app.name(), moment);
        let carried =
            if is_decided_by_device(rule) { Carried::Nothing } else { self.authenticate.carried(headers) };
        match carried {
            Carried::Nothing if !falls_short(rule, &Found::Nobody) => Some(verdict(&Found::Nobody, None)),
            Carried::Nothing => match self.device(current, app, asked, headers, now) {
                None => Some(verdict(&Found::Nobody, None)),
                Some(device) => on_device(device).map(|pass| verdict(&pass.found, Some(&pass.headers))),
            },
            Carried::One(credential) => {
                let pass = self.passes.get(credential, app.name(), moment)?;
                if falls_short(rule, &pass.found)
                    && let Some(device) = self.device(current, app, asked, headers, now)
                {
                    let on_device = on_device(device)?;
                    if goes_further(rule, &pass.found, &on_device.found) {
                        return Some(verdict(&on_device.found, Some(&on_device.headers)));
                    }
                }
                Some(verdict(&pass.found, Some(&pass.headers)))
            }
            Carried::Several => None,
        }
    }

    /// Answers by asking: signature, store, the local tailscaled. Remembers who it was.
    pub(super) async fn find_out(
        &self,
        dialect: Dialect,
        current: &Current,
        asked: &Asked<'_>,
        headers: &HeaderMap,
        now: Now,
    ) -> Response {
        let (app, rule) = match self.choose(dialect, current, asked, now) {
            Ok(chosen) => chosen,
            Err(answer) => return *answer,
        };
        let recognised = self.recognise(current, app, rule, asked, headers, now).await;
        let mut ready = None;
        if let Some(basis) = recognised.by {
            match self.remember(current, app, basis, now) {
                Ok(headers) => ready = Some(headers),
                Err(error) => {
                    tracing::error!(event = "check.failed", reason = %error);
                    return answers::refused(dialect, current, asked, &error, |status| {
                        self.refusals.keep(asked, status, Some(rule), None, Reason::Failed, now)
                    });
                }
            }
        }
        self.verdict(dialect, current, asked, headers, (app, rule), &recognised.found, ready.as_ref(), now)
    }

    /// Who asks: by what the request carries; by its device where it carries nothing, where the rule asks
    /// for the device, and where the device lets the same person in and the rest does not.
    async fn recognise<'a>(
        &self,
        current: &Current,
        app: &App,
        rule: &Rule,
        asked: &Asked<'_>,
        headers: &'a HeaderMap,
        now: Now,
    ) -> Recognised<'a> {
        let carried = if is_decided_by_device(rule) {
            Recognised { found: Found::Nobody, by: None }
        } else {
            self.authenticate.find(headers, app.name(), now).await
        };
        if !falls_short(rule, &carried.found) {
            return carried;
        }
        let Some(device) = self.device(current, app, asked, headers, now) else { return carried };
        let rules = current.tailnet.as_ref();
        let on_device = self.authenticate.find_device(rules, device, app.name(), now).await;
        match &carried.found {
            Found::Nobody => on_device,
            // What could not be asked may still be somebody; what was found out stays.
            Found::Unanswered(_) if known(&on_device.found).is_some() => on_device,
            Found::Known(_) if goes_further(rule, &carried.found, &on_device.found) => {
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
        let rules = current.tailnet.as_ref()?;
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
    fn remember(&self, current: &Current, app: &App, basis: Basis<'_>, now: Now) -> Result<HeaderMap, Error> {
        let Basis { credential, identity, until, until_mono, session, handles } = basis;
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
        };
        let pass = Pass::new(terms, handles, Found::Known(identity), ready.clone());
        self.passes.keep(credential, app.name(), pass);
        Ok(ready)
    }
}
