//! JSON as programs and scripts post it. Never reads a body that does not say that it is JSON: a form of
//! another site could be one.

use http::{HeaderMap, header};
use serde::Deserialize;

use crate::error::{Error, Kind};

/// A JSON body, and nothing else.
pub fn read_json<'a, T: Deserialize<'a>>(headers: &HeaderMap, body: &'a [u8]) -> Result<T, Error> {
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        return Err(Error::said(Kind::UnsupportedType, "Send the body as application/json."));
    }
    serde_json::from_slice(body)
        .map_err(|_| Error::said(Kind::Malformed, "The body is not the JSON object this endpoint reads."))
}
