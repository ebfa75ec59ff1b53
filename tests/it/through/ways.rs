//! The ways in which a proxy and Aegis can stand to each other, beside the usual one: TLS before
//! them, TCP between them, an https site asked without TLS, a proxy that nobody named.

use std::fs;
use std::time::{Duration, Instant};

use super::{check_endpoints, forwarded, identity, shapes, sign_in};
use crate::lab::client::{Answer, Ask};
use crate::lab::curl::Curl;
use crate::lab::proxy::{Dialect, Kind};
use crate::lab::way::Way;
use crate::lab::{Lab, PASSWORD};

for_every_proxy!(
    std::convert::identity;
    the_files_work_over_tcp,
    the_whole_way_over_tls_and_http2,
    an_https_site_without_tls_opens_nothing,
    a_proxy_that_nobody_named_is_refused_and_the_log_says_how_to_name_it,
);

/// What the files offer for Aegis on another machine.
fn the_files_work_over_tcp(kind: Kind) {
    let lab = &Lab::standing(kind, Way::TCP);
    fs::remove_file(lab.folder.join("aegis.sock")).expect("the socket is there, and not needed");
    sign_in::the_whole_way(lab);
    identity::forged_headers_never_arrive(lab);
    forwarded::forged_forwarding_changes_nothing(lab);
    check_endpoints::the_portal_hides_them(lab);
    shapes::a_websocket_stays_open(lab);
}

fn the_whole_way_over_tls_and_http2(kind: Kind) {
    let lab = Lab::shared_tls(kind);
    let (name, host) = (lab.person(&[]), lab.host("closed"));
    let (visitor, public_url) = (Curl::new(lab, "visitor"), lab.way.public_url());
    let wish = format!("https://{host}/a?b=c");

    let answer = visitor.visit(&wish, &[]);
    let wanted = format!("{public_url}/login?rd=https%3A%2F%2F");
    let location = answer.header("location").unwrap_or_default().to_owned();
    assert!(answer.status == 302 && location.starts_with(&wanted), "{kind}: {wish}\ncame back: {answer}");
    let page = visitor.visit(&location, &[]);
    assert_eq!(page.status, 200, "{kind}: {location}\ncame back: {page}");
    assert!(page.header("strict-transport-security").is_some(), "{kind}: no HSTS behind https: {page}");

    let origin = format!("Origin: {public_url}");
    let (email, password) = (format!("email={name}"), format!("password={PASSWORD}"));
    let form = [
        "--header",
        &origin,
        "--header",
        "Sec-Fetch-Site: same-origin",
        "--data-urlencode",
        &email,
        "--data-urlencode",
        &password,
        "--data-urlencode",
        &format!("rd={wish}"),
    ];
    let answer = visitor.visit(&format!("{public_url}/login"), &form);
    assert_eq!(answer.status, 303, "{kind}: the form\ncame back: {answer}");
    assert_eq!(answer.header("location"), Some(wish.as_str()), "{kind}: {answer}");
    cookies_are_secure(lab, &answer);

    let forged = ["--header", "Remote_User: root", "--header", "Remote-Groups: admin"];
    let answer = visitor.visit(&wish, &forged);
    assert_eq!(answer.status, 200, "{kind}: {wish}, signed in\ncame back: {answer}");
    let seen = &lab.app.seen(&host)[0];
    for (header, expected) in [
        ("remote-user", Some(name.as_str())),
        ("remote-groups", Some("users")),
        ("remote_user", None),
        ("x-forwarded-proto", Some("https")),
        ("x-forwarded-host", Some(host.as_str())),
    ] {
        assert_eq!(seen.one(header), expected, "{kind}: `{header}` at the app: {seen:#?}");
    }
    let left = seen.one("cookie").unwrap_or_default();
    assert!(["", "aegis=none"].contains(&left), "{kind}: no cookie is left for the app: {seen:#?}");
    assert_eq!(seen.target, "/a?b=c", "{kind}: the app is asked what was asked");
}

/// The session stays on Aegis's own host, the token goes to the apps, and neither goes without TLS.
fn cookies_are_secure(lab: &Lab, answer: &Answer) {
    let mut names = Vec::new();
    for (_, cookie) in answer.headers.iter().filter(|(header, _)| header == "set-cookie") {
        let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
        for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(attributes.contains(&attribute), "{}: `{attribute}` of {cookie}", lab.kind);
        }
        let name = cookie.split('=').next().unwrap_or_default();
        let domain = attributes.iter().find(|attribute| attribute.starts_with("Domain="));
        let expected = (name == "aegis_token").then(|| format!("Domain={}", lab.way.domain));
        assert_eq!(domain.copied(), expected.as_deref(), "{}: where {cookie} goes", lab.kind);
        names.push(name);
    }
    names.sort_unstable();
    let expected = ["__Host-aegis_device", "__Host-aegis_session", "aegis_token"];
    assert_eq!(names, expected, "{}: the cookies of a sign-in: {answer}", lab.kind);
}

fn an_https_site_without_tls_opens_nothing(kind: Kind) {
    let lab = Lab::standing(kind, Way { tls: false, ..Way::TLS });
    let token = lab.token(&lab.person(&[]));
    for app in ["closed", "open", "welcome"] {
        let host = lab.host(app);
        for (name, ask, status) in [
            // Without TLS a browser sends no fetch metadata. One that does has come by TLS, and would go in a circle.
            ("a navigation", Ask::new("GET", &host, "/a?b=c").header("Accept", "text/html"), 302),
            ("a navigation that came by TLS", Ask::navigation(&host, "/a?b=c"), 403),
            ("a script", Ask::fetch(&host, "/a"), 403),
            ("a program", Ask::get(&host, "/a"), 403),
            ("a form", Ask::navigation(&host, "/a").method("POST").body("a=1"), 403),
            ("a WebSocket", Ask::websocket(&host, "/a"), 403),
        ] {
            for ask in [ask.clone(), ask.header("Cookie", &format!("aegis_token={token}"))] {
                let answer = lab.send(&ask);
                assert_eq!(answer.status, status, "{kind}, {name}\nasked: {ask}\ncame back: {answer}");
                lab.app_heard_nothing(&host, &ask, &answer);
                let says_why = answer.body.contains("the proxy tells Aegis that you did not");
                let goes_there = ["a navigation that came by TLS", "a form"].contains(&name);
                let is_shown = goes_there && kind.dialect() != Dialect::Nginx;
                assert_eq!(says_why, is_shown, "{kind}, {name}\nasked: {ask}\ncame back: {answer}");
                let https = (status == 302).then(|| format!("https://{host}/a?b=c"));
                let location = answer.header("location");
                assert_eq!(location, https.as_deref(), "{kind}, {name}\nasked: {ask}\ncame back: {answer}");
            }
        }
        // What the visitor says of it does not count.
        let ask =
            Ask::get(&host, "/").header("X-Forwarded-Proto", "https").header("Forwarded", "proto=https");
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 403, "{kind}\nasked: {ask}\ncame back: {answer}");
        lab.app_heard_nothing(&host, &ask, &answer);
    }
}

fn a_proxy_that_nobody_named_is_refused_and_the_log_says_how_to_name_it(kind: Kind) {
    let settings = "trusted_proxies = [\"127.0.0.77/32\"]";
    let lab = Lab::standing(kind, Way { settings, ..Way::TCP });
    for (app, path) in [("closed", "/"), ("closed", "/pub/x"), ("open", "/"), ("welcome", "/favicon.ico")] {
        let host = lab.host(app);
        for ask in [Ask::navigation(&host, path), Ask::get(&host, path)] {
            let answer = lab.send(&ask);
            assert_eq!(answer.status, 403, "{kind}\nasked: {ask}\ncame back: {answer}");
            lab.app_heard_nothing(&host, &ask, &answer);
        }
    }
    let log = lab.aegis().process.log();
    let says = "add \\\"127.0.0.1\\\" to trusted_proxies";
    assert!(log.contains(says), "{kind}: the log says what would allow the proxy, `{says}`:\n{log}");

    // And that is so, without a restart.
    let file = lab.folder.join("aegis.toml");
    let named = fs::read_to_string(&file).unwrap().replace("127.0.0.77/32", "127.0.0.1");
    fs::write(&file, named).unwrap();
    lab.aegis().process.reload();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let ask = Ask::get(&lab.host("open"), "/");
        let answer = lab.send(&ask);
        if answer.status == 200 {
            break;
        }
        let log = lab.aegis().process.log();
        assert!(Instant::now() < deadline, "{kind}: named, and still: {answer}\n{log}");
    }
}
