//! What went wrong, said twice: once for the visitor, once for the log; and the faults of an operator's input.
//!
//! Promises: the visitor's message gives nothing away; a [`Fault`] says what, where and what to do.
//! Never: writes an answer or a log line itself.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What kind of failure an answer is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be understood (400).
    Malformed,
    /// The request is larger than any honest one (413).
    TooLarge,
    /// Nobody is signed in, or what was shown does not count (401).
    NotSignedIn,
    /// Known, and not allowed (403).
    Forbidden,
    /// There is nothing here (404).
    NotFound,
    /// There is, but not this way (405).
    MethodNotAllowed,
    /// Two changes met, or the thing is already so (409).
    Conflict,
    /// It was there, and is used up or has run out (410).
    Gone,
    /// The body is of another type than asked for (415).
    UnsupportedType,
    /// The form was understood, its content is wrong (422).
    Unprocessable,
    /// Too often; try again after so long (429).
    TooMany(Duration),
    /// Something needed is not there now; try again after so long (503).
    Unavailable(Duration),
    /// A mistake of ours (500).
    Internal,
}

/// A failure with two messages.
#[derive(Debug)]
pub struct Error {
    /// What kind of failure it is.
    pub kind: Kind,
    /// For the visitor: what to do next. Gives nothing away.
    pub visitor: Cow<'static, str>,
    /// For the log: what happened. Never holds a secret.
    pub log: Cow<'static, str>,
}

impl Error {
    /// A failure of `kind` that tells the visitor and the log different things.
    pub fn new(kind: Kind, visitor: impl Into<Cow<'static, str>>, log: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, visitor: visitor.into(), log: log.into() }
    }

    /// A failure whose one message may be read by both.
    pub fn said(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self { kind, visitor: message.clone(), log: message }
    }

    /// Something that should not have been possible.
    pub fn internal(log: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Internal, "Something went wrong here. Please try again.", log)
    }

    /// Something needed is not there now.
    pub fn unavailable(log: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            Kind::Unavailable(Duration::from_secs(2)),
            "This is not possible right now. Please try again in a moment.",
            log,
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.log)
    }
}

impl std::error::Error for Error {}

/// One thing wrong with an operator's input: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file it stands in, or the name of the variable or flag.
    pub source: Option<PathBuf>,
    /// The line in that file, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault with no place yet.
    pub fn new(message: impl Into<String>) -> Self {
        Self { source: None, line: None, message: message.into(), hint: None }
    }

    /// The same fault, with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same fault, in `source` at `line`.
    #[must_use]
    pub fn at(mut self, source: &Path, line: Option<usize>) -> Self {
        self.source = Some(source.to_path_buf());
        self.line = line;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(formatter, "{}", source.display())?;
            if let Some(line) = self.line {
                write!(formatter, ":{line}")?;
            }
            formatter.write_str(": ")?;
        }
        formatter.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(formatter, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// Every fault found, so that an operator mends them in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Adds one.
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Adds all of `more`.
    pub fn extend(&mut self, more: Faults) {
        self.0.extend(more.0);
    }

    /// `value` if nothing was found, else all that was.
    pub fn or<T>(self, value: T) -> Result<T, Faults> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.0.iter().enumerate() {
            if position > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_where_what_and_what_to_do() {
        let fault = Fault::new("unknown key `requires`")
            .hint("did you mean `require`?")
            .at(Path::new("aegis.toml"), Some(7));
        assert_eq!(
            fault.to_string(),
            "aegis.toml:7: unknown key `requires`\n  hint: did you mean `require`?"
        );
    }
}
