//! Stored hashes: which ones are accepted, from ourselves and from other systems, and how they are checked.
//!
//! Promises: the parameters of an accepted hash are bounded, so that computing it costs at most twice the
//! memory and four times the work of ours; none of it is printed.
//! Never: computes anything when it parses.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Params, Version};
use zeroize::Zeroizing;

use super::Checked;
use super::argon::{self, MEMORY, Memory, NoMemory, PASSES, Recipe};
use crate::identity::NotAccepted;
use crate::secret::{Secret, same};

/// The most memory of an accepted hash, in KiB.
const MOST_MEMORY: u32 = 2 * MEMORY;
/// The most work of an accepted hash: KiB times passes.
const MOST_WORK: u64 = 4 * MEMORY as u64 * PASSES as u64;
/// The most lanes of an accepted hash.
const MOST_LANES: u32 = 16;
/// The costs of an accepted bcrypt hash; 14 takes about a second.
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=14;

/// A password's hash as it is stored: a PHC string of Argon2, or bcrypt's own form.
#[derive(Clone)]
pub struct StoredHash {
    text: Secret,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Argon2 { recipe: Recipe, output: Zeroizing<Vec<u8>> },
    Bcrypt,
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StoredHash(…)")
    }
}

impl StoredHash {
    /// Reads a hash: `$argon2id$`, `$argon2i$` and `$argon2d$` in the PHC string format, or bcrypt's
    /// `$2a$`, `$2b$` and `$2y$` with a cost from 4 to 14.
    pub fn parse(text: &str) -> Result<Self, NotAccepted> {
        let kind = if text.starts_with("$argon2") {
            argon2_kind(text)?
        } else if text.starts_with("$2") {
            bcrypt_kind(text)?
        } else {
            return Err(NotAccepted("not a password hash that Aegis knows: Argon2 (PHC string) or bcrypt"));
        };
        Ok(Self { text: Secret::new(text), kind })
    }

    /// The text to store. It is not for logs.
    pub fn as_str(&self) -> &str {
        self.text.reveal()
    }

    /// One that was just made.
    pub(super) fn ours(text: String, recipe: Recipe, output: Zeroizing<Vec<u8>>) -> Self {
        Self { text: Secret::new(text), kind: Kind::Argon2 { recipe, output } }
    }

    /// Whether `password` is the one this was made of.
    pub(super) fn check(&self, password: &Secret, memory: &mut Memory) -> Result<Checked, NoMemory> {
        let (right, old) = match &self.kind {
            Kind::Argon2 { recipe, output } => {
                let computed = recipe.compute(password, memory)?;
                (same(&computed, output), !recipe.is_ours())
            }
            // As the systems that made these hashes do, bcrypt looks at the first 72 bytes only. It also
            // repeats a short password with a NUL between, so that one with a NUL inside could equal
            // another: no password of those systems has one.
            Kind::Bcrypt => {
                let equal = bcrypt::verify(password.reveal(), self.text.reveal()).unwrap_or(false);
                (equal && !password.reveal().contains('\0'), true)
            }
        };
        match (right, old) {
            (false, _) => Ok(Checked::Wrong),
            (true, false) => Ok(Checked::Right),
            (true, true) => Ok(Checked::RightAndOld(argon::hash(password, memory)?)),
        }
    }
}

fn argon2_kind(text: &str) -> Result<Kind, NotAccepted> {
    const MALFORMED: NotAccepted = NotAccepted("this Argon2 hash is malformed");
    if text.len() > 512 {
        return Err(MALFORMED);
    }
    let hash = PasswordHash::new(text).map_err(|_| MALFORMED)?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| MALFORMED)?;
    // Without a version it is the first, as in the reference implementation.
    let version = Version::try_from(hash.version.unwrap_or(0x10)).map_err(|_| MALFORMED)?;
    let mut names: Vec<String> = hash.params.iter().map(|(name, _)| name.as_str().to_owned()).collect();
    names.sort_unstable();
    if names != ["m", "p", "t"] {
        return Err(NotAccepted("an Argon2 hash has the parameters m, t and p, each once, and no other"));
    }
    let params = Params::try_from(&hash).map_err(|_| MALFORMED)?;
    if params.m_cost() > MOST_MEMORY {
        return Err(NotAccepted("this Argon2 hash needs more memory than 128 MiB"));
    }
    if u64::from(params.m_cost()) * u64::from(params.t_cost()) > MOST_WORK {
        return Err(NotAccepted("this Argon2 hash takes more than four times the work of Aegis's own"));
    }
    if params.p_cost() > MOST_LANES {
        return Err(NotAccepted("this Argon2 hash has more than 16 lanes"));
    }
    let (Some(salt), Some(output)) = (hash.salt, hash.hash) else { return Err(MALFORMED) };
    if output.len() < 16 {
        return Err(NotAccepted("this Argon2 hash is shorter than 16 bytes"));
    }
    let recipe = Recipe { algorithm, version, params, salt: salt.as_ref().into() };
    Ok(Kind::Argon2 { recipe, output: Zeroizing::new(output.as_bytes().to_vec()) })
}

fn bcrypt_kind(text: &str) -> Result<Kind, NotAccepted> {
    const MALFORMED: NotAccepted = NotAccepted("this bcrypt hash is malformed");
    if !["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
        return Err(NotAccepted("of bcrypt, only $2a$, $2b$ and $2y$ are accepted"));
    }
    let two_digits = text.get(4..6).is_some_and(|cost| cost.bytes().all(|byte| byte.is_ascii_digit()));
    let parts: bcrypt::HashParts = text.parse().map_err(|_| MALFORMED)?;
    if !two_digits {
        return Err(MALFORMED);
    }
    if !BCRYPT_COSTS.contains(&parts.get_cost()) {
        return Err(NotAccepted("the cost of this bcrypt hash is not from 4 to 14"));
    }
    Ok(Kind::Bcrypt)
}
