//! Ceremonies: begun here, answered by a browser, spent by what they do. Owns what the browser holds
//! meanwhile, which of them are spent, and what a passkey's own row becomes by them.
//!
//! What the browser holds is the ceremony itself, sealed: whoever begins many costs nobody anything.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;
use webauthn_rs::prelude as library;

use super::party::{RelyingParty, read};
use super::{Holder, MOST, Passkeys, name_of};
use crate::clock::Wall;
use crate::error::{Error, Kind};
use crate::identity::{Method, SessionId, UserId};
use crate::second_factor::Proof;
use crate::secret::{Secret, fingerprint};
use crate::store::{Rows, Statement, StoreError, Write, values};

/// How long a ceremony waits for its answer.
pub(super) const LASTS: Duration = Duration::from_mins(5);
/// How long it is known after its end that a ceremony was spent: longer than a request may take, or a clock
/// be set back.
const KEPT: Duration = Duration::from_hours(24);
/// The longest answer that is read, and the longest ceremony.
const LONGEST: usize = 64 * 1024;

/// A ceremony that was begun.
#[derive(Debug)]
pub struct Begun {
    /// What the browser gives back with its answer.
    pub ceremony: Secret,
    /// What it gives to `navigator.credentials`: an object with `publicKey`.
    pub options: Json,
}

impl Begun {
    /// Both, as a page's script reads them.
    pub fn to_json(&self) -> Json {
        json!({ "ceremony": self.ceremony.reveal(), "options": self.options })
    }
}

/// A ceremony, as it is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed<S> {
    until: i64,
    state: S,
}

/// The context that a question to somebody who is not known yet is sealed for.
const AUTHENTICATION: &str = "passkey authentication";

static SPEND: Statement = Statement::new(
    "insert into passkey_ceremony (secret, expires_at) values ($1, $2) on conflict do nothing",
);
static FORGET: Statement = Statement::new("delete from passkey_ceremony where expires_at <= $1");
static CREDENTIALS_OF: Statement =
    Statement::new("select credential from passkey where account_id = $1 order by created_at, id");
static BY_CREDENTIAL: Statement =
    Statement::new("select id, account_id, data from passkey where credential = $1");
static ADD: Statement = Statement::new(
    "insert into passkey (id, account_id, credential, data, name, created_at) \
     select $1, account.id, $3, $4, $5, $6 from account where account.id = $2 and account.active = true \
     and account.deleted_at is null and (select count(*) from passkey where account_id = $2) < $7",
);
static USE: Statement =
    Statement::new("update passkey set data = $3, used_at = $4 where id = $1 and data = $2");

impl Passkeys {
    /// Asks a browser for a new passkey of `holder`, who acts in `session`.
    pub async fn begin_registration(
        &self,
        holder: Holder<'_>,
        session: SessionId,
        now: Wall,
    ) -> Result<Begun, Error> {
        let known = self.credentials_of(holder.id).await?;
        if i64::try_from(known.len()).unwrap_or(i64::MAX) >= MOST {
            return Err(Error::said(
                Kind::Unprocessable,
                "This account has as many passkeys as it can have. Remove one first.",
            ));
        }
        let party = self.party()?;
        let (options, state) = party.begin_registration(holder, known).map_err(Error::internal)?;
        self.begun(&registration(holder.id, session), state, options, now)
    }

    /// What `user` added in `session`, if the browser's answer is right. The proof's write adds the passkey,
    /// and only the first for this ceremony; [`Taken`](crate::store::WriteError::Taken) is a passkey that
    /// somebody added at the same moment.
    pub async fn finish_registration(
        &self,
        ceremony: &str,
        session: SessionId,
        user: UserId,
        response: &[u8],
        name: &str,
        now: Wall,
    ) -> Result<Option<Proof>, Error> {
        let Some(begun) = self.unsealed(&registration(user, session), ceremony, response, now) else {
            return Ok(None);
        };
        let passkey = match self.party()?.finish_registration(response, &begun.state) {
            Ok(passkey) => passkey,
            Err(why) => return Ok(refused(&why)),
        };
        let credential = passkey.cred_id().as_slice();
        if !self.store.get(&BY_CREDENTIAL, values![credential]).await?.is_empty() {
            return Ok(refused("that passkey is here already"));
        }
        let id = Uuid::now_v7().to_string();
        let added = values![id, user.to_string(), credential, text(&passkey)?, name_of(name), now, MOST];
        let write = spending(ceremony, begun.until).exec(&ADD, added).expect(Rows::One);
        Ok(Some(Proof { method: Method::Passkey, write }))
    }

    /// Asks a browser for a passkey: the same question for everybody.
    pub fn begin_authentication(&self, now: Wall) -> Result<Begun, Error> {
        let (options, state) = self.party()?.begin_authentication().map_err(Error::internal)?;
        self.begun(AUTHENTICATION, state, options, now)
    }

    /// Whose passkey was shown, if the browser's answer is right. The proof's write spends the ceremony and
    /// moves the passkey's counter, and meets another state if either was used before or at the same moment.
    pub async fn finish_authentication(
        &self,
        ceremony: &str,
        response: &[u8],
        now: Wall,
    ) -> Result<Option<(UserId, Proof)>, Error> {
        let Some(begun) = self.unsealed(AUTHENTICATION, ceremony, response, now) else { return Ok(None) };
        let shown: library::PublicKeyCredential = match read(response) {
            Ok(shown) => shown,
            Err(why) => return Ok(refused(&why)),
        };
        let rows = self.store.get(&BY_CREDENTIAL, values![shown.get_credential_id()]).await?;
        let Some(row) = rows.first() else { return Ok(refused("nobody has that passkey")) };
        let (id, owner, was) = (row.text(0)?, row.parsed::<UserId>(1)?, row.text(2)?);
        let handle = shown.get_user_unique_id();
        if handle.is_none_or(|handle| handle != owner.0.as_bytes()) {
            return Ok(refused("the user handle is not that of the passkey's owner"));
        }
        let passkey = parsed(was)?;
        let passkey = match self.party()?.finish_authentication(&shown, begun.state, passkey) {
            Ok(passkey) => passkey,
            Err(why) => return Ok(refused(&why)),
        };
        let used = values![id, was, text(&passkey)?, now];
        let write = spending(ceremony, begun.until).exec(&USE, used).expect(Rows::One);
        Ok(Some((owner, Proof { method: Method::Passkey, write })))
    }

    /// Forgets which ceremonies were spent that nobody could finish any more.
    pub async fn forget_old(&self, now: Wall) -> Result<(), Error> {
        let write = Write::unrecorded("a ceremony that has run out is refused by its own end");
        self.store.write(write.exec(&FORGET, values![now])).await?;
        Ok(())
    }

    fn party(&self) -> Result<std::sync::Arc<RelyingParty>, Error> {
        self.party.load_full().ok_or_else(|| {
            Error::said(Kind::NotFound, "This site has no passkeys: its address is a number, not a name.")
        })
    }

    async fn credentials_of(&self, user: UserId) -> Result<Vec<Vec<u8>>, StoreError> {
        let rows = self.store.get(&CREDENTIALS_OF, values![user.to_string()]).await?;
        rows.iter().map(|row| row.bytes(0).map(<[u8]>::to_vec)).collect()
    }

    fn begun<S: Serialize>(&self, context: &str, state: S, options: Json, now: Wall) -> Result<Begun, Error> {
        let sealed = text(&Sealed { until: now.plus(LASTS).0, state })?;
        let sealed = self.keys.seal(context, sealed.as_bytes())?;
        Ok(Begun { ceremony: Secret::new(URL_SAFE_NO_PAD.encode(sealed)), options })
    }

    /// The ceremony that was begun for this context, if `response` can be an answer to it.
    fn unsealed<S: DeserializeOwned>(
        &self,
        context: &str,
        ceremony: &str,
        response: &[u8],
        now: Wall,
    ) -> Option<Sealed<S>> {
        if ceremony.len() > LONGEST || response.len() > LONGEST {
            return refused("the answer is too long");
        }
        let sealed = URL_SAFE_NO_PAD.decode(ceremony).ok();
        let plain = sealed.and_then(|sealed| self.keys.unseal(context, &sealed).ok());
        let begun: Option<Sealed<S>> = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
        match begun {
            None => refused("there is no such ceremony, or it was begun by somebody else"),
            Some(begun) if begun.until <= now.0 => refused("the ceremony has run out"),
            Some(begun) => Some(begun),
        }
    }
}

/// The context that a new passkey of `user` is sealed for, asked for in `session`.
fn registration(user: UserId, session: SessionId) -> String {
    format!("passkey registration {user} {session}")
}

/// The beginning of what a ceremony does, which does it once.
fn spending(ceremony: &str, until: i64) -> Write {
    Write::new().exec(&SPEND, values![fingerprint(ceremony), Wall(until).plus(KEPT)]).expect(Rows::One)
}

/// Nothing: what was not right is for the log alone.
fn refused<T>(why: &str) -> Option<T> {
    tracing::debug!(event = "passkey.refused", why);
    None
}

fn text(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::internal(error.to_string()))
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Broken(format!("a passkey: {error}")))
}
