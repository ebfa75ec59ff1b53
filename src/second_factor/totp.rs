//! Authenticator apps (RFC 6238). Owns the sealed secrets and which code was used last.

use crate::clock::Wall;
use crate::identity::UserId;
use crate::store::{Row, Statement, Store, StoreError, values};

/// The authenticator app of an account.
#[derive(Clone, Copy, Debug)]
pub struct Enrolled {
    /// Since when.
    pub created_at: Wall,
    /// When a code of it was last used.
    pub used_at: Option<Wall>,
}

/// Authenticator apps, in the store.
#[derive(Clone)]
pub struct Totp {
    store: Store,
}

static OF: Statement = Statement::new("select created_at, used_at from totp where account_id = $1");

impl Totp {
    /// Those in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The authenticator app of `user`, if there is one.
    pub async fn of(&self, user: UserId) -> Result<Option<Enrolled>, StoreError> {
        let rows = self.store.get(&OF, values![user.to_string()]).await?;
        rows.first()
            .map(|row| Ok(Enrolled { created_at: row.wall(0)?, used_at: row.optional(1, Row::wall)? }))
            .transpose()
    }
}
