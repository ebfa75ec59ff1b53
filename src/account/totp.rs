//! Setting up an authenticator app. What is offered is sealed and travels with the form: the store knows
//! nothing of it before a code of it was shown.

use super::{Door, Owner, Visit};
use crate::error::{Error, Kind};
use crate::second_factor::totp::Offer;
use crate::sessions::Session;
use crate::web::pages::{self, Said, SetUpTotp};
use crate::web::{Response, urls};

impl Door {
    /// `GET /account/factors/totp`.
    pub async fn totp_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let session = match self.may_enrol(&owner, visit.now.wall) {
            Ok(session) => session,
            Err(why) => return Ok(self.not_yet(why, urls::ACCOUNT_TOTP)),
        };
        if owner.factors.totp.is_some() {
            return Ok(self.to(urls::ACCOUNT));
        }
        let offer = self.app.second_factor.totp.offer(owner.user.id, session.id, visit.now.wall)?;
        Ok(self.totp(&owner, &offer, Said::Nothing))
    }

    /// `POST /account/factors/totp`: `offer` and its first code, `totp`.
    pub async fn add_totp(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let session = match self.may_enrol(&owner, visit.now.wall) {
            Ok(session) => session,
            Err(why) => return Ok(self.not_yet(why, urls::ACCOUNT_TOTP)),
        };
        let (totp, user, now) = (&self.app.second_factor.totp, owner.user.id, visit.now.wall);
        let Some(offer) = totp.offered(form.text("offer"), user, session.id, now) else {
            let error = Error::said(
                Kind::Gone,
                "That took too long. Remove the entry from your app, and set it up with this code instead.",
            );
            let offer = totp.offer(user, session.id, now)?;
            return Ok(self.totp(&owner, &offer, Said::Refused(&error)));
        };
        match self.add_app(&owner, session, &visit, &offer, &form.secret("totp")).await {
            Ok(response) => Ok(response),
            Err(error) if error.kind == Kind::Conflict => {
                self.show(&owner, visit.now, Said::Refused(&error)).await
            }
            Err(error) => Ok(self.totp(&owner, &offer, Said::Refused(&error))),
        }
    }

    async fn add_app(
        &self,
        owner: &Owner,
        session: &Session,
        visit: &Visit<'_>,
        offer: &Offer,
        code: &crate::secret::Secret,
    ) -> Result<Response, Error> {
        let totp = &self.app.second_factor.totp;
        let base = crate::store::Write::new();
        let Some(proof) = totp.enrol(base, owner.user.id, offer, code, visit.now.wall)? else {
            return Err(Error::said(
                Kind::Unprocessable,
                "That code is not right. Type the six digits your app shows now; if they never fit, look at the clock of your device.",
            ));
        };
        self.enrol(owner, session, visit, (proof, ""), self.to(Self::after_enrolment(owner))).await
    }

    fn totp(&self, owner: &Owner, offer: &Offer, said: Said<'_>) -> Response {
        let site = &self.app.current.load().site;
        let username = owner.user.username.as_str();
        let uri = offer.uri(site.public_url().host().as_str(), username);
        let text = offer.secret_text();
        pages::set_up_totp(
            site,
            &SetUpTotp { username, uri: uri.reveal(), secret: text.reveal(), sealed: offer.sealed(), said },
        )
    }
}
