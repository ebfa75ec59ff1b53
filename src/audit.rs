//! The record: who did what, when and from where, as typed entries.
//!
//! Promises: an entry stands in the same write as what it tells of, so neither exists without the
//! other; entries are only ever added. Never: holds a password, a token or a code.

use serde_json::{Map, Value as Json};

use crate::clock::Wall;
use crate::identity::{Actor, UserId};
use crate::place::ClientAddress;
use crate::store::{Row, Statement, Store, StoreError, Write, values};
use crate::text::one_line;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody signed in.
    SignedIn,
    /// A sign-in failed: unknown, disabled or locked account, or a wrong password.
    SignInFailed,
    /// A password was right, and a second factor is waited for.
    FactorDue,
    /// A sign-in was approved on Telegram.
    SignInApproved,
    /// A sign-in was denied on Telegram.
    SignInDenied,
    /// The wrong number was chosen on Telegram: the sign-in was stopped.
    WrongNumber,
    /// Somebody on Telegram answered for an account that is not theirs.
    WrongPerson,
    /// A code of a second factor was wrong.
    CodeWrong,
    /// A second factor was added to an account.
    FactorAdded,
    /// A second factor was taken from an account.
    FactorRemoved,
    /// A second factor is called otherwise.
    FactorRenamed,
    /// The first second factor may be added for a while, on a device of the account's own.
    EnrolmentOpened,
    /// New recovery codes were made.
    RecoveryCodesMade,
    /// All factors of an account were taken away.
    FactorsReset,
    /// A browser is to be remembered.
    DeviceRemembered,
    /// Browsers that were remembered are not any more.
    DevicesForgotten,
    /// No message reaches somebody on Telegram any more.
    TelegramBroken,
    /// Too many sign-ins failed: an account, a device or an address is locked for a while.
    SignInLocked,
    /// Somebody signed out.
    SignedOut,
    /// A session was ended by its owner, an administrator or a command.
    SessionEnded,
    /// All sessions of a user but perhaps one were ended.
    SessionsEnded,
    /// A user was added.
    UserAdded,
    /// A user's password was set or changed.
    PasswordChanged,
    /// A user's name was changed.
    UserRenamed,
    /// A user's e-mail was changed.
    EmailChanged,
    /// A user's roles were changed.
    RolesChanged,
    /// A user was made an administrator, or is one no more.
    AdministratorChanged,
    /// A user was disabled.
    UserDisabled,
    /// A user was enabled again.
    UserEnabled,
    /// A user was deleted.
    UserDeleted,
    /// The count of failed sign-ins of a user was cleared.
    UserUnlocked,
    /// A single-use link was made.
    LinkMade,
    /// A single-use link was used.
    LinkUsed,
    /// An administrator's action was refused.
    AdministrationRefused,
    /// A login of the tailnet was given to a user, whoever is first seen with it.
    TailnetAwaited,
    /// A person of the tailnet was bound to a user.
    TailnetLinked,
    /// A person of the tailnet is a user no more, or a login is not waited for any longer.
    TailnetUnlinked,
    /// A person of the tailnet was seen with another login.
    TailnetRenamed,
    /// An API token was made.
    ApiTokenMade,
    /// An API token was revoked.
    ApiTokenRevoked,
    /// All API tokens of a user were revoked.
    ApiTokensRevoked,
}

impl Event {
    /// As it stands in the record and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignedIn => "sign_in.done",
            Self::SignInFailed => "sign_in.failed",
            Self::FactorDue => "sign_in.factor_due",
            Self::SignInApproved => "sign_in.approved",
            Self::SignInDenied => "sign_in.denied",
            Self::WrongNumber => "telegram.wrong_number",
            Self::WrongPerson => "telegram.wrong_user",
            Self::CodeWrong => "sign_in.code_wrong",
            Self::FactorAdded => "factor.added",
            Self::FactorRemoved => "factor.removed",
            Self::FactorRenamed => "factor.renamed",
            Self::EnrolmentOpened => "factor.enrolment_opened",
            Self::RecoveryCodesMade => "factor.recovery_codes_made",
            Self::FactorsReset => "factor.reset",
            Self::DeviceRemembered => "device.remembered",
            Self::DevicesForgotten => "device.forgotten",
            Self::TelegramBroken => "telegram.broken",
            Self::SignInLocked => "sign_in.locked",
            Self::SignedOut => "sign_out.done",
            Self::SessionEnded => "session.ended",
            Self::SessionsEnded => "session.all_ended",
            Self::UserAdded => "user.added",
            Self::PasswordChanged => "user.password_changed",
            Self::UserRenamed => "user.renamed",
            Self::EmailChanged => "user.email_changed",
            Self::RolesChanged => "user.roles_changed",
            Self::AdministratorChanged => "user.administrator_changed",
            Self::UserDisabled => "user.disabled",
            Self::UserEnabled => "user.enabled",
            Self::UserDeleted => "user.deleted",
            Self::UserUnlocked => "user.unlocked",
            Self::LinkMade => "link.made",
            Self::LinkUsed => "link.used",
            Self::AdministrationRefused => "administration.refused",
            Self::TailnetAwaited => "tailnet.awaited",
            Self::TailnetLinked => "tailnet.linked",
            Self::TailnetUnlinked => "tailnet.unlinked",
            Self::TailnetRenamed => "tailnet.renamed",
            Self::ApiTokenMade => "api_token.made",
            Self::ApiTokenRevoked => "api_token.revoked",
            Self::ApiTokensRevoked => "api_token.all_revoked",
        }
    }
}

/// One line of the record, before it is written.
#[derive(Clone, Debug)]
#[must_use = "an entry is nothing until a write carries it"]
pub struct Entry {
    event: Event,
    actor: Actor,
    about: Option<UserId>,
    address: Option<ClientAddress>,
    detail: Map<String, Json>,
}

impl Entry {
    /// `actor` did this.
    pub fn new(event: Event, actor: Actor) -> Self {
        Self { event, actor, about: None, address: None, detail: Map::new() }
    }

    /// It concerns this user.
    pub fn about(mut self, user: UserId) -> Self {
        self.about = Some(user);
        self
    }

    /// It came from this address.
    pub fn from(mut self, address: Option<ClientAddress>) -> Self {
        self.address = address;
        self
    }

    /// With this detail. Text is cut at 200 characters.
    pub fn with(mut self, name: &'static str, value: impl Into<Json>) -> Self {
        let value = match value.into() {
            Json::String(text) => Json::String(one_line(&text, 200)),
            other => other,
        };
        self.detail.insert(name.to_owned(), value);
        self
    }
}

/// Writes that carry an entry of the record.
pub trait Recorded {
    /// The same write, with `entry` in it.
    #[must_use]
    fn audit(self, entry: Entry, now: Wall) -> Self;
}

static ADD: Statement = Statement::new(
    "insert into audit (at, event, actor, account_id, address, detail) values ($1, $2, $3, $4, $5, $6)",
);

impl Recorded for Write {
    fn audit(self, entry: Entry, now: Wall) -> Self {
        let actor = match entry.actor {
            Actor::User(user) => format!("user:{user}"),
            Actor::Visitor => "visitor".to_owned(),
            Actor::Command => "command".to_owned(),
            Actor::Aegis => "aegis".to_owned(),
        };
        let mut write = self.exec(
            &ADD,
            values![
                now,
                entry.event.name(),
                actor,
                entry.about.map(|user| user.to_string()),
                entry.address.map(|address| address.to_string()),
                Json::Object(entry.detail).to_string(),
            ],
        );
        write.recorded = true;
        write
    }
}

/// One line of the record, as it was written.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its number; later lines have greater ones.
    pub id: i64,
    /// When.
    pub at: Wall,
    /// What: [`Event::name`].
    pub event: String,
    /// Who: `user:ID`, `visitor`, `command`, `aegis`.
    pub actor: String,
    /// The id of the user it concerns.
    pub about: Option<String>,
    /// That user's name.
    pub username: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// Details, a JSON object.
    pub detail: String,
}

static NEWEST: Statement = Statement::new(
    "select audit.id, audit.at, audit.event, audit.actor, audit.account_id, account.username, audit.address, audit.detail \
     from audit left join account on account.id = audit.account_id \
     where audit.id > $1 order by audit.id desc limit $2",
);

/// The newest `limit` lines after line number `after`, oldest first.
pub async fn newest(store: &Store, after: i64, limit: u32) -> Result<Vec<Line>, StoreError> {
    let rows = store.scan(&NEWEST, values![after, i64::from(limit)]).await?;
    let mut lines = rows.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    lines.reverse();
    Ok(lines)
}

fn line(row: &Row) -> Result<Line, StoreError> {
    let text = |row: &Row, column| row.text(column).map(str::to_owned);
    Ok(Line {
        id: row.integer(0)?,
        at: row.wall(1)?,
        event: text(row, 2)?,
        actor: text(row, 3)?,
        about: row.optional(4, text)?,
        username: row.optional(5, text)?,
        address: row.optional(6, text)?,
        detail: text(row, 7)?,
    })
}
