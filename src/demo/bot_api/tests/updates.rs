//! What people do reaches the bot: asked for, or delivered.

use http::header::HOST;
use http_body_util::BodyExt as _;

use super::*;

fn texts(updates: &[Update]) -> Vec<String> {
    updates
        .iter()
        .map(|update| match &update.what {
            What::Message { text, .. } => text.clone(),
            other => format!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn updates_come_again_until_they_are_acknowledged() {
    let lab = Lab::new();
    lab.sam.say("one");
    lab.sam.say("two");
    let first = lab.telegram.updates(None, Duration::ZERO).await.unwrap();
    assert_eq!(texts(&first), ["one", "two"]);
    let again = lab.telegram.updates(None, Duration::ZERO).await.unwrap();
    assert_eq!(again, first, "nothing was acknowledged");
    let rest = lab.telegram.updates(Some(first[0].id), Duration::ZERO).await.unwrap();
    assert_eq!(rest, first[1..], "the first was acknowledged");
    assert_eq!(lab.telegram.updates(Some(first[1].id), Duration::ZERO).await, Ok(Vec::new()));
    assert_eq!(lab.api.unacknowledged(), 0);
}

#[tokio::test]
async fn a_question_for_updates_waits_for_one_or_for_its_end() {
    let lab = Lab::new();
    let mut polls = JoinSet::new();
    lab.poll(None, &mut polls).await;
    lab.sam.say("hello");
    let came = polls.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(texts(&came), ["hello"]);

    lab.poll(Some(came[0].id), &mut polls).await;
    // The answer can only be that of the hand: the limit of the client is minutes away.
    lab.hand.advance(Duration::from_secs(50));
    assert_eq!(polls.join_next().await.unwrap().unwrap(), Ok(Vec::new()));
}

#[tokio::test]
async fn of_two_who_ask_for_updates_the_first_is_told_of_the_second() {
    let lab = Lab::new();
    let mut first = JoinSet::new();
    lab.poll(None, &mut first).await;
    let mut second = JoinSet::new();
    lab.poll(None, &mut second).await;
    let told = first.join_next().await.unwrap().unwrap();
    let Err(Failure::Conflict(text)) = &told else { panic!("a conflict was expected: {told:?}") };
    assert!(text.starts_with("Conflict: terminated by other getUpdates request"), "{text}");
    lab.sam.say("hello");
    assert_eq!(texts(&second.join_next().await.unwrap().unwrap().unwrap()), ["hello"]);
    assert_eq!(lab.calls("getUpdates"), 2, "a conflict is its caller's to judge: {:?}", lab.api.calls());
}

#[tokio::test]
async fn while_updates_are_delivered_nobody_can_ask_for_them() {
    let lab = Lab::new();
    let mut polls = JoinSet::new();
    lab.poll(None, &mut polls).await;
    lab.telegram.set_webhook("https://auth.example.test/hook", &Secret::new("s3cret")).await.unwrap();
    let told = polls.join_next().await.unwrap().unwrap();
    assert_eq!(told, Err(Failure::Conflict("Conflict: terminated by setWebhook request".to_owned())));
    let told = lab.telegram.updates(None, Duration::ZERO).await;
    let Err(Failure::Conflict(text)) = &told else { panic!("a conflict was expected: {told:?}") };
    assert!(text.starts_with("Conflict: can't use getUpdates method while webhook is active"), "{text}");
    lab.telegram.delete_webhook().await.unwrap();
    assert_eq!(lab.telegram.updates(None, Duration::ZERO).await, Ok(Vec::new()));
}

/// Takes in what is delivered; the first one not.
#[derive(Default)]
struct Hook(Mutex<Vec<(Vec<String>, Option<Update>)>>);

impl Answer for Hook {
    async fn answer(&self, _peer: Peer, request: Request<Incoming>) -> Reply {
        let header =
            |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let head =
            vec![request.uri().to_string(), header(HOST.as_str()), header("X-Telegram-Bot-Api-Secret-Token")];
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let mut heard = self.0.lock();
        heard.push((head, Update::read(&body)));
        let mut reply = Reply::default();
        if heard.len() == 1 {
            *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        reply
    }

    fn panicked(&self, _path: &str) -> Reply {
        page(StatusCode::INTERNAL_SERVER_ERROR, "panicked")
    }
}

#[tokio::test]
async fn updates_are_delivered_in_order_with_the_secret_until_they_are_taken() {
    let mut lab = Lab::new();
    let (address, listeners) = listen();
    let hook = Arc::new(Hook::default());
    let served = hook.clone();
    lab.serving.spawn(async move {
        run(listeners, served, Limits::default(), std::future::pending()).await;
    });
    lab.api.deliver_to(address);
    lab.sam.say("one");
    lab.sam.say("two");
    lab.telegram.set_webhook("https://auth.example.test/hook?a=b", &Secret::new("s3cret")).await.unwrap();
    // The clock is moved until the first one has been tried again: nobody knows when it is waited for.
    let taken = lab.api.wait_until_acknowledged();
    tokio::pin!(taken);
    loop {
        lab.hand.advance(Duration::from_secs(1));
        tokio::select! {
            biased;
            () = &mut taken => break,
            () = tokio::task::yield_now() => {}
        }
    }
    let heard = hook.0.lock();
    let texts = texts(&heard.iter().map(|(_, update)| update.clone().unwrap()).collect::<Vec<_>>());
    assert_eq!(texts, ["one", "one", "two"], "the first was not taken");
    for (head, _) in heard.iter() {
        assert_eq!(head, &["/hook?a=b", "auth.example.test", "s3cret"]);
    }
}

#[tokio::test]
async fn who_blocks_the_bot_is_heard_of_at_once() {
    let lab = Lab::new();
    lab.sam.block();
    assert_eq!(lab.telegram.send(SAM, &plain("Hello?")).await, Err(Failure::Blocked));
    lab.sam.say("/start");
    let updates = lab.telegram.updates(None, Duration::ZERO).await.unwrap();
    let [Update { what: What::Membership { from, chat, is_private: true, blocked: true }, .. }, back, _start] =
        updates.as_slice()
    else {
        panic!("blocked, unblocked, and a message were expected: {updates:?}");
    };
    assert_eq!((from.id, *chat), (SAM, SAM));
    assert!(matches!(back.what, What::Membership { blocked: false, .. }), "{back:?}");
    assert!(lab.telegram.send(SAM, &plain("Hello!")).await.is_ok(), "they came back");
}

#[tokio::test]
async fn a_tap_tells_who_tapped_where_and_whether_the_message_is_still_there() {
    let lab = Lab::new();
    let eve = lab.api.person(666, "Eve");
    lab.api.group(-5, "A group");
    let message = plain("Tap.").with_buttons(vec![vec![button("1", "one")]]);
    lab.telegram.send(-5, &message).await.unwrap();
    lab.telegram.send(SAM, &message).await.unwrap();
    let in_group = eve.messages_in(-5).remove(0);
    let of_sam = lab.sam.messages().remove(0);
    eve.tap(&in_group, 0).expect("a button");
    lab.sam.age(&of_sam);
    lab.sam.tap(&of_sam, 0).expect("a button");
    assert_eq!(lab.sam.tap(&of_sam, 1), None, "there is no second button");
    let updates = lab.telegram.updates(None, Duration::ZERO).await.unwrap();
    let taps: Vec<_> = updates
        .iter()
        .map(|update| match &update.what {
            What::Tap { from, chat, is_private, is_accessible, .. } => {
                (from.id, *chat, *is_private, *is_accessible)
            }
            other => panic!("a tap was expected: {other:?}"),
        })
        .collect();
    assert_eq!(taps, [(666, Some(-5), false, true), (SAM, Some(SAM), true, false)]);
}
