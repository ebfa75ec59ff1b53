//! Which settings are refused, and what is noted of those that are not.

use super::*;

#[test]
fn a_faulty_app_is_told_where_and_why() {
    let hosts = "hosts = [\"x.example.com\"]\nrequire = \"signed_in\"\n";
    for (text, expected) in [
        ("[app.x]\nrequire = \"deny\"", "4: app.x has no `hosts`"),
        (
            "[app.\"X y\"]\nhosts = [\"x.example.com\"]\nrequire = \"deny\"",
            "4: `X y`: the name of an app is 1 to 64 of a-z, 0-9 and dash",
        ),
        (
            "[app.aegis-apps]\nhosts = [\"x.example.com\"]\nrequire = \"deny\"",
            "4: no app may be named `aegis-apps`",
        ),
        ("[[app.x.rule]]\npath = \"/\"", "4: a rule for the app `x`, which is not defined"),
        (
            "[app.x]\nhosts = [\"x.example.com\"]\nrequire = \"tailnet\"",
            "6: `require = \"tailnet\"` without the section [tailscale]: nobody could come in",
        ),
        (
            "[app.x]\nhosts = [\"x.example.com\"]\nrequire = \"signed-in\"",
            "6: `require` cannot be `signed-in`",
        ),
        (
            "[app.x]\nhosts = [\"x.example.org\"]\nrequire = \"deny\"",
            "5: app.x: `x.example.org` is not within `cookie.domain`, example.com",
        ),
        (
            "[app.x]\nhosts = [\"*.com\"]\nrequire = \"deny\"",
            "5: app.x: `*.com` is not within `cookie.domain`, example.com",
        ),
        (
            "[app.x]\nhosts = [\"Auth.example.com:8443\"]\nrequire = \"deny\"",
            "5: app.x has the host of `public_url`, which is Aegis itself: auth.example.com",
        ),
        (
            "[app.x]\nhosts = [\"https://x.example.com\"]\nrequire = \"deny\"",
            "5: app.x: `https://x.example.com` is not a port",
        ),
        (
            "[app.x]\nhosts = [\"x.*.example.com\"]\nrequire = \"deny\"",
            "5: app.x: `x.*.example.com` is not a host name",
        ),
        (
            "[app.x]\nhosts = [\"x.example.com\",\n\"x.example.com:8443\"]\nrequire = \"deny\"",
            "6: app.x lists the host `x.example.com` twice",
        ),
        (
            &format!("[app.x]\n{hosts}[app.y]\nhosts = [\"X.example.com:8443\"]\nrequire = \"deny\""),
            "8: app.y lists the host `x.example.com`, which is that of app.x",
        ),
        (&format!("[app.x]\n{hosts}cookie = \"own\""), "7: `cookie = \"own\"` comes in a later release"),
        (&format!("[app.x]\n{hosts}cross_site = \"pass\""), "7: `cross_site` cannot be `pass`"),
        (&format!("[app.x]\n{hosts}preflight = \"allow\""), "7: `preflight` cannot be `allow`"),
        (&format!("[app.x]\n{hosts}assets = \"private\""), "7: `assets` cannot be `private`"),
        (&format!("[app.x]\n{hosts}remote_user = \"mail\""), "7: `remote_user` cannot be `mail`"),
        (&format!("[app.x]\n{hosts}challenge = \"digest\""), "7: `challenge` cannot be `digest`"),
        (
            &format!("[app.x]\n{hosts}users = [\"sam@example.com\"]"),
            "7: `sam@example.com`: a username is 1 to 32 of a-z, 0-9, dot, underscore and dash",
        ),
        (
            &format!("[app.x]\n{hosts}roles = [\"a,b\"]\n[[app.x.rule]]"),
            "7: `a,b`: a role is 1 to 64 of a-z, 0-9, underscore, dot, colon and dash, and starts with a letter or digit",
        ),
        (
            "[app.x]\nhosts = [\"x.example.com\"]\nrequire = \"public\"\nroles = [\"a\"]",
            "7: app.x names users or roles, and asks nobody who they are",
        ),
        (
            &format!("[app.x]\n{hosts}[[app.x.rule]]\nrequire = \"public\"\nroles = [\"a\"]"),
            "9: app.x rule 1 (path /*) names users or roles, and asks nobody who they are",
        ),
        (&format!("[app.x]\n{hosts}[[app.x.rule]]\nmethods = [\"get\"]"), "8: `get` is not a known method"),
        (
            &format!("[app.x]\n{hosts}[[app.x.rule]]\nmethods = [\"HEAD\"]"),
            "8: HEAD follows GET and cannot be listed",
        ),
    ] {
        assert_eq!(faults(&format!("{HEAD}{text}")), [format!("aegis.toml:{expected}")], "{text}");
    }
    for path in [
        "", "x", "*", "/x*", "/*/x", "/x/**", "/x/../y", "/%61", "/a//b", "/a;b", "/a?b", "/a#b", "/a\\\\b",
        "/./*",
    ] {
        let text = format!("{HEAD}[app.x]\n{hosts}[[app.x.rule]]\npath = \"{path}\"");
        let said = faults(&text);
        assert!(said.len() == 1 && said[0].starts_with("aegis.toml:8: `"), "path {path:?} gave {said:?}");
    }
    for prefix in ["", "x", "/x/*", "/x*", "/..", "/a//b"] {
        let said = faults(&format!("{HEAD}[app.x]\n{hosts}public = [\"{prefix}\"]"));
        assert!(said.len() == 1 && said[0].starts_with("aegis.toml:7: `"), "public {prefix:?} gave {said:?}");
    }
    let spaced = app("require = \"signed_in\"\n[[app.x.rule]]\npath = \"/a b/*\"\nrequire = \"deny\"");
    assert_eq!(rule(&spaced, "GET", "/a%20b/c").require(), Require::Deny);
}

#[test]
fn all_faults_are_told_at_once() {
    let text = "[app.x]\nhosts = [\"x.example.org\"]\n[app.y]\nrequire = \"maybe\"\nhosts = [\"!\"]\n\
                [[app.y.rule]]\npath = \"x\"\nmethods = [\"GIT\"]\n[[app.yy.rule]]";
    assert_eq!(faults(&format!("{HEAD}{text}")).len(), 6, "{:#?}", faults(&format!("{HEAD}{text}")));
}

#[test]
fn the_domain_of_the_cookie_is_one_that_browsers_keep() {
    let app = "[app.x]\nrequire = \"deny\"\nhosts = ";
    for (url, domain, host, expected) in [
        ("https://auth.example.com", Some("example.com"), "x.example.com", None),
        ("https://example.com", Some("example.com"), "x.example.com", None),
        ("https://auth.example.com", Some(".Example.com"), "example.com", None),
        ("http://auth.aegis.localhost:9080", Some("aegis.localhost"), "x.aegis.localhost:9080", None),
        ("https://auth.tail1234.ts.net", Some("tail1234.ts.net"), "x.tail1234.ts.net", None),
        ("http://auth.localhost", Some("localhost"), "x.localhost", Some("is a public suffix")),
        ("https://auth.co.uk", Some("co.uk"), "x.co.uk", Some("is a public suffix")),
        ("https://auth.github.io", Some("github.io"), "x.github.io", Some("is a public suffix")),
        ("https://auth.lan", Some("lan"), "x.lan", Some("is a public suffix")),
        ("https://1.2.3.4", Some("2.3.4"), "5.2.3.4", Some("not a host name")),
        (
            "https://auth.example.org",
            Some("example.com"),
            "x.example.com",
            Some("`public_url` is not within"),
        ),
        (
            "https://example.com",
            Some("auth.example.com"),
            "x.auth.example.com",
            Some("`public_url` is not within"),
        ),
        ("http://auth.example.com", Some("example.com"), "x.example.com", Some("`public_url` is not https")),
        ("https://auth.example.com", None, "x.example.com", Some("needs `domain` in [cookie]")),
        ("https://auth.example.com", Some("!"), "x.example.com", Some("`cookie.domain` is wrong")),
        (
            "https://auth.example.com/path",
            Some("example.com"),
            "x.example.com",
            Some("`public_url` is wrong"),
        ),
    ] {
        let domain = domain.map_or(String::new(), |domain| format!("[cookie]\ndomain = \"{domain}\"\n"));
        let text = format!("public_url = \"{url}\"\n{domain}{app}[\"{host}\"]");
        match expected {
            None => drop(compiled(&text).unwrap_or_else(|faults| panic!("{text}\ngave\n{faults}"))),
            Some(expected) => {
                let said = faults(&text);
                assert!(said.len() == 1 && said[0].contains(expected), "{text}\ngave {said:?}");
            }
        }
    }
}

#[test]
fn without_any_settings_there_are_no_apps_and_a_local_address() {
    let settings = Settings::default();
    let url = public_url(&settings).unwrap();
    assert_eq!(url.to_string(), "http://localhost:8009");
    let policy = Policy::compile(&settings, &url, None).unwrap();
    assert!(policy.apps().is_empty() && policy.notes().is_empty());
    assert_eq!(policy.app_for("localhost", Some(8009), Scheme::Http).err(), Some(NoApp::UnknownHost));
    assert_eq!(faults("listen = [\"unix:/x\", \"systemd\"]").len(), 1);
}

#[test]
fn what_is_open_and_what_reaches_less_far_is_noted() {
    for (text, expected) in [
        ("require = \"deny\"", vec![]),
        ("require = \"signed_in\"\nroles = [\"a\"]", vec![]),
        ("require = \"signed_in\"", vec!["aegis.toml:4: app.x is open to every user"]),
        ("roles = [\"a\"]", vec![]),
        ("", vec!["aegis.toml:4: app.x is open to every user"]),
        ("require = \"public\"", vec!["aegis.toml:4: app.x is open to everybody, as nobody"]),
        ("require = \"optional\"", vec!["aegis.toml:4: app.x is open to everybody"]),
        (
            "require = \"signed_in\"\nroles = [\"a\"]\npublic = [\"/\"]",
            vec!["aegis.toml:8: app.x public \"/\" is the whole app: its rules are never asked"],
        ),
        (
            "require = \"signed_in\"\nroles = [\"a\"]\n[[app.x.rule]]\nroles = []",
            vec!["aegis.toml:8: app.x rule 1 (path /*) is open to every user"],
        ),
        (
            "require = \"signed_in\"\nroles = [\"a\"]\n[[app.x.rule]]\nusers = [\"sam\"]",
            vec![
                "aegis.toml:8: app.x rule 1 (path /*) names users, and has the roles of the app: either is let in",
            ],
        ),
        (
            "require = \"signed_in\"\nroles = [\"a\"]\n[[app.x.rule]]\npath = \"/admin\"\nroles = [\"b\"]",
            vec!["aegis.toml:8: app.x rule 1 (path /admin) is not for `/admin/`, which is less protected"],
        ),
    ] {
        let policy = apps(&format!("[app.x]\nhosts = [\"x.example.com\"]\n{text}"));
        let notes: Vec<_> =
            policy.notes().iter().map(|note| Fault { hint: None, ..note.clone() }.to_string()).collect();
        assert_eq!(notes, expected, "{text}");
    }
}

#[test]
fn the_example_compiles() {
    let policy = compiled(include_str!("../../../examples/aegis.toml")).unwrap();
    assert_eq!(policy.apps().len(), 1);
    assert!(policy.notes().is_empty(), "{:?}", policy.notes());
}
