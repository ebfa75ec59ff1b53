//! Recovery codes. Owns how they are written, and that each counts once.
//!
//! Promises: ten codes of 80 random bits, shown when they are made and never again; the store holds the
//! SHA-256 of each, with its account, so that a row counts for nobody else; new ones void all older ones.
//! Never: counts how often somebody guessed (`attempts` does, before a code is judged).

use zeroize::Zeroizing;

use super::{Proof, base32};
use crate::clock::Wall;
use crate::error::Error;
use crate::identity::{Method, UserId};
use crate::notices::{Notice, Noticed as _};
use crate::secret::{Secret, fingerprint, random_bytes};
use crate::store::{Rows, Statement, Store, StoreError, Write, values};

/// How many are made at once.
pub const COUNT: usize = 10;

/// The random bytes of one.
const BYTES: usize = 10;
/// Its letters, without the dashes between them.
const LETTERS: usize = BYTES * 8 / 5;

/// Recovery codes, in the store.
#[derive(Clone)]
pub struct RecoveryCodes {
    store: Store,
}

static LEFT: Statement =
    Statement::new("select count(*) from recovery_code where account_id = $1 and used_at is null");
static ADD: Statement =
    Statement::new("insert into recovery_code (secret, account_id, created_at) values ($1, $2, $3)");
static FIND: Statement =
    Statement::new("select 1 from recovery_code where secret = $1 and account_id = $2 and used_at is null");
static USE: Statement = Statement::new(
    "update recovery_code set used_at = $3 where secret = $1 and account_id = $2 and used_at is null",
);
static REMOVE: Statement = Statement::new("delete from recovery_code where account_id = $1");

impl RecoveryCodes {
    /// Those in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// How many `user` has left.
    pub async fn left(&self, user: UserId) -> Result<u32, StoreError> {
        let rows = self.store.get(&LEFT, values![user.to_string()]).await?;
        rows.first().map_or(Ok(0), |row| Ok(u32::try_from(row.integer(0)?).unwrap_or_default()))
    }

    /// New codes for `user`, and the write that puts them in place of all they had.
    pub fn make(base: Write, user: UserId, now: Wall) -> (Vec<Secret>, Write) {
        let mut write = Self::remove_all(base, user);
        let mut codes = Vec::with_capacity(COUNT);
        for _ in 0..COUNT {
            let bytes = Zeroizing::new(random_bytes::<BYTES>());
            let letters = base32::encode(bytes.as_chunks().0, base32::UNAMBIGUOUS);
            let values = values![stored(user, letters.reveal()), user.to_string(), now];
            write = write.exec(&ADD, values).expect(Rows::One);
            codes.push(base32::grouped(&letters, '-'));
        }
        (codes, write)
    }

    /// The proof that `code` is one of `user`'s that was not used yet; nothing, if it is none. Of all who
    /// show it at once, the write of one happens. The owner is told how many are left.
    pub async fn check(&self, user: UserId, code: &Secret, now: Wall) -> Result<Option<Proof>, Error> {
        let Some(letters) = letters_of(code) else { return Ok(None) };
        let secret = stored(user, &letters);
        if self.store.get(&FIND, values![secret, user.to_string()]).await?.is_empty() {
            return Ok(None);
        }
        let left = self.left(user).await?.saturating_sub(1);
        let write = Write::new().exec(&USE, values![secret, user.to_string(), now]).expect(Rows::One).notice(
            user,
            &Notice::RecoveryCodeUsed(left),
            now,
        );
        Ok(Some(Proof { method: Method::RecoveryCode, write }))
    }

    /// Adds to `base` that `user` has no recovery codes any more.
    pub fn remove_all(base: Write, user: UserId) -> Write {
        base.exec(&REMOVE, values![user.to_string()])
    }
}

/// The letters of a code as it was typed: whatever its case, blanks and dashes, and with the letters that
/// are taken for digits read as those.
fn letters_of(code: &Secret) -> Option<Zeroizing<String>> {
    let is_dash = |c: char| c == '-' || ('\u{2010}'..='\u{2015}').contains(&c);
    let typed = code.reveal().chars().filter(|c| !c.is_whitespace() && !is_dash(*c));
    let read = typed.map(|c| match c.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    });
    let letters: Zeroizing<String> = Zeroizing::new(read.take(LETTERS + 1).collect());
    let is_letter = |byte| base32::UNAMBIGUOUS.contains(&byte);
    (letters.len() == LETTERS && letters.bytes().all(is_letter)).then_some(letters)
}

/// What the store keeps of a code.
fn stored(user: UserId, letters: &str) -> [u8; 32] {
    fingerprint(&Zeroizing::new(format!("{user}:{letters}")))
}

#[cfg(test)]
mod tests;
