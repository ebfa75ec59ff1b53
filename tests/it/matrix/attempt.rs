//! One case through one proxy: how it is asked, what its cell says, and the rules that hold in every cell.

use std::cell::RefCell;
use std::fmt::Display;

use crate::lab::app::Seen;
use crate::lab::client::{self, Answer, Ask};
use crate::lab::{IDENTITY, Lab};

/// What a visitor makes up stands for this, so that it is found wherever it arrives.
pub(super) const FORGED: &str = "forged";

/// A row of the table.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// Whether the app may be reached at all.
    pub(super) open: Open,
    /// Makes the cell.
    pub(super) run: fn(&Try<'_>) -> String,
}

/// Whether the app may be reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    Yes,
    Never,
}

/// One case in one lab.
pub(super) struct Try<'l> {
    pub(super) lab: &'l Lab,
    case: &'l Case,
    /// The value of `X-Lab-Case`.
    mark: String,
    answers: RefCell<Vec<(String, Answer)>>,
}

impl<'l> Try<'l> {
    pub(super) fn new(lab: &'l Lab, case: &'l Case) -> Self {
        Self { lab, case, mark: lab.unique("try"), answers: RefCell::default() }
    }

    /// Runs the case and holds it to the rules.
    pub(super) fn cell(&self) -> String {
        let cell = (self.case.run)(self);
        self.keeps_the_rules();
        cell
    }

    /// A header line that marks what belongs to this case.
    pub(super) fn mark(&self) -> String {
        format!("X-Lab-Case: {}", self.mark)
    }

    /// The same request as one of this case.
    pub(super) fn marked(&self, ask: Ask) -> Ask {
        ask.header("X-Lab-Case", &self.mark)
    }

    /// The cookie of the guest.
    pub(super) fn cookie(&self) -> &'l str {
        &self.lab.guest().cookie
    }

    /// Asks, and says what came of it.
    pub(super) fn ask(&self, ask: Ask) -> String {
        let ask = self.marked(ask);
        let answer = self.lab.send(&ask);
        self.told(&ask, answer)
    }

    /// The same with a session.
    pub(super) fn ask_as_guest(&self, ask: Ask) -> String {
        self.ask(ask.header("Cookie", self.cookie()))
    }

    /// Sends lines of a request, without their ends; the mark is added.
    pub(super) fn lines(&self, lines: &[&str]) -> String {
        let request = format!("{}\r\n{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"), self.mark());
        let answer = client::exchange(self.lab.proxy(), request.as_bytes());
        self.told(&request, answer)
    }

    /// What the app saw of this case.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.lab.app.seen_in(&self.mark)
    }

    /// Notes an answer for the rules, and says what came of it.
    pub(super) fn told(&self, asked: &impl Display, answer: Answer) -> String {
        let mut cell = match answer.status {
            0 => "closed".to_owned(),
            status => status.to_string(),
        };
        let location = answer.header("location").unwrap_or_default();
        if location.starts_with(&format!("{}/login", self.lab.way.public_url())) && answer.status < 400 {
            cell.push_str(" sign in");
        }
        if answer.status < 400
            && let Some(seen) = self.seen().last()
        {
            cell.push(' ');
            cell.push_str(self.person(seen));
        }
        self.answers.borrow_mut().push((asked.to_string(), answer));
        cell
    }

    /// Whom the app was told of.
    fn person(&self, seen: &Seen) -> &'static str {
        match seen.one("remote-user") {
            None => "nobody",
            Some(name) if name == self.lab.guest().name => "guest",
            Some(_) => "person",
        }
    }

    /// What holds whatever the cell says.
    pub(super) fn keeps_the_rules(&self) {
        let (kind, name) = (self.lab.kind, self.case.name);
        let asked: Vec<String> = self.answers.borrow().iter().map(|(asked, _)| asked.clone()).collect();
        let asked = asked.join("\n");
        for seen in self.seen() {
            assert!(
                self.case.open == Open::Yes,
                "{kind}, {name}: the app was reached.\nasked: {asked}\nthe app saw: {seen:#?}"
            );
            for (header, value) in &seen.headers {
                assert!(
                    !value.contains(FORGED),
                    "{kind}, {name}: `{header}: {value}`, made up by the visitor, reached the app.\nasked: {asked}\nthe app saw: {seen:#?}"
                );
                let token = self.cookie().split_once('=').map_or("", |(_, token)| token);
                for secret in [token, "aegis_token", "aegis_session", "aegis_pat_"] {
                    assert!(
                        !value.contains(secret),
                        "{kind}, {name}: a credential of Aegis reached the app in `{header}`.\nasked: {asked}\nthe app saw: {seen:#?}"
                    );
                }
            }
            for header in IDENTITY {
                let times = seen.all(header).len();
                assert!(
                    times < 2,
                    "{kind}, {name}: `{header}` {times} times.\nasked: {asked}\nthe app saw: {seen:#?}"
                );
            }
        }
        for (asked, answer) in self.answers.borrow().iter() {
            for header in IDENTITY {
                assert!(
                    answer.header(header).is_none(),
                    "{kind}, {name}: the visitor is told `{header}`.\nasked: {asked}\ncame back: {answer}"
                );
            }
        }
    }
}

/// A case in which the app may be reached.
pub(super) const fn open(name: &'static str, run: fn(&Try<'_>) -> String) -> Case {
    Case { name, open: Open::Yes, run }
}

/// A case in which the app may not be reached.
pub(super) const fn never(name: &'static str, run: fn(&Try<'_>) -> String) -> Case {
    Case { name, open: Open::Never, run }
}
