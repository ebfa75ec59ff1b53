//! The headers that every answer carries, errors too. Owns their values.
//! Never takes away what the maker of an answer chose: it fills in what is missing.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::Site;

/// What holds for every answer, whichever host it travels through.
const ALWAYS: [(HeaderName, HeaderValue); 8] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // With `no-referrer` browsers post a form with `Origin: null`, and it could not be told from a foreign one.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS)),
    (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow")),
];

/// What no page of ours asks a browser for.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
     magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// For what is no page: nothing in it may do anything.
const NO_PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Two years, this host alone: others under the domain are not ours to speak for.
const TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Fills in what is missing in an answer of our own host. Safe to do twice.
pub fn complete(site: &Site, headers: &mut HeaderMap) {
    anywhere(headers);
    if site.is_https() {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(TRANSPORT);
    }
}

/// Fills in what is missing in an answer that may travel through a proxy to the visitor of another
/// host: for that host's transport security it does not speak.
pub fn anywhere(headers: &mut HeaderMap) {
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NO_PAGE);
}
