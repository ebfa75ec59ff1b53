//! What is yet to be said on Telegram: prompts that are due, and messages that do not say yet what became
//! of theirs. Owns that nothing is forgotten, whoever decided it and whatever was restarted.

use super::{Challenge, Challenges, State};
use crate::audit::{Entry, Event, Recorded};
use crate::clock::Wall;
use crate::error::Error;
use crate::identity::{Actor, ChallengeId, SessionId, UserId};
use crate::store::{Row, Statement, StoreError, Write, WriteError, values};

/// A prompt that is due.
#[derive(Clone, Debug)]
pub struct Due {
    /// What is asked.
    pub challenge: Challenge,
    /// Where.
    pub chat: i64,
    /// Of which account: its e-mail, or its username.
    pub account: String,
}

/// A message that does not say yet what became of its challenge.
#[derive(Clone, Debug)]
pub struct Untold {
    /// What became of it.
    pub challenge: Challenge,
    /// Where the message is.
    pub chat: i64,
    /// Which one it is.
    pub message: i64,
    /// The session that was opened.
    pub opened: Option<SessionId>,
    /// Of which account.
    pub account: String,
}

static DUE: Statement = Statement::new(
    "select challenge.id, telegram_link.chat, coalesce(account.email, account.username) from challenge \
     join telegram_link on telegram_link.account_id = challenge.account_id \
     join account on account.id = challenge.account_id \
     where challenge.prompt = 'due' and challenge.state = 'pending' and challenge.expires_at > $1 \
     order by challenge.created_at limit 20",
);
static UNTOLD: Statement = Statement::new(
    "select challenge.id, challenge.chat, challenge.message, challenge.opened, \
     coalesce(account.email, account.username) \
     from challenge join account on account.id = challenge.account_id \
     where challenge.told = false and challenge.message is not null order by challenge.decided_at limit 20",
);
static SENT: Statement = Statement::new(
    "update challenge set prompt = 'sent', chat = $2, message = $3, \
     told = case when state = 'pending' then 1 else 0 end where id = $1 and prompt = 'due'",
);
static NOT_SENT: Statement =
    Statement::new("update challenge set prompt = 'failed', failure = $2 where id = $1 and prompt = 'due'");
static TOLD: Statement = Statement::new("update challenge set told = true where id = $1 and state = $2");
static EXPIRE: Statement = Statement::new(
    "update challenge set state = 'expired', decided_at = $1, told = case when message is null then 1 else 0 end \
     where state in ('pending', 'approved') and expires_at <= $1 returning id",
);
static RUN_OUT: Statement = Statement::new(
    "select 1 from challenge where state in ('pending', 'approved') and expires_at <= $1 limit 1",
);
static BROKEN: Statement = Statement::new(
    "update telegram_link set broken = $2, broken_at = $3 where account_id = $1 and broken is null",
);

const DELIVERY: &str = "whether a message arrived is nobody's decision";

impl Challenges {
    /// The prompts that are due, oldest first; at most 20.
    pub async fn due(&self, now: Wall) -> Result<Vec<Due>, StoreError> {
        let mut due = Vec::new();
        for row in self.store.get(&DUE, values![now]).await? {
            if let Some(challenge) = self.by_id(row.parsed(0)?, now).await? {
                due.push(Due { challenge, chat: row.integer(1)?, account: row.text(2)?.to_owned() });
            }
        }
        Ok(due)
    }

    /// The prompt of `id` is there, as this message.
    pub async fn sent(&self, id: ChallengeId, (chat, message): (i64, i64)) -> Result<(), WriteError> {
        let write = Write::unrecorded(DELIVERY).exec(&SENT, values![id.to_string(), chat, message]);
        self.store.write(write).await?;
        self.moved();
        Ok(())
    }

    /// The prompt of `id` could not be sent, in one word.
    pub async fn not_sent(&self, id: ChallengeId, why: &str) -> Result<(), WriteError> {
        let write = Write::unrecorded(DELIVERY).exec(&NOT_SENT, values![id.to_string(), why]);
        self.store.write(write).await?;
        self.moved();
        Ok(())
    }

    /// No message reaches `user` any more, in one word: `blocked`, `no_chat`.
    pub async fn broken(&self, user: UserId, why: &str, now: Wall) -> Result<(), WriteError> {
        let entry = Entry::new(Event::TelegramBroken, Actor::Aegis).about(user).with("why", why);
        let write = Write::new().exec(&BROKEN, values![user.to_string(), why, now]).audit(entry, now);
        self.store.write(write).await.map(|_| ())
    }

    /// The messages that do not say yet what became of theirs, at most 20. What ran out is told of, too.
    pub async fn untold(&self, now: Wall) -> Result<Vec<Untold>, StoreError> {
        let mut untold = Vec::new();
        for row in self.store.get(&UNTOLD, values![]).await? {
            if let Some(challenge) = self.by_id(row.parsed(0)?, now).await? {
                untold.push(Untold {
                    challenge,
                    chat: row.integer(1)?,
                    message: row.integer(2)?,
                    opened: row.optional(3, Row::parsed)?,
                    account: row.text(4)?.to_owned(),
                });
            }
        }
        Ok(untold)
    }

    /// The message of `id` says now that it came to `state`; if it has come further since, it does not.
    pub async fn told(&self, id: ChallengeId, state: State) -> Result<(), WriteError> {
        let write = Write::unrecorded(DELIVERY).exec(&TOLD, values![id.to_string(), state.name()]);
        self.store.write(write).await.map(|_| ())
    }

    /// Writes down what has run out. Cheap where nothing has.
    pub async fn expire(&self, now: Wall) -> Result<(), Error> {
        if self.store.get(&RUN_OUT, values![now]).await?.is_empty() {
            return Ok(());
        }
        let write = Write::unrecorded("time passes by itself").exec(&EXPIRE, values![now]);
        let written = self.store.write(write).await?;
        if written.0.first().is_some_and(|rows| !rows.is_empty()) {
            self.moved();
        }
        Ok(())
    }
}
