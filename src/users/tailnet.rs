//! Who a person of the tailnet is among the users. Owns every read and write of `tailnet_link` and
//! `tailnet_wish`.
//!
//! Promises: a person is (tailnet, id), and is bound to an account at first sight, never because two
//! texts are equal; by configuration a login belongs to the first person seen with it, for ever; a
//! link that has ended stays, and only an explicit one passes it. Never: says whether somebody may
//! come in, or whom `[tailscale.users]` names; the caller knows both.

mod change;
mod first_sight;
mod foreseen;
#[cfg(test)]
mod tests;

use super::Users;
use crate::audit::{Entry, Event, Recorded as _};
use crate::clock::Wall;
use crate::identity::{Actor, Person, TailnetLogin, UserId};
use crate::notices::{Notice, Noticed as _};
use crate::store::{Row, Rows, Statement, StoreError, Write, WriteError, values};

pub use change::Wish;
pub use foreseen::{Foreseen, Standing};

/// What is recorded of one person of the tailnet, as a check needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailnetLink {
    /// Whose they are; nothing where `[tailscale.users]` says it, under [`login`](Self::login).
    pub account: Option<UserId>,
    /// The login they were bound under, in ASCII lower case.
    pub login: String,
    /// It counts no more.
    pub ended: bool,
}

/// A person of the tailnet who was bound, with all that is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The tailnet.
    pub tailnet: String,
    /// `UserProfile.ID` there.
    pub person: i64,
    /// The login they were bound under.
    pub login: String,
    /// The login they were last seen with.
    pub seen_login: String,
    /// Whose they are; nothing where `[tailscale.users]` says it.
    pub account: Option<UserId>,
    /// When they were bound.
    pub since: Wall,
    /// When that ended.
    pub ended_at: Option<Wall>,
}

/// A login whose person has yet to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// The login.
    pub login: String,
    /// Since when it is waited for.
    pub since: Wall,
}

/// What a user has on the tailnet, besides what `[tailscale.users]` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TailnetLinks {
    /// The people who are this user.
    pub bound: Vec<Bound>,
    /// The logins that will be.
    pub awaited: Vec<Awaited>,
}

/// How somebody was bound.
#[derive(Clone, Copy)]
enum How {
    /// By `[tailscale.users]`.
    Configuration,
    /// By `aegis user link`.
    Command,
    /// By the user, from this person's device.
    Own,
    /// By `auto_create`, with an account of their own.
    AutoCreate,
}

impl How {
    fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Command => "command",
            Self::Own => "self",
            Self::AutoCreate => "auto_create",
        }
    }
}

static PERSON: Statement = Statement::new(
    "select login, seen_login, account_id, ended_at from tailnet_link where tailnet = $1 and person = $2",
);
static RENAME: Statement = Statement::new(
    "update tailnet_link set seen_login = $3 where tailnet = $1 and person = $2 and seen_login = $4",
);
static UNDER_LOGIN: Statement = Statement::new(
    "select tailnet, person, login, seen_login, account_id, created_at, ended_at from tailnet_link \
     where login = $1 or seen_login = $1 order by created_at",
);
static OF_ACCOUNT: Statement = Statement::new(
    "select tailnet, person, login, seen_login, account_id, created_at, ended_at from tailnet_link \
     where account_id = $1 and ended_at is null order by created_at",
);
static AWAITED_OF_ACCOUNT: Statement = Statement::new(
    "select login, created_at from tailnet_wish where account_id = $1 and ended_at is null order by login",
);
static AWAITED: Statement = Statement::new("select account_id, ended_at from tailnet_wish where login = $1");
static ACCOUNT: Statement = Statement::new("select id from account where id = $1 and deleted_at is null");
static END: Statement = Statement::new(
    "update tailnet_link set ended_at = $3 where tailnet = $1 and person = $2 and ended_at is null",
);
// A row that was bound by configuration once keeps that in `configured_login`.
static BIND: Statement = Statement::new(
    "insert into tailnet_link (tailnet, person, login, seen_login, account_id, how, created_at) \
     values ($1, $2, $3, $3, $4, $5, $6) on conflict (tailnet, person) do update set login = excluded.login, \
     seen_login = excluded.seen_login, account_id = excluded.account_id, how = excluded.how, \
     created_at = excluded.created_at, ended_at = null \
     where tailnet_link.ended_at is not null or tailnet_link.account_id = excluded.account_id",
);

impl Users {
    /// What is recorded of this person: one read by key. That they have another login than when they were
    /// last seen is written down, so that [`Bound::seen_login`] tells who had a login last.
    pub async fn tailnet_link(&self, person: &Person, now: Wall) -> Result<Option<TailnetLink>, StoreError> {
        let rows = self.store.get(&PERSON, values![&*person.tailnet, person.id]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let link = TailnetLink {
            account: row.optional(2, Row::parsed)?,
            login: row.text(0)?.to_owned(),
            ended: row.optional(3, Row::wall)?.is_some(),
        };
        if let Ok(login) = person.login.parse::<TailnetLogin>()
            && row.text(1)? != login.as_str()
        {
            self.renamed(person, &link, row.text(1)?, &login, now).await;
        }
        Ok(Some(link))
    }

    /// Writes down that the person has another login now. Recorded, because it is what tells later whose
    /// a login was when; whether somebody comes in does not depend on it, so they do not wait for a store
    /// that cannot write.
    async fn renamed(
        &self,
        person: &Person,
        link: &TailnetLink,
        before: &str,
        login: &TailnetLogin,
        now: Wall,
    ) {
        let entry = about(&person.tailnet, person.id, Event::TailnetRenamed, Actor::Aegis, link.account)
            .with("login", login.as_str())
            .with("before", before);
        let write = Write::new()
            .exec(&RENAME, values![&*person.tailnet, person.id, login.as_str(), before])
            .expect(Rows::One)
            .audit(entry, now);
        match self.store.write(write).await {
            // Another look at the same person was faster.
            Ok(_) | Err(WriteError::Unexpected(_)) => {}
            Err(error) => {
                tracing::warn!(event = "tailnet.unwritten", %error, "the new login of a person of the tailnet is not written down");
            }
        }
    }

    /// What this user has on the tailnet, besides what `[tailscale.users]` says.
    pub async fn tailnet_links_of(&self, user: UserId) -> Result<TailnetLinks, StoreError> {
        let bound = self.store.scan(&OF_ACCOUNT, values![user.to_string()]).await?;
        let awaited = self.store.scan(&AWAITED_OF_ACCOUNT, values![user.to_string()]).await?;
        let waits = |row: &Row| Ok(Awaited { login: row.text(0)?.to_owned(), since: row.wall(1)? });
        Ok(TailnetLinks {
            bound: bound.iter().map(Bound::read).collect::<Result<_, StoreError>>()?,
            awaited: awaited.iter().map(waits).collect::<Result<_, StoreError>>()?,
        })
    }

    /// Everybody of whom explicit links are and who was bound under that login or last seen with it, ended
    /// or not.
    async fn bound_under(&self, login: &TailnetLogin) -> Result<Vec<Bound>, StoreError> {
        let rows = self.store.scan(&UNDER_LOGIN, values![login.as_str()]).await?;
        let mut bound: Vec<Bound> = rows.iter().map(Bound::read).collect::<Result<_, StoreError>>()?;
        bound.retain(|one| !Person::is_of_another(&one.tailnet));
        Ok(bound)
    }
}

impl Bound {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            tailnet: row.text(0)?.to_owned(),
            person: row.integer(1)?,
            login: row.text(2)?.to_owned(),
            seen_login: row.text(3)?.to_owned(),
            account: row.optional(4, Row::parsed)?,
            since: row.wall(5)?,
            ended_at: row.optional(6, Row::wall)?,
        })
    }

    /// Whether this counts, and is about whoever has `login` as far as is known.
    fn is_now(&self, login: &TailnetLogin) -> bool {
        self.ended_at.is_none() && self.seen_login == login.as_str()
    }

    /// Adds to `write` that this ends.
    fn ending(&self, write: Write, actor: Actor, now: Wall) -> Write {
        let entry = about(&self.tailnet, self.person, Event::TailnetUnlinked, actor, self.account)
            .with("login", self.seen_login.as_str());
        let write = write.exec(&END, values![self.tailnet.as_str(), self.person, now]).expect(Rows::One);
        let write = write.audit(entry, now);
        match self.account {
            Some(account) => {
                let notice = Notice::TailnetUnlinked(self.seen_login.clone());
                write.notice(account, &notice, now).changed("user", account)
            }
            // Whose they are stands in the configuration. A kind that the feed does not know voids all
            // that is remembered, and with that what is remembered of them.
            None => write.changed("everybody", ""),
        }
    }
}

/// An entry of the record about a person of the tailnet, and whose account they are.
fn about(tailnet: &str, person: i64, event: Event, actor: Actor, account: Option<UserId>) -> Entry {
    let entry = Entry::new(event, actor).with("tailnet", tailnet).with("person", person);
    match account {
        Some(account) => entry.about(account),
        None => entry,
    }
}

/// Adds to `write` that the person is bound to `user` under `login`, if they are nobody else's.
fn binding(
    write: Write,
    user: UserId,
    person: &Person,
    login: &str,
    how: How,
    actor: Actor,
    now: Wall,
) -> Write {
    let entry = about(&person.tailnet, person.id, Event::TailnetLinked, actor, Some(user));
    write
        .exec(&BIND, values![&*person.tailnet, person.id, login, user.to_string(), how.name(), now])
        .expect(Rows::One)
        .audit(entry.with("login", login).with("how", how.name()), now)
        .notice(user, &Notice::TailnetLinked(login.to_owned()), now)
        .changed("user", user)
}
