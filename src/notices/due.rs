//! Notices that are to be sent to a chat. Owns that each is sent once.

use super::Notice;
use crate::clock::Wall;
use crate::store::{Statement, Store, StoreError, Write, WriteError, values};

/// A notice that is to be sent.
#[derive(Clone, Debug)]
pub struct Due {
    /// Which one.
    pub id: i64,
    /// To the chat that was linked when it was written.
    pub chat: i64,
    /// Of which account it tells: its e-mail, or its username.
    pub account: String,
    /// When that happened.
    pub at: Wall,
    /// What; nothing, if a later version wrote it.
    pub notice: Option<Notice>,
}

static DUE: Statement = Statement::new(
    "select notice.id, notice.chat, coalesce(account.email, account.username), notice.at, notice.kind, notice.detail \
     from notice join account on account.id = notice.account_id \
     where notice.id in (select min(id) from notice where telegram = 'due' and chat is not null group by chat) \
     order by notice.id limit 50",
);
static DELIVERED: Statement =
    Statement::new("update notice set telegram = $2 where id = $1 and telegram = 'due'");

/// The oldest notice that is to be sent to each chat, oldest first; at most 50. However many wait for one
/// chat, they hold up no other's.
pub async fn due(store: &Store) -> Result<Vec<Due>, StoreError> {
    let rows = store.get(&DUE, values![]).await?;
    rows.iter()
        .map(|row| {
            Ok(Due {
                id: row.integer(0)?,
                chat: row.integer(1)?,
                account: row.text(2)?.to_owned(),
                at: row.wall(3)?,
                notice: Notice::read(row.text(4)?, row.text(5)?),
            })
        })
        .collect()
}

/// That a notice is there, or will never be.
pub async fn delivered(store: &Store, id: i64, is_there: bool) -> Result<(), WriteError> {
    let outcome = if is_there { "sent" } else { "failed" };
    let write = Write::unrecorded("whether a message arrived is nobody's decision")
        .exec(&DELIVERED, values![id, outcome]);
    store.write(write).await.map(|_| ())
}
