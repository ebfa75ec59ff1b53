//! The way out.

use http::StatusCode;
use maud::html;

use crate::web::shell::{Tone, door, head, note};
use crate::web::{Response, Site, urls};

/// One button: a GET changes nothing, so that a picture on another site signs nobody out.
pub fn sign_out(site: &Site, username: Option<&str>) -> Response {
    let line = username.map(|name| html! { "You are signed in as " strong { (name) } });
    let card = html! {
        (head("Sign out", line.as_ref()))
        form method="post" action=(urls::LOGOUT) { button.main { "Sign out" } }
        div.others { a.button href=(urls::HOME) { "Stay signed in" } }
    };
    door(site, StatusCode::OK, "Sign out", &card)
}

/// It is done.
pub fn signed_out(site: &Site) -> Response {
    let card = html! {
        (head("Signed out", None))
        (note(Tone::Good, &html! { "You are signed out of Aegis and of every app behind it." }))
        div.others { a.button.main href=(urls::LOGIN) { "Sign in again" } }
    };
    door(site, StatusCode::OK, "Signed out", &card)
}
