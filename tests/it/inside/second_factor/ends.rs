//! The ends that open nothing, and who may not finish what somebody else began.

use std::time::Duration;

use aegis::identity::{Actor, Method};
use aegis::second_factor::challenge::Answer as Tap;
use aegis::users::{Leaves, User};

use super::super::house::House;
use super::super::visit::form;
use super::{App, Desk, WISHED, authenticator, house, linked, lock, sessions, unlock};
use crate::lab::client::Answer;

/// What brings a sign-in that waits to an end.
type Ends = fn(&mut Desk<'_>, &User);

/// How its page answers: the status, where it leads, and a word of it.
type Shown = (u16, Option<&'static str>, &'static str);

fn wrong_number(desk: &Desk<'_>) {
    let challenge = desk.challenge();
    let right = challenge.choices.iter().position(|one| Some(*one) == challenge.number).unwrap();
    desk.answers(Tap::Picked((right + 1) % 4));
}

fn every_state() -> Vec<(&'static str, Ends, Shown)> {
    vec![
        ("pending", |_, _| {}, (200, None, "Waiting for you")),
        ("approved", |desk, _| desk.approves(), (200, None, "Approved")),
        ("denied", |desk, _| drop(desk.answers(Tap::NotMe)), (403, None, "You denied this sign-in")),
        ("wrong number", |desk, _| wrong_number(desk), (403, None, "The wrong number was chosen")),
        (
            "expired",
            |desk, _| desk.house.advance(Duration::from_mins(2)),
            (410, None, "Nothing was approved"),
        ),
        (
            "approved and not fetched",
            |desk, _| {
                desk.approves();
                desk.house.advance(Duration::from_mins(1));
            },
            (410, None, "did not come back in time"),
        ),
        (
            "superseded",
            |desk, person| drop(Desk::waiting(desk.house, person)),
            (409, None, "You started a newer sign-in"),
        ),
        (
            "unreachable",
            |desk, _| not_sent(desk, "unreachable"),
            (503, None, "We can’t reach Telegram right now"),
        ),
        ("blocked", |desk, _| not_sent(desk, "blocked"), (200, None, "Telegram won’t let us message you")),
    ]
}

fn not_sent(desk: &Desk<'_>, why: &str) {
    let challenges = &desk.house.app.second_factor.challenges;
    desk.house.wait(challenges.not_sent(desk.challenge().id, why)).expect("it is written down");
}

#[track_caller]
fn shows(what: &str, answer: &Answer, (status, location, text): Shown) {
    assert_eq!((answer.status, answer.header("location")), (status, location), "{what}: {answer}");
    assert!(answer.body.contains(text), "{what}: the page does not say {text}: {}", answer.body);
    assert!(!answer.body.contains("http-equiv"), "{what}: no page goes on by itself: {}", answer.body);
}

#[test]
fn every_state_has_its_page_also_after_a_restart() {
    for (what, end, shown) in every_state() {
        let mut house = house();
        let person = linked(&house);
        let mut desk = Desk::waiting(&house, &person);
        end(&mut desk, &person);
        shows(what, &desk.gets("/login/approve"), shown);
        let cookies = desk.cookies.clone();
        house.restart();
        let mut desk = Desk { house: &house, cookies };
        shows(&format!("{what}, after a restart"), &desk.gets("/login/approve"), shown);
        let goes_on = desk.posts("/login/continue", &[]);
        assert_eq!(desk.is_signed_in(), what == "approved", "{what}: {goes_on}");
        assert_eq!(sessions(&house, person.id), i64::from(what == "approved"), "{what}");
    }
}

#[test]
fn a_sign_in_that_was_given_up_leads_to_the_sign_in_page() {
    let house = house();
    let person = linked(&house);
    let mut desk = Desk::waiting(&house, &person);
    let mut copy = Desk { house: &house, cookies: desk.cookies.clone() };
    let back = format!("/login?{WISHED}");
    assert_eq!(desk.posts("/login/cancel", &[]).header("location"), Some(&*back));
    assert_eq!(desk.challenge_cookie(), None);
    assert_eq!(copy.gets("/login/approve").header("location"), Some(&*back));
    let tapped = super::answer(&house, &Desk { house: &house, cookies: Vec::new() }.of(&person), Tap::NotMe);
    assert!(
        matches!(tapped, aegis::second_factor::challenge::Decided::Now(_)),
        "a new one waits: {tapped:?}"
    );
}

impl Desk<'_> {
    /// The challenge of a sign-in that begins here.
    fn of(mut self, person: &User) -> aegis::second_factor::challenge::Challenge {
        self.signs_in(person);
        self.challenge()
    }
}

#[test]
fn a_challenge_is_worth_something_only_to_the_browser_that_began_it() {
    let house = house();
    let person = linked(&house);
    let desk = Desk::waiting(&house, &person);
    desk.approves();
    let secret = desk.challenge_cookie().unwrap().to_owned();
    let others = [
        Vec::new(),
        vec![format!("__Host-aegis_challenge={}", "x".repeat(43))],
        vec![format!("aegis_challenge={secret}")],
        vec![
            format!("__Host-aegis_challenge={secret}"),
            format!("__Host-aegis_challenge={}", "x".repeat(43)),
        ],
        // Nor is it a session, a token, or the mark of a known browser.
        vec![format!("__Host-aegis_session={secret}"), format!("aegis_token={secret}")],
    ];
    for cookies in others {
        let mut other = Desk { house: &house, cookies };
        let was = other.cookies.clone();
        let answer = other.posts("/login/continue", &[]);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/login")), "{was:?}: {answer}");
        assert!(!other.is_signed_in() || was == other.cookies, "{was:?}: {answer}");
    }
    assert_eq!(sessions(&house, person.id), 0);
}

#[test]
fn an_account_that_was_locked_or_disabled_meanwhile_lets_nobody_in() {
    let house = house();
    let person = linked(&house);
    let app = authenticator(&house, person.id);
    let mut desk = Desk::waiting(&house, &person);
    desk.approves();
    lock(&house, &person);
    let locked = desk.posts("/login/continue", &[]);
    assert_eq!(locked.status, 410, "locked: {locked}");
    let code = desk.posts("/login/code", &[("totp", &app.code(house.now()))]);
    assert_eq!(code.status, 410, "locked, by code: {code}");
    unlock(&house, &person);
    assert_eq!(desk.posts("/login/continue", &[]).status, 303, "unlocked in time");
    assert_eq!(sessions(&house, person.id), 1);

    // Whoever is known here is not kept out by a stranger's guesses.
    let mut known = Desk { house: &house, cookies: desk.cookies.clone() };
    known.signs_in(&person);
    known.approves();
    lock(&house, &person);
    assert_eq!(known.posts("/login/continue", &[]).status, 303, "a known browser");

    let disabled = linked(&house);
    let mut desk = Desk::waiting(&house, &disabled);
    desk.approves();
    disable(&house, &disabled);
    let answer = desk.posts("/login/continue", &[]);
    assert_eq!(answer.status, 410, "disabled: {answer}");
    assert_eq!(sessions(&house, disabled.id), 0);
}

fn disable(house: &House, user: &User) {
    let disabled =
        house.app.users.set_active(user.id, false, Leaves::AnAdministrator, Actor::Command, house.now());
    house.wait(disabled).expect("the account is disabled");
}

#[test]
fn a_stranger_does_not_take_the_place_of_a_browser_that_is_known() {
    let house = house();
    let person = linked(&house);
    let mut known = Desk::waiting(&house, &person);
    known.approves();
    known.posts("/login/continue", &[]);
    assert_eq!(known.signs_in(&person).status, 303, "from a browser that is known");
    let mut stranger = Desk::new(&house);
    let answer = stranger.signs_in(&person);
    assert_eq!(answer.status, 409, "{answer}");
    assert!(answer.body.contains("Try again in two minutes"), "{}", answer.body);
    assert_eq!(stranger.challenge_cookie(), None);
    known.approves();
    assert_eq!(known.posts("/login/continue", &[]).status, 303, "and was not disturbed");
    // The other way round the known browser goes first.
    let mut stranger = Desk::waiting(&house, &person);
    known.signs_in(&person);
    assert_eq!(stranger.gets("/login/approve").status, 409);
}

/// A way to finish, or to go on with, a sign-in that waits.
type Shows = fn(&mut Desk<'_>, &App) -> Answer;

const WAYS: [(&str, Shows); 3] = [
    ("an approval", |desk, _| {
        desk.approves();
        desk.posts("/login/continue", &[])
    }),
    ("a code", |desk, app| desk.posts("/login/code", &[("totp", &app.code(desk.house.now()))])),
    ("asking again", |desk, _| {
        desk.house.advance(Duration::from_secs(30));
        desk.posts("/login/again", &[])
    }),
];

#[test]
fn a_step_up_is_worth_nothing_once_its_session_has_ended() {
    for (way, shows) in WAYS {
        for is_over in [false, true] {
            let house = house();
            let person = linked(&house);
            let app = authenticator(&house, person.id);
            let mut desk = Desk::waiting(&house, &person);
            desk.approves();
            desk.posts("/login/continue", &[]);
            assert!(desk.is_signed_in(), "{way}: signed in at first");
            let begun = desk.posts("/login/step-up", &[("rd", "/account")]);
            assert_eq!(begun.header("location"), Some("/login/approve"), "{way}: {begun}");
            if is_over {
                let elsewhere = house.admit(person.id, &[Method::Password], None).cookie;
                let ends = form("/account/sessions/end-others", &[]).header("Cookie", &elsewhere);
                let ended = house.send(&ends);
                assert_eq!((ended.status, sessions(&house, person.id)), (200, 1), "{way}: {ended}");
            }
            let answer = shows(&mut desk, &app);
            let status = if is_over { 410 } else { 303 };
            assert_eq!(
                answer.status, status,
                "{way}, after its session ended: {is_over}\ncame back: {answer}"
            );
            let opened = answer
                .cookies()
                .iter()
                .any(|cookie| cookie.starts_with("__Host-aegis_session=") && !cookie.ends_with('='));
            assert_eq!(opened, !is_over && way != "asking again", "{way}: a session in {answer}");
            assert_eq!(sessions(&house, person.id), 1, "{way}: sessions, after {answer}");
        }
    }
}

#[test]
fn a_sign_in_is_asked_for_again_for_ten_minutes_and_no_longer() {
    for (last, goes_on) in [(Duration::from_secs(59), true), (Duration::from_mins(1), false)] {
        let house = house();
        let person = linked(&house);
        let mut desk = Desk::waiting(&house, &person);
        for minute in 1..10 {
            house.advance(Duration::from_mins(1));
            let again = desk.posts("/login/again", &[]);
            assert_eq!(again.status, 303, "in minute {minute}: {again}");
        }
        let waits = desk.challenge().id;
        house.advance(last);
        let again = desk.posts("/login/again", &[]);
        let status = if goes_on { 303 } else { 410 };
        assert_eq!(again.status, status, "nine minutes and {last:?} after the password: {again}");
        assert_eq!(desk.challenge().id != waits, goes_on, "another waits in its place, {last:?} later");
        if !goes_on {
            assert!(again.body.contains("This sign-in is over"), "what the page says: {again}");
            let anew = desk.signs_in(&person);
            assert_eq!(anew.status, 303, "the password begins another: {anew}");
        }
    }
}
