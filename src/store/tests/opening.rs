//! What is made, opened, migrated and refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::super::migrate::{self, MIGRATIONS, Migration};
use super::super::prepare;
use super::writes::SmallDisk;
use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_new_store_is_made_for_its_owner_alone() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    // What a start that was cut off has left behind is no obstacle.
    fs::create_dir(&data).unwrap();
    fs::write(data.join("aegis.db.new"), "half a database").unwrap();
    let store = Store::open(&data, silent()).unwrap();
    store.write(write().exec(&MAKE, values![])).await.unwrap();
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert!(!data.join("aegis.db.new").exists());
}

#[tokio::test]
async fn one_server_a_directory_and_commands_beside_it() {
    let (place, store) = with_notes().await;
    let refused = refusal(place.path());
    assert!(
        refused.contains("in use by aegis") && refused.contains("hint: one server a directory"),
        "{refused}"
    );
    let command = Store::open_beside(place.path()).unwrap();
    command.write(note(1, "one")).await.unwrap();
    assert_eq!(notes(&store).await, [1]);
    assert!(command.is_writer_alive());
}

#[tokio::test]
async fn a_command_may_be_the_first() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let command = Store::open_beside(&data).unwrap();
    command.write(write().exec(&MAKE, values![])).await.unwrap();
    let store = Store::open(&data, silent()).expect("the command has let go of the lock");
    assert_eq!(notes(&store).await, Vec::<i64>::new());
}

#[tokio::test]
async fn what_cannot_be_a_sound_database_of_ours_is_refused_and_left_as_it_is() {
    let sound = {
        let (place, store) = with_notes().await;
        for id in 1..=200 {
            store.write(note(id, &format!("{id} {}", "x".repeat(500)))).await.unwrap();
        }
        store.close().await;
        fs::read(place.path().join("aegis.db")).unwrap()
    };
    let mut holed = sound.clone();
    let middle = sound.len() / 2;
    holed[middle..middle + 8192].fill(0xa5);
    let changed = |sql: &str| {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("aegis.db");
        fs::write(&file, &sound).unwrap();
        Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        fs::read(file).unwrap()
    };
    for (what, bytes, words) in [
        ("an empty file", Vec::new(), "damaged: the file is empty"),
        ("garbage", b"garbage, and more of it ".repeat(100), "file is not a database"),
        ("a few bytes", sound[..50].to_vec(), "damaged"),
        ("a truncated file", sound[..sound.len() / 2].to_vec(), "damaged"),
        ("a hole", holed, "damaged"),
        ("another program's", changed("pragma application_id = 7"), "another program"),
        ("no migrations", changed("delete from migration"), "damaged"),
        (
            "a newer schema",
            changed("insert into migration values (99, 'x', 'x', '9.9.9')"),
            "made by aegis 9.9.9",
        ),
        (
            "an edited migration",
            changed("update migration set checksum = 'x' where number = 1"),
            "other migrations",
        ),
    ] {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("aegis.db");
        fs::write(&file, &bytes).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let refused = refusal(place.path());
        assert!(refused.contains(words), "{what}: {refused}");
        assert!(refused.contains("hint: "), "{what}: {refused}");
        let beside = Store::open_beside(place.path()).map(|_| ());
        if what != "a hole" {
            assert!(beside.is_err(), "{what} was opened by a command");
        }
        assert!(fs::read(&file).unwrap() == bytes, "{what} was changed");
    }
}

#[tokio::test]
async fn a_lost_database_is_not_replaced_by_an_empty_one() {
    for sign in
        ["keys/es256.pem", "aegis.db-wal", "aegis.db.before-2", "aegis.db.before-restore-20261121T091254Z"]
    {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("keys")).unwrap();
        fs::write(place.path().join(sign), "x").unwrap();
        let refused = refusal(place.path());
        assert!(refused.contains("the database is missing"), "{sign}: {refused}");
        assert!(Store::open_beside(place.path()).is_err(), "{sign}: a command made a new one");
        assert!(!place.path().join("aegis.db").exists(), "{sign}");
    }
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("keys")).unwrap();
    assert!(Store::open(place.path(), silent()).is_ok(), "an empty folder is no sign");
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_refused() {
    let place = tempfile::tempdir().unwrap();
    drop(Store::open(place.path(), silent()).unwrap());
    let path = place.path().join("read-only");
    fs::create_dir(&path).unwrap();
    // Nothing but a read-only mount stops the superuser.
    let disk = SmallDisk::mount(&path);
    match &disk {
        Some(disk) => disk.make_read_only(),
        None => fs::set_permissions(&path, fs::Permissions::from_mode(0o500)).unwrap(),
    }
    let refused = refusal(&path);
    assert!(refused.contains("cannot be written"), "{refused}");
}

#[test]
fn every_migration_is_listed_in_its_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/sqlite");
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let listed: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();
    assert_eq!(listed, files);
    for (number, migration) in (1..).zip(MIGRATIONS) {
        assert_eq!(migration.number, number, "{}", migration.name);
        assert!(migration.name.starts_with(&format!("{number:04}_")), "{}", migration.name);
    }
}

/// The number of the migration that comes after all of ours.
const NEXT: i64 = MIGRATIONS[MIGRATIONS.len() - 1].number + 1;

const GOOD: Migration =
    Migration { number: NEXT, name: "next_good", text: "alter table note add column more text;" };
const BAD: Migration = Migration {
    number: NEXT + 1,
    name: "later_bad",
    text: "create table half (id integer primary key) strict; insert into half values (1); insert into nothing values (1);",
};
const DANGLING: Migration = Migration {
    number: NEXT + 1,
    name: "later_dangling",
    text: "create table child (note integer references note (id)) strict; insert into child values (99);",
};

/// Runs our migrations and `more` on the database in `place`, as a later version of Aegis would.
fn migrate_with(place: &Path, more: &[Migration]) -> Result<(), Fault> {
    let file = place.join("aegis.db");
    let all: Vec<Migration> = MIGRATIONS.iter().chain(more).copied().collect();
    let directory = DataDirectory::claim(place).unwrap();
    migrate::migrate(&directory, &prepare::open_ours(&file)?, &file, &all)
}

fn tables(file: &Path) -> Vec<String> {
    let connection = Connection::open(file).unwrap();
    let mut found = connection.prepare("select name from sqlite_schema where type = 'table'").unwrap();
    found.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn data_are_kept_by_a_migration_and_a_copy_from_before_it() {
    let (place, store) = with_notes().await;
    store.write(note(1, "one")).await.unwrap();
    store.close().await;
    drop(store);
    let copy = place.path().join(format!("aegis.db.before-{NEXT}"));
    migrate_with(place.path(), &[GOOD]).unwrap();
    assert_eq!(mode(&copy), 0o600);

    // This version has become the older one.
    let refused = refusal(place.path());
    assert!(
        refused.contains(&format!("has schema {NEXT}")) && refused.contains("aegis restore"),
        "{refused}"
    );
    assert!(Store::open_beside(place.path()).is_err());

    // The way back that the log names.
    restore(&copy, place.path(), crate::clock::Wall::from_seconds(0)).unwrap();
    let store = Store::open(place.path(), silent()).unwrap();
    assert_eq!(notes(&store).await, [1]);
}

#[test]
fn a_database_of_every_earlier_schema_is_brought_up_to_date() {
    for seen in 1..MIGRATIONS.len() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("aegis.db");
        let connection = Connection::open(&file).unwrap();
        migrate::create(&connection, &file, &MIGRATIONS[..seen]).unwrap();
        drop(connection);
        assert!(Store::open_beside(place.path()).is_err(), "a command on schema {seen}");
        drop(Store::open(place.path(), silent()).unwrap());
        let (migrated, (_new_place, new)) = (tables(&file), new_store());
        assert_eq!(migrated, tables(&new.inner.file), "from schema {seen}");
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_what_was_before_it() {
    for failing in [BAD, DANGLING] {
        let (place, store) = with_notes().await;
        store.write(note(1, "one")).await.unwrap();
        drop(store);
        let refused = migrate_with(place.path(), &[GOOD, failing]).unwrap_err().to_string();
        assert!(refused.contains(failing.name), "{refused}");
        assert!(refused.contains(&format!("aegis.db.before-{NEXT}")), "{refused}");
        let left = tables(&place.path().join("aegis.db"));
        assert!(left.iter().all(|name| name != "half" && name != "child"), "{}: {left:?}", failing.name);
        migrate_with(place.path(), &[GOOD]).expect("the good one before it was done and is not done again");
    }
}

#[tokio::test]
async fn a_command_does_not_migrate() {
    let (place, store) = with_notes().await;
    drop(store);
    let file = place.path().join("aegis.db");
    let before = std::fs::read(&file).unwrap();
    let later = [MIGRATIONS, &[GOOD]].concat();
    let refused = prepare::is_up_to_date(&prepare::open_ours(&file).unwrap(), &file, &later).unwrap_err();
    let words = format!("has schema {}, made by aegis {}", NEXT - 1, env!("CARGO_PKG_VERSION"));
    assert!(refused.message.contains(&words), "{refused}");
    assert!(refused.hint.is_some_and(|hint| hint.contains("restart the server")));
    assert!(std::fs::read(&file).unwrap() == before, "the database was changed");
}
