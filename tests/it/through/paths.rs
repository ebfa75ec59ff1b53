//! Spellings of a path: whatever two programs could read differently opens nothing.

use crate::lab::Lab;
use crate::lab::client::{self, Ask};
use crate::lab::readings;

through_every_proxy!(
    no_spelling_of_a_closed_path_is_public,
    no_spelling_of_an_administrators_path_is_anybodys,
    plain_paths_are_what_they_say,
    escapes_that_mean_one_thing_pass,
    a_fragment_hides_nothing,
    odd_methods_open_nothing,
);

/// Paths that begin like the public prefix and that somebody may resolve to another.
const DETOURS: [&str; 25] = [
    "/pub/../admin/x",
    "/pub/./../admin/x",
    "/pub/%2e%2e/admin/x",
    "/pub/.%2e/admin/x",
    "/pub/%2E./admin/x",
    "/pub/..%2fadmin/x",
    "/pub/%2e%2e%2fadmin/x",
    "/pub%2f..%2fadmin/x",
    "/pub/..%5cadmin/x",
    "/pub/\\..\\admin/x",
    "/pub/..;/admin/x",
    "/pub/..;a=b/admin/x",
    "/pub;/../admin/x",
    "/pub//../admin/x",
    "/pub/%252e%252e/admin/x",
    "/pub/%c0%ae%c0%ae/admin/x",
    "/pub/%00/../admin/x",
    "/pub/%0a/../admin/x",
    "/pub/..%00/admin/x",
    "/pub/%zz",
    "/pub/%u002e",
    "/pubs",
    "/publish/x",
    "/PUB/x",
    "/admin/x?/pub/",
];

fn no_spelling_of_a_closed_path_is_public(lab: &Lab) {
    for path in DETOURS {
        let host = lab.host("closed");
        let ask = Ask::get(&host, path);
        let answer = lab.send(&ask);
        // A proxy may resolve a path, for Aegis and for the app alike: then what it became counts.
        let seen = lab.app.seen(&host);
        let public = !seen.is_empty() && seen.iter().all(|seen| readings::all_within(&seen.target, "/pub"));
        assert!(
            public || [400, 401, 403, 404].contains(&answer.status),
            "{}: `{path}` is answered\nasked: {ask}\ncame back: {answer}",
            lab.kind
        );
        if !public {
            lab.app_heard_nothing(&host, &ask, &answer);
        }
    }
}

fn no_spelling_of_an_administrators_path_is_anybodys(lab: &Lab) {
    let cookie = &lab.guest().cookie;
    for path in [
        "/admin",
        "/admin/",
        "/admin/x",
        "//admin/x",
        "///admin//x",
        "/%61dmin/x",
        "/%41dmin/../admin/x",
        "/admin%2fx",
        "/%2fadmin/x",
        "/%2561dmin/x",
        "/admin\\x",
        "/admin%5cx",
        "/./admin/x",
        "/x/../admin/x",
        "/admin/x?/pub",
        "/admin%23/pub/../x",
        "/admin%3f/../x",
        "/admin%00",
    ] {
        let host = lab.host("closed");
        let ask = Ask::get(&host, path).header("Cookie", cookie);
        let answer = lab.send(&ask);
        let seen = lab.app.seen(&host);
        let other = !seen.is_empty() && !seen.iter().any(|seen| readings::any_within(&seen.target, "/admin"));
        assert!(
            other || [400, 403, 404].contains(&answer.status),
            "{}: `{path}` is answered to somebody without the role\nasked: {ask}\ncame back: {answer}",
            lab.kind
        );
        if !other {
            lab.app_heard_nothing(&host, &ask, &answer);
        }
    }
}

fn plain_paths_are_what_they_say(lab: &Lab) {
    let guest = &lab.guest().cookie;
    let admin = lab.sign_in(&lab.person(&["admin"]));
    for (path, cookie, status) in [
        ("/pub", "", 200),
        ("/pub/", "", 200),
        ("/pub/a/b.c?d=../e%2f", "", 200),
        ("/", "", 401),
        ("/", guest, 200),
        ("/administrator", guest, 200),
        ("/admin/x", guest, 403),
        ("/admin/x", &admin, 200),
        ("/admin", &admin, 200),
    ] {
        let host = lab.host("closed");
        let mut ask = Ask::get(&host, path);
        if !cookie.is_empty() {
            ask = ask.header("Cookie", cookie);
        }
        let answer = lab.send(&ask);
        assert_eq!(answer.status, status, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        let seen = lab.app.seen(&host);
        assert_eq!(seen.len(), usize::from(status == 200), "{}: `{path}`, the app saw: {seen:#?}", lab.kind);
        if let Some(seen) = seen.first() {
            assert_eq!(seen.target, path, "{}: the app is asked what was asked", lab.kind);
        }
    }
}

fn escapes_that_mean_one_thing_pass(lab: &Lab) {
    let cookie = &lab.guest().cookie;
    for path in ["/caf%C3%A9", "/a%20b", "/a+b;c=d,e", "/~ann/%5Bx%5D", "/a%3Fb", "/x.y/...z"] {
        let host = lab.host("closed");
        let ask = Ask::get(&host, path).header("Cookie", cookie);
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        assert_eq!(lab.app.seen(&host)[0].target, path, "{}: the app is asked what was asked", lab.kind);
    }
}

/// A raw `#` has no place in a request. Caddy escapes it, for the question and for the app alike.
fn a_fragment_hides_nothing(lab: &Lab) {
    let cookie = &lab.guest().cookie;
    for path in ["/admin/x#/pub", "/admin#/pub", "/x#"] {
        let host = lab.host("closed");
        let ask = Ask::get(&host, path).header("Cookie", cookie);
        let answer = lab.send(&ask);
        if answer.status == 200 {
            let seen = &lab.app.seen(&host)[0];
            let escaped = path.replace('#', "%23");
            assert_eq!(seen.target, escaped, "{}: a path with one reading\nasked: {ask}", lab.kind);
            assert!(!path.starts_with("/admin/"), "{}: the rule was missed\nasked: {ask}", lab.kind);
        } else {
            assert!([400, 403].contains(&answer.status), "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        }
    }
}

fn odd_methods_open_nothing(lab: &Lab) {
    let host = lab.host("closed");
    for method in ["TRACE", "get", "PROPFIND", "FROB", "GET,POST", "PRI", "CONNECT"] {
        let target = if method == "CONNECT" { host.as_str() } else { "/" };
        let request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = client::exchange(lab.proxy(), request.as_bytes());
        assert!(
            answer.status == 0 || answer.status >= 400,
            "{}: {method} is answered\nasked: {request}\ncame back: {answer}",
            lab.kind
        );
        let seen = lab.app.seen(&host);
        assert!(seen.is_empty(), "{}: {method} reached the app: {seen:#?}", lab.kind);
    }
}
