//! Where: hosts, origins, paths and addresses, each with the one parser the whole house uses.
//!
//! Promises: one spelling for one place; whatever is ambiguous is [`Malformed`]; everything here is
//! pure, bounded and linear in its input, and parsing what is already canonical allocates nothing.
//! Never: resolves a name, decides who may go there.

mod address;
mod host;
mod origin;
mod path;

use std::fmt;

pub use address::{ClientAddress, NetworkList};
pub use host::{Authority, Host, HostPattern};
pub use origin::{Origin, Scheme};
pub use path::CanonicalPath;

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
    /// An address that is none.
    Address,
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Host => "not a host name",
            Self::Port => "not a port",
            Self::Scheme => "the scheme is not http or https",
            Self::Origin => "not of the form https://host or https://host:port",
            Self::Path => "not a path",
            Self::AmbiguousPath => "the path has more than one reading",
            Self::Address => "not an IP address",
        })
    }
}

impl std::error::Error for Malformed {}
