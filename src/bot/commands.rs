//! What people write to the bot: commands, codes that link an account, and numbers.

use maud::html;

use super::limits::Try;
use super::outbox::Reply;
use super::{Bot, Private, taps};
use crate::clock::Wall;
use crate::error::Error;
use crate::second_factor::challenge::{Answer, Challenge, Decided};
use crate::second_factor::telegram::Linked;
use crate::telegram::{Message, Person, shown};
use crate::web::{self, urls};

/// What the bot offers, as Telegram shows it.
pub(super) const OFFERED: &[(&str, &str)] = &[
    ("status", "Which accounts you approve sign-ins of"),
    ("sessions", "Where those accounts are signed in"),
    ("link", "Link your account with a code of its page"),
    ("stop", "How to stop this"),
];

/// The most sessions that are listed.
const LISTED: usize = 5;
/// The longest word that can be a code.
const LONGEST_CODE: usize = 64;

/// Somebody wrote where nobody else reads.
pub(super) async fn written(
    bot: &Bot,
    who: Private,
    from: &Person,
    (text, reply_to): (&str, Option<i64>),
    now: Wall,
) -> Result<(), Error> {
    let linked = bot.app.second_factor.telegram.by_person(who.pair()).await?;
    if linked.iter().any(|one| one.is_broken) {
        // Who writes to the bot does not block it.
        bot.app.second_factor.telegram.mended(who.pair()).await?;
    }
    let mut words = text.split_whitespace();
    let command = words.next().unwrap_or_default().split('@').next().unwrap_or_default();
    let message = match (command, words.next()) {
        ("/start", Some(code)) => link(bot, who, from, code, now).await?,
        ("/link", Some(code)) => {
            // The code may be typed in two parts.
            let code: String = [Some(code), words.next()].into_iter().flatten().collect();
            link(bot, who, from, &code, now).await?
        }
        ("/link", None) => {
            Message::new(html! { "Write the code that your account page shows: " code { "/link 7F3K-92QD" } })
        }
        ("/status", _) => status(bot, &linked),
        ("/sessions", _) => sessions(bot, &linked, now).await?,
        ("/stop", _) => stop(bot, &linked),
        (command, _) if command.starts_with('/') => greeting(bot, &linked),
        _ => return number(bot, who, (text.trim(), reply_to), &linked, now).await,
    };
    reply(bot, who.chat, message);
    Ok(())
}

/// Somebody wrote in a group: only who wants to begin is answered.
pub(super) fn written_in_a_group(bot: &Bot, chat: i64, text: &str) {
    let command = text.split_whitespace().next().unwrap_or_default();
    if command.split('@').next() == Some("/start") {
        reply(bot, chat, Message::new(html! { "Write to me privately." }));
    }
}

fn reply(bot: &Bot, chat: i64, message: Message) {
    bot.outbox.reply(Reply { chat, instead_of: None, message });
}

/// A code that links an account, long or short.
async fn link(bot: &Bot, who: Private, from: &Person, code: &str, now: Wall) -> Result<Message, Error> {
    let mono = bot.app.clock.now().mono;
    if !bot.limits.allows(who.person, Try::Code, mono) {
        return Ok(Message::new(html! { "Too many codes. Try again in an hour." }));
    }
    let name = match &from.username {
        Some(username) => format!("{} (@{username})", from.name),
        None => from.name.clone(),
    };
    let telegram = &bot.app.second_factor.telegram;
    let is_one = code.len() <= LONGEST_CODE && telegram.answered(code, who.pair(), &name, now).await?;
    Ok(Message::new(if is_one {
        html! {
            "Now confirm in the browser: your account page asks whether to link " b { (shown(&name, 100)) } "."
        }
    } else {
        bot.limits.count(who.person, Try::Code, mono);
        html! { "This code is not known. It may be too old: take a new one from your account page." }
    }))
}

fn greeting(bot: &Bot, linked: &[Linked]) -> Message {
    let (host, page) = site(bot);
    Message::new(html! {
        "I only deliver sign-in requests for " code { (host) } "."
        @if linked.is_empty() { " Link me from your " a href=(page) { "account page" } "." }
    })
}

fn status(bot: &Bot, linked: &[Linked]) -> Message {
    if linked.is_empty() {
        return greeting(bot, linked);
    }
    Message::new(html! {
        "You approve sign-ins of:"
        @for one in linked { "\n" code { (shown(&one.account, 80)) } }
    })
}

async fn sessions(bot: &Bot, linked: &[Linked], now: Wall) -> Result<Message, Error> {
    if linked.is_empty() {
        return Ok(greeting(bot, linked));
    }
    let mut accounts = Vec::new();
    for one in linked.iter().take(LISTED) {
        accounts.push((one, bot.app.sessions.list(one.user, now).await?));
    }
    let (_, page) = site(bot);
    Ok(Message::new(html! {
        @for (one, sessions) in &accounts {
            code { (shown(&one.account, 80)) } ": "
            (sessions.len()) @if sessions.len() == 1 { " session" } @else { " sessions" } "\n"
            @for session in sessions.iter().take(LISTED) {
                "· " (web::browser(session.user_agent.as_deref().unwrap_or_default()))
                @if let Some(address) = &session.address { ", " code { (shown(address, 60)) } }
                "\n"
            }
        }
        "See and end them on your " a href=(page) { "account page" } "."
    }))
}

fn stop(bot: &Bot, linked: &[Linked]) -> Message {
    if linked.is_empty() {
        return greeting(bot, linked);
    }
    let (_, page) = site(bot);
    Message::new(html! {
        "To stop, unlink Telegram on your " a href=(page) { "account page" }
        ". No message here changes how you sign in."
    })
}

/// Anything else that somebody wrote: the number that a prompt waits for, or nothing.
async fn number(
    bot: &Bot,
    who: Private,
    (text, reply_to): (&str, Option<i64>),
    linked: &[Linked],
    now: Wall,
) -> Result<(), Error> {
    let challenges = &bot.app.second_factor.challenges;
    let waiting = challenges.typed(who.pair(), now).await?;
    let meant = match reply_to {
        // Somebody else's message is never in this chat.
        Some(message) => challenges.by_message((who.chat, message), now).await?,
        None => None,
    };
    let message = match (meant, waiting.as_slice()) {
        (Some(meant), _) => answered(bot, who, &meant, text, now).await?,
        (None, [only]) => answered(bot, who, only, text, now).await?,
        (None, []) if is_number(text) => "No sign-in waits for a number.",
        (None, []) => {
            reply(bot, who.chat, greeting(bot, linked));
            return Ok(());
        }
        (None, _) => "More than one sign-in waits. Reply to the message of the one you mean.",
    };
    reply(bot, who.chat, Message::new(html! { (message) }));
    Ok(())
}

async fn answered(
    bot: &Bot,
    who: Private,
    meant: &Challenge,
    text: &str,
    now: Wall,
) -> Result<&'static str, Error> {
    if !is_number(text) {
        return Ok("Write just the number that the sign-in page shows.");
    }
    let Some(tap) = &meant.tap else { return Ok("This request is over.") };
    let challenges = &bot.app.second_factor.challenges;
    Ok(match challenges.answer(tap, who.pair(), Answer::Typed(text), now).await? {
        Decided::Nothing => "Tap the number in the message above.",
        decided => taps::in_words(&decided).0,
    })
}

/// Whether that can be meant as a number of a page. Anything else is no answer, and no wrong one.
fn is_number(text: &str) -> bool {
    (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Our own host, and the address of one's account there.
fn site(bot: &Bot) -> (String, String) {
    let current = bot.app.current.load();
    let host = current.site.public_url().host().as_str().to_owned();
    (host, current.site.absolute(urls::ACCOUNT))
}
