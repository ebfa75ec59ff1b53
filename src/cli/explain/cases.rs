//! `aegis explain --file`: a table of requests, each with the answer it should get. Asks no server and
//! opens no data: people are supposed as the table has them, so that it runs wherever the configuration is.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::authenticate::tailnet::Rules;
use crate::cli::{Failure, Outcome, out};
use crate::clock::{Clock, Wall};
use crate::config::{self, CaseSettings, Cases, Placed, nearest};
use crate::error::{Fault, Faults};
use crate::forward_auth::explain::{Answer, Explanation, Supposed, judge_whom};
use crate::identity::{Assurance, Found, Identity, Method, Role, SessionId, UserId, Username};
use crate::state::Current;

/// A request, and the answer it should get.
struct Case<'c> {
    url: &'c Placed<String>,
    method: &'c str,
    by: Option<By>,
    from: Option<IpAddr>,
    expect: (&'c str, Answer),
}

/// Somebody, and what they have shown.
struct By {
    username: Username,
    roles: Vec<Role>,
    with: With,
    age: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum With {
    Password,
    TwoFactors,
    Tailnet,
    Token,
}

const WITH: [(&str, With); 4] = [
    ("password", With::Password),
    ("two_factors", With::TwoFactors),
    ("tailnet", With::Tailnet),
    ("token", With::Token),
];

/// One case as JSON.
#[derive(Serialize)]
struct Told {
    line: Option<usize>,
    expected: Answer,
    as_expected: bool,
    #[serde(flatten)]
    came_back: Explanation,
}

/// Judges every case; fails if one is answered otherwise.
pub(super) fn run(current: &Current, file: &Path, json: bool) -> Outcome {
    let read = config::cases(file).map_err(Failure::Configuration)?;
    let cases = understand(&read, current, file).map_err(Failure::Configuration)?;
    let now = Clock::system().now().wall;
    let told: Vec<Told> = cases.iter().map(|case| judged(current, case, now)).collect();
    if json {
        out::json(&told)?;
    }
    let otherwise: Vec<Fault> = cases
        .iter()
        .zip(&told)
        .filter(|(_, told)| !told.as_expected)
        .map(|(case, told)| fault(case, told))
        .collect();
    let count = told.len();
    let noun = if count == 1 { "case" } else { "cases" };
    if otherwise.is_empty() {
        if !json {
            out::line(&format!("ok: {count} {noun} answered as expected"));
        }
        return Ok(());
    }
    if !json {
        out::line(&format!("{} of {count} {noun} answered otherwise than expected", otherwise.len()));
    }
    Err(Failure::Failed(Faults(otherwise)))
}

fn judged(current: &Current, case: &Case<'_>, now: Wall) -> Told {
    let came_back = match Supposed::parse(case.method, &case.url.value) {
        Ok(mut supposed) => {
            supposed.from = case.from.map(Into::into);
            let found =
                case.by.as_ref().map_or(Found::Nobody, |by| Found::Known(by.identity(current, now).into()));
            judge_whom(current, &supposed, &found, now)
        }
        Err(why) => Explanation::malformed(case.method, &case.url.value, why),
    };
    let (_, expected) = case.expect;
    Told { line: case.url.line, expected, as_expected: came_back.answer == expected, came_back }
}

impl By {
    fn identity(&self, current: &Current, now: Wall) -> Identity {
        let shown: &[Method] = match self.with {
            With::Password => &[Method::Password],
            With::TwoFactors => &[Method::Password, Method::Totp],
            With::Tailnet => &[Method::Tailnet],
            With::Token => &[Method::Token],
        };
        let in_session = matches!(self.with, With::Password | With::TwoFactors);
        let on_tailnet = current.tailnet.as_ref().filter(|_| matches!(self.with, With::Tailnet));
        Identity {
            user: UserId::new(),
            username: self.username.clone(),
            email: None,
            name: self.username.as_str().into(),
            roles: self.roles.clone().into(),
            administrator: false,
            methods: shown.into(),
            assurance: on_tailnet.map_or_else(|| Assurance::of(shown), Rules::counts_as),
            authenticated_at: in_session.then(|| now.minus(self.age)),
            session: in_session.then(SessionId::new),
        }
    }
}

/// What was asked, expected, and came back.
fn fault(case: &Case<'_>, told: &Told) -> Fault {
    let Explanation { asked, by, from, rule, place, passed_over, verdict, why, .. } = &told.came_back;
    let shown = case.by.as_ref().and_then(|by| WITH.iter().find(|(_, with)| *with == by.with));
    let with = shown.map(|(name, _)| format!(" with {name}")).unwrap_or_default();
    let from = from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
    let by = by.as_deref().unwrap_or("nobody");
    let place = place.as_ref().map(|place| format!(", at {place}")).unwrap_or_default();
    let name =
        |answer| Answer::NAMES.iter().find(|(_, known)| *known == answer).map_or("none", |(name, _)| name);
    let message = format!(
        "asked: {asked} by {by}{with}{from}\n  expected: {}\n  came back: {}: {verdict}: {why}\n  rule: {}{place}",
        case.expect.0,
        name(told.came_back.answer),
        rule.as_deref().unwrap_or("none"),
    );
    let passed = passed_over.iter().map(|rule| format!("\n  not: {rule}"));
    case.url.fault(Fault::new(passed.fold(message, |message, rule| message + &rule)))
}

/// The cases, or all that is wrong with them.
fn understand<'c>(read: &'c Cases, current: &Current, file: &Path) -> Result<Vec<Case<'c>>, Faults> {
    let mut faults = Faults::default();
    let people = people(read, &mut faults);
    let cases = read.cases.iter().filter_map(|case| one(case, &people, current, &mut faults)).collect();
    if read.cases.is_empty() {
        let fault = Fault::new("there is no case").hint("write `[[case]]`, with `url` and `expect`");
        faults.add(fault.at(file, None));
    }
    faults.or(cases)
}

/// The people, and their roles.
type People = BTreeMap<Username, Vec<Role>>;

fn people(read: &Cases, faults: &mut Faults) -> People {
    let mut people = People::new();
    for (name, person) in &read.people {
        let mut roles = Vec::new();
        for role in &person.value.roles {
            match role.value.parse() {
                Ok(role) => roles.push(role),
                Err(why) => {
                    faults.add(role.fault(Fault::new(format!("`{}`: {why}", role.value.escape_debug()))));
                }
            }
        }
        match name.parse() {
            Ok(name) => drop(people.insert(name, roles)),
            Err(why) => faults.add(person.fault(Fault::new(format!("`{}`: {why}", name.escape_debug())))),
        }
    }
    people
}

fn one<'c>(
    placed: &'c Placed<CaseSettings>,
    people: &People,
    current: &Current,
    faults: &mut Faults,
) -> Option<Case<'c>> {
    let case = &placed.value;
    let before = faults.0.len();
    let mut told = |found: Fault| faults.add(found);
    let missing = |key: &str, such: &str| {
        placed.fault(
            Fault::new(format!("the case has no `{key}`")).hint(format!("such as `{key} = \"{such}\"`")),
        )
    };
    if case.url.is_none() {
        told(missing("url", "https://arlo.example.com/admin"));
    }
    let expect = match &case.expect {
        None => {
            told(missing("expect", "forbidden"));
            None
        }
        Some(written) => choice("expect", written, &Answer::NAMES).map_err(&mut told).ok(),
    };
    let from = case.from.as_ref().and_then(|from| {
        let read = from.value.parse::<IpAddr>();
        read.map_err(|_| {
            told(from.fault(Fault::new(format!("`from`: `{}` is no address", from.value.escape_debug()))));
        })
        .ok()
    });
    let with = case.with.as_ref().map(|with| choice("with", with, &WITH).map_err(&mut told));
    let (_, with) = with.and_then(Result::ok).unwrap_or(("two_factors", With::TwoFactors));
    let age = case.age.as_ref().map(|age| config::span(age).map_err(&mut told));
    let age = age.and_then(Result::ok).unwrap_or_default();
    if let (None, Some(written)) = (&case.person, case.with.as_ref().or(case.age.as_ref())) {
        let fault = Fault::new("`with` and `age` say what somebody has shown, and nobody asks");
        told(written.fault(fault.hint("write `as` beside it, or take it out")));
    }
    if let (With::Tailnet, Some(written), None) = (with, &case.with, &current.tailnet) {
        told(written.fault(Fault::new("`with = \"tailnet\"`, and there is no section [tailscale]")));
    }
    let by = case.person.as_ref().and_then(|person| {
        let known = person.value.parse::<Username>().ok();
        let Some((username, roles)) = known.and_then(|name| people.get_key_value(&name)) else {
            let fault = Fault::new(format!("`as`: `{}` is none of [people]", person.value.escape_debug()));
            let hint = match nearest(&person.value, people.keys().map(Username::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write them there, with their roles: `sam = { roles = [\"admin\"] }`".to_owned(),
            };
            told(person.fault(fault.hint(hint)));
            return None;
        };
        Some(By { username: username.clone(), roles: roles.clone(), with, age })
    });
    let (url, expect) = (case.url.as_ref()?, expect?);
    (faults.0.len() == before).then_some(Case { url, method: &case.method.value, by, from, expect })
}

/// The meaning of a word, and the word.
fn choice<'c, T: Copy>(
    key: &str,
    written: &Placed<String>,
    choices: &'c [(&'static str, T)],
) -> Result<(&'c str, T), Fault> {
    let names = || choices.iter().map(|(name, _)| *name);
    choices.iter().find(|(name, _)| *name == written.value).copied().ok_or_else(|| {
        let fault = Fault::new(format!("`{key}` cannot be `{}`", written.value.escape_debug()));
        written.fault(fault.hint(match nearest(&written.value, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", names().collect::<Vec<_>>().join(", ")),
        }))
    })
}
