mod believed;
mod properties;

use std::sync::LazyLock;

use http::{HeaderName, HeaderValue};

use super::*;
use crate::secret::Secret;

const CLIENT: &str = "198.51.100.7";
const SECRET: &str = "0123456789abcdef0123";

type Lines = Vec<(String, String)>;

/// What each proxy sends for `GET https://app.example.com/x?y=1` from `CLIENT`.
fn ordinary(dialect: Dialect) -> Lines {
    let lines: &[(&str, &str)] = match dialect {
        Dialect::Forward => &[
            ("host", "aegis"),
            ("x-forwarded-for", CLIENT),
            ("x-forwarded-host", "app.example.com"),
            ("x-forwarded-method", "GET"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-uri", "/x?y=1"),
        ],
        Dialect::Nginx => &[
            ("host", "aegis"),
            ("x-forwarded-for", CLIENT),
            ("x-original-method", "GET"),
            ("x-original-url", "https://app.example.com/x?y=1"),
        ],
        Dialect::Envoy => {
            &[("host", "app.example.com"), ("x-forwarded-for", CLIENT), ("x-forwarded-proto", "https")]
        }
    };
    lines.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// `lines` with `name` set to these values; with none of them, without `name`.
fn with(mut lines: Lines, name: &str, values: &[&str]) -> Lines {
    lines.retain(|(there, _)| there != name);
    lines.extend(values.iter().map(|value| (name.to_owned(), (*value).to_owned())));
    lines
}

fn map(lines: &[(String, String)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
}

fn loopback() -> Peer {
    Peer::Tcp("127.0.0.1".parse().unwrap())
}

fn proxies() -> Proxies {
    let trusted = NetworkList::parse(["127.0.0.1", "::1"]).unwrap();
    let hops = NetworkList::parse(["10.0.0.0/8"]).unwrap();
    Proxies::new(trusted, hops, Some(Secret::new(SECRET)))
}

const ENVOY_URI: &str = "/auth/envoy/x?y=1";

/// What is read from a believed peer, made independent of the headers.
fn read(dialect: Dialect, lines: &[(String, String)]) -> Result<Asked<'static>, Unread> {
    read_from(loopback(), dialect, lines)
}

fn read_from(peer: Peer, dialect: Dialect, lines: &[(String, String)]) -> Result<Asked<'static>, Unread> {
    read_whole(peer, dialect, &Method::GET, ENVOY_URI, lines)
}

fn read_whole(
    peer: Peer,
    dialect: Dialect,
    method: &Method,
    uri: &str,
    lines: &[(String, String)],
) -> Result<Asked<'static>, Unread> {
    let (headers, uri) = (map(lines), uri.parse().unwrap());
    let asked = Asked::read(dialect, peer, method, &uri, &headers, &proxies())?;
    Ok(Asked {
        host: Cow::Owned(asked.host.into_owned()),
        path: asked.path.into_owned(),
        target: Cow::Owned(asked.target.into_owned()),
        // Judged in its own tests.
        reach: Reach::Own,
        credentials: no_credentials(),
        ..asked
    })
}

fn no_credentials() -> CredentialLines<'static> {
    static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
    CredentialLines::of(&NONE, &Heard::default())
}

#[test]
fn every_line_that_may_show_who_somebody_is_is_found() {
    for dialect in DIALECTS {
        for (name, values) in [
            ("cookie", &["a=b"][..]),
            ("cookie", &["a=b", "", "aegis_token=x"]),
            ("authorization", &["Basic eDp5"]),
            ("authorization", &["Bearer one", "Bearer two"]),
            ("x-aegis-key", &["aegis_pat_x"]),
            ("x-aegis-key", &["one", "two"]),
        ] {
            let headers = map(&with(ordinary(dialect), name, values));
            let uri = ENVOY_URI.parse().unwrap();
            let asked = Asked::read(dialect, loopback(), &Method::GET, &uri, &headers, &proxies()).unwrap();
            let shown = asked.credentials;
            let texts = |lines: Vec<&HeaderValue>| -> Vec<String> {
                lines.iter().map(|line| line.to_str().unwrap().to_owned()).collect()
            };
            let found = match name {
                "cookie" => texts(shown.cookies().collect()),
                "authorization" => texts(shown.authorizations().collect()),
                _ => match shown.key {
                    Slot::Absent => Vec::new(),
                    Slot::Once(line) => texts(vec![line]),
                    Slot::Often => values.iter().map(ToString::to_string).collect(),
                },
            };
            assert_eq!(found, values, "{dialect:?}, {name}: {shown:?}");
        }
    }
}

const DIALECTS: [Dialect; 3] = [Dialect::Forward, Dialect::Nginx, Dialect::Envoy];

#[test]
fn each_dialect_says_the_same_in_its_own_words() {
    for dialect in DIALECTS {
        let expected = Asked {
            scheme: Scheme::Https,
            host: "app.example.com".into(),
            port: None,
            path: CanonicalPath::parse("/x").unwrap(),
            target: "/x?y=1".into(),
            method: Method::GET,
            client: Some(CLIENT.parse().unwrap()),
            navigation: false,
            preflight: false,
            vouched: Vouched::ByLoopback,
            reach: Reach::Own,
            funnel: false,
            browser: false,
            credentials: no_credentials(),
        };
        assert_eq!(read(dialect, &ordinary(dialect)), Ok(expected), "{dialect:?}");
    }
}

#[test]
fn every_header_of_the_family_stands_once_and_says_something() {
    for dialect in DIALECTS {
        for (name, value) in ordinary(dialect) {
            if dialect != Dialect::Envoy && name == "host" {
                continue;
            }
            let lines = ordinary(dialect);
            let empty = read(dialect, &with(lines.clone(), &name, &[""]));
            assert!(matches!(empty, Err(Unread::Malformed(_))), "{dialect:?}, empty {name}: {empty:?}");
            let absent = read(dialect, &with(lines.clone(), &name, &[]));
            let twice = read(dialect, &with(lines.clone(), &name, &[&value, &value]));
            if name == "x-forwarded-for" {
                assert_eq!(absent.unwrap().client, None, "{dialect:?}, no {name}");
                assert!(twice.is_ok(), "{dialect:?}, twice {name}: {twice:?}");
            } else {
                assert!(matches!(absent, Err(Unread::Malformed(_))), "{dialect:?}, no {name}: {absent:?}");
                assert!(matches!(twice, Err(Unread::Malformed(_))), "{dialect:?}, twice {name}: {twice:?}");
            }
            if name == "host" {
                continue;
            }
            for alias in [name.replace('-', "_"), name.replace('-', "."), name.replacen('-', "_", 1)] {
                let aliased = read(dialect, &with(lines.clone(), &alias, &[&value]));
                assert!(matches!(aliased, Err(Unread::Malformed(_))), "{dialect:?}, {alias}: {aliased:?}");
            }
        }
    }
}

#[test]
fn what_cannot_be_understood_is_malformed() {
    let forward = [
        (
            "x-forwarded-uri",
            vec!["admin", "*", "https://app.example.com/", "/a#b", "/pub/../admin", "/%2fadmin", "/%00"],
        ),
        (
            "x-forwarded-host",
            vec!["a,b", "app.test,two.test", "a@b", "a b", "a:b", "\u{ff41}dmin.test", "a/b", "a\tb"],
        ),
        ("x-forwarded-proto", vec!["ftp", "https,http", "HTTPS", "https://"]),
        ("x-forwarded-method", vec!["get", "Get", "FOO", "GET,POST", "GET ", "PRI", "VERSION-CONTROL"]),
        (
            "x-forwarded-for",
            vec!["garbage", "unknown", "1.2.3.4:80", "1.2.3.4,", ",", "fe80::1%eth0", "[::1]"],
        ),
        (
            "connection",
            vec![
                "Remote-User",
                "close, x-forwarded-uri",
                "keep-alive,REMOTE-GROUPS",
                "cookie",
                "x-aegis-assertion",
            ],
        ),
    ];
    for (name, values) in forward {
        for value in values {
            let read = read(Dialect::Forward, &with(ordinary(Dialect::Forward), name, &[value]));
            assert!(matches!(read, Err(Unread::Malformed(_))), "{name}: {value} was read as {read:?}");
        }
    }
    for value in [
        "/x",
        "app.example.com/x",
        "ftp://app.example.com/",
        "https://a@app.example.com/",
        "https://",
        "https:///x",
        "https://a,b/",
        "https://app.example.com/../x",
        "https://app.example.com/%2e%2e/x",
        "https://app.example.com#",
    ] {
        let read = read(Dialect::Nginx, &with(ordinary(Dialect::Nginx), "x-original-url", &[value]));
        assert!(matches!(read, Err(Unread::Malformed(_))), "{value} was read as {read:?}");
    }
    for uri in [
        "/",
        "/auth/envoyx/y",
        "/auth/envoy",
        "/auth/envoy?x",
        "/auth/envoy/../verify",
        "/auth/envoy/%2e%2e/x",
        "/auth/nginx/x",
        "http://app.example.com/auth/envoy/x",
        "*",
    ] {
        let read = read_whole(loopback(), Dialect::Envoy, &Method::GET, uri, &ordinary(Dialect::Envoy));
        assert!(matches!(read, Err(Unread::Malformed(_))), "{uri} was read as {read:?}");
    }
    let unknown = Method::from_bytes(b"FOO").unwrap();
    let read = read_whole(loopback(), Dialect::Envoy, &unknown, ENVOY_URI, &ordinary(Dialect::Envoy));
    assert!(matches!(read, Err(Unread::Malformed(_))), "{read:?}");
}

#[test]
fn a_malformed_request_says_which_header_and_why() {
    let lines = with(ordinary(Dialect::Forward), "x-forwarded-uri", &["/pub/../admin"]);
    let why = read(Dialect::Forward, &lines).unwrap_err();
    assert_eq!(why.to_string(), "X-Forwarded-Uri: the path has more than one reading");
}

#[test]
fn values_are_read_in_their_one_spelling() {
    let lines = with(ordinary(Dialect::Forward), "x-forwarded-host", &["APP.Example.com.:8443"]);
    let lines = with(lines, "x-forwarded-uri", &["//a%2Db?c=../%2f"]);
    let lines = with(lines, "x-forwarded-proto", &["ws"]);
    let lines = with(lines, "x-forwarded-method", &["PROPFIND"]);
    let asked = read(Dialect::Forward, &lines).unwrap();
    assert_eq!((&*asked.host, asked.port), ("app.example.com", Some(8443)));
    assert_eq!((asked.path.as_str(), &*asked.target), ("/a-b", "//a%2Db?c=../%2f"));
    assert_eq!((asked.scheme, asked.method.as_str()), (Scheme::Http, "PROPFIND"));

    let lines = with(ordinary(Dialect::Nginx), "x-original-url", &["wss://app.example.com?z"]);
    let asked = read(Dialect::Nginx, &lines).unwrap();
    assert_eq!((asked.scheme, asked.path.as_str(), &*asked.target), (Scheme::Https, "/", "/?z"));
    assert_eq!(asked.return_url(), "https://app.example.com/?z");

    for uri in ["/auth/envoy//a?b", "/api/authz/ext-authz//a?b"] {
        let asked =
            read_whole(loopback(), Dialect::Envoy, &Method::DELETE, uri, &ordinary(Dialect::Envoy)).unwrap();
        assert_eq!(
            (asked.path.as_str(), &*asked.target, asked.method),
            ("/a", "//a?b", Method::DELETE),
            "{uri}"
        );
    }
}

#[test]
fn a_navigation_is_known_by_what_browsers_say() {
    let html = ("accept", "application/xhtml+xml, Text/HTML;q=0.9, */*;q=0.8");
    for (method, added, navigation, browser) in [
        ("GET", vec![], false, false),
        ("GET", vec![html], true, false),
        ("HEAD", vec![html], true, false),
        ("POST", vec![html], false, false),
        ("GET", vec![("accept", "*/*")], false, false),
        ("GET", vec![("accept", "application/json"), ("accept", "text/html")], true, false),
        ("GET", vec![("accept", "text/htmlx, x-text/html, text/*")], false, false),
        ("GET", vec![html, ("x-requested-with", "XMLHttpRequest")], false, false),
        ("GET", vec![html, ("upgrade", "websocket")], false, false),
        ("GET", vec![("sec-fetch-mode", "navigate")], true, true),
        ("POST", vec![("sec-fetch-mode", "navigate")], true, true),
        ("GET", vec![("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")], true, true),
        ("GET", vec![html, ("sec-fetch-mode", "cors")], false, true),
        ("GET", vec![html, ("sec-fetch-mode", "websocket")], false, true),
        ("GET", vec![html, ("sec-fetch-site", "same-origin")], false, true),
        ("GET", vec![html, ("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "navigate")], false, true),
    ] {
        for (dialect, name) in
            [(Dialect::Forward, "x-forwarded-method"), (Dialect::Nginx, "x-original-method")]
        {
            let mut lines = with(ordinary(dialect), name, &[method]);
            lines.extend(added.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
            let asked = read(dialect, &lines).unwrap();
            assert_eq!(
                (asked.navigation, asked.browser),
                (navigation, browser),
                "{dialect:?} {method} {added:?}"
            );
        }
    }
}

#[test]
fn a_preflight_is_known_by_three_things() {
    let origin = ("origin", "https://other.example.com");
    let wants = ("access-control-request-method", "PUT");
    for (method, added, preflight) in [
        ("OPTIONS", vec![origin, wants], true),
        ("OPTIONS", vec![origin], false),
        ("OPTIONS", vec![wants], false),
        ("GET", vec![origin, wants], false),
    ] {
        let mut lines = with(ordinary(Dialect::Forward), "x-forwarded-method", &[method]);
        lines.extend(added.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(read(Dialect::Forward, &lines).unwrap().preflight, preflight, "{method} {added:?}");
    }
}

#[test]
fn what_connection_may_name_is_let_through() {
    for value in
        ["close", "Keep-Alive", "keep-alive, Upgrade", "Upgrade, HTTP2-Settings", "TE", "", "close,,te"]
    {
        let read = read(Dialect::Forward, &with(ordinary(Dialect::Forward), "connection", &[value]));
        assert!(read.is_ok(), "{value:?}: {read:?}");
    }
}

#[test]
fn a_return_url_is_https_everywhere_but_on_localhost() {
    for (proto, host, target, url) in [
        ("https", "app.example.com", "/x?y=1", "https://app.example.com/x?y=1"),
        ("http", "app.example.com", "/", "https://app.example.com/"),
        ("http", "app.example.com:80", "/", "https://app.example.com/"),
        ("http", "app.example.com:443", "/", "https://app.example.com/"),
        ("https", "app.example.com:443", "/", "https://app.example.com/"),
        ("https", "App.example.com.:8443", "/", "https://app.example.com:8443/"),
        ("ws", "app.example.com:8080", "/", "https://app.example.com:8080/"),
        ("http", "arlo.aegis.localhost:9000", "/a", "http://arlo.aegis.localhost:9000/a"),
        ("http", "localhost:80", "/a", "http://localhost/a"),
        ("https", "localhost:80", "/a", "https://localhost:80/a"),
        ("http", "localhost.example.com", "/", "https://localhost.example.com/"),
        ("http", "127.0.0.1:8080", "/", "https://127.0.0.1:8080/"),
        ("http", "[::1]:8080", "/", "https://[::1]:8080/"),
        ("https", "a.test", "//evil.test/%41?b=%zz&c=\\", "https://a.test//evil.test/%41?b=%zz&c=\\"),
        ("https", "a.test", "/café?q=é x", "https://a.test/caf%C3%A9?q=%C3%A9%20x"),
    ] {
        let lines = with(ordinary(Dialect::Forward), "x-forwarded-proto", &[proto]);
        let lines = with(lines, "x-forwarded-host", &[host]);
        let lines = with(lines, "x-forwarded-uri", &[target]);
        assert_eq!(read(Dialect::Forward, &lines).unwrap().return_url(), url, "{proto} {host} {target}");
    }
}
