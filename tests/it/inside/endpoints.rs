//! The check endpoints: their names, who may ask there, and who is sent away.

use aegis::forwarded::Dialect;

use super::house::{APPS, House, Memory, PORTAL};
use super::visit::{DIALECTS, Visit};
use crate::lab::client::Ask;

with_and_without_memory!(
    every_name_is_the_same_endpoint,
    any_method_and_any_query_of_the_check_itself,
    they_are_no_pages,
    a_proxy_that_is_not_known,
    a_proxy_by_its_secret,
    the_visitors_address_is_the_last_one_told,
);

/// The same visit under another name of the endpoint.
fn under(name: &str, dialect: Dialect, visit: &Visit) -> Ask {
    let own = match dialect {
        Dialect::Forward => "/auth/forward-auth",
        Dialect::Nginx => "/auth/nginx",
        Dialect::Envoy => "/auth/envoy",
    };
    visit.through(dialect).target(|target| target.replacen(own, name, 1))
}

fn every_name_is_the_same_endpoint(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    for (dialect, names) in [
        (
            Dialect::Forward,
            ["/auth/forward-auth", "/api/authz/forward-auth", "/api/auth/caddy", "/api/auth/traefik"]
                .as_slice(),
        ),
        (Dialect::Nginx, &["/auth/nginx", "/api/authz/auth-request", "/api/auth/nginx"]),
        (Dialect::Envoy, &["/auth/envoy", "/api/authz/ext-authz"]),
    ] {
        for name in names {
            for (visit, status) in [
                (Visit::fetch("closed.example.com", "/a"), 401),
                (Visit::fetch("closed.example.com", "/a").cookie(&user.token), 200),
                (Visit::fetch("closed.example.com", "/admin").cookie(&user.token), 403),
            ] {
                let ask = under(name, dialect, &visit);
                let answer = house.send(&ask);
                assert_eq!(answer.status, status, "asked: {ask}\ncame back: {answer}");
            }
        }
    }
    // Nearly such a name is a page that is not there.
    for path in [
        "/auth/forward-auth/",
        "/auth/forward-auth/x",
        "/AUTH/forward-auth",
        "/auth/nginx/",
        "/auth",
        "/auth/envoyx",
    ] {
        let ask = Visit::new("closed.example.com", "/").cookie(&user.token).through(Dialect::Forward);
        let ask = ask.target(|_| path.to_owned());
        assert_eq!(house.send(&ask).status, 404, "asked: {ask}");
    }
}

fn any_method_and_any_query_of_the_check_itself(memory: Memory) {
    let house = House::shared(memory);
    for method in ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND"] {
        for query in
            ["", "?rd=https://evil.example", "?x=/hooks", "?uri=/hooks&method=GET&host=open.example.com"]
        {
            for dialect in [Dialect::Forward, Dialect::Nginx] {
                let ask = Visit::fetch("closed.example.com", "/").through(dialect);
                let ask = ask.method(method).target(|target| format!("{target}{query}"));
                let answer = house.send(&ask);
                assert_eq!(answer.status, 401, "asked: {ask}\ncame back: {answer}");
            }
        }
    }
}

/// Asked under Aegis's own name they are not there, whatever else is said.
fn they_are_no_pages(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    for host in
        [PORTAL, "AUTH.example.com", "auth.example.com.", "auth.example.com:443", "auth.example.com:8443"]
    {
        for ask in [
            Visit::new("closed.example.com", "/").cookie(&user.token).through(Dialect::Forward).host(host),
            Visit::new("closed.example.com", "/").cookie(&user.token).through(Dialect::Nginx).host(host),
            Visit::new(host, "/a").cookie(&user.token).through(Dialect::Envoy),
            // What a visitor's own request for these paths looks like behind a proxy.
            Ask::navigation(host, "/auth/forward-auth"),
            Ask::navigation(host, "/auth/nginx"),
            Ask::navigation(host, "/auth/envoy/"),
            Ask::navigation(host, "/auth/envoy"),
            Ask::get(host, "/auth/forward-auth")
                .header("X-Forwarded-Host", PORTAL)
                .header("X-Forwarded-Proto", "https"),
        ] {
            let answer = house.send(&ask);
            assert_eq!(answer.status, 404, "asked: {ask}\ncame back: {answer}");
            assert!(answer.header("remote-user").is_none(), "asked: {ask}\ncame back: {answer}");
        }
    }
}

fn a_proxy_that_is_not_known(memory: Memory) {
    let house = House::open(memory, &format!("trusted_proxies = [\"10.9.8.7\"]\n{APPS}"));
    let user = house.sign_in(house.person(&[]).username.as_str());
    for dialect in DIALECTS {
        for visit in [
            Visit::new("closed.example.com", "/").cookie(&user.token),
            Visit::navigation("closed.example.com", "/"),
            Visit::new("open.example.com", "/"),
            Visit::new("closed.example.com", "/../").method("FOO"),
            Visit::new("open.example.com", "/").header("X-Aegis-Proxy-Secret", "0123456789abcdef"),
        ] {
            let answer = house.check(dialect, &visit);
            assert_eq!(answer.status, 403, "{dialect:?}: {visit:?}\ncame back: {answer}");
            let detail = answer.json()["detail"].clone();
            assert_eq!(
                detail, "Aegis does not know this proxy.",
                "{dialect:?}: {visit:?}\ncame back: {answer}"
            );
            assert!(answer.header("remote-user").is_none(), "{dialect:?}: {visit:?}\ncame back: {answer}");
        }
    }
    let answer = house.send(&Ask::navigation(PORTAL, "/login"));
    assert_eq!(answer.status, 200, "our own pages serve anybody: {answer}");
}

fn a_proxy_by_its_secret(memory: Memory) {
    let secret = "0123456789abcdefghij";
    let settings =
        |trusted: &str| format!("trusted_proxies = [{trusted}]\nproxy_secret_file = \"secret\"\n{APPS}");
    let open = |trusted: &str| House::open_with(memory, &settings(trusted), &[("secret", secret)]);
    for (trusted, without) in [("", 403), ("\"127.0.0.1\"", 200)] {
        let house = open(trusted);
        let user = house.sign_in(house.person(&[]).username.as_str());
        for dialect in DIALECTS {
            let visit = Visit::new("closed.example.com", "/").cookie(&user.token);
            let shown = |value: &str| visit.clone().header("X-Aegis-Proxy-Secret", value);
            for (name, visit, status) in [
                ("none", visit.clone(), without),
                ("the right one", shown(secret), 200),
                ("a wrong one", shown("0123456789abcdefghik"), 403),
                ("a part of it", shown(&secret[..19]), 403),
                ("it and more", shown(&format!("{secret}x")), 403),
                ("an empty one", shown(""), 403),
                ("the right one twice", shown(secret).header("X-Aegis-Proxy-Secret", secret), 403),
                ("a wrong one beside it", shown(secret).header("X-Aegis-Proxy-Secret", "x"), 403),
            ] {
                let answer = house.check(dialect, &visit);
                assert_eq!(
                    answer.status, status,
                    "{dialect:?}, trusted [{trusted}], {name}: {visit:?}\ncame back: {answer}"
                );
            }
            // Who shows the secret may ask under our own name, too: a proxy that sends it there.
            if dialect != Dialect::Envoy {
                let ask = shown(secret).through(dialect).host(PORTAL);
                assert_eq!(house.send(&ask).status, 200, "{dialect:?}: asked: {ask}");
                let ask = shown("wrong").through(dialect).host(PORTAL);
                assert_ne!(house.send(&ask).status, 200, "{dialect:?}: asked: {ask}");
            }
        }
    }
}

/// Seen at the limit of guesses from one address, which the visitor may not choose.
fn the_visitors_address_is_the_last_one_told(memory: Memory) {
    let house = House::open(memory, APPS);
    for number in 0..50 {
        let guess = super::visit::form("/login", &[("email", &format!("nobody{number}")), ("password", "x")])
            .header("X-Forwarded-For", &format!("203.0.113.{number}, 198.51.100.7"));
        assert_eq!(house.send(&guess).status, 422, "guess {number}");
    }
    let guess = |from: &str| {
        let form = super::visit::form("/login", &[("email", "another"), ("password", "x")]);
        house.send(&form.header("X-Forwarded-For", from)).status
    };
    assert_eq!(guess("198.51.100.7"), 429, "the address itself");
    assert_eq!(guess("192.0.2.1, 198.51.100.7"), 429, "with another before it");
    assert_eq!(guess("::ffff:198.51.100.7"), 429, "in its other spelling");
    assert_eq!(guess("198.51.100.7, 192.0.2.1"), 422, "another address");
}
