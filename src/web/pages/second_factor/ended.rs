//! What became of a sign-in that opened nothing, and how to begin anew.

use http::StatusCode;
use maud::html;

use super::leads_to;
use crate::clock::Wall;
use crate::web::shell::{Tone, door, head, note};
use crate::web::{Destination, Response, Site, urls, words};

/// An end that a sign-in came to without opening anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody said that it was not them.
    Denied,
    /// The wrong number was chosen.
    WrongNumber,
    /// Its time ran out, then; it may have been approved before.
    Expired {
        /// When.
        at: Wall,
        /// Whether it was approved.
        approved: bool,
    },
    /// A newer one took its place.
    Superseded,
    /// It cannot be finished any more.
    Over,
}

/// What became of a sign-in, and how to begin anew.
pub fn ended(site: &Site, to: &Destination, how: Ended) -> Response {
    let (status, title, heading, tone, text) = match how {
        Ended::Denied => (
            StatusCode::FORBIDDEN,
            "Sign-in stopped",
            "You denied this sign-in",
            Tone::Bad,
            html! { "Nobody was signed in. If it wasn’t you who tried, someone knows your password." },
        ),
        Ended::WrongNumber => (
            StatusCode::FORBIDDEN,
            "Sign-in stopped",
            "The wrong number was chosen",
            Tone::Bad,
            html! { "So we stopped this sign-in. Nobody was signed in." },
        ),
        Ended::Expired { at, approved } => (
            StatusCode::GONE,
            "Request expired",
            "This request has expired",
            Tone::Warn,
            html! {
                "It ended at " (words::clock(at)) ". "
                @if approved { "It was approved, but this browser did not come back in time." }
                @else { "Nothing was approved." }
            },
        ),
        Ended::Superseded => (
            StatusCode::CONFLICT,
            "Newer sign-in",
            "You started a newer sign-in",
            Tone::Warn,
            html! { "Continue there, in the window where you began it." },
        ),
        Ended::Over => (
            StatusCode::GONE,
            "Sign-in over",
            "This sign-in is over",
            Tone::Warn,
            html! { "It can’t be finished any more. Nobody was signed in." },
        ),
    };
    let again = match how {
        Ended::Superseded => "Use this window instead",
        Ended::Denied | Ended::WrongNumber | Ended::Expired { .. } | Ended::Over => "Start over",
    };
    let card = html! {
        (head(heading, leads_to(to).as_ref()))
        (note(tone, &text))
        div.others {
            a.button.main href=(urls::login(to.written())) { (again) }
            @if tone == Tone::Bad { a.button href=(urls::ACCOUNT) { "That wasn’t me: what now?" } }
        }
    };
    door(site, status, title, &card)
}

/// Another sign-in to the account, from a browser that is known, waits already. 409.
pub fn another_waits(site: &Site, to: &Destination) -> Response {
    let card = html! {
        (head("Another sign-in is waiting", leads_to(to).as_ref()))
        (note(Tone::Warn, &html! {
            "Another sign-in to this account is waiting for its second factor. Try again in two minutes."
        }))
        div.others { a.button.main href=(urls::login(to.written())) { "Back to sign-in" } }
    };
    door(site, StatusCode::CONFLICT, "Another sign-in is waiting", &card)
}
