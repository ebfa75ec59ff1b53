//! What went wrong, and what to do next.

use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};

use crate::error::{Error, Kind};
use crate::place::Host;
use crate::web::answer::status;
use crate::web::problem::say;
use crate::web::shell::{self, Tone, door, head, note};
use crate::web::{Response, ReturnTo, Site, urls, words};

/// Any failure, under its reference if it has one.
pub fn error(site: &Site, error: &Error, reference: Option<&str>) -> Response {
    let heading = words::heading(error.kind);
    let card = html! {
        (head(heading, None))
        (note(Tone::Bad, &html! { (error.visitor) }))
        @if let Some(reference) = reference {
            dl.facts { dt { "Reference" } dd { (reference) } }
        }
        div.others { a.button.main href=(urls::HOME) { "Go to the start page" } }
    };
    let mut response = door(site, status(error.kind), heading, &card);
    say(response.headers_mut(), error.kind, reference);
    response
}

/// There is nothing under this address. 404.
pub fn not_found(site: &Site) -> Response {
    error(site, &Error::said(Kind::NotFound, "No page has this address."), None)
}

/// There is, but not with this method; `allow` are those with which there is. 405.
pub fn method_not_allowed(site: &Site, allow: &'static str) -> Response {
    let mut response =
        error(site, &Error::said(Kind::MethodNotAllowed, "This address is used in another way."), None);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// How somebody is known who is sent round in a circle.
#[derive(Clone, Copy, Debug)]
pub enum Circle<'a> {
    /// By a session, whose token is a cookie for this domain.
    Session(Option<&'a Host>),
    /// By their device, which is this login's.
    Device(&'a str),
}

/// Known here, sent to the app, and back at once: says why instead of going round.
pub fn looping(site: &Site, return_to: &ReturnTo, circle: Circle<'_>) -> Response {
    let host = return_to.host();
    let (heading, note, reasons) = match circle {
        Circle::Session(domain) => (
            "Signed in, but the app sent you back",
            html! { "Your sign-in does not reach this app. Nothing is wrong with your password." },
            reasons_of_session(host, domain),
        ),
        Circle::Device(login) => (
            "Recognised, but the app sent you back",
            html! { "The tailnet says here that you are " strong { (login) } ", but not at this app." },
            reasons_of_device(host),
        ),
    };
    let card = html! {
        (head(heading, Some(&html! { "from " strong { (host) } })))
        (shell::note(Tone::Warn, &note))
        p { "One of these is the reason, most often the first:" }
        ul.reasons { (reasons) }
        div.others {
            a.button.main href=(return_to.as_str()) { "Try once more" }
            @match circle {
                Circle::Session(_) => a.button href=(urls::HOME) { "My apps" },
                Circle::Device(_) => a.button href=(urls::LOGOUT) { "Sign in another way" },
            }
        }
    };
    door(site, StatusCode::OK, "Sent back by the app", &card)
}

fn reasons_of_session(host: &Host, domain: Option<&Host>) -> Markup {
    html! {
            li {
                @match domain {
                    Some(domain) if host.is_within(domain) => {
                        strong { "A blocked cookie." } " Let this browser keep cookies for " strong { (domain) } "."
                    }
                    Some(domain) => {
                        strong { "The cookie’s domain." } " The sign-in is for " strong { (domain) }
                        ", and " (host) " is not below it."
                    }
                    None => {
                        strong { "The cookie’s domain." } " No " code { "domain" } " is set under "
                        code { "[cookie]" } ", so the sign-in is for this site alone."
                    }
                }
            }
            li { strong { "Plain http." } " The app was opened without https, where browsers do not send the sign-in." }
            li { strong { "A clock." } " The clock of the server or of this device is wrong." }
            li { strong { "The proxy." } " It does not pass the cookie on to Aegis." }
    }
}

fn reasons_of_device(host: &Host) -> Markup {
    html! {
            li { strong { "The way." } " The name " (host) " leads to the app by another way than over the tailnet." }
            li { strong { "The proxy." } " It does not tell Aegis your device’s own address for this app." }
            li { strong { "Another site." } " It opened the app, and the app does not take the tailnet’s word for that." }
            li { strong { "A moment." } " Tailscale did not answer just then." }
    }
}
