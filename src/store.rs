//! The store: statements, reads, writes, migrations and the rows of the change feed.
//!
//! Promises: a [`Write`] happens whole or not at all, and nobody is told "done" before it is on
//! disk; every write that changes something others remember leaves a row in the feed, in commit
//! order; what cannot be read or written now is an error, never an empty answer.
//! Never: knows what a row means.

mod value;
mod write;

pub use value::{Row, Value, values};
pub use write::{Rows, Step, Write, WriteError, Written};

use std::fmt;
use std::sync::OnceLock;

/// One SQL text for every engine, with `$1`, `$2`, … for its values.
///
/// No `now()`, no `random()`, no operator of one engine alone: ids and times are made in Rust.
/// Declared as a `static`; a test prepares every one of them on every engine there is.
pub struct Statement {
    text: &'static str,
    sqlite: OnceLock<String>,
}

impl Statement {
    /// A statement.
    pub const fn new(text: &'static str) -> Self {
        Self { text, sqlite: OnceLock::new() }
    }

    /// The text as written, with `$n`.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// The text for SQLite, with `?n`.
    pub fn sqlite(&self) -> &str {
        self.sqlite.get_or_init(|| self.text.replace('$', "?"))
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text)
    }
}

/// Why the store could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// It does not answer in time, or is being closed.
    Unavailable(String),
    /// It answered with something that cannot be right.
    Broken(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(formatter, "the store does not answer: {why}"),
            Self::Broken(why) => write!(formatter, "the store holds what it should not: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// One row of the change feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order of commits: 1, 2, 3, … without a gap.
    pub seq: i64,
    /// What kind of thing changed: `user`, `session`, …
    pub kind: String,
    /// Which one.
    pub subject: String,
}
