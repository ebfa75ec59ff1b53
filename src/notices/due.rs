//! Notices that are to be sent to a chat. Owns reading them back, and that each is sent once.

use serde_json::Value as Json;

use super::Notice;
use crate::clock::Wall;
use crate::identity::Method;
use crate::store::{Row, Statement, Store, StoreError, Write, WriteError, values};

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
     where notice.telegram = 'due' and notice.chat is not null order by notice.id limit 50",
);
static DELIVERED: Statement =
    Statement::new("update notice set telegram = $2 where id = $1 and telegram = 'due'");

/// The notices that are to be sent, oldest first; at most 50.
pub async fn due(store: &Store) -> Result<Vec<Due>, StoreError> {
    let rows = store.get(&DUE, values![]).await?;
    rows.iter()
        .map(|row| {
            Ok(Due {
                id: row.integer(0)?,
                chat: row.integer(1)?,
                account: row.text(2)?.to_owned(),
                at: row.wall(3)?,
                notice: notice(row)?,
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

/// The notice of [`Notice::kind`] and its detail.
fn notice(row: &Row) -> Result<Option<Notice>, StoreError> {
    let detail: Json = serde_json::from_str(row.text(5)?).unwrap_or_default();
    let text = |name: &str| detail.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let factor = |made: fn(Method, String) -> Notice| {
        Method::named(&text("method")).map(|method| made(method, text("name")))
    };
    let left = detail.get("left").and_then(Json::as_u64).and_then(|left| u32::try_from(left).ok());
    Ok(match row.text(4)? {
        "factor.added" => factor(Notice::FactorAdded),
        "factor.removed" => factor(Notice::FactorRemoved),
        "recovery_codes.made" => Some(Notice::RecoveryCodesMade),
        "recovery_code.used" => left.map(Notice::RecoveryCodeUsed),
        "password.changed" => Some(Notice::PasswordChanged),
        "name.changed" => Some(Notice::NameChanged),
        "tailnet.linked" => Some(Notice::TailnetLinked(text("name"))),
        "tailnet.unlinked" => Some(Notice::TailnetUnlinked(text("name"))),
        "factors.reset" => Some(Notice::FactorsReset),
        "api_token.made" => Some(Notice::ApiTokenMade(text("name"))),
        "sign_in.stopped" => Some(Notice::SignInStopped),
        _ => None,
    })
}
