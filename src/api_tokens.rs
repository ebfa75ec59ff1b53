//! API tokens for scripts and native apps: `aegis_pat_…`.
//!
//! Promises: the store holds a token's SHA-256 only, and a token is shown once, when it is made; one that
//! was revoked or has run out, or whose account may not come in, opens nothing; making and revoking one is
//! a write with its entry in the record. A new password ends none of them.
//! Never: widens what its owner may do, or makes an administrator.

mod shape;

pub use shape::{Fingerprint, PREFIX};

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::audit::{Entry, Event, Recorded};
use crate::changes;
use crate::clock::Wall;
use crate::error::{Error, Kind};
use crate::identity::{Actor, ApiTokenId, UserId, Username};
use crate::notices::{Notice, Noticed};
use crate::place::ClientAddress;
use crate::policy::{Allow, Scope};
use crate::secret::Secret;
use crate::store::{Row, Rows, Statement, Store, StoreError, Write, WriteError, values};

/// The most live tokens of one user.
pub const MOST: i64 = 100;

/// The longest name, in characters.
pub const LONGEST_NAME: usize = 64;

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewApiToken<'a> {
    /// Whose.
    pub user: UserId,
    /// What its owner knows it by.
    pub name: &'a str,
    /// What it is for.
    pub scope: Scope,
    /// When it runs out; nothing: never.
    pub expires_at: Option<Wall>,
}

/// A token just made.
#[derive(Debug)]
pub struct Made {
    /// Its public id.
    pub id: ApiTokenId,
    /// The token itself, to be shown once.
    pub token: Secret,
}

/// A token that counts.
#[derive(Clone, Debug)]
pub struct ApiToken {
    /// Its public id.
    pub id: ApiTokenId,
    /// Whose it is.
    pub user: UserId,
    /// What it is for.
    pub scope: Arc<Scope>,
    /// When it runs out.
    pub expires_at: Option<Wall>,
}

/// A token as it stands in a list: not revoked, and perhaps run out.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its public id.
    pub id: ApiTokenId,
    /// Whose it is.
    pub user: UserId,
    /// That user's name.
    pub username: Username,
    /// What its owner knows it by.
    pub name: String,
    /// What it is for.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Wall,
    /// When it runs out, or did.
    pub expires_at: Option<Wall>,
    /// When it was last used, to a few minutes.
    pub used_at: Option<Wall>,
}

impl Listed {
    /// Whether it has run out.
    pub fn is_over(&self, now: Wall) -> bool {
        self.expires_at.is_some_and(|at| now >= at)
    }
}

/// Why a token was not made.
#[derive(Debug)]
pub enum ApiTokenError {
    /// Its name is empty, too long, or no line of text.
    Name,
    /// The user has as many as one may have.
    TooMany,
    /// The account is not there any more.
    NoAccount,
    /// What was to happen before it met another state, in the step of that index.
    Base(usize),
    /// The store could not write.
    Store(WriteError),
}

impl fmt::Display for ApiTokenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => {
                write!(formatter, "the name of a token is one line of 1 to {LONGEST_NAME} characters")
            }
            Self::TooMany => write!(formatter, "nobody has more than {MOST} tokens: revoke one first"),
            Self::NoAccount => formatter.write_str("that account is not there any more"),
            Self::Base(step) => write!(formatter, "step {step} before the token met another state"),
            Self::Store(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for ApiTokenError {}

impl From<ApiTokenError> for Error {
    fn from(error: ApiTokenError) -> Self {
        match error {
            ApiTokenError::Name => Self::said(
                Kind::Unprocessable,
                format!("Give it a name of 1 to {LONGEST_NAME} characters, by which you will know it."),
            ),
            ApiTokenError::TooMany => {
                Self::said(Kind::Conflict, format!("You have {MOST} tokens. Revoke one that you do not use."))
            }
            ApiTokenError::NoAccount | ApiTokenError::Base(_) => {
                Self::said(Kind::Conflict, "This was changed elsewhere in the meantime. Load the page again.")
            }
            ApiTokenError::Store(error) => error.into(),
        }
    }
}

/// API tokens, in the store; their last use is gathered in memory and written once a minute.
#[derive(Clone)]
pub struct ApiTokens {
    store: Store,
    used: Arc<Mutex<HashMap<ApiTokenId, Wall>>>,
}

/// How many are read at once where all are.
const PAGE: u16 = 5_000;

/// For how long one that is over is still shown, or kept for who looks into the store.
const REMEMBERED: Duration = Duration::from_hours(720);

static MAKE: Statement = Statement::new(
    "insert into api_token (id, secret, account_id, name, apps, allow, created_at, expires_at) \
     select $1, $2, account.id, $4, $5, $6, $7, $8 from account where account.id = $3 and account.deleted_at is null",
);
/// A row if there is one more than there may be.
static ONE_TOO_MANY: Statement = Statement::new(
    "select id from api_token where account_id = $1 and ended_at is null \
     and (expires_at is null or expires_at > $2) order by id limit 1 offset $3",
);
static BY_SECRET: Statement = Statement::new(
    "select id, account_id, apps, allow, expires_at from api_token \
     where secret = $1 and ended_at is null and (expires_at is null or expires_at > $2)",
);
static BY_ID: Statement = Statement::new(
    "select api_token.id, api_token.account_id, account.username, api_token.name, api_token.apps, api_token.allow, \
     api_token.created_at, api_token.expires_at, api_token.used_at \
     from api_token join account on account.id = api_token.account_id \
     where api_token.ended_at is null and account.deleted_at is null and api_token.id = $1",
);
static LIST: Statement = Statement::new(
    "select api_token.id, api_token.account_id, account.username, api_token.name, api_token.apps, api_token.allow, \
     api_token.created_at, api_token.expires_at, api_token.used_at \
     from api_token join account on account.id = api_token.account_id \
     where api_token.ended_at is null and account.deleted_at is null and api_token.account_id = $1 \
     and api_token.id > $2 order by api_token.id limit $3",
);
static LIST_ALL: Statement = Statement::new(
    "select api_token.id, api_token.account_id, account.username, api_token.name, api_token.apps, api_token.allow, \
     api_token.created_at, api_token.expires_at, api_token.used_at \
     from api_token join account on account.id = api_token.account_id \
     where api_token.ended_at is null and account.deleted_at is null \
     and api_token.id > $1 order by api_token.id limit $2",
);
static REVOKE: Statement = Statement::new(
    "update api_token set ended_at = $3 where id = $1 and account_id = $2 and ended_at is null",
);
static REVOKE_ALL: Statement =
    Statement::new("update api_token set ended_at = $2 where account_id = $1 and ended_at is null");
static USED: Statement =
    Statement::new("update api_token set used_at = $2 where id = $1 and (used_at is null or used_at < $2)");
static FORGET: Statement = Statement::new(
    "delete from api_token where ended_at < $1 or expires_at < $1 \
     or account_id in (select id from account where deleted_at < $1)",
);

impl ApiTokens {
    /// The API tokens in `store`.
    pub fn new(store: Store) -> Self {
        Self { store, used: Arc::default() }
    }

    /// Makes a token, and tells its owner. What `base` holds happens before it, and with it or not at all.
    pub async fn create(
        &self,
        base: Write,
        new: NewApiToken<'_>,
        actor: Actor,
        now: Wall,
    ) -> Result<Made, ApiTokenError> {
        let name = name(new.name).ok_or(ApiTokenError::Name)?;
        let (token, fingerprint) = shape::make();
        let id = ApiTokenId::new();
        let (user, apps, allow) = (new.user, joined(new.scope.apps(), ","), joined(new.scope.allow(), "\n"));
        let entry = Entry::new(Event::ApiTokenMade, actor)
            .about(user)
            .with("token", id.to_string())
            .with("name", name)
            .with("apps", apps.as_str())
            .with("allow", joined(new.scope.allow(), ", "))
            .with("expires_at", new.expires_at.map(Wall::rfc3339));
        let before = base.steps.len();
        let made = values![
            id.to_string(),
            *fingerprint.bytes(),
            user.to_string(),
            name,
            apps,
            allow,
            now,
            new.expires_at,
        ];
        let write = base
            .exec(&MAKE, made)
            .expect(Rows::One)
            .exec(&ONE_TOO_MANY, values![user.to_string(), now, MOST])
            .expect(Rows::None)
            .notice(user, &Notice::ApiTokenMade(name.to_owned()), now)
            .audit(entry, now);
        match self.store.write(write).await {
            Ok(_) => Ok(Made { id, token }),
            Err(WriteError::Unexpected(step)) if step < before => Err(ApiTokenError::Base(step)),
            Err(WriteError::Unexpected(step)) if step == before => Err(ApiTokenError::NoAccount),
            Err(WriteError::Unexpected(_)) => Err(ApiTokenError::TooMany),
            Err(error) => Err(ApiTokenError::Store(error)),
        }
    }

    /// The token of that fingerprint, if it was neither revoked nor has run out. Whether its owner may
    /// come in is for whoever asks.
    pub async fn by_fingerprint(
        &self,
        fingerprint: &Fingerprint,
        now: Wall,
    ) -> Result<Option<ApiToken>, StoreError> {
        let rows = self.store.get(&BY_SECRET, values![*fingerprint.bytes(), now]).await?;
        let token = |row: &Row| {
            Ok(ApiToken {
                id: row.parsed(0)?,
                user: row.parsed(1)?,
                scope: Arc::new(scope(row, 2)?),
                expires_at: row.optional(4, Row::wall)?,
            })
        };
        rows.first().map(token).transpose()
    }

    /// The token of that id, if it was not revoked.
    pub async fn by_id(&self, id: ApiTokenId) -> Result<Option<Listed>, StoreError> {
        self.store.get(&BY_ID, values![id.to_string()]).await?.first().map(listed).transpose()
    }

    /// The tokens of one user or of everybody that were not revoked, newest last; one that has run out for
    /// a month.
    pub async fn list(&self, of: Option<UserId>) -> Result<Vec<Listed>, StoreError> {
        let mut tokens: Vec<Listed> = Vec::new();
        loop {
            let last = tokens.last().map(|token| token.id.to_string()).unwrap_or_default();
            let page = match of {
                Some(user) => {
                    self.store.scan(&LIST, values![user.to_string(), last, i64::from(PAGE)]).await?
                }
                None => self.store.scan(&LIST_ALL, values![last, i64::from(PAGE)]).await?,
            };
            let is_last = page.len() < usize::from(PAGE);
            tokens.extend(page.iter().map(listed).collect::<Result<Vec<_>, _>>()?);
            if is_last {
                return Ok(tokens);
            }
        }
    }

    /// Revokes one token of `user`; false if it was none or was revoked already.
    pub async fn revoke(
        &self,
        user: UserId,
        id: ApiTokenId,
        actor: Actor,
        address: Option<ClientAddress>,
        now: Wall,
    ) -> Result<bool, WriteError> {
        let entry =
            Entry::new(Event::ApiTokenRevoked, actor).about(user).from(address).with("token", id.to_string());
        let write = Write::new()
            .exec(&REVOKE, values![id.to_string(), user.to_string(), now])
            .expect(Rows::One)
            .audit(entry, now)
            .changed(changes::API_TOKEN, id);
        match self.store.write(write).await {
            Ok(_) => Ok(true),
            Err(WriteError::Unexpected(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Adds to `base` that every token of `user` is revoked, however many there are.
    pub fn end_all(base: Write, user: UserId, actor: Actor, now: Wall) -> Write {
        base.exec(&REVOKE_ALL, values![user.to_string(), now])
            .audit(Entry::new(Event::ApiTokensRevoked, actor).about(user), now)
            // What is remembered of any of them falls with its owner's.
            .changed(changes::USER, user)
    }

    /// Revokes every token of `user`.
    pub async fn revoke_all(&self, user: UserId, actor: Actor, now: Wall) -> Result<(), WriteError> {
        self.store.write(Self::end_all(Write::new(), user, actor, now)).await.map(|_| ())
    }

    /// Notes that a token was used. Written once a minute by [`flush`](Self::flush).
    pub fn touch(&self, id: ApiTokenId, now: Wall) {
        self.used.lock().insert(id, now);
    }

    /// Writes the last uses gathered since the last time. What could not be written is kept.
    pub async fn flush(&self) -> Result<(), WriteError> {
        let used: Vec<_> = self.used.lock().iter().map(|(id, at)| (*id, *at)).collect();
        for uses in used.chunks(500) {
            let mut write = Write::unrecorded("the last use of a token is not a decision of anybody");
            for (id, at) in uses {
                write = write.exec(&USED, values![id.to_string(), *at]);
            }
            self.store.write(write).await?;
        }
        self.used.lock().retain(|id, at| !used.contains(&(*id, *at)));
        Ok(())
    }

    /// Forgets tokens that have been over for a month.
    pub async fn forget_old(&self, now: Wall) -> Result<(), WriteError> {
        let write = Write::unrecorded("nothing anybody could still use")
            .exec(&FORGET, values![now.minus(REMEMBERED)]);
        self.store.write(write).await.map(|_| ())
    }
}

/// A name as it is kept, if it is one.
fn name(text: &str) -> Option<&str> {
    let name = text.trim();
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.contains(char::is_control);
    fits.then_some(name)
}

fn joined(parts: &[impl fmt::Display], between: &str) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

/// What a token is for, from its two columns. One that cannot be read is for nothing.
fn scope(row: &Row, column: usize) -> Result<Scope, StoreError> {
    let broken = |what: &dyn fmt::Display| StoreError::Broken(format!("what a token is for: {what}"));
    let apps = row.text(column)?.split(',').filter(|app| !app.is_empty());
    let apps = apps.map(str::parse).collect::<Result<_, _>>().map_err(|error| broken(&error))?;
    let allow = row.text(column + 1)?.lines().map(Allow::parse);
    let allow = allow.collect::<Result<_, _>>().map_err(|fault| broken(&fault))?;
    Scope::new(apps, allow).map_err(|fault| broken(&fault))
}

fn listed(row: &Row) -> Result<Listed, StoreError> {
    Ok(Listed {
        id: row.parsed(0)?,
        user: row.parsed(1)?,
        username: row.parsed(2)?,
        name: row.text(3)?.to_owned(),
        scope: scope(row, 4)?,
        created_at: row.wall(6)?,
        expires_at: row.optional(7, Row::wall)?,
        used_at: row.optional(8, Row::wall)?,
    })
}

#[cfg(test)]
mod tests;
