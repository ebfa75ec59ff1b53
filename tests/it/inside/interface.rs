//! The JSON interface, to the letter.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::house::{APPS, House, Memory, PASSWORD, PORTAL};
use super::visit::{Visit, basic, json as post};
use crate::lab::client::{Answer, Ask};

with_and_without_memory!(
    a_token_and_its_answer,
    every_kind_of_wrong_is_the_same,
    only_json_and_only_what_is_read_here,
    whether_a_token_counts,
    a_token_for_one_app_counts_for_that_one,
    the_public_keys,
    a_shared_secret,
    how_the_server_is,
    the_wrong_method,
);

#[track_caller]
fn keys(answer: &Answer) -> BTreeSet<String> {
    answer.json().as_object().unwrap_or_else(|| panic!("no object: {answer}")).keys().cloned().collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A problem document (RFC 9457) of this status.
#[track_caller]
fn problem(ask: &Ask, answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "asked: {ask}\ncame back: {answer}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "asked: {ask}\ncame back: {answer}"
    );
    let document = answer.json();
    assert_eq!(document["status"], status, "asked: {ask}\ncame back: {answer}");
    assert!(
        document["detail"].as_str().is_some_and(|detail| !detail.is_empty()),
        "asked: {ask}\ncame back: {answer}"
    );
    assert!(answer.cookies().is_empty(), "asked: {ask}\ncame back: {answer}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "asked: {ask}\ncame back: {answer}");
}

fn token(login: &str, password: &str) -> Ask {
    post("/auth/token", &json!({ "email": login, "password": password }))
}

fn a_token_and_its_answer(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&["writer", "admin"]);
    let name = person.username.as_str();
    let email = person.email.as_ref().unwrap().as_str();
    for login in [name, email, &name.to_uppercase(), &email.to_uppercase(), &format!("  {email} ")] {
        let ask = token(login, PASSWORD).header("Cookie", "__Host-aegis_session=x; aegis_token=y");
        let answer = house.send(&ask);
        assert_eq!(answer.status, 200, "asked: {ask}\ncame back: {answer}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{answer}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
        assert!(answer.cookies().is_empty(), "it sets no cookie: {answer}");
        assert_eq!(
            keys(&answer),
            set(&["access_token", "token_type", "expires_in", "user_id", "roles"]),
            "came back: {answer}"
        );
        let document = answer.json();
        assert_eq!(document["token_type"], "bearer", "{answer}");
        assert_eq!(document["expires_in"], 86_400, "{answer}");
        assert_eq!(document["user_id"], person.id.to_string(), "{answer}");
        assert_eq!(document["roles"], json!(["admin", "writer"]), "{answer}");
    }
}

fn every_kind_of_wrong_is_the_same(memory: Memory) {
    let house = House::open(memory, APPS);
    let [there, disabled, locked, without] = [0; 4].map(|_| house.person(&[]));
    let command = aegis::identity::Actor::Command;
    house
        .wait(house.app.users.set_active(
            disabled.id,
            false,
            aegis::users::Leaves::Perhaps,
            command,
            house.now(),
        ))
        .unwrap();
    for _ in 0..5 {
        house.send(&token(locked.username.as_str(), "wrong"));
    }
    house
        .wait(house.app.users.delete(
            without.id,
            aegis::users::Leaves::Perhaps,
            |write| write,
            command,
            house.now(),
        ))
        .unwrap();
    let long = "x".repeat(1025);
    let mut first: Option<Answer> = None;
    for (name, login, password) in [
        ("a wrong password", there.username.as_str(), "wrong"),
        ("an empty one", there.username.as_str(), ""),
        ("one that is too long", there.username.as_str(), &long),
        ("one with a NUL", there.username.as_str(), "seven\0lanterns"),
        ("disabled", disabled.username.as_str(), PASSWORD),
        ("locked", locked.username.as_str(), PASSWORD),
        ("deleted", without.username.as_str(), PASSWORD),
        ("never there", "nobody-at-all", PASSWORD),
        ("no name", "", PASSWORD),
        ("a name with a NUL", "ann\0", PASSWORD),
        ("an address with a NUL", "ann\0@example.test", PASSWORD),
        ("another script's letters", "\u{ff41}nn", PASSWORD),
        ("a name that is none", "a b; drop table account", PASSWORD),
        ("a very long name", &long, PASSWORD),
    ] {
        let ask = token(login, password).header("X-Forwarded-For", "192.0.2.1");
        let answer = house.send(&ask);
        problem(&ask, &answer, 401);
        assert_eq!(answer.json()["detail"], "Invalid email or password", "{name}: {answer}");
        let seen = |answer: &Answer| {
            let headers = answer.headers.iter().filter(|(name, _)| name != "date").cloned();
            (headers.collect::<Vec<_>>(), answer.body.clone())
        };
        let first = first.get_or_insert_with(|| answer.clone());
        assert_eq!(seen(first), seen(&answer), "{name} looks like the others");
    }
}

fn only_json_and_only_what_is_read_here(memory: Memory) {
    let house = House::open(memory, APPS);
    let person = house.person(&[]);
    let good = json!({ "email": person.username.as_str(), "password": PASSWORD }).to_string();
    let with = |body: &str, kind: Option<&str>| {
        let ask = Ask::new("POST", PORTAL, "/auth/token");
        kind.iter().fold(ask, |ask, kind| ask.header("Content-Type", kind)).body(body)
    };
    for kind in ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON;charset=UTF-8"] {
        let ask = with(&good, Some(kind));
        assert_eq!(house.send(&ask).status, 200, "asked: {ask}");
    }
    for kind in [
        None,
        Some(""),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("text/plain; application/json"),
        Some("application/jsonx"),
        Some("application/problem+json"),
    ] {
        let ask = with(&good, kind);
        problem(&ask, &house.send(&ask), 415);
    }
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"text\"",
        "{}",
        "{\"email\":\"ann\"}",
        "{\"password\":\"x\"}",
        "{\"email\":null,\"password\":\"x\"}",
        "{\"email\":1,\"password\":\"x\"}",
        "{\"email\":[\"ann\"],\"password\":\"x\"}",
        "{\"email\":\"ann\",\"password\":\"x\",\"remember\":true}",
        "{\"email\":\"ann\",\"email\":\"bob\",\"password\":\"x\"}",
        "{\"Email\":\"ann\",\"password\":\"x\"}",
        "{\"email\":\"ann\",\"password\":\"\\ud800\"}",
        "{\"email\":\"ann\",\"password\":\"x\"} {}",
        "email=ann&password=x",
        &deep,
    ] {
        let ask = with(body, Some("application/json"));
        problem(&ask, &house.send(&ask), 400);
    }
    let long = json!({ "email": "ann", "password": "x".repeat(65_536) }).to_string();
    let ask = with(&long, Some("application/json"));
    problem(&ask, &house.send(&ask), 413);
}

fn whether_a_token_counts(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&["admin"]);
    let token = house.script_token(person.username.as_str(), None);
    let bearer = |ask: Ask, token: &str| ask.header("Authorization", &format!("Bearer {token}"));
    let empty = || Ask::new("POST", PORTAL, "/auth/validate").body("");
    for ask in [
        bearer(empty(), &token),
        bearer(Ask::new("POST", PORTAL, "/auth/validate"), &token),
        bearer(post("/auth/validate", &json!({})), &token),
        post("/auth/validate", &json!({ "token": token })),
        bearer(post("/auth/validate", &json!({ "token": token })), "something"),
    ] {
        let answer = house.send(&ask);
        assert_eq!(answer.status, 200, "asked: {ask}\ncame back: {answer}");
        let expected = ["valid", "user_id", "email", "roles", "exp", "aud", "amr", "auth_time"];
        assert_eq!(keys(&answer), set(&expected), "asked: {ask}\ncame back: {answer}");
        let now = house.now().seconds();
        let document = answer.json();
        assert_eq!(
            document,
            json!({
                "valid": true, "user_id": person.id.to_string(), "email": person.email.as_ref().unwrap().as_str(),
                "roles": ["admin"], "exp": now + 86_400, "aud": "aegis-apps", "amr": ["pwd"], "auth_time": now,
            }),
            "asked: {ask}"
        );
        assert!(answer.cookies().is_empty(), "{answer}");
    }
    for wrong in ["", "x", "a.b.c", &token[1..], "aegis_pat_x"] {
        for ask in [post("/auth/validate", &json!({ "token": wrong })), bearer(empty(), wrong)] {
            let answer = house.send(&ask);
            assert_eq!(
                (answer.status, answer.json()),
                (200, json!({ "valid": false })),
                "asked: {ask}\n{answer}"
            );
        }
    }
    for ask in [empty(), empty().header("Authorization", &basic("ann")), post("/auth/validate", &json!({}))] {
        problem(&ask, &house.send(&ask), 400);
    }
    for body in [json!({ "token": 1 }), json!([]), json!({ "token": token, "x": 1 })] {
        let ask = post("/auth/validate", &body);
        problem(&ask, &house.send(&ask), 400);
    }
    let ask = Ask::new("POST", PORTAL, "/auth/validate").header("Content-Type", "text/plain").body("{}");
    problem(&ask, &house.send(&ask), 415);
    // No cookie is read here.
    let ask = empty().header("Cookie", &format!("aegis_token={token}"));
    problem(&ask, &house.send(&ask), 400);
}

fn a_token_for_one_app_counts_for_that_one(memory: Memory) {
    let house = House::shared(memory);
    let name = house.person(&[]).username.to_string();
    let (every, other) = (house.script_token(&name, None), house.script_token(&name, Some("other")));
    let judged = |token: &str, audience: Option<&str>| {
        let mut body = json!({ "token": token });
        if let Some(audience) = audience {
            body["audience"] = audience.into();
        }
        house.send(&post("/auth/validate", &body)).json()
    };
    for (token, audience, valid, aud) in [
        (&every, None, true, Some("aegis-apps")),
        (&every, Some("other"), true, Some("aegis-apps")),
        (&other, None, true, Some("other")),
        (&other, Some("other"), true, Some("other")),
        (&other, Some("closed"), false, None),
        (&other, Some("aegis-apps"), false, None),
        (&other, Some(""), false, None),
    ] {
        let said = judged(token, audience);
        assert_eq!(
            (&said["valid"], said["aud"].as_str()),
            (&json!(valid), aud),
            "asked for {audience:?}: {said}"
        );
    }
}

fn the_public_keys(memory: Memory) {
    let house = House::shared(memory);
    let answer = house.send(&Ask::get(PORTAL, "/.well-known/jwks.json"));
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"), "{answer}");
    assert!(answer.header("cache-control").is_some_and(|value| value.starts_with("public")), "{answer}");
    let document = answer.json();
    let keys = document["keys"].as_array().expect("keys");
    assert!(!keys.is_empty(), "{answer}");
    for key in keys {
        let names: BTreeSet<_> = key.as_object().expect("a key").keys().map(String::as_str).collect();
        assert!(names.is_superset(&["kty", "kid", "alg", "use"].into()), "{key}");
        assert!(
            names.is_disjoint(&["d", "p", "q", "dp", "dq", "qi", "oth", "k"].into()),
            "a private part: {names:?}"
        );
    }
    let head = house.send(&Ask::get(PORTAL, "/.well-known/jwks.json").method("HEAD"));
    assert_eq!((head.status, head.body.as_str()), (200, ""), "HEAD\ncame back: {head}");
}

/// What gateways of older deployments expect, that share a secret.
fn a_shared_secret(memory: Memory) {
    let secret = "a secret that a gateway shares with us, of some length";
    let settings = format!("{APPS}\n[token]\njwt_secret_file = \"secret\"\n");
    let house = House::open_with(memory, &settings, &[("secret", secret)]);
    let person = house.person(&["admin"]);
    let token = house.script_token(person.username.as_str(), None);
    let header = jsonwebtoken::decode_header(&token).expect("a header");
    assert_eq!(header.alg, jsonwebtoken::Algorithm::HS256, "{header:?}");
    let mut validation = jsonwebtoken::Validation::new(header.alg);
    validation.validate_exp = false; // the clock of this test is its own
    let key = jsonwebtoken::DecodingKey::from_secret(secret.as_bytes());
    let said = jsonwebtoken::decode::<Value>(&token, &key, &validation).expect("the gateway reads it").claims;
    assert_eq!(said.get("aud"), None, "they do not expect it: {said}");
    assert_eq!(said["user_id"], person.id.to_string(), "{said}");
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 86_400, "{said}");
    let keys = house.send(&Ask::get(PORTAL, "/.well-known/jwks.json")).body;
    assert!(
        !keys.contains("HS256") && !keys.contains("\"oct\""),
        "the secret's key is not published: {keys}"
    );
    assert!(house.opens(&format!("aegis_token={token}")), "as the cookie");

    // Whoever knows the secret can sign; what is signed must name a session that is there.
    let forged = |change: &dyn Fn(&mut Value)| {
        let mut claims = said.clone();
        change(&mut claims);
        jsonwebtoken::encode(&header, &claims, &jsonwebtoken::EncodingKey::from_secret(secret.as_bytes()))
            .unwrap()
    };
    assert!(house.opens(&format!("aegis_token={}", forged(&|_| ()))), "the same claims signed again");
    let new = uuid::Uuid::now_v7().to_string();
    let other = house.person(&[]).id.to_string();
    for (name, change) in [
        (
            "a session that never was",
            &(|claims: &mut Value| claims["sid"] = new.clone().into()) as &dyn Fn(&mut Value),
        ),
        ("another's account", &|claims| {
            claims["sub"] = other.clone().into();
            claims["user_id"] = other.clone().into();
        }),
        ("no session", &|claims| {
            claims.as_object_mut().unwrap().remove("sid");
        }),
        ("no end", &|claims| {
            claims.as_object_mut().unwrap().remove("exp");
        }),
        ("another issuer", &|claims| claims["iss"] = "somebody".into()),
    ] {
        let token = forged(change);
        assert!(!house.opens(&format!("aegis_token={token}")), "signed for {name}: {token}");
        let visit = Visit::new("closed.example.com", "/").header("Authorization", &format!("Bearer {token}"));
        let status = house.status(aegis::forwarded::Dialect::Forward, &visit);
        assert_eq!(status, 401, "signed for {name}: {token}");
    }
    // Roles are the record's, whatever is signed.
    let lesser = house.script_token(house.person(&[]).username.as_str(), None);
    let mut claims = jsonwebtoken::decode::<Value>(&lesser, &key, &validation).unwrap().claims;
    claims["roles"] = json!(["admin"]);
    let token =
        jsonwebtoken::encode(&header, &claims, &jsonwebtoken::EncodingKey::from_secret(secret.as_bytes()));
    let visit = Visit::new("closed.example.com", "/admin").cookie(&format!("aegis_token={}", token.unwrap()));
    assert_eq!(
        house.status(aegis::forwarded::Dialect::Forward, &visit),
        403,
        "a role by signature: {visit:?}"
    );
}

fn how_the_server_is(memory: Memory) {
    let house = House::shared(memory);
    let answer = house.send(&Ask::get(PORTAL, "/health"));
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer}");
    let document = answer.json();
    assert_eq!(document["status"], "ok", "{answer}");
    assert_eq!(
        (&document["parts"]["store"], &document["parts"]["changes"]),
        (&json!("ok"), &json!("ok")),
        "{answer}"
    );
    assert!(!answer.body.contains(env!("CARGO_PKG_VERSION")), "it tells strangers no version: {answer}");
}

fn the_wrong_method(memory: Memory) {
    let house = House::shared(memory);
    for (path, allowed, wrong) in [
        ("/auth/token", "POST", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"]),
        ("/auth/validate", "POST", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"]),
        ("/health", "GET, HEAD", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
        ("/.well-known/jwks.json", "GET, HEAD", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    ] {
        for method in wrong {
            let ask = Ask::new(method, PORTAL, path);
            let answer = house.send(&ask);
            assert_eq!(answer.header("allow"), Some(allowed), "asked: {ask}\ncame back: {answer}");
            if method == "HEAD" {
                assert_eq!(answer.status, 405, "asked: {ask}\ncame back: {answer}");
            } else {
                problem(&ask, &answer, 405);
            }
        }
    }
}
