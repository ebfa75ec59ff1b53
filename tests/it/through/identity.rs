//! The identity: exactly what Aegis gave, whatever the visitor claims to be, and no credential of Aegis.

use crate::lab::app::Seen;
use crate::lab::client::{self, Ask};
use crate::lab::proxy::Dialect;
use crate::lab::{Guest, IDENTITY, Lab};

through_every_proxy!(
    the_app_learns_who_it_is,
    nobody_is_empty_on_a_public_path,
    forged_headers_never_arrive,
    connection_cannot_erase_the_identity,
    credentials_of_aegis_stay_behind,
    in_a_second_line_they_stay_behind_too,
    the_apps_own_cookies_and_authorization_arrive,
    many_cookies_arrive,
    roles_decide_and_arrive,
);

/// What `tailscale serve` says, and an app may believe.
const TAILSCALE: [&str; 2] = ["Tailscale-User-Login", "Tailscale-User-Name"];

/// Every way to write an identity header that some app or gateway reads as the real one.
fn forgeries() -> Vec<(String, String)> {
    let mut forged = Vec::new();
    for name in IDENTITY.into_iter().chain(TAILSCALE) {
        for dash in ["-", "_", "."] {
            forged.push(name.replace('-', dash));
            forged.push(name.replace('-', dash).to_uppercase());
            forged.push(name.replacen('-', dash, 1));
            if let Some((start, end)) = name.rsplit_once('-') {
                forged.push(format!("{start}{dash}{end}"));
            }
        }
    }
    forged.sort();
    forged.dedup();
    forged.into_iter().map(|name| (name, "root".to_owned())).collect()
}

fn with_forgeries(mut ask: Ask) -> Ask {
    for (name, value) in forgeries() {
        ask = ask.header(&name, &value);
    }
    ask
}

/// The headers an app may read as an identity, by what a gateway would make of their names.
fn claims(seen: &Seen) -> Vec<(String, String)> {
    let claim = |name: &str| {
        let name = name.replace(['_', '.'], "-");
        name.starts_with("remote-") || name.starts_with("x-aegis-") || name.starts_with("tailscale-")
    };
    seen.headers.iter().filter(|(name, value)| claim(name) && !value.is_empty()).cloned().collect()
}

#[track_caller]
fn is_exactly(lab: &Lab, seen: &Seen, name: &str, groups: &str) {
    let email = format!("{name}@example.test");
    let expected = [
        ("remote-user", name),
        ("remote-email", &email),
        ("remote-name", name),
        ("remote-groups", groups),
        ("remote-auth-method", "password"),
    ];
    for (header, value) in expected {
        assert_eq!(seen.all(header), [value], "{}: `{header}` at the app: {seen:#?}", lab.kind);
    }
    let assertion = seen.one("x-aegis-assertion").unwrap_or_default();
    assert!(assertion.len() > 8 && assertion != "root", "{}: an assertion at the app: {seen:#?}", lab.kind);
    assert_eq!(claims(seen).len(), IDENTITY.len(), "{}: and no other claim: {seen:#?}", lab.kind);
}

#[track_caller]
fn is_nobody(lab: &Lab, seen: &Seen) {
    assert!(claims(seen).is_empty(), "{}: the app was told of somebody: {:#?}", lab.kind, claims(seen));
}

fn the_app_learns_who_it_is(lab: &Lab) {
    let host = lab.host("closed");
    let Guest { name, cookie } = lab.guest();
    let ask = Ask::navigation(&host, "/").header("Cookie", cookie);
    let answer = lab.send(&ask);
    assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
    is_exactly(lab, &lab.app.seen(&host)[0], name, "users");
}

fn nobody_is_empty_on_a_public_path(lab: &Lab) {
    for (app, path) in [("open", "/"), ("closed", "/pub/x"), ("welcome", "/")] {
        let host = lab.host(app);
        let ask = Ask::get(&host, path);
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        is_nobody(lab, &lab.app.seen(&host)[0]);
    }
}

pub(super) fn forged_headers_never_arrive(lab: &Lab) {
    let stranger = lab.host("closed");
    let Guest { name, cookie } = lab.guest();

    let ask = with_forgeries(Ask::get(&stranger, "/"));
    let answer = lab.send(&ask);
    assert_eq!(answer.status, 401, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
    lab.app_heard_nothing(&stranger, &ask, &answer);

    let host = lab.host("closed");
    let ask = with_forgeries(Ask::get(&host, "/")).header("Cookie", cookie);
    let answer = lab.send(&ask);
    assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
    is_exactly(lab, &lab.app.seen(&host)[0], name, "users");

    for (app, path) in [("open", "/"), ("closed", "/pub/x"), ("welcome", "/")] {
        let host = lab.host(app);
        let ask = with_forgeries(Ask::get(&host, path));
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        is_nobody(lab, &lab.app.seen(&host)[0]);
    }
}

fn connection_cannot_erase_the_identity(lab: &Lab) {
    let Guest { name, cookie } = lab.guest();
    for connection in [
        "Remote-User",
        "close, Remote-User, remote-groups",
        "X-Aegis-Assertion, X-Forwarded-For",
        "keep-alive, Cookie, Authorization",
    ] {
        let host = lab.host("closed");
        let ask = Ask::get(&host, "/").header("Connection", connection).header("Cookie", cookie);
        let answer = lab.send(&ask);
        // A refusal is as good as an identity; an app that is told nothing is not.
        if answer.status == 200 {
            is_exactly(lab, &lab.app.seen(&host)[0], name, "users");
        } else {
            assert!([400, 401].contains(&answer.status), "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
            lab.app_heard_nothing(&host, &ask, &answer);
        }
    }
    let host = lab.host("closed");
    let ask = Ask::websocket(&host, "/").header("Connection", "Remote-User").header("Cookie", cookie);
    let answer = client::Answer::read(&mut ask.open(lab.proxy()), "GET");
    // Envoy no longer takes it for an upgrade; the app is told who it is all the same.
    let status = if lab.kind.dialect() == Dialect::Envoy { 200 } else { 101 };
    assert_eq!(answer.status, status, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
    is_exactly(lab, &lab.app.seen(&host)[0], name, "users");
}

fn credentials_of_aegis_stay_behind(lab: &Lab) {
    let cookie = &lab.guest().cookie;
    let bearer = "aegis_pat_0123456789abcdef0123456789abcdef";
    let token = cookie.split_once('=').unwrap().1.to_owned();
    for (app, path) in [("closed", "/"), ("closed", "/pub/x"), ("open", "/"), ("welcome", "/")] {
        let host = lab.host(app);
        let ask = Ask::get(&host, path)
            .header("Cookie", &format!("theme=dark; {cookie}; __Host-aegis_session=abc; other=1"))
            .header("X_Aegis_Key", bearer)
            .header("X-Aegis-Proxy-Secret", "guess")
            .header("X.Aegis.Key", bearer);
        let answer = lab.send(&ask);
        // A wrong proxy secret from a trusted proxy may be refused; then nothing arrives at all.
        if answer.status == 403 {
            lab.app_heard_nothing(&host, &ask, &answer);
            continue;
        }
        assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        let seen = format!("{:?}", lab.app.seen(&host));
        for secret in [token.as_str(), bearer, "aegis_token", "aegis_session", "guess"] {
            assert!(!seen.contains(secret), "{}: `{secret}` reached the app: {seen}", lab.kind);
        }
        assert!(seen.contains("theme=dark; other=1"), "{}: the app's own cookies: {seen}", lab.kind);
    }
    // Ours and wrong is 401 where somebody must be signed in; on a public path nobody is asked.
    for header in ["X-Aegis-Key", "Authorization"] {
        let host = lab.host("open");
        let value = if header == "Authorization" { format!("Bearer {bearer}") } else { bearer.to_owned() };
        let ask = Ask::get(&host, "/").header(header, &value);
        let answer = lab.send(&ask);
        let seen = format!("{:?}", lab.app.seen(&host));
        assert!([200, 401].contains(&answer.status), "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        assert!(!seen.contains(bearer), "{}: `{header}` reached the app: {seen}", lab.kind);
    }
}

/// Some proxies join two lines of one header by a comma, before anybody is asked.
fn in_a_second_line_they_stay_behind_too(lab: &Lab) {
    let cookie = &lab.guest().cookie;
    let bearer = lab.token(&lab.person(&[]));
    for (app, path) in [("closed", "/pub/x"), ("open", "/"), ("welcome", "/")] {
        let host = lab.host(app);
        let get = || Ask::get(&host, path);
        for ask in [
            get().header("Cookie", "theme=dark").header("Cookie", cookie),
            get().header("Authorization", "Basic YTpi").header("Authorization", &format!("Bearer {bearer}")),
        ] {
            let answer = lab.send(&ask);
            assert!([200, 400].contains(&answer.status), "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        }
        let seen = format!("{:?}", lab.app.seen(&host));
        let token = cookie.split_once('=').unwrap().1;
        for secret in [token, bearer.as_str(), "aegis_token"] {
            assert!(!seen.contains(secret), "{}: `{secret}` reached the app at {path}: {seen}", lab.kind);
        }
    }
}

fn the_apps_own_cookies_and_authorization_arrive(lab: &Lab) {
    let cookie = &lab.guest().cookie;
    for (authorization, own) in
        [("Basic YW5uOnNlY3JldA==", true), ("Bearer the-apps-own-token", true), ("", false)]
    {
        let host = lab.host("closed");
        let mut ask = Ask::get(&host, "/").header("Cookie", &format!("a=1; {cookie}; b=\"2 3\""));
        if own {
            ask = ask.header("Authorization", authorization);
        }
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
        let seen = &lab.app.seen(&host)[0];
        assert_eq!(seen.one("cookie"), Some("a=1; b=\"2 3\""), "{}: {seen:#?}", lab.kind);
        assert_eq!(seen.one("authorization"), own.then_some(authorization), "{}: {seen:#?}", lab.kind);
    }
}

fn many_cookies_arrive(lab: &Lab) {
    let host = lab.host("closed");
    let cookie = &lab.guest().cookie;
    let big = "x".repeat(12_000);
    let ask = Ask::get(&host, "/").header("Cookie", &format!("big={big}; {cookie}"));
    let answer = lab.send(&ask);
    assert_eq!(answer.status, 200, "{}: 12 kB of cookies\ncame back: {answer}", lab.kind);
    let seen = &lab.app.seen(&host)[0];
    assert_eq!(seen.one("cookie").map(str::len), Some(big.len() + 4), "{}: the cookie is whole", lab.kind);
}

fn roles_decide_and_arrive(lab: &Lab) {
    let (with, without) = (lab.person(&["operator", "reader"]), lab.person(&["reader"]));
    let host = lab.host("operators");
    let ask = Ask::navigation(&host, "/").header("Cookie", &lab.sign_in(&without));
    let answer = lab.send(&ask);
    assert_eq!(answer.status, 403, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
    assert!(answer.header("location").is_none(), "{}: never a redirect: {answer}", lab.kind);
    assert!(answer.header("x-aegis-ref").is_some(), "{}: a refusal has its reference: {answer}", lab.kind);
    lab.app_heard_nothing(&host, &ask, &answer);

    let ask = Ask::navigation(&host, "/").header("Cookie", &lab.sign_in(&with));
    let answer = lab.send(&ask);
    assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
    let groups = lab.app.seen(&host)[0].one("remote-groups").unwrap_or_default().to_owned();
    let mut groups: Vec<&str> = groups.split(',').collect();
    groups.sort_unstable();
    assert_eq!(groups, ["operator", "reader", "users"], "{}: the groups at the app", lab.kind);
}
