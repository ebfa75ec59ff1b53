//! Codes and passkeys: what finishes a sign-in without Telegram.

use http::{StatusCode, header};
use maud::{Markup, html};

use super::super::{PasskeyButton, passkey_button};
use super::{OnTelegram, Others, Step, Tried, cancel, leads_to, name_of, paused, remember};
use crate::clock::Wall;
use crate::web::answer::seconds;
use crate::web::shell::{Tone, door, head, note};
use crate::web::{Response, Site, urls, words};

/// A code of an authenticator app.
pub fn code(site: &Site, step: &Step<'_>, tried: Tried) -> Response {
    let wrong = tried == Tried::WrongCode;
    let card = html! {
        (head("Enter your code", leads_to(step.to).as_ref()))
        @if wrong {
            (note(Tone::Bad, &html! { "That code isn’t right, or was used before. Wait for the next one and try again." }))
        } @else {
            (telegram_note(step))
        }
        form method="post" action=(urls::LOGIN_CODE) {
            div.field {
                label for="totp" { "Six digits from your authenticator app" }
                input type="text" id="totp" name="totp" inputmode="numeric" autocomplete="one-time-code"
                    maxlength="7" aria-invalid=[wrong.then_some("true")] aria-describedby=[wrong.then_some("said")]
                    required autofocus[!wrong];
            }
            (remember(step))
            button.main { "Continue" }
        }
        (ways_besides(step, urls::LOGIN_CODE))
    };
    door(site, status_of(tried), if wrong { "Wrong code" } else { "Enter your code" }, &card)
}

/// A recovery code.
pub fn recovery(site: &Site, step: &Step<'_>, tried: Tried) -> Response {
    let wrong = tried == Tried::WrongCode;
    let card = html! {
        (head("Use a recovery code", leads_to(step.to).as_ref()))
        @if wrong {
            (note(Tone::Bad, &html! { "That recovery code isn’t right, or was used before." }))
        } @else {
            (telegram_note(step))
        }
        form method="post" action=(urls::LOGIN_RECOVERY) {
            div.field {
                label for="recovery_code" { "Recovery code" }
                p.hint id="recovery-hint" { "One of those you kept when you set up your second factor. Each works once." }
                input type="text" id="recovery_code" name="recovery_code" autocomplete="off" autocapitalize="none"
                    spellcheck="false" maxlength="64" aria-invalid=[wrong.then_some("true")]
                    aria-describedby=(if wrong { "said recovery-hint" } else { "recovery-hint" })
                    required autofocus[!wrong];
            }
            (remember(step))
            button.main { "Continue" }
        }
        (ways_besides(step, urls::LOGIN_RECOVERY))
    };
    door(site, status_of(tried), if wrong { "Wrong code" } else { "Use a recovery code" }, &card)
}

/// A passkey, which only script can ask for.
pub fn passkey(site: &Site, step: &Step<'_>) -> Response {
    let button = PasskeyButton {
        label: "Use a passkey",
        options: urls::LOGIN_PASSKEY_OPTIONS,
        finish: urls::LOGIN_PASSKEY,
        form: Some("second-factor"),
        fields: "rd keep",
        after_others: false,
    };
    let card = html! {
        (head("Use your passkey", leads_to(step.to).as_ref()))
        (telegram_note(step))
        p { "This device or your security key asks you for it. That needs JavaScript." }
        form #second-factor hidden {
            input type="hidden" name="rd" value=(step.to.written().unwrap_or_default());
            input type="checkbox" name="keep" checked[step.keep];
        }
        (passkey_button(site, &button))
        (ways_besides(step, urls::LOGIN_KEY))
    };
    door(site, StatusCode::OK, "Use your passkey", &card)
}

/// Too many wrong codes: none is judged until then. 429.
pub fn codes_locked(site: &Site, step: &Step<'_>, until: Wall) -> Response {
    let wait = step.now.until(until);
    let card = html! {
        (head("Too many wrong codes", leads_to(step.to).as_ref()))
        (note(Tone::Bad, &html! {
            "Try again at " strong { (words::clock(until)) } " (in " (words::span(wait)) "), or use another way."
        }))
        div.others {
            @if matches!(step.telegram, OnTelegram::Asked(_)) {
                a.button href=(urls::LOGIN_APPROVE) { "Approve in Telegram" }
            }
            @if step.others.passkeys { a.button href=(urls::LOGIN_KEY) { "Use a passkey" } }
            (cancel())
        }
    };
    let mut response = door(site, StatusCode::TOO_MANY_REQUESTS, "Too many wrong codes", &card);
    response.headers_mut().insert(header::RETRY_AFTER, seconds(wait));
    response
}

fn status_of(tried: Tried) -> StatusCode {
    match tried {
        Tried::WrongCode => StatusCode::UNPROCESSABLE_ENTITY,
        Tried::AgainTooSoon => StatusCode::TOO_MANY_REQUESTS,
        Tried::Nothing | Tried::TooSoon => StatusCode::OK,
    }
}

/// Why another way is asked for than Telegram, where the account has it.
fn telegram_note(step: &Step<'_>) -> Markup {
    match step.telegram {
        OnTelegram::Paused { .. } => note(Tone::Plain, &paused(step.telegram)),
        OnTelegram::Blocked => note(
            Tone::Plain,
            &html! { "Telegram won’t let us message you: unblock " (name_of(step.bot)) " to be asked there." },
        ),
        OnTelegram::Unreachable => note(Tone::Plain, &html! { "We can’t reach Telegram right now." }),
        OnTelegram::Unused | OnTelegram::Asked(_) | OnTelegram::NotAsked => Markup::default(),
    }
}

/// The other ways than that of the page at `here`.
fn ways_besides(step: &Step<'_>, here: &str) -> Markup {
    let Others { totp, passkeys, recovery } = step.others;
    let asked = matches!(step.telegram, OnTelegram::Asked(_) | OnTelegram::NotAsked);
    html! {
        div.others {
            @if asked { a.button href=(urls::LOGIN_APPROVE) { "Approve in Telegram instead" } }
            @if totp && here != urls::LOGIN_CODE { a.button href=(urls::LOGIN_CODE) { "Use a code instead" } }
            @if passkeys && here != urls::LOGIN_KEY {
                a.button href=(urls::LOGIN_KEY) { "Use a passkey instead" }
            }
            @if recovery && here != urls::LOGIN_RECOVERY {
                a.button href=(urls::LOGIN_RECOVERY) { "Use a recovery code" }
            }
            (cancel())
        }
    }
}
