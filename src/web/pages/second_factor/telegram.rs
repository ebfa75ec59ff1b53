//! What is asked on Telegram, or why nobody is. The number is the largest thing on its page.

use http::{StatusCode, header};
use maud::{Markup, html};

use super::{Asks, OnTelegram, Step, Tried, cancel, leads_to, name_of, paused, remember};
use crate::web::answer::seconds;
use crate::web::shell::{Tone, door, head, note};
use crate::web::{Response, Site, urls, words};

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
        (head("Approve this sign‑in in Telegram", leads_to(step.to).as_ref()))
        (said(step, tried))
        @match asks {
            Asks::Pick(shown) => (number("Tap this number in the ", shown)),
            Asks::Type(shown) => (number("Type this number as a reply to the ", shown)),
            Asks::Plain => p { "Tap " strong { "Approve" } " in the " (message) "." },
        }
        p.wait role="status" { span { "Waiting for you. Ends at " (words::second(step.ends)) "." } }
        form method="post" action=(urls::LOGIN_CONTINUE) data-waits=(urls::login_wait(step.id)) {
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
            (StatusCode::OK, "Approve this sign‑in in Telegram", html! { "No request was sent yet." })
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

fn message(bot: Option<&str>) -> Markup {
    html! { "message from " (name_of(bot)) }
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
