//! Clients that leave in the middle: never a half state, never a place lost, and the next attempt works.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use aegis::identity::Actor;
use aegis::links::Purpose;

use super::house::{APPS, House, Memory, PASSWORD, until};
use super::visit::{Browser, form};
use crate::lab::client::Ask;

/// When a client leaves.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// After so many hundredths of the request's bytes.
    Sending(usize),
    /// After the last byte, and after it let others run so often.
    Waiting(u32),
    /// The same, with a reset instead of a goodbye.
    Resetting(u32),
    /// With the first byte of the answer.
    Answered,
}

/// From the first byte to the answer. A hash takes some hundred thousand turns.
const MOMENTS: [Moment; 14] = [
    Moment::Sending(1),
    Moment::Sending(50),
    Moment::Sending(99),
    Moment::Waiting(0),
    Moment::Resetting(0),
    Moment::Waiting(100),
    Moment::Resetting(1_000),
    Moment::Waiting(10_000),
    Moment::Resetting(30_000),
    Moment::Waiting(100_000),
    Moment::Resetting(200_000),
    Moment::Waiting(400_000),
    Moment::Resetting(700_000),
    Moment::Answered,
];

impl Moment {
    /// Sends `ask` and leaves.
    fn leave(self, house: &House, ask: &Ask) {
        let bytes = ask.to_string().into_bytes();
        let mut stream = TcpStream::connect(house.at).expect("the server accepts");
        let (sent, turns) = match self {
            Self::Sending(hundredths) => (bytes.len() * hundredths / 100, 0),
            Self::Waiting(turns) | Self::Resetting(turns) => (bytes.len(), turns),
            Self::Answered => (bytes.len(), 0),
        };
        stream.write_all(&bytes[..sent]).expect("the server reads");
        for _ in 0..turns {
            std::thread::yield_now();
        }
        match self {
            Self::Sending(_) | Self::Waiting(_) => {}
            Self::Resetting(_) => {
                rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("a socket");
            }
            Self::Answered => stream.read_exact(&mut [0]).expect("the server answers"),
        }
    }
}

const NEW: &str = "nine bridges across the estuary";

/// How many sign-ins find room. All of it comes back when nobody waits any more.
fn room(house: &House) -> usize {
    std::iter::from_fn(|| house.app.passwords.place().ok()).collect::<Vec<_>>().len()
}

/// Waits for whoever is still being answered, by ending the server and starting it again.
fn quiet(house: &mut House, room_at_first: usize) {
    until("all the room for sign-ins is there again", || room(house) == room_at_first);
    house.restart();
}

fn signs_in(house: &House, name: &str, password: &str) -> bool {
    let answer = house.send(&form("/login", &[("email", name), ("password", password)]));
    assert!([303, 422].contains(&answer.status), "signing in: {answer}");
    answer.status == 303
}

#[test]
fn signing_in() {
    let mut house = House::open(Memory::On, APPS);
    let at_first = room(&house);
    for moment in MOMENTS {
        let name = house.person(&[]).username.to_string();
        let ask = form("/login", &[("email", &name), ("password", PASSWORD)]);
        moment.leave(&house, &ask);
        assert!(signs_in(&house, &name, PASSWORD), "at once after leaving at {moment:?}");
        // Who leaves again and again while a right password is judged has only their own guesses to lose.
        for _ in 0..3 {
            moment.leave(&house, &ask);
        }
        quiet(&mut house, at_first);
        assert!(signs_in(&house, &name, PASSWORD), "the next attempt after leaving at {moment:?}");
    }
}

#[test]
fn changing_ones_password() {
    let mut house = House::open(Memory::On, APPS);
    let at_first = room(&house);
    let mut outcomes = [0, 0];
    for moment in MOMENTS {
        let person = house.person(&[]);
        let name = person.username.as_str();
        let browser = house.sign_in(name);
        assert!(house.opens(&browser.token), "before");
        let fields = [("current", PASSWORD), ("new", NEW)];
        let ask = form("/account/password", &fields).header("Cookie", &browser.session);
        moment.leave(&house, &ask);
        quiet(&mut house, at_first);
        let changed = house.user(person.id).epoch != person.epoch;
        outcomes[usize::from(changed)] += 1;
        assert_eq!(
            house.opens(&browser.token),
            !changed,
            "the session, left at {moment:?}, changed: {changed}"
        );
        assert_eq!(signs_in(&house, name, PASSWORD), !changed, "the old password, left at {moment:?}");
        assert_eq!(signs_in(&house, name, NEW), changed, "the new password, left at {moment:?}");
    }
    assert!(outcomes.iter().all(|times| *times > 0), "both outcomes were seen: {outcomes:?}");
}

#[test]
fn using_a_link() {
    let mut house = House::open(Memory::On, APPS);
    let at_first = room(&house);
    let mut outcomes = [0, 0];
    for moment in MOMENTS {
        let person = house.person(&[]);
        let name = person.username.as_str();
        let link = house.app.links.make(Purpose::Password, Some(person.id), Actor::Command, house.now());
        let code = house.wait(link).expect("a link");
        let ask = form("/link/password", &[("code", code.reveal()), ("password", NEW)]);
        moment.leave(&house, &ask);
        quiet(&mut house, at_first);
        let changed = house.user(person.id).epoch != person.epoch;
        outcomes[usize::from(changed)] += 1;
        assert_eq!(signs_in(&house, name, NEW), changed, "the new password, left at {moment:?}");
        // Spent if it did what it was for, and else as good as new.
        let answer = house.send(&ask);
        assert_eq!(
            answer.status,
            if changed { 410 } else { 303 },
            "the link again, left at {moment:?}: {answer}"
        );
        if !changed {
            assert!(house.opens(&Browser::of(&answer).token), "and it signs in");
        }
    }
    assert!(outcomes.iter().all(|times| *times > 0), "both outcomes were seen: {outcomes:?}");
}

/// Clients that only connect, or send half of something, hold nobody else up.
#[test]
fn saying_nothing() {
    let house = House::open(Memory::On, APPS);
    let name = house.person(&[]).username.to_string();
    let browser = house.sign_in(&name);
    let mut silent: Vec<TcpStream> = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(house.at).expect("the server accepts");
        let bytes = form("/login", &[("email", &name), ("password", PASSWORD)]).to_string().into_bytes();
        stream.write_all(&bytes[..bytes.len() * (number % 100) / 100]).expect("the server reads");
        silent.push(stream);
    }
    assert!(house.opens(&browser.token), "checks go on");
    assert!(signs_in(&house, &name, PASSWORD), "sign-ins go on");
    drop(silent);
}
