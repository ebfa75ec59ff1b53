//! `POST /auth/token` for somebody who has a second factor.

use std::time::Duration;

use aegis::second_factor::challenge::{Answer as Tap, Challenge};
use aegis::users::User;
use serde_json::{Value, json};

use super::super::house::{House, PASSWORD};
use super::super::visit::json as post;
use super::{Desk, answer, approve, authenticator, house, linked, lock, recovery_codes, sessions};
use crate::lab::client::Answer;

fn asks(house: &House, body: &Value) -> Answer {
    house.send(&post("/auth/token", body))
}

/// The secret of a challenge that begins now.
#[track_caller]
fn begin(house: &House, person: &User) -> String {
    let answer = asks(house, &json!({ "email": person.username.as_str(), "password": PASSWORD }));
    assert_eq!(answer.status, 202, "a second factor is due: {answer}");
    answer.json()["challenge"].as_str().expect("a challenge").to_owned()
}

fn challenge(house: &House, secret: &str) -> Challenge {
    let found = house.wait(house.app.second_factor.challenges.by_secret(secret, house.now()));
    found.unwrap().expect("the challenge is there")
}

#[track_caller]
fn refused(house: &House, body: &Value, expected: &str) {
    let answer = asks(house, body);
    assert_eq!((answer.status, &answer.json()["detail"]), (401, &json!(expected)), "{body}: {answer}");
}

#[test]
fn a_script_waits_for_telegram_and_gets_its_token_once() {
    let house = house();
    let person = linked(&house);
    let body = json!({ "email": person.username.as_str(), "password": PASSWORD, "audience": "closed" });
    let first = asks(&house, &body);
    assert_eq!(first.status, 202, "{first}");
    assert!(first.cookies().is_empty(), "{first}");
    let told = first.json();
    let secret = told["challenge"].as_str().expect("a challenge");
    let waits = challenge(&house, secret);
    assert_eq!(secret.len(), 43);
    assert_eq!(
        told,
        json!({ "challenge": secret, "methods": ["telegram"], "number": waits.number, "expires_in": 120 })
    );
    house.advance(Duration::from_secs(2));
    let polled = asks(&house, &json!({ "challenge": secret }));
    assert_eq!((polled.status, polled.header("retry-after")), (202, Some("2")), "{polled}");
    assert_eq!(polled.json()["expires_in"], 118, "{polled}");
    assert_eq!(sessions(&house, person.id), 0);
    approve(&house, &waits);
    let token = asks(&house, &json!({ "challenge": secret }));
    assert_eq!(token.status, 200, "{token}");
    let access = token.json()["access_token"].as_str().expect("a token").to_owned();
    let valid = house.send(&post("/auth/validate", &json!({ "token": access }))).json();
    assert_eq!((&valid["valid"], &valid["aud"]), (&json!(true), &json!("closed")), "{valid}");
    assert_eq!(valid["amr"], json!(["pwd", "mca", "mfa"]), "{valid}");
    refused(&house, &json!({ "challenge": secret }), "expired");
}

#[test]
fn a_script_hears_how_it_ended() {
    let house = house();
    let person = linked(&house);
    let secret = begin(&house, &person);
    answer(&house, &challenge(&house, &secret), Tap::NotMe);
    refused(&house, &json!({ "challenge": secret }), "denied");

    let person = linked(&house);
    let secret = begin(&house, &person);
    house.advance(Duration::from_mins(2));
    refused(&house, &json!({ "challenge": secret }), "expired");
    refused(&house, &json!({ "challenge": "x".repeat(43) }), "expired");

    let secret = begin(&house, &person);
    let newer = begin(&house, &person);
    refused(&house, &json!({ "challenge": secret }), "expired");
    approve(&house, &challenge(&house, &newer));
    lock(&house, &person);
    refused(&house, &json!({ "challenge": newer }), "expired");

    // That of a browser is none of a script's, and the other way round.
    let person = linked(&house);
    let desk = Desk::waiting(&house, &person);
    desk.approves();
    refused(&house, &json!({ "challenge": desk.challenge_cookie() }), "expired");
    let person = linked(&house);
    let secret = begin(&house, &person);
    approve(&house, &challenge(&house, &secret));
    let mut desk = Desk { house: &house, cookies: vec![format!("__Host-aegis_challenge={secret}")] };
    assert_eq!(desk.posts("/login/continue", &[]).header("location"), Some("/login"));
    assert_eq!(sessions(&house, person.id), 0);
}

#[test]
fn a_script_shows_a_code_instead() {
    let house = house();
    let person = house.person(&[]);
    let app = authenticator(&house, person.id);
    let codes = recovery_codes(&house, person.id);
    let first = asks(&house, &json!({ "email": person.username.as_str(), "password": PASSWORD }));
    let told = first.json();
    assert_eq!((&told["methods"], &told["number"]), (&json!(["totp", "recovery_code"]), &Value::Null));
    let secret = told["challenge"].as_str().unwrap();
    let wrong = json!({ "challenge": secret, "totp": app.wrong(house.now()) });
    refused(&house, &wrong, "That code is not right, or was used before");
    let right = asks(&house, &json!({ "challenge": secret, "totp": app.code(house.now()) }));
    assert_eq!(right.status, 200, "{right}");

    let secret = begin(&house, &person);
    let right = asks(&house, &json!({ "challenge": secret, "recovery_code": codes[0].reveal() }));
    assert_eq!(right.status, 200, "{right}");

    let secret = begin(&house, &person);
    let wrong = json!({ "challenge": secret, "totp": app.wrong(house.now()) });
    let answers: Vec<Answer> = (0..6).map(|_| asks(&house, &wrong)).collect();
    let last = answers.last().unwrap();
    assert_eq!(last.status, 429, "{last}");
    assert!(last.header("retry-after").is_some(), "{last}");
}

#[test]
fn a_body_has_one_of_the_shapes_and_nothing_beside_it() {
    let house = house();
    for body in [
        json!({}),
        json!({ "email": "sam" }),
        json!({ "challenge": "x", "totp": "123456", "recovery_code": "y" }),
        json!({ "challenge": "x", "email": "sam", "password": "y" }),
        json!({ "challenge": "x", "code": "123456" }),
        json!({ "challenge": 1 }),
        json!({ "challenge": "x", "audience": "closed" }),
    ] {
        let answer = asks(&house, &body);
        assert_eq!(answer.status, 400, "{body}: {answer}");
    }
}

#[test]
fn a_script_does_not_take_the_place_of_a_browser_that_is_known() {
    let house = house();
    let person = linked(&house);
    let mut known = Desk::waiting(&house, &person);
    known.approves();
    known.posts("/login/continue", &[]);
    known.signs_in(&person);
    let answer = asks(&house, &json!({ "email": person.username.as_str(), "password": PASSWORD }));
    assert_eq!(answer.status, 409, "{answer}");
    assert!(answer.json()["detail"].as_str().unwrap().contains("two minutes"), "{answer}");
}
