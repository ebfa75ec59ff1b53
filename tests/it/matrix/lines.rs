//! Request lines and hosts that may be read in two ways.

use super::attempt::{Case, Try, never, open};
use crate::lab::client::Ask;

pub(super) const CASES: &[Case] = &[
    open("absolute form, by a guest", |attempt| {
        let host = attempt.lab.host("closed");
        attempt.ask_as_guest(Ask::get(&host, &format!("http://{host}/a")))
    }),
    never("absolute form: closed, with the `Host` of a public app", |attempt| {
        let (closed, public) = (attempt.lab.host("closed"), attempt.lab.host("open"));
        attempt.ask(Ask::get(&public, &format!("http://{closed}/a")))
    }),
    open("absolute form: a public app, with the `Host` of a closed one", |attempt| {
        let (closed, public) = (attempt.lab.host("closed"), attempt.lab.host("open"));
        let cell = attempt.ask(Ask::get(&closed, &format!("http://{public}/a")));
        only_the_public_one(attempt);
        cell
    }),
    open("two `Host` lines: public, then closed", |attempt| {
        let (closed, public) = (attempt.lab.host("closed"), attempt.lab.host("open"));
        let cell =
            attempt.lines(&["GET /a HTTP/1.1", &format!("Host: {public}"), &format!("Host: {closed}")]);
        only_the_public_one(attempt);
        cell
    }),
    open("one `Host` line with both", |attempt| {
        let (closed, public) = (attempt.lab.host("closed"), attempt.lab.host("open"));
        let cell = attempt.lines(&["GET /a HTTP/1.1", &format!("Host: {public},{closed}")]);
        only_the_public_one(attempt);
        cell
    }),
    never("no `Host`", |attempt| attempt.lines(&["GET /a HTTP/1.1"])),
    never("no `Host`, HTTP/1.0", |attempt| attempt.lines(&["GET /a HTTP/1.0"])),
    never("an empty `Host`", |attempt| attempt.lines(&["GET /a HTTP/1.1", "Host:"])),
    open("host in capitals, by a guest", |attempt| {
        attempt.ask_as_guest(Ask::get(&attempt.lab.host("closed").to_uppercase(), "/a"))
    }),
    open("host with a last dot, by a guest", |attempt| {
        attempt.ask_as_guest(Ask::get(&attempt.lab.host("closed").replace(":8080", ".:8080"), "/a"))
    }),
    open("another port in `Host`, by a guest", |attempt| {
        attempt.ask_as_guest(Ask::get(&attempt.lab.host("closed").replace(":8080", ":443"), "/a"))
    }),
    never("CONNECT, by nobody", |attempt| {
        let host = attempt.lab.host("closed");
        attempt.lines(&[&format!("CONNECT {host} HTTP/1.1"), &format!("Host: {host}")])
    }),
    open("CONNECT, by a guest", |attempt| {
        let (host, cookie) = (attempt.lab.host("closed"), attempt.cookie());
        let start = format!("CONNECT {host} HTTP/1.1");
        attempt.lines(&[&start, &format!("Host: {host}"), &format!("Cookie: {cookie}")])
    }),
    open("TRACE, by a guest", |attempt| attempt.ask_as_guest(method(attempt, "TRACE"))),
    never("`get`, by a guest", |attempt| attempt.ask_as_guest(method(attempt, "get"))),
    never("a method nobody knows, by a guest", |attempt| attempt.ask_as_guest(method(attempt, "FROB"))),
    never("`*` instead of a path, by nobody", |attempt| {
        let host = attempt.lab.host("closed");
        attempt.lines(&["OPTIONS * HTTP/1.1", &format!("Host: {host}")])
    }),
    never("a query that names a public path, by nobody", |attempt| {
        attempt.ask(Ask::get(&attempt.lab.host("closed"), "/a?x=/pub/&X-Forwarded-Uri=/pub/&rd=/pub"))
    }),
];

fn method(attempt: &Try<'_>, method: &str) -> Ask {
    Ask::get(&attempt.lab.host("closed"), "/a").method(method)
}

/// If the app was reached, then under the name of the public one.
fn only_the_public_one(attempt: &Try<'_>) {
    for seen in attempt.seen() {
        let host = seen.all("host").join(",");
        let public = host.split(',').next().unwrap_or_default().contains(".open.");
        assert!(public, "{}: the closed app was reached: {seen:#?}", attempt.lab.kind);
    }
}
