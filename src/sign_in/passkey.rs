//! From a passkey to a session. Never judges the passkey itself: `second_factor` did.

use super::{Arrival, SignIn, Signed};
use crate::audit::{Entry, Event, Recorded};
use crate::clock::Wall;
use crate::error::Error;
use crate::identity::{Actor, UserId};
use crate::place::ClientAddress;
use crate::second_factor::Proof;
use crate::store::Write;
use crate::users::ChangeError;

impl SignIn {
    /// Opens a session for somebody who has shown a passkey and nothing else: it counts as two factors.
    /// Nothing if the account may not come in, or if the passkey was used elsewhere at the same moment.
    pub async fn with_passkey(
        &self,
        user: UserId,
        proof: Proof,
        arrival: Arrival<'_>,
        now: Wall,
    ) -> Result<Option<Signed>, Error> {
        let Some(user) = self.users.by_id(user).await?.filter(|user| user.active) else { return Ok(None) };
        let methods = &[proof.method];
        match self.admit(proof.write, (user.id, user.epoch), methods, arrival, now).await {
            Ok(signed) => Ok(Some(signed)),
            Err(ChangeError::Elsewhere(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Records that a passkey opened nothing, and counts it against the address: until when that may not
    /// try again, if it tried too often. Who it was nobody knows.
    pub async fn passkey_failed(
        &self,
        address: Option<ClientAddress>,
        now: Wall,
    ) -> Result<Option<Wall>, Error> {
        let locked = self.attempts.count_failure(address, now).await?;
        // Not recorded one by one: whoever floods us would fill the record. The lock's beginning is.
        if locked.is_none() {
            let entry =
                Entry::new(Event::SignInFailed, Actor::Visitor).from(address).with("method", "passkey");
            self.store.write(Write::new().audit(entry, now)).await?;
            let ip = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
            tracing::warn!(stream = "audit", event = "sign_in.failed", ip);
        }
        Ok(locked)
    }
}
