//! `X-Aegis-Key`. Owns the header's name and what it means to show it.
//! There are no keys for scripts in this release, so whoever shows one is refused: never ignored.

use http::{HeaderMap, HeaderName};

/// The header, read once: a name as text would be parsed on every check.
static KEY: HeaderName = HeaderName::from_static("x-aegis-key");

/// Whether the request shows a key.
pub(super) fn is_shown(headers: &HeaderMap) -> bool {
    headers.contains_key(&KEY)
}
