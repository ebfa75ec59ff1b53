//! `X-Aegis-Key`. Owns what it means to show it: an API token and nothing else, and
//! whoever shows another thing is refused, never ignored.

use crate::api_tokens::Fingerprint;
use crate::forwarded::Slot;

/// What the header shows.
pub(super) enum Shown {
    /// It is not there.
    Nothing,
    /// A token in our shape.
    Token(Fingerprint),
    /// Something that can never count, or several lines.
    Unusable,
}

pub(super) fn shown(key: Slot<'_>) -> Shown {
    match key {
        Slot::Absent => Shown::Nothing,
        Slot::Once(value) => {
            value.to_str().ok().and_then(Fingerprint::of).map_or(Shown::Unusable, Shown::Token)
        }
        Slot::Often => Shown::Unusable,
    }
}
