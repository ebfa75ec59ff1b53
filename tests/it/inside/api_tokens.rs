//! API tokens: where they are taken, what they reach, and when they end.

use std::sync::Barrier;
use std::time::Duration;

use aegis::api_tokens::{ApiTokens, Made, NewApiToken};
use aegis::forwarded::Dialect;
use aegis::identity::{Actor, UserId};
use aegis::policy::{Allow, Scope};
use aegis::store::{Store, Write};
use aegis::users::{Leaves, User};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::house::{APPS, House, Memory, PASSWORD, PORTAL};
use super::visit::{DIALECTS, Visit, form, json as post};
use crate::lab::client::{Answer, Ask};

with_and_without_memory!(
    a_token_is_taken_as_a_key_as_bearer_and_as_a_password,
    a_token_that_is_wrong_in_any_way_is_refused,
    no_spelling_of_a_token_reaches_the_app,
    a_token_reaches_what_it_is_for_and_nothing_else,
    a_token_for_some_apps_opens_those,
    a_token_says_who_its_owner_is_now_and_never_an_administrator,
    a_token_opens_nothing_at_our_own_site,
    a_revoked_token_opens_nothing_at_once,
    a_command_beside_the_server_revokes_within_a_second,
    a_token_ends_when_it_says,
    a_token_goes_and_comes_with_its_account,
    tokens_outlive_a_new_password_and_a_restart,
    fifty_tokens_at_once_are_fifty_people,
    a_token_counts_as_two_factors_and_neither_as_a_device_nor_as_fresh,
);

const DAY: Duration = Duration::from_hours(24);

/// A token of theirs.
fn make(house: &House, user: UserId, apps: &[&str], allow: &[&str], lasts: Option<Duration>) -> Made {
    let apps = apps.iter().map(|app| app.parse().unwrap()).collect();
    let allow = allow.iter().map(|text| Allow::parse(text).unwrap()).collect();
    let new = NewApiToken {
        user,
        name: "of a test",
        scope: Scope::new(apps, allow).unwrap(),
        expires_at: lasts.map(|span| house.now().plus(span)),
    };
    let made = house.app.api_tokens.create(Write::new(), new, Actor::User(user), house.now());
    house.wait(made).expect("a token is made")
}

fn whole(house: &House, user: &User) -> String {
    make(house, user.id, &[], &[], None).token.reveal().to_owned()
}

fn closed() -> Visit {
    Visit::new("closed.example.com", "/")
}

fn key(visit: Visit, token: &str) -> Visit {
    visit.header("X-Aegis-Key", token)
}

fn bearer(visit: Visit, token: &str) -> Visit {
    visit.header("Authorization", &format!("Bearer {token}"))
}

fn basic(visit: Visit, username: &str, token: &str) -> Visit {
    visit.header("Authorization", &format!("Basic {}", STANDARD.encode(format!("{username}:{token}"))))
}

/// Whether it opens the closed app. What is remembered of it is there after the first time.
#[track_caller]
fn opens(house: &House, token: &str) -> bool {
    let visit = key(closed(), token);
    let status = house.status(Dialect::Forward, &visit);
    assert!([200, 401].contains(&status), "200 or 401, and not {status}, for {visit:?}");
    status == 200
}

fn assertion_of(answer: &Answer) -> serde_json::Value {
    let token = answer.header("x-aegis-assertion").expect("an assertion");
    let payload = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

fn a_token_is_taken_as_a_key_as_bearer_and_as_a_password(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&["admin"]);
    let token = whole(house, &person);
    let other = house.sign_in(house.person(&[]).username.as_str());
    for dialect in DIALECTS {
        for host in ["closed", "basic", "welcome"] {
            let visit = Visit::new(&format!("{host}.example.com"), "/admin/");
            for visit in [
                key(visit.clone(), &token),
                bearer(visit.clone(), &token),
                visit.clone().header("Authorization", &format!("bEaReR\t  {token}")),
                basic(visit.clone(), person.username.as_str(), &token),
                basic(visit.clone(), "somebody", &token),
                basic(visit.clone(), "", &token),
                // The key goes before a cookie; what else is shown is passed on if it is not ours.
                key(visit.clone(), &token).cookie(&other.token),
            ] {
                let answer = house.check(dialect, &visit);
                assert_eq!(answer.status, 200, "{dialect:?}: {visit:?}\ncame back: {answer}");
                assert_eq!(
                    answer.header("remote-user"),
                    Some(person.username.as_str()),
                    "{dialect:?}: {answer}"
                );
                assert_eq!(answer.header("remote-auth-method"), Some("token"), "{dialect:?}: {answer}");
                assert_eq!(answer.header("remote-groups"), Some("users,admin"), "{dialect:?}: {answer}");
                assert_eq!(
                    answer.header("authorization"),
                    Some(""),
                    "{dialect:?}: it goes no further: {answer}"
                );
                let said = assertion_of(&answer);
                assert_eq!(said["amr"], json!(["token"]), "{said}");
                assert_eq!(said["auth_time"], json!(null), "{said}");
            }
        }
        let visit = key(closed(), &token).header("Authorization", "Basic YTpi");
        let answer = house.check(dialect, &visit);
        assert_eq!(
            (answer.status, answer.header("authorization")),
            (200, Some("Basic YTpi")),
            "{dialect:?}: what is the app's own goes on: {answer}"
        );
    }
}

fn a_token_that_is_wrong_in_any_way_is_refused(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let (token, browser) = (whole(house, &person), house.sign_in(person.username.as_str()));
    assert!(opens(house, &token), "the token as it was made");
    // One with the right shape that is nobody's: made elsewhere.
    let elsewhere = House::open(Memory::Off, APPS);
    let strange = whole(&elsewhere, &elsewhere.person(&[]));
    let mut touched = vec![
        strange,
        token.to_uppercase(),
        token.replace("aegis_pat_", "aegis_pat-"),
        token[..token.len() - 1].to_owned(),
        format!("{token}A"),
        format!("\"{token}\""),
        format!("{token},{token}"),
        format!("Bearer {token}"),
        token["aegis_pat_".len()..].to_owned(),
        "aegis_pat_".to_owned(),
        String::new(),
    ];
    for position in ["aegis_pat_".len(), 30, token.len() - 1] {
        let mut bytes = token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'a' { b'b' } else { b'a' };
        touched.push(String::from_utf8(bytes).unwrap());
    }
    for dialect in DIALECTS {
        for wrong in &touched {
            let visit = key(closed(), wrong);
            assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: {visit:?}");
            // Whoever shows a key is its owner or nobody: no cookie helps.
            let visit = visit.cookie(&browser.token);
            assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: {visit:?}");
            for visit in [bearer(closed(), wrong), basic(closed(), "x", wrong)] {
                assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: {visit:?}");
            }
            let welcome = Visit::new("welcome.example.com", "/");
            let answer = house.check(dialect, &key(welcome, wrong));
            assert_eq!(
                (answer.status, answer.header("remote-user")),
                (200, Some("")),
                "{dialect:?}: {answer}"
            );
        }
        for visit in [
            key(key(closed(), &token), &token),
            bearer(bearer(closed(), &token), &token),
            closed().cookie(&format!("aegis_token={token}")),
            closed().cookie(&format!("__Host-aegis_session={token}")),
            closed().header("X-Aegis-Assertion", &token),
            closed().header("X_Aegis_Key", &token),
            Visit::new("closed.example.com", &format!("/?key={token}&access_token={token}")),
            basic(closed(), person.username.as_str(), PASSWORD),
        ] {
            assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: {visit:?}");
        }
    }
    assert!(opens(house, &token), "the token as it was made, after all that");
}

fn no_spelling_of_a_token_reaches_the_app(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let (token, browser) = (whole(house, &person), house.sign_in(person.username.as_str()));
    let pair = STANDARD.encode(format!("ann:{token}"));
    let unpadded = STANDARD.encode(format!("a:{token}"));
    assert!(unpadded.ends_with('='), "{unpadded}");
    for dialect in DIALECTS {
        for authorization in [
            format!("Bearer {token}"),
            format!("Bearer {}", &token[..40]),
            format!("Basic {pair}"),
            format!("basic   {pair}"),
            format!("Basic\t{pair}"),
            format!("Basic {}", unpadded.trim_end_matches('=')),
            format!("Basic {}", STANDARD.encode(&token)),
            format!("Basic {}", STANDARD.encode(format!("{token}:"))),
            format!("Basic {}", STANDARD.encode(format!("\u{e9}:{token}"))),
            format!("Basic {}", STANDARD.encode([b"\xff:", token.as_bytes()].concat())),
            format!("Basic {}", STANDARD.encode(format!("{}:{token}", "u".repeat(9_000)))),
            format!("Token {token}"),
            format!("Digest username=\"{token}\""),
            token.clone(),
        ] {
            let visit = closed().cookie(&browser.token).header("Authorization", &authorization);
            let answer = house.check(dialect, &visit);
            assert_eq!(
                (answer.status, answer.header("authorization")),
                (200, Some("")),
                "{dialect:?}: {visit:?}\ncame back: {answer}"
            );
            let shown: Vec<_> = answer.headers.iter().filter(|(_, value)| value.contains(&token)).collect();
            assert!(shown.is_empty(), "{dialect:?}: {visit:?}\ncame back: {shown:?}");
        }
    }
}

fn a_token_reaches_what_it_is_for_and_nothing_else(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&["admin"]);
    let allow = ["GET /api/*", "POST /upload", "* /dav/my files/*", "GET /admin/*", "POST /never/*"];
    let asked = [
        ("GET", "/api", 200),
        ("GET", "/api/", 200),
        ("HEAD", "/api/albums?x=/upload", 200),
        ("GET", "//api//albums", 200),
        ("GET", "/%61pi/albums", 200),
        ("GET", "/api/x;v=1", 200),
        ("GET", "/admin/users", 200),
        ("POST", "/upload", 200),
        ("PROPFIND", "/dav/my%20files/a", 200),
        ("DELETE", "/dav/my%20files", 200),
        ("GET", "/", 403),
        ("POST", "/api/albums", 403),
        ("DELETE", "/api/albums", 403),
        ("OPTIONS", "/api/albums", 403),
        ("GET", "/apis", 403),
        ("GET", "/API/albums", 403),
        ("GET", "/api;v=1/x", 403),
        ("GET", "/x;/api/y", 403),
        ("GET", "/upload", 403),
        ("POST", "/upload/", 403),
        ("POST", "/upload;x", 403),
        ("GET", "/?/api/", 403),
        ("GET", "/api%3F/x", 403),
        // Not read in two ways, however it is allowed.
        ("GET", "/api/../admin", 400),
        ("GET", "/api/%2e%2e/admin", 400),
        ("GET", "/api%2fx", 400),
    ];
    for dialect in DIALECTS {
        // Once with what opens first, so that it is remembered, and once the other way round.
        for reverse in [false, true] {
            let made = make(house, person.id, &[], &allow, None);
            let token = made.token.reveal();
            let mut asked = asked.to_vec();
            if reverse {
                asked.reverse();
            }
            for (method, target, status) in asked {
                let visit = Visit::new("closed.example.com", target).method(method);
                let status = if dialect == Dialect::Nginx && status == 400 { 403 } else { status };
                for visit in
                    [key(visit.clone(), token), bearer(visit.clone(), token), basic(visit, "x", token)]
                {
                    let answer = house.check(dialect, &visit);
                    assert_eq!(answer.status, status, "{dialect:?}: {visit:?}\ncame back: {answer}");
                    let is_told = answer.header("www-authenticate")
                        == Some("Bearer realm=\"Aegis\", error=\"insufficient_scope\"");
                    let is_beyond = status == 403 && !answer.body.contains("cannot read");
                    assert_eq!(is_told, is_beyond, "{dialect:?}: {visit:?}\ncame back: {answer}");
                    if is_beyond {
                        assert_eq!(answer.json()["detail"], "This token does not reach that.", "{answer}");
                        assert!(answer.header("remote-user").is_none(), "{dialect:?}: {answer}");
                    }
                }
            }
            // A rule that denies, and one that is for everybody, stay what they are.
            let never = key(Visit::new("closed.example.com", "/never/x").method("POST"), token);
            let answer = house.check(dialect, &never);
            assert_eq!((answer.status, answer.header("www-authenticate")), (403, None), "{answer}");
            for host in ["open", "welcome"] {
                let visit = key(Visit::new(&format!("{host}.example.com"), "/elsewhere"), token);
                let answer = house.check(dialect, &visit);
                assert_eq!(
                    (answer.status, answer.header("remote-user")),
                    (200, Some("")),
                    "{dialect:?}: as nobody: {visit:?}\ncame back: {answer}"
                );
            }
        }
    }
    let made = make(house, person.id, &["closed"], &allow, None);
    let navigation = key(Visit::navigation("closed.example.com", "/"), made.token.reveal());
    let page = house.check(Dialect::Forward, &navigation);
    assert!(page.status == 403 && page.body.contains("This token does not reach that."), "{page}");
}

fn a_token_for_some_apps_opens_those(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let made = make(house, person.id, &["other", "basic"], &[], None);
    for dialect in DIALECTS {
        for (host, status) in
            [("other", 200), ("closed", 401), ("basic", 200), ("guarded", 401), ("other", 200)]
        {
            let visit = key(Visit::new(&format!("{host}.example.com"), "/"), made.token.reveal());
            assert_eq!(house.status(dialect, &visit), status, "{dialect:?}: {visit:?}");
        }
    }
}

fn a_token_says_who_its_owner_is_now_and_never_an_administrator(memory: Memory) {
    let house = House::open(memory, APPS);
    let person = house.person(&[]);
    let token = whole(&house, &person);
    let admin = key(Visit::new("closed.example.com", "/admin/"), &token);
    assert_eq!(house.status(Dialect::Forward, &admin), 403, "without the role");
    let user = house.user(person.id);
    let roles = ["admin".parse().unwrap()];
    house.wait(house.app.users.set_roles(&user, &roles, Actor::Command, house.now())).unwrap();
    assert_eq!(house.status(Dialect::Forward, &admin), 200, "with the role");
    let changed =
        house.app.users.set_administrator(person.id, true, Leaves::Perhaps, Actor::Command, house.now());
    house.wait(changed).unwrap();
    let answer = house.check(Dialect::Forward, &admin);
    assert_eq!(answer.header("remote-groups"), Some("users,admin"), "{answer}");
    let fingerprint = aegis::api_tokens::Fingerprint::of(&token).expect("its shape");
    let named = house.wait(house.app.api_tokens.by_fingerprint(&fingerprint, house.now())).unwrap();
    assert_eq!(named.expect("it counts").user, person.id);
    assert!(!house.user(person.id).by_token().administrator, "by a token nobody administers");
}

fn a_token_opens_nothing_at_our_own_site(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let (name, token) = (person.username.as_str(), whole(house, &person));
    let cookies = [format!("__Host-aegis_session={token}"), format!("aegis_token={token}")];
    let headers = [
        ("X-Aegis-Key", token.clone()),
        ("Authorization", format!("Bearer {token}")),
        ("Authorization", format!("Basic {}", STANDARD.encode(format!("{name}:{token}")))),
        ("Cookie", cookies.join("; ")),
    ];
    for (header, value) in &headers {
        let ask = Ask::navigation(PORTAL, "/account").header(header, value);
        let answer = house.send(&ask);
        assert_eq!(answer.header("location"), Some("/login"), "asked: {ask}\ncame back: {answer}");
        for ask in [
            form("/account/name", &[("name", "Mallory")]),
            form("/account/password", &[("current", &token), ("new", "seven rivers under the bridge")]),
            form("/account/sessions/end-others", &[]),
        ] {
            let ask = ask.header(header, value);
            let answer = house.send(&ask);
            assert_eq!(answer.header("location"), Some("/login"), "asked: {ask}\ncame back: {answer}");
        }
    }
    let answer = house.send(&form("/login", &[("email", name), ("password", &token)]));
    assert_eq!(answer.status, 422, "as a password: {answer}");
    let answer = house.send(&post("/auth/token", &json!({ "email": name, "password": token })));
    assert_eq!(answer.status, 401, "as a password: {answer}");
    // What asks there knows nothing of method and path, and would take a narrow token for a wide one.
    for ask in [
        post("/auth/validate", &json!({ "token": token })),
        post("/auth/validate", &json!({})).header("Authorization", &format!("Bearer {token}")),
    ] {
        let answer = house.send(&ask);
        assert_eq!(answer.json(), json!({ "valid": false }), "asked: {ask}\ncame back: {answer}");
    }
    assert_eq!(house.user(person.id).name, person.name, "nothing was changed");
}

fn a_revoked_token_opens_nothing_at_once(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let made = make(house, person.id, &[], &[], None);
    let other = whole(house, &person);
    assert!(opens(house, made.token.reveal()) && opens(house, &other), "both");
    let tokens = &house.app.api_tokens;
    let revoked = tokens.revoke(person.id, made.id, Actor::User(person.id), None, house.now());
    assert!(house.wait(revoked).expect("the store answers"), "it was there");
    assert!(!opens(house, made.token.reveal()), "revoked");
    assert!(opens(house, &other), "the other one");
    house.wait(tokens.revoke_all(person.id, Actor::Command, house.now())).unwrap();
    assert!(!opens(house, &other), "all of them");
}

fn a_command_beside_the_server_revokes_within_a_second(memory: Memory) {
    let house = House::open(memory, APPS);
    let person = house.person(&[]);
    let (one, two) = (make(&house, person.id, &[], &[], None), make(&house, person.id, &[], &[], None));
    let beside = ApiTokens::new(Store::open_beside(&house.data()).expect("a command opens the data"));
    for made in [&one, &two] {
        assert!(opens(&house, made.token.reveal()), "before");
    }
    house.wait(beside.revoke(person.id, one.id, Actor::Command, None, house.now())).unwrap();
    // Whether or not the feed was heard meanwhile: what was heard a second ago is too old.
    house.advance(Duration::from_secs(1));
    assert!(!opens(&house, one.token.reveal()), "a second later");
    assert!(opens(&house, two.token.reveal()), "the other one, a second later");
    house.wait(beside.revoke_all(person.id, Actor::Command, house.now())).unwrap();
    house.advance(Duration::from_secs(1));
    assert!(!opens(&house, two.token.reveal()), "all of them, a second later");
}

fn a_token_ends_when_it_says(memory: Memory) {
    let house = House::open(memory, APPS);
    let person = house.person(&[]);
    let short = make(&house, person.id, &[], &[], Some(DAY)).token;
    let shorter = make(&house, person.id, &[], &[], Some(Duration::from_secs(90))).token;
    let never = whole(&house, &person);
    let all = |expected: [bool; 3], when: &str| {
        let opened = [shorter.reveal(), short.reveal(), &never].map(|token| opens(&house, token));
        assert_eq!(opened, expected, "90 seconds, a day, for ever: {when}");
    };
    all([true; 3], "at first");
    house.advance(Duration::from_secs(89));
    all([true; 3], "a second before the first ends");
    house.advance(Duration::from_secs(1));
    all([false, true, true], "when the first ends");
    house.advance(DAY.saturating_sub(Duration::from_secs(91)));
    all([false, true, true], "a second before its day is over");
    house.advance(Duration::from_secs(1));
    all([false, false, true], "when its day is over");
    house.advance(1_000 * DAY);
    all([false, false, true], "after years");
}

fn a_token_goes_and_comes_with_its_account(memory: Memory) {
    let house = House::open(memory, APPS);
    let person = house.person(&[]);
    let token = whole(&house, &person);
    let set = |active| {
        let changed =
            house.app.users.set_active(person.id, active, Leaves::Perhaps, Actor::Command, house.now());
        house.wait(changed).unwrap();
    };
    assert!(opens(&house, &token), "at first");
    set(false);
    assert!(!opens(&house, &token), "disabled");
    set(true);
    assert!(opens(&house, &token), "enabled again");
    let deleted =
        house.app.users.delete(person.id, Leaves::Perhaps, |write| write, Actor::Command, house.now());
    house.wait(deleted).unwrap();
    assert!(!opens(&house, &token), "deleted");
}

fn tokens_outlive_a_new_password_and_a_restart(memory: Memory) {
    let mut house = House::open(memory, APPS);
    let person = house.person(&[]);
    let made = make(&house, person.id, &[], &["GET /api/*"], None);
    let narrow = made.token.reveal();
    let (whole, revoked) = (whole(&house, &person), make(&house, person.id, &[], &[], None));
    let ended = house.app.users.end_sessions(person.id, Actor::Command, house.now());
    house.wait(ended).unwrap();
    let tokens = &house.app.api_tokens;
    house.wait(tokens.revoke(person.id, revoked.id, Actor::Command, None, house.now())).unwrap();
    let all = |house: &House, when: &str| {
        assert!(opens(house, &whole), "{when}");
        assert!(!opens(house, revoked.token.reveal()), "the revoked one, {when}");
        for (path, status) in [("/api/x", 200), ("/x", 403)] {
            let visit = key(Visit::new("closed.example.com", path), narrow);
            assert_eq!(house.status(Dialect::Forward, &visit), status, "{when}: {visit:?}");
        }
    };
    all(&house, "after every session ended");
    house.restart();
    all(&house, "after a restart");
    let listed = house.wait(house.app.api_tokens.list(Some(person.id))).unwrap();
    assert!(listed.iter().all(|token| token.used_at == Some(house.now())), "the last use: {listed:?}");
}

fn fifty_tokens_at_once_are_fifty_people(memory: Memory) {
    let house = House::open(memory, APPS);
    let people: Vec<(User, String)> = (0..50)
        .map(|_| {
            let person = house.person(&[]);
            let token = whole(&house, &person);
            (person, token)
        })
        .collect();
    let barrier = Barrier::new(people.len());
    std::thread::scope(|scope| {
        for (person, token) in &people {
            let (house, barrier) = (&house, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for dialect in DIALECTS {
                    let answer = house.check(dialect, &key(closed(), token));
                    let who = (answer.status, answer.header("remote-user"));
                    assert_eq!(who, (200, Some(person.username.as_str())), "{dialect:?}: {answer}");
                }
            });
        }
    });
}

fn a_token_counts_as_two_factors_and_neither_as_a_device_nor_as_fresh(memory: Memory) {
    let settings = format!(
        "{APPS}\n[tailscale]\nsocket = \"/nowhere/tailscaled.sock\"\n\
         [app.twice]\nhosts = [\"twice.example.com\"]\nrequire = \"two_factor\"\n\
         [app.device]\nhosts = [\"device.example.com\"]\nrequire = \"tailnet\"\n\
         [app.fresh]\nhosts = [\"fresh.example.com\"]\nrequire = \"two_factor\"\nmax_age = \"24h\"\n"
    );
    let house = House::open(memory, &settings);
    let token = whole(&house, &house.person(&[]));
    for dialect in DIALECTS {
        for (host, status) in [("twice", 200), ("device", 403), ("fresh", 401)] {
            let visit = key(Visit::new(&format!("{host}.example.com"), "/"), &token);
            assert_eq!(house.status(dialect, &visit), status, "{dialect:?}: {visit:?}");
        }
    }
}
