//! Answers that are no pages: redirects, JSON, and the status of each kind of failure.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::{Response, Site, headers};
use crate::error::Kind;

/// The status of a failure of `kind`.
pub fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::NotSignedIn => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Gone => StatusCode::GONE,
        Kind::UnsupportedType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The value of `Retry-After` for a failure of `kind`, where waiting helps: whole seconds, at least one.
pub fn retry_after(kind: Kind) -> Option<HeaderValue> {
    match kind {
        Kind::TooMany(wait) | Kind::Unavailable(wait) => Some(seconds(wait)),
        _ => None,
    }
}

/// `wait` in whole seconds, rounded up, at least one.
pub(super) fn seconds(wait: Duration) -> HeaderValue {
    let whole = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    HeaderValue::from(whole.max(1))
}

/// 303 to `location`: whatever was asked, the next request is a GET, so that no password is sent twice.
pub fn redirect(site: &Site, location: HeaderValue) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    headers::complete(site, response.headers_mut());
    response
}

/// `value` as JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => of_type(status, "application/json", text),
        Err(_) => of_type(StatusCode::INTERNAL_SERVER_ERROR, "application/json", Bytes::from_static(b"{}")),
    }
}

/// Nothing here is for crawlers (RFC 9309).
pub fn robots() -> Response {
    of_type(StatusCode::OK, "text/plain; charset=utf-8", Bytes::from_static(b"User-agent: *\nDisallow: /\n"))
}

/// `body` as `content_type`, with the headers that hold anywhere.
pub(super) fn of_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into().into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers::anywhere(response.headers_mut());
    response
}
