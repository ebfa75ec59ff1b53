//! What holds for any request: headers that are none of our business change nothing, in whatever order
//! all stand; nor does it matter what is remembered.

use std::sync::LazyLock;

use aegis::forward_auth::Door;
use aegis::forwarded::{Dialect, Peer};
use aegis::identity::Actor;
use aegis::keys::Keys;
use aegis::state::App;
use aegis::users::Leaves;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::house::{APPS, House, Memory};
use super::visit::{DIALECTS, Visit};

/// One house with two doors, of which one remembers nothing, and credentials of every kind.
struct Lab {
    house: House,
    remembering: Door,
    forgetting: Door,
    cookies: Vec<String>,
    authorizations: Vec<String>,
}

/// An app whose rules look at the address and at the whole path.
const MORE: &str = r#"
[app.placed]
hosts = ["placed.example.com"]
require = "signed_in"
[[app.placed.rule]]
path_regex = '^/(?:hooks|h[^/]*)(/.*)?$'
networks = ["10.0.0.0/8"]
require = "public"
[[app.placed.rule]]
path_regex = '^/(?i:admin)(/.*)?$'
roles = ["admin"]
[[app.placed.rule]]
networks = ["192.0.2.0/24"]
methods = ["GET", "DELETE"]
require = "optional"
"#;

static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let house = House::open(Memory::On, &format!("{APPS}{MORE}"));
    let settings = house.settings(Memory::Off);
    let prepared = App::prepare(&settings).expect("the settings of this test");
    let keys = Keys::open(&house.data(), &settings.token, house.now()).expect("the same keys");
    let (store, changes) = (house.app.store.clone(), house.app.changes.clone());
    let app = App::build(prepared, house.app.clock.clone(), store, changes, keys).expect("a second app");
    let (user, admin, gone) = (house.person(&[]), house.person(&["admin"]), house.person(&["admin"]));
    let browsers = [&user, &admin, &gone].map(|person| house.sign_in(person.username.as_str()));
    let ended = house.sign_in(user.username.as_str());
    house.send(&super::visit::form("/logout", &[]).header("Cookie", &ended.session));
    let tokens = [(&admin, None), (&admin, Some("closed")), (&gone, None)]
        .map(|(person, audience)| house.script_token(person.username.as_str(), audience));
    let disabled = house.app.users.set_active(gone.id, false, Leaves::Perhaps, Actor::Command, house.now());
    house.wait(disabled).expect("disabled");
    let mut cookies: Vec<String> = browsers.iter().map(|browser| browser.token.clone()).collect();
    cookies.push(ended.token.clone());
    cookies.extend(tokens.iter().map(|token| format!("aegis_token={token}")));
    cookies.push(format!("{}; {}", browsers[0].token, browsers[1].token));
    cookies.push(format!("a=b; {}; aegis_token=x.y.z", browsers[1].token));
    cookies.extend(["a=b", "aegis_token=x.y.z", "aegis_token="].map(str::to_owned));
    let mut authorizations: Vec<String> = tokens.iter().map(|token| format!("Bearer {token}")).collect();
    authorizations.push(format!("Bearer {}", browsers[1].jwt()));
    authorizations.extend(["Basic YTpi", "Bearer x", "Bearer aegis_pat_x"].map(str::to_owned));
    Lab { remembering: Door::new(&house.app), forgetting: Door::new(&app), house, cookies, authorizations }
});

/// Names that say something about the visitor, the connection or the proxy. No other does.
fn is_our_business(dialect: Dialect, name: &str) -> bool {
    let family: &[&str] = match dialect {
        Dialect::Forward => {
            &["x-forwarded-uri", "x-forwarded-host", "x-forwarded-method", "x-forwarded-proto"]
        }
        Dialect::Nginx => &["x-original-url", "x-original-method"],
        Dialect::Envoy => &["x-forwarded-proto"],
    };
    let ours = [
        "host",
        "cookie",
        "authorization",
        "x-aegis-key",
        "x-aegis-proxy-secret",
        "x-forwarded-for",
        "connection",
        "accept",
        "origin",
        "access-control-request-method",
        "upgrade",
        "x-requested-with",
    ];
    ours.contains(&name) || family.contains(&name) || name.starts_with("sec-fetch-")
}

/// Headers that other servers believe, beside any that nobody knows.
const OTHERS: &[&str] = &[
    "x-forwarded-uri",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-proto",
    "x-original-url",
    "x-original-method",
    "x-original-uri",
    "x-rewrite-url",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-server",
    "x-http-method-override",
    "x-real-ip",
    "forwarded",
    "via",
    "remote-user",
    "remote-groups",
    "remote_user",
    "x-auth-request-user",
    "x-aegis-assertion",
    "x-aegis-ref",
    "content-length",
    "content-type",
    "transfer-encoding",
    "te",
    "user-agent",
    "referer",
    "proxy-authorization",
    "x-aegis",
    "cookie2",
];

const VALUES: &[&str] = &[
    "",
    "/hooks",
    "root",
    "admin",
    "OPTIONS",
    "http",
    "open.example.com",
    "https://open.example.com/",
    "127.0.0.1",
    "host=open.example.com;proto=http",
    "aegis_token=x",
    "0",
    "kube-probe/1.29",
    "\u{e9}",
];

fn others() -> impl Strategy<Value = Vec<(String, String)>> {
    let name =
        prop_oneof![3 => select(OTHERS).prop_map(str::to_owned), 1 => "[a-z]{1,8}([-_.][a-z]{1,8}){0,3}"];
    let value = prop_oneof![3 => select(VALUES).prop_map(str::to_owned), 1 => "[ -~]{0,30}"];
    proptest::collection::vec((name, value), 0..12)
}

const HOSTS: &[&str] = &[
    "open",
    "welcome",
    "closed",
    "a.closed",
    "other",
    "basic",
    "passing",
    "guarded",
    "port",
    "shut",
    "placed",
    "unheard-of",
];
const PATHS: &[&str] = &[
    "/",
    "/hooks",
    "/hooks/x",
    "/admin",
    "/admin/x?y=/hooks",
    "/admin;x",
    "/never/x",
    "/write/x",
    "/favicon.ico",
    "//a",
    "/../x",
    "/%2e%2e/",
    "/a%2fb",
    "/%c3%a9",
];
const SHAPES: &[&[(&str, &str)]] = &[
    &[],
    &[("Accept", "text/html")],
    &[("Sec-Fetch-Mode", "navigate"), ("Accept", "text/html")],
    &[("Sec-Fetch-Mode", "cors"), ("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT")],
    &[("Accept", "text/html"), ("X-Requested-With", "XMLHttpRequest")],
    &[("Upgrade", "websocket"), ("Connection", "Upgrade")],
];
const METHODS: &[&str] = &["GET", "HEAD", "POST", "OPTIONS", "DELETE", "QUERY", "get"];

/// What stands behind the address that every visit tells.
const FROM: &[&str] = &["", "10.1.2.3", "192.0.2.8, ::ffff:10.1.2.3", "192.0.2.8", "2001:db8::1", "garbage"];

fn visit() -> impl Strategy<Value = Visit> {
    let credentials = (any::<Option<Index>>(), any::<Option<Index>>(), proptest::bool::weighted(0.05));
    let place = (select(HOSTS), select(PATHS), select(FROM));
    (place, select(SHAPES), select(METHODS), any::<bool>(), credentials).prop_map(
        |((host, path, from), shape, method, tls, (cookie, authorization, key))| {
            let host = format!("{host}.example.com{}", if host == "port" { ":8443" } else { "" });
            let scheme = if tls { "https" } else { "http" };
            let mut visit =
                Visit::new(&host, path).method(method).scheme(if method == "GET" { "https" } else { scheme });
            for (name, value) in shape {
                visit = visit.header(name, value);
            }
            if !from.is_empty() {
                visit = visit.header("X-Forwarded-For", from);
            }
            if let Some(cookie) = cookie {
                visit = visit.cookie(cookie.get::<String>(&LAB.cookies));
            }
            if let Some(authorization) = authorization {
                visit = visit.header("Authorization", authorization.get::<String>(&LAB.authorizations));
            }
            if key { visit.header("X-Aegis-Key", "x") } else { visit }
        },
    )
}

/// The check as a request, with its headers in this order.
fn request(visit: &Visit, dialect: Dialect, others: &[(String, String)], order: u64) -> Option<Request<()>> {
    let ask = visit.through(dialect).to_string();
    let mut lines = ask.trim_end().lines();
    let mut start = lines.next()?.split(' ');
    let (method, target) = (start.next()?, start.next()?);
    let mut headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .chain(
            others
                .iter()
                .filter(|(name, _)| !is_our_business(dialect, name) && !is_alias(dialect, name))
                .cloned(),
        )
        .collect();
    // Any order will do, but for lines of one name among themselves (RFC 9110, section 5.3): the last of
    // `X-Forwarded-For` is the proxy's. This one is another for each number.
    headers.sort_by_key(|(name, _)| {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        (order, name).hash(&mut hasher);
        if order == 0 { 0 } else { hasher.finish() }
    });
    let mut request =
        Request::builder().method(Method::from_bytes(method.as_bytes()).ok()?).uri(target).body(()).ok()?;
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    Some(request)
}

/// Another spelling of a header of the family is refused: that is its own test.
fn is_alias(dialect: Dialect, name: &str) -> bool {
    let plain = name.replace(['_', '.'], "-");
    plain != name && (is_our_business(dialect, &plain))
}

/// Everything of an answer that is not made anew each time.
type Said = (u16, Vec<(String, String)>, String);

fn said(door: &Door, dialect: Dialect, request: &Request<()>) -> Said {
    let peer = Peer::Tcp("127.0.0.1".parse().expect("an address"));
    LAB.house.wait(async {
        let answer = match door.at_once(dialect, peer, request) {
            Some(answer) => answer,
            None => door.answer(dialect, peer, request.clone()).await,
        };
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let reference = parts.headers.get("x-aegis-ref").and_then(|value| value.to_str().ok()).unwrap_or("-");
        let body = String::from_utf8_lossy(&body).replace(reference, "-");
        (parts.status.as_u16(), lasting(&parts.headers), body)
    })
}

fn lasting(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut all: Vec<_> = headers
        .iter()
        .filter(|(name, _)| *name != "x-aegis-ref")
        .map(|(name, value)| match name.as_str() {
            "x-aegis-assertion" if !value.is_empty() => (name.to_string(), "a JWT".to_owned()),
            _ => (name.to_string(), text(value)),
        })
        .collect();
    all.sort_unstable();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn nothing_else_changes_a_verdict(
        visit in visit(),
        dialect in select(&DIALECTS[..]),
        others in others(),
        order: u64,
    ) {
        let Some(plain) = request(&visit, dialect, &[], 0) else { return Ok(()) };
        let expected = said(&LAB.forgetting, dialect, &plain);
        prop_assert!(
            [200, 302, 303, 400, 401, 403].contains(&expected.0),
            "asked: {:?}\ncame back: {:?}", plain, expected
        );
        // Another order and more headers at once: where one of the two is the reason, shrinking finds it.
        for (door, which, others, order) in [
            (&LAB.remembering, "remembering", &[][..], 0),
            (&LAB.remembering, "remembering, again", &others, order),
            (&LAB.forgetting, "remembering nothing", &others, order),
        ] {
            let Some(request) = request(&visit, dialect, others, order) else { continue };
            let came = said(door, dialect, &request);
            prop_assert_eq!(&came, &expected, "{}, with {:?}\nasked: {:?}\nplainly: {:?}", which, others, request, plain);
        }
    }
}
