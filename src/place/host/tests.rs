use proptest::prelude::*;

use super::*;

#[test]
fn one_host_has_one_spelling() {
    for (text, host, port) in [
        ("admin.example.test", "admin.example.test", None),
        ("ADMIN.Example.test", "admin.example.test", None),
        ("admin.example.test.", "admin.example.test", None),
        ("admin.example.test.:443", "admin.example.test", Some(443)),
        ("admin.example.test:8443", "admin.example.test", Some(8443)),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example", None),
        ("a_b.example", "a_b.example", None),
        ("localhost", "localhost", None),
        ("3com.example", "3com.example", None),
        ("7zip", "7zip", None),
        ("0xide.example", "0xide.example", None),
        ("127.0.0.1:8009", "127.0.0.1", Some(8009)),
        ("127.0.0.1.", "127.0.0.1", None),
        ("[::1]", "[::1]", None),
        ("[0:0::1]:80", "[::1]", Some(80)),
        ("[2001:DB8::A]", "[2001:db8::a]", None),
    ] {
        let read = Authority::parse(text).unwrap();
        assert_eq!((&*read.host, read.port), (host, port), "asked for {text:?}");
    }
}

#[test]
fn what_is_no_host_is_refused() {
    let long_label = "a".repeat(64);
    let long_name = format!("{}a", "abcdefg.".repeat(32));
    for text in [
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "a..",
        "-a",
        "a-",
        "a-.b",
        "a.-b",
        "a,b",
        "app.test,two.test",
        "app.test, two.test",
        "a b",
        " a",
        "a ",
        "a\t",
        "a\0",
        "a%00",
        "%61",
        "admin.example.test@open",
        "user:password@host",
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "\u{ff41}dmin.example",
        "bücher.example",
        "a:",
        "a:0",
        "a:65536",
        "a:+80",
        "a:8o",
        "a:80:80",
        "a:000080",
        ":80",
        "::1",
        "[::1",
        "[::1]a",
        "[::1].",
        "[]",
        "[fe80::1%eth0]",
        "[127.0.0.1]",
        "[::1]]",
        "*.example.com",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "127.0.0.0x1",
        "0x",
        "127.0.0.01",
        "256.0.0.1",
        "1.2.3.4.5",
        "example.1",
        long_label.as_str(),
        long_name.as_str(),
    ] {
        assert!(Authority::parse(text).is_err(), "{text:?} was read as {:?}", Authority::parse(text));
    }
}

#[test]
fn an_ordinary_host_stays_where_it_is() {
    for text in ["app.example.com", "app.example.com:8080", "localhost", "10.0.0.1", "app.example.com."] {
        let read = Authority::parse(text).unwrap();
        assert!(matches!(read.host, Cow::Borrowed(_)), "{text} was copied");
    }
}

#[test]
fn a_pattern_means_one_host_or_all_below_a_domain() {
    for (pattern, host, meant) in [
        ("app.example.com", "app.example.com", true),
        ("App.Example.com.", "app.example.com", true),
        ("app.example.com", "x.app.example.com", false),
        ("*.example.com", "app.example.com", true),
        ("*.Example.com", "a.b.example.com", true),
        ("*.example.com", "example.com", false),
        ("*.example.com", "evilexample.com", false),
        ("*.example.com", "app.example.com.evil", false),
        ("*.example.com", ".example.com", false),
    ] {
        let read: HostPattern = pattern.parse().unwrap();
        assert_eq!(read.matches(host), meant, "{pattern} for {host}");
    }
    for text in
        ["", "*", "*.", "**.example.com", "a.*.com", "*example.com", "*.10.0.0.1", "*.[::1]", "a:8080"]
    {
        assert!(text.parse::<HostPattern>().is_err(), "{text:?} was read");
    }
    let (pattern, port) = HostPattern::with_port("*.example.com:8080").unwrap();
    assert_eq!((pattern.to_string().as_str(), port), ("*.example.com", Some(8080)));
}

#[test]
fn a_host_knows_what_it_is() {
    for (text, localhost, address) in [
        ("localhost", true, false),
        ("arlo.aegis.localhost", true, false),
        ("notlocalhost", false, false),
        ("localhost.example.com", false, false),
        ("127.0.0.1", false, true),
        ("[::1]", false, true),
    ] {
        let host: Host = text.parse().unwrap();
        assert_eq!((host.is_localhost(), host.is_address()), (localhost, address), "{text}");
    }
    let domain: Host = "example.com".parse().unwrap();
    for (text, within) in
        [("example.com", true), ("a.example.com", true), ("aexample.com", false), ("com", false)]
    {
        assert_eq!(text.parse::<Host>().unwrap().is_within(&domain), within, "{text} within {domain}");
    }
}

proptest! {
    #[test]
    fn every_spelling_of_a_host_is_matched_alike(
        name in "[a-z0-9_]([a-z0-9_-]{0,6}[a-z0-9_])?(\\.[a-z]{1,5}){0,3}",
        upper in proptest::collection::vec(any::<bool>(), 64),
        dot: bool,
        pattern in "(\\*\\.)?[a-z]{1,5}(\\.[a-z]{1,5}){0,2}",
    ) {
        let pattern: HostPattern = pattern.parse().unwrap();
        let mut spelled: String = name
            .chars()
            .zip(upper)
            .map(|(letter, upper)| if upper { letter.to_ascii_uppercase() } else { letter })
            .collect();
        if dot {
            spelled.push('.');
        }
        if let Ok(host) = Authority::parse(&name) {
            let other = Authority::parse(&spelled).unwrap();
            prop_assert_eq!(&host.host, &other.host, "{} and {}", name, spelled);
            prop_assert_eq!(pattern.matches(&host.host), pattern.matches(&other.host));
            let below = format!("x.{}", other.host).parse::<Host>().unwrap();
            let domain = HostPattern::Below(other.into_host());
            prop_assert!(domain.matches(below.as_str()), "{} is not below {}", below, domain);
        }
    }

    #[test]
    fn any_text_is_read_as_itself_or_refused(text in "\\PC{0,40}|[a-zA-Z0-9.:\\[\\]-]{0,24}") {
        if let Ok(read) = Authority::parse(&text) {
            let host = read.host.clone();
            prop_assert!(host.len() <= 253 && host.is_ascii() && !host.ends_with('.'), "{:?}", text);
            prop_assert!(!host.contains(['@', ',', '/', '\\', '%', ' ']), "{:?}", text);
            prop_assert!(!host.bytes().any(|byte| byte.is_ascii_uppercase()), "{:?}", text);
            let again = Authority::parse(&host).unwrap();
            prop_assert_eq!((&again.host, again.port), (&host, None), "{:?}", text);
        }
    }
}
