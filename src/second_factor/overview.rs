//! Which factors accounts have, for lists: needs no key, and gives no factor away.
//! Never decides what somebody is asked for: that is [`SecondFactor::of`](super::SecondFactor::of).

use std::collections::HashMap;

use crate::identity::{Method, UserId};
use crate::store::{Row, Statement, Store, StoreError, values};

/// Which factors one account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Whether somebody answers on Telegram.
    pub telegram: bool,
    /// Whether there is an authenticator app.
    pub totp: bool,
    /// How many passkeys.
    pub passkeys: u32,
    /// How many recovery codes were not used yet.
    pub recovery_codes: u32,
}

impl Held {
    /// Whether there is one that a sign-in asks for. (Recovery codes stand in for one and are none.)
    pub fn any(self) -> bool {
        self.methods().next().is_some()
    }

    /// The kinds there are.
    pub fn methods(self) -> impl Iterator<Item = Method> {
        [(self.telegram, Method::Telegram), (self.totp, Method::Totp), (self.passkeys > 0, Method::Passkey)]
            .into_iter()
            .filter_map(|(is_there, method)| is_there.then_some(method))
    }
}

/// How many accounts are read at once where all are.
const PAGE: u16 = 5_000;

static ALL: Statement = Statement::new(
    "select account.id, \
     (select count(*) from telegram_link where telegram_link.account_id = account.id), \
     (select count(*) from totp where totp.account_id = account.id), \
     (select count(*) from passkey where passkey.account_id = account.id), \
     (select count(*) from recovery_code where recovery_code.account_id = account.id and used_at is null) \
     from account where account.deleted_at is null and account.id > $1 order by account.id limit $2",
);

/// Which factors everybody in `store` has: all accounts that were not deleted.
pub async fn held_by_all(store: &Store) -> Result<HashMap<UserId, Held>, StoreError> {
    let mut all = HashMap::new();
    let mut last = String::new();
    loop {
        let page = store.scan(&ALL, values![last.as_str(), i64::from(PAGE)]).await?;
        for row in &page {
            let (user, held) = held(row)?;
            last = user.to_string();
            all.insert(user, held);
        }
        if page.len() < usize::from(PAGE) {
            return Ok(all);
        }
    }
}

fn held(row: &Row) -> Result<(UserId, Held), StoreError> {
    let count = |column| Ok(u32::try_from(row.integer(column)?).unwrap_or_default());
    let held =
        Held { telegram: count(1)? > 0, totp: count(2)? > 0, passkeys: count(3)?, recovery_codes: count(4)? };
    Ok((row.parsed(0)?, held))
}
