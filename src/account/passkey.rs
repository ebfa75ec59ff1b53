//! Adding a passkey: two requests of the page's script. Owns what they say and hear.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Door, Owner, Visit};
use crate::audit::{Entry, Event, Recorded};
use crate::error::{Error, Kind};
use crate::identity::{Actor, Method, SessionId};
use crate::notices::{Notice, Noticed};
use crate::second_factor::passkeys::Holder;
use crate::store::WriteError;
use crate::web::{self, Response, forms, urls};

/// What the script sends when the authenticator has answered.
#[derive(Deserialize)]
struct Answered<'a> {
    ceremony: &'a str,
    #[serde(borrow)]
    response: &'a RawValue,
    #[serde(default)]
    name: String,
}

impl Door {
    /// `POST /account/passkey/options`.
    pub async fn passkey_options(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let (owner, session) = self.who_may_add(&visit).await?;
        let user = &owner.user;
        let holder = Holder { id: user.id, username: &user.username, name: &user.name };
        let passkeys = &self.app.second_factor.passkeys;
        let begun = passkeys.begin_registration(holder, session, visit.now.wall).await?;
        Ok(web::json(
            StatusCode::OK,
            &json!({ "ceremony": begun.ceremony.reveal(), "options": begun.options }),
        ))
    }

    /// `POST /account/passkey`: where to go when it was added.
    pub async fn add_passkey(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let (owner, session) = self.who_may_add(&visit).await?;
        let answered: Answered<'_> = web::read_json(visit.headers, body)?;
        let (user, now) = (owner.user.id, visit.now.wall);
        let response = answered.response.get().as_bytes();
        let passkeys = &self.app.second_factor.passkeys;
        let made =
            passkeys.finish_registration(answered.ceremony, session, user, response, &answered.name, now);
        let refused = || {
            Error::said(
                Kind::Unprocessable,
                "That passkey could not be added. Load the page again and try again.",
            )
        };
        let Some(proof) = made.await? else { return Err(refused()) };
        let entry = Entry::new(Event::FactorAdded, Actor::User(user))
            .about(user)
            .from(visit.came.address)
            .with("method", Method::Passkey.name())
            .with("name", answered.name.as_str());
        let write = proof.write.audit(entry, now).notice(
            user,
            &Notice::FactorAdded(Method::Passkey, answered.name),
            now,
        );
        match self.app.store.write(write).await {
            Ok(_) => Ok(web::json(StatusCode::OK, &json!({ "to": urls::ACCOUNT }))),
            Err(WriteError::Unexpected(_) | WriteError::Taken(_)) => Err(refused()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whoever is signed in here and has just shown that it is them.
    async fn who_may_add(&self, visit: &Visit<'_>) -> Result<(Owner, SessionId), Error> {
        forms::same_origin(visit.headers, self.app.current.load().site.public_url())?;
        let owner = self.owner(visit).await?;
        let owner = owner.ok_or_else(|| Error::said(Kind::Forbidden, "Sign in first."))?;
        Self::may_change(&owner, visit.now)?;
        let session = owner.session.as_ref().map(|session| session.id);
        let session = session.ok_or_else(|| Error::said(Kind::Forbidden, "Sign in first."))?;
        Ok((owner, session))
    }
}
