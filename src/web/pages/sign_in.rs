//! The way in: the form and what can become of it.

use std::time::Duration;

use http::{StatusCode, header};
use maud::{Markup, html};

use super::PasswordField;
use crate::clock::Wall;
use crate::place::ClientAddress;
use crate::web::answer::seconds;
use crate::web::shell::{self, Tone, door, head, note};
use crate::web::{Response, ReturnTo, Site, urls, words};

/// The form, and what surrounds it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignIn<'a> {
    /// What was tried before.
    pub state: SignInState,
    /// Where it leads.
    pub return_to: Option<&'a ReturnTo>,
    /// What was typed as e-mail or username.
    pub email: &'a str,
    /// Whether "keep me signed in" is ticked.
    pub keep: bool,
    /// Where the visitor came from.
    pub from: Option<ClientAddress>,
}

/// What was tried before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignInState {
    /// Nothing. 200.
    #[default]
    Form,
    /// E-mail and password do not match, for whatever reason. 422: proxies act on a 401.
    Wrong,
    /// Too much to do; try again after so long. 503.
    Busy(Duration),
    /// There was a session, and it was ended. 200.
    SessionEnded,
}

/// The sign-in page.
pub fn sign_in(site: &Site, page: &SignIn<'_>) -> Response {
    let (status, title, said) = match page.state {
        SignInState::Form => (StatusCode::OK, "Sign in", Markup::default()),
        SignInState::Wrong => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "Sign-in failed",
            note(Tone::Bad, &html! { "That e-mail and password don’t match. Check both and try again." }),
        ),
        SignInState::Busy(wait) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Busy",
            note(
                Tone::Warn,
                &html! { "Many people are signing in right now. Try again in " (words::span(wait)) "." },
            ),
        ),
        SignInState::SessionEnded => (
            StatusCode::OK,
            "Signed out",
            note(
                Tone::Warn,
                &html! { "You were signed out because this session was ended from another device." },
            ),
        ),
    };
    let wrong = page.state == SignInState::Wrong;
    let password = PasswordField {
        name: "password",
        label: "Password",
        autocomplete: "current-password",
        hint: None,
        wrong,
    };
    let card = html! {
        (head("Sign in", page.return_to.map(to).as_ref()))
        (said)
        form method="post" action=(urls::LOGIN) {
            @if let Some(return_to) = page.return_to {
                input type="hidden" name="rd" value=(return_to.as_str());
            }
            div.field {
                label for="email" { "E-mail or username" }
                input type="text" id="email" name="email" value=(page.email) autocomplete="username"
                    autocapitalize="none" spellcheck="false" maxlength="254"
                    aria-invalid=[wrong.then_some("true")] aria-describedby=[wrong.then_some("said")]
                    required autofocus[page.state == SignInState::Form];
            }
            (password.markup())
            label.check {
                input type="checkbox" name="keep" value="on" checked[page.keep];
                "Keep me signed in for " (words::span(site.longest()))
            }
            button.main { "Sign in" }
        }
        (came(page.from))
    };
    let mut response = door(site, status, title, &card);
    if let SignInState::Busy(wait) = page.state {
        response.headers_mut().insert(header::RETRY_AFTER, seconds(wait));
    }
    response
}

/// An address, or an account, over its limit.
#[derive(Clone, Copy, Debug)]
pub struct TooMany<'a> {
    /// When it may try again.
    pub until: Wall,
    /// The present.
    pub now: Wall,
    /// Where it wanted to go.
    pub return_to: Option<&'a ReturnTo>,
    /// Where it came from.
    pub from: Option<ClientAddress>,
}

/// Too often. 429.
pub fn too_many(site: &Site, page: &TooMany<'_>) -> Response {
    let wait = page.now.until(page.until);
    let card = html! {
        (head("Too many attempts", page.return_to.map(to).as_ref()))
        (note(Tone::Bad, &html! {
            "Try again at " strong { (words::clock(page.until)) } " (in " (words::span(wait)) ")."
        }))
        div.others {
            a.button href=(urls::login(page.return_to.map(ReturnTo::as_str))) { "Back to sign-in" }
        }
        (came(page.from))
    };
    let mut response = door(site, StatusCode::TOO_MANY_REQUESTS, "Too many attempts", &card);
    response.headers_mut().insert(header::RETRY_AFTER, seconds(wait));
    response
}

/// The sign-in page reached by somebody who is signed in as `username`.
pub fn already(site: &Site, username: &str, return_to: Option<&ReturnTo>) -> Response {
    let card = html! {
        (head("You are signed in", Some(&html! { "as " strong { (username) } })))
        div.others {
            @match return_to {
                Some(return_to) => {
                    a.button.main href=(return_to.as_str()) { "Continue to " (return_to.host()) }
                }
                None => a.button.main href=(urls::HOME) { "My apps" },
            }
        }
        form method="post" action=(urls::LOGOUT) { button { "Sign out" } }
    };
    shell::door(site, StatusCode::OK, "Signed in", &card)
}

fn to(return_to: &ReturnTo) -> Markup {
    html! { "to continue to " strong { (return_to.host()) } }
}

fn came(from: Option<ClientAddress>) -> Markup {
    html! { @if let Some(address) = from { p.came { "You came from " (address) " (" (address.whereabouts()) ")." } } }
}
