//! `Authorization`. Owns which values are ours: everything else is the app's own business and counts
//! as absent. Never takes a browser's token: that is a cookie and nothing else.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::{memchr, memmem};
use zeroize::Zeroizing;

use super::{Authenticate, Basis, Credential, Named, Scheme, api_token, may_be_bearer};
use crate::api_tokens::{self, Fingerprint};
use crate::clock::Now;
use crate::forwarded::{CredentialLines, Slot};
use crate::identity::{AppName, Part, Why};
use crate::keys::Keys;

/// What the header shows.
pub(super) enum Shown<'a> {
    /// Nothing of ours.
    Nothing,
    /// A token of `POST /auth/token`, by its shape.
    Bearer(&'a str),
    /// An API token, by its shape.
    ApiToken(Fingerprint),
    /// Something in our shape that can never count.
    Unusable,
}

pub(super) fn shown<'a>(lines: &CredentialLines<'a>, keys: &Keys) -> Shown<'a> {
    match lines.authorization {
        Slot::Once(value) => one(value, keys),
        Slot::Often if lines.authorizations().any(|value| is_ours(value, keys)) => Shown::Unusable,
        Slot::Absent | Slot::Often => Shown::Nothing,
    }
}

/// Whether the value of an `Authorization` header is a credential of ours, right or wrong.
pub fn is_ours(value: &http::HeaderValue, keys: &Keys) -> bool {
    match one(value, keys) {
        Shown::Nothing => false,
        Shown::Bearer(_) | Shown::ApiToken(_) | Shown::Unusable => true,
    }
}

fn one<'a>(value: &'a http::HeaderValue, keys: &Keys) -> Shown<'a> {
    let api_token = |token| Fingerprint::of(token).map_or(Shown::Unusable, Shown::ApiToken);
    if let Some(token) = credentials(value, "bearer") {
        if token.starts_with(api_tokens::PREFIX) {
            return api_token(token);
        }
        if keys.is_ours(token) {
            return Shown::Bearer(token);
        }
    } else if let Some(pair) = basic(value) {
        // Any username: the token says whose it is.
        let password = memchr(b':', &pair).and_then(|colon| pair.get(colon + 1..));
        match password.filter(|password| password.starts_with(api_tokens::PREFIX.as_bytes())) {
            Some(token) => return str::from_utf8(token).map_or(Shown::Unusable, api_token),
            None if holds_ours(&pair, keys) => return Shown::Unusable,
            None => {}
        }
    }
    // As the username, without a scheme, under another one, joined with another's by a comma: a slip that no
    // app should see.
    if holds_ours(value.as_bytes(), keys) { Shown::Unusable } else { Shown::Nothing }
}

/// Whether a token of ours stands somewhere in it.
fn holds_ours(bytes: &[u8], keys: &Keys) -> bool {
    let mut words = bytes.split(|byte| b" \t,;:=\"".contains(byte));
    memmem::find(bytes, api_tokens::PREFIX.as_bytes()).is_some()
        || words.any(|word| str::from_utf8(word).is_ok_and(|word| keys.is_ours(word)))
}

pub(super) async fn find<'a>(
    authenticate: &Authenticate,
    lines: &CredentialLines<'a>,
    app: &AppName,
    now: Now,
) -> Scheme<'a> {
    let token = match shown(lines, &authenticate.keys) {
        Shown::Nothing => return Scheme::Absent,
        Shown::Unusable => return Scheme::Refused(Why::Invalid),
        Shown::ApiToken(fingerprint) => return api_token::find(authenticate, fingerprint, app, now).await,
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

/// Base64 as lenient programs read it: an app could find a token in what a strict reader passes over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The `user:password` of `Basic …` (RFC 7617).
fn basic(value: &http::HeaderValue) -> Option<Zeroizing<Vec<u8>>> {
    LENIENT.decode(credentials(value, "basic")?).ok().map(Zeroizing::new)
}

/// What stands behind the name of this scheme (RFC 9110, section 11.4).
fn credentials<'a>(value: &'a http::HeaderValue, scheme: &str) -> Option<&'a str> {
    let blank = [' ', '\t'];
    let (name, rest) = value.to_str().ok()?.split_once(blank)?;
    name.eq_ignore_ascii_case(scheme).then(|| rest.trim_matches(blank))
}
