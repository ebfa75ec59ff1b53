//! Single-use links: the first administrator's set-up, choosing a password of one's own, and adding the first
//! second factor.
//!
//! Promises: the store holds a code's SHA-256 only; a code is spent in the same write as what it was
//! for, so it works once and only if that happened; looking at a link spends nothing.
//! Never: says whether a code it does not know was ever one.

use std::time::Duration;

use crate::audit::{Entry, Event, Recorded};
use crate::clock::Wall;
use crate::identity::{Actor, UserId};
use crate::secret::{Secret, fingerprint};
use crate::store::{Rows, Statement, Store, StoreError, Write, WriteError, values};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Making the first administrator.
    SetUp,
    /// Choosing the password of an account.
    Password,
    /// Adding the first second factor of an account.
    Factor,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::SetUp => "setup",
            Self::Password => "password",
            Self::Factor => "factor",
        }
    }

    /// How long such a link is good.
    pub fn lifetime(self) -> Duration {
        match self {
            Self::SetUp => Duration::from_hours(1),
            Self::Password | Self::Factor => Duration::from_hours(168),
        }
    }
}

/// A link that can still be used.
#[derive(Clone, Debug)]
pub struct Link {
    /// Whose account it is about, if any.
    pub user: Option<UserId>,
    code: [u8; 32],
    purpose: Purpose,
}

/// Links, in the store.
#[derive(Clone)]
pub struct Links {
    store: Store,
}

static REPLACE: Statement = Statement::new(
    "update link set used_at = $3 where purpose = $1 and used_at is null \
     and (account_id = $2 or (account_id is null and cast($2 as text) is null))",
);
static ADD: Statement = Statement::new(
    "insert into link (id, secret, purpose, account_id, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)",
);
static FIND: Statement = Statement::new(
    "select account_id from link where secret = $1 and purpose = $2 and used_at is null and expires_at > $3",
);
static SPEND: Statement = Statement::new(
    "update link set used_at = $3 where secret = $1 and purpose = $2 and used_at is null and expires_at > $3",
);

impl Links {
    /// The links in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Makes a link and gives its code. A link for the same thing that was not used yet is void.
    pub async fn make(
        &self,
        purpose: Purpose,
        user: Option<UserId>,
        actor: Actor,
        now: Wall,
    ) -> Result<Secret, WriteError> {
        let code = Secret::random(43);
        let mut entry = Entry::new(Event::LinkMade, actor).with("purpose", purpose.name());
        if let Some(user) = user {
            entry = entry.about(user);
        }
        let account = user.map(|user| user.to_string());
        let write = Write::new()
            .exec(&REPLACE, values![purpose.name(), account.clone(), now])
            .exec(
                &ADD,
                values![
                    UserId::new().to_string(),
                    fingerprint(code.reveal()),
                    purpose.name(),
                    account,
                    now,
                    now.plus(purpose.lifetime()),
                ],
            )
            .expect(Rows::One)
            .audit(entry, now);
        self.store.write(write).await?;
        Ok(code)
    }

    /// The beginning of a write after which no link chooses this user's password any more.
    pub fn void(&self, user: UserId, now: Wall) -> Write {
        Write::new().exec(&REPLACE, values![Purpose::Password.name(), user.to_string(), now])
    }

    /// Adds to `base` that no link does anything for this user any more.
    pub fn voiding(base: Write, user: UserId, now: Wall) -> Write {
        base.exec(&REPLACE, values![Purpose::Password.name(), user.to_string(), now])
            .exec(&REPLACE, values![Purpose::Factor.name(), user.to_string(), now])
    }

    /// The link of that code, if it can still be used.
    pub async fn find(&self, purpose: Purpose, code: &str, now: Wall) -> Result<Option<Link>, StoreError> {
        let code = fingerprint(code.trim());
        let rows = self.store.get(&FIND, values![code, purpose.name(), now]).await?;
        rows.first()
            .map(|row| Ok(Link { user: row.optional(0, crate::store::Row::parsed)?, code, purpose }))
            .transpose()
    }
}

impl Link {
    /// The beginning of a write that spends this link: what is added to it happens only if the link
    /// can still be used then. Its first step (index 0) is the spending.
    pub fn spend(&self, now: Wall) -> Write {
        let mut entry = Entry::new(Event::LinkUsed, Actor::Visitor).with("purpose", self.purpose.name());
        if let Some(user) = self.user {
            entry = entry.about(user);
        }
        Write::new()
            .exec(&SPEND, values![self.code, self.purpose.name(), now])
            .expect(Rows::One)
            .audit(entry, now)
    }
}
