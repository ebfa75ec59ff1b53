//! Who is who on Telegram: links between accounts and private chats, and how one is made.

use crate::clock::Wall;
use crate::identity::UserId;
use crate::store::{Statement, Store, StoreError, values};

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

/// Links to Telegram, in the store.
#[derive(Clone)]
pub struct TelegramLinks {
    store: Store,
}

static OF: Statement =
    Statement::new("select person, chat, name, created_at, broken from telegram_link where account_id = $1");

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
}
