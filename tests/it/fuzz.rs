//! The fuzz targets of `fuzz/`, driven for seconds on the stable toolchain: arbitrary bytes, and
//! requests that are nearly right. Longer runs: `cargo +nightly fuzz run forwarded`.

use proptest::prelude::*;
use proptest::sample::select;

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "the fuzz package's library, used as a module here")]
mod bodies;

const NAMES: &[&str] = &[
    "X-Forwarded-Uri",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Method",
    "X-Forwarded-For",
    "X-Original-URL",
    "X-Original-Method",
    "Host",
    "X-Aegis-Proxy-Secret",
    "Connection",
    "Sec-Fetch-Mode",
    "Accept",
    "Origin",
    "Access-Control-Request-Method",
    "X_Forwarded_Uri",
    "Remote-User",
];

const VALUES: &[&str] = &[
    "/",
    "/x?y=1",
    "//a/%2e%2e/b",
    "/%c3%a9;x",
    "app.example.com",
    "APP.example.com.:443",
    "a,b",
    "[::1]:80",
    "localhost:9",
    "https",
    "ws",
    "GET",
    "OPTIONS",
    "get",
    "198.51.100.7",
    "1.1.1.1, 10.0.0.1",
    "::ffff:1.2.3.4",
    "https://app.example.com/x",
    "http://a@b/",
    "https://app.example.com?z",
    "0123456789abcdef",
    "close, Remote-User",
    "navigate",
    "text/html",
    "",
];

/// Headers of one dialect that are right.
const RIGHT: &[&str] = &[
    "X-Forwarded-Uri:/x?y\nX-Forwarded-Host:app.example.com\nX-Forwarded-Proto:https\nX-Forwarded-Method:GET\n",
    "X-Original-URL:https://app.example.com/x?y\nX-Original-Method:GET\n",
    "Host:app.example.com\nX-Forwarded-Proto:https\n",
    "",
];

/// A request as `bodies::forwarded` reads it: often well-formed, seldom at random.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![3 => select(VALUES).prop_map(str::to_owned), 1 => "\\PC{0,30}"];
    let line = (select(NAMES), value).prop_map(|(name, value)| format!("{name}:{value}\n"));
    let start = prop_oneof![
        Just("GET /auth/envoy/x?y\n".to_owned()),
        "[A-Z]{3,8} (/auth/envoy|/api/authz/ext-authz)/[!-~]{0,20}\n",
        Just("\n".to_owned()),
    ];
    let lines = proptest::collection::vec(line, 0..5);
    (any::<u8>(), start, select(RIGHT), lines).prop_map(|(choice, start, right, lines)| {
        let mut request = vec![choice];
        request.extend(format!("{start}{right}{}", lines.concat()).into_bytes());
        request
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn a_forwarded_request_is_read_or_refused(request in request()) {
        bodies::forwarded(&request);
    }

    #[test]
    fn any_bytes_are_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        bodies::forwarded(&data);
        bodies::path(&data);
    }

    #[test]
    fn any_path_is_read_or_refused(text in "(https?://[a-zA-Z0-9.:-]{1,12})?/([a-z0-9/.;%?#\\\\]|%[0-9a-f]{2}|\\PC){0,24}") {
        bodies::path(text.as_bytes());
    }
}
