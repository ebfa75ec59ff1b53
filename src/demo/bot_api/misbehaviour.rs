//! How the stand-in can be told to answer otherwise than the Bot API does.

use std::time::Duration;

/// More than any answer of the Bot API has.
pub(super) const HUGE: usize = 2 * 1024 * 1024;

/// Another answer than the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Does nothing, and refuses with this code and description.
    Refuse(u16, &'static str),
    /// Does nothing, and is asked too much: not again before so many seconds.
    TooMany(u64),
    /// Does nothing, and never answers.
    Hang,
    /// Does it so much later, by its clock.
    Slow(Duration),
    /// Does nothing, and breaks the connection off.
    Break,
    /// Does it, and breaks the connection off.
    Lose,
    /// Does nothing, and answers 302, to elsewhere.
    Redirect,
    /// Does nothing, and answers 200 with a page: somebody's sign-in.
    Garbage,
    /// Does nothing, and answers 502 with a page: a proxy that finds nobody behind it.
    BadGateway,
    /// Does nothing, and answers 2 MiB.
    Huge,
}
