//! Adding a passkey: two requests of the page's script. Owns what they say and hear.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Door, Owner, Visit};
use crate::error::{Error, Kind};
use crate::second_factor::passkeys::Holder;
use crate::web::{self, Response, forms};

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
        let owner = self.scripted(&visit).await?;
        let session = self.may_enrol(&owner, visit.now.wall)?;
        let user = &owner.user;
        let holder = Holder { id: user.id, username: &user.username, name: &user.name };
        let passkeys = &self.app.second_factor.passkeys;
        let begun = passkeys.begin_registration(holder, session.id, visit.now.wall).await?;
        Ok(web::json(StatusCode::OK, &begun.to_json()))
    }

    /// `POST /account/passkey`: where to go when it was added.
    pub async fn add_passkey(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let owner = self.scripted(&visit).await?;
        let session = self.may_enrol(&owner, visit.now.wall)?;
        let answered: Answered<'_> = web::read_json(visit.headers, body)?;
        let (user, now) = (owner.user.id, visit.now.wall);
        let response = answered.response.get().as_bytes();
        let passkeys = &self.app.second_factor.passkeys;
        let made =
            passkeys.finish_registration(answered.ceremony, session.id, user, response, &answered.name, now);
        let Some(proof) = made.await? else {
            return Err(Error::said(
                Kind::Unprocessable,
                "That passkey could not be added. Load the page again and try again.",
            ));
        };
        let response = web::json(StatusCode::OK, &json!({ "to": Self::after_enrolment(&owner) }));
        self.enrol(&owner, session, &visit, (proof, &answered.name), response).await
    }

    /// Whose account a script of our own page acts on.
    async fn scripted(&self, visit: &Visit<'_>) -> Result<Owner, Error> {
        forms::same_origin(visit.headers, self.app.current.load().site.public_url())?;
        self.owner(visit).await?.ok_or_else(|| Error::said(Kind::Forbidden, "Sign in first."))
    }
}
