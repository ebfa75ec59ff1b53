//! The second step of a sign-in: what is asked for, and what can become of it.
//!
//! All of these stand behind a password that was right, so they may say what the account has.

use http::{StatusCode, header};
use maud::{Markup, html};

use super::{PasskeyButton, passkey_button};
use crate::clock::Wall;
use crate::web::answer::seconds;
use crate::web::shell::{Tone, door, head, note};
use crate::web::{Destination, Response, Site, urls, words};

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

/// The page of what is asked on Telegram, or of why nobody is.
pub fn approve(site: &Site, step: &Step<'_>, tried: Tried) -> Response {
    match step.telegram {
        OnTelegram::Asked(asks) => asked(site, step, asks, tried),
        OnTelegram::Unused
        | OnTelegram::NotAsked
        | OnTelegram::Paused { .. }
        | OnTelegram::Blocked
        | OnTelegram::Unreachable => not_asked(site, step, tried),
    }
}

fn asked(site: &Site, step: &Step<'_>, asks: Asks, tried: Tried) -> Response {
    let message = message(step.bot);
    let number = |what: &str, number: u8| {
        html! {
            div.number {
                span { (what) (message) }
                b aria-hidden="true" { (number) }
                span.hidden { (spelt(number)) }
            }
        }
    };
    let card = html! {
        (head("Approve this sign-in in Telegram", leads_to(step.to).as_ref()))
        (said(step, tried))
        @match asks {
            Asks::Pick(shown) => (number("Tap this number in the ", shown)),
            Asks::Type(shown) => (number("Type this number as a reply to the ", shown)),
            Asks::Plain => p { "Tap " strong { "Approve" } " in the " (message) "." },
        }
        p.wait role="status" { "Waiting for you. Ends at " (words::second(step.ends)) "." }
        form method="post" action=(urls::LOGIN_CONTINUE) data-waits=(urls::LOGIN_WAIT) {
            (remember(step))
            button.main { "I’ve approved it" }
        }
        div.others {
            (open_telegram(step.bot, "Open Telegram"))
            (ask_again(step, "Send again", false))
            @if let Some((path, label)) = step.others.first() { a.button href=(path) { (label) } }
            (cancel())
        }
    };
    let status = match tried {
        Tried::AgainTooSoon => StatusCode::TOO_MANY_REQUESTS,
        Tried::Nothing | Tried::TooSoon | Tried::WrongCode => StatusCode::OK,
    };
    let mut response = door(site, status, "Approve in Telegram", &card);
    if tried == Tried::AgainTooSoon {
        response.headers_mut().insert(header::RETRY_AFTER, seconds(step.now.until(step.again_at)));
    }
    response
}

/// Why nobody is asked on Telegram, and what else helps.
fn not_asked(site: &Site, step: &Step<'_>, tried: Tried) -> Response {
    let (status, heading, why) = match step.telegram {
        OnTelegram::Unreachable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "We can’t reach Telegram right now",
            html! { "So we couldn’t send the request." },
        ),
        OnTelegram::Blocked => (
            StatusCode::OK,
            "Telegram won’t let us message you",
            html! { "Unblock " (name_of(step.bot)) " in Telegram and press Start, then send the request again." },
        ),
        OnTelegram::Paused { .. } => {
            (StatusCode::OK, "Telegram is paused for this account", html! { (paused(step.telegram)) })
        }
        OnTelegram::NotAsked => {
            (StatusCode::OK, "Approve this sign-in in Telegram", html! { "No request was sent yet." })
        }
        OnTelegram::Unused | OnTelegram::Asked(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Your second factor can’t be asked for here",
            html! { "Ask whoever looks after this Aegis for help." },
        ),
    };
    let may_ask =
        matches!(step.telegram, OnTelegram::Unreachable | OnTelegram::Blocked | OnTelegram::NotAsked);
    let instead = step.others.first();
    let card = html! {
        (head(heading, leads_to(step.to).as_ref()))
        @if tried == Tried::AgainTooSoon { (said(step, tried)) } @else { (note(Tone::Warn, &why)) }
        div.others {
            @if let Some((path, label)) = instead { a.button.main href=(path) { (label) } }
            @if step.telegram == OnTelegram::Blocked { (open_telegram(step.bot, "Open the bot in Telegram")) }
            @if may_ask { (ask_again(step, "Send the request again", instead.is_none())) }
            (cancel())
        }
    };
    let status = if tried == Tried::AgainTooSoon { StatusCode::TOO_MANY_REQUESTS } else { status };
    let mut response = door(site, status, heading, &card);
    if status != StatusCode::OK {
        response.headers_mut().insert(header::RETRY_AFTER, seconds(step.now.until(step.again_at)));
    }
    response
}

/// It was approved: one button more, which script presses by itself.
pub fn approved(site: &Site, step: &Step<'_>) -> Response {
    let card = html! {
        (head("Approved", leads_to(step.to).as_ref()))
        form method="post" action=(urls::LOGIN_CONTINUE) data-continues {
            (remember(step))
            button.main { "Continue" }
        }
    };
    door(site, StatusCode::OK, "Approved", &card)
}

/// A code of an authenticator app.
pub fn code(site: &Site, step: &Step<'_>, tried: Tried) -> Response {
    let wrong = tried == Tried::WrongCode;
    let card = html! {
        (head("Enter your code", leads_to(step.to).as_ref()))
        @if wrong {
            (note(Tone::Bad, &html! { "That code isn’t right, or was used before. Wait for the next one and try again." }))
        } @else {
            (telegram_note(step))
        }
        form method="post" action=(urls::LOGIN_CODE) {
            div.field {
                label for="totp" { "Six digits from your authenticator app" }
                input type="text" id="totp" name="totp" inputmode="numeric" autocomplete="one-time-code"
                    maxlength="7" aria-invalid=[wrong.then_some("true")] aria-describedby=[wrong.then_some("said")]
                    required autofocus[!wrong];
            }
            (remember(step))
            button.main { "Continue" }
        }
        (ways_besides(step, urls::LOGIN_CODE))
    };
    door(site, status_of(tried), if wrong { "Wrong code" } else { "Enter your code" }, &card)
}

/// A recovery code.
pub fn recovery(site: &Site, step: &Step<'_>, tried: Tried) -> Response {
    let wrong = tried == Tried::WrongCode;
    let card = html! {
        (head("Use a recovery code", leads_to(step.to).as_ref()))
        @if wrong {
            (note(Tone::Bad, &html! { "That recovery code isn’t right, or was used before." }))
        } @else {
            (telegram_note(step))
        }
        form method="post" action=(urls::LOGIN_RECOVERY) {
            div.field {
                label for="recovery_code" { "Recovery code" }
                p.hint id="recovery-hint" { "One of those you kept when you set up your second factor. Each works once." }
                input type="text" id="recovery_code" name="recovery_code" autocomplete="off" autocapitalize="none"
                    spellcheck="false" maxlength="64" aria-invalid=[wrong.then_some("true")]
                    aria-describedby=(if wrong { "said recovery-hint" } else { "recovery-hint" })
                    required autofocus[!wrong];
            }
            (remember(step))
            button.main { "Continue" }
        }
        (ways_besides(step, urls::LOGIN_RECOVERY))
    };
    door(site, status_of(tried), if wrong { "Wrong code" } else { "Use a recovery code" }, &card)
}

/// A passkey, which only script can ask for.
pub fn passkey(site: &Site, step: &Step<'_>) -> Response {
    let button = PasskeyButton {
        label: "Use a passkey",
        options: urls::LOGIN_PASSKEY_OPTIONS,
        finish: urls::LOGIN_PASSKEY,
        form: Some("second-factor"),
        fields: "rd keep",
        after_others: false,
    };
    let card = html! {
        (head("Use your passkey", leads_to(step.to).as_ref()))
        (telegram_note(step))
        p { "This device or your security key asks you for it. That needs JavaScript." }
        form #second-factor hidden {
            input type="hidden" name="rd" value=(step.to.written().unwrap_or_default());
            input type="checkbox" name="keep" checked[step.keep];
        }
        (passkey_button(site, &button))
        (ways_besides(step, urls::LOGIN_KEY))
    };
    door(site, StatusCode::OK, "Use your passkey", &card)
}

/// Too many wrong codes: none is judged until then. 429.
pub fn codes_locked(site: &Site, step: &Step<'_>, until: Wall) -> Response {
    let wait = step.now.until(until);
    let card = html! {
        (head("Too many wrong codes", leads_to(step.to).as_ref()))
        (note(Tone::Bad, &html! {
            "Try again at " strong { (words::clock(until)) } " (in " (words::span(wait)) "), or use another way."
        }))
        div.others {
            @if matches!(step.telegram, OnTelegram::Asked(_)) {
                a.button href=(urls::LOGIN_APPROVE) { "Approve in Telegram" }
            }
            @if step.others.passkeys { a.button href=(urls::LOGIN_KEY) { "Use a passkey" } }
            (cancel())
        }
    };
    let mut response = door(site, StatusCode::TOO_MANY_REQUESTS, "Too many wrong codes", &card);
    response.headers_mut().insert(header::RETRY_AFTER, seconds(wait));
    response
}

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

fn status_of(tried: Tried) -> StatusCode {
    match tried {
        Tried::WrongCode => StatusCode::UNPROCESSABLE_ENTITY,
        Tried::AgainTooSoon => StatusCode::TOO_MANY_REQUESTS,
        Tried::Nothing | Tried::TooSoon => StatusCode::OK,
    }
}

/// `to continue to jellyfin.example.com`.
fn leads_to(to: &Destination) -> Option<Markup> {
    match to {
        Destination::App(return_to) => Some(html! { "to continue to " strong { (return_to.host()) } }),
        Destination::Account => Some(html! { "to continue to " strong { "your account" } }),
        Destination::Home => None,
    }
}

/// What the page says about what was just asked.
fn said(step: &Step<'_>, tried: Tried) -> Markup {
    match tried {
        Tried::Nothing | Tried::WrongCode => Markup::default(),
        Tried::TooSoon => note(
            Tone::Warn,
            &html! { "Telegram hasn’t told us yet. Answer the message there first, then press the button." },
        ),
        Tried::AgainTooSoon => note(
            Tone::Warn,
            &html! {
                "A new request can be sent at " (words::second(step.again_at)) ", in "
                (words::span(step.now.until(step.again_at))) "."
            },
        ),
    }
}

/// Why another way is asked for than Telegram, where the account has it.
fn telegram_note(step: &Step<'_>) -> Markup {
    match step.telegram {
        OnTelegram::Paused { .. } => note(Tone::Plain, &paused(step.telegram)),
        OnTelegram::Blocked => note(
            Tone::Plain,
            &html! { "Telegram won’t let us message you: unblock " (name_of(step.bot)) " to be asked there." },
        ),
        OnTelegram::Unreachable => note(Tone::Plain, &html! { "We can’t reach Telegram right now." }),
        OnTelegram::Unused | OnTelegram::Asked(_) | OnTelegram::NotAsked => Markup::default(),
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

/// The other ways than that of the page at `here`.
fn ways_besides(step: &Step<'_>, here: &str) -> Markup {
    let Others { totp, passkeys, recovery } = step.others;
    let asked = matches!(step.telegram, OnTelegram::Asked(_) | OnTelegram::NotAsked);
    html! {
        div.others {
            @if asked { a.button href=(urls::LOGIN_APPROVE) { "Approve in Telegram instead" } }
            @if totp && here != urls::LOGIN_CODE { a.button href=(urls::LOGIN_CODE) { "Use a code instead" } }
            @if passkeys && here != urls::LOGIN_KEY {
                a.button href=(urls::LOGIN_KEY) { "Use a passkey instead" }
            }
            @if recovery && here != urls::LOGIN_RECOVERY {
                a.button href=(urls::LOGIN_RECOVERY) { "Use a recovery code" }
            }
            (cancel())
        }
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

fn open_telegram(bot: Option<&str>, label: &str) -> Markup {
    html! { @if let Some(bot) = bot { a.button href={ "https://t.me/" (bot) } { (label) } } }
}

fn ask_again(step: &Step<'_>, label: &str, is_main: bool) -> Markup {
    let left = step.now.until(step.again_at).as_millis();
    html! {
        form method="post" action=(urls::LOGIN_AGAIN) {
            button.main[is_main] data-ready-in=(left) { (label) }
        }
    }
}

fn cancel() -> Markup {
    html! { form method="post" action=(urls::LOGIN_CANCEL) { button { "Cancel" } } }
}

fn message(bot: Option<&str>) -> Markup {
    html! { "message from " (name_of(bot)) }
}

fn name_of(bot: Option<&str>) -> Markup {
    match bot {
        Some(bot) => html! { strong { "@" (bot) } },
        None => html! { "the bot" },
    }
}

/// `four two`: digits are read out one by one, for whoever does not see them.
fn spelt(number: u8) -> String {
    const WORDS: [&str; 10] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let digits = [number / 100, number / 10 % 10, number % 10];
    let known =
        digits.iter().skip_while(|digit| **digit == 0).filter_map(|digit| WORDS.get(usize::from(*digit)));
    known.copied().collect::<Vec<_>>().join(" ")
}
