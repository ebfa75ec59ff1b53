//! The key ring on the disk: `keys/keys.json` in the data directory, a file of 0600 in a folder of 0700.
//!
//! Promises: it is written whole or not at all; of each purpose one key signs, and former ones are there
//! with their public halves only; one key seals, and former ones are there whole, for what they sealed has
//! to be read; what is damaged, incomplete or open to others is a [`Fault`].
//! Never: makes new keys where there may have been others.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::key::{self, Key};
use super::sealing::{self, SealingKey};
use super::{FORMER_KEY_LIFE, Former};
use crate::clock::Wall;
use crate::error::Fault;

const FOLDER: &str = "keys";
const FILE: &str = "keys.json";
/// The layout of the file.
const VERSION: u32 = 2;
/// The layout of Aegis 0.1.0, in which nothing was sealed.
const VERSION_WITHOUT_SEALING: u32 = 1;
/// The largest file that is read, in bytes: thousands of keys.
const LARGEST: u64 = 1 << 20;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Purpose {
    Access,
    Assertion,
}

impl Purpose {
    const ALL: [Self; 2] = [Self::Access, Self::Assertion];

    /// The `typ` of the tokens it signs.
    pub(super) fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Assertion => "aegis-assertion+jwt",
        }
    }
}

/// The keys, read and found whole.
pub(super) struct Ring {
    written: Written,
    /// Each entry's key; of each purpose the one that signs comes first.
    keys: Vec<(Purpose, Key)>,
    /// The one that seals comes first.
    sealing: Vec<SealingKey>,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    keys: Vec<Entry>,
    #[serde(default)]
    sealing: Vec<SealingEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    purpose: Purpose,
    /// Milliseconds since 1970, as all times here.
    made_at: i64,
    /// There for a former key, and only there.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<i64>,
    public: Jwk,
    /// PKCS #8 in PEM. There for the key that signs, and only there.
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<KeyText>,
}

/// A key of AES-256-GCM.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealingEntry {
    made_at: i64,
    /// There for a former key, and only there.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<i64>,
    /// In base64url.
    key: KeyText,
}

/// The text of a key that is nobody's but ours, wiped when it is dropped.
struct KeyText(Zeroizing<String>);

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

impl Ring {
    /// The ring of `data_dir`; a new one where there is no folder for it, one with a sealing key more where
    /// Aegis 0.1.0 made it, and a rotated one where the keys that sign are for another algorithm.
    pub(super) fn open(data_dir: &Path, algorithm: Algorithm, now: Wall) -> Result<Self, Fault> {
        let folder = data_dir.join(FOLDER);
        if is_absent(&folder)? {
            let written = Written {
                version: VERSION,
                keys: new_entries(algorithm, now)?,
                sealing: vec![SealingEntry::new(now)],
            };
            create(data_dir, &written)?;
            return Self::whole(written).map_err(|wrong| damaged(wrong, &folder.join(FILE)));
        }
        let mut ring = Self::read(&folder)?;
        if ring.written.version == VERSION_WITHOUT_SEALING {
            let written = Written { version: VERSION, sealing: vec![SealingEntry::new(now)], ..ring.written };
            ring = Self::rewritten(&folder, written)?;
        }
        let fits = |purpose| ring.keys(purpose).next().is_some_and(|key| key.algorithm() == algorithm);
        if Purpose::ALL.into_iter().all(fits) {
            return Ok(ring);
        }
        tracing::info!(?algorithm, "the keys are replaced by those of another algorithm");
        ring.replaced(&folder, algorithm, now, Former::Kept)
    }

    /// Replaces the keys that sign and the one that seals.
    pub(super) fn rotate(
        data_dir: &Path,
        algorithm: Algorithm,
        now: Wall,
        former: Former,
    ) -> Result<(), Fault> {
        let folder = data_dir.join(FOLDER);
        Self::read(&folder)?.replaced(&folder, algorithm, now, former).map(drop)
    }

    /// The keys for `purpose`, the one that signs first.
    pub(super) fn keys(&self, purpose: Purpose) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |(of, _)| *of == purpose).map(|(_, key)| key)
    }

    /// The sealing keys, the one that seals first.
    pub(super) fn into_sealing(self) -> Vec<SealingKey> {
        self.sealing
    }

    fn replaced(self, folder: &Path, algorithm: Algorithm, now: Wall, former: Former) -> Result<Self, Fault> {
        let mut keys = new_entries(algorithm, now)?;
        if former == Former::Kept {
            keys.extend(self.written.keys.into_iter().filter_map(|entry| entry.retired(now)));
        }
        let mut sealing = vec![SealingEntry::new(now)];
        sealing.extend(self.written.sealing.into_iter().map(|entry| entry.retired(now)));
        Self::rewritten(folder, Written { version: VERSION, keys, sealing })
    }

    /// Puts `written` in place of the ring that is there.
    fn rewritten(folder: &Path, written: Written) -> Result<Self, Fault> {
        let file = folder.join(FILE);
        let new = folder.join("keys.json.new");
        remove_if_there(&new, |path| fs::remove_file(path))?;
        write(&new, &written)?;
        fs::rename(&new, &file)
            .and_then(|()| sync(folder))
            .map_err(|error| cannot("write", &file, &error))?;
        Self::whole(written).map_err(|wrong| damaged(wrong, &file))
    }

    fn read(folder: &Path) -> Result<Self, Fault> {
        let about = fs::metadata(folder).map_err(|error| cannot("read", folder, &error))?;
        if !about.is_dir() {
            return Err(Fault::new("this is no folder").at(folder, None));
        }
        private(&about, folder, 0o700)?;
        let path = folder.join(FILE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged("the keys of this installation are missing", &path));
            }
            Err(error) => return Err(cannot("read", &path, &error)),
        };
        let about = file.metadata().map_err(|error| cannot("read", &path, &error))?;
        if !about.is_file() || about.len() > LARGEST {
            return Err(damaged("this is no key ring", &path));
        }
        private(&about, &path, 0o600)?;
        let mut text = Zeroizing::new(Vec::new());
        file.take(LARGEST).read_to_end(&mut text).map_err(|error| cannot("read", &path, &error))?;
        // The error of serde_json may quote the file, which holds private keys.
        let written: Written = serde_json::from_slice(&text)
            .map_err(|error| damaged("the key ring is damaged", &path).at(&path, Some(error.line())))?;
        Self::whole(written).map_err(|wrong| damaged(wrong, &path))
    }

    /// The ring, if nothing is wrong with it.
    fn whole(written: Written) -> Result<Self, &'static str> {
        if ![VERSION_WITHOUT_SEALING, VERSION].contains(&written.version) {
            return Err("the key ring is of another version of Aegis");
        }
        let mut keys: Vec<(Purpose, Key)> = Vec::new();
        for entry in &written.keys {
            if entry.private.is_some() == entry.retired_at.is_some() {
                return Err("a key that signs is without its private half, or a former one still has it");
            }
            let until = entry.retired_at.map(|at| Wall(at).plus(FORMER_KEY_LIFE));
            let private = entry.private.as_ref().map(|pem| pem.0.as_str());
            let key = Key::of(entry.purpose, &entry.public, private, until)?;
            if keys.iter().any(|(_, other)| other.kid() == key.kid()) {
                return Err("a key is there twice");
            }
            let place = if private.is_some() { 0 } else { keys.len() };
            keys.insert(place, (entry.purpose, key));
        }
        for purpose in Purpose::ALL {
            let signing = |entry: &&Entry| entry.purpose == purpose && entry.private.is_some();
            if written.keys.iter().filter(signing).count() != 1 {
                return Err("there is not one key that signs for each purpose");
            }
        }
        let mut sealing: Vec<SealingKey> = Vec::new();
        for entry in &written.sealing {
            let key = SealingKey::of(&entry.key.0).ok_or("a sealing key cannot be read")?;
            if sealing.iter().any(|other| other.is(&key)) {
                return Err("a key is there twice");
            }
            let place = if entry.retired_at.is_none() { 0 } else { sealing.len() };
            sealing.insert(place, key);
        }
        let seals = |entry: &&SealingEntry| entry.retired_at.is_none();
        if written.sealing.iter().filter(seals).count() != usize::from(written.version == VERSION) {
            return Err("there is not one key that seals");
        }
        Ok(Self { written, keys, sealing })
    }
}

impl SealingEntry {
    fn new(now: Wall) -> Self {
        Self { made_at: now.0, retired_at: None, key: KeyText(sealing::generate()) }
    }

    /// The same key as a former one, whole.
    fn retired(self, now: Wall) -> Self {
        Self { retired_at: self.retired_at.or(Some(now.0)), ..self }
    }
}

impl Entry {
    /// The same key as a former one, without its private half; nothing once it verifies no more.
    fn retired(self, now: Wall) -> Option<Self> {
        let retired_at = self.retired_at.unwrap_or(now.0);
        (now < Wall(retired_at).plus(FORMER_KEY_LIFE)).then_some(Self {
            retired_at: Some(retired_at),
            private: None,
            ..self
        })
    }
}

fn new_entries(algorithm: Algorithm, now: Wall) -> Result<Vec<Entry>, Fault> {
    Purpose::ALL
        .into_iter()
        .map(|purpose| {
            let (public, private) =
                key::generate(algorithm).ok_or_else(|| Fault::new("a key could not be made"))?;
            Ok(Entry { purpose, made_at: now.0, retired_at: None, public, private: Some(KeyText(private)) })
        })
        .collect()
}

/// Makes the folder with the ring in it, both at once.
fn create(data_dir: &Path, written: &Written) -> Result<(), Fault> {
    let (folder, new) = (data_dir.join(FOLDER), data_dir.join("keys.new"));
    remove_if_there(&new, |path| fs::remove_dir_all(path))?;
    DirBuilder::new().mode(0o700).create(&new).map_err(|error| cannot("make", &new, &error))?;
    write(&new.join(FILE), written)?;
    sync(&new)
        .and_then(|()| fs::rename(&new, &folder))
        .and_then(|()| sync(data_dir))
        .map_err(|error| cannot("make", &folder, &error))
}

/// Writes `written` to a file that is not there yet, down to the disk.
fn write(path: &Path, written: &Written) -> Result<(), Fault> {
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

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What a write that was cut short left behind.
fn remove_if_there(path: &Path, remove: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), Fault> {
    match remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot("remove", path, &error)),
        _ => Ok(()),
    }
}

fn is_absent(path: &Path) -> Result<bool, Fault> {
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

fn damaged(message: &str, path: &Path) -> Fault {
    let folder: PathBuf = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let hint = format!(
        "restore it from a backup, or remove {} to have new keys made: all tokens are void then, and \
         authenticator apps have to be set up anew",
        folder.display()
    );
    Fault::new(message).hint(hint).at(path, None)
}

fn cannot(act: &str, path: &Path, error: &io::Error) -> Fault {
    Fault::new(format!("cannot {act} this: {error}")).at(path, None)
}
