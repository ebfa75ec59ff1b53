//! Compiling one app: its hosts, its rules, what they inherit.
//! Never compares apps with each other: that is done above.

use std::sync::Arc;
use std::time::Duration;

use super::super::app::{App, Challenge, CrossSite, Preflight, RemoteUser, Rule, Site, asks_who};
use super::super::matched::{AnyCase, Matched};
use super::super::pattern::{Methods, PathPattern};
use super::{Compiler, Domain, place_of};
use crate::config::{self, AppSettings, Placed, RuleSettings, Settings, nearest};
use crate::error::Fault;
use crate::identity::{AppName, Require, Role, Username};
use crate::place::{Authority, Host, HostPattern, NetworkList, Origin};

/// The least and the most that `max_age` may be.
const SHORTEST_AGE: Duration = Duration::from_mins(1);
const LONGEST_AGE: Duration = Duration::from_hours(9600);

/// Users and roles, of which any is enough.
#[derive(Clone, Default)]
struct Who {
    users: Box<[Username]>,
    roles: Box<[Role]>,
}

impl Compiler<'_> {
    /// Compiles one app. Its hosts are given even where it is faulty, so that doubles are told.
    pub(super) fn app<'s>(
        &mut self,
        name: &'s str,
        written: &'s Placed<AppSettings>,
        settings: &Settings,
    ) -> (Option<App>, Vec<(Site, &'s Placed<String>)>) {
        let app = &written.value;
        let faults = self.faults.0.len();
        let parsed = name.parse::<AppName>();
        match &parsed {
            Err(why) => {
                self.fault(written, format!("`{}`: {why}", name.escape_debug()), "such as `[app.arlo]`");
            }
            Ok(name) if name.as_str() == "aegis-apps" => {
                self.fault(written, "no app may be named `aegis-apps`", "tokens for all apps have that name");
            }
            Ok(_) => {}
        }
        if app.hosts.is_empty() {
            self.no_hosts(name, written, settings);
            return (None, Vec::new());
        }
        let sites: Vec<_> =
            app.hosts.iter().filter_map(|host| Some((self.site(name, host)?, host))).collect();
        let who = Who { users: self.names(&app.users), roles: self.names(&app.roles) };
        let whole = self.whole(name, written, &who);
        let public: Vec<Matched> = app.public.iter().filter_map(|prefix| self.public(name, prefix)).collect();
        let rules: Vec<_> = app
            .rules
            .iter()
            .enumerate()
            .map(|(position, rule)| self.rule(name, position + 1, rule, &who, &whole))
            .collect();
        self.who_is_asked(name, app, &whole, &rules);
        let assets = [("public", Some(true)), ("protected", Some(false))];
        let assets = self.choice("assets", app.assets.as_ref(), &assets);
        let assets = assets.unwrap_or(true) && whole.require != Require::Deny;
        self.choice("cookie", app.cookie.as_ref(), &[("shared", Some(())), ("own", None)]);
        let cross_site = [("refuse", Some(CrossSite::Refuse)), ("allow", Some(CrossSite::Allow))];
        let cross_site = self.choice("cross_site", app.cross_site.as_ref(), &cross_site).unwrap_or_default();
        let preflight = [("refuse", Some(Preflight::Refuse)), ("pass", Some(Preflight::Pass))];
        let remote_user = [
            ("username", Some(RemoteUser::Username)),
            ("email", Some(RemoteUser::Email)),
            ("id", Some(RemoteUser::Id)),
        ];
        let preflight = self.choice("preflight", app.preflight.as_ref(), &preflight).unwrap_or_default();
        let remote_user =
            self.choice("remote_user", app.remote_user.as_ref(), &remote_user).unwrap_or_default();
        let Ok(parsed) = parsed else { return (None, sites) };
        let origin = sites.iter().find_map(|(site, _)| match &site.hosts {
            HostPattern::Exact(host) => Some(Origin::new(self.public_url.scheme(), host.clone(), site.port)),
            HostPattern::Below(_) => None,
        });
        let app = App {
            name: parsed,
            title: app.title.as_ref().map_or(name, |title| &title.value).into(),
            sites: sites.iter().map(|(site, _)| site.clone()).collect(),
            origin,
            preflight,
            cross_site,
            remote_user,
            any_case: AnyCase::of(&public, &rules),
            public,
            rules,
            assets: assets.then(|| built_in(name, "assets", Require::Public)),
            ambiguous: built_in(name, "(path with two readings)", Require::Deny),
            whole,
        };
        if self.faults.0.len() == faults {
            self.notes_on(&app, written);
        }
        (Some(app), sites)
    }

    fn no_hosts(&mut self, name: &str, written: &Placed<AppSettings>, settings: &Settings) {
        let app = &written.value;
        if let (Some(rule), None, None) = (app.rules.first(), &app.require, &app.title) {
            let others = settings.apps.iter().filter(|(_, app)| !app.value.hosts.is_empty());
            let hint = match nearest(name, others.map(|(name, _)| name.as_str())) {
                Some(near) => format!("did you mean `app.{near}`?"),
                None => format!("define it with `[app.{name}]` and its `hosts`, in the same file"),
            };
            self.fault(rule, format!("a rule for the app `{name}`, which is not defined"), hint);
        } else {
            self.fault(
                written,
                format!("app.{name} has no `hosts`"),
                format!("such as `hosts = [\"{name}.example.com\"]`"),
            );
        }
    }

    fn site(&mut self, name: &str, written: &Placed<String>) -> Option<Site> {
        let (wildcard, rest) = match written.value.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, written.value.as_str()),
        };
        let parsed = Authority::parse(rest).and_then(|place| Ok((place.host.parse::<Host>()?, place.port)));
        let (host, port) = match parsed {
            Ok(parsed) => parsed,
            Err(why) => {
                let message = format!("app.{name}: `{}` is {why}", written.value.escape_debug());
                let hint = "write a host alone, such as \"arlo.example.com\", \"*.example.com\" or \
                            \"arlo.example.com:8443\"";
                self.fault(written, message, hint);
                return None;
            }
        };
        if !wildcard && host == *self.public_url.host() {
            let message = format!("app.{name} has the host of `public_url`, which is Aegis itself: {host}");
            self.fault(written, message, "give the app a host of its own");
        } else if let Domain::Known(domain) = self.domain
            && !host.is_within(domain)
        {
            let message = format!("app.{name}: `{}` is not within `cookie.domain`, {domain}", written.value);
            self.fault(written, message, "apps under other domains come in a later release");
        }
        let hosts = if wildcard { HostPattern::Below(host) } else { HostPattern::Exact(host) };
        Some(Site { hosts, port })
    }

    /// One entry of `public`.
    fn public(&mut self, name: &str, written: &Placed<String>) -> Option<Matched> {
        match PathPattern::prefix(written) {
            Ok(path) => {
                let mut rule = built_in(name, &format!("public \"{}\"", written.value), Require::Public);
                rule.place = place_of(written);
                Some(Matched { path, methods: Methods::default(), networks: None, rule })
            }
            Err(fault) => {
                self.faults.add(fault);
                None
            }
        }
    }

    /// That users and roles of an app are used by the app or by one of its rules: whoever wrote
    /// them meant to keep somebody out.
    fn who_is_asked(&mut self, name: &str, app: &AppSettings, whole: &Rule, rules: &[Matched]) {
        let Some(who) = app.users.first().or(app.roles.first()) else { return };
        let inherited = rules.iter().zip(&app.rules).any(|(matched, written)| {
            matched.rule.asks_who() && (written.value.users.is_none() || written.value.roles.is_none())
        });
        if !whole.asks_who() && !inherited {
            let message = format!("app.{name} names users or roles, and asks nobody who they are");
            self.fault(who, message, "write `require = \"signed_in\"`, or take them out");
        }
    }

    /// The rule that stands for the whole app.
    fn whole(&mut self, name: &str, written: &Placed<AppSettings>, who: &Who) -> Rule {
        let app = &written.value;
        // What is faulty is taken for the default while the rest is checked; with a fault there is no policy.
        let require = self.require(app.require.as_ref()).unwrap_or(Require::TwoFactor);
        let Who { users, roles } = if asks_who(require) { who.clone() } else { Who::default() };
        Rule {
            name: format!("app.{name} (whole app)").into(),
            place: place_of(written),
            require,
            users,
            roles,
            max_age: self.max_age(app.max_age.as_ref(), require),
            stricter_for: self.stricter_for.clone(),
            challenge: self.challenge(app.challenge.as_ref()).unwrap_or_default(),
        }
    }

    /// One `[[app.NAME.rule]]`; what it leaves out is the app's.
    fn rule(
        &mut self,
        app: &str,
        number: usize,
        written: &Placed<RuleSettings>,
        inherited: &Who,
        whole: &Rule,
    ) -> Matched {
        let rule = &written.value;
        let path = self.path(rule);
        let methods = Methods::read(&rule.methods, |fault| self.faults.add(fault));
        let networks = rule.networks.as_deref().map(|networks| self.networks(written, networks));
        let require = match &rule.require {
            Some(_) => self.require(rule.require.as_ref()).unwrap_or(Require::TwoFactor),
            None => whole.require,
        };
        let name = format!("app.{app} rule {number} ({})", what_for(rule, &methods));
        let own = Who {
            users: rule.users.as_ref().map_or_else(|| inherited.users.clone(), |users| self.names(users)),
            roles: rule.roles.as_ref().map_or_else(|| inherited.roles.clone(), |roles| self.names(roles)),
        };
        let Who { users, roles } = if asks_who(require) {
            own
        } else {
            if let Some(who) = [&rule.users, &rule.roles].into_iter().flatten().flatten().next() {
                let message = format!("{name} names users or roles, and asks nobody who they are");
                self.fault(who, message, "write `require = \"signed_in\"`, or take them out");
            }
            Who::default()
        };
        let mixed = match (&rule.users, &rule.roles) {
            (Some(own), None) if !own.is_empty() && !roles.is_empty() => Some(("users", "roles")),
            (None, Some(own)) if !own.is_empty() && !users.is_empty() => Some(("roles", "users")),
            _ => None,
        };
        if let Some((own, inherited)) = mixed {
            let message = format!("{name} names {own}, and has the {inherited} of the app: either is let in");
            self.note(written, message, format!("write `{inherited} = []` in the rule to leave those out"));
        }
        let challenge = self.challenge(rule.challenge.as_ref()).unwrap_or(whole.challenge);
        let max_age = match &rule.max_age {
            Some(_) => self.max_age(rule.max_age.as_ref(), require),
            None => whole.max_age.filter(|_| require == Require::TwoFactor),
        };
        let (name, place, stricter_for) = (name.into(), place_of(written), self.stricter_for.clone());
        let rule = Rule { name, place, require, users, roles, max_age, stricter_for, challenge };
        Matched { path, methods, networks, rule }
    }

    /// The paths of a rule. What is faulty is taken for every path while the rest is checked.
    fn path(&mut self, rule: &RuleSettings) -> PathPattern {
        let read = match (&rule.path, &rule.path_regex) {
            (None, None) => return PathPattern::Within("".into()),
            (Some(path), None) => PathPattern::rule(path),
            (None, Some(expression)) => PathPattern::expression(expression),
            (Some(_), Some(expression)) => {
                let fault = Fault::new("`path` and `path_regex` are both set").hint("keep one of them");
                Err(expression.fault(fault))
            }
        };
        read.unwrap_or_else(|fault| {
            self.faults.add(fault);
            PathPattern::Within("".into())
        })
    }

    /// The networks of a rule.
    fn networks(&mut self, rule: &Placed<RuleSettings>, written: &[Placed<String>]) -> NetworkList {
        if written.is_empty() {
            self.fault(
                rule,
                "`networks` is empty: the rule would never match",
                "leave it out: from anywhere",
            );
        }
        let mut networks = NetworkList::default();
        for entry in written {
            if let Err(why) = networks.add(&entry.value) {
                let message = format!("`networks`: `{}` is {why}", entry.value.escape_debug());
                self.fault(entry, message, NetworkList::advice(&entry.value));
            }
        }
        networks
    }

    fn require(&mut self, written: Option<&Placed<String>>) -> Option<Require> {
        let choices = [
            ("public", Some(Require::Public)),
            ("optional", Some(Require::Optional)),
            ("signed_in", Some(Require::SignedIn)),
            ("two_factor", Some(Require::TwoFactor)),
            ("tailnet", Some(Require::Tailnet)),
            ("deny", Some(Require::Deny)),
        ];
        let require = self.choice("require", written, &choices);
        if let (Some(written), Some(Require::Tailnet), false) = (written, require, self.is_on_tailnet) {
            self.fault(
                written,
                "`require = \"tailnet\"` without the section [tailscale]: nobody could come in",
                "write `[tailscale]` where this machine is on a tailnet",
            );
        }
        require
    }

    /// How old the last showing of a factor may be, beside this `require`.
    fn max_age(&mut self, written: Option<&Placed<String>>, require: Require) -> Option<Duration> {
        let written = written?;
        if require != Require::TwoFactor {
            self.fault(
                written,
                "`max_age` where two factors are not asked for",
                "write `require = \"two_factor\"` beside it, or take it out",
            );
        }
        match config::span(written) {
            // In less time than that nobody comes back from showing one.
            Ok(span) if (SHORTEST_AGE..=LONGEST_AGE).contains(&span) => return Some(span),
            Ok(_) => self.faults.add(
                written.fault(
                    Fault::new(format!("`max_age = \"{}\"` is out of reason", written.value))
                        .hint("between one minute (\"1m\") and 400 days (\"400d\")"),
                ),
            ),
            Err(fault) => self.faults.add(fault),
        }
        None
    }

    fn challenge(&mut self, written: Option<&Placed<String>>) -> Option<Challenge> {
        let choices = [("bearer", Some(Challenge::Bearer)), ("basic", Some(Challenge::Basic))];
        self.choice("challenge", written, &choices)
    }
}

/// What a rule is for, in its name: `path /admin/*, methods POST`.
fn what_for(rule: &RuleSettings, methods: &Methods) -> String {
    let mut parts = vec![match (&rule.path, &rule.path_regex) {
        (None, Some(expression)) => format!("path_regex {}", expression.value),
        (path, _) => format!("path {}", path.as_ref().map_or("/*", |path| &path.value)),
    }];
    if !rule.methods.is_empty() {
        parts.push(format!("methods {}", methods.names()));
    }
    if let Some(networks) = &rule.networks {
        let networks: Vec<&str> = networks.iter().map(|network| network.value.as_str()).collect();
        parts.push(format!("networks {}", networks.join(", ")));
    }
    parts.join(", ")
}

/// A rule that nobody wrote.
fn built_in(app: &str, which: &str, require: Require) -> Rule {
    Rule {
        name: format!("app.{app} {which}").into(),
        place: None,
        require,
        users: Box::default(),
        roles: Box::default(),
        max_age: None,
        stricter_for: Arc::default(),
        challenge: Challenge::default(),
    }
}
