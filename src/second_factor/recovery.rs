//! Recovery codes. Owns how they are written, and that each counts once.

use crate::identity::UserId;
use crate::store::{Statement, Store, StoreError, values};

/// Recovery codes, in the store.
#[derive(Clone)]
pub struct RecoveryCodes {
    store: Store,
}

static LEFT: Statement =
    Statement::new("select count(*) from recovery_code where account_id = $1 and used_at is null");

impl RecoveryCodes {
    /// Those in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// How many `user` has left.
    pub async fn left(&self, user: UserId) -> Result<u32, StoreError> {
        let rows = self.store.get(&LEFT, values![user.to_string()]).await?;
        rows.first().map_or(Ok(0), |row| Ok(u32::try_from(row.integer(0)?).unwrap_or_default()))
    }
}
