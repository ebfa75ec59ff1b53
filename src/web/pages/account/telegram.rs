//! Linking Telegram: the way there, and who answered.

use maud::{Markup, html};

use crate::clock::Wall;
use crate::web::pages::Said;
use crate::web::qr::qr;
use crate::web::shell::{door, head};
use crate::web::{Response, Site, urls, words};

/// The way to Telegram.
#[derive(Clone, Copy, Debug)]
pub struct TelegramOffer<'a> {
    /// Whose account it is.
    pub username: &'a str,
    /// The bot, without its `@`.
    pub bot: &'a str,
    /// What the link carries.
    pub payload: &'a str,
    /// What can be typed instead.
    pub short: &'a str,
    /// Until when.
    pub expires_at: Wall,
}

/// Who answered.
#[derive(Clone, Copy, Debug)]
pub struct TelegramAnswer<'a> {
    /// Whose account it is.
    pub username: &'a str,
    /// Telegram's id and the name of whoever answered, if anybody did.
    pub answerer: Option<(i64, &'a str)>,
    /// Until when; nothing where no link is under way.
    pub expires_at: Option<Wall>,
    /// What became of what was asked.
    pub said: Said<'a>,
}

/// The page with the codes, which is shown once.
pub fn telegram_offer(site: &Site, page: &TelegramOffer<'_>) -> Response {
    let link = format!("https://t.me/{}?start={}", page.bot, page.payload);
    let card = html! {
        (head("Link Telegram", Some(&html! { "to the account " strong { (page.username) } })))
        p { "Open the bot in Telegram and press " strong { "Start" } ". Then come back: it is confirmed here." }
        div.others { a.button.main href=(link) target="_blank" rel="noopener noreferrer" { "Open Telegram" } }
        div.or { "or, from your phone" }
        div.picture { (qr(&link, "The link to the bot, for the camera of your phone")) }
        p { "or write this to " strong { "@" (page.bot) } ":" }
        pre { code { "/link " (page.short) } }
        (waiting(page.expires_at, "I’ve pressed Start"))
        div.others { a href=(urls::ACCOUNT) { "Cancel" } }
    };
    door(site, http::StatusCode::OK, "Link Telegram", &card)
}

/// The page that shows how far it has come.
pub fn telegram_answer(site: &Site, page: &TelegramAnswer<'_>) -> Response {
    let card = match (page.answerer, page.expires_at) {
        (Some((person, name)), _) => html! {
            (head("Is this you?", Some(&html! { "to the account " strong { (page.username) } })))
            (page.said.note())
            p { "Link Telegram " strong { (name) } "?" }
            p.soft { "Only if this is you. Whoever it is approves your sign-ins from then on." }
            form method="post" action=(urls::ACCOUNT_TELEGRAM_CONFIRM) {
                input type="hidden" name="person" value=(person);
                button.main { "Yes, link it" }
            }
            form method="post" action=(urls::ACCOUNT_TELEGRAM_REFUSE) { button.risk { "No, that is not me" } }
        },
        (None, Some(expires_at)) => html! {
            (head("Link Telegram", Some(&html! { "to the account " strong { (page.username) } })))
            (page.said.note())
            p { "Nobody has pressed " strong { "Start" } " yet." }
            (waiting(expires_at, "Look again"))
            (anew("Begin again"))
        },
        (None, None) => html! {
            (head("Link Telegram", Some(&html! { "to the account " strong { (page.username) } })))
            (page.said.note())
            @if !page.said.is_refused() { p { "No link is under way: it was confirmed, given up, or took too long." } }
            (anew("Begin again"))
            div.others { a href=(urls::ACCOUNT) { "Back to your account" } }
        },
    };
    page.said.finish(door(site, page.said.status(), "Link Telegram", &card))
}

/// Where script runs, the page goes on by itself.
fn waiting(expires_at: Wall, label: &str) -> Markup {
    html! {
        form method="get" action=(urls::ACCOUNT_TELEGRAM) data-waits=(urls::ACCOUNT_TELEGRAM_WAIT) {
            p.wait role="status" { span { "Waiting for Telegram, until " (words::clock(expires_at)) } }
            button { (label) }
        }
    }
}

fn anew(label: &str) -> Markup {
    html! { form method="post" action=(urls::ACCOUNT_TELEGRAM) { button { (label) } } }
}
