//! What people are told about their own account, as typed messages.
//!
//! Promises: a notice stands in the same write as what it tells of, so neither exists without the
//! other; it goes to the chat that was linked before that write. Never: holds a secret, or sends itself
//! (the room `bot` does).

mod due;

use serde_json::{Map, Value as Json};

use crate::clock::Wall;
use crate::identity::{Method, UserId};
use crate::store::{Statement, Write, values};

pub use due::{Due, delivered, due};

/// What somebody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A factor was added to the account: which kind, and its name where it has one.
    FactorAdded(Method, String),
    /// A factor was taken away.
    FactorRemoved(Method, String),
    /// New recovery codes were made; the old ones count no more.
    RecoveryCodesMade,
    /// A recovery code was used; so many are left.
    RecoveryCodeUsed(u32),
    /// The password was changed.
    PasswordChanged,
    /// The name was changed.
    NameChanged,
    /// A login of the tailnet was linked.
    TailnetLinked(String),
    /// A login of the tailnet is linked no more.
    TailnetUnlinked(String),
    /// All factors were taken away, by a command or an administrator.
    FactorsReset,
    /// An API token was made, by that name.
    ApiTokenMade(String),
    /// Somebody who knows the password was turned away: denied, or the wrong number.
    SignInStopped,
}

impl Notice {
    /// As it stands in the store.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::FactorAdded(..) => "factor.added",
            Self::FactorRemoved(..) => "factor.removed",
            Self::RecoveryCodesMade => "recovery_codes.made",
            Self::RecoveryCodeUsed(_) => "recovery_code.used",
            Self::PasswordChanged => "password.changed",
            Self::NameChanged => "name.changed",
            Self::TailnetLinked(_) => "tailnet.linked",
            Self::TailnetUnlinked(_) => "tailnet.unlinked",
            Self::FactorsReset => "factors.reset",
            Self::ApiTokenMade(_) => "api_token.made",
            Self::SignInStopped => "sign_in.stopped",
        }
    }

    fn detail(&self) -> Json {
        let mut detail = Map::new();
        match self {
            Self::FactorAdded(method, name) | Self::FactorRemoved(method, name) => {
                detail.insert("method".to_owned(), method.name().into());
                detail.insert("name".to_owned(), plain(name).into());
            }
            Self::RecoveryCodeUsed(left) => {
                detail.insert("left".to_owned(), (*left).into());
            }
            Self::TailnetLinked(name) | Self::TailnetUnlinked(name) | Self::ApiTokenMade(name) => {
                detail.insert("name".to_owned(), plain(name).into());
            }
            Self::RecoveryCodesMade
            | Self::PasswordChanged
            | Self::NameChanged
            | Self::FactorsReset
            | Self::SignInStopped => {}
        }
        Json::Object(detail)
    }
}

/// One line, at most 100 characters.
fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(100).collect()
}

/// Writes that tell somebody what they do.
pub trait Noticed {
    /// The same write, and `user` is told so. Before a step that unlinks a chat, so that the chat is told.
    #[must_use]
    fn notice(self, user: UserId, notice: &Notice, now: Wall) -> Self;
}

static ADD: Statement = Statement::new(
    "insert into notice (account_id, at, kind, detail, chat, telegram) \
     select account.id, $2, $3, $4, telegram_link.chat, \
     case when telegram_link.chat is null then 'none' else 'due' end \
     from account left join telegram_link on telegram_link.account_id = account.id where account.id = $1",
);

impl Noticed for Write {
    fn notice(self, user: UserId, notice: &Notice, now: Wall) -> Self {
        self.exec(&ADD, values![user.to_string(), now, notice.kind(), notice.detail().to_string()])
    }
}
