//! One's own account: profile, factors, password, tailnet, browsers, sessions, notices.

mod enrol;
mod factors;
mod lists;
mod recovery;
mod removal;
mod telegram;
mod totp;

use maud::{Markup, html};

use super::tailnet::links;
use super::{KnownBy, NEW_PASSWORD, PasswordField, Said};
use crate::clock::Wall;
use crate::web::shell::house;
use crate::web::{Response, Site, urls, words};

pub use enrol::{Enrol, EnrolState, enrol};
pub use factors::{FactorLines, Offers, PasskeyLine, SinceLine, rename_passkey};
pub use lists::{DeviceLine, NoticeLine, SessionLine};
pub use recovery::{new_recovery_codes, recovery_codes};
pub use removal::{Removal, removal};
pub use telegram::{TelegramAnswer, TelegramOffer, telegram_answer, telegram_offer};
pub use totp::{SetUpTotp, set_up_totp};

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// The name apps know; it never changes.
    pub username: &'a str,
    /// The address, if there is one.
    pub email: Option<&'a str>,
    /// The display name; empty where there is none.
    pub name: &'a str,
    /// How it is known whose it is.
    pub by: KnownBy<'a>,
    /// The second factors.
    pub factors: FactorLines<'a>,
    /// Which kinds could be added.
    pub offers: Offers,
    /// Whether one may be added now.
    pub may_enrol: bool,
    /// When the password was set; nothing where there is none.
    pub password_changed_at: Option<Wall>,
    /// The logins of the persons of the tailnet that are this user.
    pub linked: &'a [&'a str],
    /// The login of the person whose device this is, if they could be linked.
    pub offer: Option<&'a str>,
    /// The browsers that are remembered.
    pub devices: &'a [DeviceLine<'a>],
    /// The sessions that are open, the present one first.
    pub sessions: &'a [SessionLine<'a>],
    /// What they were told lately.
    pub notices: &'a [NoticeLine],
    /// The present.
    pub now: Wall,
    /// What became of what was asked.
    pub said: Said<'a>,
}

/// The account page. A POST to it that is refused answers with this page and the refusal's status.
pub fn account(site: &Site, page: &Account<'_>) -> Response {
    let main = html! {
        h1 { "Your account" }
        (page.by.line())
        (page.said.note())
        h2 { "Profile" }
        div.card {
            dl.facts {
                dt { "Username" } dd { (page.username) }
                @if let Some(email) = page.email { dt { "E-mail" } dd { (email) } }
            }
            form method="post" action=(urls::ACCOUNT_NAME) {
                div.field {
                    label for="name" { "Name" }
                    p.hint #name-hint { "Shown to the apps you open." }
                    input type="text" id="name" name="name" value=(page.name) autocomplete="name"
                        maxlength="100" aria-describedby="name-hint";
                }
                button { "Save name" }
            }
        }
        h2 #factors { "Second factors" }
        (factors::section(site, page))
        h2 { "Password" }
        div.card {
            @match page.password_changed_at {
                Some(changed) => p.soft { "Last changed on " (words::day(changed)) "." },
                None => p.soft { "There is none. Ask whoever looks after Aegis for a link to choose one." },
            }
            @if page.password_changed_at.is_some() { (change_password(page)) }
        }
        (links(page.username, page.linked, page.offer))
        h2 { "API tokens" }
        p.soft { "For scripts and apps that cannot sign in: " a href=(urls::ACCOUNT_TOKENS) { "your tokens" } "." }
        (lists::devices(page.devices))
        section aria-labelledby="sessions" {
            h2 #sessions { "Where you are signed in" }
            (lists::sessions(page))
        }
        (lists::notices(page.notices))
    };
    let title = if page.said.is_refused() { "Not changed" } else { "Your account" };
    page.said.finish(house(site, page.said.status(), title, urls::ACCOUNT, page.username, &main))
}

fn change_password(page: &Account<'_>) -> Markup {
    let field = |name, label, autocomplete, hint| {
        PasswordField { name, label, autocomplete, hint, wrong: false }.markup()
    };
    html! {
        form method="post" action=(urls::ACCOUNT_PASSWORD) {
            // Tells a password manager whose password this is.
            input type="text" name="username" value=(page.username) autocomplete="username" hidden;
            (field("current", "Current password", "current-password", None))
            (field("new", "New password", "new-password", Some(NEW_PASSWORD)))
            p.soft {
                @match page.by {
                    KnownBy::Session | KnownBy::Both(_) => "Every other session ends when the password changes.",
                    KnownBy::Device(_) => "Every session ends when the password changes.",
                }
            }
            button { "Change password" }
        }
    }
}
