//! Secrets: what must not be printed, how random ones are made, how they are compared.
//!
//! Promises: a [`Secret`] cannot be printed, compared with `==` or serialised, and its memory is
//! wiped when it is dropped; [`same`] takes the same time wherever two values of equal length differ.
//! Never: decides what a secret is for.

use std::fmt;

use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// Text that nobody may see: a password, a key, a token.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes `text` into keeping.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A new random secret of `characters` base64url characters (6 bits each).
    ///
    /// # Panics
    /// If the operating system has no randomness to give; nothing safe can be done then.
    #[expect(clippy::expect_used, reason = "without randomness nothing safe can be done")]
    pub fn random(characters: usize) -> Self {
        let mut bytes = Zeroizing::new(vec![0u8; characters.div_ceil(4) * 3]);
        rand::fill(&mut bytes).expect("the operating system gives no random bytes");
        let mut text = URL_SAFE_NO_PAD.encode(bytes.as_slice());
        text.truncate(characters);
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// `N` random bytes.
///
/// # Panics
/// If the operating system has no randomness to give.
#[expect(clippy::expect_used, reason = "without randomness nothing safe can be done")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    rand::fill(&mut bytes).expect("the operating system gives no random bytes");
    bytes
}

/// The SHA-256 under which a token of at least 128 random bits is kept.
pub fn fingerprint(token: &str) -> [u8; 32] {
    let mut hash = [0u8; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

/// Whether two secrets are equal, in a time that depends on their length alone.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }

    #[test]
    fn random_secrets_have_the_length_asked_for_and_differ() {
        for characters in [1, 22, 43, 48, 64] {
            let one = Secret::random(characters);
            assert_eq!(one.reveal().len(), characters);
        }
        assert!(!same(Secret::random(48).reveal().as_bytes(), Secret::random(48).reveal().as_bytes()));
    }

    #[test]
    fn same_compares_content_and_length() {
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd"));
        assert!(!same(b"abc", b"abcd"));
    }
}
