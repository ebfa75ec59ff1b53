//! Linking an account, what people write, and what they are told.

use super::*;
use aegis::second_factor::telegram::{OFFER_LIFE, TelegramLinks};

#[test]
fn the_first_who_shows_the_code_counts_and_only_as_the_page_showed_them() {
    let stage = Stage::open("pick");
    let telegram = &stage.house.app.second_factor.telegram;
    let (user, session) = (stage.house.person(&[]), SessionId::new());
    let (sam, mallory) = (stage.api.person(7, "Sam H"), stage.api.person(8, "Mallory"));
    let codes = stage.wait(telegram.offer(user.id, session, stage.house.now())).expect("an offer");
    assert_eq!((codes.payload.reveal().len(), codes.short.reveal().len()), (43, 9));
    assert!(!stage.confirm(&user, session, 7), "nobody has answered");

    sam.say(&format!("/link {}", codes.short.reveal().to_lowercase().replace('-', " ")));
    stage.read(&sam, "Now confirm in the browser");
    mallory.say(&format!("/start {}", codes.payload.reveal()));
    stage.read(&mallory, "This code is not known");
    let shown =
        stage.wait(telegram.offer_of(user.id, session, stage.house.now())).unwrap().expect("an offer");
    assert_eq!(shown.answerer.map(|answerer| answerer.person), Some(7));
    assert!(!stage.confirm(&user, SessionId::new(), 7), "another browser");
    assert!(!stage.confirm(&user, session, 8), "somebody else than was shown");
    assert!(stage.wait(telegram.of(user.id)).unwrap().is_none(), "nobody is linked yet");
    assert!(stage.confirm(&user, session, 7));
    assert!(!stage.confirm(&user, session, 7), "once");
    assert_eq!(stage.wait(telegram.of(user.id)).unwrap().map(|link| (link.person, link.chat)), Some((7, 7)));
    stage.house.advance(SECOND);
    stage.read(&sam, "is linked, and approves sign-ins from now on");

    let codes = stage.wait(telegram.offer(user.id, session, stage.house.now())).expect("an offer");
    stage.house.advance(OFFER_LIFE);
    mallory.say(&format!("/start {}", codes.payload.reveal()));
    stage.wait(mallory.wait_for_message(|message| message.text.contains("not known") && message.id > 9));
    assert!(!stage.confirm(&user, session, 8), "too late");
}

#[test]
fn whoever_is_linked_no_more_is_told_in_the_chat_they_had() {
    let stage = Stage::open("pick");
    let (user, old) = stage.person(7, "Sam H");
    let new = stage.api.person(8, "Sam's new phone");
    stage.link(&user, &new);
    stage.house.advance(SECOND);
    stage.read(&old, "This Telegram is not linked any more");
    stage.read(&new, "is linked, and approves sign-ins from now on");
    let now = stage.house.now();
    let entry = Entry::new(Event::FactorRemoved, Actor::User(user.id)).about(user.id);
    let write = TelegramLinks::unlink(Write::new(), user.id, now).audit(entry, now);
    stage.wait(stage.house.app.store.write(write)).expect("it is unlinked");
    stage.house.advance(SECOND);
    stage.read(&new, "This Telegram is not linked any more");
    let linked = stage.wait(stage.house.app.second_factor.telegram.of(user.id)).unwrap();
    assert!(linked.is_none(), "{linked:?}");
}

#[test]
fn a_sixth_short_code_within_an_hour_is_not_looked_at() {
    let stage = Stage::open("pick");
    let telegram = &stage.house.app.second_factor.telegram;
    let (user, session) = (stage.house.person(&[]), SessionId::new());
    let codes = stage.wait(telegram.offer(user.id, session, stage.house.now())).expect("an offer");
    let mallory = stage.api.person(8, "Mallory");
    for guess in 0..5 {
        let said = mallory.say(&format!("/link AAAA-AAA{guess}"));
        stage.wait(
            mallory.wait_for_message(|message| message.id > said && message.text.contains("not known")),
        );
    }
    mallory.say(&format!("/link {}", codes.short.reveal()));
    stage.read(&mallory, "Too many codes");
    let offer =
        stage.wait(telegram.offer_of(user.id, session, stage.house.now())).unwrap().expect("an offer");
    assert_eq!(offer.answerer, None);
}

#[test]
fn the_bot_tells_strangers_nothing_and_changes_nothing_on_a_word() {
    let stage = Stage::open("pick");
    let (user, sam) = stage.person(7, "Sam H");
    let stranger = stage.api.person(8, "Nobody");
    for text in ["/start", "/status", "/sessions", "/stop", "/help", "hello"] {
        let said = stranger.say(text);
        let told = stage.wait(stranger.wait_for_message(|message| message.id > said));
        assert!(
            told.text.contains("I only deliver sign-in requests for auth.example.com"),
            "{text}: {told:?}"
        );
    }
    sam.say("/status@example_bot");
    let account = user.email.as_ref().expect("an e-mail").to_string();
    stage.read(&sam, &account);
    sam.say("/sessions");
    stage.read(&sam, "0 sessions");
    sam.say("/stop");
    stage.read(&sam, "unlink Telegram on your account page");
    assert!(stage.wait(stage.house.app.second_factor.telegram.of(user.id)).unwrap().is_some());
    stage.api.group(-5, "Friends");
    sam.say_in(-5, "/status");
    sam.say_in(-5, "/start@example_bot");
    let call = stage.wait(stage.api.wait_for_call(|call| call.parameters["chat_id"] == -5));
    assert_eq!(call.parameters["text"], "Write to me privately.");
}
