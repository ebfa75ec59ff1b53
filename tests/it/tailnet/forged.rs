//! An address of the tailnet that somebody only claims, and a request that another site caused.

use super::{SETTINGS, becomes, check, is, laptop, ready};
use crate::lab::client::{Answer, Ask};
use crate::lab::proxy::Kind;
use crate::lab::tailnet::Runs;
use crate::lab::way::Way;
use crate::lab::{AEGIS_PORT, Lab, PORTAL};

#[test]
fn an_address_that_is_only_claimed_is_never_an_identity() {
    for kind in [Kind::Caddy, Kind::Nginx] {
        let lab = ready(kind, Runs::Node);
        let here = laptop(&lab).to_string();
        let mapped = format!("::ffff:{here}");
        lab.tailnet().join("phone");
        for claimed in [
            vec![here.clone()],
            vec![mapped.clone()],
            vec![format!("{here}, 203.0.113.7")],
            vec![format!("{here}, {here}")],
            vec![here.clone(), here.clone()],
        ] {
            // By loopback, and from another device, whose own address is what counts.
            for from in [None, Some("phone")] {
                let host = lab.host("closed");
                let mut ask = Ask::navigation(&host, "/");
                for value in &claimed {
                    ask = ask.header("X-Forwarded-For", value);
                }
                for name in ["X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP"] {
                    ask = ask.header(name, &here);
                }
                ask = ask.header("Tailscale-User-Login", "user-2@fake-control.example.net");
                let answer = from.map_or_else(|| lab.send(&ask), |node| lab.send_from(node, &ask));
                assert!(
                    (300..500).contains(&answer.status),
                    "{kind} from {from:?}\nasked: {ask}\ncame back: {answer}"
                );
                lab.app_heard_nothing(&host, &ask, &answer);
            }
        }
    }
}

#[test]
fn an_address_that_is_only_claimed_is_nobody_on_the_site_itself() {
    for kind in [Kind::Caddy, Kind::Nginx] {
        let lab = ready(kind, Runs::Node);
        let here = laptop(&lab).to_string();
        lab.tailnet().join("phone");
        for from in [None, Some("phone")] {
            for path in ["/login", "/account", "/logout"] {
                let ask = Ask::navigation(PORTAL, path)
                    .header("X-Forwarded-For", &here)
                    .header("X-Real-IP", &here)
                    .header("X-Forwarded-For", &format!("{here}, {here}"));
                let answer = from.map_or_else(|| lab.send(&ask), |node| lab.send_from(node, &ask));
                let is_sams = answer.body.contains("user-2@") || answer.header("location") == Some("/");
                assert!(!is_sams, "{kind} from {from:?}\nasked: {ask}\ncame back: {answer}");
            }
        }
    }
}

/// What Aegis answers somebody who speaks to it over TCP, as a proxy on loopback would.
fn over_tcp(lab: &Lab, lines: &[(&str, &str)]) -> Answer {
    let host = lab.host("closed");
    let mut ask = Ask::new("GET", "aegis", "/auth/forward-auth")
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Proto", "http")
        .header("X-Forwarded-Host", &host)
        .header("X-Forwarded-Uri", "/");
    for (name, value) in lines {
        ask = ask.header(name, value);
    }
    ask.send((lab.address, AEGIS_PORT).into())
}

#[test]
fn over_bare_loopback_nobody_is_known_by_a_daemon_without_a_tun_device() {
    let trusting: &'static str = Box::leak(
        format!("trusted_proxies = [\"127.0.0.0/8\"]\nproxy_secret = \"0123456789abcdef0123\"\n{SETTINGS}")
            .into(),
    );
    let lab = Lab::standing(Kind::Caddy, Way { settings: trusting, ..Way::TAILNET });
    lab.aegis().add_user("sam", &[]);
    let here = laptop(&lab).to_string();
    let secret = ("X-Aegis-Proxy-Secret", "0123456789abcdef0123");
    becomes("with the secret", || (over_tcp(&lab, &[("X-Forwarded-For", &here), secret]), is("sam")));
    for lines in [
        vec![("X-Forwarded-For", here.as_str())],
        vec![("X-Forwarded-For", here.as_str()), ("Sec-Fetch-Mode", "navigate")],
        // Nor where the left-most says it, behind whoever is really there.
        vec![("X-Forwarded-For", here.as_str()), ("X-Forwarded-For", "203.0.113.7"), secret],
    ] {
        let answer = over_tcp(&lab, &lines);
        assert!(matches!(answer.status, 401 | 302), "{lines:?}\ncame back: {answer}");
    }
    // Mapped into IPv6 it is the same address, told by somebody who may tell it.
    let mapped = format!("::ffff:{here}");
    let answer = over_tcp(&lab, &[("X-Forwarded-For", &mapped), secret]);
    assert!(is("sam")(&answer), "{answer}");
}

#[test]
fn funnel_is_the_internet_whatever_the_address() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let answer = check(&lab, laptop(&lab), &lab.host("closed"), &[("Tailscale-Funnel-Request", "?1")]);
    assert_eq!(answer.status, 401, "{answer}");
}

#[test]
fn another_site_reaches_as_far_as_a_link() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let cross = ("Sec-Fetch-Site", "cross-site");
    let navigate = ("Sec-Fetch-Mode", "navigate");
    for (lines, expected) in [
        (vec![cross, navigate, ("Sec-Fetch-Dest", "document")], 200),
        (vec![cross, navigate, ("Sec-Fetch-Dest", "iframe")], 302),
        (vec![cross, ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")], 401),
        (vec![cross, ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")], 401),
        (vec![("Origin", "https://evil.test"), ("Upgrade", "websocket"), ("Connection", "Upgrade")], 401),
        (vec![("Origin", "null")], 401),
        (vec![("Origin", "http://other.aegis.localhost:8080")], 200),
    ] {
        let host = lab.host("closed");
        let mut ask = Ask::get(&host, "/");
        for (name, value) in &lines {
            ask = ask.header(name, value);
        }
        let answer = lab.send_from("laptop", &ask);
        assert_eq!(answer.status, expected, "asked: {ask}\ncame back: {answer}");
        // Where the app says that its clients are no browsers.
        let native = lab.host("native");
        let answer = lab.send_from("laptop", &ask.host(&native));
        assert!(matches!(answer.status, 101 | 200), "asked: {lines:?} of {native}\ncame back: {answer}");
    }
    let host = lab.host("closed");
    let form = Ask::navigation(&host, "/").method("POST").body("a=b");
    let mine = form.clone();
    assert_eq!(lab.send_from("laptop", &mine).status, 200, "asked: {mine}");
    let theirs = Ask::new("POST", &host, "/")
        .header("Accept", "text/html")
        .header("Sec-Fetch-Site", "cross-site")
        .header("Sec-Fetch-Mode", "navigate")
        .header("Sec-Fetch-Dest", "document")
        .body("a=b");
    let answer = lab.send_from("laptop", &theirs);
    assert_eq!(answer.status, 303, "asked: {theirs}\ncame back: {answer}");
}

#[test]
fn a_preflight_is_nobodys_whatever_the_device() {
    let lab = ready(Kind::Caddy, Runs::Node);
    for (app, status) in [("closed", 401), ("native", 401), ("passing", 200)] {
        let host = lab.host(app);
        let ask = Ask::new("OPTIONS", &host, "/")
            .header("Origin", "http://other.aegis.localhost:8080")
            .header("Access-Control-Request-Method", "PUT")
            .header("Sec-Fetch-Site", "same-site")
            .header("Sec-Fetch-Mode", "cors");
        let answer = lab.send_from("laptop", &ask);
        assert_eq!(answer.status, status, "asked: {ask}\ncame back: {answer}");
        let told = lab.app.seen(&host).iter().any(|seen| seen.one("remote-user").is_some());
        assert!(!told, "asked: {ask}\nthe app was told of somebody");
    }
}
