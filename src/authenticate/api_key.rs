//! `X-Aegis-Key`. Owns the header's name and what it means to show it.
//! There are no keys for scripts in this release, so whoever shows one is refused: never ignored.

use http::HeaderMap;

/// Whether the request shows a key.
pub(super) fn is_shown(headers: &HeaderMap) -> bool {
    headers.contains_key("x-aegis-key")
}
