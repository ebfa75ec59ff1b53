//! The pages of our own host. Each function is one page and gives the whole answer.
//!
//! Promises: one heading and one main button a page; an error keeps what was typed (never a
//! password), takes the focus and says what to do next; what is not built is not shown.

mod account;
mod home;
mod link;
mod no_factor;
mod passkey;
mod second_factor;
mod sign_in;
mod sign_out;
mod tailnet;
mod tokens;
mod trouble;

use http::StatusCode;
use maud::{Markup, html};

use super::Response;
use super::answer::status;
use super::problem::say;
use super::shell::{self, Tone};
use crate::error::Error;

pub use account::{
    Account, DeviceLine, Enrol, EnrolState, FactorLines, NoticeLine, Offers, PasskeyLine, Removal,
    SessionLine, SetUpTotp, SinceLine, TelegramAnswer, TelegramOffer, account, enrol, new_recovery_codes,
    recovery_codes, removal, rename_passkey, set_up_totp, telegram_answer, telegram_offer,
};
pub use home::{Home, Tile, home, no_apps};
pub use link::{Setup, link_done, link_factor, link_password, link_setup, link_used};
pub use no_factor::{SecondFactor, second_factor};
pub use passkey::{PasskeyButton, passkey_button};
pub use second_factor::{
    Asks, Ended, OnTelegram, Others, Step, Tried, another_waits, approve, approved, code, codes_locked,
    ended, passkey, recovery, step_up,
};
pub use sign_in::{SignIn, SignInState, TooMany, sign_in, too_many};
pub use sign_out::{sign_out, signed_out};
pub use tailnet::{CameFrom, KnownBy, Offer, OnTailnet};
pub use tokens::{
    ApiTokenLine, ApiTokens, EXPIRIES, NewApiToken, USUAL_EXPIRY, api_token_made, api_tokens, app_field,
};
pub use trouble::{Astray, Circle, error, looping, method_not_allowed, not_found};

/// What a page has to say about what was just asked.
#[derive(Clone, Copy, Debug, Default)]
pub enum Said<'a> {
    /// Nothing was asked.
    #[default]
    Nothing,
    /// It was done; a sentence that says so.
    Done(&'a str),
    /// It was not done. The page answers with the status of this.
    Refused(&'a Error),
}

impl Said<'_> {
    fn status(self) -> StatusCode {
        match self {
            Self::Nothing | Self::Done(_) => StatusCode::OK,
            Self::Refused(error) => status(error.kind),
        }
    }

    fn note(self) -> Markup {
        match self {
            Self::Nothing => Markup::default(),
            Self::Done(sentence) => shell::note(Tone::Good, &html! { (sentence) }),
            Self::Refused(error) => shell::note(Tone::Bad, &html! { (error.visitor) }),
        }
    }

    fn is_refused(self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// Says in the headers what they can say of it.
    fn finish(self, mut response: Response) -> Response {
        if let Self::Refused(error) = self {
            say(response.headers_mut(), error.kind, None);
        }
        response
    }
}

/// A field for a password, with the button that shows it, which only script brings to life.
struct PasswordField<'a> {
    name: &'a str,
    label: &'a str,
    autocomplete: &'a str,
    hint: Option<&'a str>,
    wrong: bool,
}

impl PasswordField<'_> {
    fn markup(&self) -> Markup {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let described = if self.wrong { Some("said") } else { hint.as_deref() };
        html! {
            div.field {
                label for=(self.name) { (self.label) }
                @if let (Some(text), Some(id)) = (self.hint, &hint) { p.hint id=(id) { (text) } }
                div.secret {
                    input type="password" id=(self.name) name=(self.name) autocomplete=(self.autocomplete)
                        aria-invalid=[self.wrong.then_some("true")] aria-describedby=[described]
                        required;
                    button type="button" hidden data-shows=(self.name) aria-pressed="false" {
                        "Show" span.hidden { " " (self.label) }
                    }
                }
            }
        }
    }
}

/// The field in which the owner of `username` shows the password again; the name is for password managers.
fn own_password(username: &str, wrong: bool) -> Markup {
    html! {
        input type="text" name="username" value=(username) autocomplete="username" hidden;
        (PasswordField {
            name: "password",
            label: "Your password",
            autocomplete: "current-password",
            hint: None,
            wrong,
        }.markup())
    }
}

/// What a new password has to be.
const NEW_PASSWORD: &str = "At least 12 characters. Several words are easy to remember and hard to guess.";

#[cfg(test)]
mod tests;
