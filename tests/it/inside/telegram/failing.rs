//! What can go wrong between Aegis and Telegram: whoever signs in is told, and nothing else stops.

use super::*;
use crate::lab::client::Ask;
use aegis::demo::bot_api::Misbehaviour;

fn health(stage: &Stage) -> String {
    let answer = stage.house.send(&Ask::get(super::super::house::PORTAL, "/health"));
    answer.json()["parts"]["telegram"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Somebody who is linked and was told so: that message shall not meet the trouble that a test makes.
fn settled(stage: &Stage, id: i64, name: &str) -> (User, Phone) {
    let (user, phone) = stage.person(id, name);
    super::super::house::until("the link is told of", || {
        stage.house.advance(SECOND);
        phone.messages().iter().any(|message| message.text.contains("is linked, and approves sign-ins"))
    });
    (user, phone)
}

#[test]
fn a_prompt_that_cannot_be_sent_says_why_to_its_page() {
    for (how, why) in [
        (Misbehaviour::Refuse(403, "Forbidden: bot was blocked by the user"), "blocked"),
        (Misbehaviour::Refuse(400, "Bad Request: chat not found"), "no_chat"),
        (Misbehaviour::Refuse(401, "Unauthorized"), "unauthorized"),
        (Misbehaviour::Refuse(400, "Bad Request: message is too long"), "unreachable"),
        (Misbehaviour::TooMany(600), "too_many"),
        (Misbehaviour::Break, "unreachable"),
        (Misbehaviour::Garbage, "unreachable"),
        (Misbehaviour::BadGateway, "unreachable"),
        (Misbehaviour::Redirect, "unreachable"),
        (Misbehaviour::Huge, "unreachable"),
    ] {
        let stage = Stage::open("pick");
        let (user, phone) = settled(&stage, 7, "Sam H");
        // What is of no use to repeat is not repeated, and what follows it has to arrive.
        stage.api.misbehave("sendMessage", if matches!(why, "blocked" | "no_chat") { 1 } else { 2 }, how);
        let opened = stage.begin(&user);
        let prompt = stage.prompt(&opened, |prompt| *prompt != Prompt::Due);
        assert_eq!(prompt, Prompt::Failed(why.to_owned()), "{how:?}");
        let broken = stage.wait(stage.house.app.second_factor.telegram.of(user.id)).unwrap().unwrap().broken;
        let expected = matches!(why, "blocked" | "no_chat").then(|| why.to_owned());
        assert_eq!(broken, expected, "{how:?}");
        if broken.is_some() {
            assert!(stage.begin(&user).challenge.tap.is_none(), "nobody is asked where nothing arrives");
            phone.say("/status");
            stage.read(&phone, "You approve sign-ins of");
            assert!(stage.begin(&user).challenge.tap.is_some(), "who writes is asked again");
        }
    }
}

#[test]
fn who_blocks_the_bot_is_not_asked_until_they_unblock_it() {
    let stage = Stage::open("pick");
    let (user, phone) = stage.person(7, "Sam H");
    let telegram = &stage.house.app.second_factor.telegram;
    phone.block();
    stage.wait(stage.api.wait_until_acknowledged());
    let broken = stage.wait(telegram.of(user.id)).unwrap().expect("a link").broken;
    assert_eq!(broken.as_deref(), Some("blocked"));
    assert_eq!(stage.recorded(Event::TelegramBroken), 1);
    phone.unblock();
    stage.wait(stage.api.wait_until_acknowledged());
    assert_eq!(stage.wait(telegram.of(user.id)).unwrap().expect("a link").broken, None);
}

#[test]
fn a_short_silence_is_kept_and_then_the_prompt_is_sent() {
    let stage = Stage::open("pick");
    let (user, phone) = settled(&stage, 7, "Sam H");
    stage.api.misbehave("sendMessage", 1, Misbehaviour::TooMany(3));
    let opened = stage.begin(&user);
    let sent = |call: &aegis::demo::bot_api::Call| {
        call.method == "sendMessage" && call.parameters["reply_markup"]["inline_keyboard"].is_array()
    };
    stage.wait(stage.api.wait_for_call(sent));
    assert_eq!(stage.wait(stage.challenge(&opened)).prompt, Prompt::Due);
    // The hand that was told so lies down to sleep a moment later.
    super::super::house::until("the prompt is there", || {
        stage.house.advance(SECOND);
        phone.messages().iter().any(|message| carries(message, opened.challenge.tap.as_deref().unwrap()))
    });
}

#[test]
fn one_that_hangs_holds_nobody_up() {
    let stage = Stage::open("pick");
    let (slow, _) = settled(&stage, 7, "Sam H");
    let (quick, phone) = settled(&stage, 8, "Ann");
    stage.api.misbehave("sendMessage", 1, Misbehaviour::Hang);
    let hangs = stage.begin(&slow);
    let sent = |call: &aegis::demo::bot_api::Call| {
        call.parameters["chat_id"] == 7 && call.parameters["reply_markup"].is_object()
    };
    stage.wait(stage.api.wait_for_call(sent));
    stage.ask(&quick, &phone);
    assert_eq!(stage.wait(stage.challenge(&hangs)).prompt, Prompt::Due, "the other still hangs");
}

#[test]
fn another_program_that_hears_the_bot_is_told_of_and_it_goes_on() {
    let stage = Stage::open("pick");
    let (user, phone) = stage.person(7, "Sam H");
    super::super::house::until("the bot is well", || health(&stage) == "ok");
    let conflict =
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    stage.api.misbehave("getUpdates", 3, Misbehaviour::Refuse(409, conflict));
    phone.say("/status");
    super::super::house::until("health tells of it", || health(&stage) == "another program hears the bot");
    let answer = stage.house.send(&Ask::get(super::super::house::PORTAL, "/health"));
    assert_eq!(answer.status, 200, "the rest is well: {answer}");
    super::super::house::until("it goes on", || {
        stage.house.advance(3 * SECOND);
        health(&stage) == "ok"
    });
    stage.ask(&user, &phone);
}

#[test]
fn what_was_under_way_at_the_end_is_said_after_the_next_start() {
    let mut stage = Stage::open("pick");
    let (user, phone) = settled(&stage, 7, "Sam H");
    stage.api.misbehave("sendMessage", 1, Misbehaviour::Hang);
    let opened = stage.begin(&user);
    let tap = opened.challenge.tap.clone().unwrap();
    let sent = |call: &aegis::demo::bot_api::Call| call.parameters.to_string().contains(&tap);
    stage.wait(stage.api.wait_for_call(sent));
    stage.house.restart();
    let asked = stage.wait(phone.wait_for_message(|message| carries(message, &tap)));
    stage.prompt(&opened, |prompt| *prompt == Prompt::Sent);

    stage.api.misbehave("editMessageText", 1, Misbehaviour::Hang);
    assert_eq!(stage.tap(&phone, &asked, "🚫 This isn't me"), "Denied. Nobody was signed in.");
    stage.wait(stage.api.wait_for_call(|call| call.method == "editMessageText"));
    stage.house.restart();
    stage.becomes(&phone, &asked, "🚫 Denied");
    assert_eq!(stage.recorded(Event::SignInDenied), 1, "what was heard before is not acted upon again");
}
