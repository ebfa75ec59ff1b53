//! The verdict table of the contract, in the three dialects, straight at the check endpoints.

use aegis::forwarded::Dialect;

use super::house::{House, Memory};
use super::visit::{DIALECTS, Visit};
use crate::lab::IDENTITY;
use crate::lab::client::Answer;

with_and_without_memory!(
    everybody_is_judged_by_the_table,
    a_stranger_is_answered_by_the_shape_of_the_request,
    a_refusal_says_which_one_and_nothing_else,
    a_forbidden_page_travels,
    challenges,
    preflights,
    plain_http_leads_to_https_and_nowhere_else,
);

/// Who comes.
#[derive(Clone, Copy, Debug)]
enum Who {
    Nobody,
    User,
    Admin,
}
use Who::{Admin, Nobody, User};

fn everybody_is_judged_by_the_table(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&["reader"]).username.as_str());
    let admin = house.sign_in(house.person(&["admin", "writer"]).username.as_str());
    // Host, path, method, who, and the status in forward-auth; 302 is 401 with `Location` at nginx.
    let rows: [(&str, &str, &str, Who, u16); 41] = [
        ("open", "/", "GET", Nobody, 200),
        ("open", "/", "POST", User, 200),
        ("welcome", "/", "GET", Nobody, 200),
        ("welcome", "/", "GET", User, 200),
        ("closed", "/", "GET", Nobody, 302),
        ("closed", "/", "HEAD", Nobody, 302),
        ("closed", "/", "POST", Nobody, 303),
        ("closed", "/", "PROPFIND", Nobody, 303),
        ("closed", "/", "GET", User, 200),
        ("closed", "/", "POST", User, 200),
        ("closed", "/", "DELETE", User, 200),
        ("closed", "/", "QUERY", User, 200),
        ("closed", "/hooks", "POST", Nobody, 200),
        ("closed", "/hooks/a", "POST", Nobody, 200),
        ("closed", "/hooksy", "POST", Nobody, 303),
        ("closed", "/admin", "GET", Nobody, 302),
        ("closed", "/admin", "GET", User, 403),
        ("closed", "/admin/", "GET", User, 403),
        ("closed", "/admin/x/y", "GET", User, 403),
        ("closed", "//admin//x", "GET", User, 403),
        ("closed", "/%61dmin/x", "GET", User, 403),
        ("closed", "/admin?x=/hooks", "GET", User, 403),
        ("closed", "/admin/x", "GET", Admin, 200),
        ("closed", "/administrator", "GET", User, 200),
        ("closed", "/write/x", "POST", User, 403),
        ("closed", "/write/x", "POST", Admin, 200),
        ("closed", "/write/x", "GET", User, 200),
        ("closed", "/never/x", "GET", Nobody, 403),
        ("closed", "/never/x", "GET", Admin, 403),
        ("a.b.closed", "/", "GET", User, 200),
        ("a.closed", "/admin", "GET", User, 403),
        ("CLOSED", "/", "GET", User, 200),
        ("closed", "/hooks/.well-known", "GET", Nobody, 200),
        ("shut", "/", "GET", Nobody, 403),
        ("shut", "/", "GET", Admin, 403),
        ("unheard-of", "/", "GET", Nobody, 403),
        ("unheard-of", "/", "GET", Admin, 403),
        ("closed.example.com.evil", "/", "GET", Admin, 403),
        ("xclosed", "/", "GET", Admin, 403),
        // Aegis itself is no app, whoever asks.
        ("auth", "/", "GET", Nobody, 403),
        ("auth", "/login", "GET", Admin, 403),
    ];
    for dialect in DIALECTS {
        for (host, path, method, who, status) in rows {
            if dialect == Dialect::Envoy && host == "auth" {
                continue; // there the check itself is asked at our own host: see `endpoints`
            }
            let mut visit = Visit::navigation(&format!("{host}.example.com"), path).method(method);
            match who {
                Nobody => {}
                User => visit = visit.cookie(&user.token),
                Admin => visit = visit.cookie(&admin.token),
            }
            let answer = house.check(dialect, &visit);
            let expected =
                if dialect == Dialect::Nginx && [302, 303].contains(&status) { 401 } else { status };
            assert_eq!(
                answer.status, expected,
                "{dialect:?}: {method} {host} {path} as {who:?}, memory {memory:?}\ncame back: {answer}"
            );
            assert_eq!(
                answer.headers.iter().any(|(name, _)| name == "location"),
                [302, 303].contains(&status),
                "{dialect:?}: a `Location` for {method} {host} {path} as {who:?}\ncame back: {answer}"
            );
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{dialect:?}: {answer}");
        }
    }
}

fn a_stranger_is_answered_by_the_shape_of_the_request(memory: Memory) {
    let house = House::shared(memory);
    let new = || Visit::new("closed.example.com", "/a?b=c&d");
    let accepts = |visit: Visit, types: &str| visit.header("Accept", types);
    let rows: [(&str, Visit, u16); 22] = [
        ("navigation", Visit::navigation("closed.example.com", "/a?b=c&d"), 302),
        ("fetch", Visit::fetch("closed.example.com", "/a?b=c&d"), 401),
        (
            "fetch that accepts HTML",
            accepts(Visit::fetch("closed.example.com", "/a?b=c&d"), "text/html"),
            401,
        ),
        ("program", new(), 401),
        ("program that accepts all", accepts(new(), "*/*"), 401),
        ("old browser", accepts(new(), "text/html,*/*;q=0.8"), 302),
        ("old browser, upper case", accepts(new(), "TEXT/HTML;q=1"), 302),
        ("old browser, HEAD", accepts(new(), "text/html").method("HEAD"), 302),
        ("old browser that posts", accepts(new(), "text/html").method("POST"), 401),
        ("old XHR", accepts(new(), "text/html").header("X-Requested-With", "XMLHttpRequest"), 401),
        ("old WebSocket", accepts(new(), "text/html").header("Upgrade", "websocket"), 401),
        ("WebSocket", new().header("Sec-Fetch-Mode", "websocket").header("Upgrade", "websocket"), 401),
        ("script", new().header("Sec-Fetch-Mode", "no-cors").header("Sec-Fetch-Dest", "script"), 401),
        ("image", new().header("Sec-Fetch-Mode", "no-cors").header("Sec-Fetch-Dest", "image"), 401),
        ("half of fetch metadata", accepts(new(), "text/html").header("Sec-Fetch-Site", "none"), 401),
        (
            "two modes",
            accepts(new(), "text/html").header("Sec-Fetch-Mode", "navigate").header("Sec-Fetch-Mode", "cors"),
            401,
        ),
        ("mode in upper case", accepts(new(), "text/html").header("Sec-Fetch-Mode", "NAVIGATE"), 401),
        ("nearly HTML", accepts(new(), "text/htmlx, application/text/html"), 401),
        ("form", Visit::navigation("closed.example.com", "/a?b=c&d").method("POST"), 303),
        ("iframe", Visit::navigation("closed.example.com", "/a?b=c&d").header("X-Frame", "1"), 302),
        ("health check of a cloud", new().header("User-Agent", "GoogleHC/1.0"), 401),
        ("health check of a cluster", new().header("User-Agent", "kube-probe/1.29"), 401),
    ];
    let way = "https://auth.example.com/login?rd=https%3A%2F%2Fclosed.example.com%2Fa%3Fb%3Dc%26d";
    for dialect in DIALECTS {
        for (name, visit, status) in &rows {
            let answer = house.check(dialect, visit);
            let nginx = dialect == Dialect::Nginx;
            let expected = if nginx { 401 } else { *status };
            assert_eq!(answer.status, expected, "{dialect:?}, {name}: {visit:?}\ncame back: {answer}");
            // At nginx the error page leads on; where it should not, there is nothing that leads.
            let leads = (*status != 401 || !nginx).then_some(way);
            assert_eq!(answer.header("location"), leads, "{dialect:?}, {name}\ncame back: {answer}");
            if answer.status == 401 {
                let challenge = answer.header("www-authenticate");
                assert_eq!(challenge, Some("Bearer realm=\"Aegis\""), "{dialect:?}, {name}: {answer}");
                let kind = answer.header("content-type");
                assert_eq!(kind, Some("application/problem+json"), "{dialect:?}, {name}: {answer}");
                assert_eq!(answer.json()["status"], 401, "{dialect:?}, {name}: {answer}");
            }
        }
    }
}

fn a_refusal_says_which_one_and_nothing_else(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    for dialect in DIALECTS {
        for (visit, status) in [
            (Visit::fetch("closed.example.com", "/"), 401),
            (Visit::fetch("closed.example.com", "/admin").cookie(&user.token), 403),
            (Visit::navigation("closed.example.com", "/admin").cookie(&user.token), 403),
            (Visit::navigation("unheard-of.example.com", "/"), 403),
            (Visit::fetch("unheard-of.example.com", "/").cookie(&user.token), 403),
            (Visit::fetch("shut.example.com", "/").cookie(&user.token), 403),
            (Visit::fetch("closed.example.com", "/").scheme("http").cookie(&user.token), 403),
        ] {
            let answer = house.check(dialect, &visit);
            assert_eq!(answer.status, status, "{dialect:?}: {visit:?}\ncame back: {answer}");
            has_no_identity(dialect, &visit, &answer);
            let reference = answer.header("x-aegis-ref").unwrap_or_default().to_owned();
            assert_eq!(reference.len(), 9, "{dialect:?}: {visit:?}: a reference\ncame back: {answer}");
            assert!(
                answer.body.contains(&reference),
                "{dialect:?}: {visit:?}: shown, too\ncame back: {answer}"
            );
            assert!(answer.cookies().is_empty(), "{dialect:?}: {visit:?}: no cookie: {answer}");
        }
    }
}

fn has_no_identity(dialect: Dialect, visit: &Visit, answer: &Answer) {
    for name in IDENTITY.into_iter().chain(["cookie", "authorization"]) {
        assert!(
            answer.headers.iter().all(|(own, _)| own != name),
            "{dialect:?}: {visit:?}: a refusal with `{name}`: {answer}"
        );
    }
}

/// What nginx and others pass to the visitor at the app's own host.
fn a_forbidden_page_travels(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    for visit in [
        Visit::navigation("closed.example.com", "/admin").cookie(&user.token),
        Visit::navigation("unheard-of.example.com", "/"),
    ] {
        let answer = house.check(Dialect::Forward, &visit);
        assert_eq!(answer.status, 403, "{visit:?}\ncame back: {answer}");
        assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{answer}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("'sha256-") && policy.contains("frame-ancestors 'none'"), "{answer}");
        assert!(answer.header("strict-transport-security").is_none(), "another host's matter: {answer}");
        for attribute in ["href=\"", "action=\"", "src=\""] {
            for link in answer.body.split(attribute).skip(1) {
                assert!(
                    link.starts_with("https://auth.example.com/") || link.starts_with("data:"),
                    "a link that leads elsewhere: {attribute}{link:.60}\nin: {answer}"
                );
            }
        }
        assert!(!answer.body.contains("<script"), "a script travels: {answer}");
    }
}

fn challenges(memory: Memory) {
    let house = House::shared(memory);
    let basic = Some("Basic realm=\"Aegis\", charset=\"UTF-8\"");
    let bearer = Some("Bearer realm=\"Aegis\"");
    for dialect in DIALECTS {
        for (name, visit, challenge) in [
            ("a program", Visit::new("basic.example.com", "/"), basic),
            ("a browser's script", Visit::fetch("basic.example.com", "/"), bearer),
            ("an app without the setting", Visit::new("closed.example.com", "/"), bearer),
        ] {
            let answer = house.check(dialect, &visit);
            assert_eq!(answer.status, 401, "{dialect:?}, {name}: {visit:?}\ncame back: {answer}");
            assert_eq!(
                answer.header("www-authenticate"),
                challenge,
                "{dialect:?}, {name}\ncame back: {answer}"
            );
        }
        // Account passwords are never taken as Basic.
        let name = house.person(&[]).username.to_string();
        let visit = Visit::new("basic.example.com", "/").header("Authorization", &super::visit::basic(&name));
        assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: a password as Basic: {visit:?}");
    }
}

fn preflights(memory: Memory) {
    let house = House::shared(memory);
    let preflight = |host: &str| {
        Visit::new(host, "/api")
            .method("OPTIONS")
            .header("Origin", "https://elsewhere.example")
            .header("Access-Control-Request-Method", "PUT")
            .header("Sec-Fetch-Mode", "cors")
    };
    for dialect in DIALECTS {
        for (name, visit, status) in [
            ("an app that refuses", preflight("closed.example.com"), 401),
            ("an app that lets pass", preflight("passing.example.com"), 200),
            ("an app that lets nothing pass", preflight("shut.example.com"), 403),
            ("no app", preflight("unheard-of.example.com"), 403),
            ("not OPTIONS", preflight("passing.example.com").method("PUT"), 401),
            (
                "OPTIONS of nobody's script",
                Visit::new("passing.example.com", "/api")
                    .method("OPTIONS")
                    .header("Origin", "https://a.example"),
                401,
            ),
            (
                "another header says OPTIONS",
                preflight("passing.example.com").method("POST").header("X-HTTP-Method-Override", "OPTIONS"),
                401,
            ),
        ] {
            let answer = house.check(dialect, &visit);
            assert_eq!(answer.status, status, "{dialect:?}, {name}: {visit:?}\ncame back: {answer}");
            if status == 200 {
                assert_eq!(answer.header("remote-user"), Some(""), "{dialect:?}: as nobody: {answer}");
            }
        }
    }
}

fn plain_http_leads_to_https_and_nowhere_else(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    let there = Some("https://closed.example.com/a?b=c");
    for dialect in DIALECTS {
        let nginx = dialect == Dialect::Nginx;
        for (name, visit, status, location) in [
            // Without TLS a browser sends no fetch metadata.
            (
                "navigation",
                Visit::new("closed.example.com", "/a?b=c").header("Accept", "text/html"),
                302,
                there,
            ),
            ("navigation that came by TLS", Visit::navigation("closed.example.com", "/a?b=c"), 403, None),
            ("form", Visit::navigation("closed.example.com", "/a?b=c").method("POST"), 403, None),
            ("fetch", Visit::fetch("closed.example.com", "/a?b=c"), 403, None),
            ("public", Visit::fetch("closed.example.com", "/hooks"), 403, None),
            ("public app", Visit::fetch("open.example.com", "/"), 403, None),
            ("icon", Visit::fetch("closed.example.com", "/favicon.ico"), 403, None),
        ] {
            for visit in [
                visit.clone().scheme("http"),
                visit.clone().scheme("ws"),
                visit.scheme("http").cookie(&user.token),
            ] {
                let answer = house.check(dialect, &visit);
                let expected = if nginx && status == 302 { 401 } else { status };
                assert_eq!(answer.status, expected, "{dialect:?}, {name}: {visit:?}\ncame back: {answer}");
                assert_eq!(answer.header("location"), location, "{dialect:?}, {name}\ncame back: {answer}");
            }
        }
        let visit = Visit::fetch("closed.example.com", "/").scheme("wss").cookie(&user.token);
        assert_eq!(house.status(dialect, &visit), 200, "{dialect:?}: wss counts as https: {visit:?}");
    }
}
