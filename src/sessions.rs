//! Sessions: what a browser's cookie and every token name.
//!
//! Promises: the store holds a cookie's SHA-256 only; a session is opened only for an account that is
//! still as it was judged; one that was ended, ran out, lay idle or is of an older epoch opens
//! nothing, whoever signed its token. Never: judges a password or a rule.

mod open;

pub use open::{NewSession, OpenError, Opened};

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::audit::{Entry, Event, Recorded};
use crate::clock::Wall;
use crate::identity::{Actor, Assurance, Identity, Method, Role, SessionId, UserId, Username};
use crate::place::ClientAddress;
use crate::secret::fingerprint;
use crate::store::{Row, Rows, Statement, Store, StoreError, Write, WriteError, values};

/// How long sessions live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Unused for so long, a session is over.
    pub idle: Duration,
    /// With "keep me signed in".
    pub longest: Duration,
    /// Without it.
    pub browser: Duration,
    /// Of a token from `POST /auth/token`.
    pub token: Duration,
}

/// What kind of thing a session was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A browser that signed in on the page.
    Web,
    /// A token of `POST /auth/token`.
    Token,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Token => "token",
        }
    }
}

/// A session as it stands in the store now, and whose it is.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its public id: `sid` in tokens.
    pub id: SessionId,
    /// What it was opened for.
    pub purpose: Purpose,
    /// Who acts in it, taken from the account as it is now.
    pub identity: Arc<Identity>,
    /// The one app it is for; none: all.
    pub audience: Option<String>,
    /// When it ends at the latest.
    pub expires_at: Wall,
    /// "Keep me signed in".
    pub keep: bool,
    /// Until when a factor may be added in it without showing one: a link opened it.
    pub enrol_until: Option<Wall>,
    /// Whether it was ended, ran out, lay idle, is of an older epoch, or its account may not come in.
    pub state: State,
}

/// Whether a session counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It counts.
    Live,
    /// It is over.
    Over,
    /// Its account is disabled or deleted.
    Disabled,
}

/// A session as it stands in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its public id.
    pub id: SessionId,
    /// Whose it is.
    pub username: Username,
    /// What it was opened for.
    pub purpose: Purpose,
    /// When it was opened.
    pub created_at: Wall,
    /// When it was last used, to the minute.
    pub used_at: Wall,
    /// When it ends at the latest.
    pub expires_at: Wall,
    /// From where it was opened.
    pub address: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// How: `password`, ….
    pub methods: String,
}

/// When a session was last used: one for all who remember that session, so that each use counts for all.
#[derive(Debug)]
pub struct LastUse(AtomicI64);

impl LastUse {
    /// It was used `now`.
    pub fn touch(&self, now: Wall) {
        // Looked at first, so that checks of one session at once do not fight over it.
        if self.0.load(Ordering::Relaxed) < now.0 {
            self.0.fetch_max(now.0, Ordering::Relaxed);
        }
    }

    /// When that was.
    pub fn at(&self) -> Wall {
        Wall(self.0.load(Ordering::Relaxed))
    }
}

/// A last use that is gathered in memory.
struct Used {
    last: Arc<LastUse>,
    /// As far as the store knows it.
    written: Wall,
}

/// Sessions, in the store; their last use is gathered in memory and written once a minute.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    lifetimes: Lifetimes,
    used: Arc<Mutex<HashMap<SessionId, Used>>>,
}

/// How many of one user are listed.
const LISTED: i64 = 1_000;
/// How many are read at once where all are.
const PAGE: u16 = 5_000;

static BY_ID: Statement = Statement::new(
    "select session.id, session.kind, session.audience, session.methods, session.authenticated_at, \
     session.used_at, session.expires_at, session.ended_at, session.epoch, \
     account.id, account.username, account.email, account.name, account.roles, account.administrator, \
     account.active, account.epoch, account.deleted_at, session.keep, session.enrol_until \
     from session join account on account.id = session.account_id where session.id = $1",
);
static BY_SECRET: Statement = Statement::new(
    "select session.id, session.kind, session.audience, session.methods, session.authenticated_at, \
     session.used_at, session.expires_at, session.ended_at, session.epoch, \
     account.id, account.username, account.email, account.name, account.roles, account.administrator, \
     account.active, account.epoch, account.deleted_at, session.keep, session.enrol_until \
     from session join account on account.id = session.account_id where session.secret = $1",
);
static LIST: Statement = Statement::new(
    "select session.id, session.kind, session.created_at, session.used_at, session.expires_at, session.address, \
     session.user_agent, session.methods, account.username \
     from session join account on account.id = session.account_id \
     where session.ended_at is null and session.expires_at > $1 and session.used_at > $2 \
     and session.epoch = account.epoch and session.account_id = $3 order by session.created_at desc limit $4",
);
static LIST_ALL: Statement = Statement::new(
    "select session.id, session.kind, session.created_at, session.used_at, session.expires_at, session.address, \
     session.user_agent, session.methods, account.username \
     from session join account on account.id = session.account_id \
     where session.ended_at is null and session.expires_at > $1 and session.used_at > $2 \
     and session.epoch = account.epoch and session.id > $3 order by session.id limit $4",
);
static END: Statement = Statement::new(
    "update session set ended_at = $3 where id = $1 and account_id = $2 and ended_at is null returning id",
);
static END_OTHERS: Statement = Statement::new(
    "update session set ended_at = $3 where account_id = $1 and id <> $2 and ended_at is null returning id",
);
static USED: Statement = Statement::new("update session set used_at = $2 where id = $1 and used_at < $2");
static FORGET: Statement = Statement::new("delete from session where expires_at < $1 or ended_at < $1");

impl Sessions {
    /// The sessions in `store`.
    pub fn new(store: Store, lifetimes: Lifetimes) -> Self {
        Self { store, lifetimes, used: Arc::default() }
    }

    /// How long sessions live.
    pub fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// The session of that public id.
    pub async fn by_id(&self, id: SessionId, now: Wall) -> Result<Option<Session>, StoreError> {
        let rows = self.store.get(&BY_ID, values![id.to_string()]).await?;
        rows.first().map(|row| self.session(row, now)).transpose()
    }

    /// The session whose cookie is `secret`.
    pub async fn by_secret(&self, secret: &str, now: Wall) -> Result<Option<Session>, StoreError> {
        let rows = self.store.get(&BY_SECRET, values![fingerprint(secret)]).await?;
        rows.first().map(|row| self.session(row, now)).transpose()
    }

    /// The live sessions of `user`, newest first; of a script that makes a token each time it runs, those
    /// of the last 1,000.
    pub async fn list(&self, user: UserId, now: Wall) -> Result<Vec<Listed>, StoreError> {
        let idle_since = now.minus(self.lifetimes.idle);
        let rows = self.store.scan(&LIST, values![now, idle_since, user.to_string(), LISTED]).await?;
        rows.iter().map(listed).collect()
    }

    /// The live sessions of everybody, newest last.
    pub async fn list_all(&self, now: Wall) -> Result<Vec<Listed>, StoreError> {
        let idle_since = now.minus(self.lifetimes.idle);
        let mut sessions: Vec<Listed> = Vec::new();
        loop {
            let last = sessions.last().map(|session| session.id.to_string()).unwrap_or_default();
            let page = self.store.scan(&LIST_ALL, values![now, idle_since, last, i64::from(PAGE)]).await?;
            let is_last = page.len() < usize::from(PAGE);
            sessions.extend(page.iter().map(listed).collect::<Result<Vec<_>, _>>()?);
            if is_last {
                return Ok(sessions);
            }
        }
    }

    /// Ends one session of `user`; false if it was none or over already.
    pub async fn end(
        &self,
        user: UserId,
        id: SessionId,
        event: Event,
        actor: Actor,
        address: Option<ClientAddress>,
        now: Wall,
    ) -> Result<bool, WriteError> {
        let entry = Entry::new(event, actor).about(user).from(address).with("session", id.to_string());
        let write = Write::new()
            .exec(&END, values![id.to_string(), user.to_string(), now])
            .expect(Rows::One)
            .audit(entry, now)
            .changed("session", id);
        match self.store.write(write).await {
            Ok(_) => Ok(true),
            Err(WriteError::Unexpected(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends every session of `user` but `kept`.
    pub async fn end_others(
        &self,
        user: UserId,
        kept: SessionId,
        actor: Actor,
        now: Wall,
    ) -> Result<(), WriteError> {
        let entry = Entry::new(Event::SessionsEnded, actor).about(user).with("kept", kept.to_string());
        // The feed names the user: what is remembered of the kept session is read anew, the others are over.
        let write = Write::new()
            .exec(&END_OTHERS, values![user.to_string(), kept.to_string(), now])
            .audit(entry, now)
            .changed("user", user);
        self.store.write(write).await.map(|_| ())
    }

    /// Notes that a session was used, and gives what its later uses are noted in. Written once a minute
    /// by [`flush`](Self::flush).
    pub fn touch(&self, id: SessionId, now: Wall) -> Arc<LastUse> {
        let mut gathered = self.used.lock();
        let used = gathered.entry(id).or_insert_with(|| Used {
            last: Arc::new(LastUse(AtomicI64::new(now.0))),
            written: Wall(i64::MIN),
        });
        used.last.touch(now);
        used.last.clone()
    }

    /// Writes the last uses gathered since the last time. What could not be written is kept.
    pub async fn flush(&self) -> Result<(), WriteError> {
        let unwritten = |(id, used): (&SessionId, &Used)| {
            let at = used.last.at();
            (at > used.written).then_some((*id, at))
        };
        let used: Vec<_> = self.used.lock().iter().filter_map(unwritten).collect();
        for uses in used.chunks(500) {
            let mut write = Write::unrecorded("the last use of a session is not a decision of anybody");
            for (id, at) in uses {
                write = write.exec(&USED, values![id.to_string(), *at]);
            }
            self.store.write(write).await?;
            let mut gathered = self.used.lock();
            for (id, at) in uses {
                if let Some(used) = gathered.get_mut(id) {
                    used.written = *at;
                }
            }
        }
        // What somebody still remembers may be used again without being asked for.
        self.used.lock().retain(|_, used| used.last.at() > used.written || Arc::strong_count(&used.last) > 1);
        Ok(())
    }

    /// Forgets sessions that have been over for a month.
    pub async fn forget_old(&self, now: Wall) -> Result<(), WriteError> {
        let before = now.minus(Duration::from_hours(720));
        let write = Write::unrecorded("nothing anybody could still use").exec(&FORGET, values![before]);
        self.store.write(write).await.map(|_| ())
    }

    fn session(&self, row: &Row, now: Wall) -> Result<Session, StoreError> {
        let id: SessionId = row.parsed(0)?;
        let purpose = purpose(row.text(1)?)?;
        let methods: Arc<[Method]> = row
            .text(3)?
            .split('+')
            .map(|name| {
                Method::named(name)
                    .ok_or_else(|| StoreError::Broken(format!("unknown sign-in method {name:?}")))
            })
            .collect::<Result<_, _>>()?;
        let gathered = self.used.lock().get(&id).map(|used| used.last.at());
        let used_at = row.wall(5)?.max(gathered.unwrap_or(Wall(i64::MIN)));
        let expires_at = row.wall(6)?;
        let idle_until = used_at.plus(self.lifetimes.idle).min(expires_at);
        let ended = row.optional(7, Row::wall)?.is_some();
        let roles: Arc<[Role]> = row
            .text(13)?
            .split(',')
            .filter(|role| !role.is_empty())
            .map(|role| role.parse().map_err(|_| StoreError::Broken("a stored role is none".to_owned())))
            .collect::<Result<_, _>>()?;
        let username: Username = row.parsed(10)?;
        let name = row.text(12)?;
        let identity = Identity {
            user: row.parsed(9)?,
            email: row.optional(11, Row::parsed)?,
            name: if name.is_empty() { username.as_str().into() } else { name.into() },
            username,
            roles,
            administrator: row.bool(14)?,
            assurance: Assurance::of(&methods),
            methods,
            authenticated_at: Some(row.wall(4)?),
            session: Some(id),
        };
        let may_come_in = row.bool(15)? && row.optional(17, Row::wall)?.is_none();
        let state = if !may_come_in {
            State::Disabled
        } else if ended || row.integer(8)? != row.integer(16)? || now >= idle_until {
            State::Over
        } else {
            State::Live
        };
        let audience = row.optional(2, Row::text)?.map(str::to_owned);
        let identity = Arc::new(identity);
        let keep = row.bool(18)?;
        let enrol_until = row.optional(19, Row::wall)?;
        Ok(Session { id, purpose, identity, audience, expires_at, keep, enrol_until, state })
    }
}

fn purpose(name: &str) -> Result<Purpose, StoreError> {
    match name {
        "web" => Ok(Purpose::Web),
        "token" => Ok(Purpose::Token),
        _ => Err(StoreError::Broken(format!("unknown kind of session {name:?}"))),
    }
}

fn listed(row: &Row) -> Result<Listed, StoreError> {
    let text = |row: &Row, column| row.text(column).map(str::to_owned);
    Ok(Listed {
        id: row.parsed(0)?,
        purpose: purpose(row.text(1)?)?,
        created_at: row.wall(2)?,
        used_at: row.wall(3)?,
        expires_at: row.wall(4)?,
        address: row.optional(5, text)?,
        user_agent: row.optional(6, text)?,
        methods: row.text(7)?.to_owned(),
        username: row.parsed(8)?,
    })
}
