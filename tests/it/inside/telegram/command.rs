//! The real program: what `aegis telegram test` says, and what no log holds.

use std::path::Path;

use super::super::house::until;
use super::*;
use crate::lab::aegis::{run, serve};
use crate::lab::{AEGIS_PORT, address};
use aegis::clock::Wall;
use aegis::demo::bot_api::Misbehaviour;
use aegis::second_factor::telegram::TelegramLinks;
use aegis::store::Store;
use aegis::users::Users;

/// What must be nowhere.
const TOKENS_SECRET: &str = "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-";
const UNAUTHORIZED: &str = "Unauthorized: bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw- is no bot";

/// Links `ann` with somebody, as the account page and the bot do.
async fn link(data: &Path, person: i64) {
    let store = Store::open_beside(data).expect("the data are there");
    let user = Users::new(store.clone()).by_login("ann").await.unwrap().expect("ann").id;
    let (telegram, session, now) = (TelegramLinks::new(store.clone()), SessionId::new(), Wall(START.0));
    let codes = telegram.offer(user, session, now).await.expect("an offer");
    assert!(telegram.answered(codes.short.reveal(), (person, person), "Sam H", now).await.unwrap());
    let proof = telegram.confirm(Write::new(), (user, session), person, now).await.unwrap().expect("a link");
    let entry = Entry::new(Event::FactorAdded, Actor::User(user)).about(user);
    store.write(proof.write.audit(entry, now)).await.expect("it is linked");
    store.close().await;
}

#[test]
fn the_command_says_what_came_and_the_token_is_in_no_log() {
    let (api, at, runtime) = world(Clock::system());
    let folder = address::folder();
    let listen = address::take();
    let settings = format!(
        "public_url = \"https://auth.example.com\"\nlisten = [\"{listen}:{AEGIS_PORT}\"]\n[log]\nlevel = \"trace\"\n\
         [telegram]\ntoken = \"{TOKEN}\"\napi_url = \"http://{at}\"\n"
    );
    std::fs::write(folder.join("aegis.toml"), settings).unwrap();
    let output = run(&folder, &["user", "add", "ann", "--password-stdin"], &format!("{PASSWORD}\n"));
    assert!(output.status.success(), "aegis user add ann: {output:#?}");

    api.misbehave("getMe", 1, Misbehaviour::Refuse(401, UNAUTHORIZED));
    let process = serve(&folder);
    until("the log tells of the refusal", || process.log().contains("telegram.failed"));

    let test = || run(&folder, &["telegram", "test", "ann"], "");
    let mut told = Vec::new();
    let mut says = |output: std::process::Output, code: i32, text: &str| {
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "aegis telegram test ann: {said}");
        assert!(said.contains(text), "`{text}` is in what it said: {said}");
        told.push(said);
    };
    says(test(), 1, "ann is not linked with Telegram");
    let phone = api.person(7, "Sam H");
    runtime.block_on(link(&folder.join("data"), 7));
    says(test(), 0, "@example_bot wrote to Sam H, who approves sign-ins of ann");
    assert!(phone.messages().iter().any(|message| message.text.contains("This is a test")));
    phone.block();
    says(test(), 1, "hint: the person unblocks the bot");
    api.misbehave("getMe", 1, Misbehaviour::Garbage);
    says(test(), 1, "what answers is not the Bot API");
    api.misbehave("getMe", 2, Misbehaviour::Break);
    says(test(), 1, "Telegram cannot be reached");
    let doctor = run(&folder, &["doctor"], "");
    told.push(String::from_utf8_lossy(&doctor.stdout).into_owned());
    assert!(told[told.len() - 1].contains("the bot is @example_bot"), "aegis doctor: {told:?}");
    told.push(process.log());
    for said in told {
        assert!(!said.contains(TOKENS_SECRET), "the token is in: {said}");
    }
}
