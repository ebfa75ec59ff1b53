//! Who may go where: apps and their rules, compiled once, and the one judgement on a request.
//!
//! Promises: pure and total; a host of no app, a port that is not listed and a rule that is not
//! met never end in "allowed"; what is looked up for a request is found without allocating.
//! Never: asks who somebody is, reads a header, writes an answer.

mod app;
mod compile;
mod matched;
mod pattern;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::clock::Wall;
use crate::config::Settings;
use crate::error::{Fault, Faults};
use crate::identity::{Found, Identity, Part, Require, Why};
use crate::place::{Host, Origin, Scheme};

pub use app::{App, Challenge, CrossSite, Lack, Preflight, RemoteUser, Rule, Site};
pub use compile::{cookie_domain, public_url};
pub use matched::Missed;
pub use scope::{Allow, Scope};

/// Every app, with its hosts and rules.
#[derive(Debug)]
pub struct Policy {
    apps: Vec<Arc<App>>,
    /// The host of `public_url`: never an app.
    own: Host,
    exact: Places,
    /// By the domain below which the hosts are.
    below: Places,
    notes: Vec<Fault>,
}

/// Hosts that are looked up on every check. Strangers choose what is looked up, never what is in it.
type Places = HashMap<Host, Listed, foldhash::fast::RandomState>;

/// An app under one of its hosts.
#[derive(Debug)]
struct Listed {
    app: Arc<App>,
    /// The port written beside the host; without one the scheme's own.
    port: Option<u16>,
}

/// Why a place belongs to no app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoApp {
    /// No app is served under this host.
    UnknownHost,
    /// The host is an app's, and the port is not.
    WrongPort,
}

impl fmt::Display for NoApp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UnknownHost => "no app has this host",
            Self::WrongPort => "the app with this host is not at this port",
        })
    }
}

impl std::error::Error for NoApp {}

impl Policy {
    /// Compiles the apps of `settings`, or tells everything that is wrong with them.
    ///
    /// `public_url` and `cookie_domain` are what the functions of these names read; whether they
    /// fit each other and the apps is checked here.
    pub fn compile(
        settings: &Settings,
        public_url: &Origin,
        cookie_domain: Option<&Host>,
    ) -> Result<Self, Faults> {
        compile::policy(settings, public_url, cookie_domain)
    }

    /// The app at this place. `host` is in its one spelling (see [`Host`]).
    ///
    /// An exact host goes before a wildcard, a longer wildcard before a shorter. The port is the
    /// client's claim: it can only fail to fit, and never leads to another app.
    pub fn app_for(&self, host: &str, port: Option<u16>, scheme: Scheme) -> Result<&Arc<App>, NoApp> {
        let listed = self.listed(host).ok_or(NoApp::UnknownHost)?;
        let own = scheme.default_port();
        if port.unwrap_or(own) == listed.port.unwrap_or(own) {
            Ok(&listed.app)
        } else {
            Err(NoApp::WrongPort)
        }
    }

    /// The app of this host, whatever the port.
    pub fn app_of_host(&self, host: &str) -> Option<&Arc<App>> {
        self.listed(host).map(|listed| &listed.app)
    }

    fn listed(&self, host: &str) -> Option<&Listed> {
        if host == self.own.as_str() {
            return None;
        }
        if let Some(listed) = self.exact.get(host) {
            return Some(listed);
        }
        let mut rest = host;
        while let Some((_, domain)) = rest.split_once('.') {
            if let Some(listed) = self.below.get(domain) {
                return Some(listed);
            }
            rest = domain;
        }
        None
    }

    /// Every app, in the order of their names.
    pub fn apps(&self) -> &[Arc<App>] {
        &self.apps
    }

    /// Whether some rule lets `identity` in only after it has shown more.
    pub fn asks_more_of(&self, identity: &Arc<Identity>, now: Wall) -> bool {
        let found = Found::Known(identity.clone());
        self.apps.iter().flat_map(|app| app.rules()).any(|rule| decide(rule, &found, now) == Verdict::StepUp)
    }

    /// What is not wrong, but should be known: apps open to everybody or to every user, and rules
    /// that may reach further or less far than they seem to.
    pub fn notes(&self) -> &[Fault] {
        &self.notes
    }
}

/// The judgement on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let in, as whoever was found.
    Allow,
    /// Let in as nobody, whoever was found: identity headers are sent empty.
    AllowAsNobody,
    /// Nobody is signed in.
    SignIn,
    /// Somebody is, and has to show more: see [`Rule::lack`].
    StepUp,
    /// Not let in, and signing in (again) would not help.
    Forbidden(Needs),
    /// It cannot be known now.
    Unavailable(Part),
    /// A credential was shown that does not count.
    Refused(Why),
}

/// What somebody who is forbidden would need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing helps: the rule denies everybody.
    Nothing,
    /// To be one of the rule's users, or to have one of its roles.
    Membership,
    /// To come over the tailnet.
    Tailnet,
}

/// Judges whoever was found by `rule`, as it is `now`.
pub fn decide(rule: &Rule, found: &Found, now: Wall) -> Verdict {
    match rule.require() {
        Require::Deny => Verdict::Forbidden(Needs::Nothing),
        Require::Public => Verdict::AllowAsNobody,
        Require::Optional => match found {
            Found::Known(_) => Verdict::Allow,
            // Always answered, and never as somebody who is not known for sure.
            Found::Nobody | Found::Refused(_) | Found::Unanswered(_) => Verdict::AllowAsNobody,
        },
        Require::SignedIn | Require::TwoFactor => judge(rule, found, now),
        // Signing in would not help: it takes a device of the tailnet, now.
        Require::Tailnet => match found {
            Found::Unanswered(part) => Verdict::Unavailable(*part),
            Found::Known(identity) if !identity.is_by_tailnet() => Verdict::Forbidden(Needs::Tailnet),
            Found::Known(identity) if !rule.admits(identity) => Verdict::Forbidden(Needs::Membership),
            Found::Known(_) => Verdict::Allow,
            Found::Nobody | Found::Refused(_) => Verdict::Forbidden(Needs::Tailnet),
        },
    }
}

fn judge(rule: &Rule, found: &Found, now: Wall) -> Verdict {
    match found {
        Found::Nobody => Verdict::SignIn,
        Found::Refused(why) => Verdict::Refused(*why),
        Found::Unanswered(part) => Verdict::Unavailable(*part),
        // Before the factor: nobody should fetch a phone to be told that they may not enter.
        Found::Known(identity) if !rule.admits(identity) => Verdict::Forbidden(Needs::Membership),
        Found::Known(identity) if rule.lack(identity, now).is_some() => Verdict::StepUp,
        Found::Known(_) => Verdict::Allow,
    }
}

/// Whether `rule` lets in devices of the tailnet, whatever else is shown.
pub fn is_decided_by_device(rule: &Rule) -> bool {
    rule.require() == Require::Tailnet
}

/// Whether `found` is not let in by `rule` as somebody, and their device might be.
pub fn falls_short(rule: &Rule, found: &Found, now: Wall) -> bool {
    match (rule.require(), found) {
        // A credential of ours that does not count is told of, whatever the device.
        (Require::Public | Require::Deny, _) | (_, Found::Refused(_)) => false,
        (_, Found::Nobody | Found::Unanswered(_)) => true,
        (_, Found::Known(_)) => match decide(rule, found, now) {
            // On a device no factor is shown, so it is never as fresh as a `max_age` asks.
            Verdict::StepUp | Verdict::Forbidden(Needs::Membership) => rule.max_age().is_none(),
            Verdict::Allow
            | Verdict::AllowAsNobody
            | Verdict::SignIn
            | Verdict::Forbidden(Needs::Nothing | Needs::Tailnet)
            | Verdict::Unavailable(_)
            | Verdict::Refused(_) => false,
        },
    }
}

/// Whether the device lets in the very person that was found and is not let in otherwise.
pub fn goes_further(rule: &Rule, found: &Found, on_device: &Found, now: Wall) -> bool {
    match (found, on_device) {
        (Found::Known(one), Found::Known(other)) if one.user == other.user => {
            decide(rule, on_device, now) == Verdict::Allow
        }
        (Found::Nobody | Found::Known(_) | Found::Refused(_) | Found::Unanswered(_), _) => false,
    }
}
