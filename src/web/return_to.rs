//! Where to go after signing in. Owns [`ReturnTo`], the only way an address of a visitor's choosing
//! becomes a `Location`. Two parsers, ours and that of the URL standard, must read the same host in
//! it. Never guesses: whatever has two readings is no way back.

use http::HeaderValue;
use url::{Position, Url};

use crate::place::{Authority, Host, Origin, Scheme};

/// No honest address is longer, in bytes.
const LONGEST: usize = 4096;

/// An absolute URL at a host that was allowed when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo {
    origin: Origin,
    location: HeaderValue,
}

impl ReturnTo {
    /// Reads `raw` if it is an `https` URL (or an `http` one at a name of this machine) without user
    /// information whose host, port (none: the scheme's own) and scheme `allowed` accepts.
    pub fn parse(raw: &str, allowed: &dyn Fn(&Host, Option<u16>, Scheme) -> bool) -> Option<Self> {
        if raw.len() > LONGEST || raw.chars().any(|one| one.is_control() || one.is_whitespace()) {
            return None;
        }
        let (scheme, rest) = raw.split_once("://")?;
        let scheme = match scheme {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return None,
        };
        let (authority, path_on) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // Browsers read a backslash as a slash, up to the query.
        if path_on.split(['?', '#']).next()?.contains('\\') {
            return None;
        }
        let authority = Authority::parse(authority).ok()?;
        let host: Host = authority.host.parse().ok()?;
        let port = authority.port.filter(|port| *port != scheme.default_port());

        let url = Url::parse(raw).ok()?;
        let agreed = url.scheme() == scheme.as_str()
            && url.host_str()?.parse().is_ok_and(|read: Host| read == host)
            && url.port() == port
            && url.username().is_empty()
            && url.password().is_none();
        if !agreed || (scheme == Scheme::Http && !host.is_localhost()) || !allowed(&host, port, scheme) {
            return None;
        }

        let origin = Origin::new(scheme, host, port);
        let location = format!("{origin}{}", url[Position::BeforePath..].replace('\\', "%5C"));
        if location.len() > LONGEST {
            return None;
        }
        Some(Self { origin, location: HeaderValue::try_from(location).ok()? })
    }

    /// The host, for "to continue to …".
    pub fn host(&self) -> &Host {
        self.origin.host()
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The URL, in its one spelling.
    pub fn as_str(&self) -> &str {
        self.location.to_str().unwrap_or_default()
    }

    /// The URL as the value of `Location`.
    pub fn location(&self) -> HeaderValue {
        self.location.clone()
    }
}

#[cfg(test)]
mod tests;
