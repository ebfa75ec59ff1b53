//! A write as one value. Owns [`Write`]: statements with expectations, run once, whole or not at all.
//! Never runs code between its statements.

use std::fmt;

use super::{Row, Statement, Value};

/// How many rows a step must touch or return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Any number.
    Any,
    /// Exactly one.
    One,
    /// None.
    None,
    /// At least one.
    Some,
}

impl Rows {
    /// Whether `count` is as expected.
    pub fn allows(self, count: usize) -> bool {
        match self {
            Self::Any => true,
            Self::One => count == 1,
            Self::None => count == 0,
            Self::Some => count > 0,
        }
    }
}

/// One statement of a write.
#[derive(Debug)]
pub struct Step {
    /// What to run.
    pub statement: &'static Statement,
    /// With which values.
    pub values: Vec<Value>,
    /// How many rows it must touch or return.
    pub expect: Rows,
}

/// Statements that happen together or not at all, and what others must hear of them.
///
/// A write that changes what a person or an operator decided carries an audit entry (`audit::Recorded`);
/// one that does not says why it needs none, see [`Write::unrecorded`].
#[derive(Debug)]
#[must_use = "a write does nothing until it is given to the store"]
pub struct Write {
    /// The statements, in order.
    pub steps: Vec<Step>,
    /// What to tell others: kind and subject.
    pub changes: Vec<(&'static str, String)>,
    /// Whether an audit entry is among the steps, or it was said why none is needed.
    pub recorded: bool,
}

impl Write {
    /// An empty write that still needs its audit entry.
    pub fn new() -> Self {
        Self { steps: Vec::new(), changes: Vec::new(), recorded: false }
    }

    /// An empty write that needs no audit entry, because of `_reason`. Only the callers named in
    /// `ARCHITECTURE.md` may use it.
    pub fn unrecorded(_reason: &'static str) -> Self {
        Self { steps: Vec::new(), changes: Vec::new(), recorded: true }
    }

    /// Then this statement, which may touch any number of rows.
    pub fn exec(mut self, statement: &'static Statement, values: Vec<Value>) -> Self {
        self.steps.push(Step { statement, values, expect: Rows::Any });
        self
    }

    /// The statement just added must touch or return so many rows, else nothing of the write happens.
    pub fn expect(mut self, rows: Rows) -> Self {
        if let Some(step) = self.steps.last_mut() {
            step.expect = rows;
        }
        self
    }

    /// Others must hear that `subject` of this `kind` changed.
    pub fn changed(mut self, kind: &'static str, subject: impl fmt::Display) -> Self {
        self.changes.push((kind, subject.to_string()));
        self
    }
}

impl Default for Write {
    fn default() -> Self {
        Self::new()
    }
}

/// What a write that happened returned: the rows of each of its steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written(pub Vec<Vec<Row>>);

/// Why a write did not happen. Nothing of it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The step of that index (from 0) touched another number of rows than expected.
    Unexpected(usize),
    /// The step of that index (from 0) met a unique value that is taken.
    Taken(usize),
    /// Too many writes are waiting: try again.
    Busy,
    /// The store cannot be written now (disk full, read-only, closed), in words for the log.
    Unavailable(String),
    /// It should not have been possible, in words for the log.
    Broken(String),
}

impl fmt::Display for WriteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected(step) => write!(formatter, "step {step} of the write met another state"),
            Self::Taken(step) => write!(formatter, "step {step} of the write met a value that is taken"),
            Self::Busy => formatter.write_str("too many writes are waiting"),
            Self::Unavailable(why) => write!(formatter, "the store cannot be written: {why}"),
            Self::Broken(why) => write!(formatter, "the store refused a write: {why}"),
        }
    }
}

impl std::error::Error for WriteError {}
