//! Paths in the one reading that rules are matched against. Owns [`CanonicalPath`].
//! Never guesses between two readings: such a path is refused.

use std::borrow::Cow;
use std::fmt;

use super::{Malformed, TARGET_LIMIT};

const SLASH: u8 = 1;
const DOT: u8 = 2;
const PERCENT: u8 = 4;
const BACKSLASH: u8 = 8;
const BEYOND_ASCII: u8 = 16;
/// What no path holds unescaped.
const REFUSED: u8 = 32;

/// What each byte of a path is; 0 for what is nothing but itself. A table, because every check reads a path.
#[expect(clippy::indexing_slicing, reason = "evaluated while compiling")]
const KINDS: [u8; 256] = {
    let mut kinds = [BEYOND_ASCII; 256];
    let mut byte = 0u8;
    while byte < 128 {
        kinds[byte as usize] = match byte {
            b'/' => SLASH,
            b'.' => DOT,
            b'%' => PERCENT,
            b'\\' => BACKSLASH,
            b'#' | b'?' | 0..=b' ' | 0x7f => REFUSED,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

/// A path decoded once, with several slashes as one, and without any segment or escape that
/// another program could read differently.
///
/// It starts with a slash and never holds a dot segment (with or without parameters), `//`, `\`,
/// `%` or a control character. It may hold `?`, `#` and spaces: those that came escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalPath<'a>(Cow<'a, str>);

impl<'a> CanonicalPath<'a> {
    /// The path `/`.
    pub const ROOT: CanonicalPath<'static> = CanonicalPath(Cow::Borrowed("/"));

    /// Reads the path of a request target, without its query.
    ///
    /// Refused are: more than 8 KiB, `.` and `..` (also as `%2e`, also as `..;x`), escaped slashes,
    /// backslashes and percent signs, raw backslashes, `#` and spaces, control characters raw or
    /// escaped, escapes that are malformed or do not decode to UTF-8. Characters beyond ASCII mean
    /// the same raw as escaped.
    pub fn parse(raw: &'a str) -> Result<Self, Malformed> {
        if raw.len() > TARGET_LIMIT {
            return Err(Malformed::TooLong);
        }
        if !raw.starts_with('/') {
            return Err(Malformed::Path);
        }
        // Ordinary paths are judged by this one loop and stay as they came.
        let (mut kinds, mut after_slash, mut previous) = (0, 0, 0);
        for byte in raw.bytes() {
            let kind = *KINDS.get(usize::from(byte)).unwrap_or(&REFUSED);
            kinds |= kind;
            after_slash |= if previous == SLASH { kind } else { 0 };
            previous = kind;
        }
        if kinds & REFUSED != 0 {
            return Err(Malformed::Path);
        }
        if kinds & BACKSLASH != 0 {
            return Err(Malformed::AmbiguousPath);
        }
        let canonical = kinds & PERCENT == 0 && after_slash & SLASH == 0;
        let path = if canonical { Cow::Borrowed(raw) } else { Cow::Owned(decode(raw)?) };
        if (after_slash & DOT != 0 || !canonical) && path.split('/').any(is_dots) {
            return Err(Malformed::AmbiguousPath);
        }
        // ASCII control bytes are gone by now; U+0080 to U+009F are control characters too.
        if kinds & (BEYOND_ASCII | PERCENT) != 0 && path.contains(char::is_control) {
            return Err(Malformed::Path);
        }
        Ok(Self(path))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this path is `prefix` or below it, segment by segment.
    pub fn is_within(&self, prefix: &str) -> bool {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        self.0.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The other reading of a path with semicolons: some programs take what stands between `;` and
    /// the next slash as parameters, not as part of the name, so that `/admin;x=1` is `/admin` to them.
    /// Whoever judges a path judges both readings and takes the stricter. Nothing if there is no semicolon.
    pub fn without_parameters(&self) -> Option<CanonicalPath<'static>> {
        memchr::memchr(b';', self.0.as_bytes())?;
        let mut path = String::with_capacity(self.0.len());
        let mut in_parameters = false;
        for character in self.0.chars() {
            match character {
                ';' => in_parameters = true,
                '/' => {
                    in_parameters = false;
                    if !path.ends_with('/') {
                        path.push('/');
                    }
                }
                _ if in_parameters => {}
                _ => path.push(character),
            }
        }
        Some(CanonicalPath(Cow::Owned(path)))
    }

    /// The other reading of a path that ends in dots or blanks: Windows leaves these out of names, and the
    /// `path` of Caddy before 2.7 does so on every system. Whoever judges a path judges both readings and takes
    /// the stricter. Nothing if it ends otherwise.
    pub fn without_end(&self) -> Option<CanonicalPath<'_>> {
        let shorter = self.0.trim_end_matches(['.', ' ']);
        (shorter.len() < self.0.len()).then_some(CanonicalPath(Cow::Borrowed(shorter)))
    }

    /// The same path, kept on its own.
    pub fn into_owned(self) -> CanonicalPath<'static> {
        CanonicalPath(Cow::Owned(self.0.into_owned()))
    }
}

impl fmt::Display for CanonicalPath<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A segment that is `.` or `..`, with or without parameters behind a semicolon.
fn is_dots(segment: &str) -> bool {
    let name = segment.split(';').next().unwrap_or_default();
    name == "." || name == ".."
}

/// `raw` with its escapes decoded once and several slashes as one.
fn decode(raw: &str) -> Result<String, Malformed> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => decoded.push(unescaped(bytes.next(), bytes.next())?),
            b'/' if decoded.last() == Some(&b'/') => {}
            _ => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).map_err(|_| Malformed::Path)
}

/// The byte that two hexadecimal digits stand for, if a path may hold it in this form.
fn unescaped(high: Option<u8>, low: Option<u8>) -> Result<u8, Malformed> {
    let digit = |digit: Option<u8>| digit.and_then(|digit| char::from(digit).to_digit(16));
    let (Some(high), Some(low)) = (digit(high), digit(low)) else { return Err(Malformed::Path) };
    match u8::try_from(high * 16 + low) {
        Ok(b'/' | b'\\' | b'%') => Err(Malformed::AmbiguousPath),
        Ok(0..=0x1f | 0x7f) | Err(_) => Err(Malformed::Path),
        Ok(byte) => Ok(byte),
    }
}

#[cfg(test)]
mod tests;
