//! The contract as tables.

mod factors;
mod matching;
mod order;
mod properties;
mod settings;

use std::fmt::Write as _;
use std::fs;

use http::Method;

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
