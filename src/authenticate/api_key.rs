//! `X-Aegis-Key`. Owns the header's name and what it means to show it: an API token and nothing else, and
//! whoever shows another thing is refused, never ignored.

use http::{HeaderMap, HeaderName};

use crate::api_tokens::Fingerprint;

/// The header, read once: a name as text would be parsed on every check.
static KEY: HeaderName = HeaderName::from_static("x-aegis-key");

/// What the header shows.
pub(super) enum Shown {
    /// It is not there.
    Nothing,
    /// A token in our shape.
    Token(Fingerprint),
    /// Something that can never count, or several lines.
    Unusable,
}

pub(super) fn shown(headers: &HeaderMap) -> Shown {
    let mut lines = headers.get_all(&KEY).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Shown::Nothing,
        (Some(value), None) => {
            value.to_str().ok().and_then(Fingerprint::of).map_or(Shown::Unusable, Shown::Token)
        }
        (Some(_), Some(_)) => Shown::Unusable,
    }
}
