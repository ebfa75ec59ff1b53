//! Backups. Owns the one file that holds database and keys, and copies of a database.
//!
//! A backup is a copy of the database with one more table, `backup_file`, that holds the files of `keys/`.
//! Promises: a copy is one moment of the database, complete, verified and readable by its owner only
//! before it gets its name; nothing is overwritten but an older copy of ours.
//! Never: disturbs who reads or writes meanwhile.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use zeroize::Zeroizing;

use super::sqlite::{self, Purpose};
use super::{directory, prepare};
use crate::error::Fault;

/// The folder of the data directory with the keys.
pub(super) const KEYS: &str = "keys";
/// The largest key file there may be, in bytes. A key has a few hundred.
const LARGEST_KEY: u64 = 1024 * 1024;

/// A file of the folder of keys: its name and its content.
type Key = (String, Zeroizing<Vec<u8>>);

/// Writes the database `file` and the keys beside it into the new file `to`. Says how many keys.
pub(super) fn backup(file: &Path, to: &Path) -> Result<usize, Fault> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(Fault::new("there is a file of that name already")
            .hint("a backup overwrites nothing: name a new file")
            .at(to, None));
    }
    let part = part_of(to);
    let made = copy(&sqlite::open(file, Purpose::Read).map_err(|error| sqlite::fault(file, &error))?, &part)
        .and_then(|connection| {
            let keys = keys_beside(file)?;
            add_files(&connection, &keys).map_err(|error| sqlite::fault(&part, &error))?;
            // Page by page it is the original: what is wrong with it is wrong there.
            prepare::check(&connection, file, "integrity_check")?;
            Ok(keys.len())
        })
        .and_then(|keys| name_new(&part, to).map(|()| keys).map_err(|error| unwritable(to, &error)));
    if made.is_err() {
        let _ = fs::remove_file(&part);
    }
    made
}

/// Copies the database of `from` to `to`, in place of an older copy of that name.
pub(super) fn replace_copy(from: &Connection, to: &Path) -> Result<(), Fault> {
    let part = part_of(to);
    let made = copy(from, &part)
        .and_then(|connection| prepare::check(&connection, &part, "quick_check"))
        .and_then(|()| {
            File::open(&part)
                .and_then(|file| file.sync_all())
                .and_then(|()| fs::rename(&part, to))
                .and_then(|()| directory::sync(folder_of(to)))
                .map_err(|error| unwritable(to, &error))
        });
    if made.is_err() {
        let _ = fs::remove_file(&part);
    }
    made
}

fn unwritable(to: &Path, error: &std::io::Error) -> Fault {
    Fault::new(format!("the copy cannot be written: {error}"))
        .hint("it needs a writable folder with room for all of the database")
        .at(to, None)
}

/// The name of `to` until it is complete.
fn part_of(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Copies one moment of the database of `from` into the new file `part`, and opens that.
fn copy(from: &Connection, part: &Path) -> Result<Connection, Fault> {
    let unusable = |error: rusqlite::Error| sqlite::fault(part, &error);
    // What an interrupted copy left behind.
    let _ = fs::remove_file(part);
    prepare::new_file(part).map_err(|error| unwritable(part, &error))?;
    let mut to = sqlite::open(part, Purpose::Maintain).map_err(unusable)?;
    // All pages in one step: one read transaction, so one moment, while writers go on.
    let step = Backup::new(from, &mut to).and_then(|backup| backup.step(-1)).map_err(unusable)?;
    if step != StepResult::Done {
        return Err(Fault::new("another process holds the database").hint("try again").at(part, None));
    }
    // The copy says that it has a log beside it, as the original does; it is to be one file.
    if !sqlite::journal(&to, "delete").map_err(unusable)? {
        return Err(Fault::new("the copy cannot be made one file").at(part, None));
    }
    Ok(to)
}

/// The files of the folder of keys beside `file`.
fn keys_beside(file: &Path) -> Result<Vec<Key>, Fault> {
    let folder = folder_of(file).join(KEYS);
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        Fault::new(format!("cannot be read: {error}"))
            .hint("it belongs to the user that runs the server, with mode 0600")
            .at(path, None)
    };
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut keys = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))? {
        let path = entry.map_err(|error| unreadable(&folder, &error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') {
            continue; // a key that is being written
        }
        let found = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
        if !is_key_name(name) || !found.is_file() || found.len() > LARGEST_KEY {
            return Err(Fault::new("this is no key")
                .hint("keep nothing else in the folder of keys")
                .at(&path, None));
        }
        let content = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        keys.push((name.to_owned(), Zeroizing::new(content)));
    }
    Ok(keys)
}

/// Whether a file of that name can be a key: it stays in its folder whatever the name.
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// The SHA-256 by which a key's file is known to be whole.
pub(super) fn checksum(content: &[u8]) -> Vec<u8> {
    digest(&SHA256, content).as_ref().to_vec()
}

fn add_files(connection: &Connection, keys: &[Key]) -> rusqlite::Result<()> {
    connection.execute_batch(
        "begin immediate;
         create table backup_file (name text primary key, content blob not null, checksum blob not null) strict",
    )?;
    for (name, content) in keys {
        connection.execute(
            "insert into backup_file (name, content, checksum) values (?1, ?2, ?3)",
            (name, content.as_slice(), checksum(content)),
        )?;
    }
    connection.execute_batch("commit")
}

/// Gives the finished `part` its name, which nothing else may have by now.
fn name_new(part: &Path, to: &Path) -> std::io::Result<()> {
    File::open(part)?.sync_all()?;
    match renameat_with(CWD, part, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot rename so; that nothing has the name was asked at the start.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::rename(part, to)?,
        renamed => renamed?,
    }
    directory::sync(folder_of(to))
}
