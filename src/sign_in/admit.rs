//! A session for somebody of whom it is known already who they are, together with what they came to do.
//! Never judges what was shown.

use super::{Arrival, SignIn, Signed};
use crate::clock::Wall;
use crate::identity::{Identity, Method, SessionId, UserId};
use crate::second_factor::challenge::Challenges;
use crate::sessions::{NewSession, OpenError, Purpose, Session};
use crate::store::{Write, WriteError};
use crate::users::ChangeError;

impl SignIn {
    /// Opens a session, in this browser, for somebody who has shown `methods`, together with what `base` does
    /// (a password is set, a factor added): both or neither, so that nobody is left with a link that is spent
    /// and no way in. After `base` the account has this `epoch`.
    pub async fn admit(
        &self,
        base: Write,
        (user, epoch): (UserId, i64),
        methods: &[Method],
        arrival: Arrival<'_>,
        now: Wall,
    ) -> Result<Signed, ChangeError> {
        self.admit_as_of(base, (user, epoch), (methods, now), (arrival, arrival.replaces), now).await
    }

    /// Opens a session in place of `session`, in which no more was shown and nothing anew, together with what
    /// `base` does. After `base` the account has this `epoch`.
    pub async fn replace(
        &self,
        base: Write,
        epoch: i64,
        session: &Session,
        arrival: Arrival<'_>,
        now: Wall,
    ) -> Result<Signed, ChangeError> {
        let Identity { user, methods, authenticated_at, .. } = &*session.identity;
        let shown = (&**methods, authenticated_at.unwrap_or(now));
        self.admit_as_of(base, (*user, epoch), shown, (arrival, Some(session.id)), now).await
    }

    async fn admit_as_of(
        &self,
        base: Write,
        (user, epoch): (UserId, i64),
        (methods, authenticated_at): (&[Method], Wall),
        (arrival, before): (Arrival<'_>, Option<SessionId>),
        now: Wall,
    ) -> Result<Signed, ChangeError> {
        let id = SessionId::new();
        let base = match before {
            Some(before) => Challenges::going_on(base, user, before, id),
            None => base,
        };
        let (device, base) = self.marked(base, user, arrival.is_known, now);
        let new = NewSession {
            id,
            user,
            epoch,
            purpose: Purpose::Web,
            audience: None,
            methods,
            authenticated_at: Some(authenticated_at),
            keep: arrival.keep,
            enrol_until: arrival.enrol_until,
            address: arrival.address,
            user_agent: arrival.user_agent,
            replaces: arrival.replaces,
        };
        let session = self.sessions.open(base, new, now).await.map_err(|error| match error {
            OpenError::Base(step) => ChangeError::Elsewhere(step),
            OpenError::Changed => ChangeError::Elsewhere(usize::MAX),
            OpenError::Store(error) => error.into(),
        })?;
        let gone = |why: String| ChangeError::Store(WriteError::Unavailable(why));
        let read = self.users.by_id(user).await.map_err(|error| gone(error.to_string()))?;
        let user = read.ok_or_else(|| gone("the account was deleted a moment ago".to_owned()))?;
        let identity = user.identity(session.id, methods, authenticated_at);
        Ok(Signed { identity, session, device })
    }
}
