//! Why a check was not allowed. Owns the words of it, and what an operator can do about it.
//! Never tells a visitor anything: what they read is the answer's matter.

use crate::forwarded::Unread;
use crate::identity::{Role, Username, Why};
use crate::policy::{Lack, Needs, NoApp, Rule, Verdict};
use crate::web;

/// Why a check was not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no app at that place.
    NoApp(NoApp),
    /// Without TLS, for the app of a site that has it.
    PlainHttp,
    /// Nobody is signed in.
    NobodySignedIn,
    /// A credential of ours that does not count.
    Refused(Why),
    /// Somebody is known, and has to show more: this.
    StepUp(Option<Lack>),
    /// Somebody is known, and the rule does not let them in; or it lets in nobody.
    Forbidden(Needs),
    /// Something that had to be asked did not answer.
    Unanswered,
    /// The request could not be read, or its proxy is not believed.
    Unread(Unread),
    /// A mistake of ours.
    Failed,
}

impl Reason {
    /// Why this verdict is none that lets in, on somebody who has this `lack`; nothing if it does.
    pub fn of(verdict: Verdict, lack: Option<Lack>) -> Option<Self> {
        match verdict {
            Verdict::Allow | Verdict::AllowAsNobody => None,
            Verdict::SignIn => Some(Self::NobodySignedIn),
            Verdict::StepUp => Some(Self::StepUp(lack)),
            Verdict::Forbidden(needs) => Some(Self::Forbidden(needs)),
            Verdict::Unavailable(_) => Some(Self::Unanswered),
            Verdict::Refused(why) => Some(Self::Refused(why)),
        }
    }

    /// In words, for the log and for operators.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoApp(NoApp::UnknownHost) => "no app has this host",
            Self::NoApp(NoApp::WrongPort) => "the app of this host is not served on this port",
            Self::PlainHttp => "plain http",
            Self::NobodySignedIn => "nobody is signed in",
            Self::Refused(Why::Invalid) => "a credential of ours that does not count",
            Self::Refused(Why::Disabled) => "the account is disabled",
            Self::Refused(Why::Audience) => "the token is for another app",
            Self::Refused(Why::Scope) => "the token is not for this method and path",
            Self::StepUp(None | Some(Lack::SecondFactor)) => "two factors are asked for, and one was shown",
            Self::StepUp(Some(Lack::SecondFactorByRole)) => {
                "one of their roles asks for two factors, and one was shown"
            }
            Self::StepUp(Some(Lack::Freshness { age: Some(_), .. })) => "the factor was shown too long ago",
            Self::StepUp(Some(Lack::Freshness { age: None, .. })) => {
                "a factor has to be shown for this, and none was: a device or a token is recognised without"
            }
            Self::Forbidden(Needs::Nothing) => "the rule lets in nobody",
            Self::Forbidden(Needs::Membership) => "the rule does not let this account in",
            Self::Forbidden(Needs::Tailnet) => "the rule lets in devices on the tailnet alone",
            Self::Unanswered => "something that had to be asked did not answer",
            Self::Unread(Unread::UnknownProxy) => "the proxy is not believed",
            Self::Unread(Unread::WrongSecret) => "the proxy shows a secret that is not ours",
            Self::Unread(Unread::Malformed(why)) => why.reason,
            Self::Failed => "failed here",
        }
    }

    /// The same with what it is about: whom the rule lets in, or how old a factor is.
    pub fn in_full(self, lets_in: Option<String>) -> String {
        let words = self.words();
        match (self, lets_in) {
            (Self::Forbidden(Needs::Membership), Some(whom)) => format!("{words}: it is for {whom}"),
            (Self::StepUp(Some(Lack::Freshness { max_age, age: Some(age) })), _) => {
                format!("{words}: {} ago, and `max_age` is {}", web::span(age), web::span(max_age))
            }
            _ => words.to_owned(),
        }
    }

    /// What an operator can do, if the visitor should have come in. `host` is the one asked for, `who`
    /// the account, `role` one of the roles that would let it in.
    pub fn advice(self, host: &str, who: Option<&str>, role: Option<&str>) -> String {
        let who = who.unwrap_or("USER");
        match self {
            Self::NoApp(NoApp::UnknownHost) => {
                format!("add \"{host}\" to `hosts` of an app, and reload the server (SIGHUP)")
            }
            Self::NoApp(NoApp::WrongPort) => {
                format!("write the port beside the host in `hosts` of the app: \"{host}:PORT\"")
            }
            Self::PlainHttp => {
                "open it under https; if it was, the proxy has to say so in X-Forwarded-Proto \
                                (a proxy before the proxy: `trusted_hops` and its like there)"
                    .to_owned()
            }
            Self::NobodySignedIn => {
                "sign in; or, if everybody may see it, `require = \"public\"` or `public = [\"/path\"]`"
                    .to_owned()
            }
            Self::Refused(Why::Invalid | Why::Audience) => "sign in anew, or make a new token".to_owned(),
            Self::Refused(Why::Disabled) => format!("aegis user enable {who}"),
            Self::Refused(Why::Scope) => {
                format!(
                    "make a token whose `--allow` covers it; `aegis token list {who}` shows what there is"
                )
            }
            Self::StepUp(None | Some(Lack::SecondFactor)) => {
                "show a second factor; or, if a password is enough, `require = \"signed_in\"`".to_owned()
            }
            Self::StepUp(Some(Lack::SecondFactorByRole)) => {
                "show a second factor; or take the role out of `roles` in [second_factor]".to_owned()
            }
            Self::StepUp(Some(Lack::Freshness { .. })) => {
                "sign in, and show a factor again; or allow it to be older with `max_age`".to_owned()
            }
            Self::Forbidden(Needs::Nothing) => "the rule says `require = \"deny\"`: change it".to_owned(),
            Self::Forbidden(Needs::Membership) => match role {
                Some(role) => format!("aegis user roles {who} --add {role}"),
                None => format!("add \"{who}\" to `users` of the rule, and reload the server (SIGHUP)"),
            },
            Self::Forbidden(Needs::Tailnet) => "open it from a device on the tailnet".to_owned(),
            Self::Unanswered => "aegis health".to_owned(),
            Self::Unread(Unread::UnknownProxy) => {
                "if that is your proxy, add its address to `trusted_proxies`, and reload the server (SIGHUP)"
                    .to_owned()
            }
            Self::Unread(Unread::WrongSecret) => {
                "the proxy has to send in X-Aegis-Proxy-Secret what `proxy_secret_file` holds".to_owned()
            }
            Self::Unread(Unread::Malformed(why)) => {
                format!("{}: compare the proxy's configuration with `aegis print`", why.part)
            }
            Self::Failed => "the log says more at that moment".to_owned(),
        }
    }
}

/// Whom `rule` lets in, where it names them: `the users ann, sam or the role admin`.
pub(super) fn lets_in(rule: &Rule) -> Option<String> {
    let named = |one: &str, many: &str, names: Vec<&str>| match names.as_slice() {
        [] => None,
        [name] => Some(format!("{one} {name}")),
        names => Some(format!("{many} {}", names.join(", "))),
    };
    let users = named("the user", "the users", rule.users().iter().map(Username::as_str).collect());
    let roles = named("the role", "the roles", rule.roles().iter().map(Role::as_str).collect());
    match (users, roles) {
        (Some(users), Some(roles)) => Some(format!("{users} or {roles}")),
        (users, roles) => users.or(roles),
    }
}
