//! Setting up an authenticator app.

use maud::html;

use crate::web::pages::Said;
use crate::web::qr::qr;
use crate::web::shell::{door, head};
use crate::web::{Response, Site, urls};

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct SetUpTotp<'a> {
    /// Whose account it is.
    pub username: &'a str,
    /// What the picture says.
    pub uri: &'a str,
    /// The same to be typed.
    pub secret: &'a str,
    /// What the form carries back.
    pub sealed: &'a str,
    /// What became of the code.
    pub said: Said<'a>,
}

/// The page.
pub fn set_up_totp(site: &Site, page: &SetUpTotp<'_>) -> Response {
    let wrong = page.said.is_refused();
    let card = html! {
        (head("Set up your authenticator app", Some(&html! { "for the account " strong { (page.username) } })))
        (page.said.note())
        p { "Scan this with the app, or type the key into it. Then enter the six digits that it shows." }
        div.picture { (qr(page.uri, "What your authenticator app scans")) }
        div.field {
            span.label #key-label { "Key" }
            code.key aria-labelledby="key-label" tabindex="0" role="textbox" aria-readonly="true" { (page.secret) }
        }
        p.others { a.button href=(page.uri) { "Open it in an app on this device" } }
        form method="post" action=(urls::ACCOUNT_TOTP) {
            input type="hidden" name="offer" value=(page.sealed);
            div.field {
                label for="totp" { "Six digits" }
                input type="text" id="totp" name="totp" inputmode="numeric" autocomplete="one-time-code"
                    maxlength="7" pattern="[0-9 ]*" aria-invalid=[wrong.then_some("true")]
                    aria-describedby=[wrong.then_some("said")] required;
            }
            button.main { "Add the app" }
        }
        div.others { a href=(urls::ACCOUNT) { "Cancel" } }
    };
    let title = if wrong { "Not added yet" } else { "Set up your authenticator app" };
    page.said.finish(door(site, page.said.status(), title, &card))
}
