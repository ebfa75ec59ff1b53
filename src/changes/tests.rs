//! Tests of the feed in memory, on a store with a second writer.

use std::sync::mpsc;

use super::*;
use crate::clock::Wall;
use crate::store::{OnCommit, Store, Write};

fn change(seq: i64, kind: &str, subject: &impl ToString) -> Change {
    Change { seq, kind: kind.to_owned(), subject: subject.to_string() }
}

struct House {
    place: tempfile::TempDir,
    store: Store,
    changes: Arc<Changes>,
    feed: Feed,
    hand: Arc<crate::clock::Manual>,
}

/// A server's store with its feed, asked by hand.
fn house() -> House {
    let (clock, hand) = Clock::manual(Wall(0));
    let changes = Changes::new(clock);
    let place = tempfile::tempdir().unwrap();
    let on_commit: OnCommit = Arc::new({
        let changes = Arc::clone(&changes);
        move |committed: &[Change]| changes.apply(committed)
    });
    let store = Store::open(place.path(), on_commit).unwrap();
    let feed = Feed { changes: Arc::clone(&changes), watcher: store.watcher().unwrap(), heard: None };
    House { place, store, changes, feed, hand }
}

fn told(kind: &'static str, subject: impl std::fmt::Display) -> Write {
    Write::unrecorded("a test").changed(kind, subject)
}

#[test]
fn a_change_ends_its_subject_and_nobody_else() {
    let changes = Changes::new(Clock::system());
    let (ann, ben, session) = (UserId::new(), UserId::new(), SessionId::new());
    let (of_ann, of_ben, of_session) =
        (changes.live_user(ann), changes.live_user(ben), changes.live_session(session));
    assert!(Arc::ptr_eq(&of_ann, &changes.live_user(ann)), "two fills share one handle");
    let generation = changes.generation();
    changes.apply(&[change(1, USER, &ann)]);
    assert!(!of_ann.is_live() && of_ben.is_live() && of_session.is_live());
    assert!(changes.live_user(ann).is_live(), "a later handle is another one");
    assert!(!of_ann.is_live(), "and the one that ended stays so");
    changes.apply(&[change(2, SESSION, &session), change(3, USER, &UserId::new())]);
    assert!(!of_session.is_live() && of_ben.is_live());
    assert_eq!(changes.generation(), generation);
}

#[test]
fn what_is_not_understood_voids_everything() {
    let changes = Changes::new(Clock::system());
    for strange in [change(1, "app", &"arlo"), change(2, USER, &"ann"), change(3, "", &"")] {
        let before = changes.generation();
        changes.apply(std::slice::from_ref(&strange));
        assert!(changes.generation() > before, "{strange:?}");
    }
}

#[test]
fn handles_nobody_holds_are_forgotten() {
    let changes = Changes::new(Clock::system());
    let kept: Vec<_> = (0..10).map(|_| changes.live_user(UserId::new())).collect();
    for _ in 0..100_000 {
        changes.live_user(UserId::new());
    }
    let entries = changes.users.registry.lock().handles.len();
    assert!(entries <= FIRST_SWEEP, "{entries} entries for {} handles", kept.len());
}

#[tokio::test]
async fn the_change_of_another_process_is_heard_at_the_next_question() {
    let mut house = house();
    let ann = UserId::new();
    house.feed.ask().unwrap();
    let live = house.changes.live_user(ann);
    let command = Store::open_beside(house.place.path()).unwrap();
    command.write(told(USER, ann)).await.unwrap();
    assert!(live.is_live(), "not heard yet");
    let generation = house.changes.generation();
    house.feed.ask().unwrap();
    assert!(!live.is_live());
    assert_eq!(house.changes.generation(), generation, "there was no gap");
}

#[tokio::test]
async fn the_servers_own_change_is_applied_before_it_is_answered_and_again_without_harm() {
    let mut house = house();
    let (ann, ben) = (UserId::new(), UserId::new());
    house.feed.ask().unwrap();
    let live = house.changes.live_user(ann);
    let command = Store::open_beside(house.place.path()).unwrap();
    command.write(told(USER, ben)).await.unwrap();
    house.store.write(told(USER, ann)).await.unwrap();
    assert!(!live.is_live());
    let (generation, of_ben) = (house.changes.generation(), house.changes.live_user(ben));
    house.feed.ask().unwrap();
    assert_eq!(house.changes.generation(), generation, "a row seen twice or out of turn is no gap");
    assert!(!of_ben.is_live(), "what came before the own change is still heard");
}

#[tokio::test]
async fn the_feed_counts_for_a_second_of_the_clock() {
    let mut house = house();
    let recent = |house: &House| house.changes.heard_recently(house.changes.clock.now().mono);
    assert!(!recent(&house), "never heard");
    house.feed.ask().unwrap();
    assert!(recent(&house));
    house.hand.advance(Duration::from_millis(989));
    assert!(recent(&house));
    house.hand.advance(Duration::from_millis(1));
    assert!(!recent(&house), "a second has passed, less what a clock may be late");
    house.feed.ask().unwrap();
    assert!(recent(&house), "that nothing changed was heard, too");
    house.hand.advance(Duration::from_secs(1));
    std::fs::rename(house.place.path().join("aegis.db"), house.place.path().join("away")).unwrap();
    house.feed.ask().expect_err("others write elsewhere now");
    assert!(!recent(&house));
}

#[tokio::test]
async fn a_gap_voids_everything() {
    let mut house = house();
    house.feed.ask().unwrap();
    let start = house.changes.generation();
    let many = (0..1_001).fold(told(USER, UserId::new()), |write, _| write.changed(USER, UserId::new()));
    house.store.write(many).await.unwrap();
    assert_eq!(house.changes.generation(), start);
    house.feed.ask().unwrap();
    assert!(house.changes.generation() > start, "more than was read at once");
    let after = house.changes.generation();
    house.store.write(told(USER, UserId::new())).await.unwrap();
    house.feed.ask().unwrap();
    assert_eq!(house.changes.generation(), after, "and it goes on from there");
}

#[tokio::test]
async fn what_was_remembered_before_the_feed_is_void() {
    let mut house = house();
    let before = house.changes.generation();
    house.feed.ask().unwrap();
    assert!(house.changes.generation() > before);
}

#[tokio::test]
async fn the_thread_asks_when_it_is_woken_and_ends_when_nobody_can_wake_it() {
    let house = house();
    // A message is taken only between two questions: when the second was taken, one was asked after the first.
    let (waker, wake) = mpsc::sync_channel(0);
    let feed = house.changes.tune_in(house.store.watcher().unwrap()).unwrap();
    assert!(house.changes.heard_recently(house.changes.clock.now().mono), "heard before there is a thread");
    let listening = std::thread::spawn(move || feed.listen(&wake));
    let ask = || (0..2).for_each(|_| waker.send(()).unwrap());
    ask();
    let ann = UserId::new();
    let live = house.changes.live_user(ann);
    Store::open_beside(house.place.path()).unwrap().write(told(USER, ann)).await.unwrap();
    ask();
    assert!(!live.is_live(), "the change was there when the thread asked");
    drop(waker);
    listening.join().unwrap();
}
