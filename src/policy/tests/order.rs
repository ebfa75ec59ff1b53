//! What is noted of rules for what stands before or behind them.

use proptest::prelude::*;

use super::*;

/// The notes on the order of these rules, of an app that asks for the role `a`.
fn notes(rules: &str) -> Vec<String> {
    let policy = apps(&format!(
        "[app.x]\nhosts = [\"x.example.com\"]\nrequire = \"signed_in\"\nroles = [\"a\"]\n{rules}"
    ));
    let without_hint = |note: &Fault| Fault { hint: None, ..note.clone() }.to_string();
    policy.notes().iter().map(without_hint).collect()
}

#[test]
fn a_rule_that_is_never_asked_is_noted_with_what_stands_before_it() {
    for (rules, expected) in [
        (
            "[[app.x.rule]]\npath = \"/a/*\"\n[[app.x.rule]]\npath = \"/a/b/*\"",
            Some(
                "rule 2 (path /a/b/*) is never asked: before it comes app.x rule 1 (path /a/*), at aegis.toml:8",
            ),
        ),
        (
            "[[app.x.rule]]\npath = \"/a/*\"\n[[app.x.rule]]\npath = \"/a/\"",
            Some(
                "rule 2 (path /a/) is never asked: before it comes app.x rule 1 (path /a/*), at aegis.toml:8",
            ),
        ),
        ("[[app.x.rule]]\npath = \"/a/*\"\n[[app.x.rule]]\npath = \"/ab/*\"", None),
        ("[[app.x.rule]]\npath = \"/a/b/*\"\n[[app.x.rule]]\npath = \"/a/*\"", None),
        (
            "[[app.x.rule]]\n[[app.x.rule]]\npath_regex = '^/x$'",
            Some(
                "rule 2 (path_regex ^/x$) is never asked: before it comes app.x rule 1 (path /*), at aegis.toml:8",
            ),
        ),
        (
            "[[app.x.rule]]\npath = \"/a/*\"\n[[app.x.rule]]\npath_regex = '^/a/[0-9]+$'",
            Some(
                "rule 2 (path_regex ^/a/[0-9]+$) is never asked: before it comes app.x rule 1 (path /a/*), at aegis.toml:8",
            ),
        ),
        (
            "[[app.x.rule]]\npath = \"/a/*\"\n[[app.x.rule]]\npath_regex = '^/a$'",
            Some(
                "rule 2 (path_regex ^/a$) is never asked: before it comes app.x rule 1 (path /a/*), at aegis.toml:8",
            ),
        ),
        ("[[app.x.rule]]\npath = \"/a/*\"\n[[app.x.rule]]\npath_regex = '^/a.*$'", None),
        (
            "[[app.x.rule]]\npath_regex = '^/[a-z]+$'\n[[app.x.rule]]\npath = \"/abc\"",
            Some(
                "rule 2 (path /abc) is never asked: before it comes app.x rule 1 (path_regex ^/[a-z]+$), at aegis.toml:8",
            ),
        ),
        (
            "[[app.x.rule]]\npath_regex = '^/x$'\n[[app.x.rule]]\npath_regex = '^/x$'",
            Some(
                "rule 2 (path_regex ^/x$) is never asked: before it comes app.x rule 1 (path_regex ^/x$), at aegis.toml:8",
            ),
        ),
        (
            "[[app.x.rule]]\nmethods = [\"GET\"]\n[[app.x.rule]]\nmethods = [\"POST\"]\n[[app.x.rule]]\npath = \"/a\"\nmethods = [\"POST\", \"GET\"]",
            Some(
                "rule 3 (path /a, methods POST, GET) is never asked: before it comes app.x rule 2 (path /*, methods POST), at aegis.toml:10, and app.x rule 1 (path /*, methods GET), at aegis.toml:8",
            ),
        ),
        ("[[app.x.rule]]\nmethods = [\"GET\"]\n[[app.x.rule]]\npath = \"/a/*\"", None),
        (
            "[[app.x.rule]]\nnetworks = [\"10.0.0.0/8\"]\n[[app.x.rule]]\nnetworks = [\"10.1.0.0/16\", \"10.2.0.0/16\"]",
            Some(
                "rule 2 (path /*, networks 10.1.0.0/16, 10.2.0.0/16) is never asked: before it comes app.x rule 1 (path /*, networks 10.0.0.0/8), at aegis.toml:8",
            ),
        ),
        (
            "[[app.x.rule]]\nnetworks = [\"10.0.0.0/8\"]\n[[app.x.rule]]\nnetworks = [\"10.1.0.0/16\", \"11.0.0.0/8\"]",
            None,
        ),
        ("[[app.x.rule]]\nnetworks = [\"10.0.0.0/8\"]\n[[app.x.rule]]\npath = \"/a/*\"", None),
    ] {
        let expected: Vec<String> = expected.into_iter().map(|note| format!("app.x {note}")).collect();
        let said: Vec<String> =
            notes(rules).into_iter().map(|note| note.split_once(": ").unwrap().1.to_owned()).collect();
        assert_eq!(said, expected, "{rules}");
    }
    assert_eq!(
        notes(
            "public = [\"/hooks\", \"/hooks/x\"]\n[[app.x.rule]]\npath = \"/hooks/secret/*\"\nrequire = \"deny\""
        ),
        [
            "aegis.toml:8: app.x public \"/hooks/x\" is never asked: before it comes app.x public \"/hooks\", at aegis.toml:8",
            "aegis.toml:9: app.x rule 1 (path /hooks/secret/*) is never asked: before it comes app.x public \"/hooks\", at aegis.toml:8",
        ]
    );
}

#[test]
fn a_rule_for_the_network_of_the_proxy_is_noted() {
    for (proxies, networks, noted) in [
        ("[\"172.18.0.0/16\"]", "[\"172.16.0.0/12\"]", true),
        ("[\"172.18.0.2\"]", "[\"10.0.0.0/8\", \"172.18.0.0/16\"]", true),
        ("[\"172.18.0.0/16\"]", "[\"192.168.0.0/16\"]", false),
        ("[\"127.0.0.1\", \"::1\"]", "[\"127.0.0.0/8\", \"::1\"]", false),
    ] {
        let policy = compiled(&format!(
            "trusted_proxies = {proxies}\n{HEAD}[app.x]\nhosts = [\"x.example.com\"]\nroles = [\"a\"]\n[[app.x.rule]]\nnetworks = {networks}\nrequire = \"signed_in\""
        ))
        .unwrap();
        let said: Vec<_> = policy.notes().iter().map(|note| (note.line, note.message.as_str())).collect();
        let expected = format!(
            "app.x rule 1 (path /*, networks {}) is for a network that `trusted_proxies` is in",
            networks.replace(['[', ']', '"'], "")
        );
        let expected: Vec<_> = noted.then_some((Some(8), expected.as_str())).into_iter().collect();
        assert_eq!(said, expected, "{proxies} {networks}");
    }
}

#[test]
fn a_rule_that_a_laxer_one_goes_before_is_noted() {
    for (rules, expected) in [
        (
            "[[app.x.rule]]\nmethods = [\"GET\"]\nroles = [\"a\", \"b\"]\n[[app.x.rule]]\npath = \"/admin/*\"\nroles = [\"c\"]",
            Some(
                "app.x rule 2 (path /admin/*) is not asked where a rule before it is, which is less strict: app.x rule 1 (path /*, methods GET), at aegis.toml:8",
            ),
        ),
        (
            "[[app.x.rule]]\nnetworks = [\"10.0.0.0/8\"]\n[[app.x.rule]]\npath = \"/admin/*\"\nrequire = \"two_factor\"",
            Some(
                "app.x rule 2 (path /admin/*) is not asked where a rule before it is, which is less strict: app.x rule 1 (path /*, networks 10.0.0.0/8), at aegis.toml:8",
            ),
        ),
        // Reading and writing the same paths, as it is usually written.
        (
            "[[app.x.rule]]\npath = \"/admin/*\"\nmethods = [\"GET\"]\n[[app.x.rule]]\npath = \"/admin/*\"\nrequire = \"two_factor\"",
            None,
        ),
        (
            "[[app.x.rule]]\nmethods = [\"GET\"]\n[[app.x.rule]]\npath = \"/admin/*\"\nmethods = [\"POST\"]\nrequire = \"two_factor\"",
            None,
        ),
        (
            "[[app.x.rule]]\nmethods = [\"DELETE\"]\nrequire = \"deny\"\n[[app.x.rule]]\npath = \"/admin/*\"\nrequire = \"two_factor\"",
            None,
        ),
        (
            "[[app.x.rule]]\nnetworks = [\"10.0.0.0/8\"]\nrequire = \"deny\"",
            Some(
                "app.x rule 1 (path /*, networks 10.0.0.0/8) keeps out more than app.x (whole app), which is asked where the address is not known",
            ),
        ),
        ("[[app.x.rule]]\nnetworks = [\"10.0.0.0/8\"]\nroles = [\"a\"]", None),
    ] {
        let said: Vec<String> =
            notes(rules).into_iter().map(|note| note.split_once(": ").unwrap().1.to_owned()).collect();
        assert_eq!(said, Vec::from_iter(expected), "{rules}");
    }
}

/// What a rule may be for, and paths that tell one from the other.
const PATTERNS: &[&str] = &[
    "",
    "path = \"/*\"",
    "path = \"/a\"",
    "path = \"/a/*\"",
    "path = \"/a/b/*\"",
    "path = \"/a/b/\"",
    "path_regex = '^/a(/.*)?$'",
    "path_regex = '^/a/[^/]+$'",
    "path_regex = '^/(?:a|b)/b$'",
    "path_regex = '^/a$|^/a/b$|^/[ab]/.*$'",
    "path_regex = '^/(?i)a/b/?$'",
    "path_regex = '^.*$'",
];
const METHODS_OF_RULES: &[&str] =
    &["", "methods = [\"GET\"]", "methods = [\"POST\", \"PUT\"]", "methods = [\"GET\", \"POST\", \"PUT\"]"];
const NETWORKS_OF_RULES: &[&str] = &[
    "",
    "networks = [\"10.0.0.0/8\"]",
    "networks = [\"10.1.0.0/16\"]",
    "networks = [\"10.1.0.0/16\", \"fd00::/8\"]",
];
const PATHS: &[&str] = &[
    "/", "/a", "/A", "/a/", "/a/b", "/A/b", "/a/b/", "/a/b/c", "/a/c", "/ab", "/b", "/b/b", "/b/c", "/c",
    "/a;x", "/a/b;x/", "/a;x/b", "/c;/a",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_never_to_be_asked_never_is(
        rules in prop::collection::vec(
            (prop::sample::select(PATTERNS), prop::sample::select(METHODS_OF_RULES), prop::sample::select(NETWORKS_OF_RULES), any::<bool>()),
            1..6,
        ),
        public in prop::collection::vec(prop::sample::select(vec!["/a", "/a/b", "/b/"]), 0..3),
    ) {
        let mut text = format!("[app.x]\nhosts = [\"x.example.com\"]\nrequire = \"signed_in\"\nassets = \"protected\"\npublic = {public:?}\n");
        for (pattern, methods, networks, open) in &rules {
            let require = if *open { "optional" } else { "deny" };
            write!(text, "[[app.x.rule]]\n{pattern}\n{methods}\n{networks}\nrequire = \"{require}\"\n").unwrap();
        }
        let policy = apps(&text);
        let app = &policy.apps()[0];
        let never: Vec<&str> = policy
            .notes()
            .iter()
            .filter_map(|note| note.message.split_once(" is never asked").map(|(name, _)| name))
            .collect();
        for path in PATHS {
            let path = CanonicalPath::parse(path).unwrap();
            for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE] {
                for from in [None, Some("10.1.2.3"), Some("10.2.3.4"), Some("fd00::1"), Some("192.0.2.1")] {
                    let from = from.map(|address| address.parse().unwrap());
                    // Doubles in `public` have one name: the first of them is asked.
                    let asked = app.rule_for(&method, &path, from);
                    let twice = app.public.iter().filter(|public| public.rule.name == asked.name).count() > 1;
                    prop_assert!(twice || !never.contains(&asked.name()), "{} {:?} from {:?} is for {}\n{}", method, path, from, asked.name(), text);
                }
            }
        }
    }
}
