//! What was found: one line each, and what to do about it.

use serde::Serialize;

use crate::cli::out;
use crate::error::Fault;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// Not wrong, but not what somebody may expect.
    Note,
    /// It does not work like this.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    about: &'static str,
    pub(super) state: State,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Finding {
    fn new(about: &'static str, state: State, what: impl Into<String>) -> Self {
        Self { about, state, what: what.into(), hint: None }
    }

    /// It is as it should be.
    pub(super) fn ok(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(about, State::Ok, what)
    }

    /// It is not wrong.
    pub(super) fn note(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(about, State::Note, what)
    }

    /// It is wrong.
    pub(super) fn wrong(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(about, State::Wrong, what)
    }

    /// A fault, with its own hint.
    pub(super) fn fault(about: &'static str, mut fault: Fault) -> Self {
        let hint = fault.hint.take();
        Self { hint, ..Self::wrong(about, fault.to_string()) }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// As a person reads it.
    pub(super) fn in_words(&self) -> String {
        let state = match self.state {
            State::Ok => "ok",
            State::Note => "note",
            State::Wrong => "wrong",
        };
        let line = format!("{state:5}  {:9}  {}", self.about, out::tame(&self.what));
        match &self.hint {
            Some(hint) => format!("{line}\n                  hint: {}", out::tame(hint)),
            None => line,
        }
    }
}

/// `a, b and c`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_and_a_hint_and_cannot_steer_the_terminal() {
        let finding = Finding::note("names", "a\u{1b}[2J\nb").hint("look");
        assert_eq!(finding.in_words(), "note   names      a\\u{1b}[2J\\u{a}b\n                  hint: look");
        assert_eq!(Finding::ok("clock", "it is right").in_words(), "ok     clock      it is right");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }
}
