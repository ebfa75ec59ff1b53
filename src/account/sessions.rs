//! Where somebody is signed in. Ending that needs no factor: it only takes away.

use super::{Door, Visit};
use crate::audit::Event;
use crate::error::{Error, Kind};
use crate::identity::SessionId;
use crate::sessions::{Listed, Purpose};
use crate::web::Response;
use crate::web::pages::{Said, SessionLine};

impl Door {
    /// `POST /account/sessions/end`.
    pub async fn end_session(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let id: SessionId = form
            .text("id")
            .parse()
            .map_err(|_| Error::said(Kind::Unprocessable, "That is not a session."))?;
        let (user, now, address) = (owner.user.id, visit.now.wall, visit.came.address);
        let (sessions, event) = (&self.app.sessions, Event::SessionEnded);
        let ended = sessions.end(user, id, event, owner.actor(), address, now).await?;
        let said = if ended { "That session was ended." } else { "That session had ended already." };
        self.show(&owner, visit.now, Said::Done(said)).await
    }

    /// `POST /account/sessions/end-others`.
    pub async fn end_others(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let (user, now) = (owner.user.id, visit.now.wall);
        let said = if let Some(kept) = &owner.session {
            self.app.sessions.end_others(user, kept.id, owner.actor(), now).await?;
            "All other sessions were ended."
        } else {
            self.app.users.end_sessions(user, owner.actor(), now).await?;
            "All sessions were ended."
        };
        self.show(&owner, visit.now, Said::Done(said)).await
    }
}

pub(super) fn line(listed: &Listed, own: Option<SessionId>) -> SessionLine<'_> {
    let program = match listed.purpose {
        Purpose::Web => "",
        Purpose::Token => "a token for a script",
    };
    SessionLine {
        id: listed.id,
        user_agent: listed.user_agent.as_deref().unwrap_or(program),
        address: listed.address.as_deref(),
        methods: &listed.methods,
        used_at: listed.used_at,
        this: Some(listed.id) == own,
    }
}
