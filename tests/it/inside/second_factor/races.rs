//! Fifty at the same moment: one session.

use std::sync::Barrier;

use aegis::second_factor::challenge::State;

use super::super::house::House;
use super::super::visit::{form, json as post};
use super::{Desk, authenticator, house, linked, sessions};
use crate::lab::client::{Answer, Ask};
use serde_json::json;

fn fifty(house: &House, ask: &Ask) -> Vec<Answer> {
    let barrier = Barrier::new(50);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    house.send(ask)
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    })
}

/// How many of these answers hold a session.
fn opened(answers: &[Answer]) -> usize {
    let session = |cookie: &String| cookie.starts_with("__Host-aegis_session=") && cookie.len() > 30;
    answers.iter().filter(|answer| answer.cookies().iter().any(session)).count()
}

#[test]
fn fifty_who_go_on_at_once_open_one_session() {
    let house = house();
    let person = linked(&house);
    let desk = Desk::waiting(&house, &person);
    desk.approves();
    let answers = fifty(&house, &desk.with(form("/login/continue", &[])));
    assert_eq!((opened(&answers), sessions(&house, person.id)), (1, 1));
    assert!(answers.iter().all(|answer| answer.status == 303), "{answers:?}");
}

#[test]
fn fifty_codes_at_once_open_one_session() {
    let house = house();
    let person = house.person(&[]);
    let app = authenticator(&house, person.id);
    let desk = Desk::waiting(&house, &person);
    let ask = desk.with(form("/login/code", &[("totp", &app.code(house.now()))]));
    let answers = fifty(&house, &ask);
    assert_eq!((opened(&answers), sessions(&house, person.id)), (1, 1), "{answers:?}");
    for answer in &answers {
        assert!([303, 422, 429].contains(&answer.status), "{answer}");
    }
}

#[test]
fn fifty_who_ask_again_at_once_are_asked_once() {
    let house = house();
    let person = linked(&house);
    let desk = Desk::waiting(&house, &person);
    house.advance(std::time::Duration::from_secs(30));
    let answers = fifty(&house, &desk.with(form("/login/again", &[])));
    let asked = answers.iter().filter(|answer| answer.header("location") == Some("/login/approve")).count();
    assert_eq!(asked, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| [303, 409].contains(&answer.status)), "{answers:?}");
    assert_eq!(desk.challenge().state, State::Superseded);
}

#[test]
fn fifty_polls_at_once_are_bounded_and_all_end() {
    let mut house = house();
    let person = linked(&house);
    let desk = Desk::waiting(&house, &person);
    let poll = desk.poll();
    let at = house.at;
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..50).map(|_| scope.spawn(|| poll.send(at))).collect();
        // Those that may not wait are sent away at once; the others wait for what happens.
        super::super::house::until("all but four are answered", || {
            all.iter().filter(|one| one.is_finished()).count() >= 46
        });
        assert_eq!(all.iter().filter(|one| !one.is_finished()).count(), 4, "four wait");
        desk.approves();
        let answers: Vec<Answer> = all.into_iter().map(|one| one.join().expect("an answer")).collect();
        assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 46, "{answers:?}");
        let told = answers.iter().filter(|answer| answer.status == 200);
        assert!(told.clone().count() == 4 && told.clone().all(|one| one.json()["state"] == "approved"));
    });
    let poll = Desk::waiting(&house, &person).poll();
    house.ends_with_four_who_wait(&poll);
}

#[test]
fn fifty_scripts_that_fetch_one_token_get_one() {
    let house = house();
    let person = linked(&house);
    let body = json!({ "email": person.username.as_str(), "password": super::PASSWORD });
    let answer = house.send(&post("/auth/token", &body));
    assert_eq!(answer.status, 202, "{answer}");
    let secret = answer.json()["challenge"].as_str().unwrap().to_owned();
    let challenges = &house.app.second_factor.challenges;
    let challenge = house.wait(challenges.by_secret(&secret, house.now())).unwrap().unwrap();
    super::approve(&house, &challenge);
    let answers = fifty(&house, &post("/auth/token", &json!({ "challenge": secret })));
    let tokens = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((tokens, sessions(&house, person.id)), (1, 1), "{answers:?}");
    assert!(answers.iter().all(|answer| [200, 401].contains(&answer.status)), "{answers:?}");
}
