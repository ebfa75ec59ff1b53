//! How long sessions and tokens live, by the clock, and how they end: at once.

use std::time::Duration;

use aegis::audit;
use aegis::forwarded::Dialect;
use aegis::identity::Actor;
use aegis::links::Purpose;
use aegis::users::{Leaves, User};
use serde_json::json;

use super::house::{APPS, House, Memory, PASSWORD, PORTAL};
use super::visit::{Browser, Visit, form, json as post};
use crate::lab::client::Ask;

with_and_without_memory!(
    a_browsers_session_lasts_a_day,
    one_that_is_kept_lasts_as_long_as_it_may,
    one_that_is_not_used_ends_sooner,
    being_used_keeps_it_alive,
    a_token_lives_as_long_as_it_says,
    lifetimes_are_the_configured_ones,
    signing_out_is_at_once_and_everywhere,
    a_session_ended_on_the_account_page,
    another_password_ends_every_other_session,
    what_an_administrator_changes_acts_at_once,
    another_person_in_the_same_browser,
    a_disabled_account_is_let_in_by_nothing,
    everything_holds_over_a_restart,
);

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn kept(house: &House, user: &User) -> Browser {
    house.sign_in_with(&form(
        "/login",
        &[("email", user.username.as_str()), ("password", PASSWORD), ("keep", "on")],
    ))
}

/// Whether Aegis's own pages know this browser.
fn is_in(house: &House, browser: &Browser) -> bool {
    let answer = house.send(&Ask::navigation(PORTAL, "/account").header("Cookie", &browser.session));
    assert!([200, 303].contains(&answer.status), "/account\ncame back: {answer}");
    answer.status == 200
}

#[track_caller]
fn both(house: &House, browser: &Browser, expected: bool, when: &str) {
    assert_eq!(house.opens(&browser.token), expected, "the app, {when}, memory {:?}", house.memory);
    assert_eq!(is_in(house, browser), expected, "Aegis's own pages, {when}, memory {:?}", house.memory);
}

fn a_browsers_session_lasts_a_day(memory: Memory) {
    let house = House::open(memory, APPS);
    let browser = house.sign_in(house.person(&[]).username.as_str());
    both(&house, &browser, true, "at first");
    for _ in 0..23 {
        house.advance(HOUR);
        both(&house, &browser, true, "within the day");
    }
    house.advance(HOUR.saturating_sub(SECOND));
    both(&house, &browser, true, "a second before the day is over");
    house.advance(SECOND);
    both(&house, &browser, false, "after a day");
    house.advance(DAY);
    both(&house, &browser, false, "and ever after");
}

fn one_that_is_kept_lasts_as_long_as_it_may(memory: Memory) {
    let house = House::open(memory, APPS);
    let browser = kept(&house, &house.person(&[]));
    for _ in 0..29 {
        house.advance(DAY);
        both(&house, &browser, true, "within thirty days");
    }
    house.advance(DAY.saturating_sub(SECOND));
    both(&house, &browser, true, "a second before the thirtieth day is over");
    house.advance(SECOND);
    both(&house, &browser, false, "after thirty days, although it was used every day");
}

fn one_that_is_not_used_ends_sooner(memory: Memory) {
    let house = House::open(memory, APPS);
    let browser = kept(&house, &house.person(&[]));
    house.advance((7 * DAY).saturating_sub(SECOND));
    assert!(house.opens(&browser.token), "unused for nearly a week");
    house.advance(7 * DAY);
    both(&house, &browser, false, "unused for a week");
}

fn being_used_keeps_it_alive(memory: Memory) {
    let mut house = House::open(memory, APPS);
    let browser = kept(&house, &house.person(&[]));
    for _ in 0..3 {
        house.advance(6 * DAY);
        assert!(house.opens(&browser.token), "used at an app every six days");
        // Its last use is known after a restart, too.
        house.restart();
    }
    house.advance(6 * DAY);
    both(&house, &browser, true, "used every six days");
}

fn a_token_lives_as_long_as_it_says(memory: Memory) {
    let house = House::open(memory, APPS);
    let token = house.script_token(house.person(&[]).username.as_str(), None);
    let validate = || house.send(&post("/auth/validate", &json!({ "token": token }))).json()["valid"].clone();
    let opens = || {
        house.status(
            Dialect::Forward,
            &Visit::new("closed.example.com", "/").header("Authorization", &format!("Bearer {token}")),
        )
    };
    for _ in 0..24 {
        assert_eq!((opens(), validate()), (200, json!(true)), "within its day");
        house.advance(HOUR.saturating_sub(SECOND));
    }
    assert_eq!((opens(), validate()), (200, json!(true)), "24 seconds before its day is over");
    house.advance(24 * SECOND);
    assert_eq!((opens(), validate()), (401, json!(false)), "after its day");
}

fn lifetimes_are_the_configured_ones(memory: Memory) {
    let settings = format!("{APPS}\n[session]\nidle = \"10m\"\nlongest = \"1h\"\ntoken = \"5m\"\n");
    let house = House::open(memory, &settings);
    let (person, minute) = (house.person(&[]), Duration::from_mins(1));
    let token = house.script_token(person.username.as_str(), None);
    let (used, idle) = (kept(&house, &person), house.sign_in(person.username.as_str()));
    let as_bearer = Visit::new("closed.example.com", "/").header("Authorization", &format!("Bearer {token}"));
    for passed in 1..=60 {
        house.advance(minute);
        assert_eq!(
            house.status(Dialect::Forward, &as_bearer) == 200,
            passed < 5,
            "the token after {passed} minutes"
        );
        assert_eq!(house.opens(&used.token), passed < 60, "the session in use after {passed} minutes");
        if passed == 10 {
            both(&house, &idle, false, "unused for ten minutes");
        }
    }
}

fn sign_out(house: &House, browser: &Browser) {
    let ask = form("/logout", &[]).header("Cookie", &format!("{}; {}", browser.session, browser.token));
    let answer = house.send(&ask);
    assert_eq!(answer.status, 200, "signing out\nasked: {ask}\ncame back: {answer}");
    let cookies: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    for name in ["__Host-aegis_session=;", "aegis_token=;"] {
        let cleared = cookies.iter().find(|(_, cookie)| cookie.starts_with(name));
        let (_, cookie) = cleared.unwrap_or_else(|| panic!("{name} is not taken away in {answer}"));
        assert!(cookie.contains("Max-Age=0"), "{cookie}");
    }
}

fn signing_out_is_at_once_and_everywhere(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let (first, second) = (house.sign_in(person.username.as_str()), house.sign_in(person.username.as_str()));
    both(house, &first, true, "signed in");
    both(house, &second, true, "signed in elsewhere");
    let page = house.send(&Ask::navigation(PORTAL, "/logout").header("Cookie", &first.session));
    assert_eq!(page.status, 200, "the page with the button: {page}");
    both(house, &first, true, "after only looking at the page");
    sign_out(house, &first);
    both(house, &first, false, "signed out");
    both(house, &second, true, "another browser");
    sign_out(house, &first);
    sign_out(house, &second);
    both(house, &second, false, "signed out there, too");
}

fn a_session_ended_on_the_account_page(memory: Memory) {
    let house = House::shared(memory);
    let (person, stranger) = (house.person(&[]), house.person(&[]));
    let [own, other, third] = [0; 3].map(|_| house.sign_in(person.username.as_str()));
    let foreign = house.sign_in(stranger.username.as_str());
    for browser in [&own, &other, &third, &foreign] {
        both(house, browser, true, "at first");
    }
    let end = |path: &str, id: &str| house.send(&form(path, &[("id", id)]).header("Cookie", &own.session));
    let answer = end("/account/sessions/end", &sid(&other));
    assert_eq!(answer.status, 200, "ending another session of one's own: {answer}");
    both(house, &other, false, "ended");
    end("/account/sessions/end", &sid(&foreign));
    both(house, &foreign, true, "another's session cannot be ended");
    end("/account/sessions/end-others", "");
    both(house, &third, false, "all others ended");
    both(house, &own, true, "but this one");
    both(house, &foreign, true, "and nobody else's");
}

/// The session that a token names.
fn sid(browser: &Browser) -> String {
    use base64::Engine as _;
    let payload = browser.jwt().split('.').nth(1).expect("three parts");
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let claims: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    claims["sid"].as_str().expect("a session").to_owned()
}

fn another_password_ends_every_other_session(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let name = person.username.as_str();
    let (own, other) = (house.sign_in(name), house.sign_in(name));
    let token = house.script_token(name, None);
    let script = format!("aegis_token={token}");
    assert!(house.opens(&other.token) && house.opens(&own.token) && house.opens(&script), "at first");
    let new = "nine bridges across the estuary";
    let change = |current: &str| {
        let fields = [("current", current), ("new", new)];
        house.send(&form("/account/password", &fields).header("Cookie", &own.session))
    };
    let answer = change("not the password at all");
    assert_eq!(answer.status, 422, "with a wrong current password: {answer}");
    assert!(house.opens(&other.token), "nothing has changed");
    let answer = change(PASSWORD);
    assert_eq!(answer.status, 303, "with the right one: {answer}");
    let renewed = Browser::of(&answer);
    for (which, cookie) in [("other", &other.token), ("own, old", &own.token), ("script's", &script)] {
        assert!(!house.opens(cookie), "the {which} token after the change");
    }
    both(house, &renewed, true, "this browser's new session");
    let answer = house.send(&form("/login", &[("email", name), ("password", PASSWORD)]));
    assert_eq!(answer.status, 422, "the old password: {answer}");
    let answer = house.send(&form("/login", &[("email", name), ("password", new)]));
    assert_eq!(answer.status, 303, "the new password: {answer}");
}

fn what_an_administrator_changes_acts_at_once(memory: Memory) {
    let house = House::shared(memory);
    let (users, actor) = (&house.app.users, Actor::Command);
    let person = house.person(&["admin"]);
    let browser = house.sign_in(person.username.as_str());
    let visit = Visit::new("closed.example.com", "/admin").cookie(&browser.token);
    let groups = |status: u16, groups: Option<&str>, when: &str| {
        let answer = house.check(Dialect::Forward, &visit);
        assert_eq!(
            (answer.status, answer.header("remote-groups")),
            (status, groups),
            "{when}, memory {memory:?}\ncame back: {answer}"
        );
    };
    groups(200, Some("users,admin"), "at first");
    house.wait(users.set_roles(&person, &[], actor, house.now())).unwrap();
    groups(403, None, "without the role");
    let bare = house.wait(users.by_id(person.id)).unwrap().unwrap();
    house.wait(users.set_roles(&bare, &["admin".parse().unwrap()], actor, house.now())).unwrap();
    groups(200, Some("users,admin"), "with the role again");
    house.wait(users.set_active(person.id, false, Leaves::AnAdministrator, actor, house.now())).unwrap();
    groups(401, None, "disabled");
    house.wait(users.set_active(person.id, true, Leaves::AnAdministrator, actor, house.now())).unwrap();
    groups(401, None, "enabled again: the session was ended");
    let browser = house.sign_in(person.username.as_str());
    both(house, &browser, true, "signed in anew");
    house.wait(users.end_sessions(person.id, actor, house.now())).unwrap();
    both(house, &browser, false, "every session ended");
    let browser = house.sign_in(person.username.as_str());
    both(house, &browser, true, "signed in once more");
    house.wait(users.delete(person.id, Leaves::AnAdministrator, |write| write, actor, house.now())).unwrap();
    both(house, &browser, false, "deleted");
    let answer = house.send(&form("/login", &[("email", person.username.as_str()), ("password", PASSWORD)]));
    assert_eq!(answer.status, 422, "a deleted account signs in: {answer}");
}

fn another_person_in_the_same_browser(memory: Memory) {
    let house = House::shared(memory);
    let (ann, bob) = (house.person(&[]), house.person(&[]));
    let first = house.sign_in(ann.username.as_str());
    for (name, person) in [("another", &bob), ("the same", &bob), ("the first again", &ann)] {
        let before = house.sign_in(ann.username.as_str());
        let fields = [("email", person.username.as_str()), ("password", PASSWORD)];
        let after = house.sign_in_with(&form("/login", &fields).header("Cookie", &before.session));
        assert_ne!(before.session, after.session, "a new session for {name}");
        both(house, &before, false, &format!("the session that this browser had, before {name} signed in"));
        both(house, &after, true, &format!("{name} signed in"));
        // Of the session that ended with that, the record says so.
        let record = house.wait(audit::newest(&house.app.store, 0, 1_000)).expect("the record");
        let said = format!("\"replaces\":\"{}\"", sid(&before));
        let lines: Vec<_> = record.iter().filter(|line| line.detail.contains(&said)).collect();
        assert_eq!(lines.len(), 1, "{name}: where {} went: {lines:?}", sid(&before));
        assert_eq!(lines[0].about, Some(person.id.to_string()), "{name}: {lines:?}");
    }
    both(house, &first, true, "another browser's");
    // Nor does a link leave the session behind that this browser had.
    let link = house.app.links.make(Purpose::Password, Some(bob.id), Actor::Command, house.now());
    let code = house.wait(link).expect("a link");
    let before = house.sign_in(ann.username.as_str());
    let fields = [("code", code.reveal()), ("password", "nine bridges across the estuary")];
    let after = house.sign_in_with(&form("/link/password", &fields).header("Cookie", &before.session));
    both(house, &before, false, "the session that this browser had, before a link was used in it");
    both(house, &after, true, "of the link");
    // A wrong password changes nothing of it.
    let wrong = form("/login", &[("email", bob.username.as_str()), ("password", "wrong")]);
    let answer = house.send(&wrong.header("Cookie", &first.session));
    assert_eq!(answer.status, 422, "{answer}");
    both(house, &first, true, "after somebody else's wrong password");
}

fn a_disabled_account_is_let_in_by_nothing(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let name = person.username.as_str();
    let (browser, token) = (house.sign_in(name), house.script_token(name, None));
    let visits = [
        Visit::new("closed.example.com", "/").cookie(&browser.token),
        Visit::new("closed.example.com", "/").cookie(&format!("aegis_token={token}")),
        Visit::new("closed.example.com", "/").header("Authorization", &format!("Bearer {token}")),
    ];
    for visit in &visits {
        assert_eq!(house.status(Dialect::Forward, visit), 200, "before: {visit:?}");
    }
    house
        .wait(house.app.users.set_active(
            person.id,
            false,
            Leaves::AnAdministrator,
            Actor::Command,
            house.now(),
        ))
        .unwrap();
    for visit in &visits {
        assert_eq!(house.status(Dialect::Forward, visit), 401, "disabled: {visit:?}");
    }
    assert!(!is_in(house, &browser), "Aegis's own pages");
    let answer = house.send(&post("/auth/validate", &json!({ "token": token })));
    assert_eq!(answer.json(), json!({ "valid": false }), "/auth/validate: {answer}");
    let answer = house.send(&post("/auth/token", &json!({ "email": name, "password": PASSWORD })));
    assert_eq!(answer.status, 401, "/auth/token: {answer}");
    let answer = house.send(&form("/login", &[("email", name), ("password", PASSWORD)]));
    assert_eq!(answer.status, 422, "/login: {answer}");
}

fn everything_holds_over_a_restart(memory: Memory) {
    let mut house = House::open(memory, APPS);
    let [stays, leaves, ousted, demoted] = [0; 4].map(|_| house.person(&["admin"]));
    let browsers = [&stays, &leaves, &ousted, &demoted].map(|person| house.sign_in(person.username.as_str()));
    let token = house.script_token(stays.username.as_str(), None);
    sign_out(&house, &browsers[1]);
    let (users, now) = (house.app.users.clone(), house.now());
    house.wait(users.set_active(ousted.id, false, Leaves::AnAdministrator, Actor::Command, now)).unwrap();
    house.wait(users.set_roles(&demoted, &[], Actor::Command, now)).unwrap();
    house.restart();
    both(&house, &browsers[0], true, "after a restart");
    assert!(house.opens(&format!("aegis_token={token}")), "a token after a restart");
    both(&house, &browsers[1], false, "signed out before a restart");
    both(&house, &browsers[2], false, "disabled before a restart");
    both(&house, &browsers[3], true, "without the role after a restart");
    let visit = Visit::new("closed.example.com", "/admin").cookie(&browsers[3].token);
    assert_eq!(house.status(Dialect::Forward, &visit), 403, "the role was taken before a restart");
}
