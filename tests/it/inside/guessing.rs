//! Guessing at passwords: counted whatever happens at once, locked by the clock, never the owner's loss.

use std::sync::Barrier;
use std::time::Duration;

use aegis::identity::Actor;
use serde_json::json;

use super::house::{APPS, House, Memory, PASSWORD};
use super::visit::{Browser, form, json as post};
use crate::lab::client::{Answer, Ask};

const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

/// Longer than any password may be: wrong at once, without the work of a hash.
fn too_long() -> String {
    "x".repeat(1025)
}

fn house() -> House {
    House::open(Memory::On, APPS)
}

fn attempt(login: &str, password: &str) -> Ask {
    form("/login", &[("email", login), ("password", password)])
}

/// From an address that nobody else has.
fn from(number: usize, ask: Ask) -> Ask {
    ask.header("X-Forwarded-For", &format!("10.{}.{}.1", number / 256, number % 256))
}

struct Guesser<'h> {
    house: &'h House,
    login: String,
    addresses: usize,
}

impl Guesser<'_> {
    fn new(house: &House) -> Guesser<'_> {
        Guesser { house, login: house.person(&[]).username.to_string(), addresses: 0 }
    }

    fn send(&mut self, ask: Ask) -> Answer {
        self.addresses += 1;
        self.house.send(&from(self.addresses, ask))
    }

    /// Wrong guesses, each from an address of its own.
    #[track_caller]
    fn wrong(&mut self, times: usize) {
        for time in 1..=times {
            let answer = self.send(attempt(&self.login, &too_long()));
            assert_eq!(answer.status, 422, "wrong guess {time} of {times}: {answer}");
        }
    }

    /// The right password: whether it opens anything.
    #[track_caller]
    fn right(&mut self) -> bool {
        let answer = self.send(attempt(&self.login, PASSWORD));
        assert!([303, 422].contains(&answer.status), "the right password: {answer}");
        answer.status == 303
    }
}

#[test]
fn five_ten_and_fifteen_failures() {
    let house = house();
    let mut guesser = Guesser::new(&house);
    guesser.wrong(4);
    assert!(guesser.right(), "after four failures");
    guesser.wrong(4);
    assert!(guesser.right(), "a success forgets what failed before it");
    for (failures, lock) in [(5, 15 * MINUTE), (5, 60 * MINUTE), (5, 24 * 60 * MINUTE), (1, 24 * 60 * MINUTE)]
    {
        guesser.wrong(failures);
        assert!(!guesser.right(), "locked after {failures} more failures");
        // What is refused by the lock does not make it longer.
        guesser.wrong(3);
        house.advance(lock.saturating_sub(SECOND));
        assert!(!guesser.right(), "a second before the lock of {lock:?} ends");
        house.advance(SECOND);
    }
    assert!(guesser.right(), "after the last lock");
    guesser.wrong(4);
    assert!(guesser.right(), "all is forgotten");
}

#[test]
fn a_lock_looks_like_every_kind_of_wrong() {
    let house = house();
    let mut guesser = Guesser::new(&house);
    let same = |answer: &Answer| {
        let headers = answer.headers.iter().filter(|(name, _)| name != "date");
        // The page says where the visitor came from.
        let body = answer.body.split("<p class=\"came\"").next().unwrap_or_default().to_owned();
        (
            answer.status,
            headers.filter(|(name, _)| name != "content-length").cloned().collect::<Vec<_>>(),
            body,
        )
    };
    let login = guesser.login.clone();
    let wrong = guesser.send(attempt(&login, "wrong"));
    guesser.wrong(4);
    let locked = guesser.send(attempt(&login, PASSWORD));
    assert_eq!(same(&wrong), same(&locked), "wrong: {wrong}\nlocked: {locked}");
}

#[test]
fn one_counter_whatever_name_and_door() {
    type Door = fn(&str) -> Ask;
    let house = house();
    let mut addresses = 0;
    let doors: [(&str, Door); 2] = [
        ("/login", |login| attempt(login, &too_long())),
        ("/auth/token", |login| post("/auth/token", &json!({ "email": login, "password": too_long() }))),
    ];
    for (name, door) in doors {
        let person = house.person(&[]);
        let (username, email) = (person.username.to_string(), person.email.as_ref().unwrap().to_string());
        let browser = house.sign_in(&username);
        for login in [&username, &email, &username.to_uppercase(), &format!(" {} ", email.to_uppercase())] {
            addresses += 1;
            let answer = house.send(&from(addresses, door(login)));
            assert!([422, 401].contains(&answer.status), "{name} as {login:?}: {answer}");
        }
        // The fifth is a wrong current password on the account page, in a browser without its mark.
        let fields = [("current", "wrong"), ("new", "nine bridges across the estuary")];
        let answer = house.send(&form("/account/password", &fields).header("Cookie", &browser.session));
        assert_eq!(answer.status, 422, "a wrong current password: {answer}");
        let right = attempt(&username, PASSWORD).header("X-Forwarded-For", "10.255.0.1");
        assert_eq!(house.send(&right).status, 422, "{name}: the account is locked by five failures");
        let token = post("/auth/token", &json!({ "email": email, "password": PASSWORD }));
        assert_eq!(house.send(&token).status, 401, "{name}: and at the other door");
    }
}

#[test]
fn a_browser_that_signed_in_before_is_not_locked_out() {
    let house = house();
    let mut guesser = Guesser::new(&house);
    let login = guesser.login.clone();
    let device = house.sign_in(&login).device.expect("a mark");
    let other = house.sign_in(house.person(&[]).username.as_str()).device.expect("a mark");
    guesser.wrong(5);
    assert!(!guesser.right(), "a strange browser");
    let with = |password: &str, mark: &str| attempt(&login, password).header("Cookie", mark);
    let answer = guesser.send(with(PASSWORD, &other));
    assert_eq!(answer.status, 422, "a browser of somebody else's: {answer}");
    let answer = guesser.send(with(PASSWORD, &format!("{device}; {device}")));
    assert_eq!(answer.status, 422, "the mark twice: {answer}");
    let answer = guesser.send(with(PASSWORD, &device));
    assert_eq!(answer.status, 303, "the owner's browser: {answer}");
    assert!(
        !answer.cookies().iter().any(|cookie| cookie.starts_with("__Host-aegis_device")),
        "it has its mark: {answer}"
    );
    guesser.house.advance(SECOND);
    assert!(!guesser.right(), "that did not unlock it for strangers");
    // A browser that is stolen has five guesses, too.
    for _ in 0..5 {
        assert_eq!(guesser.send(with(&too_long(), &device)).status, 422, "a wrong guess");
    }
    assert_eq!(guesser.send(with(PASSWORD, &device)).status, 422, "the sixth, although right");
    house.advance(24 * 60 * MINUTE);
    assert_eq!(guesser.send(with(PASSWORD, &device)).status, 303, "a day later");
}

#[test]
fn fifty_failures_an_hour_from_one_address() {
    let house = house();
    let person = house.person(&[]);
    let right = attempt(person.username.as_str(), PASSWORD).header("X-Forwarded-For", "2001:db8:1:2::7");
    let guess = |number: usize, address: &str| {
        house.send(&attempt(&format!("nobody{number}"), &too_long()).header("X-Forwarded-For", address))
    };
    for number in 0..49 {
        assert_eq!(guess(number, &format!("2001:db8:1:2::{number:x}")).status, 422, "guess {number}");
        house.advance(SECOND);
    }
    assert_eq!(house.send(&right).status, 303, "a right one takes back its own count, and no other");
    assert_eq!(guess(49, "2001:db8:1:2:ffff::1").status, 422, "the fiftieth failure");
    for ask in [
        right.clone(),
        attempt("nobody", "x").header("X-Forwarded-For", "2001:db8:1:2::1"),
        post("/auth/token", &json!({ "email": "nobody", "password": "x" }))
            .header("X-Forwarded-For", "2001:db8:1:2::1"),
    ] {
        let answer = house.send(&ask);
        assert_eq!(answer.status, 429, "over the limit\nasked: {ask}\ncame back: {answer}");
        let wait: u64 =
            answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("whole seconds");
        assert!((1..=3_600).contains(&wait), "a time within the hour: {answer}");
        assert!(answer.cookies().is_empty(), "{answer}");
    }
    assert_eq!(guess(50, "2001:db8:1:3::1").status, 422, "the network beside it");
    assert_eq!(guess(51, "192.0.2.1").status, 422, "another address");
    let told = house.send(&right).header("retry-after").unwrap().parse().unwrap();
    house.advance(Duration::from_secs(told));
    assert_eq!(house.send(&right).status, 303, "when the time has come that was told");
}

#[test]
fn two_hundred_at_once_are_five() {
    let house = house();
    let mut guesser = Guesser::new(&house);
    let login = guesser.login.clone();
    let statuses = at_once(200, &house, |number| from(1_000 + number, attempt(&login, &too_long())));
    assert!(statuses.iter().all(|status| [422, 503].contains(status)), "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 422).count() >= 5, "{statuses:?}");
    assert!(!guesser.right(), "locked");
    // Exactly five were counted: ten would have locked it for an hour.
    house.advance(15 * MINUTE);
    assert!(guesser.right(), "after fifteen minutes");
}

#[test]
fn nothing_right_comes_through_a_lock_however_many_at_once() {
    let house = house();
    let mut guesser = Guesser::new(&house);
    let login = guesser.login.clone();
    guesser.wrong(5);
    let statuses = at_once(100, &house, |number| from(1_000 + number, attempt(&login, PASSWORD)));
    assert!(!statuses.contains(&303), "a right password through a lock: {statuses:?}");
    house.advance(15 * MINUTE);
    assert!(guesser.right(), "what was refused lengthened nothing");
}

#[test]
fn one_address_at_once_is_counted_exactly() {
    let house = house();
    let guess = |number: usize| {
        attempt(&format!("nobody{number}"), &too_long()).header("X-Forwarded-For", "192.0.2.9")
    };
    let mut statuses = at_once(200, &house, guess);
    // Whoever found no room was not counted, and tries again.
    let mut number = 200;
    while *statuses.last().unwrap() != 429 {
        statuses.push(house.send(&guess(number)).status);
        number += 1;
    }
    let judged = statuses.iter().filter(|status| **status == 422).count();
    assert_eq!(judged, 50, "guesses that were let through: {statuses:?}");
    assert!(statuses.iter().all(|status| [422, 429, 503].contains(status)), "{statuses:?}");
}

/// The statuses of so many requests that are sent at the same moment.
fn at_once(count: usize, house: &House, ask: impl Fn(usize) -> Ask + Sync) -> Vec<u16> {
    let barrier = Barrier::new(count);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..count)
            .map(|number| {
                let (barrier, ask) = (&barrier, &ask);
                scope.spawn(move || {
                    let ask = ask(number);
                    barrier.wait();
                    house.send(&ask).status
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    })
}

/// Who is told to come again was not counted for a failure.
#[test]
fn being_too_many_is_nobodys_failure() {
    let house = house();
    let mut guesser = Guesser::new(&house);
    let places: Vec<_> = std::iter::from_fn(|| house.app.passwords.place().ok()).collect();
    assert!(!places.is_empty(), "room for some");
    let login = guesser.login.clone();
    for ask in
        [attempt(&login, PASSWORD), post("/auth/token", &json!({ "email": login, "password": PASSWORD }))]
    {
        for _ in 0..60 {
            let answer = house.send(&ask.clone().header("X-Forwarded-For", "192.0.2.1"));
            assert_eq!(answer.status, 503, "no room\nasked: {ask}\ncame back: {answer}");
            let wait: u64 =
                answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("whole seconds");
            assert!((1..=60).contains(&wait), "{answer}");
        }
    }
    drop(places);
    let answer = house.send(&attempt(&login, PASSWORD).header("X-Forwarded-For", "192.0.2.1"));
    assert_eq!(answer.status, 303, "there is room again: {answer}");
    guesser.wrong(4);
    assert!(guesser.right(), "four failures and no more");
}

#[test]
fn counts_survive_a_restart() {
    let mut house = house();
    let login = {
        let mut guesser = Guesser::new(&house);
        guesser.wrong(4);
        guesser.login
    };
    house.restart();
    let answer = house.send(&attempt(&login, &too_long()));
    assert_eq!(answer.status, 422, "the fifth, after a restart: {answer}");
    house.restart();
    assert_eq!(house.send(&attempt(&login, PASSWORD)).status, 422, "locked, after another");
    house.advance(15 * MINUTE);
    assert_eq!(house.send(&attempt(&login, PASSWORD)).status, 303, "and no longer than the lock");
}

#[test]
fn unlocking_is_for_the_account_alone() {
    let house = house();
    let person = house.person(&[]);
    let login = person.username.as_str();
    let guess =
        |login: &str| house.send(&attempt(login, &too_long()).header("X-Forwarded-For", "192.0.2.1")).status;
    for _ in 0..5 {
        assert_eq!(guess(login), 422, "a wrong guess");
    }
    assert_eq!(house.send(&attempt(login, PASSWORD)).status, 422, "locked");
    house
        .wait(house.app.attempts.unlock(aegis::store::Write::new(), person.id, Actor::Command, house.now()))
        .unwrap();
    let browser = Browser::of(&house.send(&attempt(login, PASSWORD)));
    assert!(house.opens(&browser.token), "unlocked");
    for number in 0..45 {
        assert_eq!(guess(&format!("nobody{number}")), 422, "guess {number} from the same address");
    }
    assert_eq!(guess("nobody"), 429, "the address was not unlocked: its fifty are full");
}

/// A browser in which somebody else had signed in before got no mark of this account.
#[test]
fn whoever_changes_their_password_is_known_whatever_mark_their_browser_carries() {
    let house = house();
    let another = house.sign_in(house.person(&[]).username.as_str()).device.expect("a mark");
    for mark in [another.as_str(), "__Host-aegis_device=of-nobody-at-all"] {
        let browser = house.sign_in(house.person(&[]).username.as_str());
        let changes = |session: &str, mark: &str, passwords: [&str; 2]| {
            let ask = form("/account/password", &[("current", passwords[0]), ("new", passwords[1])]);
            let answer = house.send(&ask.header("Cookie", &format!("{session}; {mark}")));
            assert_eq!(answer.status, 303, "with {mark}: {answer}");
            Browser::of(&answer)
        };
        let new = "nine bridges across the estuary";
        let after = changes(&browser.session, mark, [PASSWORD, new]);
        let known =
            after.device.unwrap_or_else(|| panic!("a mark of this account, in a browser with {mark}"));
        let again = changes(&after.session, &known, [new, "seven rivers under the bridge"]);
        assert_eq!(again.device, None, "a browser that is known keeps its mark");
    }
}
