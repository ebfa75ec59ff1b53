//! Sign-ins that wait for a second factor, as browsers and scripts meet them.

mod ends;
mod races;
mod restored;
mod script;
mod steps;

use aegis::clock::Wall;
use aegis::identity::{Actor, SessionId, UserId};
use aegis::second_factor::challenge::{Answer as Tap, Challenge, Decided};
use aegis::second_factor::recovery::RecoveryCodes;
use aegis::secret::Secret;
use aegis::store::{Statement, Write, values};
use aegis::users::User;
use aws_lc_rs::hmac;

use super::house::{APPS, House, Memory, PASSWORD, PORTAL};
use super::visit::form;
use crate::lab::client::{Answer, Ask};

/// Who answers on Telegram for everybody here, and their chat.
const ASKED: (i64, i64) = (7, 7);
/// Where everybody here wants to go.
const WISH: &str = "https://strong.example.com/deep?a=b";
/// The same in a query.
const WISHED: &str = "rd=https%3A%2F%2Fstrong.example.com%2Fdeep%3Fa%3Db";

static LINK: Statement = Statement::new(
    "insert into telegram_link (account_id, person, chat, name, created_at) values ($1, $2, $3, 'Sam', 0)",
);
static SESSIONS: Statement =
    Statement::new("select count(*) from session where account_id = $1 and ended_at is null");
static CHALLENGES: Statement = Statement::new("select count(*) from challenge where account_id = $1");

fn settings(mode: &str) -> String {
    format!(
        "{APPS}\n[app.strong]\nhosts = [\"strong.example.com\"]\nrequire = \"two_factor\"\n\
         [tailscale]\nsocket = \"/nonexistent/tailscaled.sock\"\n\
         [telegram]\ntoken = \"123456789:{}\"\nmode = \"{mode}\"\n",
        "x".repeat(35)
    )
}

fn house() -> House {
    House::open(Memory::On, &settings("pick"))
}

/// Somebody who is asked on Telegram.
pub(crate) fn linked(house: &House) -> User {
    let user = house.person(&[]);
    link(house, user.id);
    user
}

fn link(house: &House, user: UserId) {
    let write = Write::unrecorded("a test").exec(&LINK, values![user.to_string(), ASKED.0, ASKED.1]);
    house.wait(house.app.store.write(write)).expect("a link to Telegram");
}

/// An authenticator app for `user`.
pub(crate) fn authenticator(house: &House, user: UserId) -> App {
    let totp = &house.app.second_factor.totp;
    let offer = totp.offer(user, SessionId::new(), house.now()).expect("an offer");
    let app = App::of(offer.secret_text().reveal());
    let first = Secret::new(app.code(house.now()));
    let enrolled = totp.enrol(Write::unrecorded("a test"), user, &offer, &first, house.now());
    let proof = enrolled.expect("the keys seal").expect("the first code is right");
    house.wait(house.app.store.write(proof.write)).expect("an app is enrolled");
    // The first code is used up.
    house.advance(std::time::Duration::from_secs(30));
    app
}

/// Recovery codes for `user`.
fn recovery_codes(house: &House, user: UserId) -> Vec<Secret> {
    let (codes, write) = RecoveryCodes::make(Write::unrecorded("a test"), user, house.now());
    house.wait(house.app.store.write(write)).expect("recovery codes");
    codes
}

/// An authenticator app, by RFC 6238.
pub(crate) struct App(Vec<u8>);

impl App {
    /// One that was given this key (RFC 4648), in groups or not.
    pub(crate) fn of(letters: &str) -> Self {
        Self(base32(&letters.replace(' ', "")))
    }

    /// The bytes of its key.
    pub(crate) fn key(&self) -> &[u8] {
        &self.0
    }

    /// The code of that moment.
    pub(crate) fn code(&self, now: Wall) -> String {
        let step = now.seconds().div_euclid(30).to_be_bytes();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0), &step);
        let tag = tag.as_ref();
        let place = usize::from(tag[19] & 15);
        let number = u32::from_be_bytes(tag[place..place + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }

    /// One that is right neither now nor soon.
    fn wrong(&self, now: Wall) -> String {
        let right: Vec<String> =
            (-2..3).map(|step: i64| self.code(Wall::from_seconds(now.seconds() + 30 * step))).collect();
        (0..10).map(|number| format!("{number:06}")).find(|code| !right.contains(code)).unwrap()
    }
}

/// What the page that sets an authenticator app up offers, and an app that has scanned it.
pub(crate) struct Offered {
    pub(crate) letters: String,
    pub(crate) sealed: String,
    pub(crate) app: App,
}

impl Offered {
    #[track_caller]
    pub(crate) fn on(page: &Answer) -> Self {
        let between = |open: &str, close: char| {
            let rest = page.body.split(open).nth(1).unwrap_or_else(|| panic!("no {open} on {page}"));
            rest.split(close).next().expect("its end").to_owned()
        };
        let letters = between("aria-readonly=\"true\">", '<');
        Self { app: App::of(&letters), sealed: between("name=\"offer\" value=\"", '"'), letters }
    }

    /// The form that brings the offer back, with the code of that moment.
    pub(crate) fn fields(&self, now: Wall) -> [(&'static str, &str); 2] {
        [("offer", &self.sealed), ("totp", Box::leak(self.app.code(now).into_boxed_str()))]
    }
}

fn base32(letters: &str) -> Vec<u8> {
    let bits = letters
        .bytes()
        .map(|letter| "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".bytes().position(|one| one == letter).unwrap())
        .map(|value| format!("{value:05b}"))
        .collect::<Vec<_>>()
        .concat();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}

/// A browser and the cookies it has.
struct Desk<'h> {
    house: &'h House,
    cookies: Vec<String>,
}

impl<'h> Desk<'h> {
    /// One that was never here.
    fn new(house: &'h House) -> Self {
        Self { house, cookies: Vec::new() }
    }

    /// One in which the password of `user` was right just now.
    #[track_caller]
    fn waiting(house: &'h House, user: &User) -> Self {
        let mut desk = Self::new(house);
        let answer = desk.signs_in(user);
        assert_eq!(answer.status, 303, "the password was right, and more is asked for: {answer}");
        assert!(desk.challenge_cookie().is_some(), "a challenge in {answer}");
        desk
    }

    fn signs_in(&mut self, user: &User) -> Answer {
        self.posts("/login", &[("email", user.username.as_str()), ("password", PASSWORD), ("rd", WISH)])
    }

    fn with(&self, ask: Ask) -> Ask {
        if self.cookies.is_empty() { ask } else { ask.header("Cookie", &self.cookies.join("; ")) }
    }

    /// Keeps what an answer sets.
    fn keeps(&mut self, answer: &Answer) {
        for cookie in answer.cookies() {
            let (name, value) = cookie.split_once('=').expect("name=value");
            self.cookies.retain(|kept| !kept.starts_with(&format!("{name}=")));
            if !value.is_empty() {
                self.cookies.push(cookie);
            }
        }
    }

    fn gets(&mut self, path: &str) -> Answer {
        let answer = self.house.send(&self.with(Ask::navigation(PORTAL, path)));
        self.keeps(&answer);
        answer
    }

    fn posts(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.house.send(&self.with(form(path, fields)));
        self.keeps(&answer);
        answer
    }

    /// The long poll of its page.
    fn poll(&self) -> Ask {
        self.with(Ask::fetch(PORTAL, "/login/wait"))
    }

    fn challenge_cookie(&self) -> Option<&str> {
        self.cookies.iter().find_map(|cookie| cookie.strip_prefix("__Host-aegis_challenge="))
    }

    #[track_caller]
    fn challenge(&self) -> Challenge {
        let secret = self.challenge_cookie().expect("a challenge");
        let challenges = &self.house.app.second_factor.challenges;
        let found = self.house.wait(challenges.by_secret(secret, self.house.now()));
        found.expect("the store answers").expect("the challenge is there")
    }

    #[track_caller]
    fn answers(&self, tap: Tap<'_>) -> Decided {
        answer(self.house, &self.challenge(), tap)
    }

    #[track_caller]
    fn approves(&self) {
        approve(self.house, &self.challenge());
    }

    fn is_signed_in(&self) -> bool {
        self.cookies.iter().any(|cookie| cookie.starts_with("__Host-aegis_session="))
    }
}

/// Somebody taps in Telegram.
#[track_caller]
pub(crate) fn answer(house: &House, challenge: &Challenge, tap: Tap<'_>) -> Decided {
    let name = challenge.tap.as_deref().expect("somebody is asked");
    let answered = house.app.second_factor.challenges.answer(name, ASKED, tap, house.now());
    house.wait(answered).expect("the store answers")
}

/// Somebody taps the right number.
#[track_caller]
pub(crate) fn approve(house: &House, challenge: &Challenge) {
    let number = challenge.number.expect("a number");
    let place = challenge.choices.iter().position(|choice| *choice == number);
    let typed = number.to_string();
    let tap = place.map_or(Tap::Typed(&typed), Tap::Picked);
    let decided = answer(house, challenge, tap);
    assert!(matches!(decided, Decided::Now(_)), "the right number approves: {decided:?}");
}

fn count(house: &House, statement: &'static Statement, user: UserId) -> i64 {
    let rows = house.wait(house.app.store.get(statement, values![user.to_string()])).unwrap();
    rows[0].integer(0).unwrap()
}

/// The sessions of `user` that were not ended.
fn sessions(house: &House, user: UserId) -> i64 {
    count(house, &SESSIONS, user)
}

/// The account is locked by somebody who guesses.
#[track_caller]
fn lock(house: &House, user: &User) {
    for guess in 0..5 {
        let ask = form("/login", &[("email", user.username.as_str()), ("password", "not the password")])
            .header("X-Forwarded-For", &format!("10.9.{guess}.1"));
        assert_eq!(house.send(&ask).status, 422, "guess {guess}");
    }
    let until = house.wait(house.app.attempts.locked_until(user.id, house.now())).unwrap();
    assert!(until.is_some(), "five guesses lock an account");
}

/// Clears what locks `user`.
fn unlock(house: &House, user: &User) {
    house.wait(house.app.attempts.unlock(Write::new(), user.id, Actor::Command, house.now())).unwrap();
}
