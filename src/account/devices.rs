//! Browsers that are remembered. Forgetting one needs no factor: it only takes away.

use super::{Door, Visit};
use crate::attempts::Remembered;
use crate::error::Error;
use crate::web::Response;
use crate::web::pages::{DeviceLine, Said};

pub(super) fn line(remembered: &Remembered) -> DeviceLine<'_> {
    DeviceLine {
        id: &remembered.id,
        user_agent: remembered.user_agent.as_deref().unwrap_or_default(),
        since: remembered.since,
    }
}

impl Door {
    /// `POST /account/devices/forget`: one, by its `id`.
    pub async fn forget_device(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let (user, actor, now) = (owner.user.id, owner.actor(), visit.now.wall);
        let (attempts, id) = (&self.app.attempts, form.text("id"));
        let is_there = attempts.remembered(user).await?.iter().any(|one| one.id == id);
        let forgotten = is_there && attempts.forget_device(user, id, actor, now).await?;
        let said =
            if forgotten { "That browser was forgotten." } else { "That browser was forgotten already." };
        self.show(&owner, visit.now, Said::Done(said)).await
    }

    /// `POST /account/devices/forget-all`.
    pub async fn forget_devices(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        self.app.attempts.forget_devices(owner.user.id, owner.actor(), visit.now.wall).await?;
        self.show(&owner, visit.now, Said::Done("All browsers were forgotten.")).await
    }
}
