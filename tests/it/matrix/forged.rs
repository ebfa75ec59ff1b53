//! What the visitor claims: to be somebody, or to have asked something else from somewhere else.

use super::attempt::{Case, FORGED, Try, never, open};
use crate::lab::client::{self, Ask};
use crate::lab::{IDENTITY, Lab};

pub(super) const CASES: &[Case] = &[
    never("identity headers, from nobody", |attempt| {
        attempt.ask(identity(closed(attempt), &["-", "_", "."]))
    }),
    open("identity headers, at a public path", |attempt| attempt.ask(identity(public(attempt), &["-"]))),
    open("the same with underscores", |attempt| attempt.ask(identity(public(attempt), &["_"]))),
    open("the same with dots", |attempt| attempt.ask(identity(public(attempt), &["."]))),
    open("identity headers, from a guest", |attempt| {
        attempt.ask_as_guest(identity(closed(attempt), &["-", "_", "."]))
    }),
    open("identity headers, where it is optional", |attempt| {
        attempt.ask(identity(Ask::get(&attempt.lab.host("welcome"), "/"), &["-", "_", "."]))
    }),
    open("`Connection: Remote-User`, from a guest", |attempt| {
        let ask = closed(attempt).header("Connection", "Remote-User, X-Aegis-Assertion");
        erased(attempt, ask)
    }),
    open("`Connection: close, Remote-Groups`, from a guest", |attempt| {
        let ask = closed(attempt).header("Connection", "close, Remote-Groups");
        erased(attempt, ask)
    }),
    open("`Connection: Cookie`, from a guest", |attempt| {
        erased(attempt, closed(attempt).header("Connection", "Cookie"))
    }),
    open("`Remote-User` as a request trailer, from a guest", |attempt| {
        let host = attempt.lab.host("closed");
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\n{}\r\nTE: trailers\r\nTrailer: Remote-User\r\n\
             Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nRemote-User: {FORGED}\r\nRemote_User: {FORGED}\r\n\r\n",
            attempt.cookie(),
            attempt.mark()
        );
        let answer = client::exchange(attempt.lab.proxy(), request.as_bytes());
        let cell = attempt.told(&request, answer);
        let trailers = attempt.seen().iter().any(|seen| !seen.trailers.is_empty());
        format!("{cell}{}", if trailers { ", still a trailer" } else { "" })
    }),
    never("`X-Forwarded-*`, from nobody", |attempt| attempt.ask(forwarded(attempt.lab, closed(attempt)))),
    never("`X-Original-*`, from nobody", |attempt| attempt.ask(original(attempt.lab, closed(attempt)))),
    never("both with underscores, from nobody", |attempt| {
        attempt.ask(underscored(original(attempt.lab, forwarded(attempt.lab, closed(attempt)))))
    }),
    open("`X-Forwarded-*`, from a guest", |attempt| {
        let cell = attempt
            .ask_as_guest(FORWARDED.iter().fold(closed(attempt), |ask, name| ask.header(name, FORGED)));
        format!("{cell}, told {}", facts(attempt))
    }),
    open("`X-Original-*`, from a guest", |attempt| {
        attempt.ask_as_guest(ORIGINAL.iter().fold(closed(attempt), |ask, name| ask.header(name, FORGED)))
    }),
    open("`Forwarded`, from a guest", |attempt| {
        attempt.ask_as_guest(closed(attempt).header("Forwarded", &format!("for={FORGED};host={FORGED}")))
    }),
    open("`X-Forwarded-For` with underscores, from a guest", |attempt| {
        attempt.ask_as_guest(closed(attempt).header("X_Forwarded_For", FORGED))
    }),
    open("Aegis's own cookie and a session cookie beside the app's", |attempt| {
        let cookies = format!("theme=dark; {}; __Host-aegis_session=abc; other=1", attempt.cookie());
        let cell = attempt.ask(closed(attempt).header("Cookie", &cookies));
        format!("{cell}{}", cookies_seen(attempt))
    }),
    open("the app's own `Authorization`, from a guest", |attempt| {
        let cell = attempt.ask_as_guest(closed(attempt).header("Authorization", "Basic YW5uOnNlY3JldA=="));
        let kept =
            attempt.seen().iter().all(|seen| seen.one("authorization") == Some("Basic YW5uOnNlY3JldA=="));
        format!("{cell}, {}", if kept { "kept" } else { "lost" })
    }),
    open("12 kB of cookies, from a guest", |attempt| {
        let cookies = format!("big={}; {}", "x".repeat(12_000), attempt.cookie());
        attempt.ask(closed(attempt).header("Cookie", &cookies))
    }),
    open("two lines of cookies, from a guest", |attempt| {
        let cell = attempt.ask_as_guest(closed(attempt).header("Cookie", "theme=dark"));
        format!("{cell}{}", cookies_seen(attempt))
    }),
    never("the check endpoints on Aegis's own site", |attempt| {
        let open = attempt.lab.host("open");
        let ask = Ask::get(&attempt.lab.way.portal(), "/auth/forward-auth");
        attempt.ask(ask.header("X-Forwarded-Host", &open).header("X-Forwarded-Uri", "/"))
    }),
];

const FORWARDED: [&str; 17] = [
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X-Forwarded-Scheme",
    "X-Forwarded-Ssl",
    "X-Real-IP",
    "X-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
];

const ORIGINAL: [&str; 5] =
    ["X-Original-URL", "X-Original-URI", "X-Original-Host", "X-Original-Method", "X-Rewrite-URL"];

fn closed(attempt: &Try<'_>) -> Ask {
    Ask::get(&attempt.lab.host("closed"), "/")
}

fn public(attempt: &Try<'_>) -> Ask {
    Ask::get(&attempt.lab.host("closed"), "/pub/x")
}

/// Every identity header with these separators.
fn identity(ask: Ask, separators: &[&str]) -> Ask {
    let names = IDENTITY.into_iter().chain(["Tailscale-User-Login", "Tailscale-User-Name"]);
    let spelled = names.flat_map(|name| separators.iter().map(move |dash| name.replace('-', dash)));
    spelled.fold(ask, |ask, name| ask.header(&name, FORGED))
}

/// A refusal is as good as an identity; an app that is told of nobody is not.
fn erased(attempt: &Try<'_>, ask: Ask) -> String {
    let cell = attempt.ask_as_guest(ask);
    assert!(
        cell.starts_with("400") || cell.starts_with("401") || cell == "200 guest",
        "{}: the identity was erased: {cell}, {:#?}",
        attempt.lab.kind,
        attempt.seen()
    );
    cell
}

/// All of the family, pointing at a public place.
fn forwarded(lab: &Lab, ask: Ask) -> Ask {
    ask.header("X-Forwarded-Uri", "/pub/x")
        .header("X-Forwarded-Method", "OPTIONS")
        .header("X-Forwarded-Host", &lab.host("open"))
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-For", "192.0.2.66")
}

fn original(lab: &Lab, ask: Ask) -> Ask {
    ask.header("X-Original-Method", "OPTIONS")
        .header("X-Original-URL", &format!("http://{}/pub/x", lab.host("open")))
}

fn underscored(ask: Ask) -> Ask {
    ask.names(|name| {
        if name.starts_with("X-") && name != "X-Lab-Case" { name.replace('-', "_") } else { name.to_owned() }
    })
}

/// Which facts about the request the app is told, all true.
fn facts(attempt: &Try<'_>) -> String {
    let told: Vec<&str> = ["for", "proto", "host", "port", "server"]
        .into_iter()
        .filter(|fact| attempt.seen().iter().any(|seen| seen.one(&format!("x-forwarded-{fact}")).is_some()))
        .collect();
    told.join(", ")
}

/// The app's own cookies as it received them.
fn cookies_seen(attempt: &Try<'_>) -> String {
    let seen = attempt.seen();
    seen.iter().flat_map(|seen| [", `".to_owned(), seen.all("cookie").join("` `"), "`".to_owned()]).collect()
}
