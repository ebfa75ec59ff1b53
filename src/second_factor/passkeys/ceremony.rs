//! Ceremonies: begun here, answered by a browser, taken by deleting them. Owns their rows, and what a
//! passkey's own row becomes by them.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
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
use crate::store::{Row, Rows, Statement, StoreError, Write, values};

/// How long a ceremony waits for its answer.
pub(super) const LASTS: Duration = Duration::from_mins(5);
/// The longest answer that is read.
const LONGEST: usize = 64 * 1024;
/// How many ceremonies of nobody in particular wait at once. One more, and the oldest is forgotten: were
/// the newest refused instead, whoever begins 34 a second would keep everybody from signing in.
const MOST_OF_NOBODY: i64 = 10_000;
/// The same of one account.
const MOST_OF_ONE: i64 = 8;

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

/// A ceremony that was taken.
struct Taken<S> {
    account: Option<UserId>,
    session: Option<SessionId>,
    state: S,
}

const BOOKS: &str = "a ceremony is a question; what its answer does is recorded";
const REGISTRATION: &str = "registration";
const AUTHENTICATION: &str = "authentication";

static BEGIN: Statement = Statement::new(
    "insert into passkey_ceremony (secret, kind, account_id, session_id, state, expires_at) \
     values ($1, $2, $3, $4, $5, $6)",
);
static FORGET_OLDEST: Statement = Statement::new(
    "delete from passkey_ceremony where secret in (select secret from passkey_ceremony \
     where kind = $1 and account_id is not distinct from $2 order by expires_at desc limit 1000 offset $3)",
);
static TAKE: Statement = Statement::new(
    "delete from passkey_ceremony where secret = $1 and kind = $2 \
     returning account_id, session_id, state, expires_at",
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
        self.begun(REGISTRATION, (Some(holder.id), Some(session)), &state, options, now).await
    }

    /// What `user` added in `session`, if the browser's answer is right. The proof's write adds the passkey;
    /// [`Taken`](crate::store::WriteError::Taken) is a passkey that somebody added at the same moment.
    pub async fn finish_registration(
        &self,
        ceremony: &str,
        session: SessionId,
        user: UserId,
        response: &[u8],
        name: &str,
        now: Wall,
    ) -> Result<Option<Proof>, Error> {
        let Some(taken) = self.take(REGISTRATION, ceremony, response, now).await? else { return Ok(None) };
        if (taken.account, taken.session) != (Some(user), Some(session)) {
            return Ok(refused("it was begun by somebody else, or in another session"));
        }
        let passkey = match self.party()?.finish_registration(response, &taken.state) {
            Ok(passkey) => passkey,
            Err(why) => return Ok(refused(&why)),
        };
        let credential = passkey.cred_id().as_slice();
        if !self.store.get(&BY_CREDENTIAL, values![credential]).await?.is_empty() {
            return Ok(refused("that passkey is here already"));
        }
        let id = Uuid::now_v7().to_string();
        let added = values![id, user.to_string(), credential, text(&passkey)?, name_of(name), now, MOST];
        Ok(Some(Proof { method: Method::Passkey, write: Write::new().exec(&ADD, added).expect(Rows::One) }))
    }

    /// Asks a browser for a passkey: of `user`, or of whoever it is, with the same question for everybody.
    pub async fn begin_authentication(&self, now: Wall, user: Option<UserId>) -> Result<Begun, Error> {
        let allowed = match user {
            Some(user) => self.credentials_of(user).await?,
            None => Vec::new(),
        };
        let (options, state) = self.party()?.begin_authentication(&allowed).map_err(Error::internal)?;
        self.begun(AUTHENTICATION, (user, None), &state, options, now).await
    }

    /// Whose passkey was shown, if the browser's answer is right. The proof's write moves its counter, and
    /// meets another state if it was used at the same moment.
    pub async fn finish_authentication(
        &self,
        ceremony: &str,
        response: &[u8],
        now: Wall,
    ) -> Result<Option<(UserId, Proof)>, Error> {
        let Some(taken) = self.take(AUTHENTICATION, ceremony, response, now).await? else { return Ok(None) };
        let shown: library::PublicKeyCredential = match read(response) {
            Ok(shown) => shown,
            Err(why) => return Ok(refused(&why)),
        };
        let rows = self.store.get(&BY_CREDENTIAL, values![shown.get_credential_id()]).await?;
        let Some(row) = rows.first() else { return Ok(refused("nobody has that passkey")) };
        let (id, owner, was) = (row.text(0)?, row.parsed::<UserId>(1)?, row.text(2)?);
        if taken.account.is_some_and(|asked| asked != owner) {
            return Ok(refused("somebody else was asked"));
        }
        // An authenticator that was told which passkeys to use need not say whose they are.
        let handle = shown.get_user_unique_id().filter(|handle| !handle.is_empty());
        if handle.map_or(taken.account.is_none(), |handle| handle != owner.0.as_bytes()) {
            return Ok(refused("the user handle is not that of the passkey's owner"));
        }
        let passkey = parsed(was)?;
        let passkey = match self.party()?.finish_authentication(&shown, taken.state, passkey) {
            Ok(passkey) => passkey,
            Err(why) => return Ok(refused(&why)),
        };
        let used = values![id, was, text(&passkey)?, now];
        let write = Write::new().exec(&USE, used).expect(Rows::One);
        Ok(Some((owner, Proof { method: Method::Passkey, write })))
    }

    /// Forgets ceremonies that nobody can finish any more.
    pub async fn forget_old(&self, now: Wall) -> Result<(), Error> {
        self.store.write(Write::unrecorded(BOOKS).exec(&FORGET, values![now])).await?;
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

    async fn begun(
        &self,
        kind: &str,
        (account, session): (Option<UserId>, Option<SessionId>),
        state: &impl Serialize,
        options: Json,
        now: Wall,
    ) -> Result<Begun, Error> {
        let ceremony = Secret::random(43);
        let account = account.map(|account| account.to_string());
        let most = if account.is_some() { MOST_OF_ONE } else { MOST_OF_NOBODY };
        let session = session.map(|session| session.to_string());
        let print = fingerprint(ceremony.reveal());
        let row = values![print, kind, account.as_deref(), session, text(state)?, now.plus(LASTS)];
        let write =
            Write::unrecorded(BOOKS).exec(&BEGIN, row).exec(&FORGET_OLDEST, values![kind, account, most]);
        self.store.write(write).await?;
        Ok(Begun { ceremony, options })
    }

    /// The ceremony of that secret, which is gone with it, whatever comes of it.
    async fn take<S: DeserializeOwned>(
        &self,
        kind: &str,
        ceremony: &str,
        response: &[u8],
        now: Wall,
    ) -> Result<Option<Taken<S>>, Error> {
        let write = Write::unrecorded(BOOKS).exec(&TAKE, values![fingerprint(ceremony), kind]);
        let written = self.store.write(write).await?;
        let Some(row) = written.0.first().and_then(|rows| rows.first()) else {
            return Ok(refused("there is no such ceremony, or it was taken already"));
        };
        if row.wall(3)? <= now {
            return Ok(refused("the ceremony has run out"));
        }
        if response.len() > LONGEST {
            return Ok(refused("the answer is too long"));
        }
        let account = row.optional(0, Row::parsed)?;
        let session = row.optional(1, Row::parsed)?;
        Ok(Some(Taken { account, session, state: parsed(row.text(2)?)? }))
    }
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
