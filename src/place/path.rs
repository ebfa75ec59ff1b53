//! Paths in the one reading that rules are matched against. Owns [`CanonicalPath`].
//! Never guesses between two readings: such a path is refused.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::Malformed;

/// A path decoded once, with several slashes as one, and without any segment or escape that
/// another program could read differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalPath<'a>(Cow<'a, str>);

impl<'a> CanonicalPath<'a> {
    /// Reads the path of a request target, without its query.
    pub fn parse(raw: &'a str) -> Result<Self, Malformed> {
        if !raw.starts_with('/') {
            return Err(Malformed::Path);
        }
        let mut escapes = false;
        let mut doubled = false;
        let mut previous = 0u8;
        for byte in raw.bytes() {
            match byte {
                b'%' => escapes = true,
                b'\\' => return Err(Malformed::AmbiguousPath),
                b'#' | b'?' | 0..=0x20 | 0x7f => return Err(Malformed::Path),
                b'/' if previous == b'/' => doubled = true,
                _ => {}
            }
            previous = byte;
        }
        let mut path = Cow::Borrowed(raw);
        if escapes {
            path = Cow::Owned(decode(raw)?);
        }
        if doubled {
            path = Cow::Owned(collapse(&path));
        }
        if path.split('/').any(is_dots) {
            return Err(Malformed::AmbiguousPath);
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
}

/// A segment that is `.` or `..`, with or without parameters behind a semicolon.
fn is_dots(segment: &str) -> bool {
    let name = segment.split(';').next().unwrap_or_default();
    name == "." || name == ".."
}

fn decode(raw: &str) -> Result<String, Malformed> {
    let bytes = raw.as_bytes();
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        if byte == b'%' {
            let digit = |offset: usize| {
                bytes.get(position + offset).and_then(|&digit| char::from(digit).to_digit(16))
            };
            let (Some(high), Some(low)) = (digit(1), digit(2)) else { return Err(Malformed::Path) };
            match high * 16 + low {
                0x2f | 0x5c | 0x25 => return Err(Malformed::AmbiguousPath),
                0..=0x1f | 0x7f => return Err(Malformed::Path),
                _ => {}
            }
            position += 3;
        } else {
            position += 1;
        }
    }
    percent_decode_str(raw).decode_utf8().map(Cow::into_owned).map_err(|_| Malformed::Path)
}

fn collapse(path: &str) -> String {
    let mut collapsed = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !collapsed.ends_with('/') {
            collapsed.push(character);
        }
    }
    collapsed
}
