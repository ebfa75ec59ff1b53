//! What of a forwarded request can be read in two ways, or not at all: never a way in.

use aegis::forwarded::Dialect;

use super::house::{House, Memory};
use super::visit::{DIALECTS, Visit};
use crate::lab::client::{Ask, exchange};

with_and_without_memory!(
    a_port_never_lets_anybody_in,
    what_browsers_ask_without_cookies,
    two_readings_of_a_path,
    what_cannot_be_read_is_refused,
    a_header_of_the_family_that_is_missing_or_there_twice,
    headers_of_other_families_are_passed_over,
    what_the_visitor_may_not_say_in_connection,
);

fn a_port_never_lets_anybody_in(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    for dialect in DIALECTS {
        for (host, status) in [
            ("port.example.com:8443", 200),
            ("port.example.com", 403),
            ("port.example.com:443", 403),
            ("port.example.com:80", 403),
            ("closed.example.com:443", 200),
            ("closed.example.com.", 200),
            ("closed.example.com.:443", 200),
            ("closed.example.com:8443", 403),
            ("closed.example.com:80", 403),
        ] {
            let visit = Visit::new(host, "/").cookie(&user.token);
            let answer = house.check(dialect, &visit);
            assert_eq!(answer.status, status, "{dialect:?}: {visit:?}\ncame back: {answer}");
        }
    }
}

fn what_browsers_ask_without_cookies(memory: Memory) {
    let house = House::shared(memory);
    for dialect in DIALECTS {
        for path in [
            "/manifest.json",
            "/manifest.webmanifest",
            "/site.webmanifest",
            "/favicon.ico",
            "/apple-touch-icon.png",
            "/apple-touch-icon-120x120-precomposed.png",
            "/robots.txt",
            "/favicon.ico?v=2",
        ] {
            for (host, method, status) in [
                ("closed", "GET", 200),
                ("closed", "HEAD", 200),
                ("closed", "POST", 401),
                ("guarded", "GET", 401),
                ("shut", "GET", 403),
            ] {
                let visit = Visit::fetch(&format!("{host}.example.com"), path).method(method);
                let answer = house.check(dialect, &visit);
                assert_eq!(answer.status, status, "{dialect:?}: {visit:?}\ncame back: {answer}");
                if status == 200 {
                    assert_eq!(answer.header("remote-user"), Some(""), "{dialect:?}: as nobody: {answer}");
                }
            }
        }
        for path in
            ["/a/favicon.ico", "/favicon.ico/a", "/FAVICON.ICO", "/apple-touch-icon.png.html", "/robots.txtx"]
        {
            let visit = Visit::fetch("closed.example.com", path);
            assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: nearly such a file: {visit:?}");
        }
    }
}

/// Of two readings the stricter counts; where neither is, nobody gets in.
fn two_readings_of_a_path(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    for dialect in DIALECTS {
        for (path, nobody, somebody) in [
            ("/hooks;x=1", 401, 200),
            ("/admin;x=/hooks", 401, 403),
            ("/admin;.js", 401, 403),
            ("/admin;x=1/y", 401, 403),
            ("/a;b/admin", 401, 200),
            ("/hooks/;/admin", 200, 200),
        ] {
            let visit = Visit::new("closed.example.com", path);
            assert_eq!(house.status(dialect, &visit), nobody, "{dialect:?}: nobody at {visit:?}");
            let visit = visit.cookie(&user.token);
            assert_eq!(house.status(dialect, &visit), somebody, "{dialect:?}: somebody at {visit:?}");
        }
    }
}

fn what_cannot_be_read_is_refused(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&["admin"]).username.as_str());
    let targets = [
        "/hooks/../admin",
        "/hooks/%2e%2e/admin",
        "/hooks/.%2e/admin",
        "/hooks/..",
        "/./a",
        "/hooks/..%2fadmin",
        "/hooks%2fadmin",
        "/hooks%5cadmin",
        "/hooks\\admin",
        "/%2561dmin",
        "/hooks/%252e%252e/admin",
        "/%c0%ae%c0%ae/",
        "/%ff",
        "/%zz",
        "/%u002e",
        "/%",
        "/%0",
        "/a%00b",
        "/a%0ab",
        "/a%7fb",
        "/hooks/..;/admin",
        "/a#/hooks",
        "admin",
    ];
    let hosts = [
        "",
        "closed.example.com,open.example.com",
        "closed.example.com@open.example.com",
        "closed.example.com/hooks",
        "closed.example.com?",
        "closed.example.com#",
        "closed..example.com",
        ".closed.example.com",
        "closed.example.com..",
        "closed.example.com:",
        "closed.example.com:0x50",
        "closed.example.com:99999",
        "closed_example.com%00",
        "cl\u{f6}sed.example.com",
        "\u{ff43}losed.example.com",
        "[::1",
    ];
    let methods = ["get", "Get", "GET,POST", "PRI", "FOO", "G\u{e9}T", ""];
    let base = || Visit::new("closed.example.com", "/").cookie(&user.token);
    let mut visits = Vec::new();
    visits.extend(targets.iter().map(|target| Visit { target: (*target).to_owned(), ..base() }));
    visits.extend(hosts.iter().map(|host| Visit { host: (*host).to_owned(), ..base() }));
    visits.extend(methods.iter().map(|method| base().method(method)));
    visits.extend(["ftp", "HTTPS ", "https,http", "", "h2"].iter().map(|scheme| base().scheme(scheme)));
    for visit in &visits {
        for dialect in [Dialect::Forward, Dialect::Nginx] {
            if dialect == Dialect::Nginx && visit.host.contains(['/', '?']) {
                continue; // in a whole URL that is where the path or the query begins
            }
            let answer = house.check(dialect, visit);
            let expected = if dialect == Dialect::Nginx { 403 } else { 400 };
            assert_eq!(answer.status, expected, "{dialect:?}: {visit:?}\ncame back: {answer}");
            assert!(answer.header("remote-user").is_none(), "{dialect:?}: {visit:?}\ncame back: {answer}");
        }
        // Envoy refuses a `#` itself (CVE-2021-32779); of a start line no fragment is handed on to us.
        if visit.target.contains('#') {
            continue;
        }
        // In its start line and its `Host` the server itself refuses what no request may hold.
        let answer = house.send(&visit.through(Dialect::Envoy));
        assert!([400, 403, 404].contains(&answer.status), "Envoy: {visit:?}\ncame back: {answer}");
    }
}

fn a_header_of_the_family_that_is_missing_or_there_twice(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    let forward = [
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "closed.example.com"),
        ("X-Forwarded-Uri", "/"),
    ];
    let nginx = [("X-Original-Method", "GET"), ("X-Original-URL", "https://closed.example.com/")];
    for (path, family, refused) in
        [("/auth/forward-auth", forward.as_slice(), 400), ("/auth/nginx", nginx.as_slice(), 403)]
    {
        let ask = |headers: &[(&str, &str)]| {
            let ask = Ask::new("GET", "127.0.0.1", path).header("Cookie", &user.token);
            headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
        };
        assert_eq!(house.send(&ask(family)).status, 200, "the whole family at {path}");
        for (position, (name, value)) in family.iter().enumerate() {
            let mut without = family.to_vec();
            without.remove(position);
            let twice = [family, &[(*name, *value)]].concat();
            let mut empty = family.to_vec();
            empty[position].1 = "";
            let underscored = name.replace('-', "_");
            let dotted = name.replace('-', ".").to_lowercase();
            let half = name.replacen('-', "_", 1);
            let alias = |alias: &str| ask(family).header(alias, value);
            for (what, ask) in [
                ("missing", ask(&without)),
                ("twice", ask(&twice)),
                ("empty", ask(&empty)),
                ("with underscores, too", alias(&underscored)),
                ("with dots, too", alias(&dotted)),
                ("with one underscore, too", alias(&half)),
                ("only with underscores", ask(&without).header(&underscored, value)),
            ] {
                let answer = house.send(&ask);
                assert_eq!(answer.status, refused, "{name} {what}\nasked: {ask}\ncame back: {answer}");
            }
        }
        for (value, status) in [
            ("198.51.100.7", 200),
            ("10.0.0.9, 198.51.100.7", 200),
            ("::ffff:198.51.100.7", 200),
            ("2001:db8::1", 200),
            ("unknown", refused),
            ("198.51.100.7,", refused),
            ("198.51.100.7 evil", refused),
        ] {
            let ask = ask(family).header("X-Forwarded-For", value);
            let answer = house.send(&ask);
            assert_eq!(answer.status, status, "asked: {ask}\ncame back: {answer}");
        }
        // Only this header may have several lines: the last entry of the last line counts.
        let lines =
            ask(family).header("X-Forwarded-For", "garbage").header("X-Forwarded-For", "198.51.100.7");
        assert_eq!(house.send(&lines).status, 200, "asked: {lines}");
    }
}

/// One endpoint reads one family: whatever the visitor adds of another changes nothing.
fn headers_of_other_families_are_passed_over(memory: Memory) {
    let house = House::shared(memory);
    let foreign = [
        ("X-Forwarded-Uri", "/hooks"),
        ("X-Forwarded-Host", "open.example.com"),
        ("X-Forwarded-Method", "OPTIONS"),
        ("X-Original-URL", "https://open.example.com/"),
        ("X-Original-Method", "OPTIONS"),
        ("X-Rewrite-Url", "/hooks"),
        ("X-Forwarded-Prefix", "/hooks"),
        ("X-Forwarded-Port", "80"),
        ("X-Forwarded-Server", "open.example.com"),
        ("Forwarded", "host=open.example.com;proto=http"),
        ("X-Original-Uri", "/hooks"),
        ("X-Real-IP", "127.0.0.1"),
        ("Remote-User", "root"),
    ];
    for dialect in DIALECTS {
        let own: &[&str] = match dialect {
            Dialect::Forward => &["X-Forwarded-Uri", "X-Forwarded-Host", "X-Forwarded-Method"],
            Dialect::Nginx => &["X-Original-URL", "X-Original-Method"],
            Dialect::Envoy => &[],
        };
        for (name, value) in foreign.iter().filter(|(name, _)| !own.contains(name)) {
            let visit = Visit::fetch("closed.example.com", "/admin").header(name, value);
            let answer = house.check(dialect, &visit);
            assert_eq!(answer.status, 401, "{dialect:?}: {visit:?}\ncame back: {answer}");
        }
    }
}

fn what_the_visitor_may_not_say_in_connection(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    for (value, refused) in [
        ("close", false),
        ("keep-alive, Upgrade", false),
        ("TE", false),
        ("Remote-User", true),
        ("close, Remote-User", true),
        ("close,x-forwarded-uri", true),
        ("cookie", true),
        ("Remote_User", true),
        ("close;Remote-User", true),
    ] {
        for dialect in DIALECTS {
            let visit = Visit::new("closed.example.com", "/").cookie(&user.token).header("Connection", value);
            let expected = match (refused, dialect) {
                (false, _) => 200,
                (true, Dialect::Nginx) => 403,
                (true, _) => 400,
            };
            assert_eq!(house.status(dialect, &visit), expected, "{dialect:?}: {visit:?}");
        }
    }
}

/// Bytes that no header may hold never reach a rule.
#[test]
fn raw_bytes() {
    let house = House::shared(Memory::On);
    let user = house.sign_in(house.person(&[]).username.as_str());
    let request = |header: &[u8]| {
        let mut bytes = b"GET /auth/forward-auth HTTP/1.1\r\nHost: a\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: closed.example.com\r\nConnection: close\r\n".to_vec();
        bytes.extend_from_slice(format!("Cookie: {}\r\n", user.token).as_bytes());
        bytes.extend_from_slice(header);
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes
    };
    for (header, status) in [
        (b"X-Forwarded-Uri: /".as_slice(), 200),
        (b"X-Forwarded-Uri: /\xff", 400),
        (b"X-Forwarded-Uri: /\xc3\xa9", 200),
        (b"X-Forwarded-Uri: /a\x00b", 400),
        (b"X-Forwarded-Uri: /a\x7fb", 400),
        (b"X-Forwarded-Uri: /a\tb", 400),
        (b"X-Forwarded-Uri: /a?b\tc", 400),
        (b"X-Forwarded-Uri : /", 400),
        (b"X-Forwarded-Uri: /\r\n folded", 400),
        (b"X-Forwarded-Uri: /\nX-Forwarded-Uri: /hooks", 400),
    ] {
        let bytes = request(header);
        let answer = exchange(house.at, &bytes);
        assert_eq!(
            answer.status,
            status,
            "asked: {}\ncame back: {answer}",
            String::from_utf8_lossy(&bytes).escape_debug()
        );
    }
}
