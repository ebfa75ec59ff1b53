//! The message that asks: who wants to sign in to what, with what, from where, until when.
//!
//! Never: says the number, or anything by which a sign-in could be finished; leads to what is asked for, for
//! what is opened out of Telegram is another browser.

use maud::{Markup, html};
use url::Url;

use super::taps::Does;
use crate::second_factor::challenge::{Asker, Challenge, Due};
use crate::second_factor::prompting::Mode;
use crate::telegram::{Button, Message, Style, shown};
use crate::web;

/// The most characters of what others named.
const LONGEST_HOST: usize = 60;
const LONGEST_ACCOUNT: usize = 80;

/// The message for a prompt that is due; nothing, if nothing is asked.
pub(super) fn prompt(due: &Due) -> Option<Message> {
    let challenge = &due.challenge;
    let (mode, tap) = (challenge.mode?, challenge.tap.as_deref()?);
    let page = match challenge.asker {
        Asker::Browser => "on the sign-in page",
        Asker::Script => "where the token is asked for",
    };
    let text = html! {
        @match challenge.asker {
            Asker::Browser => { "🔐 Sign in to " (place(challenge)) "?" }
            Asker::Script => { "🔐 A token for " (place(challenge)) "?" }
        }
        "\n\nAccount: " code { (shown(&due.account, LONGEST_ACCOUNT)) }
        "\nDevice: " (device(challenge))
        @if let Some(address) = &challenge.address { "\nFrom: " code { (shown(address, 60)) } }
        "\nAsked at " (web::hour(challenge.created_at)) ", expires " (web::hour(challenge.expires_at))
        "\n\n"
        @match mode {
            Mode::Pick => { "Tap the number shown " (page) "." }
            Mode::Type => { "Write the number shown " (page) " into this chat." }
            Mode::Plain => { "Is that you?" }
        }
    };
    let button = |text: String, does: Does| does.data(tap).map(|data| Button::new(text, data));
    let deny = button("🚫 This isn't me".to_owned(), Does::Deny)?.styled(Style::Danger);
    let rows = match mode {
        Mode::Pick => {
            let numbers = challenge.choices.iter().enumerate();
            let numbers = numbers.filter_map(|(place, number)| button(number.to_string(), Does::Pick(place)));
            vec![numbers.collect(), vec![deny]]
        }
        Mode::Type => vec![vec![deny]],
        Mode::Plain => {
            vec![vec![button("Approve".to_owned(), Does::Approve)?.styled(Style::Success), deny]]
        }
    };
    Some(Message::new(text).with_buttons(rows))
}

/// What somebody wants to sign in to, or have a token for.
pub(super) fn place(challenge: &Challenge) -> Markup {
    let host = challenge.return_to.as_deref().and_then(|address| Url::parse(address).ok());
    let host = host.as_ref().and_then(Url::host_str).map(str::to_owned);
    html! {
        @match host.or_else(|| challenge.audience.clone()) {
            // In plain text Telegram would make a link of it.
            Some(name) => { code { (shown(&name, LONGEST_HOST)) } }
            None => { b { "Aegis" } }
        }
    }
}

/// The browser or program, in few words of our own.
pub(super) fn device(challenge: &Challenge) -> String {
    web::browser(challenge.user_agent.as_deref().unwrap_or_default())
}
