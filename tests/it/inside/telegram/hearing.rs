//! Updates that are delivered: who is believed to be Telegram, and what is delivered twice.

use super::super::house::{PORTAL, until};
use super::*;
use crate::lab::client::{Answer, Ask};

const SECRET: &str = "a-secret_of-the-webhook";

fn called() -> Stage {
    Stage::open_with(&format!("receive = \"webhook\"\nwebhook_secret = \"{SECRET}\""))
}

fn deliver(stage: &Stage, secret: Option<&str>, body: &str) -> Answer {
    let ask = Ask::new("POST", PORTAL, "/telegram/webhook").header("Content-Type", "application/json");
    let ask = match secret {
        Some(secret) => ask.header("X-Telegram-Bot-Api-Secret-Token", secret),
        None => ask,
    };
    stage.house.send(&ask.body(body))
}

fn written(update: i64, text: &str) -> String {
    let person = serde_json::json!({ "id": 7, "is_bot": false, "first_name": "Sam" });
    serde_json::json!({
        "update_id": update,
        "message": { "message_id": 1, "date": 1, "from": person, "chat": { "id": 7, "type": "private" }, "text": text },
    })
    .to_string()
}

#[test]
fn only_who_knows_the_secret_is_telegram() {
    let stage = called();
    let phone = stage.api.person(7, "Sam H");
    until("Telegram was told where to deliver", || stage.api.webhook().is_some());
    assert_eq!(stage.api.webhook().as_deref(), Some("https://auth.example.com/telegram/webhook"));
    let longer = format!("{SECRET}x");
    let longest = "s".repeat(257);
    for wrong in
        [None, Some(""), Some("wrong"), Some(&SECRET[..SECRET.len() - 1]), Some(&longer), Some(&longest)]
    {
        for body in [written(1, "/status"), "no update".to_owned()] {
            let answer = deliver(&stage, wrong, &body);
            assert_eq!(answer.status, 401, "with {wrong:?} and {body}\ncame back: {answer}");
        }
    }
    let twice = Ask::new("POST", PORTAL, "/telegram/webhook")
        .header("X-Telegram-Bot-Api-Secret-Token", SECRET)
        .header("X-Telegram-Bot-Api-Secret-Token", SECRET)
        .body(&written(1, "/status"));
    assert_eq!(stage.house.send(&twice).status, 401, "two secrets");
    assert_eq!(deliver(&stage, Some(SECRET), "no update").status, 400);
    let answer = stage.house.send(&Ask::get(PORTAL, "/telegram/webhook"));
    assert_eq!(answer.status, 405, "{answer}");
    let huge = deliver(&stage, Some(SECRET), &written(1, &"m".repeat(70_000)));
    assert_eq!(huge.status, 413, "{huge}");
    assert!(phone.messages().is_empty(), "nothing of that was acted upon: {:?}", phone.messages());
    assert_eq!(deliver(&stage, Some(SECRET), &written(1, "/status")).status, 200);
    stage.read(&phone, "I only deliver sign-in requests");
}

#[test]
fn an_update_that_is_delivered_again_is_not_acted_upon_again() {
    let mut stage = called();
    let phone = stage.api.person(7, "Sam H");
    until("the bot knows who it is", || stage.house.app.bot_name().is_some());
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| deliver(&stage, Some(SECRET), &written(5, "/stop")).status))
            .collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    assert_eq!(answers, [200; 20]);
    stage.house.restart();
    until("the bot knows who it is", || stage.house.app.bot_name().is_some());
    for update in [5, 4] {
        assert_eq!(deliver(&stage, Some(SECRET), &written(update, "/stop")).status, 200);
    }
    assert_eq!(deliver(&stage, Some(SECRET), &written(6, "/status")).status, 200);
    stage.house.advance(SECOND);
    until("the last is answered", || phone.messages().len() >= 2);
    assert_eq!(phone.messages().len(), 2, "one answer each: {:?}", phone.messages());
}

#[test]
fn where_updates_are_asked_for_there_is_no_such_address() {
    let stage = Stage::open("pick");
    let answer = deliver(&stage, Some(SECRET), &written(1, "/status"));
    assert_eq!(answer.status, 404, "{answer}");
    until("the bot is ready", || stage.house.app.bot_name().as_deref() == Some("example_bot"));
    until("its commands are named", || stage.api.commands().len() == 4);
}

/// What was written could not be acted upon, and the same was asked for again and again.
#[test]
fn what_cannot_be_acted_upon_keeps_nobody_else_from_being_heard() {
    let stage = Stage::open("pick");
    stage.api.group(-5, "Friends");
    let phone = stage.api.person(7, "Sam H");
    until("its commands are named", || !stage.api.commands().is_empty());
    let database = rusqlite::Connection::open(stage.house.data().join("aegis.db")).unwrap();
    database.execute_batch("alter table telegram_offer rename to elsewhere").unwrap();
    phone.say("/link 7F3K-92QD");
    phone.say_in(-5, "/start@example_bot");
    until("the one after it is answered", || {
        stage.house.advance(SECOND);
        phone.messages_in(-5).iter().any(|message| message.text.contains("privately"))
    });
    database.execute_batch("alter table elsewhere rename to telegram_offer").unwrap();
    phone.say("/status");
    stage.read(&phone, "I only deliver sign-in requests");
    let said = phone.messages();
    assert!(said.iter().all(|one| !one.text.contains("This code")), "the first was passed over: {said:?}");
}

#[test]
fn whatever_a_tap_carries_it_is_heard_and_holds_up_no_other() {
    let stage = called();
    until("Telegram was told where to deliver", || stage.api.webhook().is_some());
    let person = serde_json::json!({ "id": 7, "is_bot": false, "first_name": "Sam" });
    for (update, data) in (1..).zip(["p1|\0|0", "s1|\0", "e1|a\0b", "\0", "p1|\u{7f}|x", "p1|é|1"]) {
        let tapped = serde_json::json!({
            "update_id": update,
            "callback_query": {
                "id": update.to_string(), "from": person, "data": data,
                "message": { "message_id": 1, "date": 1, "chat": { "id": 7, "type": "private" } },
            },
        });
        let answer = deliver(&stage, Some(SECRET), &tapped.to_string());
        assert_eq!(answer.status, 200, "a button with {data:?}: {answer}");
    }
}
