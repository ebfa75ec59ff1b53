//! The answers of a check, in the dialect of the proxy that asked. Nothing else writes a verdict.
//!
//! Promises: 200 is written in one place and carries every identity header once; a refusal carries
//! none, and a reference instead; what nginx cannot pass on becomes 401 or 403.
//! Never: says 200 because something went wrong.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::TOLD_HTTP;
use crate::error::{Error, Kind};
use crate::forwarded::{Asked, CredentialLines, Dialect, Slot};
use crate::place::{Host, Scheme, is_localhost};
use crate::policy::{Challenge, Lack, Rule};
use crate::state::Current;
use crate::web::travelling::{self, NoAccess};
use crate::web::{self, Response, cookies, urls};

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"Aegis\", charset=\"UTF-8\"");
const BEYOND_SCOPE: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"Aegis\", error=\"insufficient_scope\"");

/// Exactly 200: `ready`, and the visitor's own cookies and authorization without ours, where there are any;
/// `ready` holds what stands for none.
pub(super) fn allowed(
    ready: &HeaderMap,
    credentials: &CredentialLines<'_>,
    is_ours: impl Fn(&HeaderValue) -> bool,
) -> Response {
    let mut headers = ready.clone();
    if let Some(cookie) = cookies::strip(credentials.cookies(), &cookies::OURS) {
        headers.insert(header::COOKIE, cookie);
    }
    // Several lines are nothing an app could read in one way; they are taken away.
    if let Slot::Once(value) = credentials.authorization
        && !is_ours(value)
    {
        headers.insert(header::AUTHORIZATION, value.clone());
    }
    let mut response = Response::new(Bytes::from_static(b"ok").into());
    *response.headers_mut() = headers;
    response
}

/// Nobody is signed in, or not as far as the rule asks: the way to the sign-in page, or 401.
pub(super) fn sign_in(
    dialect: Dialect,
    current: &Current,
    asked: &Asked<'_>,
    rule: &Rule,
    lack: Option<Lack>,
    reference: impl FnOnce(u16) -> String,
) -> Response {
    let return_to = asked.return_url();
    let location = urls::sign_in(current.site.public_url(), &return_to);
    if asked.navigation && !matches!(dialect, Dialect::Nginx) {
        return redirect(asked, &location);
    }
    let reference = reference(401);
    let mut response = match lack {
        None => {
            let error = Error::said(Kind::NotSignedIn, "Sign in to use this.");
            web::problem(&error, Some(&reference))
        }
        Some(Lack::SecondFactor | Lack::SecondFactorByRole) => {
            web::step_up("A second factor is needed to use this.", rule.max_age(), &reference)
        }
        Some(Lack::Freshness { .. }) => {
            web::step_up("Show a factor again to use this.", rule.max_age(), &reference)
        }
    };
    let headers = response.headers_mut();
    if rule.challenge() == Challenge::Basic && !asked.browser {
        let named = headers.insert(header::WWW_AUTHENTICATE, BASIC);
        // First what a program that knows no other way can do; then what is lacking.
        if let (Some(named), Some(_)) = (named, lack) {
            headers.append(header::WWW_AUTHENTICATE, named);
        }
    }
    if (asked.navigation || !matches!(dialect, Dialect::Nginx))
        && let Ok(location) = HeaderValue::from_str(&location)
    {
        headers.insert(header::LOCATION, location);
    }
    response
}

/// Somebody is known, and their token is not for what they ask (RFC 6750, section 3.1).
pub(super) fn beyond_scope(
    dialect: Dialect,
    current: &Current,
    asked: &Asked<'_>,
    reference: impl FnOnce(u16) -> String,
) -> Response {
    let error = Error::said(Kind::Forbidden, "This token does not reach that.");
    let mut response = refused(dialect, current, asked, &error, reference);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, BEYOND_SCOPE);
    response
}

/// Plain http for an app of an https site: the same address under https, for who can follow it. Whose browser
/// sends fetch metadata is there already: it does so over TLS alone (Fetch Metadata, section 2), and would be
/// sent round in a circle.
pub(super) fn to_https(
    dialect: Dialect,
    current: &Current,
    asked: &Asked<'_>,
    reference: impl FnOnce(u16) -> String,
) -> Response {
    let get = matches!(asked.method, Method::GET | Method::HEAD);
    if asked.navigation && asked.browser && !is_localhost(&asked.host) {
        return refused(dialect, current, asked, &Error::said(Kind::Forbidden, TOLD_HTTP), reference);
    }
    if !(asked.navigation && get) {
        let error = Error::said(Kind::Forbidden, "Use https for this address.");
        return refused(dialect, current, asked, &error, reference);
    }
    let location = asked.https_url();
    match dialect {
        Dialect::Forward | Dialect::Envoy => redirect(asked, &location),
        Dialect::Nginx => {
            let error = Error::said(Kind::NotSignedIn, "Use https for this address.");
            let mut response = web::problem(&error, Some(&reference(401)));
            if let Ok(location) = HeaderValue::from_str(&location) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response
        }
    }
}

/// 302, or 303 where the method would be repeated otherwise.
fn redirect(asked: &Asked<'_>, location: &str) -> Response {
    let status = match asked.method {
        Method::GET | Method::HEAD => StatusCode::FOUND,
        _ => StatusCode::SEE_OTHER,
    };
    let mut response = Response::default();
    let Ok(location) = HeaderValue::from_str(location) else {
        return web::problem(&Error::internal("a return address does not fit a header"), None);
    };
    *response.status_mut() = status;
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    response
}

/// A refusal: a page for people, a problem document for programs. nginx knows only 401 and 403,
/// Envoy takes a 5xx for a reason to let everybody in where it is told to.
pub(super) fn refused(
    dialect: Dialect,
    current: &Current,
    asked: &Asked<'_>,
    error: &Error,
    reference: impl FnOnce(u16) -> String,
) -> Response {
    let status = in_dialect(dialect, web::status(error.kind));
    let reference = reference(status.as_u16());
    let mut response = if asked.navigation {
        travelling::refusal(&current.site, error, &reference)
    } else {
        web::problem(error, Some(&reference))
    };
    *response.status_mut() = status;
    response
}

/// Somebody is known, and the rule does not let them in; `partly` if another part of the app would.
pub(super) fn no_access(
    current: &Current,
    asked: &Asked<'_>,
    name: &str,
    partly: bool,
    needs: Option<&str>,
    reference: &str,
) -> Response {
    match asked.host.parse::<Host>() {
        Ok(host) if asked.navigation => {
            travelling::no_access(&current.site, &NoAccess { name, host: &host, partly, needs, reference })
        }
        Ok(_) | Err(_) => {
            let what = if partly { "this part of the app" } else { "this app" };
            let error = Error::said(Kind::Forbidden, format!("This account has no access to {what}."));
            web::problem(&error, Some(reference))
        }
    }
}

/// The answer to a request that could not be read, or whose proxy is not believed.
pub(super) fn unread(dialect: Dialect, error: &Error, reference: impl FnOnce(u16) -> String) -> Response {
    let status = in_dialect(dialect, web::status(error.kind));
    let mut response = web::problem(error, Some(&reference(status.as_u16())));
    *response.status_mut() = status;
    response
}

/// The answer when answering itself failed.
pub(super) fn closed(dialect: Dialect, error: &Error) -> Response {
    let mut response = web::problem(error, None);
    *response.status_mut() = in_dialect(dialect, web::status(error.kind));
    response
}

fn in_dialect(dialect: Dialect, status: StatusCode) -> StatusCode {
    match dialect {
        Dialect::Nginx if status != StatusCode::UNAUTHORIZED => StatusCode::FORBIDDEN,
        Dialect::Envoy if status.is_server_error() => StatusCode::FORBIDDEN,
        Dialect::Forward if status.is_server_error() => StatusCode::SERVICE_UNAVAILABLE,
        Dialect::Forward | Dialect::Envoy if status == StatusCode::PAYLOAD_TOO_LARGE => {
            StatusCode::BAD_REQUEST
        }
        Dialect::Forward | Dialect::Nginx | Dialect::Envoy => status,
    }
}

/// Whether `asked` came without TLS for a site that has it.
pub(super) fn lacks_tls(current: &Current, asked: &Asked<'_>) -> bool {
    asked.scheme == Scheme::Http && current.site.is_https()
}
