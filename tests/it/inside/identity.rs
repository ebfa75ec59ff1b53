//! What an app learns: identity headers, cookies and authorization, each as it should be.

use aegis::store::Write;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::house::{APPS, House, Memory};
use super::visit::{DIALECTS, Visit};
use crate::lab::IDENTITY;
use crate::lab::client::Answer;

with_and_without_memory!(
    somebody_is_told_of_in_every_header_once,
    an_app_chooses_what_its_user_is,
    nobody_is_told_of_in_every_header_empty,
    names_beyond_ascii_are_encoded,
    apps_never_see_our_cookies,
    apps_never_see_our_authorization,
    other_names_of_headers,
);

/// Each identity header, its values.
fn identity(answer: &Answer) -> Vec<(&str, Vec<&str>)> {
    IDENTITY
        .into_iter()
        .map(|name| {
            let values = answer.headers.iter().filter(|(own, _)| own == name);
            (name, values.map(|(_, value)| value.as_str()).collect())
        })
        .collect()
}

fn somebody_is_told_of_in_every_header_once(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&["writer", "admin", "users"]);
    let (name, user) = (person.username.as_str(), house.sign_in(person.username.as_str()));
    for dialect in DIALECTS {
        for (host, path) in [("closed", "/"), ("closed", "/admin"), ("welcome", "/")] {
            // What the visitor says of themselves is not even heard.
            let forged = IDENTITY
                .iter()
                .fold(Visit::new(&format!("{host}.example.com"), path).cookie(&user.token), |visit, name| {
                    visit.header(name, "root").header(&name.replace('-', "_"), "root")
                });
            let answer = house.check(dialect, &forged);
            assert_eq!(answer.status, 200, "{dialect:?}: {forged:?}\ncame back: {answer}");
            let found = identity(&answer);
            let email = format!("{name}@example.test");
            let display = format!("The {name}");
            for ((header, values), expected) in
                found.iter().zip([name, &email, &display, "users,admin,writer", "password"])
            {
                assert_eq!(values, &[expected], "{dialect:?}: {header}\ncame back: {answer}");
            }
            let assertion = &found[5].1;
            assert_eq!(assertion.len(), 1, "{dialect:?}: one assertion\ncame back: {answer}");
            assert_eq!(assertion[0].split('.').count(), 3, "{dialect:?}: a JWT\ncame back: {answer}");
            assert_eq!(answer.body, "ok", "{dialect:?}: a tiny body\ncame back: {answer}");
        }
    }
}

fn an_app_chooses_what_its_user_is(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let user = house.sign_in(person.username.as_str());
    for (host, expected) in [
        ("closed", person.username.to_string()),
        ("other", person.email.as_ref().unwrap().to_string()),
        ("guarded", person.id.to_string()),
        // And from memory the answer is still that app's own.
        ("closed", person.username.to_string()),
    ] {
        for dialect in DIALECTS {
            let visit = Visit::new(&format!("{host}.example.com"), "/").cookie(&user.token);
            let answer = house.check(dialect, &visit);
            assert_eq!(
                answer.header("remote-user"),
                Some(expected.as_str()),
                "{dialect:?}: {visit:?}\n{answer}"
            );
        }
    }
}

fn nobody_is_told_of_in_every_header_empty(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&["admin"]).username.as_str());
    for dialect in DIALECTS {
        for (name, visit) in [
            ("a public app", Visit::new("open.example.com", "/")),
            ("a public app, somebody", Visit::new("open.example.com", "/").cookie(&user.token)),
            ("a public path", Visit::new("closed.example.com", "/hooks/a")),
            ("a public path, somebody", Visit::new("closed.example.com", "/hooks/a").cookie(&user.token)),
            ("an icon, somebody", Visit::new("closed.example.com", "/favicon.ico").cookie(&user.token)),
            ("an optional app", Visit::new("welcome.example.com", "/")),
            ("an optional app, garbage", Visit::new("welcome.example.com", "/").cookie("aegis_token=a.b.c")),
            (
                "an optional app, a key",
                Visit::new("welcome.example.com", "/").header("X-Aegis-Key", "aegis_pat_x"),
            ),
        ] {
            let forged = IDENTITY.iter().fold(visit, |visit, name| {
                visit
                    .header(name, "root")
                    .header(&name.replace('-', "_"), "root")
                    .header(&name.replace('-', "."), "root")
            });
            let answer = house.check(dialect, &forged);
            assert_eq!(answer.status, 200, "{dialect:?}, {name}: {forged:?}\ncame back: {answer}");
            for (header, values) in identity(&answer) {
                assert_eq!(values, [""], "{dialect:?}, {name}: {header} once and empty\ncame back: {answer}");
            }
        }
    }
}

fn names_beyond_ascii_are_encoded(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let user = house.sign_in(person.username.as_str());
    for (display, expected) in [
        ("Zoë", "=?utf-8?q?Zo=C3=AB?="),
        ("Ann\r\nRemote-Groups: admin", "AnnRemote-Groups: admin"),
        ("=?utf-8?q?root?=", "=?utf-8?q?=3D=3Futf=2D8=3Fq=3Froot=3F=3D?="),
        ("", person.username.as_str()),
    ] {
        let actor = aegis::identity::Actor::Command;
        let renamed = house.app.users.set_name(Write::new(), person.id, display, actor, house.now());
        house.wait(renamed).expect("renamed");
        let visit = Visit::new("closed.example.com", "/").cookie(&user.token);
        let answer = house.check(super::visit::DIALECTS[0], &visit);
        assert_eq!(answer.header("remote-name"), Some(expected), "the name {display:?}\ncame back: {answer}");
        assert_eq!(
            answer.header("remote-groups"),
            Some("users"),
            "the name {display:?}\ncame back: {answer}"
        );
    }
}

fn apps_never_see_our_cookies(memory: Memory) {
    let house = House::shared(memory);
    let user = house.sign_in(house.person(&[]).username.as_str());
    let token = user.token.as_str();
    for dialect in DIALECTS {
        for (sent, passed) in [
            (vec![token.to_owned()], "aegis=none"),
            (vec![format!("a=b; {token}; c=d")], "a=b; c=d"),
            (vec![format!("{token}; a=b"), "c=d".to_owned()], "a=b; c=d"),
            (vec!["a=b".to_owned(), token.to_owned()], "a=b"),
            (vec![format!("{token}; {}", user.session)], "aegis=none"),
            (vec![format!("{token}; __Host-aegis_device=x; AEGIS_TOKEN=y; a=b")], "a=b"),
            (
                vec![format!("{token}; xaegis_token=mine; aegis_tokenx=mine; aegis=mine")],
                "xaegis_token=mine; aegis_tokenx=mine; aegis=mine",
            ),
            (vec![format!("{token}; a=\"aegis_token=b\"; =x; y")], "a=\"aegis_token=b\"; =x; y"),
        ] {
            let visit =
                sent.iter().fold(Visit::new("closed.example.com", "/"), |visit, cookie| visit.cookie(cookie));
            let answer = house.check(dialect, &visit);
            assert_eq!(answer.status, 200, "{dialect:?}: {visit:?}\ncame back: {answer}");
            assert_eq!(answer.header("cookie"), Some(passed), "{dialect:?}: {visit:?}\ncame back: {answer}");
        }
        // On public paths, too, where nobody looks at them.
        let visit = Visit::new("open.example.com", "/").cookie(&format!("a=b; {token}"));
        let answer = house.check(dialect, &visit);
        assert_eq!(answer.header("cookie"), Some("a=b"), "{dialect:?}: {visit:?}\ncame back: {answer}");
    }
}

fn apps_never_see_our_authorization(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let (user, script) =
        (house.sign_in(person.username.as_str()), house.script_token(person.username.as_str(), None));
    let foreign = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJzb21lYm9keS1lbHNlIn0.c2lnbmF0dXJl";
    let ours = format!("Bearer {script}");
    for dialect in DIALECTS {
        for (authorization, passed) in [
            ("Basic YTpi", "Basic YTpi"),
            ("Bearer something", "Bearer something"),
            (&format!("Bearer {foreign}"), &format!("Bearer {foreign}")),
            ("Digest username=\"a\"", "Digest username=\"a\""),
            (ours.as_str(), ""),
            (&format!("bearer  {script}"), ""),
            ("Bearer aegis_pat_x", ""),
            (&format!("Token {script}"), ""),
            (&format!("Token token=\"{script}\""), ""),
            (&format!("Basic {}", STANDARD.encode(format!("x:{script}"))), ""),
            // As some proxies join two lines.
            (&format!("Basic YTpi, {ours}"), ""),
            (&format!("{ours},Basic YTpi"), ""),
        ] {
            let visit = Visit::new("open.example.com", "/").header("Authorization", authorization);
            let answer = house.check(dialect, &visit);
            assert_eq!(answer.status, 200, "{dialect:?}: {visit:?}\ncame back: {answer}");
            assert_eq!(
                answer.header("authorization"),
                Some(passed),
                "{dialect:?}: {visit:?}\ncame back: {answer}"
            );
        }
        let visit = Visit::new("closed.example.com", "/").header("Authorization", &ours);
        let answer = house.check(dialect, &visit);
        assert_eq!((answer.status, answer.header("authorization")), (200, Some("")), "{dialect:?}: {answer}");
        // With our cookie beside it, somebody else's goes on.
        let visit =
            Visit::new("closed.example.com", "/").cookie(&user.token).header("Authorization", "Basic YTpi");
        let answer = house.check(dialect, &visit);
        assert_eq!(
            (answer.status, answer.header("authorization")),
            (200, Some("Basic YTpi")),
            "{dialect:?}: {answer}"
        );
    }
}

fn other_names_of_headers(memory: Memory) {
    let house = House::open(memory, &format!("headers = \"x-auth-request\"\n{APPS}"));
    let person = house.person(&[]);
    let user = house.sign_in(person.username.as_str());
    for (visit, expected) in [
        (Visit::new("closed.example.com", "/").cookie(&user.token), person.username.as_str()),
        (Visit::new("open.example.com", "/").cookie(&user.token), ""),
    ] {
        let answer = house.check(DIALECTS[0], &visit);
        assert_eq!(answer.header("x-auth-request-user"), Some(expected), "{visit:?}\ncame back: {answer}");
        assert!(answer.header("remote-user").is_none(), "one set of names: {answer}");
        assert!(answer.header("x-aegis-assertion").is_some(), "under its own name: {answer}");
    }
}
