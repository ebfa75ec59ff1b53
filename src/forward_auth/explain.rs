//! What a check was answered, or would be, and why: for operators who ask.
//!
//! Owns [`Explanation`]. Promises: it is judged by the rules and the function that judge a real check.
//! Never: makes a session, counts as a check, or says anything to a visitor.

use http::Method;
use serde::{Deserialize, Serialize};

use super::reason::lets_in;
use super::{Reason, Refusal, known};
use crate::clock::Wall;
use crate::forwarded::{self, Unread};
use crate::identity::{Found, Method as Shown, Role, SessionId, Why};
use crate::place::{AbsoluteUrl, ClientAddress, Scheme};
use crate::policy::{self, App, Missed, NoApp, Rule, Verdict};
use crate::state::Current;
use crate::users::User;
use crate::web;

/// A request that nobody has made.
#[derive(Clone, Debug)]
pub struct Supposed<'a> {
    url: AbsoluteUrl<'a>,
    method: Method,
    /// Who would make it: somebody who has just signed in, or nobody.
    pub user: Option<&'a User>,
    /// From where.
    pub from: Option<ClientAddress>,
    /// What its device says, where nobody else is supposed to make it.
    pub on_device: Option<Found>,
}

impl<'a> Supposed<'a> {
    /// The request of `method` for `url`, as a browser shows it, by nobody; or why that is none.
    pub fn parse(method: &str, url: &'a str) -> Result<Self, String> {
        let url = url.split('#').next().unwrap_or_default();
        let parsed = AbsoluteUrl::parse(url).map_err(|why| format!("{url:?} cannot be judged: {why}"))?;
        let method = forwarded::method_named(method).ok_or_else(|| format!("{method:?} is no method"))?;
        Ok(Self { url: parsed, method, user: None, from: None, on_device: None })
    }

    /// The app it is for.
    pub fn app<'c>(&self, current: &'c Current) -> Result<&'c App, NoApp> {
        current.policy.app_for(&self.url.host, self.url.port, self.url.scheme).map(|app| &**app)
    }
}

/// What is answered, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Let in, and the app is told who it is.
    Allowed,
    /// Let in, and the app is told of nobody.
    AllowedAsNobody,
    /// Sent to sign in, or 401.
    SignIn,
    /// The same, to show another factor or one anew.
    StepUp,
    /// 403: the rule lets them in under no circumstances.
    Forbidden,
    /// 403: there is no app.
    NoApp,
    /// Sent to https, or 403.
    Https,
    /// 400: the request has no one reading.
    Malformed,
    /// 403: the proxy is not believed.
    UnknownProxy,
    /// 503: something did not answer.
    Unavailable,
    /// Nothing: no proxy asks about Aegis’s own site.
    OwnSite,
}

impl Answer {
    /// Every answer that a request can be supposed to get, by its name.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("allowed", Self::Allowed),
        ("allowed_as_nobody", Self::AllowedAsNobody),
        ("sign_in", Self::SignIn),
        ("step_up", Self::StepUp),
        ("forbidden", Self::Forbidden),
        ("no_app", Self::NoApp),
        ("https", Self::Https),
        ("malformed", Self::Malformed),
        ("own_site", Self::OwnSite),
    ];

    fn to(why: Reason) -> Self {
        match why {
            Reason::NoApp(_) => Self::NoApp,
            Reason::PlainHttp => Self::Https,
            Reason::NobodySignedIn | Reason::Refused(Why::Invalid | Why::Disabled | Why::Audience) => {
                Self::SignIn
            }
            Reason::StepUp(_) => Self::StepUp,
            Reason::Forbidden(_) | Reason::Refused(Why::Scope) => Self::Forbidden,
            Reason::Unanswered | Reason::Failed => Self::Unavailable,
            Reason::Unread(Unread::Malformed(_)) => Self::Malformed,
            Reason::Unread(Unread::UnknownProxy | Unread::WrongSecret) => Self::UnknownProxy,
        }
    }
}

/// What was asked, who asked, which rule decided, how, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The reference of a refusal that happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// When that was (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// `GET https://arlo.example.com/admin`; of a refusal without scheme and port.
    pub asked: String,
    /// The username; nothing for nobody.
    pub by: Option<String>,
    /// The visitor's address, where it is known.
    pub from: Option<String>,
    /// `app.arlo rule 1 (path /admin/*)`; nothing where there is no app.
    pub rule: Option<String>,
    /// Where that is written: `aegis.toml:12`.
    pub place: Option<String>,
    /// Rules before it that are for the same path and were not asked, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<String>,
    /// The answer, in a word.
    pub answer: Answer,
    /// Whether the visitor comes in; a user that is supposed with a password alone.
    pub allowed: bool,
    /// The answer, in words.
    pub verdict: String,
    /// Why.
    pub why: String,
    /// What an operator can do, where the visitor does not come in.
    pub advice: Option<String>,
    /// What the user that is supposed is answered after two factors, where that is something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_two_factors: Option<Otherwise>,
}

/// Another answer to the same request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Otherwise {
    /// The answer, in a word.
    pub answer: Answer,
    /// Whether the visitor comes in.
    pub allowed: bool,
    /// The answer, in words.
    pub verdict: String,
    /// Why.
    pub why: String,
}

impl Explanation {
    /// Of a refusal that happened. Rules that were passed over are told as they are now, if the rule that
    /// decided still would.
    pub fn of_refusal(current: &Current, refusal: Refusal) -> Self {
        let passed_over = passed_over_then(current, &refusal).unwrap_or_default();
        let (lets_in, role) = refusal.lets_in.unzip();
        let role = role.flatten();
        let advice =
            refusal.why.advice(&refusal.host, refusal.username.as_deref(), role.as_ref().map(Role::as_str));
        Self {
            reference: Some(refusal.reference),
            at: Some(refusal.at.rfc3339()),
            asked: format!("{} {}{}", refusal.method, refusal.host, refusal.path),
            by: refusal.username,
            from: refusal.address,
            rule: refusal.rule,
            place: refusal.place,
            passed_over,
            answer: Answer::to(refusal.why),
            allowed: false,
            verdict: format!("refused with {}", refusal.status),
            why: refusal.why.in_full(lets_in),
            advice: Some(advice),
            with_two_factors: None,
        }
    }
}

/// What `supposed` would be answered under `current`.
pub fn judge(current: &Current, supposed: &Supposed<'_>, now: Wall) -> Explanation {
    let signed_in = |methods: &[Shown]| match supposed.user {
        None => Found::Nobody,
        Some(user) if !user.active => Found::Refused(Why::Disabled),
        Some(user) => Found::Known(user.identity(SessionId::new(), methods, now).into()),
    };
    if let Some(found) = &supposed.on_device {
        return judge_whom(current, supposed, found, now);
    }
    let mut explanation = judge_whom(current, supposed, &signed_in(&[Shown::Password]), now);
    // Which second factor it is makes no difference.
    let both = judge_whom(current, supposed, &signed_in(&[Shown::Password, Shown::Totp]), now);
    if both.verdict != explanation.verdict {
        let Explanation { answer, allowed, verdict, why, .. } = both;
        explanation.with_two_factors = Some(Otherwise { answer, allowed, verdict, why });
    }
    explanation
}

/// The same for whoever was `found`.
pub fn judge_whom(current: &Current, supposed: &Supposed<'_>, found: &Found, now: Wall) -> Explanation {
    let Supposed { url, method, user, from, on_device } = supposed;
    let by = match found {
        Found::Known(identity) => Some(&identity.username),
        Found::Nobody | Found::Refused(_) | Found::Unanswered(_) => user.map(|user| &user.username),
    };
    let port = url.port.map(|port| format!(":{port}")).unwrap_or_default();
    let asked = format!("{method} {}://{}{port}{}", url.scheme.as_str(), url.host, url.target.raw);
    let by = by.map(ToString::to_string);
    let mut explanation = Explanation::of(asked, by.clone(), from.map(|address| address.to_string()));
    let app = supposed.app(current);
    let rule = match app.map(|app| app.rule_for(method, &url.target.path, *from)) {
        Ok(rule) => rule,
        Err(NoApp::UnknownHost) if *url.host == *current.site.public_url().host().as_str() => {
            "Aegis’s own site".clone_into(&mut explanation.verdict);
            "this is the host of public_url, which is never an app: no proxy asks about it"
                .clone_into(&mut explanation.why);
            return explanation;
        }
        Err(why) => return explanation.refused(Reason::NoApp(why), "refused with 403", &url.host, None),
    };
    explanation.rule = Some(rule.name().to_owned());
    explanation.place = rule.place().map(str::to_owned);
    explanation.passed_over =
        app.map(|app| passed_over(app, method, url.target.path.as_str(), *from).1).unwrap_or_default();
    if url.scheme == Scheme::Http && current.site.is_https() {
        let verdict = "sent to https (a page that is opened), or refused with 403";
        return explanation.refused(Reason::PlainHttp, verdict, &url.host, Some(rule));
    }
    let verdict = policy::decide(rule, found, now);
    let in_words = match verdict {
        Verdict::Allow | Verdict::AllowAsNobody => "allowed",
        Verdict::SignIn | Verdict::StepUp | Verdict::Refused(_) => {
            "sent to sign in (a page that is opened), or refused with 401"
        }
        Verdict::Forbidden(_) => "refused with 403",
        Verdict::Unavailable(_) => "refused with 503",
    };
    let lack = known(found).and_then(|identity| rule.lack(identity, now));
    if let Some(why) = Reason::of(verdict, lack) {
        return explanation.refused(why, in_words, &url.host, Some(rule));
    }
    explanation.allowed = true;
    explanation.answer = if verdict == Verdict::Allow { Answer::Allowed } else { Answer::AllowedAsNobody };
    in_words.clone_into(&mut explanation.verdict);
    explanation.why = match (verdict, &by) {
        (Verdict::Allow, Some(username)) if on_device.is_some() => {
            format!("the rule lets {username} in, who is on the tailnet")
        }
        (Verdict::Allow, Some(username)) => match rule.max_age() {
            None => format!("the rule lets {username} in"),
            Some(span) => {
                format!("the rule lets {username} in, for {} after a factor was shown", web::span(span))
            }
        },
        _ => "the rule lets everybody in; the app is told of nobody".to_owned(),
    };
    explanation
}

/// The rules for that path which a request that was refused only just was not for.
fn passed_over_then(current: &Current, refusal: &Refusal) -> Option<Vec<String>> {
    let app = current.policy.app_of_host(&refusal.host)?;
    let method = refusal.method.parse().ok()?;
    let from = refusal.address.as_ref().and_then(|address| address.parse().ok());
    let decided = refusal.rule.as_deref()?;
    let (rule, told) = passed_over(app, &method, &refusal.path, from);
    (rule.name() == decided).then_some(told)
}

/// The rule for a request, and those for the same path which it only just is not for.
fn passed_over<'a>(
    app: &'a App,
    method: &Method,
    path: &str,
    from: Option<ClientAddress>,
) -> (&'a Rule, Vec<String>) {
    let (rule, passed) = app.passed_over(method, path, from);
    let told = passed.into_iter().map(|(rule, missed)| match (missed, from) {
        (Missed::Method, _) => format!("{}: not for {method}", rule.name()),
        (Missed::Network, Some(from)) => format!("{}: not from {from}", rule.name()),
        (Missed::Network, None) => format!("{}: the address is not known", rule.name()),
    });
    (rule, told.collect())
}

impl Explanation {
    /// Of a request for `url` that has no one reading, and why it has none.
    pub fn malformed(method: &str, url: &str, why: String) -> Self {
        Self {
            answer: Answer::Malformed,
            verdict: "refused with 400".to_owned(),
            why,
            ..Self::of(format!("{method} {url}"), None, None)
        }
    }

    /// Of a request that nothing is said of yet.
    fn of(asked: String, by: Option<String>, from: Option<String>) -> Self {
        Self {
            reference: None,
            at: None,
            asked,
            by,
            from,
            rule: None,
            place: None,
            passed_over: Vec::new(),
            answer: Answer::OwnSite,
            allowed: false,
            verdict: String::new(),
            why: String::new(),
            advice: None,
            with_two_factors: None,
        }
    }

    fn refused(mut self, why: Reason, verdict: &str, host: &str, rule: Option<&Rule>) -> Self {
        let role = rule.and_then(|rule| rule.roles().first());
        self.advice = Some(why.advice(host, self.by.as_deref(), role.map(Role::as_str)));
        self.answer = Answer::to(why);
        self.why = why.in_full(rule.and_then(lets_in));
        verdict.clone_into(&mut self.verdict);
        self
    }
}
