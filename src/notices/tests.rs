//! What is read again, what is kept, and that nobody waits for another's notices.

use std::sync::Arc;

use super::*;

#[test]
fn every_notice_is_read_as_it_was_written() {
    let name = || "Laptop".to_owned();
    for notice in [
        Notice::FactorAdded(Method::Passkey, name()),
        Notice::FactorRemoved(Method::Telegram, String::new()),
        Notice::RecoveryCodesMade,
        Notice::RecoveryCodeUsed(3),
        Notice::PasswordChanged,
        Notice::NameChanged,
        Notice::TailnetLinked(name()),
        Notice::TailnetUnlinked(name()),
        Notice::FactorsReset,
        Notice::ApiTokenMade(name()),
        Notice::EnrolmentOpened(name()),
        Notice::SignInStopped,
    ] {
        let read = Notice::read(notice.kind(), &notice.detail().to_string());
        assert_eq!(read.as_ref(), Some(&notice), "{} with {}", notice.kind(), notice.detail());
    }
}

static ADD_ACCOUNT: Statement = Statement::new(
    "insert into account (id, username, name, roles, administrator, active, epoch, created_at) \
     values ($1, $2, '', '', 0, 1, 1, 0)",
);
static LINK: Statement = Statement::new(
    "insert into telegram_link (account_id, person, chat, name, created_at) values ($1, $2, $2, '', 0)",
);

/// A write that needs no entry of the record, since it is a test's.
fn write() -> Write {
    Write { recorded: true, ..Write::new() }
}

/// Somebody whose chat has this number.
async fn linked(store: &Store, name: &str, chat: i64) -> UserId {
    let user = UserId::new();
    let added = write()
        .exec(&ADD_ACCOUNT, values![user.to_string(), name])
        .exec(&LINK, values![user.to_string(), chat]);
    store.write(added).await.unwrap();
    user
}

async fn tell(store: &Store, user: UserId, notice: &Notice, times: i64) {
    for at in 0..times {
        store.write(write().notice(user, notice, Wall(at))).await.unwrap();
    }
}

#[tokio::test]
async fn one_persons_notices_hold_up_nobody_elses() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path(), Arc::new(|_: &[_]| {})).unwrap();
    let (sam, ann) = (linked(&store, "sam", 7).await, linked(&store, "ann", 8).await);
    tell(&store, sam, &Notice::PasswordChanged, 60).await;
    tell(&store, ann, &Notice::PasswordChanged, 2).await;
    let chats = async || -> Vec<(i64, Wall)> {
        due(&store).await.unwrap().iter().map(|due| (due.chat, due.at)).collect()
    };
    assert_eq!(chats().await, [(7, Wall(0)), (8, Wall(0))], "the oldest of each chat");
    for due in due(&store).await.unwrap() {
        delivered(&store, due.id, true).await.unwrap();
    }
    assert_eq!(chats().await, [(7, Wall(1)), (8, Wall(1))], "then the next of each");
}

#[tokio::test]
async fn so_many_are_kept_of_each_account_and_none_of_who_is_forgotten() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path(), Arc::new(|_: &[_]| {})).unwrap();
    let (sam, ann) = (linked(&store, "sam", 7).await, linked(&store, "ann", 8).await);
    tell(&store, ann, &Notice::PasswordChanged, 1).await;
    tell(&store, sam, &Notice::PasswordChanged, MOST + 5).await;
    let kept = async |user| last(&store, user, 100).await.unwrap();
    let all = usize::try_from(MOST + 5).unwrap();
    assert_eq!(kept(sam).await.len(), all, "none goes that was not sent");
    while let Some(due) = due(&store).await.unwrap().into_iter().find(|due| due.chat == 7) {
        delivered(&store, due.id, true).await.unwrap();
    }
    tell(&store, sam, &Notice::NameChanged, 3 * MOST).await;
    let told = kept(sam).await;
    assert_eq!(told.len(), usize::try_from(MOST).unwrap(), "the newest");
    let names = told.iter().filter(|told| told.notice == Some(Notice::NameChanged)).count();
    assert_eq!((names, told[0].at), (1, Wall(3 * MOST - 1)), "however often the name changed: {told:?}");
    assert_eq!(kept(ann).await.len(), 1, "another's are untouched");
    store.write(forgetting(write(), sam)).await.unwrap();
    assert_eq!((kept(sam).await.len(), kept(ann).await.len()), (0, 1));
}
