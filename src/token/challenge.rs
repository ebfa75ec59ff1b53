//! A token that waits for a second factor. Owns what a script hears while it waits, and what it may send.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use super::Door;
use crate::clock::Wall;
use crate::error::{Error, Kind};
use crate::place::ClientAddress;
use crate::second_factor::Factors;
use crate::second_factor::challenge::{Asker, Challenge, Prompt, State};
use crate::second_factor::prompting::Mode;
use crate::sign_in::{Arrival, Code, Coded, FactorDue, Finished, Remember};
use crate::web::{self, Response};

/// How often a script may ask, in seconds.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("2");

impl Door {
    /// The password was right: a challenge, and what it may be finished with.
    pub(super) fn challenged(due: &FactorDue, now: Wall) -> Response {
        waiting(due.waiting.secret.reveal(), &due.waiting.challenge, &due.factors, now)
    }

    /// How far a challenge has come; once it was approved, the token, once.
    pub(super) async fn poll(
        &self,
        secret: &str,
        headers: &HeaderMap,
        address: Option<ClientAddress>,
        now: Wall,
    ) -> Result<Response, Error> {
        let challenge = self.open_challenge(secret, now).await?;
        let Some(proof) = challenge.approval() else {
            let factors = self.sign_in.second_factor.of(challenge.user).await?;
            let mut response = waiting(secret, &challenge, &factors, now);
            response.headers_mut().insert(header::RETRY_AFTER, ASK_AGAIN);
            return Ok(response);
        };
        let arrival = arrival(headers, address);
        match self.sign_in.finish(&challenge, proof, arrival, Remember::No, now).await? {
            Finished::Signed(signed) => self.answer(&signed, challenge.audience.as_deref()),
            Finished::Over | Finished::Used => Err(expired()),
        }
    }

    /// A code in place of the answer on Telegram.
    pub(super) async fn redeem(
        &self,
        secret: &str,
        code: Code<'_>,
        headers: &HeaderMap,
        address: Option<ClientAddress>,
        now: Wall,
    ) -> Result<Response, Error> {
        let challenge = self.open_challenge(secret, now).await?;
        let arrival = arrival(headers, address);
        match self.sign_in.with_code(&challenge, code, arrival, Remember::No, now).await? {
            Coded::Signed(signed) => self.answer(&signed, challenge.audience.as_deref()),
            Coded::Wrong => Err(Error::said(Kind::NotSignedIn, "That code is not right, or was used before")),
            Coded::Locked(until) => Err(Error::said(
                Kind::TooMany(now.until(until)),
                "Too many wrong codes for this account. Try again later.",
            )),
            Coded::Over => Err(expired()),
        }
    }

    /// The challenge of that secret, if it is a script's and waits still. That of a browser is none here.
    async fn open_challenge(&self, secret: &str, now: Wall) -> Result<Challenge, Error> {
        let found = self.sign_in.second_factor.challenges.by_secret(secret, now).await?;
        let challenge = found.filter(|challenge| challenge.asker == Asker::Script).ok_or_else(expired)?;
        match challenge.state {
            State::Pending | State::Approved => Ok(challenge),
            State::Denied | State::WrongNumber => Err(Error::said(Kind::NotSignedIn, "denied")),
            State::Finished | State::Expired | State::Superseded | State::Cancelled => Err(expired()),
        }
    }
}

fn expired() -> Error {
    Error::said(Kind::NotSignedIn, "expired")
}

fn arrival(headers: &HeaderMap, address: Option<ClientAddress>) -> Arrival<'_> {
    Arrival {
        address,
        user_agent: headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()),
        is_known: false,
        keep: false,
        enrol_until: None,
        replaces: None,
    }
}

/// 202: what the script may do now. A passkey is nothing that a script has.
fn waiting(secret: &str, challenge: &Challenge, factors: &Factors, now: Wall) -> Response {
    let asked = matches!(challenge.prompt, Prompt::Due | Prompt::Sent);
    let ways = [
        ("telegram", asked),
        ("totp", factors.totp.is_some()),
        ("recovery_code", factors.recovery_codes > 0),
    ];
    let methods: Vec<&str> = ways.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect();
    let number =
        challenge.number.filter(|_| asked && matches!(challenge.mode, Some(Mode::Pick | Mode::Type)));
    web::json(
        StatusCode::ACCEPTED,
        &json!({
            "challenge": secret,
            "methods": methods,
            "number": number,
            "expires_in": now.until(challenge.expires_at).as_secs(),
        }),
    )
}
