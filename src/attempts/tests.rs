//! Guesses at codes, counted in a real store. (Those at passwords are tested over the wire.)

use std::path::Path;
use std::sync::Arc;

use super::*;

const NOW: Wall = Wall(1_795_252_374_000);
const MINUTE: Duration = Duration::from_mins(1);

static RECORD: Statement =
    Statement::new("select event, account_id, address, detail from audit order by id limit 100");

fn open(place: &Path) -> (Store, Attempts) {
    let store = Store::open(place, Arc::new(|_: &[_]| {})).unwrap();
    (store.clone(), Attempts::new(store))
}

/// Wrong codes, each of which must be let through.
async fn wrong(attempts: &Attempts, user: UserId, times: usize, now: Wall) {
    for time in 1..=times {
        let counted = attempts.count_code(user, None, now).await.unwrap();
        assert!(matches!(counted, CodeCounted::Allowed(_)), "wrong code {time} of {times}: {counted:?}");
    }
}

async fn locked_until(attempts: &Attempts, user: UserId, now: Wall) -> Wall {
    match attempts.count_code(user, None, now).await.unwrap() {
        CodeCounted::Locked(until) => until,
        CodeCounted::Allowed(taken) => panic!("a code may be judged: {taken:?}"),
    }
}

#[tokio::test]
async fn five_wrong_codes_lock_one_account_whatever_the_address_and_the_record_says_so_once() {
    let place = tempfile::tempdir().unwrap();
    let (store, attempts) = open(place.path());
    let (sam, ann) = (UserId::new(), UserId::new());
    for last in 1..=5 {
        let address = format!("192.0.2.{last}").parse().unwrap();
        let counted = attempts.count_code(sam, Some(address), NOW).await.unwrap();
        assert!(matches!(counted, CodeCounted::Allowed(_)), "wrong code {last}: {counted:?}");
    }
    for _ in 0..3 {
        assert_eq!(locked_until(&attempts, sam, NOW).await, NOW.plus(15 * MINUTE));
    }
    wrong(&attempts, ann, 5, NOW).await;
    let record = store.get(&RECORD, values![]).await.unwrap();
    let sams: Vec<_> = record.iter().filter(|row| row.text(1) == Ok(&sam.to_string())).collect();
    let [entry] = sams.as_slice() else { panic!("not one entry about sam: {record:?}") };
    let told = (entry.text(0).unwrap(), entry.text(2).unwrap(), entry.text(3).unwrap());
    let detail = format!(r#"{{"locked":"code","until":"{}"}}"#, NOW.plus(15 * MINUTE).rfc3339());
    assert_eq!(told, ("sign_in.locked", "192.0.2.5", detail.as_str()));
}

#[tokio::test]
async fn the_lock_survives_a_restart_and_the_tidying_away() {
    let place = tempfile::tempdir().unwrap();
    let sam = UserId::new();
    let (store, attempts) = open(place.path());
    let mut now = NOW;
    for minutes in [15, 30, 60] {
        wrong(&attempts, sam, 5, now).await;
        now = now.plus(minutes * MINUTE);
    }
    store.close().await;
    drop((store, attempts));
    let (_store, attempts) = open(place.path());
    attempts.forget_old(now).await.unwrap();
    wrong(&attempts, sam, 5, now).await;
    assert_eq!(locked_until(&attempts, sam, now).await, now.plus(120 * MINUTE), "the fourth lock");
    let quiet = now.plus(120 * MINUTE).plus(Duration::from_hours(48));
    attempts.forget_old(Wall(quiet.0 - 1)).await.unwrap();
    attempts.count_code(sam, None, Wall(quiet.0 - 1)).await.unwrap();
    let counted = attempts.read(&code_key(sam)).await.unwrap().counter.unwrap();
    assert_eq!(counted.failures, 21, "a millisecond short of two quiet days");
}

#[tokio::test]
async fn codes_and_passwords_are_counted_apart_and_unlocked_together() {
    let place = tempfile::tempdir().unwrap();
    let (store, attempts) = open(place.path());
    let sam = UserId::new();
    let guess = Guess { user: Some(sam), login: "sam", device: None, address: None };
    for _ in 0..5 {
        assert!(matches!(attempts.count(&guess, NOW).await.unwrap(), Counted::Allowed(_)));
    }
    assert!(matches!(attempts.count(&guess, NOW).await.unwrap(), Counted::AccountLocked));
    wrong(&attempts, sam, 5, NOW).await;
    locked_until(&attempts, sam, NOW).await;

    // A write that wants the password unlocked does not care for the codes.
    let write = |user| attempts.while_unlocked(Write::unrecorded("a test"), user, NOW);
    assert_eq!(store.write(write(sam)).await.err(), Some(WriteError::Unexpected(0)));
    let ann = UserId::new();
    wrong(&attempts, ann, 5, NOW).await;
    assert_eq!(store.write(write(ann)).await.err(), None);

    attempts.unlock(Write::new(), sam, Actor::Command, NOW).await.unwrap();
    assert!(matches!(attempts.count(&guess, NOW).await.unwrap(), Counted::Allowed(_)));
    wrong(&attempts, sam, 5, NOW).await;
    assert_eq!(store.write(write(sam)).await.err(), None);
}

#[tokio::test]
async fn a_right_code_is_given_back_in_the_write_it_opens_and_takes_no_other_failure_with_it() {
    let place = tempfile::tempdir().unwrap();
    let (store, attempts) = open(place.path());
    let sam = UserId::new();
    wrong(&attempts, sam, 4, NOW).await;
    for time in 1..=10 {
        let counted = attempts.count_code(sam, None, NOW).await.unwrap();
        let CodeCounted::Allowed(taken) = counted else { panic!("right code {time}: {counted:?}") };
        let write = attempts.credit(Write::unrecorded("a test"), &taken, NOW).await.unwrap();
        store.write(write).await.unwrap();
    }
    wrong(&attempts, sam, 1, NOW).await;
    locked_until(&attempts, sam, NOW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_guesses_at_once_are_five() {
    let place = tempfile::tempdir().unwrap();
    let (_store, attempts) = open(place.path());
    let sam = UserId::new();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let attempts = attempts.clone();
        tasks.spawn(async move { attempts.count_code(sam, None, NOW).await.unwrap() });
    }
    let allowed = tasks.join_all().await;
    let allowed = allowed.iter().filter(|counted| matches!(counted, CodeCounted::Allowed(_))).count();
    assert_eq!(allowed, 5, "of fifty guesses at once");
}

#[test]
fn which_name_of_no_account_was_typed_cannot_be_told_from_its_counter() {
    let key = |login: &str| account_key(None, login);
    assert_eq!(key(" Seven Lanterns "), key("seven lanterns"), "one counter for one name");
    let shared: std::collections::HashSet<String> =
        (0..200_000).map(|number| key(&number.to_string())).collect();
    assert!(shared.len() <= 65_536, "{} counters for 200,000 names", shared.len());
    assert!(shared.len() > 60_000, "{} counters for 200,000 names", shared.len());
}
