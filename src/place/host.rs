//! Host names: one spelling each. Owns [`Host`], [`Authority`] and [`HostPattern`]. Never resolves one.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::Malformed;

/// A host in its one spelling: lower case, no trailing dot, ASCII (`xn--` for others), or an IP literal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(Box<str>);

impl Host {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `domain` or below it.
    pub fn is_within(&self, domain: &Host) -> bool {
        self.0 == domain.0 || is_below(&self.0, &domain.0)
    }

    /// Whether browsers treat this host as the machine itself: `localhost` or below it.
    pub fn is_localhost(&self) -> bool {
        is_localhost(&self.0)
    }

    /// Whether this is an IP address and not a name.
    pub fn is_address(&self) -> bool {
        self.0.starts_with('[') || ends_in_number(&self.0)
    }
}

/// Whether `host`, in its one spelling, is `localhost` or below it.
pub fn is_localhost(host: &str) -> bool {
    host == "localhost" || is_below(host, "localhost")
}

impl Borrow<str> for Host {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Host {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        canonical(text).map(|host| Self(host.into()))
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// A host with perhaps a port, as it stands in `Host` and `X-Forwarded-Host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host in its one spelling; borrowed if it came that way.
    pub host: Cow<'a, str>,
    /// The port, if one was named.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// The host, kept on its own.
    pub fn into_host(self) -> Host {
        Host(self.host.into())
    }

    /// Reads `host` or `host:port`. No user information, no comma, no space.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (host, port) = if text.starts_with('[') {
            let end = text.find(']').ok_or(Malformed::Host)?;
            let (host, rest) = text.split_at(end + 1);
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(Malformed::Host),
            }
        } else {
            match memchr::memchr(b':', text.as_bytes()).and_then(|colon| text.split_at_checked(colon)) {
                Some((host, port)) => (host, port.strip_prefix(':')),
                None => (text, None),
            }
        };
        let port = match port {
            None => None,
            Some(digits) => Some(parse_port(digits)?),
        };
        Ok(Self { host: canonical(host)?, port })
    }
}

fn parse_port(digits: &str) -> Result<u16, Malformed> {
    if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::Port);
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(Malformed::Port),
        Ok(port) => Ok(port),
    }
}

/// A byte of a label that has to be lowered.
const UPPER: u8 = 1;
/// A byte that stands in no label.
const OTHER: u8 = 2;

/// Of each byte, whether it is one of those: a table, because every check reads a host.
#[expect(clippy::indexing_slicing, reason = "evaluated while compiling")]
const KINDS: [u8; 256] = {
    let mut kinds = [OTHER; 256];
    let mut byte = 0u8;
    while byte < 128 {
        kinds[byte as usize] = match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => 0,
            b'A'..=b'Z' => UPPER,
            _ => OTHER,
        };
        byte += 1;
    }
    kinds
};

/// The one spelling of a host name or IP literal.
///
/// Letters, digits, hyphens and underscores in labels of 1 to 63, 253 in all; upper case is lowered
/// and one dot at the end dropped. Names that programs would take for an IPv4 address must be one
/// in its usual form (`127.0.0.1`, not `127.1` or `0x7f000001`).
fn canonical(text: &str) -> Result<Cow<'_, str>, Malformed> {
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = inner.parse().map_err(|_| Malformed::Host)?;
        return Ok(Cow::Owned(format!("[{address}]")));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() || name.len() > 253 {
        return Err(Malformed::Host);
    }
    let is_label = |label: &[u8]| !matches!(label, [] | [b'-', ..] | [.., b'-']) && label.len() <= 63;
    let (mut kinds, mut label, mut labels) = (0, 0, true);
    for (position, &byte) in name.as_bytes().iter().enumerate() {
        if byte == b'.' {
            labels &= name.as_bytes().get(label..position).is_some_and(is_label);
            label = position + 1;
        } else {
            kinds |= KINDS.get(usize::from(byte)).unwrap_or(&OTHER);
        }
    }
    let last = name.get(label..).unwrap_or_default();
    if kinds & OTHER != 0 || !labels || !is_label(last.as_bytes()) {
        return Err(Malformed::Host);
    }
    if is_number(last) && name.parse::<Ipv4Addr>().is_err() {
        return Err(Malformed::Host);
    }
    Ok(if kinds & UPPER != 0 { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) })
}

/// Whether browsers take `name` for an IPv4 address: its last label is a number, decimal or
/// hexadecimal (URL standard, "ends in a number").
fn ends_in_number(name: &str) -> bool {
    is_number(name.rsplit('.').next().unwrap_or_default())
}

fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x").or_else(|| label.strip_prefix("0X")) {
        Some(digits) => digits.bytes().all(|digit| digit.is_ascii_hexdigit()),
        None => label.bytes().all(|digit| digit.is_ascii_digit()),
    }
}

/// Hosts an app is served under: one name, or everything below one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// Exactly this host.
    Exact(Host),
    /// Every host below this one (`*.example.com`), and not that one itself.
    Below(Host),
}

impl HostPattern {
    /// Whether `host` (in its one spelling) is meant.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(exact) => exact.as_str() == host,
            Self::Below(domain) => is_below(host, domain.as_str()),
        }
    }
}

impl HostPattern {
    /// Reads what stands in an app's `hosts`: a host or `*.` and a domain, perhaps with a port.
    pub fn with_port(text: &str) -> Result<(Self, Option<u16>), Malformed> {
        let domain = text.strip_prefix("*.");
        let Authority { host, port } = Authority::parse(domain.unwrap_or(text))?;
        let host = Host(host.into());
        match domain {
            None => Ok((Self::Exact(host), port)),
            Some(_) if host.is_address() => Err(Malformed::Host),
            Some(_) => Ok((Self::Below(host), port)),
        }
    }
}

impl FromStr for HostPattern {
    type Err = Malformed;
    /// Reads a host or `*.` and a domain, without a port.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        match Self::with_port(text)? {
            (pattern, None) => Ok(pattern),
            (_, Some(_)) => Err(Malformed::Port),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(formatter),
            Self::Below(domain) => write!(formatter, "*.{domain}"),
        }
    }
}

#[cfg(test)]
mod tests;
