//! Second factors: which ones an account has, the sign-in that waits for one, and what showing one does.
//!
//! Promises: a factor that was shown is used up by the very write that opens what it was shown for, once;
//! what the store keeps gives no factor away; a challenge is decided once, by compare-and-set.
//! Never: judges a password, opens a session, speaks to Telegram.

mod base32;
pub mod challenge;
mod lost;
mod overview;
pub mod passkeys;
pub mod prompting;
pub mod recovery;
pub mod telegram;
pub mod totp;

use std::sync::Arc;

use crate::identity::{Method, UserId};
use crate::keys::Keys;
use crate::store::{Store, StoreError, Write};

pub use lost::Codes;
pub use overview::{Held, held_by_all};

use challenge::Challenges;
use passkeys::{Passkey, Passkeys};
use recovery::RecoveryCodes;
use telegram::{TelegramLink, TelegramLinks};
use totp::{Enrolled, Totp};

/// A factor that was shown and found right. What that does to the store (a code is used up, a counter
/// moves) is the beginning of a write: what the factor opens is added to it, and both happen or neither.
#[derive(Debug)]
#[must_use = "a factor that was shown opens nothing by itself"]
pub struct Proof {
    /// Which kind.
    pub method: Method,
    /// What uses it up. Not recorded yet.
    pub write: Write,
}

/// The factors of one account.
#[derive(Clone, Debug, Default)]
pub struct Factors {
    /// Who answers on Telegram.
    pub telegram: Option<TelegramLink>,
    /// The authenticator app.
    pub totp: Option<Enrolled>,
    /// Passkeys, oldest first.
    pub passkeys: Vec<Passkey>,
    /// Recovery codes that were not used yet.
    pub recovery_codes: u32,
}

impl Factors {
    /// Whether there is one that a sign-in asks for. (Recovery codes stand in for one and are none.)
    pub fn any(&self) -> bool {
        self.telegram.is_some() || self.totp.is_some() || !self.passkeys.is_empty()
    }
}

/// Second factors, in the store.
#[derive(Clone)]
pub struct SecondFactor {
    /// Sign-ins that wait.
    pub challenges: Challenges,
    /// Authenticator apps.
    pub totp: Totp,
    /// Recovery codes.
    pub recovery: RecoveryCodes,
    /// Passkeys.
    pub passkeys: Passkeys,
    /// Who is who on Telegram.
    pub telegram: TelegramLinks,
}

impl SecondFactor {
    /// The factors in `store`; what of them has to be read again is sealed with `keys`.
    pub fn new(store: Store, keys: Arc<Keys>) -> Self {
        Self {
            challenges: Challenges::new(store.clone()),
            totp: Totp::new(store.clone(), keys.clone()),
            recovery: RecoveryCodes::new(store.clone()),
            passkeys: Passkeys::new(store.clone(), keys),
            telegram: TelegramLinks::new(store),
        }
    }

    /// The factors of `user`.
    pub async fn of(&self, user: UserId) -> Result<Factors, StoreError> {
        Ok(Factors {
            telegram: self.telegram.of(user).await?,
            totp: self.totp.of(user).await?,
            passkeys: self.passkeys.of(user).await?,
            recovery_codes: self.recovery.left(user).await?,
        })
    }
}

#[cfg(test)]
mod tests;
