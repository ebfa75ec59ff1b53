//! From a data directory to a database that can be used. Owns the refusals.
//!
//! Promises: a database that is damaged, emptied, newer, or somebody else's is a fault that says so; a
//! new one is made only where there never was one, and appears only when it is complete.
//! Never: changes what it refuses.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::directory::{self, DataDirectory};
use super::migrate::{self, MIGRATIONS, Migration};
use super::restore;
use super::sqlite::{self, APPLICATION_ID, DATABASE, Purpose};
use crate::clock::Clock;
use crate::error::Fault;

/// How long the check for damage may take at a start. What it does not reach, a later read will.
const CHECK: Duration = Duration::from_secs(1);
/// The smallest page of SQLite, in bytes.
const SMALLEST: u64 = 512;

/// The database of a claimed directory: made, checked or migrated, and ready.
pub(super) fn for_server(directory: &DataDirectory) -> Result<PathBuf, Fault> {
    restore::finish(directory)?;
    let file = directory.path().join(DATABASE);
    if !is_there(&file) {
        make(directory, &file)?;
        return Ok(file);
    }
    let mut connection = open_ours(&file)?;
    migrate::migrate(directory, &connection, &file, MIGRATIONS)?;
    let clock = Clock::system();
    let deadline = clock.now().mono.plus(CHECK);
    let late = move || clock.now().mono >= deadline;
    connection.progress_handler(10_000, Some(late)).map_err(|error| sqlite::fault(&file, &error))?;
    check(&connection, &file, "quick_check")?;
    Ok(file)
}

/// The database of a directory that another process may be serving.
pub(super) fn for_command(data_dir: &Path) -> Result<PathBuf, Fault> {
    let file = data_dir.join(DATABASE);
    if data_dir.exists() {
        directory::check_owner(data_dir)?;
    }
    if !is_there(&file) || restore::is_unfinished(data_dir) {
        let directory = DataDirectory::claim(data_dir)?;
        restore::finish(&directory)?;
        if !is_there(&file) {
            make(&directory, &file)?;
        }
    }
    is_up_to_date(&open_ours(&file)?, &file, MIGRATIONS)?;
    Ok(file)
}

/// Refuses a schema that is not the newest of `all`.
pub(super) fn is_up_to_date(connection: &Connection, file: &Path, all: &[Migration]) -> Result<(), Fault> {
    let schema = migrate::schema(connection, file, all)?;
    if schema.pending.is_empty() {
        return Ok(());
    }
    let (number, aegis, this) = (schema.number, schema.aegis, env!("CARGO_PKG_VERSION"));
    Err(Fault::new(format!("the database has schema {number}, made by aegis {aegis}; this is the newer aegis {this}"))
        .hint(format!("use the command of aegis {aegis}, or restart the server with this version: it brings the database up to date"))
        .at(file, None))
}

/// Whether a directory never had a database.
pub(super) fn is_new(data_dir: &Path) -> Result<bool, Fault> {
    if !data_dir.exists() {
        return Ok(true);
    }
    directory::check_owner(data_dir)?;
    Ok(!is_there(&data_dir.join(DATABASE))
        && !restore::is_unfinished(data_dir)
        && sign_of_an_old_one(data_dir).is_none())
}

/// Opens the existing `file` if it is a database of Aegis.
pub(super) fn open_ours(file: &Path) -> Result<Connection, Fault> {
    let unusable = |error: rusqlite::Error| sqlite::fault(file, &error);
    let unreadable = |error: std::io::Error| {
        Fault::new(format!("the database cannot be read: {error}"))
            .hint("it belongs to the user that runs the server, with mode 0600")
            .at(file, None)
    };
    let found = fs::metadata(file).map_err(unreadable)?;
    if !found.is_file() {
        return Err(Fault::new("there should be a database here, not this").at(file, None));
    }
    // Looked at from outside only: who opens and closes the file itself takes away the locks that this
    // process holds on it through SQLite (POSIX, fcntl).
    match found.len() {
        0 => return Err(sqlite::damaged(file, "the file is empty")),
        1..SMALLEST => return Err(sqlite::damaged(file, "the file is cut off")),
        SMALLEST.. => {}
    }
    let connection = sqlite::open(file, Purpose::Maintain).map_err(unusable)?;
    let id: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(unusable)?;
    if id != APPLICATION_ID {
        return Err(Fault::new("this is the database of another program, not of Aegis")
            .hint("name another data directory with `data_dir` or --data-dir")
            .at(file, None));
    }
    if found.permissions().mode() & 0o077 != 0 {
        tracing::warn!(event = "data.readable", file = %file.display(), "others on this machine could read the database; now they cannot");
        let _ = fs::set_permissions(file, Permissions::from_mode(0o600));
    }
    Ok(connection)
}

/// Runs `pragma quick_check` or `integrity_check`. One that is interrupted has found nothing.
pub(super) fn check(connection: &Connection, file: &Path, pragma: &str) -> Result<(), Fault> {
    let found = connection.query_row(&format!("pragma {pragma}(1)"), [], |row| row.get::<_, String>(0));
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(sqlite::damaged(file, &found.replace('\n', " "))),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) => Ok(()),
        Err(error) => Err(sqlite::fault(file, &error)),
    }
}

/// Whether something has that name, be it a link that leads nowhere.
fn is_there(file: &Path) -> bool {
    fs::symlink_metadata(file).is_ok()
}

/// Makes the first database of a directory, under another name until it is complete.
fn make(directory: &DataDirectory, file: &Path) -> Result<(), Fault> {
    if let Some(sign) = sign_of_an_old_one(directory.path()) {
        return Err(Fault::new(format!(
            "the database is missing, but {sign} is there: this is no new directory"
        ))
        .hint("put the database back or `aegis restore` a backup; to begin anew, move what is left elsewhere")
        .at(file, None));
    }
    let unusable = |error: rusqlite::Error| sqlite::fault(file, &error);
    let unwritable =
        |error: std::io::Error| Fault::new(format!("the database cannot be made: {error}")).at(file, None);
    let new = directory.path().join(format!("{DATABASE}.new"));
    for leftover in [new.clone(), directory.path().join(format!("{DATABASE}.new-journal"))] {
        if is_there(&leftover) {
            fs::remove_file(leftover).map_err(unwritable)?;
        }
    }
    new_file(&new).map_err(unwritable)?;
    let connection = sqlite::open(&new, Purpose::Maintain).map_err(unusable)?;
    migrate::create(&connection, file, MIGRATIONS)?;
    drop(connection);
    fs::rename(&new, file).and_then(|()| directory::sync(directory.path())).map_err(unwritable)
}

/// Makes an empty file that only its owner may read.
pub(super) fn new_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// What in the directory says that there was a database once.
fn sign_of_an_old_one(directory: &Path) -> Option<String> {
    let has_keys =
        fs::read_dir(directory.join(super::backup::KEYS)).is_ok_and(|mut keys| keys.next().is_some());
    if has_keys {
        return Some("its folder `keys`".to_owned());
    }
    fs::read_dir(directory).ok()?.flatten().find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let tells = name == format!("{DATABASE}-wal") || name.starts_with(&format!("{DATABASE}.before-"));
        tells.then_some(name)
    })
}
