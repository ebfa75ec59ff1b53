//! The page on which the first second factor is added, or that says what has to happen before.

use maud::{Markup, html};

use super::factors::{Offers, offers};
use crate::clock::Wall;
use crate::web::pages::{Said, own_password};
use crate::web::shell::{door, head};
use crate::web::{Response, Site, urls, words};

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Enrol<'a> {
    /// Whose account it is.
    pub username: &'a str,
    /// Whether they look after Aegis themselves.
    pub administrator: bool,
    /// Which kinds can be added.
    pub offers: Offers,
    /// What stands in the way.
    pub state: EnrolState<'a>,
    /// What became of what was asked.
    pub said: Said<'a>,
}

/// What stands in the way of the first factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnrolState<'a> {
    /// Nothing, perhaps until then.
    May(Option<Wall>),
    /// The password has to be shown on this device, which is this login's.
    OwnDevice(&'a str),
    /// A link is needed.
    NeedsLink,
}

/// The page.
pub fn enrol(site: &Site, page: &Enrol<'_>) -> Response {
    let card = html! {
        (head("Add your second factor", Some(&html! { "for the account " strong { (page.username) } })))
        (page.said.note())
        @match page.state {
            EnrolState::May(until) => {
                p {
                    "With it, your password alone is worth nothing to anybody else. "
                    "You can add more than one, and should: then losing one is no trouble."
                }
                div.others { (offers(site, page.offers)) }
                @if let Some(until) = until {
                    p.soft { "This is possible here until " (words::clock(until)) "." }
                }
                div.others { a href=(urls::HOME) { "Later" } }
            },
            EnrolState::OwnDevice(login) => (own_device(page.username, login)),
            EnrolState::NeedsLink => (needs_link(page)),
        }
    };
    page.said.finish(door(site, page.said.status(), "Add your second factor", &card))
}

fn own_device(username: &str, login: &str) -> Markup {
    html! {
        p {
            "A password alone adds no second factor. This device is known on the tailnet as "
            strong { (login) } ": together with your password, that is enough for the first one."
        }
        form method="post" action=(urls::ACCOUNT_ENROL) {
            (own_password(username, false))
            button.main { "Continue" }
        }
        div.others { a href=(urls::ACCOUNT) { "Back to your account" } }
    }
}

fn needs_link(page: &Enrol<'_>) -> Markup {
    html! {
        p {
            "A password alone adds no second factor: whoever had stolen it could lock you out with one of their own. "
            "It takes a link that is made for you."
        }
        @if page.administrator {
            p { "On the machine that runs Aegis:" }
            pre { code { "aegis user link-factor " (page.username) } }
        } @else {
            p { "Ask whoever looks after Aegis for one. They make it with:" }
            pre { code { "aegis user link-factor " (page.username) } }
        }
        div.others {
            a.button.main href=(urls::HOME) { "Later" }
            a href=(urls::ACCOUNT) { "Back to your account" }
        }
    }
}
