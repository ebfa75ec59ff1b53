//! Files of keys: of 0600, in a folder of 0700 in the data directory.
//!
//! Promises: a file is written whole or not at all; one that is damaged or open to others is a [`Fault`],
//! which quotes nothing of it. Never: knows what the keys are for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::error::Fault;

/// The folder in the data directory.
pub(super) const FOLDER: &str = "keys";
/// The largest file that is read, in bytes: thousands of keys.
const LARGEST: u64 = 1 << 20;

/// The text of a key that is nobody's but ours, wiped when it is dropped.
pub(super) struct KeyText(pub(super) Zeroizing<String>);

impl Serialize for KeyText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// What stands in a file of keys; nothing, if there is no such file.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Fault> {
    let folder = path.parent().unwrap_or(path);
    let about = fs::metadata(folder).map_err(|error| cannot("read", folder, &error))?;
    if !about.is_dir() {
        return Err(Fault::new("this is no folder").at(folder, None));
    }
    private(&about, folder, 0o700)?;
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot("read", path, &error)),
    };
    let about = file.metadata().map_err(|error| cannot("read", path, &error))?;
    if !about.is_file() || about.len() > LARGEST {
        return Err(damaged("this is no key ring", path));
    }
    private(&about, path, 0o600)?;
    let mut text = Zeroizing::new(Vec::new());
    file.take(LARGEST).read_to_end(&mut text).map_err(|error| cannot("read", path, &error))?;
    // The error of serde_json may quote the file, which holds private keys.
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| damaged("the key ring is damaged", path).at(path, Some(error.line())))
}

/// Puts `written` in place of the file that is there, or makes it.
pub(super) fn replace(path: &Path, written: &impl Serialize) -> Result<(), Fault> {
    let new = path.with_extension("json.new");
    remove_if_there(&new, |path| fs::remove_file(path))?;
    write(&new, written)?;
    fs::rename(&new, path)
        .and_then(|()| sync(path.parent().unwrap_or(path)))
        .map_err(|error| cannot("write", path, &error))
}

/// Writes `written` to a file that is not there yet, down to the disk.
pub(super) fn write(path: &Path, written: &impl Serialize) -> Result<(), Fault> {
    let text = serde_json::to_vec_pretty(written)
        .map(Zeroizing::new)
        .map_err(|_| Fault::new("the key ring cannot be written as JSON"))?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        })
        .map_err(|error| cannot("write", path, &error))
}

pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What a write that was cut short left behind.
pub(super) fn remove_if_there(
    path: &Path,
    remove: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), Fault> {
    match remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot("remove", path, &error)),
        _ => Ok(()),
    }
}

pub(super) fn is_absent(path: &Path) -> Result<bool, Fault> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(cannot("read", path, &error)),
    }
}

/// Whether only we can get at it.
fn private(about: &fs::Metadata, path: &Path, mode: u32) -> Result<(), Fault> {
    if about.uid() != rustix::process::geteuid().as_raw() {
        let fault = Fault::new("this belongs to another user than the one Aegis runs as");
        return Err(fault
            .hint(format!("chown it to the user of the service: {}", path.display()))
            .at(path, None));
    }
    if about.mode() & 0o077 != 0 {
        let fault = Fault::new(format!("others can get at this (mode {:o})", about.mode() & 0o777));
        let hint = format!(
            "chmod {mode:o} {}, and if somebody may have read it remove the folder to have new keys made",
            path.display()
        );
        return Err(fault.hint(hint).at(path, None));
    }
    Ok(())
}

pub(super) fn damaged(message: &str, path: &Path) -> Fault {
    let folder: PathBuf = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let hint = format!(
        "restore it from a backup, or remove {} to have new keys made: all tokens are void then, and \
         authenticator apps have to be set up anew",
        folder.display()
    );
    Fault::new(message).hint(hint).at(path, None)
}

pub(super) fn cannot(act: &str, path: &Path, error: &io::Error) -> Fault {
    Fault::new(format!("cannot {act} this: {error}"))
        .hint("check the disk (space, mount options), and that it belongs to the user that runs Aegis")
        .at(path, None)
}
