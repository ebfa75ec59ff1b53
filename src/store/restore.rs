//! Restoring a backup. Owns the way from a backup's file to database and keys in their places.
//!
//! Promises: nothing of the directory changes before the backup is known to be whole; from then on the
//! change is finished even after a crash; what was there before is kept beside it.
//! Never: happens under a running server.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use zeroize::Zeroizing;

use super::backup::{KEYS, checksum, is_key_name};
use super::directory::{self, DataDirectory};
use super::migrate::{self, MIGRATIONS};
use super::prepare;
use super::sqlite::{self, DATABASE};
use crate::clock::Wall;
use crate::error::Fault;

/// The folder in which a restore is made ready; its name goes on with the moment of the restore.
const MAKING: &str = ".restore-making-";
/// The same folder once it is complete: from here on the restore is a fact.
const READY: &str = ".restore-ready-";

/// What a restore brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The version of Aegis that made the database's schema; a newer one migrates it at its next start.
    pub aegis: String,
    /// How many keys; none if there were none in the file, and then the keys are as before.
    pub keys: Option<usize>,
    /// What the names of the files from before end with.
    pub kept: String,
}

/// Puts the database and keys of the backup `from` in place of those of `data_dir`. The server has to be
/// stopped. The files from before are kept beside the new ones, their names ended with `before-restore-…`.
///
/// Every session, unused link, API token and recovery code of the backup is void, and no browser is remembered:
/// some were ended, used or forgotten since it was made.
pub fn restore(from: &Path, data_dir: &Path, now: Wall) -> Result<Restored, Fault> {
    let directory =
        DataDirectory::claim_or(data_dir, "stop the server first: a backup is restored while nothing runs")?;
    finish(&directory)?;
    let moment = now.rfc3339().replace(['-', ':'], "");
    let making = directory.path().join(format!("{MAKING}{moment}"));
    let made = stage(from, &making).and_then(|restored| {
        let kept = kept_name(&directory.path().join(DATABASE), &moment);
        if kept.exists() {
            return Err(Fault::new("there was a restore in this very second")
                .hint("try again")
                .at(&kept, None));
        }
        let ready = directory.path().join(format!("{READY}{moment}"));
        fs::rename(&making, ready)
            .and_then(|()| directory::sync(directory.path()))
            .map_err(|error| unwritable(data_dir, &error))?;
        Ok(restored)
    });
    if made.is_err() {
        let _ = fs::remove_dir_all(&making);
    }
    let (aegis, keys) = made?;
    finish(&directory)?;
    Ok(Restored { aegis, keys, kept: format!("before-restore-{moment}") })
}

/// Run once on a restored copy, before it is put in place.
const RESTORED: &str = include_str!("../../sql/restored.sql");
/// The same, for a copy whose schema has second factors.
const RESTORED_SECOND_FACTOR: &str = include_str!("../../sql/restored_second_factor.sql");

fn unwritable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(format!("the backup cannot be restored here: {error}"))
        .hint("nothing was changed; it needs room for a second copy of everything")
        .at(path, None)
}

/// Makes `making` hold what the backup holds, verified: the version of its schema and how many keys.
fn stage(from: &Path, making: &Path) -> Result<(String, Option<usize>), Fault> {
    let failed = |error: std::io::Error| unwritable(making, &error);
    let file = making.join(DATABASE);
    let _ = fs::remove_dir_all(making);
    fs::DirBuilder::new().mode(0o700).create(making).map_err(failed)?;
    copy_file(from, &file)?;
    // A database that was set aside may have its log beside it.
    let log = with_ending(from, "-wal");
    if log.exists() {
        copy_file(&log, &with_ending(&file, "-wal"))?;
    }
    let read = read_staged(&file, making).map_err(|fault| {
        // The place where it is checked means nothing to anybody.
        Fault {
            source: Some(from.to_path_buf()),
            hint: Some("nothing was changed; use another backup".to_owned()),
            ..fault
        }
    })?;
    File::open(&file).and_then(|file| file.sync_all()).map_err(failed)?;
    directory::sync(making).map_err(failed)?;
    Ok(read)
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Fault> {
    let unreadable = |error: std::io::Error| {
        Fault::new(format!("the backup cannot be read: {error}"))
            .hint("nothing was changed; is it the right file, and may this user read it?")
            .at(from, None)
    };
    let mut source = File::open(from).map_err(unreadable)?;
    if source.metadata().map_err(unreadable)?.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    prepare::new_file(to)
        .and_then(|mut target| std::io::copy(&mut source, &mut target).and_then(|_| target.sync_all()))
        .map_err(|error| unwritable(to, &error))
}

fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection
        .query_row("select exists (select 1 from sqlite_schema where name = ?1)", [name], |row| row.get(0))
}

fn read_staged(file: &Path, making: &Path) -> Result<(String, Option<usize>), Fault> {
    let unusable = |error: rusqlite::Error| sqlite::fault(file, &error);
    let connection = prepare::open_ours(file)?;
    if !sqlite::journal(&connection, "delete").map_err(unusable)? {
        return Err(Fault::new("the backup cannot be made one file"));
    }
    prepare::check(&connection, file, "integrity_check")?;
    let schema = migrate::schema(&connection, file, MIGRATIONS)?;
    connection.execute_batch(RESTORED).map_err(unusable)?;
    if has_table(&connection, "api_token").map_err(unusable)? {
        connection.execute_batch(RESTORED_SECOND_FACTOR).map_err(unusable)?;
    }
    if !has_table(&connection, "backup_file").map_err(unusable)? {
        return Ok((schema.aegis, None));
    }
    let keys = take_keys(&connection, file, &making.join(KEYS))?;
    // What is dropped is overwritten with zeros: the database shall not go on holding keys.
    connection.execute_batch("pragma secure_delete = on; drop table backup_file").map_err(unusable)?;
    Ok((schema.aegis, (keys > 0).then_some(keys)))
}

fn take_keys(connection: &Connection, file: &Path, folder: &Path) -> Result<usize, Fault> {
    let unusable = |error: rusqlite::Error| sqlite::fault(file, &error);
    let failed = |error: std::io::Error| unwritable(folder, &error);
    let mut found =
        connection.prepare("select name, content, checksum from backup_file").map_err(unusable)?;
    let mut rows = found.query([]).map_err(unusable)?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(unusable)? {
        let name: String = row.get(0).map_err(unusable)?;
        let content: Zeroizing<Vec<u8>> = Zeroizing::new(row.get(1).map_err(unusable)?);
        let sum: Vec<u8> = row.get(2).map_err(unusable)?;
        if !is_key_name(&name) || checksum(&content) != sum {
            return Err(sqlite::damaged(file, "a key in it is not whole"));
        }
        // Without keys no folder: one that is there and empty has lost its keys.
        if count == 0 {
            fs::DirBuilder::new().mode(0o700).create(folder).map_err(failed)?;
        }
        let mut key = prepare::new_file(&folder.join(&name)).map_err(failed)?;
        key.write_all(&content).and_then(|()| key.sync_all()).map_err(failed)?;
        count += 1;
    }
    if count > 0 {
        directory::sync(folder).map_err(failed)?;
    }
    Ok(count)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn kept_name(path: &Path, moment: &str) -> PathBuf {
    with_ending(path, &format!(".before-restore-{moment}"))
}

fn ready_moment(data_dir: &Path) -> Option<String> {
    fs::read_dir(data_dir)
        .ok()?
        .flatten()
        .find_map(|entry| entry.file_name().to_str()?.strip_prefix(READY).map(str::to_owned))
}

/// Whether a restore was cut off after it had become a fact.
pub(super) fn is_unfinished(data_dir: &Path) -> bool {
    ready_moment(data_dir).is_some()
}

/// Finishes a restore that has become a fact. Each thing is moved aside only while the one that takes its
/// place still waits, so this may be cut off anywhere and begun again.
pub(super) fn finish(directory: &DataDirectory) -> Result<(), Fault> {
    let home = directory.path();
    let Some(moment) = ready_moment(home) else { return Ok(()) };
    let ready = home.join(format!("{READY}{moment}"));
    let swap = || -> std::io::Result<()> {
        let (keys, file) = (home.join(KEYS), home.join(DATABASE));
        if ready.join(KEYS).exists() {
            if keys.exists() {
                fs::rename(&keys, kept_name(&keys, &moment))?;
            }
            fs::rename(ready.join(KEYS), &keys)?;
        }
        if ready.join(DATABASE).exists() {
            // A log belongs to its database: beside another one it would destroy it.
            let kept = kept_name(&file, &moment);
            for ending in ["-wal", "-journal"] {
                if with_ending(&file, ending).exists() {
                    fs::rename(with_ending(&file, ending), with_ending(&kept, ending))?;
                }
            }
            let _ = fs::remove_file(with_ending(&file, "-shm"));
            if file.exists() {
                fs::rename(&file, kept)?;
            }
            fs::rename(ready.join(DATABASE), &file)?;
        }
        directory::sync(home)?;
        fs::remove_dir_all(&ready)?;
        directory::sync(home)
    };
    swap().map_err(|error| {
        Fault::new(format!("the restore could not be finished: {error}"))
            .hint("mend that and start again: it goes on where it stopped")
            .at(home, None)
    })
}
