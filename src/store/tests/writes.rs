//! Reads and writes, and what becomes of them when something fails.

use std::process::Command;
use std::sync::mpsc;

use parking_lot::Mutex;

use super::*;

static COUNT: Statement = Statement::new("select count(*) from note");

#[tokio::test]
async fn what_was_written_is_read_as_it_was() {
    static TABLE: Statement =
        Statement::new("create table kind (a integer, b integer, c text, d blob, e text) strict");
    static PUT: Statement = Statement::new(
        "insert into kind (a, b, c, d, e) values ($1, $2, $3, $4, $5) returning a, b, c, d, e",
    );
    static FIND: Statement = Statement::new("select a from kind where c = $2 and a = $1");
    let (_place, store) = new_store();
    let row = values![i64::MIN, true, "it's $1 \u{1f511}", vec![0u8, 255], None::<String>];
    let write = write().exec(&TABLE, values![]).exec(&PUT, row.clone()).expect(Rows::One);
    let written = store.write(write).await.unwrap();
    let back = &written.0[1][0];
    assert_eq!(back.integer(0), Ok(i64::MIN));
    assert_eq!(back.bool(1), Ok(true));
    assert_eq!(back.text(2), Ok("it's $1 \u{1f511}"));
    assert_eq!(back.bytes(3), Ok([0u8, 255].as_slice()));
    assert_eq!(back.optional(4, Row::text), Ok(None));
    let found = store.get(&FIND, values![i64::MIN, "it's $1 \u{1f511}"]).await.unwrap();
    assert_eq!(found.len(), 1, "values are counted by their numbers, not by where they appear");
}

#[test]
fn values_are_numbered_for_sqlite_and_quotes_left_alone() {
    let statement = Statement::new("select '$1', $2 where $1 = 'a''$3' and $10");
    assert_eq!(statement.sqlite(), "select '$1', ?2 where ?1 = 'a''$3' and ?10");
}

#[tokio::test]
async fn a_failed_expectation_undoes_all_of_its_write_and_nothing_of_others() {
    static RENAME: Statement = Statement::new("update note set text = $2 where id = $1");
    static CLAIM: Statement = Statement::new("delete from note where id = $1 returning text");
    let (_place, store) = with_notes().await;
    let failing = note(1, "one").exec(&RENAME, values![7, "seven"]).expect(Rows::One).changed("user", "x");
    let (before, failed, after) =
        tokio::join!(store.write(note(2, "two")), store.write(failing), store.write(note(3, "three")));
    assert!(before.is_ok() && after.is_ok(), "{before:?} {after:?}");
    assert_eq!(failed, Err(WriteError::Unexpected(1)));
    assert_eq!(notes(&store).await, [2, 3]);
    let newest = store.watcher().unwrap().newest();
    assert_eq!(newest, Ok(0), "an undone write tells nobody");

    for (expect, id, is_met) in [
        (Rows::None, 9, true),
        (Rows::None, 2, false),
        (Rows::Some, 9, false),
        (Rows::Some, 2, true),
        (Rows::One, 2, false),
        (Rows::Any, 2, true),
    ] {
        let answer = store.write(write().exec(&CLAIM, values![id]).expect(expect)).await;
        assert_eq!(answer.is_ok(), is_met, "{expect:?} of note {id}: {answer:?}");
    }
}

#[tokio::test]
async fn a_taken_value_and_a_mistake_are_told_apart() {
    static WRONG: Statement = Statement::new("insert into note (id, text) values ($1, $2), (1, 'x')");
    static BADLY: Statement = Statement::new("insert into nothing values (1)");
    let (_place, store) = with_notes().await;
    store.write(note(1, "one")).await.unwrap();
    let taken = store.write(note(2, "two").exec(&ADD, values![3, "one"])).await;
    assert_eq!(taken, Err(WriteError::Taken(1)), "a unique text");
    assert_eq!(store.write(note(1, "other")).await, Err(WriteError::Taken(0)), "a primary key");
    for mistake in [
        write().exec(&BADLY, values![]),
        write().exec(&ADD, values![4]),
        write().exec(&WRONG, values!["four", "four"]),
        note(4, "a\0b"),
        Write::new().exec(&ADD, values![4, "four"]),
    ] {
        let shown = format!("{mistake:?}");
        let answer = store.write(mistake).await;
        assert!(matches!(answer, Err(WriteError::Broken(_))), "{shown}: {answer:?}");
    }
    assert_eq!(notes(&store).await, [1]);
}

#[tokio::test]
async fn nobody_is_answered_before_the_commit_was_heard() {
    let place = tempfile::tempdir().unwrap();
    let reader = Store::open_beside(place.path()).unwrap();
    reader.write(write().exec(&MAKE, values![])).await.unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let on_commit: OnCommit = Arc::new({
        let (heard, watcher) = (heard.clone(), Mutex::new(reader.watcher().unwrap()));
        move |changes: &[Change]| {
            let newest = watcher.lock().newest().unwrap();
            heard.lock().push((changes.to_vec(), newest));
        }
    });
    let store = Store::open(place.path(), on_commit).unwrap();
    store.write(note(1, "one").changed("user", "ann").changed("session", "s")).await.unwrap();
    let change = |seq, kind: &str, subject: &str| Change { seq, kind: kind.into(), subject: subject.into() };
    let expected = vec![change(1, "user", "ann"), change(2, "session", "s")];
    assert_eq!(*heard.lock(), [(expected, 2)], "called once, when others could read it already");
    store.write(note(2, "two")).await.unwrap();
    assert_eq!(heard.lock().len(), 1, "a write that changes nothing others remember is not told");
}

#[tokio::test]
async fn a_full_queue_is_said_at_once() {
    let place = tempfile::tempdir().unwrap();
    let (reached, held) = (mpsc::channel(), mpsc::channel::<()>());
    let hold: OnCommit = Arc::new({
        let (reached, held) = (reached.0, Mutex::new(held.1));
        move |_: &[Change]| {
            reached.send(()).unwrap();
            let _ = held.lock().recv();
        }
    });
    let store = Store::open(place.path(), hold).unwrap();
    let holding = held.0; // declared after the store, so that a failure lets go before the store waits
    store.write(write().exec(&MAKE, values![])).await.unwrap();
    let first = store.write(note(0, "0").changed("user", "x"));
    tokio::pin!(first);
    assert!(poll_once(first.as_mut()).await.is_none(), "it is being written");
    reached.1.recv().unwrap();
    let mut waiting = Vec::new();
    let refused = loop {
        let id = i64::try_from(waiting.len()).unwrap() + 1;
        let mut next = Box::pin(store.write(note(id, &id.to_string())));
        match poll_once(next.as_mut()).await {
            None => waiting.push(next),
            Some(answer) => break answer,
        }
        assert!(waiting.len() < 100_000, "the queue has no end");
    };
    assert_eq!(refused, Err(WriteError::Busy));
    drop(holding);
    first.await.unwrap();
    let count = waiting.len();
    for each in waiting {
        each.await.unwrap();
    }
    let counted = store.get(&COUNT, values![]).await.unwrap()[0].integer(0);
    assert_eq!(counted, Ok(i64::try_from(count + 1).unwrap()), "all that waited were done");
}

#[tokio::test]
async fn a_writer_that_panics_is_noticed() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path(), Arc::new(|_: &[Change]| panic!("on purpose"))).unwrap();
    assert!(store.is_writer_alive());
    let answer = store.write(write().changed("user", "x")).await;
    assert!(matches!(answer, Err(WriteError::Unavailable(_))), "{answer:?}");
    while store.is_writer_alive() {
        tokio::task::yield_now().await;
    }
    let next = store.write(write().changed("user", "x")).await;
    assert!(matches!(next, Err(WriteError::Unavailable(_))), "{next:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_of_two_writers_has_no_gap() {
    let (place, server) = with_notes().await;
    let command = Store::open_beside(place.path()).unwrap();
    let mut watcher = server.watcher().unwrap();
    let mut both = tokio::task::JoinSet::new();
    for (store, base) in [(server.clone(), 1_000), (command, 2_000)] {
        for task in 0..4 {
            let store = store.clone();
            both.spawn(async move {
                for round in 0..20 {
                    let id = base + task * 100 + round;
                    store.write(note(id, &id.to_string()).changed("user", id)).await.unwrap();
                    let undone = note(id, "again").changed("user", "undone");
                    assert_eq!(store.write(undone).await, Err(WriteError::Taken(0)));
                }
            });
        }
    }
    let mut heard: Vec<Change> = Vec::new();
    loop {
        let is_over = both.is_empty();
        let after = heard.last().map_or(0, |change| change.seq);
        if let Some(news) = watcher.news(after).unwrap() {
            heard.extend(news.changes);
        }
        if is_over {
            break;
        }
        both.join_next().await.unwrap().unwrap();
    }
    let numbers: Vec<i64> = heard.iter().map(|change| change.seq).collect();
    assert_eq!(numbers, (1..=160).collect::<Vec<_>>());
    assert!(heard.iter().all(|change| change.subject != "undone"));
    assert_eq!(watcher.news(160), Ok(None), "nothing new is no news");
    server.write(note(1, "one")).await.unwrap();
    let news = watcher.news(160).unwrap().unwrap();
    assert_eq!(news, News { changes: vec![], newest: 160 }, "a commit that changes nothing others remember");
}

#[tokio::test]
async fn old_changes_are_cleared_away() {
    let (_place, store) = new_store();
    let many = |count: usize| (0..count).fold(write(), |write, _| write.changed("user", "x"));
    store.write(many(12_345)).await.unwrap();
    let news = store.watcher().unwrap().news(0).unwrap().unwrap();
    assert_eq!(news.newest, 12_345);
    assert_eq!(news.changes[0].seq, 2_001, "the oldest that is kept");
}

#[tokio::test]
async fn a_full_disk_fails_the_write_and_is_survived() {
    static CAP: Statement = Statement::new("pragma max_page_count = 60");
    static FREE: Statement = Statement::new("pragma max_page_count = 100000");
    let place = tempfile::tempdir().unwrap();
    // A disk of its own for the superuser; anybody else has a database that may not grow.
    let disk = SmallDisk::mount(place.path());
    let store = Store::open(place.path(), silent()).unwrap();
    store.write(write().exec(&MAKE, values![])).await.unwrap();
    let filler = place.path().join("filler");
    if disk.is_some() {
        std::fs::write(&filler, vec![0u8; 512 * 1024]).unwrap();
    } else {
        store.write(write().exec(&CAP, values![])).await.unwrap();
    }
    let (big, mut written) = ("x".repeat(20_000), 0);
    let failed = loop {
        match store.write(note(written + 1, &format!("{big}{written}")).changed("user", "x")).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1_000, "the disk never fills");
    };
    assert_eq!(failed, WriteError::Unavailable("the disk is full".to_owned()));
    assert_eq!(notes(&store).await, (1..=written).collect::<Vec<_>>(), "what was done is still read");
    assert_eq!(store.watcher().unwrap().newest(), Ok(written), "the failed write told nobody");
    assert!(store.is_writer_alive());
    if disk.is_some() {
        std::fs::remove_file(&filler).unwrap();
    } else {
        store.write(write().exec(&FREE, values![])).await.unwrap();
    }
    store.write(note(written + 1, "small")).await.unwrap();
    store.close().await;
    drop(store);
    let store = Store::open(place.path(), silent()).unwrap();
    assert_eq!(notes(&store).await.len(), usize::try_from(written + 1).unwrap());
}

/// A disk of one MiB, in memory.
pub(super) struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    pub(super) fn mount(at: &Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"])
            .arg(at)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(at.to_path_buf()))
    }

    pub(super) fn make_read_only(&self) {
        let done = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status().unwrap();
        assert!(done.success(), "{done}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_database_that_another_process_holds_is_unavailable_to_writers_only() {
    let (place, store) = with_notes().await;
    store.write(note(1, "one")).await.unwrap();
    let other = rusqlite::Connection::open(place.path().join("aegis.db")).unwrap();
    other.execute_batch("begin exclusive").unwrap();
    let refused = store.write(note(2, "two")).await;
    assert_eq!(refused, Err(WriteError::Unavailable("another process holds the database".to_owned())));
    assert_eq!(notes(&store).await, [1], "reading goes on");
    other.execute_batch("rollback").unwrap();
    store.write(note(2, "two")).await.unwrap();
}

#[tokio::test]
async fn a_closed_store_has_kept_everything_and_says_that_it_is_closed() {
    let (place, store) = with_notes().await;
    // Whoever asks may leave: what is queued is done.
    for id in 1..=50 {
        let mut write = Box::pin(store.write(note(id, &id.to_string())));
        let _ = poll_once(write.as_mut()).await;
    }
    store.close().await;
    assert!(!store.is_writer_alive());
    assert!(matches!(store.write(note(51, "late")).await, Err(WriteError::Unavailable(_))));
    assert!(matches!(store.get(&ALL, values![]).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.scan(&ALL, values![]).await, Err(StoreError::Unavailable(_))));
    assert!(!place.path().join("aegis.db-wal").exists(), "all is in the one file");
    let store = Store::open(place.path(), silent()).unwrap();
    assert_eq!(notes(&store).await, (1..=50).collect::<Vec<_>>());
    drop(store);
    assert!(Store::open(place.path(), silent()).is_ok(), "a store that was only dropped has let go, too");
}

#[tokio::test]
async fn a_get_is_for_few_rows_and_cannot_write() {
    let (_place, store) = with_notes().await;
    let many = (1..=101).fold(write(), |write, id| write.exec(&ADD, values![id, id.to_string()]));
    store.write(many).await.unwrap();
    let refused = store.get(&ALL, values![]).await;
    assert!(matches!(refused, Err(StoreError::Broken(_))), "101 rows: {:?}", refused.map(|rows| rows.len()));
    assert_eq!(notes(&store).await.len(), 101);
    assert!(store.get(&ADD, values![200, "x"]).await.is_err());
    assert!(store.scan(&ADD, values![200, "x"]).await.is_err());
    assert_eq!(notes(&store).await.len(), 101, "a read has written");
}

async fn poll_once<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let mut future = future;
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(answer) => Some(answer),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
