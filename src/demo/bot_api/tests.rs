//! The client of `telegram` against the stand-in, and the stand-in against what the real one refuses.

mod failures;
mod refusals;
mod updates;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use maud::html;
use tokio::task::JoinSet;

use super::*;
use crate::clock::{Manual, Wall};
use crate::config::{Placed, TelegramSettings};
use crate::serve::listen::Address;
use crate::telegram::{Button, Data, Failure, Message, Options, Style, Telegram, Update, What};

const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-";
const SAM: i64 = 7001;

/// The stand-in, our client, and Sam's phone, on a clock of the test's.
struct Lab {
    api: BotApi,
    telegram: Arc<Telegram>,
    sam: Phone,
    address: SocketAddr,
    hand: Arc<Manual>,
    serving: JoinSet<()>,
}

impl Lab {
    fn new() -> Self {
        // No test may fail because the machine is slow.
        Self::with_limit(Duration::from_mins(5))
    }

    fn with_limit(limit: Duration) -> Self {
        let (clock, hand) = Clock::manual(Wall::from_seconds(1_795_252_374));
        let api = BotApi::new(&Secret::new(TOKEN), "example_bot", clock).unwrap();
        let (address, listeners) = listen();
        let mut serving = JoinSet::new();
        let served = api.clone();
        serving.spawn(async move { served.serve(listeners, std::future::pending()).await });
        let telegram = Arc::new(telegram(address, TOKEN, limit));
        let sam = api.person(SAM, "Sam");
        Self { api, telegram, sam, address, hand, serving }
    }

    /// How often the bot called that method.
    fn calls(&self, method: &str) -> usize {
        self.api.calls().iter().filter(|call| call.method == method).count()
    }

    /// Asks for updates beside the test; returns when the stand-in has the question.
    async fn poll(&self, after: Option<i64>, polls: &mut JoinSet<Result<Vec<Update>, Failure>>) {
        let before = self.api.0.world.lock().poll;
        let telegram = self.telegram.clone();
        polls.spawn(async move { telegram.updates(after, Duration::from_secs(50)).await });
        self.api.wait_for(|world| (world.poll > before).then_some(())).await;
    }
}

fn listen() -> (SocketAddr, Vec<Listener>) {
    let listeners = Listener::bind(&[Address::Tcp((Ipv4Addr::LOCALHOST, 0).into())]).unwrap();
    (listeners[0].tcp_address().unwrap(), listeners)
}

fn telegram(address: SocketAddr, token: &str, limit: Duration) -> Telegram {
    let text = |text: &str| Placed::of(text.to_owned());
    let settings = TelegramSettings {
        token: Some(Placed::of(Secret::new(token))),
        mode: text("pick"),
        api_url: text(&format!("http://{address}")),
        receive: text("polling"),
        webhook_secret: None,
    };
    Telegram::new(Options::compile(&Placed::of(settings)).unwrap().with_limit(limit)).unwrap()
}

fn button(text: &str, data: &str) -> Button {
    Button::new(text, Data::new(data).unwrap())
}

fn plain(text: &str) -> Message {
    Message::new(html! { (text) })
}

#[tokio::test]
async fn the_bot_knows_who_it_is_and_names_its_commands() {
    let lab = Lab::new();
    let me = lab.telegram.me().await.unwrap();
    assert_eq!((me.id, me.username.as_str()), (110_201_543, "example_bot"));
    lab.telegram.set_commands(&[("status", "What waits for you"), ("stop", "Unlink")]).await.unwrap();
    let commands = lab.api.commands();
    assert_eq!(commands[0], ("status".to_owned(), "What waits for you".to_owned()), "{commands:?}");
    assert_eq!(commands.len(), 2, "{commands:?}");
}

#[tokio::test]
async fn a_message_is_written_tapped_answered_and_edited() {
    let lab = Lab::new();
    let host = "<b>evil</b>&co";
    let message = Message::new(html! { "Sign in to " b { (host) } "?\nTap the number." }).with_buttons(vec![
        vec![button("17", "p1|0"), button("42", "p1|1")],
        vec![button("This isn't me", "p1|x").styled(Style::Danger)],
    ]);
    let id = lab.telegram.send(SAM, &message).await.unwrap();
    let posted = lab.sam.wait_for_message(|posted| posted.id == id).await;
    assert_eq!(posted.text, "Sign in to <b>evil</b>&co?\nTap the number.");
    assert!(posted.is_protected && !posted.asks_for_a_reply, "{posted:?}");
    let keys: Vec<Vec<_>> =
        posted.buttons.iter().map(|row| row.iter().map(|key| key.text.as_str()).collect()).collect();
    assert_eq!(keys, [vec!["17", "42"], vec!["This isn't me"]]);
    assert_eq!(posted.buttons[1][0].style.as_deref(), Some("danger"), "{posted:?}");

    let query = lab.sam.tap_on(&posted, "42").expect("the button is there");
    let updates = lab.telegram.updates(None, Duration::ZERO).await.unwrap();
    let [Update { what: What::Tap { query_id, from, data, .. }, .. }] = updates.as_slice() else {
        panic!("one tap was expected: {updates:?}");
    };
    assert_eq!((query_id, from.id, data.as_str()), (&query, SAM, "p1|1"));
    lab.telegram.answer(query_id, &"long ".repeat(100), true).await.unwrap();
    let toast = lab.sam.wait_for_toast(&query).await;
    assert!(toast.alert && toast.text.chars().count() == 200 && toast.text.ends_with('…'), "{toast:?}");

    lab.telegram.edit(SAM, id, &plain("Approved.")).await.unwrap();
    let edited = lab.sam.wait_for_message(|posted| posted.edits == 1).await;
    assert_eq!((edited.text.as_str(), edited.buttons.len()), ("Approved.", 0), "{edited:?}");
}

#[tokio::test]
async fn what_is_done_already_is_no_failure() {
    let lab = Lab::new();
    let id = lab.telegram.send(SAM, &plain("Approved.")).await.unwrap();
    assert_eq!(lab.telegram.edit(SAM, id, &plain("Approved.")).await, Ok(()), "it stands there already");
    assert_eq!(lab.telegram.edit(SAM, id + 1, &plain("Approved.")).await, Ok(()), "there is no such message");
    assert_eq!(lab.telegram.answer("no such tap", "", false).await, Ok(()), "nobody waits for it");
    assert_eq!(lab.sam.messages()[0].edits, 0, "{:?}", lab.sam.messages());
}

#[tokio::test]
async fn a_reply_is_asked_for_and_comes_with_what_it_replies_to() {
    let lab = Lab::new();
    let id = lab.telegram.send(SAM, &plain("Type the number.").asking_for_a_reply()).await.unwrap();
    let posted = lab.sam.wait_for_message(|posted| posted.asks_for_a_reply).await;
    lab.sam.reply(&posted, "42");
    let updates = lab.telegram.updates(None, Duration::ZERO).await.unwrap();
    let What::Message { from, chat, is_private, text, reply_to, .. } = &updates[0].what else {
        panic!("a message was expected: {updates:?}");
    };
    assert_eq!((from.id, *chat, *is_private, text.as_str(), *reply_to), (SAM, SAM, true, "42", Some(id)));
}
