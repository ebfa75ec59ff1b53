//! Data that is damaged, newer, somebody else's, or in use: a clear refusal, and the file untouched.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::alone;
use crate::lab::aegis::run;

/// Every file of a directory, but the lock, which says who holds it, and sockets.
pub(super) fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else if path.is_file() && path.file_name().is_some_and(|name| name != "aegis.lock") {
            all.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    all
}

/// A server's folder, after the server has ended.
fn ended() -> PathBuf {
    let (aegis, _) = alone();
    aegis.add_user("ann", &[]);
    assert_eq!(aegis.process.end(), Some(0), "{}", aegis.process.log());
    aegis.folder.clone()
}

type Damage = fn(&Path);

#[test]
fn flood_a_database_that_cannot_be_used() {
    let damages: [(&str, Damage, &str); 8] = [
        ("an empty file", |database| fs::write(database, "").unwrap(), "damaged"),
        ("garbage", |database| fs::write(database, "garbage".repeat(1_000)).unwrap(), "damaged"),
        (
            "cut in the middle",
            |database| {
                let whole = fs::read(database).unwrap();
                fs::write(database, &whole[..whole.len() / 2]).unwrap();
            },
            "damaged",
        ),
        (
            "its head alone",
            |database| {
                let whole = fs::read(database).unwrap();
                fs::write(database, &whole[..100]).unwrap();
            },
            "damaged",
        ),
        (
            "pages of zeros",
            |database| {
                let mut whole = fs::read(database).unwrap();
                let length = whole.len();
                whole[4_096..length].fill(0);
                fs::write(database, whole).unwrap();
            },
            "damaged",
        ),
        ("a newer one", |database| change(database, NEWER), "has schema 99"),
        (
            "one of another program",
            |database| change(database, "pragma application_id = 1"),
            "another program",
        ),
        ("missing, with keys there", |database| fs::remove_file(database).unwrap(), "missing"),
    ];
    for (name, damage, said) in damages {
        let folder = ended();
        let data = folder.join("data");
        damage(&data.join("aegis.db"));
        let before = contents(&data);
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["user", "list"]] {
            let output = run(&folder, command, "");
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{name}: aegis {command:?}: {output:#?}");
            assert!(
                text.contains(said) && text.contains("hint:"),
                "{name}: aegis {command:?} says so: {text}"
            );
            assert!(text.contains("aegis.db"), "{name}: aegis {command:?} says which file: {text}");
            assert!(contents(&data) == before, "{name}: aegis {command:?} changed a file");
        }
    }
}

const NEWER: &str = "insert into migration (number, name, checksum, aegis) values (99, 'x', 'y', '9.9.9')";

fn change(database: &Path, text: &str) {
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.execute_batch(text).unwrap();
    connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
    connection.close().unwrap();
}

#[test]
fn flood_a_second_server_on_the_same_data() {
    let (aegis, at) = alone();
    let before: Vec<_> = contents(&aegis.folder.join("data")).into_keys().collect();
    for _ in 0..3 {
        let output = run(&aegis.folder, &["serve", "--listen", "127.0.0.1:0"], "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{output:#?}");
        let holder = format!("process {}", aegis.process.id());
        assert!(
            said.contains("in use") && said.contains(&holder) && said.contains("hint:"),
            "it says so: {said}"
        );
    }
    assert!(super::is_well(at), "the first goes on");
    let after: Vec<_> = contents(&aegis.folder.join("data")).into_keys().collect();
    assert_eq!(before, after, "the files of the first");
    // After a sudden end nobody holds it.
    aegis.process.kill();
    let next = crate::lab::aegis::serve(&aegis.folder);
    assert!(super::is_well(at), "{}", next.log());
}

/// A port that is taken is no reason to touch anything.
#[test]
fn flood_a_port_that_is_taken() {
    let (aegis, at) = alone();
    assert_eq!(aegis.process.end(), Some(0), "{}", aegis.process.log());
    let before = contents(&aegis.folder.join("data"));
    let _taken = std::net::TcpListener::bind(at).unwrap();
    let output = run(&aegis.folder, &["serve"], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:#?}");
    assert!(said.contains(&at.to_string()) && said.contains("hint:"), "which one, and what to do: {said}");
    assert!(contents(&aegis.folder.join("data")) == before, "the data was touched");
}
