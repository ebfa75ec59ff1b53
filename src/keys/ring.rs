//! The key ring on the disk: `keys/keys.json` in the data directory, a file of 0600 in a folder of 0700.
//!
//! Promises: it is written whole or not at all; of each purpose one key signs, and former ones are there
//! with their public halves only; what is damaged, incomplete or open to others is a [`Fault`].
//! Never: makes new keys where there may have been others.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, Serialize};

use super::file::{self, KeyText, cannot, damaged};
use super::key::{self, Key};
use super::{FORMER_KEY_LIFE, Former};
use crate::clock::Wall;
use crate::error::Fault;

const FILE: &str = "keys.json";
/// The layout of the file.
const VERSION: u32 = 1;

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
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    keys: Vec<Entry>,
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

impl Ring {
    /// The ring of `data_dir`; a new one where there is no folder for it, and a rotated one where the
    /// keys that sign are for another algorithm.
    pub(super) fn open(data_dir: &Path, algorithm: Algorithm, now: Wall) -> Result<Self, Fault> {
        let folder = data_dir.join(file::FOLDER);
        if file::is_absent(&folder)? {
            let written = Written { version: VERSION, keys: new_entries(algorithm, now)? };
            create(data_dir, &written)?;
            return Self::whole(written).map_err(|wrong| damaged(wrong, &folder.join(FILE)));
        }
        let ring = Self::read(&folder)?;
        let fits = |purpose| ring.keys(purpose).next().is_some_and(|key| key.algorithm() == algorithm);
        if Purpose::ALL.into_iter().all(fits) {
            return Ok(ring);
        }
        tracing::info!(
            event = "keys.replaced",
            ?algorithm,
            "the keys are replaced by those of another algorithm"
        );
        ring.replaced(&folder, algorithm, now, Former::Kept)
    }

    /// Replaces the keys that sign.
    pub(super) fn rotate(
        data_dir: &Path,
        algorithm: Algorithm,
        now: Wall,
        former: Former,
    ) -> Result<(), Fault> {
        let folder = data_dir.join(file::FOLDER);
        Self::read(&folder)?.replaced(&folder, algorithm, now, former).map(drop)
    }

    /// The keys for `purpose`, the one that signs first.
    pub(super) fn keys(&self, purpose: Purpose) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |(of, _)| *of == purpose).map(|(_, key)| key)
    }

    fn replaced(self, folder: &Path, algorithm: Algorithm, now: Wall, former: Former) -> Result<Self, Fault> {
        let mut keys = new_entries(algorithm, now)?;
        if former == Former::Kept {
            keys.extend(self.written.keys.into_iter().filter_map(|entry| entry.retired(now)));
        }
        let written = Written { version: VERSION, keys };
        let file = folder.join(FILE);
        file::replace(&file, &written)?;
        Self::whole(written).map_err(|wrong| damaged(wrong, &file))
    }

    fn read(folder: &Path) -> Result<Self, Fault> {
        let path = folder.join(FILE);
        let written = file::read(&path)?;
        let written = written.ok_or_else(|| damaged("the keys of this installation are missing", &path))?;
        Self::whole(written).map_err(|wrong| damaged(wrong, &path))
    }

    /// The ring, if nothing is wrong with it.
    fn whole(written: Written) -> Result<Self, &'static str> {
        if written.version != VERSION {
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
        Ok(Self { written, keys })
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
    let (folder, new) = (data_dir.join(file::FOLDER), data_dir.join("keys.new"));
    file::remove_if_there(&new, |path| fs::remove_dir_all(path))?;
    DirBuilder::new().mode(0o700).create(&new).map_err(|error| cannot("make", &new, &error))?;
    file::write(&new.join(FILE), written)?;
    file::sync(&new)
        .and_then(|()| fs::rename(&new, &folder))
        .and_then(|()| file::sync(data_dir))
        .map_err(|error| cannot("make", &folder, &error))
}
