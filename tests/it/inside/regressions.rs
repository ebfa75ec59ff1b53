//! Faults that were found and mended, each named for what was wrong.

use std::time::Duration;

use aegis::forwarded::Dialect;
use aegis::identity::Actor;
use aegis::links::Purpose;
use aegis::sign_in::Arrival;
use aegis::store::Write;
use aegis::users::{User, Users};

use super::house::{APPS, House, Memory, PASSWORD, PORTAL};
use super::visit::{Browser, Visit, form, json};
use crate::lab::client::Ask;

with_and_without_memory!(
    a_remembered_session_lay_idle_though_it_was_used,
    a_remembered_token_outlived_its_own_end,
    a_password_link_survived_a_change_of_the_password,
    a_session_was_opened_for_a_password_replaced_meanwhile,
    the_own_site_was_open_to_crawlers,
    the_page_of_a_refusal_spoke_of_the_whole_app,
    plain_http_at_a_local_name_led_back_to_itself,
    a_token_that_was_validated_lay_idle,
    roles_that_fit_no_token_shut_their_owner_out,
);

const SECOND: Duration = Duration::from_secs(1);
const NEW: &str = "nine bridges across the estuary";

/// A use that was answered from memory did not count as one.
fn a_remembered_session_lay_idle_though_it_was_used(memory: Memory) {
    let house = House::open(memory, &format!("{APPS}\n[session]\nidle = \"2m\"\n"));
    let browser = house.sign_in(house.person(&[]).username.as_str());
    for minute in 0..5 {
        assert!(house.opens(&browser.token), "used every minute, in minute {minute}, memory {memory:?}");
        house.advance(60 * SECOND);
    }
    house.advance(60 * SECOND);
    assert!(!house.opens(&browser.token), "unused for two minutes, memory {memory:?}");
}

/// A token ends at a whole second, its session up to a second later.
fn a_remembered_token_outlived_its_own_end(memory: Memory) {
    let house = House::open(memory, &format!("{APPS}\n[session]\nlongest = \"1m\"\n"));
    house.advance(Duration::from_millis(500));
    let browser = house.sign_in(house.person(&[]).username.as_str());
    assert!(house.opens(&browser.token), "at first, memory {memory:?}");
    house.advance(59 * SECOND);
    assert!(house.opens(&browser.token), "after 59 seconds, memory {memory:?}");
    house.advance(Duration::from_millis(700));
    assert!(!house.opens(&browser.token), "after its `exp`, memory {memory:?}");
}

fn a_password_link_survived_a_change_of_the_password(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let link = house.app.links.make(Purpose::Password, Some(person.id), Actor::Command, house.now());
    let code = house.wait(link).expect("a link");
    let own = house.sign_in(person.username.as_str());
    let fields = [("current", PASSWORD), ("new", NEW)];
    let answer = house.send(&form("/account/password", &fields).header("Cookie", &own.session));
    assert_eq!(answer.status, 303, "the password is changed: {answer}");
    let renewed = Browser::of(&answer);
    let late =
        form("/link/password", &[("code", code.reveal()), ("password", "four wells beneath the orchard")]);
    let answer = house.send(&late);
    assert_eq!(answer.status, 410, "the link from before: {answer}");
    assert!(house.opens(&renewed.token), "the owner is still signed in");
}

/// Somebody who knew the password changes it; before they are let in, the operator sets another.
fn a_session_was_opened_for_a_password_replaced_meanwhile(memory: Memory) {
    let house = House::shared(memory);
    let person = house.person(&[]);
    let users = &house.app.users;
    let hash = house.user(person.id).password.expect("a password");
    let set = users.set_password(Write::new(), &person, &hash, Actor::Command, house.now());
    house.wait(set).expect("the operator's is set");
    let admit = |user: &User| {
        let arrival = Arrival {
            address: None,
            user_agent: None,
            is_known: false,
            keep: false,
            enrol_until: None,
            replaces: None,
        };
        let actor = Actor::User(user.id);
        let write = Users::setting_password(Write::new(), user, &hash, actor, house.now());
        house.wait(house.app.sign_in.admit(
            write,
            (user.id, user.epoch + 1),
            aegis::sign_in::METHODS,
            arrival,
            house.now(),
        ))
    };
    let late = admit(&person);
    assert!(late.is_err(), "for a password that is set no more: {late:?}");
    assert_eq!(house.user(person.id).epoch, person.epoch + 1, "the operator's stands");
    let right = admit(&house.user(person.id));
    assert!(right.is_ok(), "for one that is set with it: {right:?}");
}

fn the_own_site_was_open_to_crawlers(memory: Memory) {
    let house = House::shared(memory);
    let answer = house.send(&Ask::get(PORTAL, "/robots.txt"));
    assert_eq!((answer.status, answer.body.as_str()), (200, "User-agent: *\nDisallow: /\n"), "{answer}");
    // On an app it is the app's own.
    let visit = Visit::new("closed.example.com", "/robots.txt");
    assert_eq!(house.status(Dialect::Forward, &visit), 200, "an app's own");
}

/// "No access to the host", although only a path of it is refused.
fn the_page_of_a_refusal_spoke_of_the_whole_app(memory: Memory) {
    let house = House::open(
        memory,
        &format!(
            "{APPS}\n[app.staff]\nhosts = [\"staff.example.com\"]\nrequire = \"signed_in\"\nroles = [\"staff\"]\n"
        ),
    );
    let browser = house.sign_in(house.person(&[]).username.as_str());
    for (host, path, words) in [
        ("closed.example.com", "/admin", "this part of <strong>closed.example.com</strong>"),
        ("closed.example.com", "/never", "this part of <strong>closed.example.com</strong>"),
        ("staff.example.com", "/", "no access to <strong>staff.example.com</strong>"),
    ] {
        let visit = Visit::navigation(host, path).cookie(&browser.token);
        let answer = house.check(Dialect::Forward, &visit);
        assert_eq!(answer.status, 403, "{host}{path}: {answer}");
        assert!(answer.body.contains(words), "{host}{path} does not say {words:?}: {answer}");
    }
}

/// A name of this machine was sent from http to http, for ever.
fn plain_http_at_a_local_name_led_back_to_itself(memory: Memory) {
    let settings = "public_url = \"https://auth.aegis.localhost\"\n[cookie]\ndomain = \"aegis.localhost\"\n\
                    [app.a]\nhosts = [\"a.aegis.localhost\"]\nrequire = \"signed_in\"\n";
    let house = House::open(memory, settings);
    let visit = Visit::navigation("a.aegis.localhost", "/x?y").scheme("http");
    let answer = house.check(Dialect::Forward, &visit);
    assert_eq!(
        (answer.status, answer.header("location")),
        (302, Some("https://a.aegis.localhost/x?y")),
        "{answer}"
    );
}

/// A program that validates its token instead of showing it at a proxy used it all the same.
fn a_token_that_was_validated_lay_idle(memory: Memory) {
    let house = House::open(memory, &format!("{APPS}\n[session]\nidle = \"10m\"\n"));
    let token = house.script_token(house.person(&[]).username.as_str(), None);
    for round in 0..4 {
        let answer = house.send(&json("/auth/validate", &serde_json::json!({ "token": token })));
        assert_eq!(answer.json()["valid"], true, "round {round}, every six minutes: {answer}");
        house.advance(360 * SECOND);
    }
}

/// An account with so many roles that no token could hold them was given them, and could not sign in.
fn roles_that_fit_no_token_shut_their_owner_out(memory: Memory) {
    let house = House::shared(memory);
    let role = |number: usize| format!("{:a>61}{number:02}", "").parse().unwrap();
    let person = house.person(&[]);
    let set = |count: usize| {
        let roles: Vec<_> = (0..count).map(role).collect();
        house.wait(house.app.users.set_roles(&person, &roles, Actor::Command, house.now()))
    };
    let refused = set(19);
    assert!(refused.is_err(), "more than fits: {refused:?}");
    set(18).expect("as many as fit");
    let browser = house.sign_in(person.username.as_str());
    assert!(house.opens(&browser.token), "with as many roles as fit, memory {memory:?}");
}
