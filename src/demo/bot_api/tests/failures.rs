//! Whatever goes wrong is told apart, tried again where that does no harm, and gives no token away.

use std::io::Write;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// A refusal that quotes the address it was asked at, as a proxy may.
const QUOTING: &str = "Bad Request: /bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-/getMe and 110201543%3AAAHdqTcvCH1vGWJx\u{200b}fSeofSAs0K5PALDsaw-";

#[tokio::test]
async fn every_failure_is_told_from_the_others() {
    let lab = Lab::new();
    let unreachable = |text: &str| Failure::Unreachable(text.to_owned());
    let garbage = |text: &str| Failure::Garbage(text.to_owned());
    let page = |code| garbage(&format!("status {code}, and no answer that it gives"));
    for (how, expected) in [
        (Misbehaviour::Refuse(401, "Unauthorized"), Failure::Unauthorized),
        (Misbehaviour::Refuse(404, "Not Found"), Failure::Unauthorized),
        (Misbehaviour::Refuse(403, "Forbidden: bot was blocked by the user"), Failure::Blocked),
        (Misbehaviour::Refuse(403, "Forbidden: user is deactivated"), Failure::Blocked),
        (Misbehaviour::Refuse(400, "Bad Request: chat not found"), Failure::NoChat),
        (Misbehaviour::Refuse(409, "Conflict: x"), Failure::Conflict("Conflict: x".to_owned())),
        (Misbehaviour::TooMany(7), Failure::TooMany(Duration::from_secs(7))),
        (Misbehaviour::TooMany(u64::MAX), Failure::TooMany(Duration::from_hours(24))),
        (
            Misbehaviour::Refuse(400, "Bad Request: BUTTON_DATA_INVALID"),
            Failure::Refused { code: 400, text: "Bad Request: BUTTON_DATA_INVALID".to_owned() },
        ),
        (
            Misbehaviour::Refuse(500, "Internal Server Error: restart"),
            unreachable("Internal Server Error: restart"),
        ),
        (Misbehaviour::BadGateway, unreachable("status 502")),
        (Misbehaviour::Garbage, page(200)),
        (Misbehaviour::Redirect, page(302)),
        (Misbehaviour::Huge, garbage("an answer of more than 1 MiB")),
    ] {
        // Twice, because what may pass is tried again.
        lab.api.misbehave("sendMessage", 2, how);
        let failure = lab.telegram.send(SAM, &plain("Hello")).await.unwrap_err();
        assert_eq!(failure, expected, "asked with {how:?}");
        assert!(!failure.hint().is_empty() && !failure.to_string().is_empty(), "{failure:?}");
        lab.api.0.world.lock().misbehaviours.clear();
    }
    assert_eq!(lab.sam.messages(), [], "none of these was done");
    assert!(lab.telegram.send(SAM, &plain("Hello")).await.is_ok(), "and then it goes on");
}

#[tokio::test]
async fn people_who_cannot_be_written_to_are_told_apart_by_why() {
    let lab = Lab::new();
    let (gone, stranger) = (lab.api.person(1, "Gone"), lab.api.stranger(2, "Never started"));
    gone.leave();
    for (chat, expected) in [
        (gone.id(), Err(Failure::Blocked)),
        (stranger.id(), Err(Failure::NoChat)),
        (404, Err(Failure::NoChat)),
    ] {
        assert_eq!(lab.telegram.send(chat, &plain("Hello")).await, expected, "asked for {chat}");
    }
    stranger.say("/start");
    assert!(lab.telegram.send(stranger.id(), &plain("Hello")).await.is_ok(), "they started the bot");
    lab.api.revoke();
    assert_eq!(lab.telegram.me().await, Err(Failure::Unauthorized));
}

#[tokio::test]
async fn what_fails_for_a_moment_is_tried_once_more() {
    let lab = Lab::new();
    for how in [Misbehaviour::Break, Misbehaviour::BadGateway, Misbehaviour::Refuse(500, "restart")] {
        lab.api.misbehave("getMe", 1, how);
        let before = lab.calls("getMe");
        assert!(lab.telegram.me().await.is_ok(), "after {how:?}");
        assert_eq!(lab.calls("getMe"), before + 2, "asked with {how:?}");
    }
    lab.api.misbehave("getMe", 2, Misbehaviour::Break);
    let failure = lab.telegram.me().await.unwrap_err();
    assert!(matches!(failure, Failure::Unreachable(_)), "twice is enough: {failure:?}");
    assert!(lab.telegram.me().await.is_ok(), "there was no third attempt");
    for how in [Misbehaviour::TooMany(1), Misbehaviour::Garbage, Misbehaviour::Refuse(400, "no")] {
        lab.api.misbehave("getMe", 1, how);
        let before = lab.calls("getMe");
        assert!(lab.telegram.me().await.is_err(), "asked with {how:?}");
        assert_eq!(lab.calls("getMe"), before + 1, "that would not be otherwise: {how:?}");
    }
}

#[tokio::test]
async fn a_message_that_may_have_been_sent_is_not_sent_again() {
    let lab = Lab::new();
    for how in [Misbehaviour::Lose, Misbehaviour::BadGateway] {
        lab.api.misbehave("sendMessage", 1, how);
        let failure = lab.telegram.send(SAM, &plain("Hello")).await.unwrap_err();
        assert!(matches!(failure, Failure::Unreachable(_)), "asked with {how:?}: {failure:?}");
    }
    assert_eq!(lab.sam.messages().len(), 1, "the first was sent, and its answer was lost");
    let message = lab.sam.messages().remove(0);
    lab.api.misbehave("sendMessage", 1, Misbehaviour::Refuse(500, "Internal Server Error"));
    assert!(lab.telegram.send(SAM, &plain("Hello")).await.is_ok(), "that was surely not done");

    lab.api.misbehave("editMessageText", 1, Misbehaviour::Lose);
    assert_eq!(lab.telegram.edit(SAM, message.id, &plain("Edited")).await, Ok(()));
    assert_eq!(lab.sam.messages()[0].edits, 1, "done, and found done");
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for() {
    let lab = Lab::with_limit(Duration::from_millis(100));
    lab.api.misbehave("getMe", 1, Misbehaviour::Hang);
    let failure = lab.telegram.me().await.unwrap_err();
    assert_eq!(failure, Failure::Unreachable("it did not answer in time".to_owned()));
    let nobody = listen().0;
    let failure = telegram(nobody, TOKEN, Duration::from_mins(5)).me().await.unwrap_err();
    assert!(matches!(&failure, Failure::Unreachable(why) if why.contains("refused")), "{failure:?}");
}

/// Writes the log where the test can read it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_token_is_in_no_error_and_no_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(log.clone());
    let _heard = tracing::subscriber::set_default(subscriber.finish());
    let lab = Lab::new();
    let mut said = Vec::new();
    for how in [
        Misbehaviour::Refuse(400, QUOTING),
        Misbehaviour::Refuse(500, QUOTING),
        Misbehaviour::Refuse(409, QUOTING),
        Misbehaviour::Break,
        Misbehaviour::Garbage,
        Misbehaviour::Huge,
        Misbehaviour::BadGateway,
        Misbehaviour::Redirect,
    ] {
        lab.api.misbehave("getMe", 2, how);
        let failure = lab.telegram.me().await.unwrap_err();
        tracing::warn!(%failure, hint = failure.hint());
        said.push(format!("{failure:?} {failure}"));
        lab.api.0.world.lock().misbehaviours.clear();
    }
    lab.api.misbehave("getMe", 1, Misbehaviour::Hang);
    let impatient = telegram(lab.address, TOKEN, Duration::from_millis(100));
    let nobody = telegram(listen().0, TOKEN, Duration::from_mins(5));
    for telegram in [impatient, nobody] {
        let failure = telegram.me().await.unwrap_err();
        said.push(format!("{failure:?} {failure}"));
    }
    let log = String::from_utf8(log.0.lock().clone()).unwrap();
    assert!(
        log.contains("Bad Request: /bot110201543:…/getMe and 110201543%3A…"),
        "nothing was logged: {log}"
    );
    let said = said.join("\n");
    let secret = TOKEN.split_once(':').unwrap().1;
    assert!(!said.contains(secret), "an error names the token:\n{said}");
    assert!(!log.contains(secret), "the log names the token:\n{log}");
}
