//! Opening a session. Owns [`NewSession`] and the one write that makes one.
//! Never opens one for an account that changed since it was judged.

use super::{Purpose, Sessions};
use crate::audit::{Entry, Event, Recorded};
use crate::clock::Wall;
use crate::identity::{Actor, Method, SessionId, UserId};
use crate::place::ClientAddress;
use crate::secret::{Secret, fingerprint};
use crate::store::{Rows, Statement, Write, WriteError, values};
use crate::text;

/// A session to be opened, for somebody who was just recognised.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// Its public id.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The account's epoch when it was judged: the session is opened only if it is still that.
    pub epoch: i64,
    /// For a browser or for a token.
    pub purpose: Purpose,
    /// The one app it is for; none: all.
    pub audience: Option<&'a str>,
    /// How the user was recognised.
    pub methods: &'a [Method],
    /// When a factor was last shown, if that was not just now.
    pub authenticated_at: Option<Wall>,
    /// "Keep me signed in".
    pub keep: bool,
    /// Until when a factor may be added without showing one.
    pub enrol_until: Option<Wall>,
    /// From where.
    pub address: Option<ClientAddress>,
    /// With what, as the browser says.
    pub user_agent: Option<&'a str>,
    /// The session this browser had before, whosever it was: it ends with this one's beginning.
    pub replaces: Option<SessionId>,
}

/// A session just opened.
#[derive(Debug)]
pub struct Opened {
    /// Its public id.
    pub id: SessionId,
    /// The value of the browser's cookie; none for a token.
    pub cookie: Option<Secret>,
    /// When it ends at the latest.
    pub expires_at: Wall,
}

/// Why a session was not opened.
#[derive(Debug)]
pub enum OpenError {
    /// The account was disabled or changed since it was judged.
    Changed,
    /// What was to happen before it met another state, in the step of that index.
    Base(usize),
    /// The store could not write.
    Store(WriteError),
}

static OPEN: Statement = Statement::new(
    "insert into session (id, kind, account_id, epoch, secret, audience, methods, authenticated_at, created_at, \
     used_at, expires_at, keep, address, user_agent, enrol_until) \
     select $1, $2, account.id, account.epoch, $5, $6, $7, $14, $8, $8, $9, $10, $11, $12, $13 from account \
     where account.id = $3 and account.epoch = $4 and account.active = true and account.deleted_at is null",
);
static REPLACE: Statement =
    Statement::new("update session set ended_at = $2 where id = $1 and ended_at is null");

/// Touches nothing: it tells whether there is such a row.
static LIVES: Statement = Statement::new(
    "update session set ended_at = null where id = $1 and ended_at is null and exists ( \
     select 1 from account where account.id = session.account_id and account.epoch = session.epoch \
     and account.active = true and account.deleted_at is null)",
);

impl Sessions {
    /// Adds to `write` that it happens only while `session` was not ended, by itself or with all of its
    /// account's.
    pub fn while_live(write: Write, session: SessionId) -> Write {
        write.exec(&LIVES, values![session.to_string()]).expect(Rows::One)
    }

    /// Opens a session. What `base` holds happens before it, and with it or not at all.
    pub async fn open(&self, base: Write, new: NewSession<'_>, now: Wall) -> Result<Opened, OpenError> {
        let id = new.id;
        let lifetime = match (new.purpose, new.keep) {
            (Purpose::Token, _) => self.lifetimes.token,
            (Purpose::Web, true) => self.lifetimes.longest,
            (Purpose::Web, false) => self.lifetimes.browser,
        };
        let expires_at = now.plus(lifetime);
        let cookie = match new.purpose {
            Purpose::Web => Some(Secret::random(48)),
            Purpose::Token => None,
        };
        let methods: Vec<&str> = new.methods.iter().map(|method| method.name()).collect();
        let entry = Entry::new(Event::SignedIn, Actor::User(new.user))
            .about(new.user)
            .from(new.address)
            .with("methods", methods.join("+"))
            .with("for", new.purpose.name())
            .with("session", id.to_string());
        let entry = match new.replaces {
            Some(old) => entry.with("replaces", old.to_string()),
            None => entry,
        };
        let before = base.steps.len();
        let mut write = base
            .exec(
                &OPEN,
                values![
                    id.to_string(),
                    new.purpose.name(),
                    new.user.to_string(),
                    new.epoch,
                    cookie.as_ref().map(|cookie| fingerprint(cookie.reveal())),
                    new.audience,
                    methods.join("+"),
                    now,
                    expires_at,
                    new.keep,
                    new.address.map(|address| address.to_string()),
                    new.user_agent.map(text::user_agent),
                    new.enrol_until,
                    new.authenticated_at.unwrap_or(now),
                ],
            )
            .expect(Rows::One)
            .audit(entry, now);
        if let Some(old) = new.replaces {
            write = write.exec(&REPLACE, values![old.to_string(), now]).changed("session", old);
        }
        match self.store.write(write).await {
            Ok(_) => Ok(Opened { id, cookie, expires_at }),
            Err(WriteError::Unexpected(step)) if step < before => Err(OpenError::Base(step)),
            Err(WriteError::Unexpected(_)) => Err(OpenError::Changed),
            Err(error) => Err(OpenError::Store(error)),
        }
    }
}
