//! Who is who on Telegram: links between accounts and private chats, and how one is made.
//!
//! Promises: whoever answers in Telegram is linked only by the browser that asked for it, and only as who it
//! showed; a chat that is linked no more is told so by the very write. Never: speaks to Telegram.

mod heard;
mod offer;

use crate::clock::Wall;
use crate::identity::{Method, UserId};
use crate::notices::{Notice, Noticed as _};
use crate::store::{Row, Rows, Statement, Store, StoreError, Write, WriteError, values};

pub use offer::{Answerer, OFFER_LIFE, OfferCodes, OfferState};

/// Who answers on Telegram for an account.
#[derive(Clone, Debug)]
pub struct TelegramLink {
    /// Telegram's id of the person (`from.id`).
    pub person: i64,
    /// Their private chat with the bot.
    pub chat: i64,
    /// Their name there: decoration.
    pub name: String,
    /// Since when.
    pub created_at: Wall,
    /// Why no message reaches it, if none does.
    pub broken: Option<String>,
}

/// An account that somebody on Telegram answers for.
#[derive(Clone, Debug)]
pub struct Linked {
    /// Whose account.
    pub user: UserId,
    /// Its e-mail, or its username.
    pub account: String,
    /// Since when.
    pub since: Wall,
    /// Whether messages are known not to arrive.
    pub is_broken: bool,
}

/// Links to Telegram, in the store.
#[derive(Clone)]
pub struct TelegramLinks {
    store: Store,
}

static OF: Statement =
    Statement::new("select person, chat, name, created_at, broken from telegram_link where account_id = $1");

static BY_PERSON: Statement = Statement::new(
    "select account.id, coalesce(account.email, account.username), telegram_link.created_at, \
     telegram_link.broken is not null from telegram_link join account on account.id = telegram_link.account_id \
     where telegram_link.person = $1 and telegram_link.chat = $2 and account.deleted_at is null \
     order by telegram_link.created_at limit 20",
);
static MENDED: Statement = Statement::new(
    "update telegram_link set broken = null, broken_at = null where person = $1 and chat = $2 and broken is not null",
);
static REMOVE: Statement = Statement::new("delete from telegram_link where account_id = $1");

impl TelegramLinks {
    /// Those in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Who answers for `user`, if anybody does.
    pub async fn of(&self, user: UserId) -> Result<Option<TelegramLink>, StoreError> {
        let rows = self.store.get(&OF, values![user.to_string()]).await?;
        rows.first()
            .map(|row| {
                Ok(TelegramLink {
                    person: row.integer(0)?,
                    chat: row.integer(1)?,
                    name: row.text(2)?.to_owned(),
                    created_at: row.wall(3)?,
                    broken: row.optional(4, |row, column| row.text(column).map(str::to_owned))?,
                })
            })
            .transpose()
    }

    /// The accounts that `person` answers for in `chat`, oldest link first; at most 20.
    pub async fn by_person(&self, (person, chat): (i64, i64)) -> Result<Vec<Linked>, StoreError> {
        let rows = self.store.get(&BY_PERSON, values![person, chat]).await?;
        let linked = |row: &Row| {
            Ok(Linked {
                user: row.parsed(0)?,
                account: row.text(1)?.to_owned(),
                since: row.wall(2)?,
                is_broken: row.bool(3)?,
            })
        };
        rows.iter().map(linked).collect()
    }

    /// Messages reach `person` in `chat` again: they wrote to the bot.
    pub async fn mended(&self, (person, chat): (i64, i64)) -> Result<(), WriteError> {
        let write = Write::unrecorded("whether messages arrive is nobody's decision")
            .exec(&MENDED, values![person, chat]);
        self.store.write(write).await.map(|_| ())
    }

    /// Adds to `base` that nobody answers for `user` any more. The chat is told. There must be a link.
    pub fn unlink(base: Write, user: UserId, now: Wall) -> Write {
        base.notice(user, &Notice::FactorRemoved(Method::Telegram, String::new()), now)
            .exec(&REMOVE, values![user.to_string()])
            .expect(Rows::One)
    }
}
