//! HTTP/2 to the proxy, over TLS: by a real client of that protocol.

use super::attempt::{Case, FORGED, Try, never, open};
use crate::lab::curl::Curl;

pub(super) const CASES: &[Case] = &[
    never("nobody opens a page", |attempt| visit(attempt, "/a", &[])),
    open("guest opens a page", |attempt| as_guest(attempt, "/a", &[])),
    open("guest asks for its head", |attempt| as_guest(attempt, "/a", &["--head"])),
    open("guest sends a body", |attempt| {
        let cell = as_guest(attempt, "/a", &["--data", "a=1"]);
        let bodies: Vec<String> = attempt.seen().iter().map(|seen| seen.body.clone()).collect();
        format!("{cell}, `{}`", bodies.join("` `"))
    }),
    open("cookies in several fields, from a guest", |attempt| {
        let cell =
            as_guest(attempt, "/a", &["--header", "Cookie: theme=dark", "--header", "Cookie: other=1"]);
        let lines: Vec<String> =
            attempt.seen().iter().map(|seen| format!("`{}`", seen.all("cookie").join("` `"))).collect();
        format!("{cell}, {}", lines.join(" "))
    }),
    open("identity headers, at a public path", |attempt| {
        let lines = ["Remote-User", "Remote_User", "Remote.User", "X-Aegis-Assertion"]
            .map(|name| format!("{name}: {FORGED}"));
        let headers: Vec<&str> = lines.iter().flat_map(|line| ["--header", line]).collect();
        visit(attempt, "/pub/x", &headers)
    }),
    never("`X-Forwarded-*`, from nobody", |attempt| {
        let open = format!("X-Forwarded-Host: {}", attempt.lab.host("open"));
        visit(attempt, "/a", &["--header", "X-Forwarded-Uri: /pub/x", "--header", &open])
    }),
    never("`https` denied: `X-Forwarded-Proto: http`, from nobody", |attempt| {
        visit(attempt, "/a", &["--header", "X-Forwarded-Proto: http"])
    }),
    open("what the app is told of the scheme", |attempt| {
        let cell = as_guest(attempt, "/a", &["--header", &format!("X-Forwarded-Proto: {FORGED}")]);
        let seen = attempt.seen();
        let scheme = seen.last().and_then(|seen| seen.one("x-forwarded-proto")).unwrap_or("nothing");
        format!("{cell}, {scheme}")
    }),
];

fn visit(attempt: &Try<'_>, path: &str, arguments: &[&str]) -> String {
    let url = format!("https://{}{path}", attempt.lab.host("closed"));
    let answer =
        Curl::new(attempt.lab, "nobody").visit(&url, &[arguments, &["--header", &attempt.mark()]].concat());
    attempt.told(&url, answer)
}

fn as_guest(attempt: &Try<'_>, path: &str, arguments: &[&str]) -> String {
    let cookie = format!("Cookie: {}", attempt.cookie());
    visit(attempt, path, &[arguments, &["--header", &cookie]].concat())
}
