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
    /// By a session, whose token does not get to the app.
    Session(Astray<'a>),
    /// By their device, which is this login's.
    Device(&'a str),
}

/// What keeps a sign-in from an app, as it can be seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Astray<'a> {
    /// The token is for this domain, and the app is not below it; or for our own site alone.
    Domain(Option<&'a Host>),
    /// The browser did not keep the token, a cookie for this domain.
    NotKept(&'a Host),
    /// The browser did not keep it, and the site is without TLS.
    Http,
    /// The browser has another cookie of that name, somewhere under this domain.
    Several(&'a Host),
    /// The browser has a token that we did not sign, for this domain.
    Foreign(&'a Host),
    /// What we signed a moment ago is not valid yet, or no more.
    Clock,
    /// The browser has the token, and shows it here.
    NotPassed,
}

/// Known here, sent to the app, and back at once: says why instead of going round.
pub fn looping(site: &Site, return_to: &ReturnTo, circle: Circle<'_>) -> Response {
    let host = return_to.host();
    let (heading, note, reason) = match circle {
        Circle::Session(astray) => (
            "Signed in, but the app sent you back",
            html! { "Your sign-in does not reach this app. Nothing is wrong with your password." },
            html! { p { (reason_of_session(host, astray)) } },
        ),
        Circle::Device(login) => (
            "Recognised, but the app sent you back",
            html! { "The tailnet says here that you are " strong { (login) } ", but not at this app." },
            html! {
                p { "One of these is the reason, most often the first:" }
                ul.reasons { (reasons_of_device(host)) }
            },
        ),
    };
    let card = html! {
        (head(heading, Some(&html! { "from " strong { (host) } })))
        (shell::note(Tone::Warn, &note))
        (reason)
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

fn reason_of_session(host: &Host, astray: Astray<'_>) -> Markup {
    let (title, text) = match astray {
        Astray::Domain(Some(domain)) => (
            "The cookie’s domain.",
            html! { "The sign-in is for " strong { (domain) } ", and " (host) " is not below it." },
        ),
        Astray::Domain(None) => (
            "The cookie’s domain.",
            html! {
                "No " code { "domain" } " is set under " code { "[cookie]" }
                ", so the sign-in is for this site alone."
            },
        ),
        Astray::NotKept(domain) => (
            "A blocked cookie.",
            html! {
                "This browser did not keep the cookie for " strong { (domain) }
                " that it was given a moment ago. Allow cookies for it in the settings of the browser."
            },
        ),
        Astray::Http => (
            "Plain http.",
            html! {
                "This site is opened without https, and this browser keeps a sign-in only with it. \
                 Use another browser, or give the site a certificate."
            },
        ),
        Astray::Several(domain) => (
            "Another cookie.",
            html! {
                "This browser has more than one " code { "aegis_token" } ". Remove the cookies of "
                strong { (domain) } " and of what is below it in the settings of the browser, and sign in again."
            },
        ),
        Astray::Foreign(domain) => (
            "Another server.",
            html! {
                "The cookie " code { "aegis_token" } " of this browser is not from here. Two servers of Aegis \
                 cannot share " strong { (domain) } "; if there is only one, remove the cookies of that domain."
            },
        ),
        Astray::Clock => (
            "A clock.",
            html! { "The server’s clock says that the sign-in of a moment ago is not valid now. It was set wrong, or has been moved." },
        ),
        Astray::NotPassed => (
            "The proxy.",
            html! {
                "This browser has the sign-in and shows it here, but at " strong { (host) }
                " it does not arrive: the proxy there has to pass cookies on to Aegis."
            },
        ),
    };
    html! { strong { (title) } " " (text) }
}

fn reasons_of_device(host: &Host) -> Markup {
    html! {
            li { strong { "The way." } " The name " (host) " leads to the app by another way than over the tailnet." }
            li { strong { "The proxy." } " It does not tell Aegis your device’s own address for this app." }
            li { strong { "Another site." } " It opened the app, and the app does not take the tailnet’s word for that." }
            li { strong { "A moment." } " Tailscale did not answer just then." }
    }
}
