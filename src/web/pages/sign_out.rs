//! The way out.

use http::StatusCode;
use maud::html;

use super::tailnet::use_again;
use crate::web::shell::{Tone, door, head, note};
use crate::web::{Response, Site, urls};

/// One button: a GET changes nothing, so that a picture on another site signs nobody out. Says who is
/// signed in, and whose the device is.
pub fn sign_out(site: &Site, username: Option<&str>, device: Option<&str>) -> Response {
    let line = match (username, device) {
        (Some(name), None) => Some(html! { "You are signed in as " strong { (name) } }),
        (None, Some(login)) => Some(html! { "You are here by your tailnet device, as " strong { (login) } }),
        (Some(name), Some(login)) => Some(html! {
            "You are signed in as " strong { (name) } ", and on the tailnet as " strong { (login) }
        }),
        (None, None) => None,
    };
    let card = html! {
        (head("Sign out", line.as_ref()))
        @if device.is_some() {
            p.soft { "For an hour, the tailnet will not sign you in again in this browser." }
        }
        form method="post" action=(urls::LOGOUT) { button.main { "Sign out" } }
        div.others { a.button href=(urls::HOME) { "Stay signed in" } }
    };
    door(site, StatusCode::OK, "Sign out", &card)
}

/// It is done; `on_tailnet` says that the tailnet knew them, and does no more in this browser for a while.
pub fn signed_out(site: &Site, on_tailnet: bool) -> Response {
    let card = html! {
        (head("Signed out", None))
        (note(Tone::Good, &html! { "You are signed out of Aegis and of every app behind it." }))
        @if on_tailnet {
            p.soft { "For an hour, the tailnet will not sign you in again in this browser." }
        }
        div.others {
            a.button.main href=(urls::LOGIN) { "Sign in again" }
            @if on_tailnet { (use_again("Use the tailnet again", None, None)) }
        }
    };
    door(site, StatusCode::OK, "Signed out", &card)
}
