//! The button that asks the browser for a passkey. Owns the attributes that the script reads.

use maud::{Markup, html};

use crate::web::Site;

/// A button that asks the browser for a passkey, or for a new one. Without script, in a browser that has
/// no passkeys, and on a site that can have none, it is not there.
#[derive(Clone, Copy, Debug)]
pub struct PasskeyButton<'a> {
    /// What it says.
    pub label: &'a str,
    /// The `POST` that says what to ask for: `{"ceremony", "options"}`.
    pub options: &'a str,
    /// The `POST` that takes what comes of it, and says where `to` go.
    pub finish: &'a str,
    /// The `id` of the form that it belongs to, where it stands outside of it.
    pub form: Option<&'a str>,
    /// The fields of that form that go with both, by their names, with a blank between.
    pub fields: &'a str,
    /// Whether a line that says "or" stands above it.
    pub after_others: bool,
}

/// The button. The script says above it what went wrong.
pub fn passkey_button(site: &Site, button: &PasskeyButton<'_>) -> Markup {
    if !site.has_passkeys() {
        return Markup::default();
    }
    html! {
        div.others hidden {
            @if button.after_others { div.or { "or" } }
            button type="button" form=[button.form] data-passkey-options=(button.options)
                data-passkey-finish=(button.finish) data-passkey-fields=(button.fields) { (button.label) }
        }
    }
}
