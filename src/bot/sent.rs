//! A message once its sign-in is decided: what became of it, and what can still be done.

use maud::{Markup, html};

use super::prompts::{device, place};
use super::taps::Does;
use crate::clock::Wall;
use crate::identity::SessionId;
use crate::second_factor::challenge::{Challenge, State, Untold};
use crate::state::Current;
use crate::telegram::{Button, Message};
use crate::web::{self, urls};

/// What the message says from now on.
pub(super) fn outcome(current: &Current, untold: &Untold) -> Message {
    let Untold { challenge, opened, .. } = untold;
    let message = Message::new(text(current, challenge));
    match button(challenge, *opened) {
        Some(button) => message.with_buttons(vec![vec![button]]),
        None => message,
    }
}

/// The same once sessions were ended by its button.
pub(super) fn after_the_end(current: &Current, challenge: &Challenge, said: &str, now: Wall) -> Message {
    Message::new(html! { (text(current, challenge)) "\n\n↩️ " (said) " (" (web::hour(now)) ")" })
}

fn text(current: &Current, challenge: &Challenge) -> Markup {
    let at = web::hour(challenge.decided_at.unwrap_or(challenge.expires_at));
    let what = html! { (place(challenge)) ", " (device(challenge)) };
    match (challenge.state, challenge.approved_at) {
        (State::Pending, _) => html! { "⌛ Waiting." },
        (State::Approved | State::Finished, Some(approved)) => {
            html! { "✅ Approved at " (web::hour(approved)) " - " (what) "." }
        }
        (State::Approved | State::Finished, None) => {
            html! { "ℹ️ Signed in another way at " (at) " - " (what) "." }
        }
        (State::Denied, _) => html! {
            "🚫 Denied at " (at) ". Nobody was signed in."
            (someone_knows(current))
        },
        (State::WrongNumber, _) => html! {
            "⚠️ Wrong number, sign-in stopped at " (at) ". Nobody was signed in."
            (someone_knows(current))
        },
        (State::Expired, Some(_)) => {
            html! { "⌛ Approved, but the browser did not come back until " (at) ": nobody was signed in." }
        }
        (State::Expired, None) => html! { "⌛ Expired at " (at) " - nobody was signed in." },
        (State::Superseded, _) => html! { "↪️ Replaced by a newer request." },
        (State::Cancelled, _) => html! { "✖️ Cancelled in the browser." },
    }
}

fn someone_knows(current: &Current) -> Markup {
    html! {
        " If you didn't try to sign in, someone knows your password: change it on your "
        a href=(current.site.absolute(urls::ACCOUNT)) { "account page" } "."
    }
}

/// What can still be done by a tap: nothing that changes how somebody signs in.
fn button(challenge: &Challenge, opened: Option<SessionId>) -> Option<Button> {
    let tap = challenge.tap.as_deref()?;
    match (challenge.state, opened) {
        (State::Finished, Some(_)) => Some(Button::new("Sign this session out", Does::SignOut.data(tap)?)),
        (State::Denied | State::WrongNumber, _) => {
            Some(Button::new("Sign out all sessions", Does::SignOutEverywhere.data(tap)?))
        }
        _ => None,
    }
}
