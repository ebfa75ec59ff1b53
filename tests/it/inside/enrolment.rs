//! Adding, changing and losing factors: a password alone never does, and what does, does it once.

use std::sync::Barrier;
use std::time::Duration;

use aegis::forwarded::Dialect;
use aegis::identity::{Actor, Method};
use aegis::links::Purpose;
use aegis::second_factor::{Factors, SecondFactor};
use aegis::secret::Secret;
use aegis::store::Write;
use aegis::users::User;

use super::factors::APPS;
use super::house::{House, Memory, PASSWORD, PORTAL};
use super::second_factor::Offered;
use super::visit::{Browser, Visit, form, json as post};
use crate::lab::client::{Answer, Ask};

const HALF_AN_HOUR: Duration = Duration::from_mins(30);

fn house() -> House {
    House::open(Memory::On, APPS)
}

/// Somebody in a session in which these were shown, and that perhaps lets a first factor be added.
struct Person<'h> {
    house: &'h House,
    user: User,
    cookie: String,
}

impl<'h> Person<'h> {
    fn new(house: &'h House, methods: &[Method], enrols: bool) -> Self {
        Self::again(house, house.person(&[]), methods, enrols)
    }

    fn again(house: &'h House, user: User, methods: &[Method], enrols: bool) -> Self {
        let cookie = house.admit(user.id, methods, enrols.then_some(HALF_AN_HOUR)).cookie;
        Self { house, user, cookie }
    }

    /// Somebody who has an authenticator app, and showed it just now.
    fn with_an_app(house: &'h House) -> (Self, Offered) {
        let mut person = Self::new(house, &[Method::Password], true);
        let app = person.offered();
        let answer = person.posts("/account/factors/totp", &app.fields(house.now()));
        goes(&answer, "/account/factors/recovery");
        person.cookie = Browser::of(&answer).session;
        (person, app)
    }

    fn gets(&self, path: &str) -> Answer {
        let own = Ask::get(PORTAL, path).header("Sec-Fetch-Site", "same-origin");
        self.house.send(&own.header("Cookie", &self.cookie))
    }

    fn posts(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.house.send(&form(path, fields).header("Cookie", &self.cookie))
    }

    /// What the page offers to set an app up with.
    #[track_caller]
    fn offered(&self) -> Offered {
        let answer = self.gets("/account/factors/totp");
        assert_eq!(answer.status, 200, "the page that sets up an app: {answer}");
        Offered::on(&answer)
    }

    fn factors(&self) -> Factors {
        self.house.wait(self.house.app.second_factor.of(self.user.id)).expect("the store answers")
    }

    /// The kinds of notice there are, oldest first.
    fn told(&self) -> Vec<String> {
        let database = rusqlite::Connection::open(self.house.data().join("aegis.db")).unwrap();
        let mut rows = database.prepare("select kind from notice where account_id = ?1 order by id").unwrap();
        rows.query_map([self.user.id.to_string()], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn is_signed_in(&self) -> bool {
        self.gets("/account").status == 200
    }
}

#[track_caller]
fn goes(answer: &Answer, to: &str) {
    assert_eq!((answer.status, answer.header("location")), (303, Some(to)), "sent to {to}: {answer}");
}

/// Where a factor is shown again, and back from there.
fn step_up(back: &str) -> String {
    let back: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
    format!("/login/step-up?rd={back}")
}

/// That it sends there, and back to the page that asked, or to the account where that is none of its own.
#[track_caller]
fn steps_up(ask: &Ask, answer: &Answer) {
    let asked = ask.to_string();
    let pages = ["/account/factors/totp", "/account/factors/telegram", "/account/factors/recovery"];
    let page = pages.into_iter().find(|page| asked.contains(page));
    let begins = asked.starts_with("POST /account/factors/telegram ");
    goes(answer, &step_up(page.filter(|_| !begins).unwrap_or("/account")));
}

/// Every door that adds a factor, as a browser or its script asks for it.
fn doors(person: &Person<'_>) -> Vec<Ask> {
    let script = |path| post(path, &serde_json::json!({ "ceremony": "x", "response": {} }));
    let asks = vec![
        Ask::get(PORTAL, "/account/factors/totp"),
        form("/account/factors/totp", &[("offer", "x"), ("totp", "000000")]),
        Ask::get(PORTAL, "/account/factors/telegram"),
        form("/account/factors/telegram", &[]),
        form("/account/factors/telegram/confirm", &[("person", "7")]),
        script("/account/passkey/options").header("Sec-Fetch-Site", "same-origin"),
        script("/account/passkey").header("Sec-Fetch-Site", "same-origin"),
    ];
    asks.into_iter().map(|ask| ask.header("Cookie", &person.cookie)).collect()
}

/// Every door that changes what proves who somebody is, where that is a factor.
const CHANGES: &[(&str, &str)] = &[
    ("/account/password", "current=x&new=y"),
    ("/account/tailnet", "password=x"),
    ("/account/factors/recovery", ""),
    ("/account/factors/remove", "factor=totp"),
    ("/account/factors/passkey", "id=x&name=y"),
];

#[test]
fn a_password_alone_adds_no_factor_by_any_door() {
    let house = house();
    let person = Person::new(&house, &[Method::Password], false);
    for ask in doors(&person) {
        let answer = house.send(&ask);
        match answer.status {
            303 => goes(&answer, "/account/enrol"),
            403 => assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer}"),
            _ => panic!("asked: {ask}\ncame back: {answer}"),
        }
        assert!(answer.cookies().is_empty(), "asked: {ask}\ncame back: {answer}");
    }
    let page = person.gets("/account/enrol");
    assert!(page.body.contains("aegis user link-factor"), "how it is done: {page}");
    let answer = person.posts("/account/enrol", &[("password", PASSWORD)]);
    assert_eq!((answer.status, answer.cookies().len()), (403, 0), "by no device of the tailnet: {answer}");
    assert!(!person.factors().any() && person.told().is_empty());
}

#[test]
fn beside_a_factor_nothing_changes_before_it_was_shown_just_now() {
    let house = house();
    let (fresh, _) = Person::with_an_app(&house);
    let alone = Person::again(&house, house.user(fresh.user.id), &[Method::Password], false);
    // A link from before it was there.
    let linked = Person::again(&house, house.user(fresh.user.id), &[Method::Password], true);
    let refuses = |person: &Person<'_>, who: &str| {
        let changes =
            CHANGES.iter().map(|(path, body)| form(path, &[]).body(body).header("Cookie", &person.cookie));
        for ask in doors(person).into_iter().chain(changes) {
            let answer = house.send(&ask);
            match answer.status {
                303 => steps_up(&ask, &answer),
                403 => assert!(answer.body.contains("second factor"), "{who}: {ask}\n{answer}"),
                _ => panic!("{who} asked: {ask}\ncame back: {answer}"),
            }
        }
    };
    refuses(&alone, "a password alone");
    refuses(&linked, "a link from before");
    assert_eq!(fresh.gets("/account/factors/remove?factor=totp").status, 200, "just now");
    house.advance(Duration::from_mins(10));
    refuses(&fresh, "ten minutes later");
    assert!(fresh.factors().totp.is_some());
    assert_eq!(alone.posts("/account/sessions/end-others", &[]).status, 200, "ending sessions needs none");
    assert!(!fresh.is_signed_in(), "it was ended");
}

#[test]
fn the_first_factor_comes_by_a_link_and_opens_a_session_of_two() {
    let house = house();
    let user = house.person(&[]);
    let code = link(&house, &user);
    let fields = |password| [("code", code.reveal().to_owned()), ("password", password)];
    let send = |password: &str| {
        let fields = fields(password.to_owned());
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        house.send(&form("/link/factor", &fields))
    };
    let wrong = send("not the password");
    assert_eq!((wrong.status, wrong.cookies().len()), (422, 0), "a link is not a password: {wrong}");
    let answer = send(PASSWORD);
    goes(&answer, "/account/enrol");
    let first = Person { house: &house, user: user.clone(), cookie: Browser::of(&answer).session };
    assert!(first.gets("/account/enrol").body.contains("/account/factors/totp"), "it is offered");
    let app = first.offered();
    let wrong = first.posts("/account/factors/totp", &[("offer", &app.sealed), ("totp", "12345")]);
    assert_eq!(wrong.status, 422, "no code: {wrong}");
    assert_eq!(Offered::on(&wrong).sealed, app.sealed, "the same key again");
    let answer = first.posts("/account/factors/totp", &app.fields(house.now()));
    goes(&answer, "/account/factors/recovery");
    let browser = Browser::of(&answer);
    assert!(!first.is_signed_in(), "the session before is over");
    let two = Visit::new("two.example.com", "/").cookie(&browser.token);
    let check = house.check(Dialect::Forward, &two);
    assert_eq!((check.status, check.header("remote-auth-method")), (200, Some("password+totp")), "{check}");

    let after = Person { house: &house, user, cookie: browser.session };
    assert!(after.gets("/account/factors/recovery").body.contains("Make recovery codes"));
    let codes = after.posts("/account/factors/recovery", &[]);
    assert_eq!(codes.status, 200, "{codes}");
    assert_eq!(after.factors().recovery_codes, 10);
    assert_eq!(after.told(), ["factor.added", "recovery_codes.made"]);
    assert!(after.gets("/account").body.contains("10 of 10 left"));
    assert_eq!(send(PASSWORD).status, 410, "the link is spent");
}

fn link(house: &House, user: &User) -> Secret {
    let links = &house.app.links;
    house.wait(links.make(Purpose::Factor, Some(user.id), Actor::Command, house.now())).expect("a link")
}

#[test]
fn an_account_without_a_password_gets_one_by_the_link() {
    let house = house();
    let user = house.person(&[]);
    let database = rusqlite::Connection::open(house.data().join("aegis.db")).unwrap();
    let clear = "update account set password = null where id = ?1";
    assert_eq!(database.execute(clear, [user.id.to_string()]).unwrap(), 1);
    let code = link(&house, &user);
    let weak = house.send(&form("/link/factor", &[("code", code.reveal()), ("password", "short")]));
    assert_eq!(weak.status, 422, "{weak}");
    let new = "a kettle beneath nine umbrellas";
    goes(&house.send(&form("/link/factor", &[("code", code.reveal()), ("password", new)])), "/account/enrol");
    let answer = house.send(&form("/login", &[("email", user.username.as_str()), ("password", new)]));
    assert_eq!(answer.status, 303, "it is the password now: {answer}");
}

#[test]
fn of_all_who_use_a_link_at_once_one_does() {
    let house = house();
    let user = house.person(&[]);
    let code = link(&house, &user);
    let ask = form("/link/factor", &[("code", code.reveal()), ("password", PASSWORD)]);
    let statuses = at_once(4, || house.send(&ask).status);
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [303, 410, 422, 503].contains(status)), "{statuses:?}");
}

/// What comes of it when so many do it at the same moment.
fn at_once<T: Send>(many: usize, does: impl Fn() -> T + Sync) -> Vec<T> {
    let start = Barrier::new(many);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..many)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    does()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    })
}

#[test]
fn of_fifty_at_once_one_app_is_added_and_one_session_opened() {
    let house = house();
    let person = Person::new(&house, &[Method::Password], true);
    let app = person.offered();
    let ask = form("/account/factors/totp", &app.fields(house.now())).header("Cookie", &person.cookie);
    let answers = at_once(50, || house.send(&ask));
    let opened = answers.iter().filter(|answer| !answer.cookies().is_empty()).count();
    assert_eq!(opened, 1, "sessions that were opened");
    assert_eq!(person.told(), ["factor.added"]);
    let sessions = house.wait(house.app.sessions.list(person.user.id, house.now())).unwrap();
    assert_eq!(sessions.len(), 1, "the one before is over: {sessions:?}");
}

#[test]
fn what_lets_the_first_factor_be_added_lets_no_second_be() {
    let house = house();
    let one = Person::new(&house, &[Method::Password], true);
    let other = Person::again(&house, one.user.clone(), &[Method::Password], true);
    let (first, second) = (one.offered(), other.offered());
    let now = house.now();
    goes(&one.posts("/account/factors/totp", &first.fields(now)), "/account/factors/recovery");
    goes(&other.posts("/account/factors/totp", &second.fields(now)), &step_up("/account/factors/totp"));
    // And where both had got past the door: the write says the same.
    let add = SecondFactor::while_none(Write::unrecorded("a test"), one.user.id);
    let written = house.wait(house.app.store.write(add));
    assert!(written.is_err(), "a write for an account without a factor: {written:?}");
}

#[test]
fn an_offer_is_good_in_its_own_session_for_ten_minutes_and_over_a_restart() {
    let mut house = house();
    {
        let (one, other) =
            (Person::new(&house, &[Method::Password], true), Person::new(&house, &[Method::Password], true));
        let offer = one.offered();
        for (person, what) in [
            (&other, "of somebody else"),
            (&Person::again(&house, one.user.clone(), &[Method::Password], true), "of another session"),
        ] {
            let answer = person.posts("/account/factors/totp", &offer.fields(house.now()));
            assert_eq!(answer.status, 410, "an offer {what}: {answer}");
            assert!(!person.factors().any(), "an offer {what}");
        }
        let nothing = one.posts("/account/factors/totp", &[("totp", "000000")]);
        assert_eq!(nothing.status, 410, "without an offer: {nothing}");
        house.advance(Duration::from_mins(10));
        let late = one.posts("/account/factors/totp", &offer.fields(house.now()));
        assert_eq!(late.status, 410, "ten minutes later: {late}");
    }
    let (user, cookie, app) = {
        let person = Person::new(&house, &[Method::Password], true);
        let app = person.offered();
        (person.user.clone(), person.cookie.clone(), app)
    };
    house.restart();
    let person = Person { house: &house, user, cookie };
    goes(&person.posts("/account/factors/totp", &app.fields(house.now())), "/account/factors/recovery");
    assert!(person.factors().any());
}

#[test]
fn a_link_signs_nobody_in_who_has_a_factor() {
    let house = house();
    let (person, _) = Person::with_an_app(&house);
    let before = house.wait(house.app.sessions.list(person.user.id, house.now())).unwrap().len();
    let code = link(&house, &person.user);
    let answer = house.send(&form("/link/factor", &[("code", code.reveal()), ("password", PASSWORD)]));
    assert_eq!((answer.status, answer.cookies().len()), (200, 0), "{answer}");
    let links = &house.app.links;
    let made = links.make(Purpose::Password, Some(person.user.id), Actor::Command, house.now());
    let code = house.wait(made).expect("a link");
    let new = "a kettle beneath nine umbrellas";
    let answer = house.send(&form("/link/password", &[("code", code.reveal()), ("password", new)]));
    assert_eq!((answer.status, answer.cookies().len()), (200, 0), "{answer}");
    assert!(answer.body.contains("Go to sign-in"), "{answer}");
    let after = house.wait(house.app.sessions.list(person.user.id, house.now())).unwrap().len();
    assert_eq!((before, after), (1, 0), "the password is new, so every session is over, and none was opened");
    assert!(person.factors().totp.is_some());
}

#[test]
fn a_new_password_ends_other_sessions_and_makes_no_factor_newer() {
    let house = house();
    let (person, _) = Person::with_an_app(&house);
    let other = Person::again(&house, person.user.clone(), &[Method::Password, Method::Totp], false);
    house.advance(Duration::from_mins(6));
    let new = "a kettle beneath nine umbrellas";
    let answer = person.posts("/account/password", &[("current", PASSWORD), ("new", new)]);
    goes(&answer, "/account");
    let browser = Browser::of(&answer);
    assert!(!other.is_signed_in(), "the other session");
    let after = Person { house: &house, user: person.user.clone(), cookie: browser.session.clone() };
    let visit = Visit::new("two.example.com", "/").cookie(&browser.token);
    assert_eq!(house.check(Dialect::Forward, &visit).status, 200, "it still has two factors");
    assert_eq!(after.gets("/account/factors/remove?factor=totp").status, 200, "six minutes are fresh");
    house.advance(Duration::from_mins(4));
    goes(&after.gets("/account/factors/remove?factor=totp"), &step_up("/account"));
    assert_eq!(after.told(), ["factor.added", "password.changed"]);
}

#[test]
fn recovery_codes_go_with_the_last_factor() {
    let house = house();
    let (person, _) = Person::with_an_app(&house);
    assert_eq!(person.posts("/account/factors/recovery", &[]).status, 200);
    assert!(
        person.gets("/account/factors/remove?factor=totp").body.contains("your last second factor"),
        "it is said what that means"
    );
    goes(&person.posts("/account/factors/remove", &[("factor", "totp")]), "/account");
    let factors = person.factors();
    assert!(!factors.any() && factors.recovery_codes == 0, "{factors:?}");
    goes(&person.posts("/account/factors/recovery", &[]), "/account/enrol");
    assert_eq!(person.told(), ["factor.added", "recovery_codes.made", "factor.removed"]);
    assert_eq!(person.gets("/account/factors/totp").status, 200, "another may be added in place of it");
}

#[test]
fn telegram_is_linked_by_the_session_that_asked_as_who_its_page_showed() {
    let house = house();
    let person = Person::new(&house, &[Method::Password], true);
    let links = &house.app.second_factor.telegram;
    let session = house.wait(house.app.sessions.list(person.user.id, house.now())).unwrap()[0].id;
    let codes = house.wait(links.offer(person.user.id, session, house.now())).expect("an offer");
    let waits = person.gets("/account/factors/telegram");
    assert!(waits.body.contains("Nobody has pressed"), "{waits}");
    let answered = links.answered(codes.payload.reveal(), (7, 7), "Sam H (@sam_h)", house.now());
    assert!(house.wait(answered).expect("the store writes"));
    let told = person.gets("/account/factors/telegram/wait");
    assert_eq!(told.json()["to"], "/account/factors/telegram", "{told}");
    let page = person.gets("/account/factors/telegram");
    assert!(page.body.contains("Sam H (@sam_h)"), "who answered: {page}");

    let other = Person::again(&house, person.user.clone(), &[Method::Password], true);
    for (who, what, whom) in
        [(&other, "in another session", "7"), (&person, "as somebody else", "8"), (&person, "as nobody", "")]
    {
        let answer = who.posts("/account/factors/telegram/confirm", &[("person", whom)]);
        assert_eq!(answer.status, 410, "{what}: {answer}");
        assert!(!person.factors().any(), "{what}");
    }
    let answer = person.posts("/account/factors/telegram/confirm", &[("person", "7")]);
    goes(&answer, "/account/factors/recovery");
    assert_eq!(person.factors().telegram.expect("a link").person, 7);
    assert_eq!(person.told(), ["factor.added"]);
    let after = Person { house: &house, user: person.user.clone(), cookie: Browser::of(&answer).session };
    goes(&after.posts("/account/factors/remove", &[("factor", "telegram")]), "/account");
    assert_eq!(person.told(), ["factor.added", "factor.removed"]);
}

#[test]
fn pages_that_wait_for_telegram_are_bounded_and_let_go_at_the_end() {
    let mut house = house();
    let person = Person::new(&house, &[Method::Password], true);
    let session = house.wait(house.app.sessions.list(person.user.id, house.now())).unwrap()[0].id;
    let links = &house.app.second_factor.telegram;
    house.wait(links.offer(person.user.id, session, house.now())).expect("an offer");
    let poll = Ask::fetch(PORTAL, "/account/factors/telegram/wait").header("Cookie", &person.cookie);
    house.ends_with_four_who_wait(&poll);
}

#[test]
fn who_answered_in_telegram_and_is_refused_is_not_linked() {
    let house = house();
    let person = Person::new(&house, &[Method::Password], true);
    let links = &house.app.second_factor.telegram;
    let session = house.wait(house.app.sessions.list(person.user.id, house.now())).unwrap()[0].id;
    let codes = house.wait(links.offer(person.user.id, session, house.now())).expect("an offer");
    house
        .wait(links.answered(codes.short.reveal(), (9, 9), "Mallory", house.now()))
        .expect("the store writes");
    assert_eq!(person.posts("/account/factors/telegram/refuse", &[]).status, 200);
    let answer = person.posts("/account/factors/telegram/confirm", &[("person", "9")]);
    assert_eq!(answer.status, 410, "{answer}");
    assert!(!person.factors().any());
}

#[test]
fn browsers_that_are_remembered_are_listed_and_forgotten() {
    let house = house();
    let user = house.person(&[]);
    let browser = house.sign_in(user.username.as_str());
    let person = Person { house: &house, user, cookie: browser.session };
    let database = rusqlite::Connection::open(house.data().join("aegis.db")).unwrap();
    let remember = "update device set id = 'one', remembered_at = ?2, user_agent = 'Firefox/153.0 Windows' where account_id = ?1";
    assert_eq!(database.execute(remember, (person.user.id.to_string(), house.now().0)).unwrap(), 1);
    assert!(person.gets("/account").body.contains("Firefox on Windows"), "it is listed");
    let stranger = Person::new(&house, &[Method::Password], false);
    let answer = stranger.posts("/account/devices/forget", &[("id", "one")]);
    assert!(answer.body.contains("forgotten already"), "somebody else’s: {answer}");
    assert!(person.gets("/account").body.contains("Browsers that are remembered"), "it is still there");
    assert!(person.posts("/account/devices/forget", &[("id", "one")]).body.contains("was forgotten."));
    assert!(!person.gets("/account").body.contains("Browsers that are remembered"), "it is gone");
}
