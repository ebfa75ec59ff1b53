//! The contract as tables, and what must hold for every policy as properties.

mod factors;
mod matching;

use std::fmt::Write as _;
use std::fs;

use http::Method;
use proptest::prelude::*;

use super::*;
use crate::config::{Sources, read};
use crate::identity::{Assurance, Identity, UserId};
use crate::place::{CanonicalPath, ClientAddress};

/// When everything here is judged.
const NOW: Wall = Wall(1_795_252_374_000);

const HEAD: &str = "public_url = \"https://auth.example.com\"\n[cookie]\ndomain = \"example.com\"\n";

/// The policy of these settings.
fn compiled(text: &str) -> Result<Policy, Faults> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("aegis.toml"), text).unwrap();
    let settings = read(&Sources { directory: directory.path().into(), ..Sources::default() })?;
    let domain = cookie_domain(&settings)?;
    Policy::compile(&settings, &public_url(&settings)?, domain.as_ref())
}

/// The policy of these apps under example.com.
fn apps(text: &str) -> Policy {
    compiled(&format!("{HEAD}{text}")).unwrap_or_else(|faults| panic!("{text}\ngave\n{faults}"))
}

/// The one app `x` with these settings.
fn app(text: &str) -> Arc<App> {
    apps(&format!("[app.x]\nhosts = [\"x.example.com\"]\n{text}")).apps()[0].clone()
}

/// The faults of these settings, without their hints.
fn faults(text: &str) -> Vec<String> {
    match compiled(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(faults) => faults.0.into_iter().map(|fault| Fault { hint: None, ..fault }.to_string()).collect(),
    }
}

fn known(username: &str, roles: &[&str]) -> Found {
    Found::Known(Arc::new(Identity {
        user: UserId::new(),
        username: username.parse().unwrap(),
        email: None,
        name: username.into(),
        roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
        administrator: true,
        methods: Arc::new([]),
        assurance: Assurance::SignedIn,
        authenticated_at: None,
        session: None,
    }))
}

fn rule<'a>(app: &'a App, method: &str, path: &str) -> &'a Rule {
    let parsed = CanonicalPath::parse(path).unwrap_or_else(|why| panic!("{path}: {why}"));
    app.rule_for(&method.parse().unwrap(), &parsed, None)
}

#[test]
fn an_app_is_found_by_its_host_and_port() {
    use NoApp::{UnknownHost, WrongPort};
    use Scheme::{Http, Https};

    let policy = apps(
        "[app.all]\nhosts = [\"*.example.com\"]\nrequire = \"deny\"\n\
         [app.deep]\nhosts = [\"*.deep.example.com\"]\nrequire = \"deny\"\n\
         [app.one]\nhosts = [\"one.deep.example.com\", \"ONE.example.com.\"]\nrequire = \"deny\"\n\
         [app.port]\nhosts = [\"port.example.com:8443\", \"*.port.example.com:8443\"]\nrequire = \"deny\"\n",
    );
    for (host, port, scheme, expected) in [
        ("any.example.com", None, Https, Ok("all")),
        ("any.example.com", Some(443), Https, Ok("all")),
        ("any.example.com", None, Http, Ok("all")),
        ("any.example.com", Some(80), Http, Ok("all")),
        ("any.example.com", Some(80), Https, Err(WrongPort)),
        ("any.example.com", Some(443), Http, Err(WrongPort)),
        ("a.b.example.com", None, Https, Ok("all")),
        ("a.deep.example.com", None, Https, Ok("deep")),
        ("a.b.deep.example.com", None, Https, Ok("deep")),
        ("deep.example.com", None, Https, Ok("all")),
        ("one.deep.example.com", None, Https, Ok("one")),
        ("one.example.com", None, Https, Ok("one")),
        ("port.example.com", Some(8443), Https, Ok("port")),
        ("a.port.example.com", Some(8443), Https, Ok("port")),
        ("port.example.com", None, Https, Err(WrongPort)),
        ("port.example.com", Some(443), Https, Err(WrongPort)),
        ("port.example.com", Some(8444), Https, Err(WrongPort)),
        ("one.example.com", Some(8443), Https, Err(WrongPort)),
        ("example.com", None, Https, Err(UnknownHost)),
        ("auth.example.com", None, Https, Err(UnknownHost)),
        ("auth.example.com", Some(8443), Https, Err(UnknownHost)),
        ("a.auth.example.com", None, Https, Ok("all")),
        ("anexample.com", None, Https, Err(UnknownHost)),
        ("example.org", None, Https, Err(UnknownHost)),
        ("com", None, Https, Err(UnknownHost)),
        ("", None, Https, Err(UnknownHost)),
        (".example.com", None, Http, Ok("all")),
    ] {
        let found = policy.app_for(host, port, scheme).map(|app| app.name().as_str());
        assert_eq!(found, expected, "{} {host} {port:?}", scheme.as_str());
    }
}

#[test]
fn a_rule_is_chosen_by_path_and_method() {
    let app = app("require = \"signed_in\"\nroles = [\"user\"]\npublic = [\"/hooks\", \"/a/b/\"]\n\
         [[app.x.rule]]\npath = \"/hooks/*\"\nrequire = \"deny\"\n\
         [[app.x.rule]]\npath = \"/admin/*\"\nmethods = [\"POST\", \"GET\"]\nroles = [\"admin\"]\n\
         [[app.x.rule]]\npath = \"/exact\"\nrequire = \"deny\"\n\
         [[app.x.rule]]\npath = \"/slash/\"\nrequire = \"deny\"\n\
         [[app.x.rule]]\nmethods = [\"DELETE\"]\nrequire = \"deny\"\n\
         [[app.x.rule]]\npath = \"/admin/*\"\nrequire = \"optional\"\n");
    let admin = "app.x rule 2 (path /admin/*, methods POST, GET)";
    let rest = "app.x rule 6 (path /admin/*)";
    let whole = "app.x (whole app)";
    for (method, path, expected) in [
        ("GET", "/", whole),
        ("GET", "/hooks", "app.x public \"/hooks\""),
        ("DELETE", "/hooks/", "app.x public \"/hooks\""),
        ("POST", "/hooks/a/b", "app.x public \"/hooks\""),
        ("GET", "/hooksa", whole),
        ("GET", "/a/b", "app.x public \"/a/b/\""),
        ("GET", "/a/b/c", "app.x public \"/a/b/\""),
        ("GET", "/a/bc", whole),
        ("GET", "/admin", admin),
        ("HEAD", "/admin", admin),
        ("POST", "/admin/", admin),
        ("GET", "/admin/x/y", admin),
        ("GET", "//admin", admin),
        ("GET", "/%61dmin", admin),
        ("GET", "/administrator", whole),
        // One asks for `user`, the other for `admin`.
        ("GET", "/Admin", "app.x (path with two readings)"),
        ("PUT", "/admin/x", rest),
        ("DELETE", "/admin/x", "app.x rule 5 (path /*, methods DELETE)"),
        ("DELETE", "/anything", "app.x rule 5 (path /*, methods DELETE)"),
        ("GET", "/exact", "app.x rule 3 (path /exact)"),
        ("GET", "/exact/", whole),
        ("GET", "/exact/x", whole),
        ("GET", "/slash/", "app.x rule 4 (path /slash/)"),
        ("GET", "/slash", whole),
        ("GET", "/slash/x", whole),
    ] {
        assert_eq!(rule(&app, method, path).name(), expected, "{method} {path}");
    }
}

#[test]
fn a_path_with_parameters_falls_under_the_stricter_reading() {
    let app = app("require = \"signed_in\"\npublic = [\"/pub\"]\n\
         [[app.x.rule]]\npath = \"/admin/*\"\nroles = [\"admin\"]\n\
         [[app.x.rule]]\npath = \"/a\"\nroles = [\"admin\", \"ops\"]\n\
         [[app.x.rule]]\npath = \"/sam/*\"\nusers = [\"sam\"]\n");
    let whole = "app.x (whole app)";
    for (path, expected) in [
        ("/admin;x=/pub/", "app.x rule 1 (path /admin/*)"),
        ("/admin;.js", "app.x rule 1 (path /admin/*)"),
        ("/admin%3b.js", "app.x rule 1 (path /admin/*)"),
        ("/;x/admin/y", "app.x rule 1 (path /admin/*)"),
        ("/a;x", "app.x rule 2 (path /a)"),
        ("/pub;x", whole),
        ("/pub;x/y", whole),
        ("/pub/;x", "app.x public \"/pub\""),
        ("/;", whole),
        ("/favicon.ico;x", whole),
    ] {
        assert_eq!(rule(&app, "GET", path).name(), expected, "{path}");
    }

    // Neither of two rules is the stricter: nobody is let in.
    let app = self::app(
        "require = \"signed_in\"\nusers = [\"ann\"]\n[[app.x.rule]]\npath = \"/sam/*\"\nusers = [\"sam\"]\n",
    );
    let chosen = rule(&app, "GET", "/sam;x");
    assert_eq!(chosen.name(), "app.x (path with two readings)");
    assert_eq!(decide(chosen, &known("sam", &[]), NOW), Verdict::Forbidden(Needs::Nothing));
}

#[test]
fn what_browsers_ask_for_without_cookies_is_public() {
    let plain = app("require = \"signed_in\"");
    for path in [
        "/manifest.json",
        "/manifest.webmanifest",
        "/site.webmanifest",
        "/favicon.ico",
        "/robots.txt",
        "/apple-touch-icon.png",
        "/apple-touch-icon-120x120-precomposed.png",
    ] {
        for (method, expected) in
            [("GET", "app.x assets"), ("HEAD", "app.x assets"), ("POST", "app.x (whole app)")]
        {
            assert_eq!(rule(&plain, method, path).name(), expected, "{method} {path}");
        }
        for other in ["require = \"signed_in\"\nassets = \"protected\"", "require = \"deny\""] {
            assert_eq!(rule(&app(other), "GET", path).name(), "app.x (whole app)", "{path} of {other}");
        }
    }
    for path in [
        "/favicon.ico/",
        "/a/favicon.ico",
        "/Favicon.ico",
        "/apple-touch-icon/x.png",
        "/apple-touch-icon.php?.png".split('?').next().unwrap(),
        "/apple-touch-icon%20.png",
    ] {
        assert_eq!(rule(&plain, "GET", path).name(), "app.x (whole app)", "{path}");
    }

    let ruled = app("require = \"signed_in\"\n[[app.x.rule]]\npath = \"/robots.txt\"\nroles = [\"a\"]\n\
         [[app.x.rule]]\npath = \"/favicon.ico/*\"\nrequire = \"deny\"\n[[app.x.rule]]\nroles = [\"b\"]\n");
    for (path, expected) in [
        ("/robots.txt", "app.x rule 1 (path /robots.txt)"),
        ("/favicon.ico", "app.x rule 2 (path /favicon.ico/*)"),
        ("/manifest.json", "app.x assets"),
        ("/other", "app.x rule 3 (path /*)"),
    ] {
        assert_eq!(rule(&ruled, "GET", path).name(), expected, "{path}");
    }
}

#[test]
fn every_rule_judges_everybody_as_the_contract_says() {
    use Verdict::{Allow, AllowAsNobody, Forbidden, Refused, SignIn, Unavailable};
    let sam = known("sam", &[]);
    let ann = known("ann", &["admin"]);
    let eve = known("eve", &["other"]);
    let refused = Found::Refused(Why::Disabled);
    let down = Found::Unanswered(Part::Store);
    let closed = Forbidden(Needs::Nothing);
    let stranger = Forbidden(Needs::Membership);
    for (text, expected) in [
        ("require = \"public\"", [AllowAsNobody; 6]),
        ("require = \"optional\"", [AllowAsNobody, Allow, Allow, Allow, AllowAsNobody, AllowAsNobody]),
        (
            "require = \"signed_in\"",
            [SignIn, Allow, Allow, Allow, Refused(Why::Disabled), Unavailable(Part::Store)],
        ),
        (
            "require = \"signed_in\"\nusers = [\"sam\"]",
            [SignIn, Allow, stranger, stranger, Refused(Why::Disabled), Unavailable(Part::Store)],
        ),
        (
            "require = \"signed_in\"\nroles = [\"ops\", \"admin\"]",
            [SignIn, stranger, Allow, stranger, Refused(Why::Disabled), Unavailable(Part::Store)],
        ),
        (
            "require = \"signed_in\"\nusers = [\"sam\"]\nroles = [\"admin\"]",
            [SignIn, Allow, Allow, stranger, Refused(Why::Disabled), Unavailable(Part::Store)],
        ),
        ("require = \"deny\"", [closed; 6]),
    ] {
        let app = app(text);
        for (found, expected) in [&Found::Nobody, &sam, &ann, &eve, &refused, &down].into_iter().zip(expected)
        {
            assert_eq!(decide(app.whole(), found, NOW), expected, "{text} for {found:?}");
        }
    }
}

#[test]
fn a_rule_has_what_it_leaves_out_from_its_app() {
    let head = "require = \"signed_in\"\nusers = [\"sam\"]\nroles = [\"ops\"]\nchallenge = \"basic\"\n[[app.x.rule]]\n";
    for (text, require, users, roles, challenge) in [
        ("", Require::SignedIn, vec!["sam"], vec!["ops"], Challenge::Basic),
        ("challenge = \"bearer\"", Require::SignedIn, vec!["sam"], vec!["ops"], Challenge::Bearer),
        ("roles = [\"admin\"]", Require::SignedIn, vec!["sam"], vec!["admin"], Challenge::Basic),
        ("users = []\nroles = [\"admin\"]", Require::SignedIn, vec![], vec!["admin"], Challenge::Basic),
        ("users = []", Require::SignedIn, vec![], vec!["ops"], Challenge::Basic),
        ("require = \"public\"", Require::Public, vec![], vec![], Challenge::Basic),
        ("require = \"deny\"", Require::Deny, vec![], vec![], Challenge::Basic),
        ("require = \"optional\"", Require::Optional, vec![], vec![], Challenge::Basic),
    ] {
        let app = app(&format!("{head}{text}"));
        let rule = rule(&app, "GET", "/");
        let users_are: Vec<_> = rule.users().iter().map(crate::identity::Username::as_str).collect();
        let roles_are: Vec<_> = rule.roles().iter().map(crate::identity::Role::as_str).collect();
        assert_eq!(
            (rule.require(), users_are, roles_are, rule.challenge()),
            (require, users, roles, challenge),
            "{text}"
        );
        assert_eq!(rule.place(), Some("aegis.toml:10"), "{text}");
    }
    let inherits =
        app("require = \"public\"\nroles = [\"a\"]\n[[app.x.rule]]\npath = \"/x\"\nrequire = \"signed_in\"");
    assert_eq!(rule(&inherits, "GET", "/x").roles().len(), 1, "roles of a public app are for its rules");
}

#[test]
fn what_an_app_wants_is_kept() {
    let plain = app("require = \"deny\"");
    assert_eq!(
        (plain.title(), plain.preflight(), plain.remote_user()),
        ("x", Preflight::Refuse, RemoteUser::Username)
    );
    assert_eq!(plain.origin().unwrap().to_string(), "https://x.example.com");
    let policy = apps(
        "[app.y]\nhosts = [\"*.y.example.com\", \"y.example.com:8443\", \"z.example.com\"]\nrequire = \"deny\"\n\
         title = \"Why\"\npreflight = \"pass\"\nremote_user = \"email\"\ncookie = \"shared\"\ncross_site = \"refuse\"",
    );
    let app = &policy.apps()[0];
    assert_eq!(
        (app.title(), app.preflight(), app.remote_user()),
        ("Why", Preflight::Pass, RemoteUser::Email)
    );
    assert_eq!(app.origin().unwrap().to_string(), "https://y.example.com:8443");
    assert_eq!(app.sites().len(), 3);
}

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
    let policy = compiled(include_str!("../../examples/aegis.toml")).unwrap();
    assert_eq!(policy.apps().len(), 1);
    assert!(policy.notes().is_empty(), "{:?}", policy.notes());
}

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

fn is_let_in(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Allow | Verdict::AllowAsNobody => true,
        Verdict::SignIn
        | Verdict::StepUp
        | Verdict::Forbidden(_)
        | Verdict::Unavailable(_)
        | Verdict::Refused(_) => false,
    }
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
