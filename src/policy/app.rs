//! One app: where it is, what it wants, and which of its rules is for a request.
//! Never judges: see [`decide`](super::decide).

use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::matched::{AnyCase, Matched, Missed};
use super::pattern::{is_asset, may_have_capitals, without_capitals};
use crate::clock::Wall;
use crate::identity::{AppName, Assurance, Identity, Require, Role, Username};
use crate::place::{CanonicalPath, ClientAddress, HostPattern, Origin};

/// What an app is sent as `Remote-User`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RemoteUser {
    /// The username.
    #[default]
    Username,
    /// The e-mail address.
    Email,
    /// The account's id.
    Id,
}

/// What becomes of a CORS preflight, which never carries a credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preflight {
    /// 401.
    #[default]
    Refuse,
    /// Let through to the app, as nobody.
    Pass,
}

/// Whether an identity of the tailnet counts in a request that another site caused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrossSite {
    /// As far as a cookie with `SameSite=Lax` would: where somebody follows a link.
    #[default]
    Refuse,
    /// Always: for native clients, which say `Origin: null` or `file://`.
    Allow,
}

/// What a 401 asks programs for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Challenge {
    /// `Bearer` (RFC 6750).
    #[default]
    Bearer,
    /// `Basic` (RFC 7617).
    Basic,
}

/// A host of an app, and its port where that is not the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The host or the wildcard.
    pub hosts: HostPattern,
    /// The port.
    pub port: Option<u16>,
}

/// What is asked of a visitor, and under which name it is told of.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) name: Box<str>,
    pub(super) place: Option<Box<str>>,
    pub(super) require: Require,
    pub(super) users: Box<[Username]>,
    pub(super) roles: Box<[Role]>,
    pub(super) max_age: Option<Duration>,
    /// Who has one of these shows two factors where the rule asks for one; the same in a whole policy.
    pub(super) stricter_for: Arc<[Role]>,
    pub(super) challenge: Challenge,
}

/// What somebody who is signed in still has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A second factor: the rule asks for two.
    SecondFactor,
    /// A second factor: the rule asks for one, and a role of theirs for two.
    SecondFactorByRole,
    /// A factor, anew.
    Freshness {
        /// How old the last showing may be.
        max_age: Duration,
        /// How old it is; nothing where none was shown, as on a device of the tailnet or with a token.
        age: Option<Duration>,
    },
}

impl Rule {
    /// `app.arlo rule 2 (path /admin/*)`, `app.arlo public "/hooks"`, `app.arlo (whole app)`, …
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is written: `aegis.toml:12`, or a variable.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// What it asks.
    pub fn require(&self) -> Require {
        self.require
    }

    /// The users it is for; see [`admits`](Self::admits).
    pub fn users(&self) -> &[Username] {
        &self.users
    }

    /// The roles it is for; see [`admits`](Self::admits).
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// How old the last showing of a factor may be.
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// What its 401 asks programs for.
    pub fn challenge(&self) -> Challenge {
        self.challenge
    }

    /// Whether `identity` is one of its users or has one of its roles; with neither, everybody is.
    pub fn admits(&self, identity: &Identity) -> bool {
        self.is_for_every_user()
            || self.users.contains(&identity.username)
            || self.roles.iter().any(|role| identity.roles.contains(role))
    }

    /// What `identity` still has to show, whom it [`admits`](Self::admits), where it asks for one factor or two.
    pub fn lack(&self, identity: &Identity, now: Wall) -> Option<Lack> {
        if identity.assurance < Assurance::TwoFactor {
            if self.asks_for_two_factors() {
                return Some(Lack::SecondFactor);
            }
            if self.stricter_for.iter().any(|role| identity.roles.contains(role)) {
                return Some(Lack::SecondFactorByRole);
            }
        }
        let max_age = self.max_age?;
        // A moment yet to come was noted by a clock that went wrong: how old it is cannot be known.
        let shown = identity.authenticated_at.filter(|at| *at <= now);
        let age = shown.map(|at| at.until(now));
        age.is_none_or(|age| age > max_age).then_some(Lack::Freshness { max_age, age })
    }

    pub(super) fn is_for_every_user(&self) -> bool {
        self.users.is_empty() && self.roles.is_empty()
    }

    /// Whether it asks somebody to be known, so that users and roles count.
    pub(super) fn asks_who(&self) -> bool {
        asks_who(self.require)
    }

    /// Whether it asks everybody for two factors.
    pub fn asks_for_two_factors(&self) -> bool {
        self.require == Require::TwoFactor
    }

    /// Whether `self` lets in nobody, as nobody more, whom `other` would not. Two rules may both
    /// not be: one for `sam`, one for `ann`.
    pub(super) fn is_at_least_as_strict_as(&self, other: &Rule) -> bool {
        let enough = match (self.require, other.require) {
            (Require::TwoFactor, Require::Tailnet) | (Require::Tailnet, Require::TwoFactor) => false,
            // A device may count as one factor, and who comes with it may be asked for two.
            (Require::Tailnet, Require::SignedIn) if !other.stricter_for.is_empty() => false,
            (this, that) => rank(this) >= rank(that),
        };
        let narrower = other.is_for_every_user()
            || !self.is_for_every_user()
                && self.users.iter().all(|user| other.users.contains(user))
                && self.roles.iter().all(|role| other.roles.contains(role));
        let as_fresh = match (self.max_age, other.max_age) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(this), Some(that)) => this <= that,
        };
        enough && (self.require == Require::Deny || !other.asks_who() || narrower && as_fresh)
    }
}

/// Whether users and roles count under `require`.
pub(super) fn asks_who(require: Require) -> bool {
    match require {
        Require::SignedIn | Require::TwoFactor | Require::Tailnet => true,
        Require::Public | Require::Optional | Require::Deny => false,
    }
}

/// `Public` stands above `Optional`, because it never lets anybody in as somebody.
fn rank(require: Require) -> u8 {
    match require {
        Require::Optional => 0,
        Require::Public => 1,
        Require::SignedIn => 2,
        Require::TwoFactor | Require::Tailnet => 3,
        Require::Deny => 4,
    }
}

/// An app.
#[derive(Debug)]
pub struct App {
    pub(super) name: AppName,
    pub(super) title: Box<str>,
    pub(super) sites: Vec<Site>,
    pub(super) origin: Option<Origin>,
    pub(super) preflight: Preflight,
    pub(super) cross_site: CrossSite,
    pub(super) remote_user: RemoteUser,
    /// `public`, before all rules.
    pub(super) public: Vec<Matched>,
    pub(super) rules: Vec<Matched>,
    /// Both without regard to capitals; nothing where those make no difference.
    pub(super) any_case: Option<AnyCase>,
    pub(super) whole: Rule,
    /// For what browsers ask without cookies; nothing where that is protected.
    pub(super) assets: Option<Rule>,
    /// For a path whose readings fall under rules of which neither is the stricter.
    pub(super) ambiguous: Rule,
}

impl App {
    /// Its name in the configuration, and the audience of its tokens.
    pub fn name(&self) -> &AppName {
        &self.name
    }

    /// What people read.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Its hosts, as written.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Where a link to it leads: its first host that is no wildcard.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// What becomes of CORS preflights.
    pub fn preflight(&self) -> Preflight {
        self.preflight
    }

    /// Whether an identity of the tailnet counts in a request that another site caused.
    pub fn cross_site(&self) -> CrossSite {
        self.cross_site
    }

    /// What it is sent as `Remote-User`.
    pub fn remote_user(&self) -> RemoteUser {
        self.remote_user
    }

    /// The rule for what no other rule is for.
    pub fn whole(&self) -> &Rule {
        &self.whole
    }

    /// Every rule that somebody wrote, and the whole app's.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|matched| &matched.rule).chain([&self.whole])
    }

    /// Every rule in the order in which they are asked: `public`, those that were written, the whole app's.
    pub fn in_order(&self) -> impl Iterator<Item = &Rule> {
        self.public.iter().map(|public| &public.rule).chain(self.rules())
    }

    /// The rule for a request: `public`, then the first rule that matches, then the whole app's. `from` is
    /// the visitor's address, where it is known.
    ///
    /// Some servers drop what stands behind a semicolon in a path and others do not, some drop dots and blanks
    /// at its end, and some take `/Admin` for `/admin`; such a path is read both ways and the stricter rule
    /// counts.
    pub fn rule_for(&self, method: &Method, path: &CanonicalPath<'_>, from: Option<ClientAddress>) -> &Rule {
        let rule = self.with_and_without_end(method, path, from);
        match path.without_parameters() {
            None => rule,
            Some(plain) => self.stricter(rule, self.with_and_without_end(method, &plain, from)),
        }
    }

    /// The rule for a path without a semicolon.
    fn with_and_without_end(
        &self,
        method: &Method,
        path: &CanonicalPath<'_>,
        from: Option<ClientAddress>,
    ) -> &Rule {
        let rule = self.in_both_cases(method, path.as_str(), from);
        match path.without_end() {
            None => rule,
            Some(shorter) => self.stricter(rule, self.in_both_cases(method, shorter.as_str(), from)),
        }
    }

    /// The rule for a path that ends in a name.
    fn in_both_cases(&self, method: &Method, path: &str, from: Option<ClientAddress>) -> &Rule {
        let rule = self.rule_of(method, path, from);
        let differs = |any_case: &&AnyCase| any_case.has_capitals || may_have_capitals(path);
        match self.any_case.as_ref().filter(differs) {
            None => rule,
            Some(AnyCase { public, rules, .. }) => {
                let lower = without_capitals(path);
                self.stricter(rule, self.chosen(public, rules, (method, &lower, from)))
            }
        }
    }

    fn stricter<'a>(&'a self, one: &'a Rule, other: &'a Rule) -> &'a Rule {
        if one.is_at_least_as_strict_as(other) {
            one
        } else if other.is_at_least_as_strict_as(one) {
            other
        } else {
            &self.ambiguous
        }
    }

    /// The rule for one reading of a path.
    pub(super) fn rule_of(&self, method: &Method, path: &str, from: Option<ClientAddress>) -> &Rule {
        self.chosen(&self.public, &self.rules, (method, path, from))
    }

    fn chosen<'a>(
        &'a self,
        public: &'a [Matched],
        rules: &'a [Matched],
        (method, path, from): (&Method, &str, Option<ClientAddress>),
    ) -> &'a Rule {
        if let Some(public) = public.iter().find(|public| public.path.matches(path)) {
            return &public.rule;
        }
        let from = from.as_ref();
        let matched = rules.iter().find(|rule| rule.is_for(method, path, from));
        let rule = matched.map_or(&self.whole, |matched| &matched.rule);
        let is_get = *method == Method::GET || *method == Method::HEAD;
        match &self.assets {
            // A rule that denies, or that names this very file, was meant; so may one be whose expression fits.
            Some(assets)
                if is_get
                    && is_asset(path)
                    && rule.require != Require::Deny
                    && !matched.is_some_and(|matched| matched.path.is_of_few()) =>
            {
                assets
            }
            _ => rule,
        }
    }

    /// The rule for one reading of a path, and those for the same path that stand before it and are not for
    /// the request, with what they miss.
    pub fn passed_over(
        &self,
        method: &Method,
        path: &str,
        from: Option<ClientAddress>,
    ) -> (&Rule, Vec<(&Rule, Missed)>) {
        let chosen = self.rule_of(method, path, from);
        if self.public.iter().any(|public| public.path.matches(path)) {
            return (chosen, Vec::new());
        }
        let before = self.rules.iter().take_while(|rule| !rule.is_for(method, path, from.as_ref()));
        let missed = |rule: &Matched| {
            if rule.methods.contain(method) { Missed::Network } else { Missed::Method }
        };
        let here = before.filter(|rule| rule.path.matches(path));
        (chosen, here.map(|rule| (&rule.rule, missed(rule))).collect())
    }
}
