//! The second factors of an account: what is there, and what could be.

use http::StatusCode;
use maud::{Markup, html};

use super::Account;
use crate::clock::Wall;
use crate::web::pages::{PasskeyButton, passkey_button};
use crate::web::shell::{Tone, door, head, note};
use crate::web::{Response, Site, urls, words};

/// What there is.
#[derive(Clone, Copy, Debug)]
pub struct FactorLines<'a> {
    /// Who answers on Telegram, and whether messages are known not to arrive there.
    pub telegram: Option<(SinceLine<'a>, bool)>,
    /// The authenticator app.
    pub totp: Option<SinceLine<'a>>,
    /// Passkeys.
    pub passkeys: &'a [PasskeyLine<'a>],
    /// Recovery codes that are left, where there is something they stand in for.
    pub recovery_codes: u32,
}

/// One of which an account has one.
#[derive(Clone, Copy, Debug)]
pub struct SinceLine<'a> {
    /// Its name; may be empty.
    pub name: &'a str,
    /// Since when.
    pub since: Wall,
    /// When it was last used.
    pub used_at: Option<Wall>,
}

/// One passkey.
#[derive(Clone, Copy, Debug)]
pub struct PasskeyLine<'a> {
    /// Its id with us.
    pub id: &'a str,
    /// Its name, since when, and when it was last used.
    pub line: SinceLine<'a>,
}

impl FactorLines<'_> {
    fn any(&self) -> bool {
        self.telegram.is_some() || self.totp.is_some() || !self.passkeys.is_empty()
    }
}

/// Which kinds of factor could be added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// Telegram.
    pub telegram: bool,
    /// Another passkey.
    pub passkey: bool,
    /// An authenticator app.
    pub totp: bool,
}

/// How many codes are made at once, and under how many it is time for new ones.
const CODES: u32 = 10;
const FEW: u32 = 4;

pub(super) fn section(site: &Site, page: &Account<'_>) -> Markup {
    let FactorLines { telegram, totp, passkeys, recovery_codes } = page.factors;
    if !page.factors.any() {
        return none_yet(page);
    }
    html! {
        ul.list {
            @if let Some((link, is_broken)) = telegram {
                li {
                    (what(&format!("Telegram {}", link.name), &link, page.now))
                    @if is_broken { span.tag.bad { "messages do not arrive" } }
                    (remove("telegram", "Telegram"))
                }
            }
            @for PasskeyLine { id, line } in passkeys {
                li {
                    (what(&format!("Passkey “{}”", line.name), line, page.now))
                    a.button href=(urls::passkey(id)) { "Rename" span.hidden { " passkey " (line.name) } }
                    (remove(&format!("passkey:{id}"), &format!("passkey {}", line.name)))
                }
            }
            @if let Some(app) = totp {
                li { (what("Authenticator app", &app, page.now)) (remove("totp", "authenticator app")) }
            }
            li {
                span.what {
                    strong { "Recovery codes" }
                    small {
                        @if recovery_codes == 0 { "none left" }
                        @else { (recovery_codes) " of " (CODES) " left" }
                    }
                }
                @if recovery_codes < FEW { span.tag.bad { "make new ones" } }
                a.button href=(urls::ACCOUNT_RECOVERY) { "New codes" }
            }
            @if page.may_enrol {
                li { span.what { strong { "Add another" } } (offers(site, page.offers)) }
            } @else {
                li {
                    span.what {
                        strong { "Add or change something" }
                        small { "Show your second factor once more first." }
                    }
                    a.button href=(urls::step_up(Some(urls::ACCOUNT))) { "Confirm that it’s you" }
                }
            }
        }
    }
}

fn none_yet(page: &Account<'_>) -> Markup {
    html! {
        (note(Tone::Plain, &html! {
            "There is none: whoever knows your password can sign in as you, and apps that ask for two factors stay closed. "
            a href=(urls::ACCOUNT_ENROL) {
                @if page.may_enrol { "Add your second factor" } @else { "How to add one" }
            }
        }))
    }
}

/// The buttons that add one of each kind.
pub(super) fn offers(site: &Site, offers: Offers) -> Markup {
    let passkey = PasskeyButton {
        label: "Passkey",
        options: urls::ACCOUNT_PASSKEY_OPTIONS,
        finish: urls::ACCOUNT_PASSKEY,
        form: None,
        fields: "",
        after_others: false,
    };
    html! {
        @if offers.telegram {
            form method="post" action=(urls::ACCOUNT_TELEGRAM) { button { "Telegram" } }
        }
        @if offers.passkey { (passkey_button(site, &passkey)) }
        @if offers.totp { a.button href=(urls::ACCOUNT_TOTP) { "Authenticator app" } }
    }
}

fn what(name: &str, line: &SinceLine<'_>, now: Wall) -> Markup {
    html! {
        span.what {
            strong { (name) }
            small {
                "since " (words::day(line.since))
                @if let Some(used) = line.used_at { " · last used " (words::ago(now, used)) }
            }
        }
    }
}

fn remove(factor: &str, name: &str) -> Markup {
    html! { a.button href=(urls::removal(factor)) { "Remove" span.hidden { " " (name) } } }
}

/// What a passkey is called.
pub fn rename_passkey(site: &Site, id: &str, name: &str) -> Response {
    let card = html! {
        (head("Rename your passkey", None))
        form method="post" action=(urls::ACCOUNT_FACTOR_PASSKEY) {
            input type="hidden" name="id" value=(id);
            div.field {
                label for="name" { "Name" }
                p.hint #name-hint { "So that you know it in the list: the device it is on, for instance." }
                input type="text" id="name" name="name" value=(name) autocomplete="off" maxlength="64"
                    aria-describedby="name-hint" required;
            }
            button.main { "Save name" }
        }
        div.others { a.button href=(urls::ACCOUNT) { "Back to your account" } }
    };
    door(site, StatusCode::OK, "Rename your passkey", &card)
}
