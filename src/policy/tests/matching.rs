//! Which requests a rule is for, where it names a regular expression or networks.

use super::*;

fn from<'a>(app: &'a App, path: &str, address: &str) -> &'a str {
    let address = (!address.is_empty()).then(|| address.parse::<ClientAddress>().unwrap());
    let parsed = CanonicalPath::parse(path).unwrap_or_else(|why| panic!("{path}: {why}"));
    app.rule_for(&Method::GET, &parsed, address).name()
}

#[test]
fn a_regular_expression_is_held_against_the_whole_path_in_every_spelling() {
    let app = app("require = \"signed_in\"\n\
         [[app.x.rule]]\npath_regex = '^/api/v[0-9]+/health$'\nrequire = \"public\"\n\
         [[app.x.rule]]\npath_regex = '^/(?i:admin)(/.*)?$'\nrequire = \"deny\"\n\
         [[app.x.rule]]\npath_regex = '^/(?:album|photo)s/é a/.+$'\nroles = [\"a\"]\n");
    let (health, admin) =
        ("app.x rule 1 (path_regex ^/api/v[0-9]+/health$)", "app.x rule 2 (path_regex ^/(?i:admin)(/.*)?$)");
    let albums = "app.x rule 3 (path_regex ^/(?:album|photo)s/é a/.+$)";
    let whole = "app.x (whole app)";
    for (path, expected) in [
        ("/api/v1/health", health),
        ("/api//v12//health", health),
        ("/%61pi/v1/%68ealth", health),
        ("/api/v1/healthz", whole),
        ("/api/v1/health/", whole),
        ("/api/v1/health%20", whole),
        ("/x/api/v1/health", whole),
        ("/api/v/health", whole),
        ("/admin", admin),
        ("/ADMIN/x", admin),
        ("/%41dmin", admin),
        ("//admin//x", admin),
        ("/administrator", whole),
        // What some servers read as the path that is closed, and others do not.
        ("/admin;x", admin),
        ("/admin;x/y", admin),
        ("/;/admin", admin),
        // Open to one reader and not to the other.
        ("/api/v1/health;x", whole),
        ("/api/v1;x/health", whole),
        ("/albums/%C3%A9%20a/b", albums),
        ("/photos/é%20a/b?c".split('?').next().unwrap(), albums),
        ("/albums/é%20a/", whole),
    ] {
        assert_eq!(rule(&app, "GET", path).name(), expected, "GET {path}");
    }
}

#[test]
fn a_regular_expression_that_takes_long_elsewhere_is_answered() {
    let app = app("require = \"signed_in\"\n[[app.x.rule]]\npath_regex = '^/(a+)+$'\nrequire = \"deny\"\n");
    let path = format!("/{}!", "a".repeat(8_000));
    assert_eq!(rule(&app, "GET", &path).name(), "app.x (whole app)");
}

#[test]
fn a_regular_expression_that_is_not_for_whole_paths_is_refused() {
    let refused = |pattern: &str| {
        let said = compiled(&format!(
            "{HEAD}[app.x]\nhosts = [\"x.example.com\"]\nrequire = \"signed_in\"\n[[app.x.rule]]\npath_regex = '{pattern}'"
        ));
        let mut faults = said.err().unwrap_or_else(|| panic!("{pattern} was accepted")).0;
        assert_eq!((faults.len(), faults[0].line), (1, Some(8)), "{pattern}: {faults:?}");
        let fault = faults.remove(0);
        (fault.message, fault.hint.unwrap_or_default())
    };
    for (pattern, hint) in [
        ("/x", "write \"^/x$\","),
        ("^/x", "write \"^/x$\","),
        ("/x$", "write \"^/x$\","),
        ("", "write \"^$\","),
        ("^/x$|/y", "write \"^(?:/x$|/y)$\","),
        ("^/x|/y$", "write \"^(?:/x|/y)$\","),
        ("(?m)^/x$", "write \"^(?m)^/x$\","),
        ("(?:^)?/x$", "write \"^(?:^)?/x$\","),
        ("^/x$\\n?", "write \"^/x$\\\\n?$\","),
    ] {
        let (message, said) = refused(pattern);
        assert!(message.ends_with("` is not for a whole path"), "{pattern}: {message}");
        assert!(said.starts_with(hint), "{pattern}: {said}");
    }
    for (pattern, expected) in [
        ("^x$", "would never match"),
        ("^(?:admin|user)/.*$", "would never match"),
        ("^/a%2fb$", "would never match"),
        ("^[^\\s\\S]$", "would never match"),
        ("^/a;.*$", "has a semicolon"),
        ("^/(a$", "is no regular expression: unclosed group"),
        (
            "^/(?=a)$",
            "is no regular expression: look-around, including look-ahead and look-behind, is not supported",
        ),
        ("^/(a)\\1$", "is no regular expression: backreferences are not supported"),
        ("^/\\w{500}$", "takes too much memory"),
    ] {
        let (message, _) = refused(pattern);
        assert!(message.ends_with(&format!("` {expected}")), "{pattern}: {message}");
    }
    let (message, _) = refused(&format!("^/{}$", "a".repeat(1000)));
    assert_eq!(message, "`path_regex` has more than 1000 characters");
    for pattern in ["^/$", "^/x$|^/y$", "^(?:/x|/y)$", "^/(?i)x$", "\\A/x\\z", "^(/a)?/b$", "^.*$"] {
        app(&format!("require = \"signed_in\"\n[[app.x.rule]]\npath_regex = '{pattern}'"));
    }
    let both = "[app.x]\nhosts = [\"x.example.com\"]\n[[app.x.rule]]\npath = \"/x\"\npath_regex = '^/x$'";
    assert_eq!(faults(&format!("{HEAD}{both}")), ["aegis.toml:8: `path` and `path_regex` are both set"]);
}

#[test]
fn a_rule_for_networks_is_for_whoever_comes_from_there() {
    let app = app("require = \"two_factor\"\n\
         [[app.x.rule]]\npath = \"/health\"\nnetworks = [\"10.0.0.5\"]\nrequire = \"public\"\n\
         [[app.x.rule]]\nnetworks = [\"192.168.0.0/16\", \"fd00::/8\", \"::ffff:172.16.0.0/108\"]\nrequire = \"signed_in\"\n");
    let health = "app.x rule 1 (path /health, networks 10.0.0.5)";
    let home = "app.x rule 2 (path /*, networks 192.168.0.0/16, fd00::/8, ::ffff:172.16.0.0/108)";
    let whole = "app.x (whole app)";
    for (path, address, expected) in [
        ("/health", "10.0.0.5", health),
        ("/health", "::ffff:10.0.0.5", health),
        ("/health", "10.0.0.6", whole),
        ("/health", "", whole),
        ("/", "192.168.3.4", home),
        ("/health", "192.168.3.4", home),
        ("/", "::ffff:192.168.3.4", home),
        ("/", "fd12::1", home),
        ("/", "172.31.0.1", home),
        ("/", "172.32.0.1", whole),
        ("/", "fe80::1", whole),
        ("/", "198.51.100.7", whole),
        ("/", "", whole),
        ("/a;b", "192.168.3.4", home),
    ] {
        assert_eq!(from(&app, path, address), expected, "GET {path} from {address:?}");
    }
    for (networks, expected) in [
        ("[]", "7: `networks` is empty: the rule would never match"),
        ("[\"192.168.0.7/16\"]", "8: `networks`: `192.168.0.7/16` is not a network such as 10.0.0.0/8"),
        ("[\"lan\"]", "8: `networks`: `lan` is not a network such as 10.0.0.0/8"),
    ] {
        let text = format!(
            "[app.x]\nhosts = [\"x.example.com\"]\nrequire = \"deny\"\n[[app.x.rule]]\nnetworks = {networks}"
        );
        assert_eq!(faults(&format!("{HEAD}{text}")), [format!("aegis.toml:{expected}")], "{networks}");
    }
}

#[test]
fn a_path_in_other_letters_meets_the_stricter_rule() {
    let app = app("require = \"signed_in\"\npublic = [\"/hooks\"]\n\
         [[app.x.rule]]\npath = \"/admin/*\"\nroles = [\"admin\"]\n\
         [[app.x.rule]]\npath = \"/Users/new\"\nrequire = \"deny\"\n\
         [[app.x.rule]]\npath_regex = '^/albums/[a-z]+$'\nrequire = \"two_factor\"\n\
         [[app.x.rule]]\npath = \"/open/*\"\nrequire = \"public\"\n\
         [[app.x.rule]]\npath = \"/GESCH\u{c4}FT\"\nrequire = \"deny\"\n");
    let (admin, users) = ("app.x rule 1 (path /admin/*)", "app.x rule 2 (path /Users/new)");
    let (albums, open) = ("app.x rule 3 (path_regex ^/albums/[a-z]+$)", "app.x rule 4 (path /open/*)");
    let business = "app.x rule 5 (path /GESCH\u{c4}FT)";
    let whole = "app.x (whole app)";
    for (path, expected) in [
        ("/admin/x", admin),
        ("/Admin/x", admin),
        ("/ADMIN", admin),
        ("/%41dmin/X", admin),
        ("/Admin;x/y", admin),
        ("/Administrator", whole),
        // In letters that Caddy and others take for those: a dotted capital, one without its dot.
        ("/adm\u{130}n/x", admin),
        ("/adm%C4%B0n/x", admin),
        ("/adm\u{131}n/x", admin),
        ("/u\u{17f}ers/new", users),
        ("/album\u{17f}/a", albums),
        ("/albums/\u{212a}", albums),
        ("/gesch\u{e4}ft", business),
        ("/Gesch\u{c4}ft", business),
        ("/hoo\u{212a}s/x", whole),
        // As the rule is written, and as it is not.
        ("/Users/new", users),
        ("/users/new", users),
        ("/USERS/NEW", users),
        ("/albums/a", albums),
        ("/albums/A", albums),
        ("/Albums/a", albums),
        // Open as it is written alone.
        ("/open/x", open),
        ("/open/X", open),
        ("/Open/x", whole),
        ("/hooks/X", "app.x public \"/hooks\""),
        ("/Hooks/x", whole),
    ] {
        assert_eq!(rule(&app, "GET", path).name(), expected, "GET {path}");
    }
}

#[test]
fn a_path_with_dots_or_blanks_at_its_end_meets_the_stricter_rule() {
    let app = app("require = \"signed_in\"\npublic = [\"/hooks\"]\n\
         [[app.x.rule]]\npath = \"/admin\"\nroles = [\"admin\"]\n\
         [[app.x.rule]]\npath = \"/open\"\nrequire = \"public\"\n");
    let (admin, whole) = ("app.x rule 1 (path /admin)", "app.x (whole app)");
    for (path, expected) in [
        ("/admin.", admin),
        ("/admin%20", admin),
        ("/admin.%20.", admin),
        ("/Admin%2e", admin),
        ("/admin;x.", admin),
        ("/admin.;x", admin),
        ("/admin.x", whole),
        ("/open.", whole),
        ("/hooks.", whole),
        ("/hooks/x.", "app.x public \"/hooks\""),
        ("/favicon.ico.", whole),
    ] {
        assert_eq!(rule(&app, "GET", path).name(), expected, "GET {path}");
    }
}
