//! What it means to take something away, before it is done.

use maud::{Markup, html};

use crate::identity::Method;
use crate::web::pages::{Said, own_password};
use crate::web::shell::{Tone, door, head, note};
use crate::web::{Response, Site, urls};

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Removal<'a> {
    /// Whose account it is.
    pub username: &'a str,
    /// Which kind of thing.
    pub method: Method,
    /// Its name; may be empty.
    pub name: &'a str,
    /// What names it in the form.
    pub asked: &'a str,
    /// Whether it is the last factor.
    pub is_last: bool,
    /// Whether the password has to be shown.
    pub asks_for_password: bool,
    /// What became of what was asked.
    pub said: Said<'a>,
}

/// The page.
pub fn removal(site: &Site, page: &Removal<'_>) -> Response {
    let (heading, label) = match page.method {
        Method::Telegram => ("Unlink Telegram?", "Unlink Telegram"),
        Method::Tailnet => ("Unlink this login of the tailnet?", "Unlink it"),
        Method::Passkey => ("Remove this passkey?", "Remove passkey"),
        Method::Totp | Method::Password | Method::RecoveryCode | Method::Token => {
            ("Remove the authenticator app?", "Remove the app")
        }
    };
    let card = html! {
        (head(heading, (!page.name.is_empty()).then(|| html! { strong { (page.name) } }).as_ref()))
        (page.said.note())
        (meaning(page))
        form method="post" action=(urls::ACCOUNT_REMOVE) {
            input type="hidden" name="factor" value=(page.asked);
            @if page.asks_for_password {
                (own_password(page.username, page.said.is_refused()))
            }
            button.risk { (label) }
        }
        div.others { a.button.main href=(urls::ACCOUNT) { "Keep it" } }
    };
    page.said.finish(door(site, page.said.status(), heading, &card))
}

fn meaning(page: &Removal<'_>) -> Markup {
    if page.method == Method::Tailnet {
        return html! { p { "Devices of that person are not recognised as you any more." } };
    }
    if page.is_last {
        // One note takes the focus: what was refused, if something was.
        let tone = if page.said.is_refused() { Tone::Plain } else { Tone::Warn };
        return note(
            tone,
            &html! {
                "This is your last second factor. Without one, your password alone signs in, apps that ask for two "
                "factors stay closed to you, and your recovery codes are void."
            },
        );
    }
    html! { p { "It signs you in no more. Your other factors stay." } }
}
