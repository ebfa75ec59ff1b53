//! Kills a process in the middle of its writes, many times over.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;

const ROUNDS: i64 = 12;
const DIRECTORY: &str = "AEGIS_TEST_STORE";

/// The process that is killed: writes pairs for ever, and prints each that was answered.
#[test]
#[ignore = "started by `what_was_answered_survives_a_kill`"]
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "this is a process of a test")]
fn writes_until_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(Path::new(&directory), silent()).unwrap();
        store.write(write().exec(&MAKE, values![])).await.unwrap();
        let mut id = notes(&store).await.last().map_or(1, |last| last + 1);
        loop {
            let pair = note(id, &id.to_string()).exec(&ADD, values![id + 1, (id + 1).to_string()]);
            store.write(pair.changed("user", id)).await.unwrap();
            println!("answered {id}");
            id += 2;
        }
    });
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let place = tempfile::tempdir().unwrap();
    for round in 1..=ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::killed::writes_until_killed", "--ignored", "--nocapture"])
            .env(DIRECTORY, place.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut answered = 0;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut hear = |count: i64| {
            let heard = lines.by_ref().filter_map(|line| line.strip_prefix("answered ")?.parse().ok());
            heard.take(usize::try_from(count).unwrap()).last().inspect(|last| answered = *last)
        };
        assert!(hear(round).is_some(), "the process of round {round} answered nothing");
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said before it died.
        while hear(1_000).is_some() {}

        let store = Store::open(place.path(), silent()).unwrap();
        let there = notes(&store).await;
        let last = *there.last().unwrap();
        assert_eq!(there, (1..=last).collect::<Vec<_>>(), "round {round}");
        assert!(last > answered, "round {round}: {answered} was answered, {last} is the last there");
        assert_eq!(last % 2, 0, "round {round}: half a write is there");
        assert_eq!(store.watcher().unwrap().newest(), Ok(last / 2), "round {round}: the feed tells as much");
    }
}
