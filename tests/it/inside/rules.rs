//! Rules that look at the address and at the whole path, as each proxy tells of them.

use std::sync::LazyLock;

use aegis::forwarded::Dialect;

use super::house::{House, Memory};
use super::visit::{DIALECTS, Visit};

with_and_without_memory!(
    a_rule_for_networks_looks_at_the_address_of_each_request,
    every_spelling_meets_the_rule_of_a_regular_expression_or_is_refused,
    the_first_rule_that_fits_counts_and_no_later_one,
);

/// The address that every visit tells by itself is a hop of ours here: what stands before it counts.
const RULES: &str = r#"
public_url = "https://auth.example.com"
trusted_hops = ["198.51.100.7"]
[cookie]
domain = "example.com"

[app.home]
hosts = ["home.example.com"]
require = "signed_in"
roles = ["guest"]
[[app.home.rule]]
path = "/health"
networks = ["10.0.0.5"]
require = "public"
[[app.home.rule]]
networks = ["192.168.0.0/16", "fd00::/8"]
roles = []

[app.exact]
hosts = ["exact.example.com"]
require = "signed_in"
public = ["/pub"]
[[app.exact.rule]]
path_regex = '^/(?i:admin)(/.*)?$'
roles = ["admin"]
[[app.exact.rule]]
path_regex = '^/share/[A-Za-z0-9]{4,}$'
methods = ["GET"]
require = "public"

[app.order]
hosts = ["order.example.com"]
require = "deny"
[[app.order.rule]]
path = "/a/*"
methods = ["POST"]
require = "deny"
[[app.order.rule]]
path = "/a/*"
require = "signed_in"
[[app.order.rule]]
path = "/a/open"
require = "public"
"#;

static HOUSES: LazyLock<[House; 2]> =
    LazyLock::new(|| [House::open(Memory::On, RULES), House::open(Memory::Off, RULES)]);

fn house(memory: Memory) -> &'static House {
    let [on, off] = &*HOUSES;
    if memory == Memory::On { on } else { off }
}

fn a_rule_for_networks_looks_at_the_address_of_each_request(memory: Memory) {
    let house = house(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    for dialect in DIALECTS {
        for (path, from, nobody, somebody) in [
            ("/", None, 401, 403),
            ("/", Some("192.168.3.4"), 401, 200),
            ("/", Some("203.0.113.9"), 401, 403),
            ("/", Some("::ffff:192.168.3.4"), 401, 200),
            ("/", Some("192.168.3.4, 203.0.113.9"), 401, 403),
            ("/", Some("203.0.113.9, 192.168.3.4, 198.51.100.7"), 401, 200),
            ("/", Some("fd12::1"), 401, 200),
            ("/health", Some("10.0.0.5"), 200, 200),
            ("/health", Some("10.0.0.6"), 401, 403),
            ("/health", None, 401, 403),
            ("/health;x", Some("10.0.0.5"), 401, 403),
            ("/health/", Some("10.0.0.5"), 401, 403),
        ] {
            let visit = Visit::new("home.example.com", path);
            let visit = from.into_iter().fold(visit, |visit, from| visit.header("X-Forwarded-For", from));
            assert_eq!(house.status(dialect, &visit), nobody, "{dialect:?}: nobody: {visit:?}");
            let visit = visit.cookie(&user.token);
            assert_eq!(house.status(dialect, &visit), somebody, "{dialect:?}: somebody: {visit:?}");
        }
        // An address in a header of another kind is nobody's business.
        let visit = Visit::new("home.example.com", "/health").header("X-Real-IP", "10.0.0.5");
        assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: {visit:?}");
    }
}

fn every_spelling_meets_the_rule_of_a_regular_expression_or_is_refused(memory: Memory) {
    let house = house(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    for dialect in DIALECTS {
        let malformed = if dialect == Dialect::Nginx { 403 } else { 400 };
        for (path, nobody, somebody) in [
            ("/admin", 401, 403),
            ("/ADMIN/x", 401, 403),
            ("//admin", 401, 403),
            ("/%61dmin", 401, 403),
            ("/%41%44min//x", 401, 403),
            ("/admin;x", 401, 403),
            ("/admin;x=/pub/", 401, 403),
            ("/;/admin", 401, 403),
            ("/admin?/pub", 401, 403),
            ("/admin%3f/pub", 401, 200),
            ("/administrator", 401, 200),
            ("/pub/../admin", malformed, malformed),
            ("/pub/%2e%2e/admin", malformed, malformed),
            ("/pub%2f..%2fadmin", malformed, malformed),
            ("/%2561dmin", malformed, malformed),
            ("/admin%2fx", malformed, malformed),
            ("/pub/..;/admin", malformed, malformed),
            ("/share/abcd", 200, 200),
            ("//share/%61bcd", 200, 200),
            ("/share/abc", 401, 200),
            ("/share/abcd/", 401, 200),
            ("/share/abcd;x", 401, 200),
            ("/share/abcd%0a", malformed, malformed),
            ("/share/abcd%20", 401, 200),
            ("/x/share/abcd", 401, 200),
        ] {
            let visit = Visit::new("exact.example.com", path);
            assert_eq!(house.status(dialect, &visit), nobody, "{dialect:?}: nobody: {visit:?}");
            let visit = visit.cookie(&user.token);
            assert_eq!(house.status(dialect, &visit), somebody, "{dialect:?}: somebody: {visit:?}");
        }
        let visit = Visit::new("exact.example.com", "/share/abcd").method("POST");
        assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: {visit:?}");
    }
}

fn the_first_rule_that_fits_counts_and_no_later_one(memory: Memory) {
    let house = house(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    for dialect in DIALECTS {
        for (method, path, nobody, somebody) in [
            ("POST", "/a/open", 403, 403),
            ("GET", "/a/open", 401, 200),
            ("HEAD", "/a", 401, 200),
            ("GET", "/", 403, 403),
        ] {
            let visit = Visit::new("order.example.com", path).method(method);
            assert_eq!(house.status(dialect, &visit), nobody, "{dialect:?}: nobody: {visit:?}");
            let visit = visit.cookie(&user.token);
            assert_eq!(house.status(dialect, &visit), somebody, "{dialect:?}: somebody: {visit:?}");
        }
    }
}
