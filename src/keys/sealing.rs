//! Sealing: AES-256-GCM with a random nonce of 96 bits, for what Aegis must be able to read again. Owns the
//! sealing keys, in `keys/sealing.json`.
//!
//! Promises: what was altered, or sealed for another context or with another key, is not opened; one key
//! seals, and former ones are kept whole, since what they sealed has to be read; the id of a key is of its own
//! SHA-256, so it cannot be given to another key. Never: knows what is sealed.
//!
//! They are no part of `keys.json` because Aegis 0.1.0 reads that one, and somebody may go back to it.
//!
//! A sealed value is a version byte (1), the key's id (8 bytes), the nonce (12), the ciphertext as long as
//! the plain text, and the tag (16). What seals it is derived from the key for its context alone (HKDF,
//! RFC 5869), and version, id and context are authenticated with it. With random nonces that is good for
//! 2³² values a context: what strangers can have sealed wears out nothing else.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::file::{self, KeyText, damaged};
use crate::clock::Wall;
use crate::error::Fault;
use crate::secret::random_bytes;

const FILE: &str = "sealing.json";
/// The layout of the file.
const LAYOUT: u32 = 1;
/// The form of a sealed value.
const VERSION: u8 = 1;
const KEY_LENGTH: usize = 32;
const ID_LENGTH: usize = 8;

/// A key that seals, or that sealed once.
pub(super) struct SealingKey {
    /// The version and the key's id: how what it seals begins.
    head: [u8; 1 + ID_LENGTH],
    key: Prk,
}

impl SealingKey {
    /// The key of this base64url text.
    fn of(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        if bytes.len() != KEY_LENGTH {
            return None;
        }
        let key = Prk::new_less_safe(HKDF_SHA256, &bytes);
        let mut head = [VERSION; 1 + ID_LENGTH];
        head.iter_mut().skip(1).zip(digest(&SHA256, &bytes).as_ref()).for_each(|(to, from)| *to = *from);
        Some(Self { head, key })
    }

    /// Whether that key sealed this, as it says itself.
    pub(super) fn is_named_by(&self, sealed: &[u8]) -> bool {
        sealed.starts_with(&self.head)
    }

    /// `plain`, sealed for this context alone.
    pub(super) fn seal(&self, context: &str, plain: &[u8]) -> Option<Vec<u8>> {
        let mut text = Zeroizing::new(plain.to_vec());
        let key = self.key_for(context)?;
        let (nonce, tag) = key.seal_in_place_separate_tag(self.bound(context), &mut text).ok()?;
        Some([&self.head, nonce.as_ref().as_slice(), &text, tag.as_ref()].concat())
    }

    /// What was sealed for this context.
    pub(super) fn unseal(&self, context: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.strip_prefix(&self.head)?.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self.key_for(context)?.open_in_place(nonce, self.bound(context), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    /// The key of this context alone.
    fn key_for(&self, context: &str) -> Option<RandomizedNonceKey> {
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        let context = [context.as_bytes()];
        self.key.expand(&context, &AES_256_GCM).ok()?.fill(bytes.as_mut_slice()).ok()?;
        RandomizedNonceKey::new(&AES_256_GCM, bytes.as_slice()).ok()
    }

    /// What is authenticated beside the text.
    fn bound(&self, context: &str) -> Aad<Vec<u8>> {
        Aad::from([&self.head, context.as_bytes()].concat())
    }
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
    /// Milliseconds since 1970, as all times here.
    made_at: i64,
    /// There for a former key, and only there.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<i64>,
    /// 32 bytes in base64url.
    key: KeyText,
}

/// The sealing keys of `data_dir`, the one that seals first. Makes one where there is none: beside a new key
/// ring, and beside one of Aegis 0.1.0.
pub(super) fn open(data_dir: &Path, now: Wall) -> Result<Vec<SealingKey>, Fault> {
    let path = data_dir.join(file::FOLDER).join(FILE);
    let written = match file::read(&path)? {
        Some(written) => written,
        None => renewed(&path, Vec::new(), now)?,
    };
    whole(&written).map_err(|wrong| damaged(wrong, &path))
}

/// Makes a new key that seals. The one until now, and those before it, are kept.
pub(super) fn rotate(data_dir: &Path, now: Wall) -> Result<(), Fault> {
    let path = data_dir.join(file::FOLDER).join(FILE);
    let former = match file::read(&path)? {
        Some(written) => {
            whole(&written).map_err(|wrong| damaged(wrong, &path))?;
            written.keys
        }
        None => Vec::new(),
    };
    renewed(&path, former, now).map(drop)
}

fn renewed(path: &Path, former: Vec<Entry>, now: Wall) -> Result<Written, Fault> {
    let bytes = Zeroizing::new(random_bytes::<KEY_LENGTH>());
    let key = KeyText(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())));
    let mut keys = vec![Entry { made_at: now.0, retired_at: None, key }];
    let retired = |entry: Entry| Entry { retired_at: entry.retired_at.or(Some(now.0)), ..entry };
    keys.extend(former.into_iter().map(retired));
    let written = Written { version: LAYOUT, keys };
    file::replace(path, &written)?;
    Ok(written)
}

/// The keys, if nothing is wrong with them.
fn whole(written: &Written) -> Result<Vec<SealingKey>, &'static str> {
    if written.version != LAYOUT {
        return Err("the sealing keys are of another version of Aegis");
    }
    let mut keys: Vec<SealingKey> = Vec::new();
    for entry in &written.keys {
        let key = SealingKey::of(&entry.key.0).ok_or("a sealing key cannot be read")?;
        if keys.iter().any(|other| other.head == key.head) {
            return Err("a sealing key is there twice");
        }
        let place = if entry.retired_at.is_none() { 0 } else { keys.len() };
        keys.insert(place, key);
    }
    match written.keys.iter().filter(|entry| entry.retired_at.is_none()).count() {
        1 => Ok(keys),
        _ => Err("there is not one key that seals"),
    }
}
