//! `Authorization`. Owns which values are ours: everything else is the app's own business and counts
//! as absent. Never takes a browser's token: that is a cookie and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};

use super::{Authenticate, Basis, Credential, Named, Scheme, may_be_bearer};
use crate::clock::Now;
use crate::identity::{AppName, Part, Why};
use crate::keys::Keys;

/// How every token for scripts begins. None is given out in this release.
const SCRIPT_TOKEN: &str = "aegis_pat_";

/// What the header shows.
pub(super) enum Shown<'a> {
    /// Nothing of ours.
    Nothing,
    /// A token in our shape.
    Bearer(&'a str),
    /// Something in our shape that can never count.
    Unusable,
}

pub(super) fn shown<'a>(headers: &'a HeaderMap, keys: &Keys) -> Shown<'a> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), more) = (lines.next(), lines.next()) else { return Shown::Nothing };
    if more.is_some() {
        let ours = headers.get_all(header::AUTHORIZATION).iter().any(|value| is_ours(value, keys));
        return if ours { Shown::Unusable } else { Shown::Nothing };
    }
    match bearer(value) {
        Some(token) if keys.is_ours(token) => Shown::Bearer(token),
        Some(_) | None if is_ours(value, keys) => Shown::Unusable,
        Some(_) | None => Shown::Nothing,
    }
}

/// Whether the value of an `Authorization` header is a credential of ours, right or wrong.
pub fn is_ours(value: &http::HeaderValue, keys: &Keys) -> bool {
    if let Some(token) = bearer(value) {
        return token.starts_with(SCRIPT_TOKEN) || keys.is_ours(token);
    }
    basic_password(value).is_some_and(|password| password.starts_with(SCRIPT_TOKEN.as_bytes()))
}

pub(super) async fn find<'a>(
    authenticate: &Authenticate,
    headers: &'a HeaderMap,
    app: &AppName,
    now: Now,
) -> Scheme<'a> {
    let token = match shown(headers, &authenticate.keys) {
        Shown::Nothing => return Scheme::Absent,
        Shown::Unusable => return Scheme::Refused(Why::Invalid),
        Shown::Bearer(token) => token,
    };
    match authenticate.session_of(token, Some(app), now).await {
        Named::Session(session, handles, until) if may_be_bearer(session.purpose) => {
            let credential = Credential::Bearer(token);
            Scheme::Known(Box::new(Basis::of_session(credential, &session, handles, until)))
        }
        Named::Session(..) | Named::Nothing => Scheme::Refused(Why::Invalid),
        Named::Disabled => Scheme::Refused(Why::Disabled),
        Named::OtherApp => Scheme::Refused(Why::Audience),
        Named::Unanswered => Scheme::Unanswered(Part::Store),
    }
}

/// The token of `Bearer TOKEN` (RFC 6750, section 2.1).
fn bearer(value: &http::HeaderValue) -> Option<&str> {
    credentials(value, "bearer")
}

/// The password of `Basic …` (RFC 7617), as bytes.
fn basic_password(value: &http::HeaderValue) -> Option<Vec<u8>> {
    let encoded = credentials(value, "basic")?;
    if encoded.len() > 8192 {
        return None;
    }
    let decoded = STANDARD.decode(encoded).ok()?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    decoded.get(colon + 1..).map(<[u8]>::to_vec)
}

fn credentials<'a>(value: &'a http::HeaderValue, scheme: &str) -> Option<&'a str> {
    let (name, rest) = value.to_str().ok()?.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then(|| rest.trim_matches(' '))
}
