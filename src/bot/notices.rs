//! Notices as they read on a phone.

use maud::html;

use crate::identity::Method;
use crate::notices::{Due, Notice};
use crate::state::Current;
use crate::telegram::{Message, shown};
use crate::web::{self, urls};

/// The message of a notice; nothing, if its kind is not known, or whoever it is for has read it already.
pub(super) fn message(current: &Current, due: &Due) -> Option<Message> {
    let quoted = |name: &str| {
        let name = shown(name, 80);
        if name.is_empty() { String::new() } else { format!(" “{name}”") }
    };
    let what = match due.notice.as_ref()? {
        // The message in which it was stopped says it.
        Notice::SignInStopped => return None,
        Notice::FactorAdded(Method::Telegram, name) => {
            format!("Telegram{} is linked, and approves sign-ins from now on.", quoted(name))
        }
        Notice::FactorRemoved(Method::Telegram, _) => {
            "This Telegram is not linked any more, and approves no more sign-ins.".to_owned()
        }
        Notice::FactorAdded(method, name) => format!("{}{} was added.", factor(*method), quoted(name)),
        Notice::FactorRemoved(method, name) => format!("{}{} was removed.", factor(*method), quoted(name)),
        Notice::RecoveryCodesMade => "New recovery codes were made; the old ones count no more.".to_owned(),
        Notice::RecoveryCodeUsed(left) => format!("A recovery code was used; {left} are left."),
        Notice::PasswordChanged => "The password was changed.".to_owned(),
        Notice::NameChanged => "The name was changed.".to_owned(),
        Notice::TailnetLinked(name) => format!("The login{} of the tailnet was linked.", quoted(name)),
        Notice::TailnetUnlinked(name) => {
            format!("The login{} of the tailnet is linked no more.", quoted(name))
        }
        Notice::FactorsReset => "All second factors were taken away.".to_owned(),
        Notice::EnrolmentOpened(name) => format!(
            "Somebody who knows the password set out to add a second factor, on a device of{} on the tailnet.",
            quoted(name)
        ),
        Notice::ApiTokenMade(name) => format!("The API token{} was made.", quoted(name)),
    };
    Some(Message::new(html! {
        "🔔 " (what)
        "\n\nAccount: " code { (shown(&due.account, 80)) } "\nAt " (web::hour(due.at))
        "\n\nIf this wasn't you, look at your " a href=(current.site.absolute(urls::ACCOUNT)) { "account page" } "."
    }))
}

fn factor(method: Method) -> &'static str {
    match method {
        Method::Telegram => "Telegram",
        Method::Totp => "An authenticator app",
        Method::Passkey => "The passkey",
        Method::RecoveryCode => "A recovery code",
        Method::Password | Method::Token | Method::Tailnet => "A way to sign in",
    }
}
