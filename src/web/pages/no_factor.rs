//! An app asks for two factors, and the account has one. Owns what is said of how to get another.

use http::StatusCode;
use maud::html;

use super::tailnet::use_again;
use super::{CameFrom, OnTailnet};
use crate::web::shell::{Tone, door, head, note};
use crate::web::{Response, ReturnTo, Site, urls};

/// Somebody who is signed in, at an app that asks for more.
#[derive(Clone, Copy, Debug)]
pub struct SecondFactor<'a> {
    /// As whom.
    pub username: &'a str,
    /// Where they wanted to go, if to an app.
    pub return_to: Option<&'a ReturnTo>,
    /// Where they came from.
    pub from: CameFrom<'a>,
}

/// A second factor is asked for, and the account has none: says how to get one instead of going round.
pub fn second_factor(site: &Site, page: &SecondFactor<'_>) -> Response {
    let line = page.return_to.map(|return_to| html! { "to continue to " strong { (return_to.host()) } });
    let card = html! {
        (head("A second factor is needed", line.as_ref()))
        (note(Tone::Plain, &html! { "A second factor is asked for here, and your account has none yet." }))
        p { "Ask whoever looks after this Aegis for a link with which you add one." }
        p.soft {
            "You are signed in as " strong { (page.username) } ". They run "
            code { "aegis user link-factor " (page.username) } ". "
            @match page.from.tailnet {
                OnTailnet::SignedOut => "This device may be one of the tailnet, but you signed out of the tailnet in this browser.",
                OnTailnet::Stranger(_) => "This device is on the tailnet; link it on your account page first.",
                OnTailnet::Known(_) => "If this device is yours on the tailnet, you can add one on your account page, too.",
                OnTailnet::Elsewhere
                | OnTailnet::Unvouched
                | OnTailnet::Unusable(_)
                | OnTailnet::Unanswered(_)
                | OnTailnet::Foreign => {}
            }
        }
        div.others {
            @match page.from.tailnet {
                OnTailnet::SignedOut => {
                    (use_again("Use the tailnet again", Some("main"), page.return_to))
                }
                OnTailnet::Stranger(_) | OnTailnet::Known(_) => {
                    a.button.main href=(urls::ACCOUNT) { "My account" }
                }
                OnTailnet::Elsewhere
                | OnTailnet::Unvouched
                | OnTailnet::Unusable(_)
                | OnTailnet::Unanswered(_)
                | OnTailnet::Foreign => {
                    @if let Some(return_to) = page.return_to {
                        a.button.main href=(return_to.as_str()) { "Try again" }
                    }
                }
            }
            a.button href=(urls::HOME) { "My apps" }
        }
        (page.from.line())
    };
    door(site, StatusCode::OK, "A second factor is needed", &card)
}
