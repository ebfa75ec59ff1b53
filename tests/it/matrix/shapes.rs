//! Navigation, fetch, preflight, WebSocket, events, forms, uploads: by nobody and by a guest.

use std::io::{BufRead as _, Write as _};

use super::attempt::{Case, Try, never, open};
use crate::lab::app::EVENT;
use crate::lab::client::{Answer, Ask, send_bytes};

pub(super) const CASES: &[Case] = &[
    never("nobody opens a page", |attempt| attempt.ask(page(attempt))),
    never("nobody asks for its head", |attempt| attempt.ask(page(attempt).method("HEAD"))),
    never("nobody posts a form", |attempt| attempt.ask(page(attempt).method("POST").body("a=1"))),
    never("nobody fetches", |attempt| attempt.ask(fetch(attempt))),
    never("nobody fetches, old style (XHR)", |attempt| {
        attempt.ask(Ask::get(&host(attempt), "/a").header("X-Requested-With", "XMLHttpRequest"))
    }),
    never("nobody posts JSON", |attempt| {
        attempt.ask(fetch(attempt).method("POST").header("Content-Type", "application/json").body("{}"))
    }),
    never("a preflight", |attempt| attempt.ask(preflight(&host(attempt)))),
    open("a preflight, `preflight = \"pass\"`", |attempt| {
        attempt.ask(preflight(&attempt.lab.host("passing")))
    }),
    never("nobody opens a WebSocket", |attempt| attempt.ask(Ask::websocket(&host(attempt), "/a"))),
    never("nobody asks for events", |attempt| attempt.ask(events(attempt))),
    never("nobody asks over HTTP/1.0", |attempt| {
        attempt.lines(&["GET /a HTTP/1.0", &format!("Host: {}", host(attempt))])
    }),
    open("guest opens a page", |attempt| attempt.ask_as_guest(page(attempt))),
    open("guest asks for its head", |attempt| attempt.ask_as_guest(page(attempt).method("HEAD"))),
    open("guest posts a form", |attempt| {
        let cell = attempt.ask_as_guest(page(attempt).method("POST").body("a=1"));
        format!("{cell}, {}", bodies(attempt))
    }),
    open("guest fetches", |attempt| attempt.ask_as_guest(fetch(attempt))),
    open("guest sends 4 MiB", |attempt| {
        let cell = attempt.ask_as_guest(fetch(attempt).method("PUT").body(&"x".repeat(4 << 20)));
        format!("{cell}, {}", bodies(attempt))
    }),
    open("guest sends a chunked body", |attempt| {
        let (host, cookie) = (host(attempt), attempt.cookie());
        let request = format!(
            "POST /a HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n{}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            attempt.mark()
        );
        let answer = crate::lab::client::exchange(attempt.lab.proxy(), request.as_bytes());
        format!("{}, {}", attempt.told(&request, answer), bodies(attempt))
    }),
    open("guest opens a WebSocket", |attempt| {
        let ask = attempt.marked(Ask::websocket(&host(attempt), "/a").header("Cookie", attempt.cookie()));
        let mut stream = ask.open(attempt.lab.proxy());
        let answer = Answer::read(&mut stream, "GET");
        let cell = attempt.told(&ask, answer);
        let mut echo = [0; 5];
        let echoed = stream.get_mut().write_all(b"there").is_ok()
            && std::io::Read::read_exact(&mut stream, &mut echo).is_ok();
        format!("{cell}, {}", if echoed && &echo == b"there" { "echo" } else { "no echo" })
    }),
    open("guest asks for events", |attempt| {
        let ask = attempt.marked(events(attempt).header("Cookie", attempt.cookie()));
        let mut stream = ask.open(attempt.lab.proxy());
        let mut lines = Vec::new();
        let mut line = String::new();
        while stream.read_line(&mut line).is_ok_and(|length| length > 0) {
            lines.push(std::mem::take(&mut line));
            if lines.last().is_some_and(|line| line.trim_end() == EVENT.trim_end()) {
                break;
            }
        }
        let start = lines.first().cloned().unwrap_or_default();
        let status = start.split(' ').nth(1).unwrap_or("closed").to_owned();
        let at_once = lines.last().is_some_and(|line| line.trim_end() == EVENT.trim_end());
        format!("{status} {}", if at_once { "at once" } else { "held back" })
    }),
    open("guest asks over HTTP/1.0", |attempt| {
        let (host, cookie) = (host(attempt), attempt.cookie());
        attempt.lines(&["GET /a HTTP/1.0", &format!("Host: {host}"), &format!("Cookie: {cookie}")])
    }),
    open("guest, then nobody, on one connection at once", |attempt| race(attempt, true)),
    open("nobody, then guest, on one connection at once", |attempt| race(attempt, false)),
];

fn host(attempt: &Try<'_>) -> String {
    attempt.lab.host("closed")
}

fn page(attempt: &Try<'_>) -> Ask {
    Ask::navigation(&host(attempt), "/a?b=c")
}

fn fetch(attempt: &Try<'_>) -> Ask {
    Ask::fetch(&host(attempt), "/a")
}

fn events(attempt: &Try<'_>) -> Ask {
    Ask::new("GET", &host(attempt), "/events")
        .header("Accept", "text/event-stream")
        .header("Sec-Fetch-Mode", "cors")
        .header("Sec-Fetch-Site", "same-origin")
}

fn preflight(host: &str) -> Ask {
    Ask::new("OPTIONS", host, "/a")
        .header("Origin", "http://elsewhere.example")
        .header("Access-Control-Request-Method", "PUT")
        .header("Sec-Fetch-Mode", "cors")
}

/// How much arrived at the app.
fn bodies(attempt: &Try<'_>) -> String {
    let sizes: Vec<String> = attempt.seen().iter().map(|seen| format!("{} B", seen.body.len())).collect();
    sizes.join(", ")
}

/// Two requests that are both sent before the first is answered: each is judged by itself.
fn race(attempt: &Try<'_>, guest_first: bool) -> String {
    let host = host(attempt);
    let nobody = format!("GET /a HTTP/1.1\r\nHost: {host}\r\n{}\r\n", attempt.mark());
    let guest = format!("{nobody}Cookie: {}\r\n", attempt.cookie());
    let (first, second) = if guest_first { (guest, nobody) } else { (nobody, guest) };
    let request = format!("{first}\r\n{second}Connection: close\r\n\r\n");
    let mut stream = send_bytes(attempt.lab.proxy(), request.as_bytes());
    let statuses: Vec<u16> = (0..2).map(|_| Answer::read(&mut stream, "GET").status).collect();
    let right = if guest_first { [200, 401] } else { [401, 200] };
    let kept_apart = statuses == right || statuses == [right[0], 0];
    assert!(kept_apart, "{}: {request}\ncame back: {statuses:?}", attempt.lab.kind);
    let reached = attempt.seen().len();
    assert_eq!(
        reached,
        statuses.iter().filter(|status| **status == 200).count(),
        "{}: how often the app was reached by {request}",
        attempt.lab.kind
    );
    let said = |status: &u16| if *status == 0 { "closed".to_owned() } else { status.to_string() };
    statuses.iter().map(said).collect::<Vec<_>>().join(", ")
}
