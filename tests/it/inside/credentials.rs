//! Credentials: which count where, and that nothing else ever does.

use aegis::forwarded::Dialect;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::house::{House, Memory, PASSWORD, PORTAL};
use super::visit::{Browser, DIALECTS, Visit, basic, json as post};
use crate::lab::client::{Answer, Ask, exchange};

with_and_without_memory!(
    a_cookie_that_was_touched_is_none,
    garbage_is_nobody,
    several_cookies,
    a_browsers_token_is_a_cookie_and_nothing_else,
    a_token_for_scripts_is_taken_both_ways,
    what_is_ours_and_wrong_is_refused,
    what_is_not_ours_is_the_apps_business,
    keys_for_scripts_are_refused,
    a_token_for_one_app_opens_that_one,
    an_assertion_can_be_verified_and_opens_nothing,
);

fn closed() -> Visit {
    Visit::new("closed.example.com", "/")
}

fn bearer(token: &str) -> Visit {
    closed().header("Authorization", &format!("Bearer {token}"))
}

/// The claims of a token, unverified.
fn claims(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

fn user(house: &House) -> Browser {
    house.sign_in(house.person(&[]).username.as_str())
}

fn a_cookie_that_was_touched_is_none(memory: Memory) {
    let house = House::shared(memory);
    let user = user(house);
    assert!(house.opens(&user.token), "the cookie as it was given");
    let good = user.jwt();
    let mut touched: Vec<String> = (0..good.len()).map(|length| good[..length].to_owned()).collect();
    for position in 0..good.len() {
        for bit in [0x01, 0x20] {
            let mut bytes = good.as_bytes().to_vec();
            bytes[position] ^= bit;
            touched.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    for end in ["=", "==", "A", ".", ".A", "\"", " A", "%", "\t", "#", "/"] {
        touched.push(format!("{good}{end}"));
        touched.push(format!("{end}{good}"));
    }
    let (head, rest) = good.split_once('.').unwrap();
    touched.push(format!("{}.{rest}", head.to_uppercase()));
    touched.push(good.to_lowercase());
    touched.push(format!("{}.{rest}", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#)));
    touched.push(format!("{}.", good.rsplit_once('.').unwrap().0));
    touched.push(format!("\"{good}\""));
    for value in touched.iter().filter(|value| value.trim() != good) {
        let ask = closed().cookie(&format!("aegis_token={value}")).through(Dialect::Forward);
        let answer = house.send(&ask);
        assert!(
            [400, 401].contains(&answer.status),
            "asked: {}\ncame back: {answer}",
            ask.to_string().escape_debug()
        );
    }
    assert!(house.opens(&user.token), "the cookie as it was given, after all that");
}

fn garbage_is_nobody(memory: Memory) {
    let house = House::shared(memory);
    let user = user(house);
    let long = |length: usize| "A".repeat(length);
    let request = |cookie: &[u8]| {
        let mut bytes = b"GET /auth/forward-auth HTTP/1.1\r\nHost: a\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: closed.example.com\r\nX-Forwarded-Uri: /\r\nConnection: close\r\nCookie: ".to_vec();
        bytes.extend_from_slice(cookie);
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes
    };
    let own = user.token.as_bytes();
    let mut all: Vec<(Vec<u8>, &[u16])> = vec![
        (b"".to_vec(), &[401]),
        (b"aegis_token".to_vec(), &[401]),
        (b"aegis_token=".to_vec(), &[401]),
        (b"=aegis_token".to_vec(), &[401]),
        (b"aegis_token==".to_vec(), &[401]),
        (b"aegis_token=%".to_vec(), &[401]),
        (b"aegis_token=x".to_vec(), &[401]),
        (b"aegis_token=...".to_vec(), &[401]),
        (b"aegis_token=e30.e30.e30".to_vec(), &[401]),
        (b"aegis_token=\xff\xfe".to_vec(), &[401]),
        (b"aegis_token=\xc3\xa9".to_vec(), &[401]),
        (b"aegis_token=a\0b".to_vec(), &[400]),
        (b"aegis_token=a\x01b".to_vec(), &[400]),
        (b"aegis_token=a\x7fb".to_vec(), &[400]),
        (format!("aegis_token={}", long(4096)).into_bytes(), &[401]),
        (format!("aegis_token={}.{}.{}", long(4096), long(4096), long(86)).into_bytes(), &[401]),
        (format!("aegis_token={}", long(65_536)).into_bytes(), &[431]),
        (format!("{}aegis_token=x", "a=b; ".repeat(1_000)).into_bytes(), &[401]),
        ("aegis_token=x; ".repeat(1_000).into_bytes(), &[401]),
    ];
    // Names that are nearly ours, with a value that counts under ours.
    for (before, after) in [
        ("\u{2000}", ""),
        ("\u{a0}", ""),
        ("$Version=1; $Path=/; x", ""),
        ("x-", ""),
        ("\"", "\""),
        ("a=\"b; ", "\"; c=d\"x"),
    ] {
        all.push(([before.as_bytes(), own, after.as_bytes()].concat(), &[401]));
    }
    all.push((user.token.replacen("aegis_token", "AEGIS_TOKEN", 1).into_bytes(), &[401]));
    all.push((user.token.replacen("aegis_token", "aegis_token ", 1).into_bytes(), &[401]));
    all.push((user.token.replacen("aegis_token=", "aegis_token=\"", 1).into_bytes(), &[401]));
    all.push((user.session.clone().into_bytes(), &[401]));
    all.push((user.session.replacen("__Host-aegis_session", "aegis_token", 1).into_bytes(), &[401]));
    for (cookie, statuses) in all {
        let answer = exchange(house.at, &request(&cookie));
        assert!(
            statuses.contains(&answer.status),
            "{statuses:?} for the cookie {}\ncame back: {answer}",
            String::from_utf8_lossy(&cookie[..cookie.len().min(300)]).escape_debug()
        );
        assert!(!answer.headers.iter().any(|(name, _)| name == "remote-user"), "came back: {answer}");
    }
    let answer = exchange(house.at, &request(own));
    assert_eq!(answer.status, 200, "the cookie itself\ncame back: {answer}");
}

fn several_cookies(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let first = house.sign_in(person.username.as_str());
    let again = house.sign_in(person.username.as_str());
    let other = user(house);
    // A second token of the first session, as `/login` mints one.
    let path = "/login?rd=https%3A%2F%2Fclosed.example.com%2F";
    let minted = house.send(&Ask::navigation(PORTAL, path).header("Cookie", &first.session));
    let second = minted.cookies().into_iter().find(|cookie| cookie.starts_with("aegis_token="));
    let second = second.unwrap_or_else(|| panic!("no new token in {minted}"));
    assert_ne!(second, first.token, "a token of its own");
    let (a, b) = (&first.token, &second);
    for (name, cookies, status) in [
        ("one", vec![a.clone()], 200),
        ("twice the same", vec![format!("{a}; {a}")], 200),
        ("two of one session", vec![format!("{a}; {b}")], 200),
        ("two of one session on two lines", vec![a.clone(), b.clone()], 200),
        ("one and garbage", vec![format!("aegis_token=x.y.z; {a}")], 200),
        ("garbage after one", vec![format!("{a}; aegis_token=x")], 200),
        ("of two sessions of one person", vec![format!("{a}; {}", again.token)], 401),
        ("of two people", vec![format!("{a}; {}", other.token)], 401),
        ("of two people, the other way", vec![format!("{}; {a}", other.token)], 401),
        ("of two people on two lines", vec![a.clone(), other.token.clone()], 401),
        ("two of one session and another", vec![format!("{a}; {b}; {}", other.token)], 401),
        ("more than anybody honest has", vec![format!("{a}; {a}; {a}; {a}; {a}")], 401),
    ] {
        let visit = cookies.iter().fold(closed(), |visit, cookie| visit.cookie(cookie));
        for dialect in DIALECTS {
            let answer = house.check(dialect, &visit);
            assert_eq!(answer.status, status, "{dialect:?}, {name}: {visit:?}\ncame back: {answer}");
            assert_eq!(
                answer.header("remote-user"),
                (status == 200).then_some(person.username.as_str()),
                "{name}"
            );
        }
    }
}

fn a_browsers_token_is_a_cookie_and_nothing_else(memory: Memory) {
    let house = House::shared(memory);
    let user = user(house);
    assert!(house.opens(&user.token), "as the cookie");
    for dialect in DIALECTS {
        let answer = house.check(dialect, &bearer(user.jwt()));
        assert_eq!(answer.status, 401, "{dialect:?}: as Bearer\ncame back: {answer}");
    }
    for ask in [
        post("/auth/validate", &json!({ "token": user.jwt() })),
        post("/auth/validate", &json!({})).header("Authorization", &format!("Bearer {}", user.jwt())),
    ] {
        let answer = house.send(&ask);
        assert_eq!(answer.json(), json!({ "valid": false }), "asked: {ask}\ncame back: {answer}");
    }
    for cookie in [
        format!("__Host-aegis_session={}", user.jwt()),
        user.token.clone(),
        format!("{}; {}", user.session, user.session),
        user.session.replacen("__Host-", "", 1),
        user.session[..user.session.len() - 1].to_owned(),
    ] {
        let answer = house.send(&Ask::navigation(PORTAL, "/account").header("Cookie", &cookie));
        assert_eq!(answer.header("location"), Some("/login"), "/account with {cookie}\ncame back: {answer}");
    }
    let answer = house.send(&Ask::navigation(PORTAL, "/account").header("Cookie", &user.session));
    assert_eq!(answer.status, 200, "/account with the session\ncame back: {answer}");
}

fn a_token_for_scripts_is_taken_both_ways(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&["admin"]);
    let token = house.script_token(person.username.as_str(), None);
    for dialect in DIALECTS {
        for visit in [
            bearer(&token),
            closed().header("Authorization", &format!("bEARER   {token}")),
            closed().cookie(&format!("aegis_token={token}")),
        ] {
            let answer = house.check(dialect, &visit);
            assert_eq!(answer.status, 200, "{dialect:?}: {visit:?}\ncame back: {answer}");
            assert_eq!(answer.header("remote-user"), Some(person.username.as_str()), "{dialect:?}: {answer}");
        }
    }
    let answer =
        house.send(&Ask::get(PORTAL, "/account").header("Cookie", &format!("__Host-aegis_session={token}")));
    assert_eq!(answer.status, 303, "it is no session of a browser: {answer}");
}

fn what_is_ours_and_wrong_is_refused(memory: Memory) {
    let house = House::shared(memory);
    let (user, token) = (user(house), house.script_token(house.person(&[]).username.as_str(), None));
    // The last character of a good one is A, Q, g or w: four of its bits stand for nothing.
    let broken = format!("{}B", &token[..token.len() - 1]);
    for dialect in DIALECTS {
        for (name, visit) in [
            ("a changed signature", bearer(&broken)),
            ("a token for scripts that never was", bearer("aegis_pat_0123456789")),
            (
                "the same as a password",
                closed().header("Authorization", &format!("Basic {}", base64("x:aegis_pat_01"))),
            ),
            ("twice", bearer(&token).header("Authorization", &format!("Bearer {token}"))),
            ("beside another's", bearer(&token).header("Authorization", "Basic YTpi")),
        ] {
            let answer = house.check(dialect, &visit);
            assert_eq!(answer.status, 401, "{dialect:?}, {name}: {visit:?}\ncame back: {answer}");
            // The cookie comes first, and is right.
            let answer = house.check(dialect, &visit.clone().cookie(&user.token));
            assert_eq!(
                answer.status, 200,
                "{dialect:?}, {name}, with a cookie: {visit:?}\ncame back: {answer}"
            );
            assert_eq!(answer.header("authorization"), Some(""), "{dialect:?}, {name}: {answer}");
        }
    }
}

fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn what_is_not_ours_is_the_apps_business(memory: Memory) {
    let house = House::shared(memory);
    let user = user(house);
    let name = house.name();
    for dialect in DIALECTS {
        for authorization in [
            "Bearer something",
            "Bearer",
            "Basic YTpi",
            "Negotiate abc",
            "Bearer eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJlbHNlIn0.c2ln",
            "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJhZWdpcy1hdXRoIn0.",
            &basic(&name),
        ] {
            let visit = closed().header("Authorization", authorization);
            assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: nobody: {visit:?}");
            let navigation =
                Visit::navigation("closed.example.com", "/").header("Authorization", authorization);
            let status = house.status(dialect, &navigation);
            assert_eq!(
                status,
                if dialect == Dialect::Nginx { 401 } else { 302 },
                "{dialect:?}: {navigation:?}"
            );
            let answer = house.check(dialect, &visit.cookie(&user.token));
            assert_eq!(
                (answer.status, answer.header("authorization")),
                (200, Some(authorization)),
                "{dialect:?}: with our cookie it goes on\ncame back: {answer}"
            );
        }
    }
}

fn keys_for_scripts_are_refused(memory: Memory) {
    let house = House::shared(memory);
    let (user, token) = (user(house), house.script_token(house.person(&[]).username.as_str(), None));
    for dialect in DIALECTS {
        for key in ["aegis_pat_x", "", "x", token.as_str()] {
            for visit in [closed(), closed().cookie(&user.token), bearer(&token)] {
                let visit = visit.header("X-Aegis-Key", key);
                assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: {visit:?}");
            }
        }
    }
}

fn a_token_for_one_app_opens_that_one(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let token = house.script_token(person.username.as_str(), Some("other"));
    assert_eq!(claims(&token)["aud"], "other", "its claim");
    for dialect in DIALECTS {
        for (host, status) in [("other", 200), ("closed", 401), ("basic", 401), ("open", 200), ("other", 200)]
        {
            let visit = Visit::new(&format!("{host}.example.com"), "/");
            let as_bearer = visit.clone().header("Authorization", &format!("Bearer {token}"));
            assert_eq!(house.status(dialect, &as_bearer), status, "{dialect:?}: {as_bearer:?}");
            let as_cookie = visit.cookie(&format!("aegis_token={token}"));
            assert_eq!(house.status(dialect, &as_cookie), status, "{dialect:?}: {as_cookie:?}");
        }
    }
    let refused = house.send(&post(
        "/auth/token",
        &json!({ "email": person.username.as_str(), "password": PASSWORD, "audience": "no-such-app" }),
    ));
    assert_eq!(refused.status, 422, "a token for an app that is not there: {refused}");
}

/// The assertion of an answer.
fn assertion(answer: &Answer) -> String {
    answer.header("x-aegis-assertion").filter(|value| !value.is_empty()).expect("an assertion").to_owned()
}

fn an_assertion_can_be_verified_and_opens_nothing(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&["admin"]);
    let user = house.sign_in(person.username.as_str());
    let assertion = assertion(&house.check(Dialect::Forward, &closed().cookie(&user.token)));
    let token = house.script_token(person.username.as_str(), None);

    let keys = house.send(&Ask::get(PORTAL, "/.well-known/jwks.json")).json();
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(keys).expect("a set of keys");
    let verified = |token: &str, audience: &str, kind: &str| {
        let header = jsonwebtoken::decode_header(token).expect("a header");
        assert_eq!(header.typ.as_deref(), Some(kind), "its type");
        let key = keys.find(header.kid.as_deref().expect("a key's id")).expect("its key is published");
        let mut validation = jsonwebtoken::Validation::new(header.alg);
        validation.set_audience(&[audience]);
        validation.set_issuer(&["aegis-auth"]);
        validation.validate_exp = false; // the clock of this test is its own
        jsonwebtoken::decode::<serde_json::Value>(
            token,
            &jsonwebtoken::DecodingKey::from_jwk(key).unwrap(),
            &validation,
        )
        .unwrap_or_else(|error| panic!("{error}: {token}"))
        .claims
    };
    let said = verified(&assertion, "closed", "aegis-assertion+jwt");
    assert_eq!(said["sub"], person.id.to_string(), "{said}");
    assert_eq!(said["roles"], json!(["admin"]), "{said}");
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 300, "five minutes: {said}");
    let said = verified(&token, "aegis-apps", "at+jwt");
    assert_eq!(
        (&said["sub"], &said["user_id"]),
        (&json!(person.id.to_string()), &json!(person.id.to_string()))
    );

    for dialect in DIALECTS {
        for visit in [bearer(&assertion), closed().cookie(&format!("aegis_token={assertion}"))] {
            assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: {visit:?}");
        }
        let visit = closed().header("X-Aegis-Assertion", &assertion).header("Remote-User", "root");
        assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: {visit:?}");
    }
    let answer = house.send(&post("/auth/validate", &json!({ "token": assertion })));
    assert_eq!(answer.json(), json!({ "valid": false }), "at /auth/validate: {answer}");
    let answer = house
        .send(&Ask::get(PORTAL, "/account").header("Cookie", &format!("__Host-aegis_session={assertion}")));
    assert_eq!(answer.status, 303, "at /account: {answer}");
}
