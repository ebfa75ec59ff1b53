//! What was asked for: said by the proxy, never by the visitor.

use crate::lab::Lab;
use crate::lab::app::Seen;
use crate::lab::client::{self, Ask};
use crate::lab::proxy::{Dialect, Kind};

through_every_proxy!(
    forged_forwarding_changes_nothing,
    forged_forwarding_does_not_reach_the_app,
    another_port_opens_nothing,
    another_host_in_the_start_line_opens_nothing,
    two_hosts_or_none_open_nothing,
    the_query_opens_nothing,
);

/// Both families of forwarded headers and their relatives, all pointing at a public place.
fn forged(lab: &Lab) -> Vec<(&'static str, String)> {
    let open = lab.host("open");
    vec![
        ("X-Forwarded-Uri", "/pub/x".to_owned()),
        ("X-Forwarded-Method", "OPTIONS".to_owned()),
        ("X-Forwarded-Host", open.clone()),
        ("X-Forwarded-Proto", "https".to_owned()),
        ("X-Forwarded-Port", "443".to_owned()),
        ("X-Forwarded-Prefix", "/pub".to_owned()),
        ("X-Forwarded-For", "192.0.2.66".to_owned()),
        ("X-Forwarded-User", "root".to_owned()),
        ("X-Original-URL", format!("http://{open}/pub/x")),
        ("X-Original-URI", "/pub/x".to_owned()),
        ("X-Original-Host", open.clone()),
        ("X-Original-Method", "OPTIONS".to_owned()),
        ("X-Rewrite-URL", "/pub/x".to_owned()),
        ("Forwarded", format!("for=192.0.2.66;host=\"{open}\";proto=https")),
    ]
}

pub(super) fn forged_forwarding_changes_nothing(lab: &Lab) {
    let host = lab.host("closed");
    let mut all = Ask::get(&host, "/");
    let mut asks = Vec::new();
    for (name, value) in forged(lab) {
        all = all.header(name, &value);
        asks.push(Ask::get(&host, "/").header(name, &value));
        asks.push(Ask::get(&host, "/").header(&name.replace('-', "_"), &value));
    }
    asks.push(all);
    for ask in asks {
        let answer = lab.send(&ask);
        assert!([400, 401, 403].contains(&answer.status), "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        lab.app_heard_nothing(&host, &ask, &answer);
    }
}

fn forged_forwarding_does_not_reach_the_app(lab: &Lab) {
    let cookie = &lab.guest().cookie;
    for (name, _) in forged(lab) {
        for spelling in
            [name.to_owned(), name.replace('-', "_"), name.replace('-', "."), name.replacen('-', "_", 1)]
        {
            let host = lab.host("closed");
            let ask = Ask::get(&host, "/real?q=1").header("Cookie", cookie).header(&spelling, "forged");
            let answer = lab.send(&ask);
            // A second spelling of a forwarded header may be refused; then nothing arrives at all.
            if answer.status == 400 && spelling != name {
                lab.app_heard_nothing(&host, &ask, &answer);
                continue;
            }
            assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
            let seen = &lab.app.seen(&host)[0];
            assert_eq!(seen.target, "/real?q=1", "{}: {seen:#?}", lab.kind);
            let arrived = seen.headers.iter().find(|(_, value)| value.contains("forged"));
            assert!(arrived.is_none(), "{}: {arrived:?} reached the app\nasked: {ask}", lab.kind);
            assert_eq!(seen.one("x-forwarded-proto"), Some("http"), "{}: {seen:#?}", lab.kind);
            assert_eq!(seen.one("x-forwarded-host"), Some(host.as_str()), "{}: {seen:#?}", lab.kind);
            assert_eq!(seen.one("x-forwarded-for"), Some("127.0.0.1"), "{}: {seen:#?}", lab.kind);
        }
    }
}

fn another_port_opens_nothing(lab: &Lab) {
    let name = lab.host("closed");
    let name = name.split(':').next().unwrap();
    let cookie = &lab.guest().cookie;
    for port in [":443", ":80", ":8443", ":0", ":99999", ":x", ":", ""] {
        let host = format!("{name}{port}");
        let stranger = Ask::get(&host, "/");
        let answer = lab.send(&stranger);
        assert!(
            [400, 401, 403].contains(&answer.status),
            "{}\nasked: {stranger}\ncame back: {answer}",
            lab.kind
        );
        lab.app_heard_nothing(&host, &stranger, &answer);
        // nginx says the port it listens on, whatever the visitor wrote; Caddy passes the claim on.
        if lab.kind.dialect() != Dialect::Nginx {
            let guest = stranger.header("Cookie", cookie);
            let answer = lab.send(&guest);
            assert!([400, 403].contains(&answer.status), "{}\nasked: {guest}\ncame back: {answer}", lab.kind);
            lab.app_heard_nothing(&host, &guest, &answer);
        }
    }
}

fn another_host_in_the_start_line_opens_nothing(lab: &Lab) {
    let (closed, open) = (lab.host("closed"), lab.host("open"));
    for (target, host) in [(&closed, &open), (&open, &closed)] {
        let ask = Ask::get(host, &format!("http://{target}/secret"));
        let answer = lab.send(&ask);
        // RFC 9112, section 3.2.2: the start line counts. Then what it names is what is judged and asked.
        let seen = lab.app.seen(&closed);
        assert!(seen.is_empty(), "{}\nasked: {ask}\ncame back: {answer}\nthe app saw: {seen:#?}", lab.kind);
        if target == &closed {
            assert!(
                [400, 401, 403].contains(&answer.status),
                "{}\nasked: {ask}\ncame back: {answer}",
                lab.kind
            );
        }
    }
    let ask = Ask::get(&open, "http://elsewhere.example/");
    let answer = lab.send(&ask);
    assert!([400, 403].contains(&answer.status), "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
}

fn two_hosts_or_none_open_nothing(lab: &Lab) {
    let (closed, open) = (lab.host("closed"), lab.host("open"));
    for request in [
        format!("GET / HTTP/1.1\r\nHost: {open}\r\nHost: {closed}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {open},{closed}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {open}@{closed}\r\n\r\n"),
        "GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
    ] {
        let answer = client::exchange(lab.proxy(), request.as_bytes());
        // nginx reads a Host up to its first colon; then that one is judged and asked, and no other. Envoy
        // wants HTTP/1.1 (426). Apache takes its first site for who names none: Aegis's own.
        let both = request.contains(&open) && request.contains(&closed);
        let first_only = lab.kind.dialect() == Dialect::Nginx && both && answer.status == 200;
        let own_site = lab.kind == Kind::Apache && answer.status == 303;
        assert!(
            own_site || first_only || [400, 401, 403, 426].contains(&answer.status),
            "{}\nasked: {request}\ncame back: {answer}",
            lab.kind
        );
        let reached = |seen: &Seen| seen.one("host").is_none_or(|host| host.contains(&closed));
        let seen: Vec<Seen> = lab.app.everything().into_iter().filter(reached).collect();
        assert!(
            seen.is_empty(),
            "{}: the app was reached\nasked: {request}\ncame back: {answer}\nthe app saw: {seen:#?}",
            lab.kind
        );
    }
}

fn the_query_opens_nothing(lab: &Lab) {
    let host = lab.host("closed");
    for query in [
        "rd=http://elsewhere.example/",
        "auth=basic",
        "x=/pub/",
        "token=abc",
        "X-Forwarded-Uri=/pub",
        "/../pub",
    ] {
        let ask = Ask::get(&host, &format!("/a?{query}"));
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 401, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        lab.app_heard_nothing(&host, &ask, &answer);
    }
}
