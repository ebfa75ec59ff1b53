//! Our client of the Bot API against one that others wrote. No browser is in it: it stands here because its
//! parts come with those of the browser tests.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use aegis::config::{Placed, TelegramSettings};
use aegis::secret::Secret;
use aegis::telegram::{Button, Data, Message, Options, Telegram, Update, What};
use maud::html;
use serde_json::{Value, json};

use crate::lab::proxy::repository;

const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-";

/// The other Bot API, and the phone that it gives us. It ends with its input, so with this.
struct Other {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Other {
    /// Starts it, and gives its address.
    fn start() -> (Self, String) {
        let folder = repository().join("tests/browser");
        assert!(
            folder.join("node_modules/telegram-test-api").exists(),
            "tests/browser/node_modules is missing or old: run ./test"
        );
        let mut child = Command::new("node")
            .arg(folder.join("bot-api.mjs"))
            .current_dir(&folder)
            .env("AEGIS_TOKEN", TOKEN)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("node cannot be started: {error}; run ./test"));
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut other = Self { child, said };
        let address = other.line();
        (other, address)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "bot-api.mjs ended: {:?}", self.child.wait());
        line.trim().to_owned()
    }

    fn order(&mut self, order: &Value) -> Value {
        writeln!(self.child.stdin.as_mut().unwrap(), "{order}").unwrap();
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{order}: {error}: {line}"))
    }

    /// What it keeps of the messages of the bot.
    fn messages(&mut self) -> Vec<Value> {
        let all = self.order(&json!({ "do": "read" }));
        all.as_array().unwrap().iter().map(|kept| kept["message"].clone()).collect()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

fn telegram(api_url: &str) -> Telegram {
    let text = |text: &str| Placed::of(text.to_owned());
    let settings = TelegramSettings {
        token: Some(Placed::of(Secret::new(TOKEN))),
        mode: text("pick"),
        api_url: text(api_url),
        receive: text("polling"),
        webhook_secret: None,
    };
    let options = Options::compile(&Placed::of(settings)).unwrap();
    Telegram::new(options.with_limit(Duration::from_mins(5))).unwrap()
}

#[tokio::test]
async fn a_bot_api_that_others_wrote_is_understood_and_understands() {
    let (mut other, address) = Other::start();
    let telegram = telegram(&address);
    let me = telegram.me().await.unwrap();
    assert_eq!((me.id, me.username.as_str()), (666, "TestNameBot"));

    let buttons = vec![vec![Button::new("42", Data::new("p1|1").unwrap())]];
    let message = Message::new(html! { "Sign in to " b { "a&b" } "?" }).with_buttons(buttons);
    let id = telegram.send(7, &message).await.unwrap();
    let [kept] = other.messages().try_into().unwrap();
    assert_eq!(kept["text"], "Sign in to <b>a&amp;b</b>?", "{kept}");
    assert_eq!(kept["reply_markup"]["inline_keyboard"][0][0]["callback_data"], "p1|1", "{kept}");

    other.order(&json!({ "do": "say", "text": "hello" }));
    other.order(&json!({ "do": "tap", "data": "p1|1", "message_id": id, "date": 1_795_252_374 }));
    let updates = telegram.updates(None, Duration::ZERO).await.unwrap();
    let [
        Update { what: What::Message { text, from, chat: 7, is_private: true, .. }, .. },
        Update { what: What::Tap { query_id, data, message_id, is_accessible: true, .. }, id: last },
    ] = updates.as_slice()
    else {
        panic!("a message and a tap were expected: {updates:?}");
    };
    assert_eq!((text.as_str(), from.id, from.name.as_str()), ("hello", 7, "Sam"));
    assert_eq!((data.as_str(), *message_id), ("p1|1", Some(id)));

    telegram.answer(query_id, "Signed in", false).await.unwrap();
    telegram.edit(7, id, &Message::new(html! { "Approved." })).await.unwrap();
    let edited = other.messages().into_iter().find(|message| message["message_id"] == id);
    assert_eq!(edited.expect("the message is still there")["text"], "Approved.");
    assert_eq!(telegram.updates(Some(*last), Duration::ZERO).await, Ok(Vec::new()));
    telegram.delete_webhook().await.unwrap();
}
