//! What another process changes in the store, and what becomes of checks when the store is gone.

use std::time::Duration;

use aegis::attempts::Attempts;
use aegis::audit::Event;
use aegis::forwarded::Dialect;
use aegis::identity::{Actor, SessionId, UserId};
use aegis::password::StoredHash;
use aegis::sessions::Sessions;
use aegis::store::{Store, Write};
use aegis::users::{Leaves, Users};

use super::house::{APPS, House, Memory, PORTAL, until};
use super::visit::{Browser, DIALECTS, Visit, form};
use crate::lab::client::Ask;

with_and_without_memory!(
    what_a_command_changes_is_heard,
    without_the_feed_nothing_remembered_counts_after_a_second,
    without_the_store_what_is_known_goes_on_and_the_rest_is_closed,
    the_store_comes_back,
);

/// What a command in another process has: a store of its own on the same data.
struct Command {
    users: Users,
    sessions: Sessions,
    attempts: Attempts,
}

impl Command {
    fn beside(house: &House) -> Self {
        let store = Store::open_beside(&house.data()).expect("a command opens the data");
        Self {
            users: Users::new(store.clone()),
            sessions: Sessions::new(store.clone(), house.app.sessions.lifetimes()),
            attempts: Attempts::new(store),
        }
    }
}

type Change = fn(&House, &Command, UserId, SessionId);

/// Every change that ends what somebody has, as commands make them.
const CHANGES: [(&str, Change); 7] = [
    ("user disable", |house, command, user, _| {
        house
            .wait(command.users.set_active(user, false, Leaves::AnAdministrator, Actor::Command, house.now()))
            .unwrap();
    }),
    ("user delete", |house, command, user, _| {
        house
            .wait(command.users.delete(
                user,
                Leaves::AnAdministrator,
                |write| write,
                Actor::Command,
                house.now(),
            ))
            .unwrap();
    }),
    ("user roles", |house, command, user, _| {
        let user = house.wait(command.users.by_id(user)).unwrap().unwrap();
        house.wait(command.users.set_roles(&user, &[], Actor::Command, house.now())).unwrap();
    }),
    ("user admin", |house, command, user, _| {
        house
            .wait(command.users.set_administrator(user, true, Leaves::Perhaps, Actor::Command, house.now()))
            .unwrap();
    }),
    ("user passwd", |house, command, user, _| {
        let user = house.wait(command.users.by_id(user)).unwrap().unwrap();
        let hash = StoredHash::parse("$2b$04$abcdefghijklmnopqrstuuO9E0rQS7Uf0FU8RfJ6RE2r9FFJmQ9bG")
            .expect("a hash");
        let write = command.users.set_password(Write::new(), &user, &hash, Actor::Command, house.now());
        house.wait(write).unwrap();
    }),
    ("session revoke", |house, command, user, session| {
        let now = house.now();
        let end = command.sessions.end(user, session, Event::SessionEnded, Actor::Command, None, now);
        assert!(house.wait(end).unwrap(), "it was there");
    }),
    ("session revoke --all", |house, command, user, _| {
        house.wait(command.users.end_sessions(user, Actor::Command, house.now())).unwrap();
    }),
];

fn session(house: &House, user: UserId) -> SessionId {
    house.wait(house.app.sessions.list(user, house.now())).unwrap()[0].id
}

/// The clock stands still, so whatever is heard is heard within no time at all: the feed is asked five
/// times in a second of the machine's.
fn what_a_command_changes_is_heard(memory: Memory) {
    let house = House::shared(memory);
    for (name, change) in CHANGES {
        let person = house.person(&["admin"]);
        let browser = house.sign_in(person.username.as_str());
        let visit = Visit::new("closed.example.com", "/admin").cookie(&browser.token);
        assert_eq!(house.status(Dialect::Forward, &visit), 200, "before aegis {name}");
        change(house, &Command::beside(house), person.id, session(house, person.id));
        // Each alone, because the change may come between two that are to be the same.
        let ask = visit.through(Dialect::Forward);
        until(&format!("aegis {name} is heard"), || house.send(&ask).status != 200);
        let status = house.status(Dialect::Forward, &visit);
        let expected = if name == "user roles" { 403 } else { 401 };
        assert_eq!(status, expected, "after aegis {name}, memory {memory:?}");
    }
}

fn without_the_feed_nothing_remembered_counts_after_a_second(memory: Memory) {
    let mut house = House::open(memory, APPS);
    let people: Vec<_> = CHANGES.iter().map(|_| house.person(&["admin"])).collect();
    let visits: Vec<_> = people
        .iter()
        .map(|person| {
            let browser = house.sign_in(person.username.as_str());
            Visit::new("closed.example.com", "/admin").cookie(&browser.token)
        })
        .collect();
    for visit in &visits {
        assert_eq!(house.status(Dialect::Forward, visit), 200, "at first");
    }
    house.deafen();
    let command = Command::beside(&house);
    for ((_, change), person) in CHANGES.iter().zip(&people) {
        change(&house, &command, person.id, session(&house, person.id));
    }
    house.hand.advance(Duration::from_secs(1));
    for ((name, _), visit) in CHANGES.iter().zip(&visits) {
        let status = house.status(Dialect::Forward, visit);
        assert_ne!(status, 200, "a second after aegis {name}, with nobody listening, memory {memory:?}");
    }
    let health = house.send(&Ask::get(PORTAL, "/health"));
    assert_eq!(health.status, 503, "/health tells that the feed is not heard\ncame back: {health}");
}

fn without_the_store_what_is_known_goes_on_and_the_rest_is_closed(memory: Memory) {
    let house = House::open(memory, APPS);
    let browser = house.sign_in(house.person(&["admin"]).username.as_str());
    // The feed has brought all that was written until now: what is remembered from here on stands.
    house.advance(Duration::from_secs(2));
    let known = Visit::new("closed.example.com", "/").cookie(&browser.token);
    assert_eq!(house.status(Dialect::Forward, &known), 200, "at first");
    house.wait(house.app.store.close());
    for dialect in DIALECTS {
        let unavailable = if dialect == Dialect::Forward { 503 } else { 403 };
        let remembered = if memory == Memory::On { 200 } else { unavailable };
        for (name, visit, status) in [
            ("known", known.clone(), remembered),
            ("known, another app", Visit::new("other.example.com", "/").cookie(&browser.token), unavailable),
            ("known, optional", Visit::new("welcome.example.com", "/").cookie(&browser.token), 200),
            ("public", Visit::new("open.example.com", "/").cookie(&browser.token), 200),
            ("nobody", Visit::fetch("closed.example.com", "/"), 401),
            ("garbage", Visit::fetch("closed.example.com", "/").cookie("aegis_token=a.b.c"), 401),
            ("no app", Visit::fetch("unheard-of.example.com", "/"), 403),
            ("two cookies", known.clone().cookie(&browser.token), unavailable),
        ] {
            let answer = house.check(dialect, &visit);
            assert_eq!(
                answer.status, status,
                "{dialect:?}, {name}, without the store, memory {memory:?}: {visit:?}\ncame back: {answer}"
            );
            if status == 200 && name != "known" {
                assert_eq!(
                    answer.header("remote-user"),
                    Some(""),
                    "{dialect:?}, {name}: as nobody\n{answer}"
                );
            }
            if status == 503 {
                assert!(answer.header("retry-after").is_some(), "{dialect:?}, {name}: {answer}");
                assert!(answer.header("x-aegis-ref").is_some(), "{dialect:?}, {name}: {answer}");
            }
        }
    }
    // What is known is asked for anew after a while, and then it is closed, too.
    house.advance(Duration::from_secs(150));
    assert_eq!(house.status(Dialect::Forward, &known), 503, "150 seconds later, memory {memory:?}");
    for ask in [
        form("/login", &[("email", "ann"), ("password", "x")]),
        Ask::navigation(PORTAL, "/account").header("Cookie", &browser.session),
        Ask::navigation(PORTAL, "/").header("Cookie", &browser.session),
        form("/logout", &[]).header("Cookie", &browser.session),
        super::visit::json("/auth/token", &serde_json::json!({ "email": "ann", "password": "x" })),
        super::visit::json("/auth/validate", &serde_json::json!({ "token": token_of(&browser) })),
        Ask::get(PORTAL, "/health"),
    ] {
        let answer = house.send(&ask);
        assert_eq!(answer.status, 503, "without the store\nasked: {ask}\ncame back: {answer}");
        assert!(answer.cookies().is_empty(), "no cookie is taken or given: {answer}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
    }
}

fn token_of(browser: &Browser) -> &str {
    browser.jwt()
}

fn the_store_comes_back(memory: Memory) {
    let mut house = House::open(memory, APPS);
    let browser = house.sign_in(house.person(&[]).username.as_str());
    house.wait(house.app.store.close());
    assert!(!memory_alone_opens(&house, &browser), "never asked before, so never known");
    house.restart();
    assert!(house.opens(&browser.token), "after a restart");
}

fn memory_alone_opens(house: &House, browser: &Browser) -> bool {
    let visit = Visit::new("closed.example.com", "/").cookie(&browser.token);
    house.status(Dialect::Forward, &visit) == 200
}

/// A command's `user unlock` reaches the counters of the server at once: they stand in the store.
#[test]
fn a_command_unlocks() {
    let house = House::open(Memory::On, APPS);
    let person = house.person(&[]);
    let name = person.username.as_str();
    for _ in 0..5 {
        let answer = house.send(&form("/login", &[("email", name), ("password", "wrong")]));
        assert_eq!(answer.status, 422, "{answer}");
    }
    let right = form("/login", &[("email", name), ("password", super::house::PASSWORD)]);
    assert_eq!(house.send(&right).status, 422, "locked");
    let command = Command::beside(&house);
    house.wait(command.attempts.unlock(Write::new(), person.id, Actor::Command, house.now())).unwrap();
    assert_eq!(house.send(&right).status, 303, "unlocked by a command");
}
