//! What links of one use open. The code stands in the fragment of the link, which browsers keep to
//! themselves, so it is in no log; the page has a field for it, which script fills in.

use http::StatusCode;
use maud::{Markup, html};

use super::{NEW_PASSWORD, Offer, PasswordField, Said};
use crate::web::shell::{Tone, door, head, note};
use crate::web::{Response, Site, urls};

/// What was typed into the set-up page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// The code of the link.
    pub code: &'a str,
    /// The username.
    pub username: &'a str,
    /// The e-mail address.
    pub email: &'a str,
    /// The display name.
    pub name: &'a str,
    /// Whose device it is, if the account could have it.
    pub offer: Option<Offer<'a>>,
    /// What became of it.
    pub said: Said<'a>,
}

/// Makes the first administrator.
pub fn link_setup(site: &Site, page: &Setup<'_>) -> Response {
    let text = |id: &str, label: &str, value: &str, autocomplete: &str, hint: &str, required: bool| {
        html! {
            div.field {
                label for=(id) { (label) }
                p.hint id={ (id) "-hint" } { (hint) }
                input type="text" id=(id) name=(id) value=(value) autocomplete=(autocomplete) maxlength="254"
                    autocapitalize="none" spellcheck="false" aria-describedby={ (id) "-hint" } required[required];
            }
        }
    };
    let card = html! {
        (head("Welcome to Aegis", Some(&html! { "Create the account of the first administrator." })))
        (page.said.note())
        form method="post" action=(urls::LINK_SETUP) {
            (code(page.code))
            (text("username", "Username", page.username, "username", "a-z, 0-9, dot, dash and underscore. It never changes.", true))
            (text("email", "E-mail", page.email, "email", "May be left empty.", false))
            (text("name", "Name", page.name, "name", "As apps show it. May be left empty.", false))
            (new_password())
            @if let Some(offer) = page.offer { (offer.check()) }
            button.main { "Create the account" }
        }
    };
    let title = if page.said.is_refused() { "Not done yet" } else { "Welcome" };
    page.said.finish(door(site, page.said.status(), title, &card))
}

/// Chooses a password; `given` is the code of the link as it was typed.
pub fn link_password(site: &Site, given: &str, offer: Option<Offer<'_>>, said: Said<'_>) -> Response {
    let card = html! {
        (head("Choose your password", None))
        (said.note())
        form method="post" action=(urls::LINK_PASSWORD) {
            (code(given))
            (new_password())
            @if let Some(offer) = offer { (offer.check()) }
            button.main { "Set password" }
        }
    };
    let title = if said.is_refused() { "Not done yet" } else { "Choose your password" };
    said.finish(door(site, said.status(), title, &card))
}

/// Opens the way to the first second factor; `given` is the code of the link as it was typed.
pub fn link_factor(site: &Site, given: &str, said: Said<'_>) -> Response {
    let card = html! {
        (head("Add your second factor", None))
        (said.note())
        p { "First show that it is you." }
        form method="post" action=(urls::LINK_FACTOR) {
            (code(given))
            (PasswordField {
                name: "password",
                label: "Your password",
                autocomplete: "current-password",
                hint: Some("If your account has none yet, the one you type here becomes it."),
                wrong: false,
            }.markup())
            button.main { "Continue" }
        }
    };
    let title = if said.is_refused() { "Not done yet" } else { "Add your second factor" };
    said.finish(door(site, said.status(), title, &card))
}

/// The link did what it was for, and signs nobody in who has a second factor: a link is none.
pub fn link_done(site: &Site, password_set: bool) -> Response {
    let card = html! {
        (head("Now sign in", None))
        @if password_set {
            (note(Tone::Good, &html! { "Your password is set. Every session you had is over." }))
        }
        p { "Your account has a second factor, so a link does not sign you in: your password and that factor do." }
        div.others { a.button.main href=(urls::LOGIN) { "Go to sign-in" } }
    };
    door(site, StatusCode::OK, "Now sign in", &card)
}

/// The link has been used, or has run out, or never was. 410.
pub fn link_used(site: &Site) -> Response {
    let card = html! {
        (head("This link no longer works", None))
        (note(Tone::Bad, &html! {
            "It has been used or has run out. Ask whoever gave it to you for a new one."
        }))
        div.others { a.button.main href=(urls::LOGIN) { "Go to sign-in" } }
    };
    door(site, StatusCode::GONE, "Link no longer works", &card)
}

fn code(given: &str) -> Markup {
    html! {
        div.field {
            label for="code" { "Code" }
            p.hint #code-hint { "The part of the link behind the #." }
            input type="text" id="code" name="code" value=(given) autocomplete="off" autocapitalize="none"
                spellcheck="false" maxlength="200" aria-describedby="code-hint" data-from-fragment required;
        }
    }
}

fn new_password() -> Markup {
    PasswordField {
        name: "password",
        label: "Password",
        autocomplete: "new-password",
        hint: Some(NEW_PASSWORD),
        wrong: false,
    }
    .markup()
}
