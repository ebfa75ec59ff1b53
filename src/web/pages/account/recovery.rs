//! Recovery codes: what they are, and the one time they are shown.

use http::StatusCode;
use maud::html;

use crate::clock::Wall;
use crate::web::shell::{Tone, door, head, note};
use crate::web::{Response, Site, urls, words};

/// What recovery codes are, and the button that makes them. So many are `left`.
pub fn new_recovery_codes(site: &Site, username: &str, left: u32) -> Response {
    let card = html! {
        (head("Recovery codes", Some(&html! { "for the account " strong { (username) } })))
        p {
            "Each of the ten codes stands in for your second factor once, when you do not have it at hand. "
            "Print them, or keep them in a safe place that is not your phone."
        }
        @if left > 0 {
            (note(Tone::Plain, &html! {
                "You have " (left) " left. With new ones, " strong { "the old ones count no more" } "."
            }))
        }
        form method="post" action=(urls::ACCOUNT_RECOVERY) {
            button.main { @if left > 0 { "Make new codes" } @else { "Make recovery codes" } }
        }
        div.others { a href=(urls::ACCOUNT) { @if left > 0 { "Keep the old ones" } @else { "Later" } } }
    };
    door(site, StatusCode::OK, "Recovery codes", &card)
}

/// The codes, this once.
pub fn recovery_codes(site: &Site, username: &str, codes: &[&str], now: Wall) -> Response {
    let card = html! {
        (head("Your recovery codes", Some(&html! { "for " strong { (username) } " at " (site.public_url().host()) })))
        (note(Tone::Warn, &html! { "They are shown only now. Each counts once." }))
        pre.codes #codes { (codes.join("\n")) }
        p.soft { "Made on " (words::day(now)) ". Older ones count no more." }
        div.others {
            button type="button" hidden data-copies="codes" { "Copy" }
            button type="button" hidden data-saves="codes" data-file="aegis-recovery-codes.txt" { "Save as a file" }
            button type="button" hidden data-prints { "Print" }
        }
        div.others { a.button.main href=(urls::ACCOUNT) { "I have kept them" } }
    };
    door(site, StatusCode::OK, "Your recovery codes", &card)
}
