//! Passkeys (`WebAuthn` Level 3): which ones there are, and the ceremonies that make one and show one.
//!
//! Promises: a ceremony does one thing once, within five minutes, for whom it was begun; what a browser
//! says counts only for the very origin of `public_url`, and only if the authenticator verified its user;
//! a passkey whose counter goes back opens nothing. Never: tells a visitor what was not right, or that
//! somebody has a passkey.

mod ceremony;
mod party;

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::clock::Wall;
use crate::identity::{UserId, Username};
use crate::keys::Keys;
use crate::place::Origin;
use crate::store::{Row, Rows, Statement, Store, StoreError, Write, values};

pub use ceremony::Begun;
use party::RelyingParty;

/// How many one account may have.
pub const MOST: i64 = 32;
/// The most characters of a name.
const LONGEST_NAME: usize = 64;

/// One passkey.
#[derive(Clone, Debug)]
pub struct Passkey {
    /// Its id with us.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Since when.
    pub created_at: Wall,
    /// When it was last used.
    pub used_at: Option<Wall>,
}

/// For whom a passkey is made, as the authenticator shows it.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// The account: the handle of its passkeys.
    pub id: UserId,
    /// Its name.
    pub username: &'a Username,
    /// Its display name; may be empty.
    pub name: &'a str,
}

/// Passkeys, in the store.
#[derive(Clone)]
pub struct Passkeys {
    store: Store,
    keys: Arc<Keys>,
    party: Arc<ArcSwapOption<RelyingParty>>,
}

static OF: Statement = Statement::new(
    "select id, name, created_at, used_at from passkey where account_id = $1 order by created_at, id",
);
static RENAME: Statement = Statement::new("update passkey set name = $3 where id = $1 and account_id = $2");
static REMOVE: Statement = Statement::new("delete from passkey where id = $1 and account_id = $2");

impl Passkeys {
    /// Those in `store`; their ceremonies are sealed with `keys`. None is made or shown before they
    /// [`stand_at`](Self::stand_at) an origin.
    pub fn new(store: Store, keys: Arc<Keys>) -> Self {
        Self { store, keys, party: Arc::default() }
    }

    /// From now on ceremonies are those of the site at `public_url`. A passkey belongs to the host it was
    /// made for; one that is an address has none.
    pub fn stand_at(&self, public_url: &Origin) {
        self.party.store(RelyingParty::at(public_url).map(Arc::new));
    }

    /// Whether this site can have passkeys at all.
    pub fn is_offered(&self) -> bool {
        self.party.load().is_some()
    }

    /// The passkeys of `user`, oldest first.
    pub async fn of(&self, user: UserId) -> Result<Vec<Passkey>, StoreError> {
        let rows = self.store.get(&OF, values![user.to_string()]).await?;
        rows.iter()
            .map(|row| {
                Ok(Passkey {
                    id: row.text(0)?.to_owned(),
                    name: row.text(1)?.to_owned(),
                    created_at: row.wall(2)?,
                    used_at: row.optional(3, Row::wall)?,
                })
            })
            .collect()
    }

    /// Adds to `base` that the passkey `id` of `user` is called `name`. Without that passkey nothing happens.
    pub fn rename(base: Write, user: UserId, id: &str, name: &str) -> Write {
        base.exec(&RENAME, values![id, user.to_string(), name_of(name)]).expect(Rows::One)
    }

    /// Adds to `base` that the passkey `id` of `user` is gone. Without that passkey nothing happens.
    pub fn remove(base: Write, user: UserId, id: &str) -> Write {
        base.exec(&REMOVE, values![id, user.to_string()]).expect(Rows::One)
    }
}

/// A passkey's name as it is kept: one line, not too long, never empty.
fn name_of(text: &str) -> String {
    let plain: String = text.chars().filter(|character| !character.is_control()).collect();
    let name: String = plain.trim().chars().take(LONGEST_NAME).collect();
    if name.is_empty() { "Passkey".to_owned() } else { name }
}
