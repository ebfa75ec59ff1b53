//! Our five cookies: how they are set, cleared, read, and kept from the apps.
//!
//! Promises: a name counts only byte for byte, on every `Cookie` line, and a value only if it is a
//! plain one (RFC 6265, section 4.1.1, unquoted); every value under a name is handed over, so that
//! the caller sees duplicates; reading allocates nothing. Never: knows what a value means.

use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use crate::error::Error;
use crate::place::Host;
use crate::secret::Secret;

/// What an app gets as `Cookie` where nothing but ours was there: a proxy that copies the header
/// would else leave the visitor's own.
pub const NONE_LEFT: HeaderValue = HeaderValue::from_static("aegis=none");

/// The names of all cookies of ours.
pub const OURS: [&str; 5] = [
    Cookie::Session.name(),
    Cookie::Challenge.name(),
    Cookie::Device.name(),
    Cookie::Token(None).name(),
    Cookie::SignedOut(None).name(),
];

/// Browsers drop a cookie whose name and value together are longer, in bytes, and say nothing.
const LONGEST: usize = 4096;

/// A cookie of ours, and where it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie<'a> {
    /// The session, on our own host.
    Session,
    /// The sign-in of this browser that waits for a second factor, on our own host.
    Challenge,
    /// The mark of a browser that has signed in before, on our own host.
    Device,
    /// The token for apps, on every host under this domain; without one on our own host.
    Token(Option<&'a Host>),
    /// The mark of a browser in which somebody whom the tailnet knows signed out, sent where the token is.
    SignedOut(Option<&'a Host>),
}

impl Cookie<'_> {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "__Host-aegis_session",
            Self::Challenge => "__Host-aegis_challenge",
            Self::Device => "__Host-aegis_device",
            Self::Token(_) => "aegis_token",
            Self::SignedOut(_) => "aegis_signed_out",
        }
    }

    /// The `Set-Cookie` that sets it, for `lasts`, or until the browser is closed.
    pub fn set(self, value: &Secret, lasts: Option<Duration>) -> Result<HeaderValue, Error> {
        let value = value.reveal();
        let length = self.name().len() + value.len();
        if length > LONGEST {
            return Err(Error::internal(format!("the cookie {} would have {length} bytes", self.name())));
        }
        if !is_plain(value.as_bytes()) {
            return Err(Error::internal(format!("the value for cookie {} is not plain", self.name())));
        }
        self.line(value, lasts)
    }

    /// The `Set-Cookie` that takes it away.
    pub fn clear(self) -> Result<HeaderValue, Error> {
        self.line("", Some(Duration::ZERO))
    }

    fn line(self, value: &str, lasts: Option<Duration>) -> Result<HeaderValue, Error> {
        let mut line = format!("{}={value}; Path=/; Secure; HttpOnly; SameSite=Lax", self.name());
        if let Self::Token(Some(domain)) | Self::SignedOut(Some(domain)) = self {
            let _ = write!(line, "; Domain={domain}");
        }
        if let Some(lasts) = lasts {
            let _ = write!(line, "; Max-Age={}", lasts.as_secs());
        }
        let mut line = HeaderValue::try_from(line)
            .map_err(|_| Error::internal(format!("the cookie {} fits no header", self.name())))?;
        line.set_sensitive(true);
        Ok(line)
    }
}

/// Every value of the cookie `name`, in the order they came.
pub fn read<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    plain(headers.get_all(header::COOKIE).iter(), name)
}

/// The same of these lines of `Cookie`.
pub fn plain<'a>(
    lines: impl Iterator<Item = &'a HeaderValue>,
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    raw(lines, name).filter(|value| is_plain(value)).filter_map(|value| std::str::from_utf8(value).ok())
}

/// The same, also where it is no plain one: for who knows the right ones and only compares.
pub fn raw<'a>(
    lines: impl Iterator<Item = &'a HeaderValue>,
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    lines
        .flat_map(|line| Pairs(Some(line.as_bytes())))
        .filter_map(move |pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// `Cookie`, of which these are the lines, as an app may see it: without the cookies `names`, in however odd a
/// spelling. Nothing if nothing is left (see [`NONE_LEFT`]).
pub fn strip<'a>(mut lines: impl Iterator<Item = &'a HeaderValue>, names: &[&str]) -> Option<HeaderValue> {
    let first = lines.next()?;
    let (mut left, mut changed, mut line) = (Vec::new(), false, Some(first));
    while let Some(value) = line {
        for pair in Pairs(Some(value.as_bytes())) {
            let others = before_ours(pair, names);
            changed |= others.len() < pair.len() || pair.is_empty();
            if others.is_empty() {
                continue;
            }
            if left.is_empty() {
                left.reserve_exact(value.len());
            } else {
                left.extend_from_slice(b"; ");
            }
            left.extend_from_slice(others);
        }
        line = lines.next();
        changed |= line.is_some();
    }
    if left.is_empty() {
        None
    } else if changed {
        HeaderValue::try_from(left).ok()
    } else {
        Some(first.clone())
    }
}

/// `pair` as far as it is somebody else's. Some proxies join two lines of `Cookie` by a comma, and behind it a
/// cookie of ours may begin.
fn before_ours<'a>(pair: &'a [u8], names: &[&str]) -> &'a [u8] {
    let ours = |part: &[u8]| {
        // A name ends there at the latest: however many commas there are, nothing is searched twice.
        let end = memchr::memchr2(b'=', b',', part).unwrap_or(part.len());
        let name = part.get(..end).unwrap_or_default().trim_ascii();
        // What is equal as it stands, as nearly all are, need not be looked at without regard to capitals.
        names.iter().any(|ours| name == ours.as_bytes() || name.eq_ignore_ascii_case(ours.as_bytes()))
    };
    if ours(pair) {
        return &[];
    }
    let theirs = memchr::memchr_iter(b',', pair).find(|&comma| pair.get(comma + 1..).is_some_and(ours));
    theirs.and_then(|comma| pair.get(..comma)).unwrap_or(pair)
}

/// What stands between the semicolons of one line, less the blanks in front. A cookie of ours is most of what a
/// check carries, so it is searched by `memchr`, not byte by byte.
struct Pairs<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Pairs<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.0.take()?;
        let mut pair = match memchr::memchr(b';', line) {
            Some(end) => {
                self.0 = line.get(end + 1..);
                line.get(..end)?
            }
            None => line,
        };
        // A space or a tab, no other.
        while let [b' ' | b'\t', rest @ ..] = pair {
            pair = rest;
        }
        Some(pair)
    }
}

/// Whether this is what we would have set: at least one `cookie-octet`, and no quotes.
fn is_plain(value: &[u8]) -> bool {
    #[expect(clippy::needless_bitwise_bool, reason = "without branches many bytes are judged at once")]
    let octet = |byte: u8| {
        matches!(byte, 0x21..=0x7e) & (byte != b'"') & (byte != b',') & (byte != b';') & (byte != b'\\')
    };
    // Without stopping at the first that is not: so many bytes are judged at once.
    !value.is_empty() && value.iter().fold(true, |plain, &byte| plain & octet(byte))
}

#[cfg(test)]
mod tests;
