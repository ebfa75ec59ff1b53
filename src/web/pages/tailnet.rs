//! What the tailnet says of a visitor, in words for themselves, and the ways on from there.
//! Never tells a visitor what only an operator can do, nor that an account exists and is disabled.

use maud::{Markup, html};

use super::own_password;
use crate::place::ClientAddress;
use crate::web::shell::{Tone, note};
use crate::web::{ReturnTo, urls};

/// Where a visitor came from, as they are told.
#[derive(Clone, Copy, Debug, Default)]
pub struct CameFrom<'a> {
    /// Their address, where it is known.
    pub address: Option<ClientAddress>,
    /// What the tailnet says of it.
    pub tailnet: OnTailnet<'a>,
}

/// What the tailnet says of a visitor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnTailnet<'a> {
    /// Nothing: they come from elsewhere.
    #[default]
    Elsewhere,
    /// Nothing that counts: what speaks for the proxy is not enough.
    Unvouched,
    /// That they are this login, who is somebody here.
    Known(&'a str),
    /// That they are this login, who is nobody here.
    Stranger(&'a str),
    /// Not who they are, and why: `this device is tagged`.
    Unusable(&'a str),
    /// It could not be asked, and why: `Tailscale does not answer here`.
    Unanswered(&'a str),
    /// It was not asked: another site opened the page.
    Foreign,
    /// It was not asked: they signed out in this browser.
    SignedOut,
}

impl OnTailnet<'_> {
    /// A note above the form, where there is something to say.
    pub(super) fn note(self) -> Markup {
        let text = match self {
            Self::Stranger(login) => html! {
                "You’re on the tailnet as " strong { (login) } ", but no account here belongs to that person. "
                "Sign in another way below, or ask whoever looks after Aegis to link it."
            },
            Self::Unusable(why) => html! { (sentence(why)) ", so Tailscale can’t tell who you are." },
            Self::Unanswered(why) => html! { "You came over the tailnet, but " (why) " right now." },
            Self::Elsewhere | Self::Unvouched | Self::Known(_) | Self::Foreign | Self::SignedOut => {
                return Markup::default();
            }
        };
        note(Tone::Plain, &text)
    }
}

impl CameFrom<'_> {
    /// The last line of a page that somebody reads who is not let in.
    pub(super) fn line(&self) -> Markup {
        let Some(address) = self.address else { return Markup::default() };
        let whereabouts = match self.tailnet {
            OnTailnet::Elsewhere => html! { (address.whereabouts()) },
            OnTailnet::Unvouched => html! { "perhaps the tailnet, but the proxy cannot vouch for it" },
            OnTailnet::Known(login) | OnTailnet::Stranger(login) => html! { "tailnet, as " (login) },
            OnTailnet::Unusable(why) | OnTailnet::Unanswered(why) => html! { "tailnet, but " (why) },
            OnTailnet::Foreign => html! { "tailnet, but this page was opened from another site" },
            OnTailnet::SignedOut => html! { "tailnet, but you signed out in this browser" },
        };
        html! { p.came { "You came from " (address) " (" (whereabouts) ")." } }
    }
}

/// How somebody is known on a page that is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy<'a> {
    /// By their session.
    Session,
    /// By their session, and by their device, which is this login's.
    Both(&'a str),
    /// By their device alone, which is this login's.
    Device(&'a str),
}

impl KnownBy<'_> {
    /// A line that says so, where it is not plain.
    pub(super) fn line(self) -> Markup {
        match self {
            Self::Session => Markup::default(),
            Self::Both(login) => html! {
                p.soft { "The tailnet knows this device as yours, too: " strong { (login) } "." }
            },
            Self::Device(login) => html! {
                p.soft { "You are here by your tailnet device, as " strong { (login) } "." }
            },
        }
    }
}

/// The one button that takes back a sign-out on the tailnet.
pub(super) fn use_again(label: &str, class: Option<&str>, return_to: Option<&ReturnTo>) -> Markup {
    html! {
        form method="post" action=(urls::LOGIN_TAILNET) {
            @if let Some(return_to) = return_to {
                input type="hidden" name="rd" value=(return_to.as_str());
            }
            button class=[class] { (label) }
        }
    }
}

/// The persons of the tailnet that are `username`, and the one that could be.
pub(super) fn links(username: &str, linked: &[&str], offer: Option<&str>) -> Markup {
    html! {
        @if !linked.is_empty() || offer.is_some() { h2 { "On the tailnet" } }
        @if !linked.is_empty() {
            ul.list {
                @for login in linked {
                    li {
                        span.what { strong { (login) } small { "Their devices are recognised as you." } }
                        a.button href=(urls::removal(&format!("tailnet:{login}"))) {
                            "Unlink" span.hidden { " " (login) }
                        }
                    }
                }
            }
        }
        @if let Some(login) = offer {
            div.card {
                p { "This device belongs to " strong { (login) } " on the tailnet." }
                p.soft { "Once it is linked, every device of that person is recognised as you." }
                form method="post" action=(urls::ACCOUNT_TAILNET) {
                    (own_password(username, false))
                    button { "Link it to this account" }
                }
            }
        }
    }
}

/// What the page behind a link of one use asks somebody on a device that could be linked.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// Whose device it is.
    pub login: &'a str,
    /// Whether that is ticked.
    pub ticked: bool,
}

impl Offer<'_> {
    pub(super) fn check(self) -> Markup {
        html! {
            label.check {
                input type="checkbox" name="tailnet" value="on" checked[self.ticked];
                span { "Also recognise " strong { (self.login) } " on the tailnet as this account" }
            }
        }
    }
}

/// The beginning of a sentence made of a clause.
fn sentence(clause: &str) -> String {
    let mut characters = clause.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", characters.as_str())
}
