//! Where: hosts, origins, paths and addresses, each with the one parser the whole house uses.
//!
//! Promises: one spelling for one place; whatever is ambiguous is [`Malformed`]; everything here is
//! pure, bounded and linear in its input, and parsing what is already canonical allocates nothing
//! (an IPv6 literal excepted).
//! Never: resolves a name, decides who may go there.

mod address;
mod host;
mod origin;
mod path;
mod target;

use std::fmt;

pub use address::{ClientAddress, NetworkList};
pub use host::{Authority, Host, HostPattern, is_localhost};
pub use origin::{Origin, Scheme};
pub use path::CanonicalPath;
pub use target::{AbsoluteUrl, Target};

/// The most bytes that path and query of a request may have together.
pub const TARGET_LIMIT: usize = 8 * 1024;

/// Why a place could not be read. Small and `Copy`, for the hot path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A host name that is none.
    Host,
    /// A port that is none.
    Port,
    /// A scheme other than http, https, ws, wss.
    Scheme,
    /// An origin with more or less than scheme, host and port.
    Origin,
    /// A path that does not start with a slash, or holds bytes that no path has.
    Path,
    /// A dot segment, an encoded slash or backslash, a double encoding: a path with two readings.
    AmbiguousPath,
    /// A query with a fragment behind it, or with control bytes.
    Query,
    /// A path and query of more than [`TARGET_LIMIT`] bytes.
    TooLong,
    /// An address that is none.
    Address,
    /// A network that is none, or whose address has bits beyond its prefix.
    Network,
}

impl Malformed {
    /// The reason, in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Host => "not a host name",
            Self::Port => "not a port",
            Self::Scheme => "the scheme is not http or https",
            Self::Origin => "not of the form https://host or https://host:port",
            Self::Path => "not a path",
            Self::AmbiguousPath => "the path has more than one reading",
            Self::Query => "not a query",
            Self::TooLong => "longer than 8 KiB",
            Self::Address => "not an IP address",
            Self::Network => "not a network such as 10.0.0.0/8",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

impl std::error::Error for Malformed {}
