//! Forms as browsers post them (`application/x-www-form-urlencoded`), bounded, and whether one was
//! posted by a page of ours.
//!
//! Promises: at most 64 KiB and 128 fields, each once, all UTF-8; values are kept as secrets, because
//! some are. Never: believes a form that another site may have sent.

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use percent_encoding::percent_decode;

use crate::error::{Error, Kind};
use crate::place::Origin;
use crate::secret::Secret;

/// The longest body of a form, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// The most fields of a form.
const MOST_FIELDS: usize = 128;

/// A form that was read.
#[derive(Debug, Default)]
pub struct Form {
    fields: Vec<(Box<str>, Secret)>,
}

impl Form {
    /// Reads the form that `headers` announce and `body` holds.
    pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Error> {
        let content_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if !essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            return Err(Error::said(Kind::UnsupportedType, "This takes a form only."));
        }
        Self::decode(body)
    }

    /// Reads the part of a URL behind the question mark.
    pub fn from_query(query: Option<&str>) -> Result<Self, Error> {
        Self::decode(query.unwrap_or_default().as_bytes())
    }

    fn decode(text: &[u8]) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(too_large());
        }
        let malformed = |what| Error::new(Kind::Malformed, "This form cannot be read.", what);
        let mut form = Self::default();
        for field in text.split(|byte| *byte == b'&').filter(|field| !field.is_empty()) {
            let mut halves = field.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default());
            let value = decode(halves.next().unwrap_or_default());
            let (Some(name), Some(value)) = (name, value) else {
                return Err(malformed("a field of the form is not UTF-8"));
            };
            if form.has(&name) {
                return Err(malformed("a field stands twice in the form"));
            }
            if form.fields.len() == MOST_FIELDS {
                return Err(malformed("the form has too many fields"));
            }
            form.fields.push((name.into(), Secret::new(value)));
        }
        Ok(form)
    }

    /// Whether there is a field `name`, be it empty.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| &**field == name)
    }

    /// The text of the field `name`; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| &**field == name).map_or("", |(_, value)| value.reveal())
    }

    /// The text of the field `name` as a secret; empty where there is none.
    pub fn secret(&self, name: &str) -> Secret {
        Secret::new(self.text(name))
    }
}

/// One half of a field, with `+` and escapes read.
fn decode(text: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    String::from_utf8(percent_decode(&spaced).collect()).ok()
}

/// Whether a page of ours at `public_url` posted this: `Sec-Fetch-Site` says so, or, where a browser
/// does not send it, `Origin` does. Else 403.
pub fn same_origin(headers: &HeaderMap, public_url: &Origin) -> Result<(), Error> {
    let one = |name| {
        let mut values = headers.get_all(name).iter();
        (values.next(), values.next())
    };
    let ours = match one("sec-fetch-site") {
        (Some(site), None) => site == "same-origin",
        (None, _) => match one("origin") {
            (Some(origin), None) => origin.as_bytes() == public_url.to_string().as_bytes(),
            _ => false,
        },
        _ => false,
    };
    if ours {
        return Ok(());
    }
    Err(Error::new(
        Kind::Forbidden,
        "This form did not come from a page of this site. Open the page anew and try again.",
        "a form was posted from another origin",
    ))
}

/// The whole of `incoming`, if it is not longer than `limit` bytes; else 413.
pub async fn body<B>(incoming: B, limit: usize) -> Result<Bytes, Error>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if incoming.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    match Limited::new(incoming, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(Error::new(
            Kind::Malformed,
            "The request did not arrive whole. Please try again.",
            format!("the body did not arrive whole: {error}"),
        )),
    }
}

fn too_large() -> Error {
    Error::said(Kind::TooLarge, "That is more than this server accepts.")
}

#[cfg(test)]
mod tests;
