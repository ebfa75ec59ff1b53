//! What people are told about their own account, as typed messages.
//!
//! Promises: a notice stands in the same write as what it tells of, so neither exists without the
//! other; it goes to the chat that was linked before that write. Never: holds a secret, or sends itself
//! (the room `bot` does).

mod due;

use serde_json::{Map, Value as Json};

use crate::clock::Wall;
use crate::identity::{Method, UserId};
use crate::store::{Row, Statement, Store, StoreError, Write, values};
use crate::text::one_line;

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
    /// The first factor may be added for a while, by who knows the password on a device of this login.
    EnrolmentOpened(String),
    /// Somebody who knows the password was turned away: denied, or the wrong number.
    SignInStopped,
}

impl Notice {
    /// A notice as it stands in the store.
    pub fn read(kind: &str, detail: &str) -> Option<Self> {
        let detail: Json = serde_json::from_str(detail).ok()?;
        let text = |key: &str| detail.get(key).and_then(Json::as_str);
        let name = || text("name").unwrap_or_default().to_owned();
        let method = || text("method").and_then(Method::named);
        Some(match kind {
            "factor.added" => Self::FactorAdded(method()?, name()),
            "factor.removed" => Self::FactorRemoved(method()?, name()),
            "recovery_codes.made" => Self::RecoveryCodesMade,
            "recovery_code.used" => {
                Self::RecoveryCodeUsed(u32::try_from(detail.get("left")?.as_u64()?).ok()?)
            }
            "password.changed" => Self::PasswordChanged,
            "name.changed" => Self::NameChanged,
            "tailnet.linked" => Self::TailnetLinked(name()),
            "tailnet.unlinked" => Self::TailnetUnlinked(name()),
            "factors.reset" => Self::FactorsReset,
            "api_token.made" => Self::ApiTokenMade(name()),
            "enrolment.opened" => Self::EnrolmentOpened(name()),
            "sign_in.stopped" => Self::SignInStopped,
            _ => return None,
        })
    }

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
            Self::EnrolmentOpened(_) => "enrolment.opened",
            Self::SignInStopped => "sign_in.stopped",
        }
    }

    /// In a sentence, for whom it is about.
    pub fn sentence(&self) -> String {
        let of = |method: &Method, name: &str| {
            let kind = match method {
                Method::Telegram => "Telegram",
                Method::Totp => "the authenticator app",
                Method::Passkey => "the passkey",
                Method::RecoveryCode => "a recovery code",
                Method::Password => "the password",
                Method::Token => "an API token",
                Method::Tailnet => "the tailnet",
            };
            if name.is_empty() { kind.to_owned() } else { format!("{kind} “{name}”") }
        };
        match self {
            Self::FactorAdded(method, name) => format!("A second factor was added: {}.", of(method, name)),
            Self::FactorRemoved(method, name) => {
                format!("A second factor was removed: {}.", of(method, name))
            }
            Self::RecoveryCodesMade => "New recovery codes were made; older ones count no more.".to_owned(),
            Self::RecoveryCodeUsed(left) => format!("A recovery code was used; {left} are left."),
            Self::PasswordChanged => "The password was changed.".to_owned(),
            Self::NameChanged => "The name was changed.".to_owned(),
            Self::TailnetLinked(login) => format!("{login} of the tailnet is recognised as you."),
            Self::TailnetUnlinked(login) => format!("{login} of the tailnet is recognised as you no more."),
            Self::FactorsReset => "All second factors were taken away.".to_owned(),
            Self::ApiTokenMade(name) => format!("The API token “{name}” was made."),
            Self::EnrolmentOpened(login) => {
                format!(
                    "On a device of {login}, somebody who knows your password set out to add a second factor."
                )
            }
            Self::SignInStopped => "Somebody who knows your password was turned away.".to_owned(),
        }
    }

    fn detail(&self) -> Json {
        let mut detail = Map::new();
        match self {
            Self::FactorAdded(method, name) | Self::FactorRemoved(method, name) => {
                detail.insert("method".to_owned(), method.name().into());
                detail.insert("name".to_owned(), one_line(name, LONGEST).into());
            }
            Self::RecoveryCodeUsed(left) => {
                detail.insert("left".to_owned(), (*left).into());
            }
            Self::TailnetLinked(name)
            | Self::TailnetUnlinked(name)
            | Self::EnrolmentOpened(name)
            | Self::ApiTokenMade(name) => {
                detail.insert("name".to_owned(), one_line(name, LONGEST).into());
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

/// A notice as it was written.
#[derive(Clone, Debug)]
pub struct Told {
    /// When.
    pub at: Wall,
    /// What; nothing where it is of a kind that this version does not know.
    pub notice: Option<Notice>,
}

static LAST: Statement =
    Statement::new("select at, kind, detail from notice where account_id = $1 order by id desc limit $2");

/// The last `most` notices to `user`, newest first.
pub async fn last(store: &Store, user: UserId, most: u8) -> Result<Vec<Told>, StoreError> {
    let rows = store.get(&LAST, values![user.to_string(), i64::from(most)]).await?;
    rows.iter()
        .map(|row: &Row| Ok(Told { at: row.wall(0)?, notice: Notice::read(row.text(1)?, row.text(2)?) }))
        .collect()
}

/// The most characters of a name.
const LONGEST: usize = 100;

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

static TRIM: Statement = Statement::new(
    "delete from notice where account_id = $1 and telegram <> 'due' and id <= \
     (select id from notice where account_id = $1 order by id desc limit 1 offset $2)",
);
static REPEATED: Statement = Statement::new("delete from notice where account_id = $1 and kind = $2");
static FORGET: Statement = Statement::new("delete from notice where account_id = $1");

/// How many of one account are kept, besides those that are to be sent.
const MOST: i64 = 50;

impl Noticed for Write {
    fn notice(self, user: UserId, notice: &Notice, now: Wall) -> Self {
        // A name changes as often as anybody likes: told once, it holds up and pushes out nothing.
        let write = match notice {
            Notice::NameChanged => self.exec(&REPEATED, values![user.to_string(), notice.kind()]),
            _ => self,
        };
        write
            .exec(&ADD, values![user.to_string(), now, notice.kind(), notice.detail().to_string()])
            .exec(&TRIM, values![user.to_string(), MOST])
    }
}

/// Adds to `base` that nothing is kept of what `user` was told.
pub fn forgetting(base: Write, user: UserId) -> Write {
    base.exec(&FORGET, values![user.to_string()])
}

#[cfg(test)]
mod tests;
