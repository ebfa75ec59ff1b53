//! Factors that come or go together: the first of an account, and all of them at once.
//! Never lets what stands in for a factor outlive the last one by oversight.

use super::SecondFactor;
use super::recovery::RecoveryCodes;
use crate::clock::Wall;
use crate::identity::UserId;
use crate::store::{Rows, Statement, Step, Store, StoreError, Write, values};

static ANY: Statement = Statement::new(
    "select account_id from telegram_link where account_id = $1 \
     union all select account_id from totp where account_id = $1 \
     union all select account_id from passkey where account_id = $1 limit 1",
);
static FORGET_CODES: Statement = Statement::new(
    "delete from recovery_code where account_id = $1 \
     and not exists (select 1 from telegram_link where account_id = $1) \
     and not exists (select 1 from totp where account_id = $1) \
     and not exists (select 1 from passkey where account_id = $1)",
);
static NO_TELEGRAM: Statement = Statement::new("delete from telegram_link where account_id = $1");
static NO_TOTP: Statement = Statement::new("delete from totp where account_id = $1");
static NO_PASSKEYS: Statement = Statement::new("delete from passkey where account_id = $1");
static NO_OFFERS: Statement =
    Statement::new("update telegram_offer set ended_at = $2 where account_id = $1 and ended_at is null");
static NO_CHALLENGES: Statement = Statement::new(
    "update challenge set state = 'cancelled', decided_at = $2, \
     told = case when message is null then 1 else 0 end \
     where account_id = $1 and state in ('pending', 'approved')",
);
static NO_PROMPTING: Statement = Statement::new("delete from prompting where account_id = $1");

/// Which recovery codes go with the factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codes {
    /// They are void, too.
    Void,
    /// They are on paper, and count beside the next factor.
    Kept,
}

impl SecondFactor {
    /// Whether `user` has a factor that a sign-in asks for, as [`Factors::any`](super::Factors::any) says.
    pub async fn has_any(store: &Store, user: UserId) -> Result<bool, StoreError> {
        Ok(!store.get(&ANY, values![user.to_string()]).await?.is_empty())
    }

    /// The same write, which happens only if `user` has no factor yet.
    pub fn while_none(write: Write, user: UserId) -> Write {
        Self::first(write, user, Rows::None)
    }

    /// The same write, which happens only if `user` has a factor.
    pub fn while_some(write: Write, user: UserId) -> Write {
        Self::first(write, user, Rows::Some)
    }

    fn first(mut write: Write, user: UserId, expect: Rows) -> Write {
        write.steps.insert(0, Step { statement: &ANY, values: values![user.to_string()], expect });
        write
    }

    /// Adds to `write`, which takes a factor away, that recovery codes go with the last one.
    pub fn without_idle_codes(write: Write, user: UserId) -> Write {
        write.exec(&FORGET_CODES, values![user.to_string()])
    }

    /// Adds to `base` that `user` has no factor any more, and that nothing which was begun with one ends well.
    pub fn removing_all(base: Write, user: UserId, codes: Codes, now: Wall) -> Write {
        let id = || values![user.to_string()];
        let ended = || values![user.to_string(), now];
        let write = base
            .exec(&NO_TELEGRAM, id())
            .exec(&NO_TOTP, id())
            .exec(&NO_PASSKEYS, id())
            .exec(&NO_OFFERS, ended())
            .exec(&NO_CHALLENGES, ended())
            .exec(&NO_PROMPTING, id());
        match codes {
            Codes::Void => RecoveryCodes::remove_all(write, user),
            Codes::Kept => write,
        }
    }
}
