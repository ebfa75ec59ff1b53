//! What lies ahead of somebody who is known here: which apps are open to them, and whether the one they
//! want to return to would let them in. Judges as a check does. Never sends anybody anywhere.

use std::sync::Arc;

use http::Method;

use crate::authenticate::tailnet::{Elsewhere, Guest, Rules, Sighted};
use crate::browser::Seen;
use crate::clock::Wall;
use crate::identity::Found;
use crate::place::{AbsoluteUrl, CanonicalPath, ClientAddress};
use crate::policy::{self, App, Lack, Rule, Verdict};
use crate::sessions::Session;
use crate::state::Current;
use crate::web::ReturnTo;
use crate::web::pages::{KnownBy, Tile};

/// Who stands before us: by session, by device, or by both.
pub(super) struct Here<'a> {
    pub(super) session: Option<&'a Session>,
    pub(super) guest: Option<&'a Guest>,
    rules: Option<&'a Rules>,
    /// Where they come from, here; an app's proxy most likely tells the same.
    address: Option<ClientAddress>,
}

impl<'a> Here<'a> {
    pub(super) fn new(
        current: &'a Current,
        seen: &'a Seen,
        sighted: &'a Result<Sighted, Elsewhere>,
        address: Option<ClientAddress>,
    ) -> Self {
        let session = match seen {
            Seen::Somebody(session) => Some(&**session),
            Seen::Ended | Seen::Nobody => None,
        };
        let guest = match sighted {
            Ok(Sighted::Known(guest)) => Some(&**guest),
            Ok(
                Sighted::Stranger(_) | Sighted::Disabled(_) | Sighted::Unusable(_) | Sighted::Unanswered(_),
            )
            | Err(_) => None,
        };
        Self { session, guest, rules: current.tailnet.as_ref(), address }
    }

    /// Their name, and how it is known, if it is.
    pub(super) fn known(&self) -> Option<(&'a str, KnownBy<'a>)> {
        match (self.session, self.guest) {
            (Some(session), guest) => {
                let by = match guest.filter(|guest| guest.user() == session.identity.user) {
                    Some(guest) => KnownBy::Both(&guest.login),
                    None => KnownBy::Session,
                };
                Some((session.identity.username.as_str(), by))
            }
            (None, Some(guest)) => Some((guest.username().as_str(), KnownBy::Device(&guest.login))),
            (None, None) => None,
        }
    }

    /// What a check of the address to return to would say. That of a path that has no one reading is
    /// about the whole app.
    pub(super) fn verdict_at(&self, current: &Current, return_to: &ReturnTo, now: Wall) -> Option<Verdict> {
        let url = return_to.as_str().split('#').next().unwrap_or_default();
        let origin = return_to.origin();
        let app =
            current.policy.app_for(origin.host().as_str(), Some(origin.port()), origin.scheme()).ok()?;
        let url = AbsoluteUrl::parse(url);
        let rule = url
            .as_ref()
            .map_or(app.whole(), |url| app.rule_for(&Method::GET, &url.target.path, self.address));
        let found = self.found(app, rule, now);
        Some(policy::decide(rule, &found, now))
    }

    /// Who a check that falls under `rule` would find.
    fn found(&self, app: &App, rule: &Rule, now: Wall) -> Found {
        let on_device = || match (self.guest, self.rules) {
            (Some(guest), Some(rules)) => Found::Known(Arc::new(guest.identity(rules, Some(app.name())))),
            (None, _) | (_, None) => Found::Nobody,
        };
        let session = self.session.filter(|_| !policy::is_decided_by_device(rule));
        let Some(session) = session else { return on_device() };
        let found = Found::Known(session.identity.clone());
        if policy::falls_short(rule, &found, now) {
            let on_device = on_device();
            if policy::goes_further(rule, &found, &on_device, now) {
                return on_device;
            }
        }
        found
    }

    /// The apps whose front page is open to them, perhaps after a factor was shown anew.
    pub(super) fn tiles<'c>(&self, current: &'c Current, now: Wall) -> Vec<Tile<'c>> {
        let Ok(front) = CanonicalPath::parse("/") else { return Vec::new() };
        let is_open = |app: &App| {
            let rule = app.rule_for(&Method::GET, &front, self.address);
            let found = self.found(app, rule, now);
            match (policy::decide(rule, &found, now), &found) {
                (Verdict::Allow | Verdict::AllowAsNobody, _) => true,
                (Verdict::StepUp, Found::Known(identity)) => match rule.lack(identity, now) {
                    Some(Lack::Freshness { .. }) => true,
                    Some(Lack::SecondFactor | Lack::SecondFactorByRole) | None => false,
                },
                (
                    Verdict::StepUp
                    | Verdict::SignIn
                    | Verdict::Forbidden(_)
                    | Verdict::Unavailable(_)
                    | Verdict::Refused(_),
                    _,
                ) => false,
            }
        };
        current
            .policy
            .apps()
            .iter()
            .filter(|app| is_open(app))
            .filter_map(|app| Some(Tile { title: app.title(), origin: app.origin()? }))
            .collect()
    }
}
