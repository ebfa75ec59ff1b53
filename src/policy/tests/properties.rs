//! What must hold for every policy and every request.

use proptest::prelude::*;

use super::*;

/// An app with rules of many kinds, for the properties.
const RICH: &str = "[app.x]\nhosts = [\"x.example.com\", \"*.x.example.com\"]\nrequire = \"signed_in\"\nroles = [\"a\"]\n\
    public = [\"/pub\"]\n[[app.x.rule]]\npath = \"/pub/b/*\"\nrequire = \"deny\"\n\
    [[app.x.rule]]\npath = \"/a/*\"\nmethods = [\"POST\"]\nusers = [\"sam\"]\nroles = []\n\
    [[app.x.rule]]\npath = \"/a/b\"\nrequire = \"optional\"\n[[app.x.rule]]\npath = \"/b/*\"\nrequire = \"public\"\n\
    [[app.x.rule]]\npath_regex = '^/c(/[^/]+)*/b$'\nrequire = \"optional\"\n\
    [[app.x.rule]]\npath_regex = '^/(?:c|pub)/.*[ab]$'\nnetworks = [\"10.0.0.0/8\"]\nusers = [\"sam\"]\nroles = []\n\
    [[app.x.rule]]\nmethods = [\"DELETE\"]\nrequire = \"deny\"\n";

fn addresses() -> impl Strategy<Value = Option<ClientAddress>> {
    prop::sample::select(vec![None, Some("10.1.2.3"), Some("::ffff:10.1.2.3"), Some("198.51.100.7")])
        .prop_map(|address| address.map(|address| address.parse().unwrap()))
}

fn founds() -> impl Strategy<Value = Found> {
    prop_oneof![
        Just(Found::Nobody),
        Just(known("sam", &[])),
        Just(known("ann", &["a"])),
        Just(known("eve", &[])),
        Just(Found::Refused(Why::Invalid)),
        Just(Found::Unanswered(Part::Store)),
    ]
}

fn methods() -> impl Strategy<Value = Method> {
    prop::sample::select(vec![Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::OPTIONS])
}

fn segments() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "pub", "c", "favicon.ico", "é", "a b"]), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn an_unrelated_app_changes_no_verdict(
        host in prop::sample::select(vec!["x.example.com", "a.x.example.com", "auth.example.com", "nobody.example.org"]),
        other in prop::sample::select(vec!["y.example.com", "*.y.example.com", "ax.example.com", "*.example.com:8443"]),
        require in prop::sample::select(vec!["public", "deny", "optional", "signed_in"]),
        method in methods(), segments in segments(), found in founds(), from in addresses(),
    ) {
        let alone = apps(RICH);
        let with = apps(&format!("{RICH}[app.a]\nhosts = [\"{other}\"]\nrequire = \"{require}\"\npublic = [\"/a\"]\n"));
        let path = format!("/{}", segments.join("/").replace(' ', "%20"));
        let path = CanonicalPath::parse(&path).unwrap();
        let judged = |policy: &Policy| policy.app_for(host, None, Scheme::Https).map(|app| {
            let rule = app.rule_for(&method, &path, from);
            (rule.name().to_owned(), decide(rule, &found, NOW))
        });
        prop_assert_eq!(judged(&alone), judged(&with), "{} {} {:?} beside {}", method, host, path, other);
    }

    #[test]
    fn every_spelling_of_a_path_gets_one_verdict(
        method in methods(), segments in segments(), found in founds(), from in addresses(),
        spelling in prop::collection::vec(0u8..4, 0..40),
    ) {
        let policy = apps(RICH);
        let app = &policy.apps()[0];
        let plain = format!("/{}", segments.join("/").replace(' ', "%20"));
        let mut other = String::new();
        let mut spelling = spelling.into_iter().chain(std::iter::repeat(0));
        for byte in format!("/{}", segments.join("/")).bytes() {
            match (byte, spelling.next().unwrap()) {
                (b'/', 1) => other.push_str("//"),
                (b'/', 2) => other.push_str("///"),
                (b'/', _) => other.push('/'),
                (byte, 1) => write!(other, "%{byte:02x}").unwrap(),
                (byte, 0) if byte.is_ascii_graphic() => other.push(char::from(byte)),
                (byte, _) => write!(other, "%{byte:02X}").unwrap(),
            }
        }
        let judged = |path: &str| {
            let path = CanonicalPath::parse(path).unwrap();
            let rule = app.rule_for(&method, &path, from);
            (rule.name().to_owned(), decide(rule, &found, NOW))
        };
        prop_assert_eq!(judged(&plain), judged(&other), "{} as {} and as {}", method, plain, other);
    }

    #[test]
    fn parameters_in_a_path_never_open_more(
        method in methods(), segments in segments(), found in founds(), from in addresses(),
        parameters in prop::collection::vec(prop::sample::select(vec!["", ";", ";x", ";x=1;y"]), 4),
    ) {
        let policy = apps(RICH);
        let app = &policy.apps()[0];
        let with: Vec<_> = segments.iter().zip(&parameters).map(|(segment, more)| format!("{segment}{more}")).collect();
        let judged = |segments: &[String]| {
            let path = format!("/{}", segments.join("/").replace(' ', "%20"));
            is_let_in(decide(app.rule_for(&method, &CanonicalPath::parse(&path).unwrap(), from), &found, NOW))
        };
        let plain: Vec<_> = segments.iter().map(|segment| (*segment).to_owned()).collect();
        prop_assert!(judged(&with) <= judged(&plain), "{} {:?} opens more than without parameters", method, with);
    }
}
