//! Signing in with a passkey: two requests of the page's script. Owns what they say and hear.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::second_factor::destination;
use super::{Door, Visit};
use crate::browser::Browser;
use crate::error::{Error, Kind};
use crate::sign_in::{Arrival, Finished, Remember};
use crate::web::{self, Response, forms, urls};

/// What the script sends when the authenticator has answered.
#[derive(Deserialize)]
struct Answered<'a> {
    ceremony: &'a str,
    #[serde(borrow)]
    response: &'a RawValue,
    #[serde(default)]
    keep: bool,
    #[serde(default)]
    rd: String,
}

impl Door {
    /// `POST /login/passkey/options`: the same question for everybody.
    pub fn passkey_options(&self, visit: Visit<'_>) -> Result<Response, Error> {
        forms::same_origin(visit.headers, self.app.current.load().site.public_url())?;
        let begun = self.sign_in.second_factor.passkeys.begin_authentication(visit.now.wall)?;
        Ok(web::json(StatusCode::OK, &begun.to_json()))
    }

    /// `POST /login/passkey`: where to go, with the cookies of a session.
    pub async fn passkey(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let current = self.app.current.load();
        let Visit { headers, now, .. } = visit;
        forms::same_origin(headers, current.site.public_url())?;
        let answered: Answered<'_> = web::read_json(headers, body)?;
        let response = answered.response.get().as_bytes();
        let passkeys = &self.sign_in.second_factor.passkeys;
        let shown = passkeys.finish_authentication(answered.ceremony, response, now.wall).await?;
        let Some((user, proof)) = shown else { return Err(self.refuse(&visit).await?) };
        let arrival = Arrival { keep: answered.keep, ..self.arrival(user, &visit).await? };
        // Somebody who has shown the password, too, finishes what waits for them.
        let waiting = self.waiting(&current, &visit).await?;
        let waiting = waiting.filter(|one| one.challenge.user == user && one.challenge.state.is_open());
        let signed = match &waiting {
            Some(one) => {
                match self.sign_in.finish(&one.challenge, proof, arrival, Remember::No, now.wall).await? {
                    Finished::Signed(signed) => Some(*signed),
                    Finished::Over | Finished::Used => None,
                }
            }
            None => self.sign_in.with_passkey(user, proof, arrival, now.wall).await?,
        };
        let Some(signed) = signed else { return Err(self.refuse(&visit).await?) };
        let to = destination(&current, &answered.rd);
        self.sends(to.app(), &visit);
        let to = to.written().unwrap_or(urls::HOME);
        let mut response = web::json(StatusCode::OK, &json!({ "to": to }));
        if waiting.is_some() {
            Browser::waits_no_more(&mut response)?;
        }
        let domain = current.cookie_domain.as_ref();
        self.browser.welcome(&mut response, &signed, answered.keep, domain, now.wall)?;
        Ok(response)
    }

    /// One sentence for whatever was not right.
    async fn refuse(&self, visit: &Visit<'_>) -> Result<Error, Error> {
        let now = visit.now.wall;
        Ok(match self.sign_in.passkey_failed(visit.came.address, now).await? {
            None => Error::said(
                Kind::Unprocessable,
                "That passkey didn’t work here. Try again, or sign in another way.",
            ),
            Some(until) => Error::said(
                Kind::TooMany(now.until(until)),
                "Too many attempts from this address. Try again later.",
            ),
        })
    }
}
