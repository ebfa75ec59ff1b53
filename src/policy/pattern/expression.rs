//! Regular expressions of paths. Owns [`Expression`].
//!
//! Promises: each is for a whole path, from its first slash to its end; matching takes time linear in the
//! path, whatever is written, and a bounded amount of memory.
//! Never: is accepted where it could not match any path as paths are compared.

use std::fmt;

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{Extractor, Literal};
use regex_syntax::hir::{Hir, Look};

use crate::config::Placed;
use crate::error::Fault;

/// The longest, in bytes.
const LONGEST: usize = 1000;

/// How deeply groups stand in each other.
const DEEPEST: u32 = 50;

/// What one may take when it is compiled, and what matching may keep of it, in bytes.
const LARGEST: usize = 256 * 1024;

/// A regular expression, held against whole paths.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Expression(Regex);

impl Expression {
    /// Reads `^/albums/[0-9]+$`.
    pub(super) fn read(written: &Placed<String>) -> Result<Self, Fault> {
        let text = written.value.as_str();
        let fault = |message: &str, hint: &str| {
            let message = format!("`path_regex = \"{}\"` {message}", text.escape_debug());
            Err(written.fault(Fault::new(message).hint(hint)))
        };
        if text.len() > LONGEST {
            let message = format!("`path_regex` has more than {LONGEST} characters");
            return Err(written.fault(Fault::new(message).hint("write several rules")));
        }
        let parsed = match parsed(text) {
            Ok(parsed) => parsed,
            Err(why) => return fault(&format!("is no regular expression: {why}"), LANGUAGE),
        };
        let looks = parsed.properties();
        if !looks.look_set_prefix().contains(Look::Start) || !looks.look_set_suffix().contains(Look::End) {
            let inner = text.strip_prefix('^').unwrap_or(text);
            let inner = inner.strip_suffix('$').unwrap_or(inner);
            let inner = if inner.contains('|') { format!("(?:{inner})") } else { inner.to_owned() };
            return fault(
                "is not for a whole path",
                &format!(
                    "write \"^{}$\", which stands for the path from its first slash to its end",
                    inner.escape_debug()
                ),
            );
        }
        if text.contains('%') {
            return fault("would never match", "paths are compared decoded: write the character itself");
        }
        if text.contains(';') {
            return fault("has a semicolon", "paths are matched without their parameters");
        }
        if beginnings(&parsed).is_some_and(|all| all.iter().all(is_no_path)) {
            return fault("would never match", "a path starts with a slash: `^/…$`");
        }
        // Both readings: what could not be read in any case would be judged by one alone.
        match (builder(text).build(), builder(text).case_insensitive(true).build()) {
            (Ok(regex), Ok(_)) => Ok(Self(regex)),
            (Err(_), _) | (_, Err(_)) => fault(
                "takes too much memory",
                "repeat less, and write `[0-9]` and `[a-z]` for `\\d` and `\\w`",
            ),
        }
    }

    /// The same without regard to capitals. Where that would take too much memory, as it is.
    pub(super) fn in_any_case(&self) -> Self {
        let built = builder(self.0.as_str()).case_insensitive(true).build();
        built.map_or_else(|_| self.clone(), Self)
    }

    /// As it is written.
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the whole of `path` fits it. Apart, so that what looks for rules without one stays small.
    #[inline(never)]
    pub(super) fn fits(&self, path: &str) -> bool {
        self.0.is_match(path)
    }

    /// Whether whatever fits it is `prefix` or below it. Never says so wrongly; may not see it.
    pub(super) fn is_within(&self, prefix: &str) -> bool {
        let is_within = |beginning: &Literal| {
            let rest = beginning.as_bytes().strip_prefix(prefix.as_bytes());
            rest.is_some_and(|rest| rest.first() == Some(&b'/') || rest.is_empty() && beginning.is_exact())
        };
        let parsed = parsed(self.0.as_str()).ok();
        let all = parsed.as_ref().and_then(beginnings);
        prefix.is_empty() || all.is_some_and(|all| all.iter().all(is_within))
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Expression {}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str())
    }
}

const LANGUAGE: &str = "the language is that of https://docs.rs/regex: no look-around and no back-references";

fn parsed(text: &str) -> Result<Hir, String> {
    use regex_syntax::Error;
    ParserBuilder::new().nest_limit(DEEPEST).build().parse(text).map_err(|error| match error {
        Error::Parse(error) => error.kind().to_string(),
        Error::Translate(error) => error.kind().to_string(),
        _ => "it cannot be read".to_owned(),
    })
}

/// With what all that fits begins; nothing where that could be anything.
fn beginnings(parsed: &Hir) -> Option<Vec<Literal>> {
    Some(Extractor::new().extract(parsed).literals()?.to_vec())
}

fn is_no_path(beginning: &Literal) -> bool {
    beginning.as_bytes().first().is_some_and(|first| *first != b'/')
}
fn builder(text: &str) -> RegexBuilder {
    let mut builder = RegexBuilder::new(text);
    builder.nest_limit(DEEPEST).size_limit(LARGEST).dfa_size_limit(LARGEST);
    builder
}
