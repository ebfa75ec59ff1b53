//! What people answer, and what becomes of it.

use super::*;
use aegis::identity::Method;
use aegis::second_factor::challenge::{Ask, Asker, NewChallenge, State};
use aegis::second_factor::prompting::Mode;
use aegis::sessions::State as SessionState;
use aegis::users::Users;

#[test]
fn the_right_number_signs_in_and_the_message_can_end_that_session() {
    let stage = Stage::open("pick");
    let (user, phone) = stage.person(7, "Sam H");
    let (opened, asked) = stage.ask(&user, &phone);
    for part in
        ["closed.example.com", "@example.test", "Firefox on Windows", "203.0.113.7", "09:12 UTC", "09:14 UTC"]
    {
        assert!(asked.text.contains(part), "`{part}` is in {}", asked.text);
    }
    assert!(asked.is_protected && asked.text.chars().count() < 500, "{asked:?}");
    assert!(!asked.html.contains("<a "), "nothing leads away: {}", asked.html);
    assert_eq!(asked.buttons.iter().map(Vec::len).collect::<Vec<_>>(), [4, 1], "{asked:?}");
    assert!(!asked.html.contains(opened.secret.reveal()), "what the browser holds is not in it");

    let (right, wrong) = numbers(&opened);
    assert_eq!(stage.tap(&phone, &asked, &right), "Signed in.");
    let approved = stage.becomes(&phone, &asked, "✅ Approved at 09:12");
    assert_eq!(approved.buttons, Vec::<Vec<_>>::new(), "its numbers are gone");
    assert_eq!(stage.tap(&phone, &asked, &wrong), "Already finished.", "a second tap changes nothing");

    let signed = stage.finish(&opened).expect("the browser gets its session");
    let done =
        stage.wait(phone.wait_for_message(|message| message.id == asked.id && !message.buttons.is_empty()));
    let state = || {
        let read = stage.wait(stage.house.app.sessions.by_id(signed.session.id, stage.house.now()));
        read.unwrap().expect("the session").state
    };
    assert_eq!(state(), SessionState::Live);
    assert_eq!(stage.tap(&phone, &done, "Sign this session out"), "Signed out.");
    assert_eq!(state(), SessionState::Over);
    let ended = stage.becomes(&phone, &asked, "Signed out.");
    assert_eq!(ended.buttons, Vec::<Vec<_>>::new(), "{ended:?}");
}

#[test]
fn the_message_ends_what_became_of_its_session_and_nobody_elses() {
    let stage = Stage::open("pick");
    let house = &stage.house;
    let (user, phone) = stage.person(7, "Sam H");
    let state = |id| {
        let read = stage.wait(house.app.sessions.by_id(id, house.now()));
        read.unwrap().expect("the session").state
    };
    // In that browser a factor is added, or shown again; the password is changed; somebody else signs in.
    for (way, is_theirs) in [("another factor", true), ("another password", true), ("somebody else", false)] {
        let (opened, asked) = stage.ask(&user, &phone);
        stage.tap(&phone, &asked, &numbers(&opened).0);
        let first = stage.finish(&opened).expect("the browser gets its session").session.id;
        let done = stage.wait(phone.wait_for_message(|message| {
            message.id == asked.id && message.text.contains("✅") && !message.buttons.is_empty()
        }));
        let (sign_in, now) = (&house.app.sign_in, house.now());
        let account = |user: &User| (user.id, house.user(user.id).epoch);
        let arrival = Arrival { replaces: Some(first), ..house.arrival(None) };
        let shown = [Method::Password, Method::Telegram, Method::Totp];
        let after = match way {
            "another password" => {
                let session = stage.wait(house.app.sessions.by_id(first, now)).unwrap().expect("it lives");
                let write = Users::ending_sessions(Write::new(), user.id, Actor::User(user.id), now);
                let epoch = house.user(user.id).epoch + 1;
                let arrival = Arrival { replaces: None, ..arrival };
                stage.wait(sign_in.replace(write, epoch, &session, arrival, now))
            }
            "another factor" => stage.wait(sign_in.admit(Write::new(), account(&user), &shown, arrival, now)),
            _ => {
                let other = house.person(&[]);
                stage.wait(sign_in.admit(Write::new(), account(&other), &[Method::Password], arrival, now))
            }
        };
        let after = after.expect("a session in place of the first").session.id;
        assert_eq!((state(first), state(after)), (SessionState::Over, SessionState::Live), "{way}: before");
        let said = if is_theirs { "Signed out." } else { "It was signed out already." };
        assert_eq!(stage.tap(&phone, &done, "Sign this session out"), said, "{way}");
        assert_eq!(state(after) == SessionState::Over, is_theirs, "{way}: {:?}", state(after));
    }
}

#[test]
fn a_wrong_number_or_a_denial_stops_the_sign_in_and_all_sessions_can_be_ended() {
    let stage = Stage::open("pick");
    for (id, deny) in [(7, false), (8, true)] {
        let (user, phone) = stage.person(id, "Sam H");
        let (opened, asked) = stage.ask(&user, &phone);
        let (right, wrong) = numbers(&opened);
        let (button, toast, text) = if deny {
            ("🚫 This isn't me", "Denied. Nobody was signed in.", "🚫 Denied at 09:12")
        } else {
            (wrong.as_str(), "That's not the number on the page. Sign-in stopped.", "⚠️ Wrong number")
        };
        assert_eq!(stage.tap(&phone, &asked, button), toast);
        let denied = stage.becomes(&phone, &asked, text);
        assert!(denied.text.contains("someone knows your password"), "{denied:?}");
        assert!(denied.html.contains("https://auth.example.com/account"), "{denied:?}");
        stage.tap(&phone, &asked, &right);
        assert!(stage.finish(&opened).is_none(), "nothing opens it any more");
        let epoch = stage.house.user(user.id).epoch;
        assert_eq!(stage.tap(&phone, &denied, "Sign out all sessions"), "Signed out everywhere.");
        assert_eq!(stage.house.user(user.id).epoch, epoch + 1);
    }
    assert_eq!(stage.recorded(Event::WrongNumber), 1);
    assert_eq!(stage.recorded(Event::SignInDenied), 1);
    assert_eq!(stage.recorded(Event::SignInApproved), 0);
}

#[test]
fn a_number_is_typed_and_other_words_are_no_answer() {
    let stage = Stage::open("type");
    let (user, phone) = stage.person(7, "Sam H");
    let (opened, asked) = stage.ask(&user, &phone);
    assert_eq!(asked.buttons.iter().map(Vec::len).collect::<Vec<_>>(), [1], "{asked:?}");
    let number = opened.challenge.number.unwrap();
    assert!(!asked.text.contains(&format!(" {number} ")), "the number is on the page alone: {}", asked.text);
    phone.say("what is this?");
    stage.read(&phone, "Write just the number");
    phone.say(&format!(" {number} "));
    stage.read(&phone, "Signed in.");
    stage.becomes(&phone, &asked, "✅ Approved");
    assert!(stage.finish(&opened).is_some());
    phone.say("42");
    stage.read(&phone, "No sign-in waits for a number.");

    let (other, phone) = stage.person(8, "Ann");
    let (opened, asked) = stage.ask(&other, &phone);
    let number = opened.challenge.number.unwrap();
    phone.reply(&asked, &(if number == 99 { 10 } else { number + 1 }).to_string());
    stage.read(&phone, "That's not the number on the page.");
    phone.reply(&asked, &number.to_string());
    stage.read(&phone, "Already stopped");
    assert!(stage.finish(&opened).is_none());
}

#[test]
fn a_browser_that_is_remembered_is_approved_by_one_button() {
    let stage = Stage::open("plain");
    let (user, phone) = stage.person(7, "Sam H");
    let new = NewChallenge {
        user: user.id,
        epoch: user.epoch,
        asker: Asker::Browser,
        audience: None,
        methods: &[aegis::identity::Method::Password],
        session: None,
        step_up: false,
        began_at: stage.house.now(),
        keep: false,
        return_to: None,
        known: true,
        address: None,
        user_agent: None,
        ask: Some(Ask { wanted: Mode::Plain, is_administrator: false, is_remembered: true }),
    };
    let opening = stage.house.app.second_factor.challenges.open(Write::new(), new, stage.house.now());
    let opened = stage.wait(opening).expect("it waits");
    let asked = stage.read(&phone, "Sign in to Aegis?");
    assert_eq!(stage.tap(&phone, &asked, "Approve"), "Signed in.");
    assert!(stage.finish(&opened).is_some());
}

#[test]
fn of_fifty_taps_at_once_one_decides() {
    let stage = Stage::open("pick");
    let (user, phone) = stage.person(7, "Sam H");
    let (opened, asked) = stage.ask(&user, &phone);
    let (right, _) = numbers(&opened);
    let queries: Vec<String> = (0..50).filter_map(|_| phone.tap_on(&asked, &right)).collect();
    let toasts: Vec<String> =
        queries.iter().map(|query| stage.wait(phone.wait_for_toast(query)).text).collect();
    assert_eq!(toasts.iter().filter(|text| *text == "Signed in.").count(), 1, "{toasts:?}");
    assert_eq!(stage.recorded(Event::SignInApproved), 1);
    assert!(stage.finish(&opened).is_some() && stage.finish(&opened).is_none(), "it opens one session");
}

#[test]
fn nobody_else_can_answer_and_an_edited_button_says_nothing() {
    let stage = Stage::open("pick");
    let (user, phone) = stage.person(7, "Sam H");
    let (_, mallory) = stage.person(8, "Mallory");
    let (opened, asked) = stage.ask(&user, &phone);
    let (right, _) = numbers(&opened);
    // The same message in another chat, and the same chat under another person's thumb.
    let forwarded = Posted { chat: mallory.id(), ..asked.clone() };
    for message in [&forwarded, &asked] {
        assert_eq!(stage.tap(&mallory, message, &right), "This request isn't for you.");
    }
    stage.api.group(-5, "Friends");
    let in_a_group = Posted { chat: -5, ..asked.clone() };
    assert_eq!(stage.tap(&phone, &in_a_group, &right), "This request isn't for you.");
    assert_eq!(stage.recorded(Event::WrongPerson), 3);
    for data in
        ["", "p1", "p1|x|0", "p1|nobody|a|b", "s1|nobody", "zz", "p1|\0|0", "s1|no\0body", "e1|\u{202e}"]
    {
        let mut edited = asked.clone();
        edited.buttons[0][0].data = Some(data.to_owned());
        let query = phone.tap(&edited, 0).expect("a tap");
        let toast = stage.wait(phone.wait_for_toast(&query));
        assert_eq!(toast.text, "This request is over.", "a button with {data:?}");
    }
    let mut edited = asked.clone();
    edited.buttons[0][0].data = Some(format!("p1|{}|a", opened.challenge.tap.as_deref().unwrap()));
    let query = phone.tap(&edited, 0).expect("a tap");
    let toast = stage.wait(phone.wait_for_toast(&query));
    assert_eq!(toast.text, "This request is over.", "approving, where a number is asked for");
    assert_eq!(stage.wait(stage.challenge(&opened)).state, State::Pending, "nothing of that counts");
    assert_eq!(stage.tap(&phone, &asked, &right), "Signed in.");
}

#[test]
fn each_end_is_put_into_its_message() {
    let stage = Stage::open("pick");
    let (user, phone) = stage.person(7, "Sam H");
    let (first, asked_first) = stage.ask(&user, &phone);
    let (right, _) = numbers(&first);
    let (second, asked_second) = stage.ask(&user, &phone);
    stage.becomes(&phone, &asked_first, "Replaced by a newer request");
    assert_eq!(stage.tap(&phone, &asked_first, &right), "Use the newer message.");
    let challenge = stage.wait(stage.challenge(&second));
    stage
        .wait(stage.house.app.second_factor.challenges.cancel(&challenge, stage.house.now()))
        .expect("it is cancelled");
    stage.becomes(&phone, &asked_second, "Cancelled in the browser");
    assert_eq!(stage.tap(&phone, &asked_second, &numbers(&second).0), "Already cancelled.");

    let (third, asked_third) = stage.ask(&user, &phone);
    stage.house.advance(Duration::from_mins(2));
    stage.becomes(&phone, &asked_third, "⌛ Expired at 09:14");
    assert_eq!(stage.tap(&phone, &asked_third, &numbers(&third).0), "This request has expired.");
}

#[test]
fn an_approval_whose_browser_left_says_so_and_an_old_message_gets_a_new_one() {
    let stage = Stage::open("pick");
    let (user, phone) = stage.person(7, "Sam H");
    let (opened, asked) = stage.ask(&user, &phone);
    assert_eq!(stage.tap(&phone, &asked, &numbers(&opened).0), "Signed in.");
    stage.becomes(&phone, &asked, "✅ Approved");
    phone.age(&asked);
    stage.house.advance(Duration::from_mins(1));
    let told = stage.read(&phone, "the browser did not come back");
    assert_ne!(told.id, asked.id, "the old one cannot be changed any more");
    assert!(stage.finish(&opened).is_none());
}
