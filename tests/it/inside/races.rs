//! Two at the same moment: one of them wins, and what is left is whole.

use std::sync::Barrier;

use aegis::audit::{self, Entry, Event, Recorded as _};
use aegis::identity::{Actor, Method, SessionId, UserId};
use aegis::links::Purpose;
use aegis::sessions::Sessions;
use aegis::store::{Write, WriteError};
use aegis::users::{Leaves, User, Users};

use super::house::{APPS, House, Memory, PASSWORD};
use super::visit::{Browser, form};
use crate::lab::client::{Answer, Ask};

/// What came of these requests, sent at the same moment.
fn at_once(house: &House, asks: &[Ask]) -> Vec<Answer> {
    let barrier = Barrier::new(asks.len());
    std::thread::scope(|scope| {
        let all: Vec<_> = asks
            .iter()
            .map(|ask| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    house.send(ask)
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    })
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses
}

fn password(number: usize) -> String {
    format!("nine bridges across estuary {number}")
}

/// What ends what a session was judged by.
type End = fn(&House, UserId, SessionId);

const ENDS: [(&str, End); 4] = [
    ("it was ended", |house, user, session| {
        let ended =
            house.app.sessions.end(user, session, Event::SessionEnded, Actor::User(user), None, house.now());
        assert!(house.wait(ended).expect("the store writes"), "it was open until then");
    }),
    ("all of the account's were", |house, user, _| {
        house.wait(house.app.users.end_sessions(user, Actor::Command, house.now())).unwrap();
    }),
    ("the account was disabled", |house, user, _| {
        let active = house.app.users.set_active(user, false, Leaves::Perhaps, Actor::Command, house.now());
        house.wait(active).unwrap();
    }),
    ("the account was deleted", |house, user, _| {
        let also = |write| write;
        let deleted = house.app.users.delete(user, Leaves::Perhaps, also, Actor::Command, house.now());
        house.wait(deleted).unwrap();
    }),
];

#[test]
fn what_was_judged_by_a_session_that_ends_meanwhile_is_not_done() {
    let house = House::open(Memory::On, APPS);
    for (what, end) in ENDS {
        let user = house.person(&[]);
        let session = house.admit(user.id, &[Method::Password], None).session;
        let write = |guard: fn(Write, SessionId, &User) -> Write| {
            let entry = Entry::new(Event::UserRenamed, Actor::User(user.id)).about(user.id);
            let write = guard(Write::new(), session, &user).audit(entry, house.now());
            house.wait(house.app.store.write(write)).map(drop)
        };
        let by_session = || write(|base, session, _| Sessions::while_live(base, session));
        let by_device = || write(|base, _, user| Users::while_unchanged(base, user));
        assert_eq!((by_session(), by_device()), (Ok(()), Ok(())), "before {what}");
        end(&house, user.id, session);
        let refused = Err(WriteError::Unexpected(0));
        assert_eq!(by_session(), refused, "after {what}");
        // Known by a device, there is no session to end.
        let is_of_one = what == "it was ended";
        assert_eq!(by_device(), if is_of_one { Ok(()) } else { refused }, "by a device, after {what}");
    }
}

#[test]
fn a_link_is_used_once() {
    let house = House::open(Memory::On, APPS);
    let person = house.person(&[]);
    let name = person.username.as_str();
    let link = house.app.links.make(Purpose::Password, Some(person.id), Actor::Command, house.now());
    let code = house.wait(link).expect("a link");
    let asks: Vec<_> = (0..8)
        .map(|number| form("/link/password", &[("code", code.reveal()), ("password", &password(number))]))
        .collect();
    let answers = at_once(&house, &asks);
    // Whoever found the link unspent, and the account changed since, is told that.
    assert_eq!(answers.iter().filter(|answer| answer.status == 303).count(), 1, "{:?}", statuses(&answers));
    assert!(answers.iter().all(|answer| [303, 410].contains(&answer.status)), "{:?}", statuses(&answers));
    for (number, answer) in answers.iter().enumerate() {
        let signs_in = house.send(&form("/login", &[("email", name), ("password", &password(number))]));
        house.wait(house.app.attempts.unlock(Write::new(), person.id, Actor::Command, house.now())).unwrap();
        assert_eq!(signs_in.status == 303, answer.status == 303, "password {number}: {answer}");
        if answer.status == 303 {
            assert!(house.opens(&Browser::of(answer).token), "and it signed in");
        }
    }
}

#[test]
fn there_is_one_first_administrator() {
    let house = House::open(Memory::On, APPS);
    let code =
        house.wait(house.app.first_link()).expect("the store answers").expect("nobody administers yet");
    let asks: Vec<_> = (0..8)
        .map(|number| {
            let name = format!("root{number}");
            let fields =
                [("code", code.reveal()), ("username", name.as_str()), ("password", &password(number))];
            form("/link/setup", &fields)
        })
        .collect();
    let answers = at_once(&house, &asks);
    assert_eq!(statuses(&answers), [303, 410, 410, 410, 410, 410, 410, 410]);
    let users = house.wait(house.app.users.list()).expect("the store answers");
    assert_eq!(users.iter().filter(|user| user.administrator).count(), 1, "{users:?}");
    assert_eq!(users.len(), 1, "nothing is left of the others: {users:?}");
}

/// The link was made when there was none; one that a command adds in the meantime makes it void.
#[test]
fn a_first_administrator_is_not_a_second() {
    let house = House::open(Memory::On, APPS);
    for round in 0..5 {
        let link = house.app.links.make(Purpose::SetUp, None, Actor::Command, house.now());
        let code = house.wait(link).expect("a link");
        let person = house.person(&[]);
        let name = format!("root{round}");
        let fields = [("code", code.reveal()), ("username", name.as_str()), ("password", &password(round))];
        let ask = form("/link/setup", &fields);
        let answer = std::thread::scope(|scope| {
            let answer = scope.spawn(|| house.send(&ask));
            let (users, now) = (&house.app.users, house.now());
            house
                .wait(users.set_administrator(person.id, true, Leaves::Perhaps, Actor::Command, now))
                .unwrap();
            answer.join().expect("an answer")
        });
        assert!([303, 410].contains(&answer.status), "round {round}: {answer}");
        // In the order in which it happened: the link makes nobody once somebody administers.
        let record = house.wait(audit::newest(&house.app.store, 0, 1_000)).expect("the record");
        let last = |event: Event| record.iter().rposition(|line| line.event == event.name());
        if answer.status == 303 {
            assert!(
                last(Event::UserAdded) < last(Event::AdministratorChanged),
                "round {round}: a second first administrator: {record:#?}"
            );
        }
        let users = house.wait(house.app.users.list()).expect("the store answers");
        for user in users {
            house
                .wait(house.app.users.delete(
                    user.id,
                    Leaves::Perhaps,
                    |write| write,
                    Actor::Command,
                    house.now(),
                ))
                .unwrap();
        }
    }
}

#[test]
fn nobody_signs_in_to_an_account_that_is_disabled_meanwhile() {
    let house = House::open(Memory::On, APPS);
    for round in 0..8 {
        let person = house.person(&[]);
        let ask = form("/login", &[("email", person.username.as_str()), ("password", PASSWORD)]);
        let answer = std::thread::scope(|scope| {
            let answer = scope.spawn(|| house.send(&ask));
            for _ in 0..round * 60_000 {
                std::thread::yield_now();
            }
            let (users, now) = (&house.app.users, house.now());
            house.wait(users.set_active(person.id, false, Leaves::Perhaps, Actor::Command, now)).unwrap();
            answer.join().expect("an answer")
        });
        assert!([303, 422].contains(&answer.status), "round {round}: {answer}");
        if answer.status == 303 {
            assert!(
                !house.opens(&Browser::of(&answer).token),
                "round {round}: a session of a disabled account"
            );
        }
        let enable =
            house.app.users.set_active(person.id, true, Leaves::Perhaps, Actor::Command, house.now());
        house.wait(enable).unwrap();
        if answer.status == 303 {
            assert!(
                !house.opens(&Browser::of(&answer).token),
                "round {round}: it came back with the account"
            );
        }
    }
}

#[test]
fn of_two_new_passwords_one_is_set() {
    let house = House::open(Memory::On, APPS);
    let person = house.person(&[]);
    let name = person.username.as_str();
    let browsers = [0; 3].map(|_| house.sign_in(name));
    let asks: Vec<_> = browsers
        .iter()
        .enumerate()
        .map(|(number, browser)| {
            let fields = [("current", PASSWORD), ("new", &password(number))];
            form("/account/password", &fields).header("Cookie", &browser.session)
        })
        .collect();
    let answers = at_once(&house, &asks);
    assert_eq!(answers.iter().filter(|answer| answer.status == 303).count(), 1, "{:?}", statuses(&answers));
    for (number, answer) in answers.iter().enumerate() {
        let signs_in = house.send(&form("/login", &[("email", name), ("password", &password(number))]));
        assert_eq!(signs_in.status == 303, answer.status == 303, "password {number}: {answer}");
        assert!(!house.opens(&browsers[number].token), "every session of before has ended");
        if answer.status == 303 {
            assert!(house.opens(&Browser::of(answer).token), "but the one that was opened with the change");
        }
    }
}

/// Signing out while the same session is given a new token: nothing of it is left.
#[test]
fn a_session_that_is_ended_gives_nothing_more() {
    let house = House::open(Memory::On, APPS);
    let name = house.person(&[]).username.to_string();
    for round in 0..8 {
        let browser = house.sign_in(&name);
        let page = Ask::navigation(super::house::PORTAL, "/login?rd=https%3A%2F%2Fclosed.example.com%2F");
        let asks = [
            form("/logout", &[]).header("Cookie", &browser.session),
            page.header("Cookie", &browser.session),
            form("/account/name", &[("name", "x")]).header("Cookie", &browser.session),
        ];
        let answers = at_once(&house, &asks);
        assert_eq!(answers[0].status, 200, "signing out: {}", answers[0]);
        for token in answers[1].cookies().iter().filter(|cookie| cookie.starts_with("aegis_token=")) {
            assert!(!house.opens(token), "round {round}: a token of a session that is over");
        }
        assert!(!house.opens(&browser.token), "round {round}: signed out");
    }
}
