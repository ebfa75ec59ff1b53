//! The way in: the form and what can become of it.

use std::time::Duration;

use http::{StatusCode, header};
use maud::{Markup, html};

use super::tailnet::use_again;
use super::{CameFrom, OnTailnet, PasskeyButton, PasswordField, passkey_button};
use crate::clock::Wall;
use crate::web::answer::seconds;
use crate::web::shell::{Tone, door, head, note};
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
    pub from: CameFrom<'a>,
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
    /// Somebody who looks like them signed in a moment ago, and nothing of that came back. 200.
    NotKept,
    /// The tailnet knows them, and the app asks for two factors. 200.
    OneFactor,
    /// The tailnet knows them, and the app is not open to them. 200.
    NoAccess,
}

/// The sign-in page.
pub fn sign_in(site: &Site, page: &SignIn<'_>) -> Response {
    let (status, title, said) = match page.state {
        SignInState::Form => (StatusCode::OK, "Sign in", page.from.tailnet.note()),
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
        SignInState::NotKept => (
            StatusCode::OK,
            "Sign in",
            note(
                Tone::Warn,
                &html! {
                    "If you have just signed in: this browser did not keep it. "
                    @if site.is_https() {
                        "Allow cookies for " strong { (site.public_url().host()) }
                        " in the settings of the browser."
                    } @else {
                        "This site is opened without https, where some browsers keep no sign-in."
                    }
                },
            ),
        ),
        SignInState::OneFactor => (
            StatusCode::OK,
            "Sign in",
            note(
                Tone::Plain,
                &html! {
                    (on_tailnet(page.from.tailnet)) "This app asks for two factors, and this device counts as one."
                },
            ),
        ),
        SignInState::NoAccess => (
            StatusCode::OK,
            "Sign in",
            note(
                Tone::Plain,
                &html! {
                    (on_tailnet(page.from.tailnet)) "That account cannot open this app. Sign in with another one below."
                },
            ),
        ),
    };
    let wrong = page.state == SignInState::Wrong;
    let takes_focus = match page.state {
        SignInState::Form | SignInState::OneFactor | SignInState::NoAccess => true,
        SignInState::Wrong | SignInState::Busy(_) | SignInState::SessionEnded | SignInState::NotKept => false,
    };
    let password = PasswordField {
        name: "password",
        label: "Password",
        autocomplete: "current-password",
        hint: None,
        wrong,
    };
    let passkey = PasskeyButton {
        label: "Sign in with a passkey",
        options: urls::LOGIN_PASSKEY_OPTIONS,
        finish: urls::LOGIN_PASSKEY,
        form: Some("sign-in"),
        fields: "rd keep",
        after_others: true,
    };
    let card = html! {
        (head("Sign in", page.return_to.map(to).as_ref()))
        (said)
        form #sign-in method="post" action=(urls::LOGIN) {
            @if let Some(return_to) = page.return_to {
                input type="hidden" name="rd" value=(return_to.as_str());
            }
            div.field {
                label for="email" { "E-mail or username" }
                input type="text" id="email" name="email" value=(page.email) autocomplete="username webauthn"
                    autocapitalize="none" spellcheck="false" maxlength="254"
                    aria-invalid=[wrong.then_some("true")] aria-describedby=[wrong.then_some("said")]
                    required autofocus[takes_focus];
            }
            (password.markup())
            label.check {
                input type="checkbox" name="keep" value="on" checked[page.keep];
                "Keep me signed in for " (words::span(site.longest()))
            }
            button.main { "Sign in" }
        }
        (passkey_button(site, &passkey))
        @if page.from.tailnet == OnTailnet::SignedOut {
            div.or { "or" }
            div.others { (use_again("Continue with the tailnet", None, page.return_to)) }
        }
        (page.from.line())
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
    pub from: CameFrom<'a>,
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
        (page.from.line())
    };
    let mut response = door(site, StatusCode::TOO_MANY_REQUESTS, "Too many attempts", &card);
    response.headers_mut().insert(header::RETRY_AFTER, seconds(wait));
    response
}

fn to(return_to: &ReturnTo) -> Markup {
    html! { "to continue to " strong { (return_to.host()) } }
}

/// `You’re on the tailnet as sam@github.`, with a space behind it.
fn on_tailnet(tailnet: OnTailnet<'_>) -> Markup {
    match tailnet {
        OnTailnet::Known(login) => html! { "You’re on the tailnet as " strong { (login) } ". " },
        OnTailnet::Elsewhere
        | OnTailnet::Unvouched
        | OnTailnet::Stranger(_)
        | OnTailnet::Unusable(_)
        | OnTailnet::Unanswered(_)
        | OnTailnet::Foreign
        | OnTailnet::SignedOut => Markup::default(),
    }
}
