//! The data directory. Owns the lock `aegis.lock` and the question whose directory it is.
//!
//! Promises: one holder at a time, also after a crash (the lock is the kernel's, not the file's
//! existence); a directory of another user is left as it is.
//! Never: looks at what lies in it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::Fault;

const LOCK: &str = "aegis.lock";

/// A data directory that is ours alone until this is dropped. Held by `serve`, `restore` and migrations.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    lock: File,
}

impl DataDirectory {
    /// Takes the directory at `path` for this process, and makes it (0700) if it is missing.
    pub fn claim(path: &Path) -> Result<Self, Fault> {
        Self::claim_or(path, "one server a directory: stop that one first, or name another with --data-dir")
    }

    /// [`claim`](Self::claim), with what to do if another process has it.
    pub(super) fn claim_or(path: &Path, what_to_do: &str) -> Result<Self, Fault> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| {
            Fault::new(format!("the data directory cannot be made: {error}"))
                .hint("choose another with `data_dir` or --data-dir")
                .at(path, None)
        })?;
        check_owner(path)?;
        let file = path.join(LOCK);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&file)
            .map_err(|error| {
                Fault::new(format!("the data directory cannot be written: {error}"))
                    .hint("Aegis keeps users, sessions and keys there; it has to be writable")
                    .at(path, None)
            })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Fault::new(format!("the data directory is in use by {}", holder(&mut lock)))
                    .hint(what_to_do)
                    .at(path, None));
            }
            Err(TryLockError::Error(error)) => {
                return Err(Fault::new(format!("the data directory cannot be locked: {error}"))
                    .hint("use a directory on a disk of this machine, not on a network share")
                    .at(&file, None));
            }
        }
        // Who holds it is told as a courtesy; a full disk must not keep the server from starting.
        let told = format!("aegis {} (process {})\n", env!("CARGO_PKG_VERSION"), std::process::id());
        let _ = lock.set_len(0).and_then(|()| lock.write_all(told.as_bytes()));
        Ok(Self { path: path.to_path_buf(), lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataDirectory {
    /// Lets go even while a child of this process, started a moment ago, still has the file open.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

fn holder(lock: &mut File) -> String {
    let mut told = String::new();
    let read = lock.take(200).read_to_string(&mut told);
    let told = told.trim();
    if read.is_err() || told.is_empty() { "another process".to_owned() } else { told.to_owned() }
}

/// Refuses a directory that belongs to another user: files made there would be files it cannot read.
pub(super) fn check_owner(path: &Path) -> Result<(), Fault> {
    let found = fs::metadata(path).map_err(|error| {
        Fault::new(format!("the data directory cannot be read: {error}"))
            .hint("is it the right one? see --data-dir")
            .at(path, None)
    })?;
    if !found.is_dir() {
        return Err(Fault::new("the data directory is no directory")
            .hint("name another with `data_dir` or --data-dir")
            .at(path, None));
    }
    if found.uid() == rustix::process::geteuid().as_raw() {
        if found.mode() & 0o002 != 0 {
            tracing::warn!(event = "data.writable", directory = %path.display(), "everybody on this machine may write into the data directory; chmod o-w it");
        }
        return Ok(());
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let owner = user_name(&passwd, found.uid()).unwrap_or_else(|| format!("#{}", found.uid()));
    Err(Fault::new(format!("the data directory belongs to the user {owner}"))
        .hint(format!("sudo -u '{owner}' aegis …"))
        .at(path, None))
}

/// The name of the user of that number in a file of the form of passwd(5).
fn user_name(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Makes the names in `directory` as durable as the files they name.
pub(super) fn sync(directory: &Path) -> std::io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_for_one_and_ends_with_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new/data");
        let first = DataDirectory::claim(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o700, "a new data directory has mode {mode:o}");
        let refused = DataDirectory::claim(&path).unwrap_err().to_string();
        let version = format!("aegis {} (process {})", env!("CARGO_PKG_VERSION"), std::process::id());
        assert!(refused.contains(&version), "the refusal names the holder: {refused}");
        drop(first);
        assert!(DataDirectory::claim(&path).is_ok(), "the claim ended with its holder");
    }

    #[test]
    fn the_directory_of_another_user_is_refused() {
        let place = tempfile::tempdir().unwrap();
        // The superuser gives one away; anybody else is refused the superuser's own.
        let path = if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(place.path(), Some(65_534), None).unwrap();
            place.path()
        } else {
            Path::new("/usr")
        };
        let refused = DataDirectory::claim(path).unwrap_err().to_string();
        assert!(refused.contains("belongs to the user"), "{refused}");
        assert!(refused.contains("hint: sudo -u"), "{refused}");
        assert!(!path.join(LOCK).exists(), "nothing was made in it");
    }

    #[test]
    fn a_file_is_no_directory() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("data");
        fs::write(&path, "x").unwrap();
        assert!(DataDirectory::claim(&path).is_err());
    }

    #[test]
    fn a_user_is_named_by_its_number() {
        let passwd = "root:x:0:0::/root:/bin/sh\nbroken\naegis:x:998:998::/:/bin/false\n";
        assert_eq!(user_name(passwd, 998).as_deref(), Some("aegis"));
        assert_eq!(user_name(passwd, 5), None);
    }
}
