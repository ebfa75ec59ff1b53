//! The room by itself. Its calls are tested against the Bot API of the show, above: see `demo`.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use maud::html;
use proptest::prelude::*;

use super::*;
use crate::config::{Placed, TelegramSettings};
use crate::error::Faults;

const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-";

fn settings(api_url: &str) -> TelegramSettings {
    let text = |text: &str| Placed::of(text.to_owned());
    TelegramSettings {
        token: Some(secret(TOKEN)),
        mode: text("pick"),
        api_url: text(api_url),
        receive: text("polling"),
        webhook_secret: None,
    }
}

fn compile(change: impl FnOnce(&mut TelegramSettings)) -> Result<Options, Faults> {
    let mut settings = settings("https://api.telegram.org");
    change(&mut settings);
    Options::compile(&Placed::of(settings))
}

fn secret(text: &str) -> Placed<Secret> {
    Placed::of(Secret::new(text))
}

fn message(text: &str) -> String {
    let person = r#"{"id":7,"is_bot":false,"first_name":"Sam","last_name":"H","username":"sam_h"}"#;
    format!(
        r#"{{"update_id":12,"message":{{"message_id":3,"from":{person},"date":1,"chat":{{"id":7,"type":"private"}}{text}}}}}"#
    )
}

fn what(text: &str) -> What {
    let update = Update::read(text.as_bytes()).unwrap_or_else(|| panic!("no update: {text}"));
    assert_eq!(update.id, 12, "{text}");
    update.what
}

#[test]
fn what_is_written_is_what_holds() {
    let options = compile(|_| ()).unwrap();
    assert_eq!(options.receive, Receive::Polling);
    let longest = "s".repeat(256);
    let options = compile(|settings| {
        settings.receive.value = "webhook".to_owned();
        settings.webhook_secret = Some(secret(&longest));
    });
    assert_eq!(options.unwrap().receive, Receive::Webhook(Secret::new(longest)));
    for url in
        ["http://127.0.0.1:8081", "http://[::1]:8081", "http://localhost:8081", "https://tg.example.com/"]
    {
        assert!(compile(|settings| settings.api_url.value = url.to_owned()).is_ok(), "{url}");
    }
}

#[test]
fn every_fault_is_told_at_once_with_a_hint_and_without_a_secret() {
    let tokens = [
        "",
        "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-",
        "110201543:short",
        ":AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-",
        "bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-",
        "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/",
        "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw- ",
    ];
    for token in tokens {
        let faults = compile(|settings| {
            settings.token = Some(secret(token));
            settings.api_url.value = "http://api.telegram.org".to_owned();
            settings.receive.value = "push".to_owned();
        })
        .unwrap_err();
        assert_eq!(faults.0.len(), 3, "asked for {token:?}: {faults}");
        assert!(faults.0.iter().all(|fault| fault.hint.is_some()), "{faults}");
        assert!(!faults.to_string().contains("AAHdqTcv"), "a fault quotes the token: {faults}");
    }
    assert!(compile(|settings| settings.token = None).is_err(), "no token at all");
    for bad in [None, Some(secret("")), Some(secret("not this!")), Some(secret(&"s".repeat(257)))] {
        let faults = compile(|settings| {
            settings.receive.value = "webhook".to_owned();
            settings.webhook_secret.clone_from(&bad);
        });
        assert_eq!(faults.unwrap_err().0.len(), 1, "a webhook with {bad:?}");
    }
    for url in [
        "",
        "api.telegram.org",
        "https://api.telegram.org/bot",
        "http://10.0.0.1",
        "http://localhost.evil.test",
    ] {
        let faults = compile(|settings| settings.api_url.value = url.to_owned());
        assert_eq!(faults.unwrap_err().0.len(), 1, "asked for {url}");
    }
}

#[test]
fn options_are_equal_by_every_part_and_show_no_secret() {
    let same = || compile(|_| ()).unwrap();
    assert_eq!(same(), same());
    let webhook = |with: &str| {
        compile(|settings| {
            settings.receive.value = "webhook".to_owned();
            settings.webhook_secret = Some(secret(with));
        })
        .unwrap()
    };
    let others = [
        compile(|settings| settings.api_url.value = "https://tg.example.com".to_owned()).unwrap(),
        compile(|settings| settings.token = Some(secret(&TOKEN.replace("saw-", "saw_")))).unwrap(),
        webhook("one"),
        webhook("two"),
    ];
    for (position, other) in others.iter().enumerate() {
        assert_ne!(other, &same());
        assert!(others[..position].iter().all(|before| before != other), "{position}");
        let shown = format!("{other:?}");
        assert!(!["AAHdqTcv", "one", "two"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}

#[test]
fn a_message_is_read() {
    let What::Message { from, chat, is_private, text, reply_to, message_id } = what(&message(
        r#","text":"/start abc","reply_to_message":{"message_id":2,"date":0,"chat":{"id":7}}"#,
    )) else {
        panic!("no message");
    };
    assert_eq!((chat, is_private, text.as_str(), reply_to, message_id), (7, true, "/start abc", Some(2), 3));
    let sam = Person { id: 7, is_bot: false, name: "Sam H".to_owned(), username: Some("sam_h".to_owned()) };
    assert_eq!(from, sam);
    assert!(matches!(what(&message("")), What::Message { text, .. } if text.is_empty()), "a picture");
}

#[test]
fn what_is_not_understood_is_something_else_and_spoils_nothing() {
    for text in [
        r#"{"update_id":12}"#.to_owned(),
        r#"{"update_id":12,"poll":{"id":"1"}}"#.to_owned(),
        r#"{"update_id":12,"edited_message":{"message_id":1}}"#.to_owned(),
        r#"{"update_id":12,"message":{"message_id":"one"}}"#.to_owned(),
        r#"{"update_id":12,"message":7}"#.to_owned(),
        r#"{"update_id":12,"channel_post":null,"message":{"message_id":1,"chat":{"id":-1,"type":"channel"}}}"#.to_owned(),
        message(r#","text":7"#),
    ] {
        assert_eq!(what(&text), What::Other, "{text}");
    }
    for text in ["", "{}", "[]", "null", r#"{"update_id":"12"}"#, r#"{"update_id":1e99}"#, "\u{0}"] {
        assert_eq!(Update::read(text.as_bytes()), None, "{text:?}");
    }
    let long = message(&format!(r#","text":"{}""#, "x".repeat(1024 * 1024)));
    assert_eq!(Update::read(long.as_bytes()), None, "more than an update can be");
}

#[test]
fn a_tap_is_read_whatever_became_of_its_message() {
    let tap = |message: &str| {
        what(&format!(
            r#"{{"update_id":12,"callback_query":{{"id":"99","from":{{"id":7,"first_name":"S"}},"chat_instance":"1"{message},"data":"d"}}}}"#
        ))
    };
    for (message, expected) in [
        (
            r#","message":{"message_id":3,"date":1,"chat":{"id":7,"type":"private"}}"#,
            (Some(7), true, Some(3), true),
        ),
        (
            r#","message":{"message_id":3,"date":0,"chat":{"id":7,"type":"private"}}"#,
            (Some(7), true, Some(3), false),
        ),
        (
            r#","message":{"message_id":3,"date":1,"chat":{"id":-7,"type":"supergroup"}}"#,
            (Some(-7), false, Some(3), true),
        ),
        (r#","inline_message_id":"x""#, (None, false, None, false)),
    ] {
        let What::Tap { chat, is_private, message_id, is_accessible, data, query_id, from } = tap(message)
        else {
            panic!("no tap: {message}");
        };
        assert_eq!((chat, is_private, message_id, is_accessible), expected, "{message}");
        assert_eq!((query_id.as_str(), data.as_str(), from.id), ("99", "d", 7), "{message}");
    }
}

#[test]
fn what_others_wrote_is_shown_without_what_deceives() {
    for (text, most, expected) in [
        ("Firefox on Windows", 60, "Firefox on Windows"),
        ("", 60, ""),
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("abc\u{200b}def", 6, "abcdef"),
        ("a\r\nb\tc\u{0}\u{1b}[31m", 60, "abc[31m"),
        ("\u{202e}moc.live\u{202c}", 60, "moc.live"),
        ("a\u{2066}b\u{2069}\u{200f}\u{feff}\u{e0041}c", 60, "abc"),
        ("a\u{a0}\u{3000}b", 60, "a  b"),
        ("Zoë 🦊", 60, "Zoë 🦊"),
        ("<b>&", 60, "<b>&"),
    ] {
        assert_eq!(shown(text, most), expected, "asked for {text:?}");
    }
}

#[test]
fn a_button_carries_1_to_64_bytes() {
    for (text, is_data) in [
        ("", false),
        ("x", true),
        (&"x".repeat(64), true),
        (&"x".repeat(65), false),
        (&"ß".repeat(33), false),
    ] {
        assert_eq!(Data::new(text).is_some(), is_data, "{text:?}");
    }
}

#[test]
fn a_text_is_escaped_by_being_markup() {
    let body = Message::new(html! { b { ("<i>") } }).to_chat(7);
    assert_eq!(body["text"], "<b>&lt;i&gt;</b>", "{body}");
}

/// Somebody who hears a request, says this, and hangs up: with what came unread, that is a reset.
fn hangs_up_after(said: &'static str) -> Options {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let settings = settings(&format!("http://{}", listener.local_addr().unwrap()));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut first = [0; 16];
            stream.read_exact(&mut first).unwrap();
            stream.write_all(said.as_bytes()).unwrap();
        }
    });
    Options::compile(&Placed::of(settings)).unwrap().with_limit(Duration::from_mins(5))
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_nobody_reached() {
    for said in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Len",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"ok\":true,",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"ok\"\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let failure = Telegram::new(hangs_up_after(said)).unwrap().me().await.unwrap_err();
        assert!(matches!(failure, Failure::Unreachable(_)), "after {said:?}: {failure:?}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_as_an_update_is_read_or_not_and_never_more(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _update = Update::read(&bytes);
    }

    #[test]
    fn what_is_shown_is_never_longer_and_shown_again_the_same(text in "\\PC{0,80}|.{0,80}", most in 1usize..60) {
        let once = shown(&text, most);
        prop_assert!(once.chars().count() <= most, "{once:?}");
        prop_assert_eq!(shown(&once, most), once);
    }
}
