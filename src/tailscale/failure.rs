//! Why the daemon's answer is missing. Owns [`Failure`], small and `Copy`, and its words for the log.

use std::fmt;

use super::node::BackendState;

/// Why there is no answer. None of them means that a device is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The daemon, or the file of its socket, does not let us ask.
    Denied,
    /// No daemon is there.
    Down,
    /// It is there and not ready yet.
    Starting,
    /// It runs, and its tailnet does not.
    NotRunning(BackendState),
    /// What came back is no answer.
    Broken(Broken),
    /// Too many others are waiting for it.
    Busy,
    /// It did not answer in time.
    Slow,
}

/// What is wrong with what came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A status that such a question does not have.
    Status(u16),
    /// Not HTTP, or cut off.
    Cut,
    /// More than an answer can be.
    TooLong,
    /// Not JSON, or not of the shape that is known.
    Shape,
    /// It is about another address than was asked for.
    Address,
    /// The profile is not that of the device's owner.
    Owner,
    /// A name, an id or a date that cannot be one.
    Value,
}

impl Failure {
    /// What an operator can do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Denied => {
                "let the user that Aegis runs as reach the socket, and say `tailscale.socket` where it is; nobody \
                 needs more than to read"
            }
            Self::Down => {
                "is tailscaled running? In a container, mount the directory /var/run/tailscale: the daemon \
                 makes the socket's file anew at each start"
            }
            Self::Starting | Self::Busy | Self::Slow => "it goes on by itself if the daemon does",
            Self::NotRunning(_) => "`tailscale up`",
            Self::Broken(_) => "is `tailscale.socket` that of tailscaled? If so, this is worth a report",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => formatter.write_str("tailscaled does not let us ask it"),
            Self::Down => formatter.write_str("tailscaled is not there"),
            Self::Starting => formatter.write_str("tailscaled is starting"),
            Self::NotRunning(state) => write!(formatter, "Tailscale is not up: {state}"),
            Self::Broken(why) => write!(formatter, "tailscaled gave no answer that can be used: {why}"),
            Self::Busy => formatter.write_str("too many questions to tailscaled are waiting"),
            Self::Slow => formatter.write_str("tailscaled did not answer in time"),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(formatter, "status {status}"),
            Self::Cut => formatter.write_str("it is not HTTP, or was cut off"),
            Self::TooLong => formatter.write_str("it is larger than 1 MiB"),
            Self::Shape => formatter.write_str("its shape is unknown"),
            Self::Address => formatter.write_str("it is about another address"),
            Self::Owner => formatter.write_str("the profile is not the owner's"),
            Self::Value => formatter.write_str("a name, an id or a date in it cannot be one"),
        }
    }
}
