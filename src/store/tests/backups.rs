//! Backup and restore.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::clock::Wall;

const NOW: Wall = Wall(1_795_252_374_000);
const KEY: &str = "-----BEGIN PRIVATE KEY----- not a real one, but not to be found elsewhere";

/// A served directory with notes 1 to 100 and two keys.
async fn served() -> (tempfile::TempDir, Store) {
    let (place, store) = with_notes().await;
    let all = (1..=100).fold(write(), |write, id| write.exec(&ADD, values![id, id.to_string()]));
    store.write(all).await.unwrap();
    fs::create_dir(place.path().join("keys")).unwrap();
    fs::write(place.path().join("keys/es256-1.pem"), KEY).unwrap();
    fs::write(place.path().join("keys/assertion.pem"), "other").unwrap();
    fs::write(place.path().join("keys/.es256-2.pem.new"), "half written").unwrap();
    (place, store)
}

/// All files of a directory but the lock, with their contents.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("aegis.lock") {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.push((name, fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn names(folder: &Path) -> Vec<String> {
    files(folder).into_iter().map(|(name, _)| name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_restores_one_moment_and_the_keys() {
    let (place, store) = served().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("aegis.backup");
    let mut writing = tokio::task::JoinSet::new();
    let busy = store.clone();
    writing.spawn(async move {
        for id in (1_000..1_200).step_by(2) {
            let pair = note(id, &id.to_string()).exec(&ADD, values![id + 1, (id + 1).to_string()]);
            busy.write(pair).await.unwrap();
        }
    });
    store.backup(&file).await.unwrap();
    writing.join_next().await.unwrap().unwrap();
    assert_eq!(names(elsewhere.path()), ["aegis.backup"], "one file, and nothing beside it");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&file).unwrap()[18..20], [1, 1], "it can be read without a log beside it");

    let new = elsewhere.path().join("new");
    let restored = restore(&file, &new, NOW).unwrap();
    assert_eq!(restored.keys, Some(2));
    assert_eq!(names(&new), ["aegis.db", "keys/assertion.pem", "keys/es256-1.pem"]);
    assert_eq!(fs::read_to_string(new.join("keys/es256-1.pem")).unwrap(), KEY);
    assert_eq!(fs::metadata(new.join("keys/es256-1.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    let holds_key =
        fs::read(new.join("aegis.db")).unwrap().windows(KEY.len()).any(|part| part == KEY.as_bytes());
    assert!(!holds_key, "the restored database still holds a key");
    let there = notes(&Store::open(&new, silent()).unwrap()).await;
    assert!(there.len() >= 100 && there.len() % 2 == 0, "{} notes: half a write", there.len());
    drop(place);
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_leaves_nothing_half() {
    let (place, store) = served().await;
    let file = place.path().join("backup");
    fs::write(&file, "precious").unwrap();
    let refused = store.backup(&file).await.unwrap_err().to_string();
    assert!(refused.contains("a backup overwrites nothing"), "{refused}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    fs::create_dir(place.path().join("keys/folder")).unwrap();
    let before = names(place.path());
    let refused = store.backup(&place.path().join("second")).await.unwrap_err().to_string();
    assert!(refused.contains("this is no key"), "{refused}");
    assert_eq!(names(place.path()), before);
    assert!(store.backup(Path::new("/nowhere/at/all")).await.is_err());
}

#[tokio::test]
async fn a_restore_keeps_what_was_there() {
    let (place, store) = served().await;
    let file = place.path().join("first.backup");
    store.backup(&file).await.unwrap();
    store.write(note(500, "later")).await.unwrap();
    fs::write(place.path().join("keys/later.pem"), "later").unwrap();
    let refused = restore(&file, place.path(), NOW).unwrap_err().to_string();
    assert!(refused.contains("hint: stop the server first"), "{refused}");
    store.close().await;
    drop(store);

    let restored = restore(&file, place.path(), NOW).unwrap();
    assert_eq!(restored.kept, "before-restore-20261121T091254Z");
    let again = restore(&file, place.path(), NOW).unwrap_err().to_string();
    assert!(again.contains("this very second"), "{again}");
    let store = Store::open(place.path(), silent()).unwrap();
    assert_eq!(notes(&store).await, (1..=100).collect::<Vec<_>>());
    assert!(!place.path().join("keys/later.pem").exists());
    drop(store);

    // And back again, from what was kept: the database alone.
    let kept = place.path().join(format!("aegis.db.{}", restored.kept));
    assert_eq!(
        fs::read_to_string(place.path().join(format!("keys.{}/later.pem", restored.kept))).unwrap(),
        "later"
    );
    let back = restore(&kept, place.path(), Wall(NOW.0 + 60_000)).unwrap();
    assert_eq!(back.keys, None);
    let store = Store::open(place.path(), silent()).unwrap();
    assert_eq!(notes(&store).await.last(), Some(&500));
    assert_eq!(names(&place.path().join("keys")), ["assertion.pem", "es256-1.pem"]);
}

#[tokio::test]
async fn a_database_that_lies_beside_its_log_is_restored_with_it() {
    let (place, _store) = served().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let kept = elsewhere.path().join("kept");
    fs::copy(place.path().join("aegis.db"), &kept).unwrap();
    let in_log = fs::copy(place.path().join("aegis.db-wal"), elsewhere.path().join("kept-wal")).unwrap();
    assert!(in_log > 0);
    let new = elsewhere.path().join("new");
    restore(&kept, &new, NOW).unwrap();
    assert_eq!(notes(&Store::open(&new, silent()).unwrap()).await.len(), 100);
}

#[tokio::test]
async fn a_backup_that_is_not_whole_changes_nothing() {
    let (place, store) = served().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("backup");
    store.backup(&file).await.unwrap();
    store.close().await;
    drop(store);
    let whole = fs::read(&file).unwrap();
    let before = files(place.path());
    let mut wrong: Vec<(String, Vec<u8>)> = [0, 1, 100, 5_000, whole.len() / 2, whole.len() - 1]
        .map(|length| (format!("cut to {length}"), whole[..length].to_vec()))
        .into();
    let key =
        whole.windows(KEY.len()).position(|part| part == KEY.as_bytes()).expect("the key is in the backup");
    let mut altered = whole.clone();
    altered[key + 30] ^= 1;
    wrong.push(("one bit of a key".to_owned(), altered));
    wrong.push(("no database".to_owned(), b"-- pg_dump and so on".repeat(100)));
    for (what, bytes) in wrong {
        fs::write(&file, bytes).unwrap();
        let refused = restore(&file, place.path(), NOW);
        let words = refused.as_ref().map_or_else(ToString::to_string, |_| String::new());
        assert!(words.contains("hint: nothing was changed"), "{what}: {refused:?}");
        assert!(words.starts_with(&file.display().to_string()), "{what}: {words}");
        assert!(files(place.path()) == before, "{what} changed {:?}", names(place.path()));
    }
    assert!(restore(Path::new("/nowhere"), place.path(), NOW).is_err());
    assert!(files(place.path()) == before);
}

#[tokio::test]
async fn a_restore_that_was_cut_off_is_finished_by_the_next_start() {
    // How far the swap had come: the renames that were done, of the four there are.
    let steps: [(&str, &str); 4] = [
        ("keys", "keys.before-restore-M"),
        (".restore-ready-M/keys", "keys"),
        ("aegis.db", "aegis.db.before-restore-M"),
        (".restore-ready-M/aegis.db", "aegis.db"),
    ];
    for done in 0..=steps.len() {
        let (place, store) = served().await;
        let ready = place.path().join(".restore-ready-M");
        let backup = place.path().join("backup");
        store.backup(&backup).await.unwrap();
        store.write(note(500, "later")).await.unwrap();
        store.close().await;
        drop(store);
        restore(&backup, &ready, NOW).unwrap();
        fs::remove_file(ready.join("aegis.lock")).unwrap();
        for (from, to) in &steps[..done] {
            fs::rename(place.path().join(from), place.path().join(to)).unwrap();
        }
        let store = match done % 2 {
            0 => Store::open(place.path(), silent()),
            _ => Store::open_beside(place.path()),
        };
        let store = store.unwrap_or_else(|fault| panic!("after {done} steps: {fault}"));
        assert_eq!(notes(&store).await.len(), 100, "after {done} steps");
        assert!(!ready.exists(), "after {done} steps");
        for kept in ["keys.before-restore-M", "aegis.db.before-restore-M", "keys/es256-1.pem"] {
            assert!(place.path().join(kept).exists(), "after {done} steps there is no {kept}");
        }
    }
}
