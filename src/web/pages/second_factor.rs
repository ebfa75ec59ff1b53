//! The second step of a sign-in: what is asked for, and what can become of it.
//!
//! All of these stand behind a password that was right, so they may say what the account has.

mod codes;
mod ended;
mod telegram;

use http::StatusCode;
use maud::{Markup, html};

use crate::clock::Wall;
use crate::identity::ChallengeId;
use crate::web::shell::{door, head};
use crate::web::{Destination, Response, Site, urls, words};

pub use codes::{code, codes_locked, passkey, recovery};
pub use ended::{Ended, another_waits, ended};
pub use telegram::{approve, approved};

/// How somebody is asked on Telegram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// To tap this number.
    Pick(u8),
    /// To send this number.
    Type(u8),
    /// To approve.
    Plain,
}

/// How it stands with Telegram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTelegram {
    /// Nobody is asked there.
    Unused,
    /// Somebody is.
    Asked(Asks),
    /// Nobody was yet, but could be.
    NotAsked,
    /// Nobody is until then, because somebody denied a request, or because too many were not answered.
    Paused {
        /// Until when.
        until: Wall,
        /// Whether because of a denial.
        denied: bool,
    },
    /// Its owner does not let the bot write to them.
    Blocked,
    /// It could not be reached.
    Unreachable,
}

/// What else the account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// An authenticator app.
    pub totp: bool,
    /// Passkeys.
    pub passkeys: bool,
    /// Recovery codes that were not used yet.
    pub recovery: bool,
}

impl Others {
    /// The page of the first of them, and what leads there.
    pub fn first(self) -> Option<(&'static str, &'static str)> {
        match (self.totp, self.passkeys, self.recovery) {
            (true, true, _) => Some((urls::LOGIN_CODE, "Use a code or passkey instead")),
            (true, false, _) => Some((urls::LOGIN_CODE, "Use a code instead")),
            (false, true, _) => Some((urls::LOGIN_KEY, "Use a passkey instead")),
            (false, false, true) => Some((urls::LOGIN_RECOVERY, "Use a recovery code instead")),
            (false, false, false) => None,
        }
    }
}

/// A sign-in that waits for its second factor.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Which one.
    pub id: ChallengeId,
    /// Where it leads.
    pub to: &'a Destination,
    /// How it stands with Telegram.
    pub telegram: OnTelegram,
    /// What the bot is called there, if that is known.
    pub bot: Option<&'a str>,
    /// What else the account has.
    pub others: Others,
    /// "Keep me signed in".
    pub keep: bool,
    /// Whether the browser may be remembered.
    pub remember: bool,
    /// When it ends.
    pub ends: Wall,
    /// From when somebody may be asked on Telegram again.
    pub again_at: Wall,
    /// The present.
    pub now: Wall,
}

/// What was just tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// Nothing. 200.
    Nothing,
    /// To go on, and it is not approved yet. 200.
    TooSoon,
    /// To ask again before it was time. 429.
    AgainTooSoon,
    /// A wrong code. 422.
    WrongCode,
}

/// Somebody who is signed in, and has to show a second factor: nothing is sent before they press the button.
pub fn step_up(site: &Site, to: &Destination) -> Response {
    let card = html! {
        (head("One more step", leads_to(to).as_ref()))
        p { "What you want to do asks for your second factor." }
        form method="post" action=(urls::LOGIN_STEP_UP) {
            @if let Some(raw) = to.written() { input type="hidden" name="rd" value=(raw); }
            button.main { "Continue" }
        }
        div.others { a.button href=(urls::HOME) { "My apps" } }
    };
    door(site, StatusCode::OK, "One more step", &card)
}

/// `to continue to jellyfin.example.com`.
fn leads_to(to: &Destination) -> Option<Markup> {
    match to {
        Destination::App(return_to) => Some(html! { "to continue to " strong { (return_to.host()) } }),
        Destination::Account(_) => Some(html! { "to continue to " strong { "your account" } }),
        Destination::Home => None,
    }
}

fn paused(telegram: OnTelegram) -> Markup {
    let OnTelegram::Paused { until, denied } = telegram else { return Markup::default() };
    html! {
        "Telegram is paused for this account until " strong { (words::clock(until)) } " because "
        @if denied { "a request was denied" } @else { "too many requests were not answered" }
        ". Use another way."
    }
}

/// Only where it changes anything: it is for how one is asked on Telegram.
fn remember(step: &Step<'_>) -> Markup {
    html! {
        @if step.remember {
            label.check {
                input type="checkbox" name="remember" value="on";
                "Remember this device"
            }
        }
    }
}

fn cancel() -> Markup {
    html! { form method="post" action=(urls::LOGIN_CANCEL) { button { "Cancel" } } }
}

fn name_of(bot: Option<&str>) -> Markup {
    html! { @if let Some(bot) = bot { strong { "@" (bot) } } @else { "the bot" } }
}
