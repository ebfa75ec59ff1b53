//! A sign-in that waits for a second factor.
use crate::store::Store;
/// Sign-ins that wait, in the store.
#[derive(Clone)]
pub struct Challenges {
    store: Store,
}
impl Challenges {
    /// Those in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}
