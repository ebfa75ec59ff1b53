//! Pages that a proxy carries to the visitor of an app, under the app's own address.
//!
//! Promises: such a page needs nothing else (its sheet is in it, allowed by its hash), links only to
//! absolute addresses of `public_url`, holds no form and no script, and shows its reference.
//! Never: speaks for the app's host (no HSTS). What programs read instead is [`super::problem`].

use http::StatusCode;
use maud::html;

use super::answer::status;
use super::problem::say;
use super::shell::{Tone, head, note, travel};
use super::{Response, Site, urls, words};
use crate::error::{Error, Kind};
use crate::place::Host;

/// Somebody who is known, at an app that is not theirs.
#[derive(Clone, Copy, Debug)]
pub struct NoAccess<'a> {
    /// Who is signed in.
    pub name: &'a str,
    /// The app's host.
    pub host: &'a Host,
    /// Whether the rest of the app is open to them.
    pub partly: bool,
    /// What would let them in, if they may know: `role operator`.
    pub needs: Option<&'a str>,
    /// The reference of this refusal.
    pub reference: &'a str,
}

/// Signed in, and not allowed. 403.
pub fn no_access(site: &Site, page: &NoAccess<'_>) -> Response {
    let card = html! {
        (head(if page.partly { "You can’t open this page" } else { "You can’t open this app" }, None))
        p {
            "Signed in as " strong { (page.name) } ". This account has no access to "
            @if page.partly { "this part of " }
            strong { (page.host) } "."
        }
        dl.facts {
            @if let Some(needs) = page.needs { dt { "Needs" } dd { (needs) } }
            dt { "Reference" } dd { (page.reference) }
        }
        div.others {
            a.button.main href=(site.absolute(urls::HOME)) { "My apps" }
            a.button href=(site.absolute(urls::LOGOUT)) { "Use another account" }
        }
    };
    let mut response = travel(site, StatusCode::FORBIDDEN, "No access", &card);
    say(response.headers_mut(), Kind::Forbidden, Some(page.reference));
    response
}

/// Any other refusal: the status is that of the error.
pub fn refusal(site: &Site, error: &Error, reference: &str) -> Response {
    let heading = words::heading(error.kind);
    let card = html! {
        (head(heading, None))
        (note(Tone::Bad, &html! { (error.visitor) }))
        dl.facts { dt { "Reference" } dd { (reference) } }
        div.others { a.button.main href=(site.absolute(urls::HOME)) { "My apps" } }
    };
    let mut response = travel(site, status(error.kind), heading, &card);
    say(response.headers_mut(), error.kind, Some(reference));
    response
}
