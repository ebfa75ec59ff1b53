//! One sealing key: AES-256-GCM with a random nonce of 96 bits, for what Aegis must be able to read again.
//!
//! Promises: what was altered, or sealed for another context or with another key, is not opened. The key's
//! id is of its own SHA-256, so it cannot be given to another key.
//! Never: reads a file or knows what it seals.
//!
//! A sealed value is a version byte (1), the key's id (8 bytes), the nonce (12), the ciphertext as long as
//! the plain text, and the tag (16). Version, id and context are authenticated with it. With random nonces
//! a key is good for 2³² values; Aegis seals one a code that is used.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::secret::random_bytes;

/// The form of a sealed value.
const VERSION: u8 = 1;
const KEY_LENGTH: usize = 32;
const ID_LENGTH: usize = 8;

/// A key that seals, or that sealed once.
pub(super) struct SealingKey {
    /// The version and the key's id: how what it seals begins.
    head: [u8; 1 + ID_LENGTH],
    key: RandomizedNonceKey,
}

impl SealingKey {
    /// The key of this base64url text.
    pub(super) fn of(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).ok()?;
        let mut head = [VERSION; 1 + ID_LENGTH];
        head.iter_mut().skip(1).zip(digest(&SHA256, &bytes).as_ref()).for_each(|(to, from)| *to = *from);
        Some(Self { head, key })
    }

    /// Whether that key sealed this, as it says itself.
    pub(super) fn is_named_by(&self, sealed: &[u8]) -> bool {
        sealed.starts_with(&self.head)
    }

    /// Whether these are one and the same key.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.head == other.head
    }

    /// `plain`, sealed for this context alone.
    pub(super) fn seal(&self, context: &str, plain: &[u8]) -> Option<Vec<u8>> {
        let mut text = Zeroizing::new(plain.to_vec());
        let (nonce, tag) = self.key.seal_in_place_separate_tag(self.bound(context), &mut text).ok()?;
        Some([&self.head, nonce.as_ref().as_slice(), &text, tag.as_ref()].concat())
    }

    /// What was sealed for this context.
    pub(super) fn unseal(&self, context: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.strip_prefix(&self.head)?.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self.key.open_in_place(nonce, self.bound(context), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    /// What is authenticated beside the text.
    fn bound(&self, context: &str) -> Aad<Vec<u8>> {
        Aad::from([&self.head, context.as_bytes()].concat())
    }
}

/// A new key, as text.
pub(super) fn generate() -> Zeroizing<String> {
    Zeroizing::new(URL_SAFE_NO_PAD.encode(Zeroizing::new(random_bytes::<KEY_LENGTH>())))
}
