//! The shapes of a request: navigation, fetch, preflight, WebSocket, form, HEAD.

use std::io::{Read as _, Write as _};

use crate::lab::client::{Answer, Ask};
use crate::lab::proxy::Dialect;
use crate::lab::{Lab, PORTAL};

through_every_proxy!(
    a_stranger_is_answered_by_shape,
    a_guest_gets_through_by_every_shape,
    a_websocket_stays_open,
    a_preflight_passes_only_where_the_app_says_so,
    what_is_closed_to_everybody_stays_closed,
    icons_and_manifests_are_public,
);

fn a_stranger_is_answered_by_shape(lab: &Lab) {
    // On nginx a redirect is always 302: its module knows yes, 401 and 403 only.
    let form = if lab.kind.dialect() == Dialect::Nginx { 302 } else { 303 };
    let host = lab.host("closed");
    let form_post = Ask::navigation(&host, "/save").method("POST").body("a=1");
    for (name, ask, status) in [
        ("navigation", Ask::navigation(&host, "/a?b=c"), 302),
        ("navigation by HEAD", Ask::navigation(&host, "/a").method("HEAD"), 302),
        ("form", form_post, form),
        ("fetch", Ask::fetch(&host, "/a"), 401),
        ("program", Ask::get(&host, "/a"), 401),
        ("program that posts", Ask::get(&host, "/a").method("POST").body("{}"), 401),
        ("HEAD by a program", Ask::get(&host, "/a").method("HEAD"), 401),
        ("WebSocket", Ask::websocket(&host, "/socket"), 401),
        ("script", Ask::get(&host, "/a.js").header("Sec-Fetch-Mode", "no-cors"), 401),
        ("old XHR", Ask::get(&host, "/a").header("X-Requested-With", "XMLHttpRequest"), 401),
        ("DELETE", Ask::fetch(&host, "/a").method("DELETE"), 401),
    ] {
        let answer = lab.send(&ask);
        assert_eq!(answer.status, status, "{}, {name}\nasked: {ask}\ncame back: {answer}", lab.kind);
        lab.app_heard_nothing(&host, &ask, &answer);
        if status == 401 {
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer realm=\"Aegis\""),
                "{}, {name}: {answer}",
                lab.kind
            );
            let reference = answer.header("x-aegis-ref").unwrap_or_default();
            assert!(!reference.is_empty(), "{}, {name}: a refusal has its reference: {answer}", lab.kind);
        } else {
            leads_to_sign_in(lab, name, &answer);
        }
        for identity in crate::lab::IDENTITY {
            assert!(
                answer.header(identity).is_none(),
                "{}, {name}: a refusal with `{identity}`: {answer}",
                lab.kind
            );
        }
    }
}

fn leads_to_sign_in(lab: &Lab, name: &str, answer: &Answer) {
    let location = answer.header("location").unwrap_or_default();
    assert!(
        location.starts_with(&format!("http://{PORTAL}/login?")) && location.contains("rd=http"),
        "{}, {name}: where to sign in, and to come back\ncame back: {answer}",
        lab.kind
    );
}

fn a_guest_gets_through_by_every_shape(lab: &Lab) {
    let host = lab.host("closed");
    let cookie = &lab.guest().cookie;
    for (method, body) in [
        ("GET", None),
        ("HEAD", None),
        ("POST", Some("a=1")),
        ("PUT", Some("b")),
        ("DELETE", None),
        ("PATCH", Some("c")),
    ] {
        let mut ask = Ask::fetch(&host, "/x/y?q=1&q=2").method(method).header("Cookie", cookie);
        if let Some(body) = body {
            ask = ask.body(body);
        }
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        let seen = lab.app.seen(&host).pop().expect("the app was asked");
        assert_eq!(
            (seen.method.as_str(), seen.target.as_str()),
            (method, "/x/y?q=1&q=2"),
            "{}: {ask}",
            lab.kind
        );
        assert_eq!(
            seen.body,
            body.unwrap_or_default(),
            "{}: the body reaches the app whole: {ask}",
            lab.kind
        );
    }
}

pub(super) fn a_websocket_stays_open(lab: &Lab) {
    let host = lab.host("closed");
    let cookie = &lab.guest().cookie;
    let ask = Ask::websocket(&host, "/socket").header("Cookie", cookie);
    let mut stream = ask.open(lab.proxy());
    let answer = Answer::read(&mut stream, "GET");
    assert_eq!(answer.status, 101, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
    assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    for word in [b"there", b"again"] {
        stream.get_mut().write_all(word).unwrap();
        let mut echo = [0; 5];
        stream.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, word, "{}: what was sent comes back", lab.kind);
    }
}

fn a_preflight_passes_only_where_the_app_says_so(lab: &Lab) {
    for (app, status) in [("closed", 401), ("passing", 200)] {
        let host = lab.host(app);
        let ask = Ask::new("OPTIONS", &host, "/api")
            .header("Origin", "http://elsewhere.example")
            .header("Access-Control-Request-Method", "PUT")
            .header("Sec-Fetch-Mode", "cors");
        let answer = lab.send(&ask);
        assert_eq!(answer.status, status, "{}, {app}\nasked: {ask}\ncame back: {answer}", lab.kind);
        let times = lab.app.seen(&host).len();
        assert_eq!(times, usize::from(status == 200), "{}, {app}: how often the app was asked", lab.kind);
    }
}

fn what_is_closed_to_everybody_stays_closed(lab: &Lab) {
    let cookie = &lab.sign_in(&lab.person(&["admin", "operator"]));
    let unknown = format!("{}x", lab.host("closed").replace(".closed.", ".unheard-of."));
    let shut = lab.host("shut");
    for host in [shut.as_str(), unknown.trim_end_matches('x'), "elsewhere.example"] {
        for ask in [Ask::navigation(host, "/"), Ask::fetch(host, "/"), Ask::get(host, "/favicon.ico")] {
            let ask = ask.header("Cookie", cookie);
            let answer = lab.send(&ask);
            assert_eq!(answer.status, 403, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
            assert!(answer.header("location").is_none(), "{}: a 403 leads nowhere: {answer}", lab.kind);
            lab.app_heard_nothing(host, &ask, &answer);
        }
    }
}

fn icons_and_manifests_are_public(lab: &Lab) {
    let host = lab.host("closed");
    for path in ["/favicon.ico", "/robots.txt", "/manifest.json", "/apple-touch-icon-precomposed.png"] {
        let ask = Ask::get(&host, path).header("Sec-Fetch-Mode", "no-cors");
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
    }
    let ask = Ask::get(&host, "/favicon.ico").method("POST").body("x");
    let answer = lab.send(&ask);
    assert_eq!(answer.status, 401, "{}: only GET is public\nasked: {ask}\ncame back: {answer}", lab.kind);
}
