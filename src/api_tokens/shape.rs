//! What an API token looks like: `aegis_pat_`, 43 random characters of base64url, and six more by which a
//! slip of the pen, or what a scanner found, is told apart without the store.
//! Never: keeps a token, or says whether one counts.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::secret::{Secret, fingerprint, same};

/// How every API token begins.
pub const PREFIX: &str = "aegis_pat_";

/// So many random characters follow: 258 bits.
const RANDOM: usize = 43;

/// And so many more, the first of the SHA-256 of all before them, as base64url.
const CHECK: usize = 6;

/// What a token is kept, looked up and remembered by: the SHA-256 of all but its last six characters,
/// which follow from the rest. Gives nothing of the token away.
#[derive(Clone, Copy)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of `token`, if it has the shape of one and no character of it is wrong.
    pub fn of(token: &str) -> Option<Self> {
        let (random, check) = token.strip_prefix(PREFIX)?.split_at_checked(RANDOM)?;
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !random.bytes().all(is_base64url) {
            return None;
        }
        let hash = fingerprint(token.get(..PREFIX.len() + RANDOM)?);
        same(check_of(&hash).as_bytes(), check.as_bytes()).then_some(Self(hash))
    }

    /// The hash itself.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl Eq for Fingerprint {}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fingerprint(…)")
    }
}

/// A new token, and what it is kept by.
pub(super) fn make() -> (Secret, Fingerprint) {
    let bare = Secret::new(format!("{PREFIX}{}", Secret::random(RANDOM).reveal()));
    let hash = fingerprint(bare.reveal());
    (Secret::new(format!("{}{}", bare.reveal(), check_of(&hash))), Fingerprint(hash))
}

fn check_of(hash: &[u8; 32]) -> String {
    let mut check = URL_SAFE_NO_PAD.encode(hash);
    check.truncate(CHECK);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_shape_that_scanners_know() {
        let (token, kept) = make();
        let token = token.reveal();
        assert_eq!(token.len(), 59, "{token}");
        assert!(token.starts_with("aegis_pat_"), "{token}");
        assert_eq!(Fingerprint::of(token), Some(kept), "{token}");
        assert_ne!(make().0.reveal(), token, "two in a row");
        // The documented way to tell one apart, with other tools: of 53 zeros behind the prefix.
        let known = format!("aegis_pat_{}", "0".repeat(43));
        let check = URL_SAFE_NO_PAD.encode(fingerprint(&known));
        assert!(Fingerprint::of(&format!("{known}{}", &check[..6])).is_some());
    }

    #[test]
    fn one_character_that_is_wrong_is_seen() {
        let (token, _) = make();
        let good = token.reveal();
        for position in 0..good.len() {
            for wrong in ['a', 'Z', '0', '-', '_', 'é', ' ', '\0'] {
                let mut characters: Vec<char> = good.chars().collect();
                if characters[position] == wrong {
                    continue;
                }
                characters[position] = wrong;
                let touched: String = characters.into_iter().collect();
                assert!(Fingerprint::of(&touched).is_none(), "{touched} instead of {good}");
            }
            assert!(Fingerprint::of(&good[..position]).is_none(), "{}", &good[..position]);
        }
        for longer in [format!("{good}a"), format!("{good} "), format!(" {good}"), good.repeat(2)] {
            assert!(Fingerprint::of(&longer).is_none(), "{longer}");
        }
    }
}
