//! Authenticator apps (RFC 6238: SHA-1, six digits, 30 seconds). Owns the sealed secrets and which code was
//! used last.
//!
//! Promises: a code counts once, for its own step and the next one, whatever comes at the same moment; the
//! store holds a secret sealed for its account alone; a secret is enrolled only by who shows a code of it.
//! Never: counts how often somebody guessed (`attempts` does, before a code is judged).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::{Proof, base32};
use crate::clock::Wall;
use crate::error::Error;
use crate::identity::{Method, SessionId, UserId};
use crate::keys::Keys;
use crate::secret::{Secret, random_bytes, same};
use crate::store::{Row, Rows, Statement, Store, StoreError, Write, values};
use crate::text::one_line;

/// How long a new secret may wait for its first code.
pub const OFFER_LIFE: Duration = Duration::from_mins(10);

/// The seconds of a step.
const STEP: i64 = 30;
/// 160 bits, as RFC 4226, section 4, recommends.
const SEED_LENGTH: usize = 20;
/// More than any sealed offer has, in characters.
const LONGEST_OFFER: usize = 256;
/// The longest part of a label, in characters.
const LONGEST_LABEL: usize = 100;
/// What a URI need not encode (RFC 3986, section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

type Seed = Zeroizing<[u8; SEED_LENGTH]>;

/// The authenticator app of an account.
#[derive(Clone, Copy, Debug)]
pub struct Enrolled {
    /// Since when.
    pub created_at: Wall,
    /// When a code of it was last used.
    pub used_at: Option<Wall>,
}

/// A new secret that an authenticator app may be set up with. The store knows nothing of it yet.
pub struct Offer {
    seed: Seed,
    sealed: String,
}

/// Authenticator apps, in the store.
#[derive(Clone)]
pub struct Totp {
    store: Store,
    keys: Arc<Keys>,
}

static OF: Statement = Statement::new("select created_at, used_at from totp where account_id = $1");
static SECRET: Statement = Statement::new("select secret, last_step from totp where account_id = $1");
static ADD: Statement = Statement::new(
    "insert into totp (account_id, secret, last_step, created_at) values ($1, $2, $3, $4) \
     on conflict (account_id) do nothing",
);
static USE: Statement = Statement::new(
    "update totp set secret = $3, last_step = $4, used_at = $5 \
     where account_id = $1 and secret = $2 and last_step < $4",
);
static REMOVE: Statement = Statement::new("delete from totp where account_id = $1");

impl Totp {
    /// Those in `store`, sealed with `keys`.
    pub fn new(store: Store, keys: Arc<Keys>) -> Self {
        Self { store, keys }
    }

    /// The authenticator app of `user`, if there is one.
    pub async fn of(&self, user: UserId) -> Result<Option<Enrolled>, StoreError> {
        let rows = self.store.get(&OF, values![user.to_string()]).await?;
        rows.first()
            .map(|row| Ok(Enrolled { created_at: row.wall(0)?, used_at: row.optional(1, Row::wall)? }))
            .transpose()
    }

    /// A new secret for `user`, who sets up an app in this session within [`OFFER_LIFE`].
    pub fn offer(&self, user: UserId, session: SessionId, now: Wall) -> Result<Offer, Error> {
        let seed = Zeroizing::new(random_bytes::<SEED_LENGTH>());
        let end = now.plus(OFFER_LIFE).0.to_be_bytes();
        let plain = Zeroizing::new([end.as_slice(), seed.as_slice()].concat());
        let sealed = self.keys.seal(&offer_context(user, session), &plain)?;
        Ok(Offer { seed, sealed: URL_SAFE_NO_PAD.encode(sealed) })
    }

    /// The offer that a form brought back, if it was made for `user` in this session and has not run out.
    pub fn offered(&self, sealed: &str, user: UserId, session: SessionId, now: Wall) -> Option<Offer> {
        if sealed.len() > LONGEST_OFFER {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let plain = self.keys.unseal(&offer_context(user, session), &bytes).ok()?;
        let (end, seed) = plain.split_first_chunk::<8>()?;
        let offer = Offer { seed: seed.try_into().map(Zeroizing::new).ok()?, sealed: sealed.to_owned() };
        (now < Wall(i64::from_be_bytes(*end))).then_some(offer)
    }

    /// Adds to `base` that `user` has the app that was set up with `offer`, of which `code` is the first
    /// code; nothing, if it is none. The write happens only if the account has no app yet.
    pub fn enrol(
        &self,
        base: Write,
        user: UserId,
        offer: &Offer,
        code: &Secret,
        now: Wall,
    ) -> Result<Option<Proof>, Error> {
        let Some(step) = step_of(offer.seed.as_slice(), code, now) else { return Ok(None) };
        let secret = self.keys.seal(&context(user), offer.seed.as_slice())?;
        let write = base.exec(&ADD, values![user.to_string(), secret, step, now]).expect(Rows::One);
        Ok(Some(Proof { method: Method::Totp, write }))
    }

    /// The proof that `code` is one of `user`'s app that was not used yet; nothing, if it is none. Of all
    /// who show it at once, the write of one happens.
    pub async fn check(&self, user: UserId, code: &Secret, now: Wall) -> Result<Option<Proof>, Error> {
        let rows = self.store.get(&SECRET, values![user.to_string()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (sealed, last_step) = (row.bytes(0)?, row.integer(1)?);
        let seed = self.keys.unseal(&context(user), sealed).map_err(|error| unreadable(user, &error))?;
        let Some(step) = step_of(&seed, code, now).filter(|step| *step > last_step) else { return Ok(None) };
        // Sealed anew, so that a former key goes out of use by itself; and only in place of the very secret
        // that was judged, for another app may be enrolled meanwhile.
        let anew = self.keys.seal(&context(user), &seed)?;
        let write =
            Write::new().exec(&USE, values![user.to_string(), sealed, anew, step, now]).expect(Rows::One);
        Ok(Some(Proof { method: Method::Totp, write }))
    }

    /// Adds to `base` that the app of `user` counts no more. There must be one.
    pub fn remove(base: Write, user: UserId) -> Write {
        base.exec(&REMOVE, values![user.to_string()]).expect(Rows::One)
    }
}

impl Offer {
    /// The secret as it is typed into an app: base32 in groups of four.
    pub fn secret_text(&self) -> Secret {
        base32::grouped(&self.base32(), ' ')
    }

    /// The secret as an app reads it from a picture. The labels say whose it is: this Aegis, and the account.
    pub fn uri(&self, issuer: &str, account: &str) -> Secret {
        let (issuer, account) = (label(issuer), label(account));
        let secret = self.base32();
        Secret::new(format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", secret.reveal()))
    }

    /// What a form carries back, for [`Totp::offered`]. It gives nothing away.
    pub fn sealed(&self) -> &str {
        &self.sealed
    }

    fn base32(&self) -> Secret {
        base32::encode(self.seed.as_chunks().0, base32::STANDARD)
    }
}

/// Part of a label, for a URI. A colon stands between the parts and in none.
fn label(text: &str) -> String {
    utf8_percent_encode(&one_line(text, LONGEST_LABEL).replace(':', "-"), ENCODED).to_string()
}

fn context(user: UserId) -> String {
    format!("totp:{user}")
}

fn offer_context(user: UserId, session: SessionId) -> String {
    format!("totp-offer:{user}:{session}")
}

fn unreadable(user: UserId, error: &Error) -> Error {
    Error::new(
        error.kind,
        "Codes of your authenticator app cannot be checked here. Please use another way.",
        format!("the authenticator app of user {user}: {error}"),
    )
}

/// The step of which `code` is the code: the present one or the one before.
fn step_of(seed: &[u8], code: &Secret, now: Wall) -> Option<i64> {
    let shown: Zeroizing<String> =
        Zeroizing::new(code.reveal().chars().filter(|c| !c.is_whitespace()).take(7).collect());
    if shown.len() != 6 || !shown.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let present = now.seconds().div_euclid(STEP);
    // Both are computed, whichever it is. The later one counts: a code that is right for both would else be
    // good a second time.
    let judged = [present, present - 1].map(|step| {
        let right = code_at(&key, step).is_some_and(|right| same(right.as_bytes(), shown.as_bytes()));
        (step, right)
    });
    judged.into_iter().find(|(_, right)| *right).map(|(step, _)| step)
}

/// The code of a step (RFC 4226, section 5.3).
fn code_at(key: &hmac::Key, step: i64) -> Option<String> {
    let mac = hmac::sign(key, &step.to_be_bytes());
    let offset = usize::from(mac.as_ref().last()? & 15);
    let four = mac.as_ref().get(offset..)?.first_chunk()?;
    Some(format!("{:06}", (u32::from_be_bytes(*four) & 0x7fff_ffff) % 1_000_000))
}

#[cfg(test)]
mod tests;
