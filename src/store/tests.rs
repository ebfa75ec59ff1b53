//! Tests of the store through its public interface, on a table of their own.

mod backups;
mod killed;
mod opening;
mod statements;
mod writes;

use std::path::Path;
use std::sync::Arc;

use super::*;

static MAKE: Statement =
    Statement::new("create table if not exists note (id integer primary key, text text unique) strict");
static ADD: Statement = Statement::new("insert into note (id, text) values ($1, $2)");
static ALL: Statement = Statement::new("select id, text from note order by id");

fn silent() -> OnCommit {
    Arc::new(|_: &[Change]| {})
}

fn write() -> Write {
    Write::unrecorded("a test")
}

fn note(id: i64, text: &str) -> Write {
    write().exec(&ADD, values![id, text]).expect(Rows::One)
}

/// A store in a new directory.
pub(super) fn new_store() -> (tempfile::TempDir, Store) {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path(), silent()).unwrap();
    (place, store)
}

/// A store in a new directory, with the table of these tests.
async fn with_notes() -> (tempfile::TempDir, Store) {
    let (place, store) = new_store();
    store.write(write().exec(&MAKE, values![])).await.unwrap();
    (place, store)
}

async fn notes(store: &Store) -> Vec<i64> {
    let rows = store.scan(&ALL, values![]).await.unwrap();
    rows.iter().map(|row| row.integer(0).unwrap()).collect()
}

/// What must not be opened: the words of the refusal.
fn refusal(data_dir: &Path) -> String {
    match Store::open(data_dir, silent()) {
        Ok(_) => panic!("{} was opened", data_dir.display()),
        Err(fault) => fault.to_string(),
    }
}
