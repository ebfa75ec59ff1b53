//! The way through: what is asked, what finishes it, and where it leads.

use std::time::Duration;

use aegis::audit::{Event, newest};
use aegis::forwarded::Dialect;
use aegis::second_factor::challenge::{Answer as Tap, Prompt, State};
use aegis::store::{Statement, values};

use super::super::house::{House, Memory, PORTAL};
use super::super::visit::{Browser, Visit};
use super::{
    CHALLENGES, Desk, WISH, WISHED, authenticator, count, house, link, linked, recovery_codes, sessions,
    settings,
};
use crate::lab::client::{Answer, Ask};

/// How the strong app hears that this cookie was signed in, if it lets it in.
fn method_at_app(house: &House, cookie: &str) -> Option<String> {
    let answer = house.check(Dialect::Forward, &Visit::navigation("strong.example.com", "/").cookie(cookie));
    (answer.status == 200).then(|| answer.header("remote-auth-method").unwrap_or_default().to_owned())
}

#[test]
fn a_password_opens_nothing_until_somebody_approves_on_telegram() {
    let house = house();
    let person = linked(&house);
    let mut desk = Desk::new(&house);
    let answer = desk.signs_in(&person);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/login/approve")), "{answer}");
    let set: Vec<&str> =
        answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| &**value).collect();
    let [cookie] = set[..] else { panic!("one cookie and no session: {answer}") };
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600", "{cookie}");
    assert_eq!(pair.len(), "__Host-aegis_challenge=".len() + 43, "{cookie}");

    let page = desk.gets("/login/approve");
    let number = desk.challenge().number.expect("a number");
    assert_eq!(page.status, 200, "{page}");
    for text in [format!(">{number}</b>"), "strong.example.com".to_owned(), "Ends at".to_owned()] {
        assert!(page.body.contains(&text), "the page does not say {text}: {}", page.body);
    }
    // Too soon: the same page, and nothing is opened.
    let early = desk.posts("/login/continue", &[]);
    assert_eq!(early.status, 200, "{early}");
    assert!(early.body.contains("Telegram hasn’t told us yet"), "{}", early.body);
    assert_eq!(sessions(&house, person.id), 0, "nobody is signed in yet");

    desk.approves();
    assert!(desk.gets("/login/approve").body.contains("Approved"), "the page says that it was approved");
    let opened = desk.posts("/login/continue", &[]);
    assert_eq!((opened.status, opened.header("location")), (303, Some(WISH)), "{opened}");
    assert_eq!(desk.challenge_cookie(), None, "the challenge goes: {opened}");
    let browser = Browser::of(&opened);
    assert!(browser.device.is_some(), "the browser is known from now on: {opened}");
    assert_eq!(method_at_app(&house, &browser.token).as_deref(), Some("password+telegram"));
    assert_eq!(desk.gets("/login/approve").header("location"), Some("/"), "what is over leads home");
}

#[test]
fn a_code_of_an_authenticator_app_finishes_once() {
    let house = house();
    let person = house.person(&[]);
    let app = authenticator(&house, person.id);
    let mut desk = Desk::new(&house);
    assert_eq!(desk.signs_in(&person).header("location"), Some("/login/code"), "the first page");
    let wrong = desk.posts("/login/code", &[("totp", &app.wrong(house.now()))]);
    assert_eq!(wrong.status, 422, "{wrong}");
    assert!(wrong.body.contains("role=\"alert\""), "{}", wrong.body);
    let code = app.code(house.now());
    let opened = desk.posts("/login/code", &[("totp", &code)]);
    assert_eq!((opened.status, opened.header("location")), (303, Some(WISH)), "{opened}");
    let browser = Browser::of(&opened);
    assert_eq!(method_at_app(&house, &browser.token).as_deref(), Some("password+totp"));
    let mut second = Desk::waiting(&house, &person);
    let again = second.posts("/login/code", &[("totp", &code)]);
    assert_eq!(again.status, 422, "a code counts once: {again}");
}

#[test]
fn a_recovery_code_finishes_once() {
    let house = house();
    let person = linked(&house);
    let codes = recovery_codes(&house, person.id);
    let mut desk = Desk::waiting(&house, &person);
    assert!(desk.gets("/login/approve").body.contains("Use a recovery code instead"));
    assert_eq!(desk.gets("/login/recovery").status, 200);
    let opened = desk.posts("/login/recovery", &[("recovery_code", codes[0].reveal())]);
    assert_eq!((opened.status, opened.header("location")), (303, Some(WISH)), "{opened}");
    let browser = Browser::of(&opened);
    assert_eq!(method_at_app(&house, &browser.token).as_deref(), Some("password+recovery_code"));
    let mut second = Desk::waiting(&house, &person);
    let again = second.posts("/login/recovery", &[("recovery_code", codes[0].reveal())]);
    assert_eq!(again.status, 422, "{again}");
}

#[test]
fn a_way_that_the_account_does_not_have_leads_to_one_that_it_has() {
    let house = house();
    let person = linked(&house);
    let mut desk = Desk::waiting(&house, &person);
    for path in ["/login/code", "/login/recovery", "/login/key"] {
        assert_eq!(desk.gets(path).header("location"), Some("/login/approve"), "asked {path}");
    }
    let page = desk.gets("/login/approve");
    assert!(!page.body.contains("instead"), "no way that is not there: {}", page.body);
    let other = house.person(&[]);
    authenticator(&house, other.id);
    let mut desk = Desk::waiting(&house, &other);
    assert_eq!(desk.gets("/login/approve").header("location"), Some("/login/code"));
}

#[test]
fn five_wrong_codes_lock_the_codes_and_say_until_when() {
    let house = house();
    let person = house.person(&[]);
    let app = authenticator(&house, person.id);
    let mut desk = Desk::waiting(&house, &person);
    for guess in 1..=5 {
        let answer = desk.posts("/login/code", &[("totp", &app.wrong(house.now()))]);
        assert_eq!(answer.status, 422, "guess {guess}: {answer}");
    }
    let right = desk.posts("/login/code", &[("totp", &app.code(house.now()))]);
    assert_eq!(right.status, 429, "a right code is not judged either: {right}");
    assert!(right.header("retry-after").is_some(), "{right}");
    assert!(right.body.contains("<time "), "the page says when: {}", right.body);
    assert!(!desk.is_signed_in());
}

#[test]
fn a_message_is_sent_again_after_half_a_minute_for_a_new_challenge() {
    let house = house();
    let person = linked(&house);
    let mut desk = Desk::waiting(&house, &person);
    let first = desk.challenge();
    let old = desk.with(Ask::navigation(PORTAL, "/login/approve"));
    house.advance(Duration::from_secs(29));
    let early = desk.posts("/login/again", &[]);
    assert_eq!((early.status, early.header("retry-after")), (429, Some("1")), "{early}");
    assert_eq!(desk.challenge().id, first.id);
    house.advance(Duration::from_secs(1));
    let again = desk.posts("/login/again", &[]);
    assert_eq!((again.status, again.header("location")), (303, Some("/login/approve")), "{again}");
    let second = desk.challenge();
    assert!(second.id != first.id && second.tap != first.tap, "{first:?}\n{second:?}");
    assert_eq!(second.return_to.as_deref(), Some(WISH));
    assert_eq!(house.send(&old).status, 409, "the old one gave way");

    // The third is the last for a while; the page says so, and until when.
    house.advance(Duration::from_secs(30));
    desk.posts("/login/again", &[]);
    assert_eq!(desk.challenge().prompt, Prompt::Due);
    house.advance(Duration::from_secs(30));
    desk.posts("/login/again", &[]);
    assert_eq!(desk.challenge().prompt, Prompt::None);
    let paused = desk.gets("/login/approve");
    assert!(paused.body.contains("Telegram is paused for this account until"), "{}", paused.body);
    assert!(paused.body.contains("too many requests were not answered"), "{}", paused.body);
}

#[test]
fn a_link_of_another_site_sends_nothing_and_a_button_does() {
    let house = house();
    let person = house.person(&[]);
    let mut desk = Desk::new(&house);
    let signed = desk.signs_in(&person);
    assert_eq!(signed.header("location"), Some(WISH), "no factor yet: {signed}");
    let page = desk.gets(&format!("/login?{WISHED}"));
    assert_eq!(page.status, 200, "{page}");
    assert!(page.body.contains("link-factor"), "how to get one: {}", page.body);

    link(&house, person.id);
    let asked = desk.gets(&format!("/login?{WISHED}"));
    let step_up = format!("/login/step-up?{WISHED}");
    assert_eq!((asked.status, asked.header("location")), (303, Some(&*step_up)), "{asked}");
    let page = desk.gets(&step_up);
    assert_eq!(page.status, 200, "{page}");
    assert!(page.body.contains("strong.example.com"), "it says what for: {}", page.body);
    assert_eq!(count(&house, &CHALLENGES, person.id), 0, "looking at it begins nothing");
    let begun = desk.posts("/login/step-up", &[("rd", WISH)]);
    assert_eq!((begun.status, begun.header("location")), (303, Some("/login/approve")), "{begun}");
    let before = desk.cookies.iter().find(|cookie| cookie.starts_with("aegis_token=")).unwrap().clone();
    desk.approves();
    let opened = desk.posts("/login/continue", &[]);
    assert_eq!((opened.status, opened.header("location")), (303, Some(WISH)), "{opened}");
    assert_eq!(sessions(&house, person.id), 1, "the new session took the place of the old one");
    assert!(!house.opens(&before), "the old session is over");
    let token = Browser::of(&opened).token;
    assert_eq!(method_at_app(&house, &token).as_deref(), Some("password+telegram"));

    // Nobody, and somebody whose way back is none.
    let nobody = Desk::new(&house).gets(&step_up);
    assert_eq!(nobody.header("location"), Some(&*format!("/login?{WISHED}")), "{nobody}");
    let page = desk.gets("/login/step-up?rd=https%3A%2F%2Fevil.test%2F");
    assert!(!page.body.contains("evil"), "{}", page.body);
    desk.posts("/login/step-up", &[("rd", "/account")]);
    assert_eq!(desk.challenge().return_to.as_deref(), Some("/account"));
}

#[test]
fn what_the_row_says_of_the_way_back_is_read_again() {
    static ELSEWHERE: Statement = Statement::new("update challenge set return_to = $2 where id = $1");
    for (written, expected) in [
        ("https://evil.test/", "/"),
        ("https://auth.example.com/", "/"),
        ("//evil.test", "/"),
        ("/logout", "/"),
        ("/account", "/account"),
    ] {
        let house = house();
        let person = linked(&house);
        let mut desk = Desk::waiting(&house, &person);
        let write = aegis::store::Write::unrecorded("a test")
            .exec(&ELSEWHERE, values![desk.challenge().id.to_string(), written]);
        house.wait(house.app.store.write(write)).unwrap();
        desk.approves();
        let opened = desk.posts("/login/continue", &[]);
        assert_eq!(opened.header("location"), Some(expected), "the row said {written}: {opened}");
    }
}

#[test]
fn the_poll_of_a_page_ends_when_something_happened() {
    let house = house();
    let person = linked(&house);
    let desk = Desk::waiting(&house, &person);
    std::thread::scope(|scope| {
        let poll = scope.spawn(|| house.send(&desk.poll()));
        desk.approves();
        let told = poll.join().unwrap();
        assert_eq!((told.status, told.json()), (200, serde_json::json!({ "state": "approved" })), "{told}");
    });
    let none = house.send(&Ask::fetch(PORTAL, "/login/wait"));
    assert_eq!(none.json()["to"], "/login/approve", "{none}");
    for (header, value) in [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site")] {
        let ask = desk.with(Ask::new("GET", PORTAL, "/login/wait").header(header, value));
        assert_eq!(house.send(&ask).status, 403, "{ask}");
    }
    let bare = desk.with(Ask::new("GET", PORTAL, "/login/wait"));
    assert_eq!(house.send(&bare).status, 403, "{bare}");
}

#[test]
fn a_page_that_shows_an_old_number_is_told_of_the_newer_sign_in() {
    let house = house();
    let person = linked(&house);
    let mut desk = Desk::waiting(&house, &person);
    let waits = |page: &Answer| {
        let path =
            page.body.split("data-waits=\"").nth(1).unwrap_or_else(|| panic!("a page that waits: {page}"));
        path.split('"').next().expect("its end").to_owned()
    };
    let old = waits(&desk.gets("/login/approve"));
    // In another window of the same browser, whose cookie is the newer one's from then on.
    assert_eq!(desk.signs_in(&person).status, 303, "the password, once more");
    let new = waits(&desk.gets("/login/approve"));
    desk.approves();
    let told = |path: &str| house.send(&desk.with(Ask::fetch(PORTAL, path))).json();
    assert_eq!(told(&new), serde_json::json!({ "state": "approved" }), "the page that shows the number");
    let elsewhere = serde_json::json!({ "state": "superseded", "to": "/login/approve" });
    assert_eq!(told(&old), elsewhere, "the page that shows another");
    for other in ["/login/wait?of=", "/login/wait?of=x", "/login/wait?of=x&of=y"] {
        assert_eq!(told(other), elsewhere, "asked {other}");
    }
}

#[test]
fn forms_of_other_sites_do_nothing() {
    let house = house();
    let person = linked(&house);
    let desk = Desk::waiting(&house, &person);
    desk.approves();
    for path in [
        "/login/continue",
        "/login/code",
        "/login/recovery",
        "/login/again",
        "/login/cancel",
        "/login/step-up",
    ] {
        let ask = Ask::new("POST", PORTAL, path)
            .header("Sec-Fetch-Site", "cross-site")
            .header("Origin", "https://evil.test")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body("");
        let answer = house.send(&desk.with(ask));
        assert_eq!(answer.status, 403, "POST {path}: {answer}");
    }
    assert_eq!(desk.challenge().state, State::Approved);
    assert_eq!(sessions(&house, person.id), 0);
}

#[test]
fn a_browser_is_remembered_only_where_that_changes_how_one_is_asked() {
    let house = house();
    let person = linked(&house);
    assert!(!Desk::waiting(&house, &person).gets("/login/approve").body.contains("Remember this device"));

    let house = House::open(Memory::On, &settings("plain"));
    let person = linked(&house);
    let remembered = || {
        let record = house.wait(newest(&house.app.store, 0, 100)).expect("the record");
        record.into_iter().filter(|line| line.event == Event::DeviceRemembered.name()).collect::<Vec<_>>()
    };
    let mut desk = Desk::waiting(&house, &person);
    desk.approves();
    desk.posts("/login/continue", &[]);
    assert!(desk.is_signed_in());
    assert!(remembered().is_empty(), "nobody asked for that: {:?}", remembered());
    let mut desk = Desk::waiting(&house, &person);
    assert!(desk.gets("/login/approve").body.contains("Remember this device"));
    desk.approves();
    desk.posts("/login/continue", &[("remember", "on")]);
    assert!(desk.is_signed_in());
    let [line] = &remembered()[..] else { panic!("once in the record: {:?}", remembered()) };
    assert_eq!(line.about, Some(person.id.to_string()), "{line:?}");
    desk.signs_in(&person);
    let page = desk.gets("/login/approve");
    assert!(
        page.body.contains("Approve</strong>"),
        "no number for a browser that is remembered: {}",
        page.body
    );
    assert!(matches!(desk.answers(Tap::Approved), aegis::second_factor::challenge::Decided::Now(_)));
    assert_eq!(desk.posts("/login/continue", &[]).status, 303);
    // Any other is still asked for the number.
    let other = Desk::waiting(&house, &person);
    assert!(other.challenge().number.is_some() && !other.challenge().choices.is_empty());
}
