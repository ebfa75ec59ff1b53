use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Apps of the tests: two over TLS, one of them also on another port, one on this machine.
fn allowed(host: &Host, port: Option<u16>, scheme: Scheme) -> bool {
    matches!(
        (host.as_str(), port, scheme),
        ("app.example.test" | "auth.example.test", None, Scheme::Https)
            | ("app.example.test", Some(8443), Scheme::Https)
            | ("arlo.aegis.localhost", Some(8080), Scheme::Http)
    )
}

fn parse(raw: &str) -> Option<ReturnTo> {
    ReturnTo::parse(raw, &allowed)
}

/// What browsers make of `location`, by the URL standard's own parser, is at an allowed host.
fn assert_stays(raw: &str, location: &HeaderValue) {
    let text = location.to_str().unwrap_or_else(|_| panic!("asked {raw:?}, the Location is not ASCII"));
    let url = Url::parse(text).unwrap_or_else(|error| panic!("asked {raw:?}, got {text:?}: {error}"));
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => panic!("asked {raw:?}, got {text:?} with the scheme {other:?}"),
    };
    let host: Host = url.host_str().unwrap().parse().unwrap();
    assert!(allowed(&host, url.port(), scheme), "asked {raw:?}, and {text:?} leaves the allowed hosts");
    assert_eq!((url.username(), url.password()), ("", None), "asked {raw:?}, got {text:?}");
    assert!(text.bytes().all(|byte| (0x21..0x7f).contains(&byte)), "asked {raw:?}, got {text:?}");
}

#[test]
fn honest_addresses_are_kept() {
    for (raw, expected) in [
        ("https://app.example.test", "https://app.example.test/"),
        ("https://app.example.test/", "https://app.example.test/"),
        ("https://app.example.test:443/a", "https://app.example.test/a"),
        ("https://app.example.test:8443/a?b=c", "https://app.example.test:8443/a?b=c"),
        ("https://APP.Example.test/A", "https://app.example.test/A"),
        ("https://app.example.test./a", "https://app.example.test/a"),
        (
            "https://app.example.test/a%20b?c=%2F%2Fevil.test&d=@#e",
            "https://app.example.test/a%20b?c=%2F%2Fevil.test&d=@#e",
        ),
        ("https://app.example.test/käse?ö", "https://app.example.test/k%C3%A4se?%C3%B6"),
        ("https://app.example.test?path=C:\\x", "https://app.example.test/?path=C:%5Cx"),
        ("https://app.example.test//double//", "https://app.example.test//double//"),
        ("http://arlo.aegis.localhost:8080/x", "http://arlo.aegis.localhost:8080/x"),
    ] {
        let read = parse(raw).unwrap_or_else(|| panic!("{raw:?} is an honest address"));
        assert_eq!(read.as_str(), expected, "asked {raw:?}");
        assert_stays(raw, &read.location());
        assert_eq!(parse(read.as_str()).as_ref(), Some(&read), "{expected:?} reads as itself");
    }
}

#[test]
fn known_tricks_lead_nowhere() {
    for raw in [
        "",
        "/",
        "/path",
        "//evil.test",
        "/\\evil.test",
        "\\/\\/evil.test",
        "\\\\evil.test",
        "/\t/evil.test",
        "/\n/evil.test",
        "/%09/evil.test",
        "/%0a/evil.test",
        "https:evil.test",
        "https:/evil.test",
        "https:///evil.test",
        "https:app.example.test",
        "https:/app.example.test",
        "https:///app.example.test",
        "https:\\\\app.example.test",
        "https://app.example.test@evil.test",
        "https://app.example.test:443@evil.test",
        "https://evil.test@app.example.test",
        "https://@app.example.test",
        "https://:@app.example.test/",
        "https://evil.test\\.example.test",
        "https://evil.test\\@app.example.test",
        "https://app.example.test\\@evil.test",
        "https://app.example.test\\.evil.test",
        "https://app.example.test/\\evil.test",
        "https://app.example.test.evil.test",
        "https://evilexample.test",
        "https://evilapp.example.test",
        "https://example.test",
        "javascript:alert(1)",
        "JaVaScRiPt://app.example.test/%0aalert(1)",
        "data:text/html,x",
        "ftp://app.example.test/",
        "HTTPS://app.example.test/",
        "http://app.example.test",
        "http://app.example.test:443/",
        "ws://app.example.test/",
        "https://app.example.test:1337",
        "https://app.example.test:0",
        "https://app.example.test:",
        "https://app.example.test:99999/",
        "https://app.example.test:80",
        "https://app.example.test:8443:443/",
        "https://\u{ff41}pp.example.test",
        "https://app.example.test\u{3002}evil.test",
        "https://app\u{3002}example.test",
        "https://app.example.test%2eevil.test",
        "https://app%2eexample.test",
        "https://app.example.test%00.evil.test",
        "https://app.example.test%0d%0aSet-Cookie:a=b",
        "https://app.example.test/\r\nSet-Cookie:a=b",
        "https://app.example.test/\u{0}",
        "https://app.example.test/\u{85}",
        "https://app.example.test/\u{2028}",
        " https://app.example.test",
        "https://app.example.test ",
        "\u{feff}https://app.example.test",
        "https://app.\texample.test",
        "https://ap\u{ad}p.example.test",
        "https://app..example.test",
        "https://.app.example.test",
        "https://app.example.test..",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://[::1]/",
        "https://[app.example.test]/",
        "https://app.example.test,evil.test/",
        "https://app.example.test;evil.test/",
        "http://localhost.evil.test/",
        "http://evil.localhost:8080/",
        "https://arlo.aegis.localhost:8080/",
    ] {
        assert_eq!(parse(raw), None, "asked {raw:?}");
    }
}

#[test]
fn an_address_is_bounded() {
    let fits = format!("https://app.example.test/{}", "a".repeat(LONGEST - 25));
    assert!(parse(&fits).is_some(), "{} bytes are an address", fits.len());
    assert_eq!(parse(&format!("{fits}a")), None, "{} bytes are too many", fits.len() + 1);
    let grows = format!("https://app.example.test/{}", "é".repeat(1500));
    assert_eq!(parse(&grows), None, "it is too long once it is escaped");
}

/// Every way to write a scheme, a way into the authority, a host and what follows, with every other.
#[test]
fn no_combination_of_tricks_leaves_the_allowed_hosts() {
    let schemes =
        ["", "https", "http", "HTTPS", "https:https", "javascript", "\thttps", "ht\ntps", "https%3a", "data"];
    let separators =
        ["://", ":", ":/", ":///", ":////", ":\\\\", ":/\\", "//", "/\\", "\\\\", "/%09/", ":/\t/", "://\n"];
    let authorities = [
        "app.example.test",
        "evil.test",
        "app.example.test@evil.test",
        "evil.test@app.example.test",
        "a@b@evil.test",
        "app.example.test.evil.test",
        "evil.test\\.example.test",
        "app.example.test\\evil.test",
        "evil.test#app.example.test",
        "evil.test?app.example.test",
        "evil.test/app.example.test",
        "app.example.test%2eevil.test",
        "app.example.test%40evil.test",
        "\u{ff41}pp.example.test",
        "evil\u{ff0f}app.example.test",
        "app.example.test\u{3002}evil.test",
        "app.example.test\u{0}evil.test",
        "app.example.test\tevil.test",
        "app.example.test:1337",
        "app.example.test:443",
        "app.example.test:@evil.test",
        "[::ffff:app.example.test]",
        "app.example.test,evil.test",
        "app.example.test.",
        "",
    ];
    let rests = [
        "",
        "/",
        "/..//evil.test",
        "\\evil.test",
        "/\\evil.test",
        "?@evil.test",
        "#@evil.test",
        ":80",
        "@evil.test",
        "/%0d%0aLocation:https://evil.test",
        "\r\nLocation: https://evil.test",
        ";@evil.test",
    ];
    let mut asked = 0;
    let mut kept = BTreeSet::new();
    for scheme in schemes {
        for separator in separators {
            for authority in authorities {
                for rest in rests {
                    let raw = format!("{scheme}{separator}{authority}{rest}");
                    asked += 1;
                    if let Some(read) = parse(&raw) {
                        assert_stays(&raw, &read.location());
                        assert_eq!(read.host().as_str(), "app.example.test", "asked {raw:?}");
                        kept.insert(read.as_str().to_owned());
                    }
                }
            }
        }
    }
    assert!(asked > 10_000, "only {asked} variants were asked");
    assert!(kept.len() >= 5, "honest ones are among them, yet only these were kept: {kept:?}");
}

proptest! {
    #[test]
    fn whatever_is_asked_stays_or_leads_nowhere(
        raw in r"(https?:[/\\]{0,3})?[a-z@:%\\/?#.\[\]\t\x00é．。0-9]{0,12}(app\.example\.test|evil\.test)[@:%\\/?#.é 0-9a-z-]{0,20}"
    ) {
        if let Some(read) = parse(&raw) {
            assert_stays(&raw, &read.location());
        }
    }
}
