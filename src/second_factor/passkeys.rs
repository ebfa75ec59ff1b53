//! Passkeys (`WebAuthn` Level 3). Owns which ones there are and every ceremony.

use crate::clock::Wall;
use crate::identity::UserId;
use crate::store::{Row, Statement, Store, StoreError, values};

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

/// Passkeys, in the store.
#[derive(Clone)]
pub struct Passkeys {
    store: Store,
}

static OF: Statement = Statement::new(
    "select id, name, created_at, used_at from passkey where account_id = $1 order by created_at, id",
);

impl Passkeys {
    /// Those in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
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
}
