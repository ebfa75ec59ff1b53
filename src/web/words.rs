//! Times, spans and browsers in words, for people. Never reads a clock.

use std::time::Duration;

use maud::{Markup, html};
use time::OffsetDateTime;

use crate::clock::Wall;
use crate::error::Kind;

/// The heading of a page about a failure of `kind`.
pub(super) fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Malformed | Kind::UnsupportedType => "This request cannot be read",
        Kind::TooLarge => "That is too much at once",
        Kind::NotSignedIn => "Please sign in",
        Kind::Forbidden => "This is not allowed",
        Kind::NotFound => "There is nothing here",
        Kind::MethodNotAllowed => "Not this way",
        Kind::Conflict => "That was done already",
        Kind::Gone => "This is over",
        Kind::Unprocessable => "That did not work",
        Kind::TooMany(_) => "Too many attempts",
        Kind::Unavailable(_) => "Not possible right now",
        Kind::Internal => "Something went wrong",
    }
}

/// `30 days`, `1 hour`, `5 minutes`: rounded up, so that nobody comes back too early.
pub fn span(span: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0));
    let (unit, name) = match seconds {
        0..MINUTE => (1, "second"),
        MINUTE..HOUR => (MINUTE, "minute"),
        HOUR..172_800 => (HOUR, "hour"),
        _ => (DAY, "day"),
    };
    let count = seconds.div_ceil(unit);
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// `14:12 UTC`; where script runs, by the reader's own clock.
pub(super) fn clock(moment: Wall) -> Markup {
    html! { time datetime=(moment.rfc3339()) data-local="clock" { (hour(moment)) } }
}

/// `14:12 UTC`, where it can be nothing else.
pub fn hour(moment: Wall) -> String {
    date(moment)
        .map_or_else(|| moment.rfc3339(), |date| format!("{:02}:{:02} UTC", date.hour(), date.minute()))
}

/// `14:12:05 UTC`; where script runs, by the reader's own clock.
pub(super) fn second(moment: Wall) -> Markup {
    let text = date(moment).map_or_else(
        || moment.rfc3339(),
        |date| format!("{:02}:{:02}:{:02} UTC", date.hour(), date.minute(), date.second()),
    );
    html! { time datetime=(moment.rfc3339()) data-local="second" { (text) } }
}

/// `21 November 2026`.
pub(super) fn day(moment: Wall) -> Markup {
    let text = date(moment)
        .map_or_else(|| moment.rfc3339(), |date| format!("{} {} {}", date.day(), date.month(), date.year()));
    html! { time datetime=(moment.rfc3339()) data-local="day" { (text) } }
}

/// `just now`, `5 minutes ago`.
pub(super) fn ago(now: Wall, then: Wall) -> String {
    let passed = then.until(now);
    if passed < Duration::from_mins(2) { "just now".to_owned() } else { format!("{} ago", span(passed)) }
}

/// `password + Telegram`, out of `password+telegram`.
pub(super) fn methods(names: &str) -> String {
    let words: Vec<&str> = names
        .split('+')
        .map(|name| match name {
            "telegram" => "Telegram",
            "totp" => "authenticator app",
            "recovery_code" => "recovery code",
            other => other,
        })
        .collect();
    words.join(" + ")
}

fn date(moment: Wall) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(moment.seconds()).ok()
}

/// `Firefox on Windows`, out of a `User-Agent`, which may say anything: nothing of it is repeated
/// but a program's short name.
pub fn browser(user_agent: &str) -> String {
    let find = |known: &[(&str, &'static str)]| {
        known.iter().find(|(sign, _)| user_agent.contains(sign)).map(|(_, name)| *name)
    };
    let program = find(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("Windows", "Windows"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Mac OS X", "Mac"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (program, system) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => {
            let name: String = user_agent
                .chars()
                .take_while(|one| one.is_ascii_alphanumeric() || *one == '-' || *one == '_')
                .take(30)
                .collect();
            if name.is_empty() { "Unknown program".to_owned() } else { name }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded_up() {
        for (seconds, expected) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (60, "1 minute"),
            (61, "2 minutes"),
            (900, "15 minutes"),
            (3600, "1 hour"),
            (86_400, "24 hours"),
            (30 * 86_400, "30 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), expected, "asked for {seconds} s");
        }
    }

    #[test]
    fn browsers_are_named_shortly() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:153.0) Gecko/20100101 Firefox/153.0",
                "Firefox on Windows",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.14.1", "curl"),
            ("<b>\u{202e}evil", "Unknown program"),
            ("", "Unknown program"),
        ] {
            assert_eq!(browser(agent), expected, "asked about {agent:?}");
        }
    }
}
