//! The JSON interface: tokens for scripts and apps, whether one counts, and the public keys.
//!
//! Promises: the answers of the contract to the letter; every failure is a problem document
//! (RFC 9457); no cookie is read or set here. Never: takes a browser's token.

mod challenge;

use std::sync::Arc;

use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use crate::authenticate::{Authenticate, Judged};
use crate::clock::{Now, Wall};
use crate::error::{Error, Kind};
use crate::identity::AppName;
use crate::keys::{AccessClaims, Keys};
use crate::place::ClientAddress;
use crate::secret::Secret;
use crate::sign_in::{Code, Outcome, Shown, SignIn, Signed, Wanted};
use crate::state;
use crate::web::{self, Response};

/// The door's own parts.
pub struct Door {
    app: Arc<state::App>,
    keys: Arc<Keys>,
    sign_in: SignIn,
    authenticate: Authenticate,
}

/// What `POST /auth/token` reads: one of these shapes, and nothing beside it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Asked {
    Password(Credentials),
    Totp(WithTotp),
    RecoveryCode(WithRecoveryCode),
    Waits(Waits),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    email: String,
    password: String,
    #[serde(default)]
    audience: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithTotp {
    challenge: String,
    totp: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithRecoveryCode {
    challenge: String,
    recovery_code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Waits {
    challenge: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Validate {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    audience: Option<String>,
}

impl Door {
    /// The door of this house.
    pub fn new(app: &Arc<state::App>) -> Self {
        Self {
            app: app.clone(),
            keys: app.keys.clone(),
            sign_in: app.sign_in.clone(),
            authenticate: app.authenticate.clone(),
        }
    }

    /// `POST /auth/token`: a password, and where one is due a second factor, for a token.
    pub async fn token(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        address: Option<ClientAddress>,
        now: Now,
    ) -> Response {
        match self.issue(headers, body, address, now).await {
            Ok(response) => response,
            Err(error) => {
                tracing::debug!(event = "token.refused", reason = %error);
                web::problem(&error, None)
            }
        }
    }

    async fn issue(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        address: Option<ClientAddress>,
        now: Now,
    ) -> Result<Response, Error> {
        let now = now.wall;
        match web::read_json(headers, body)? {
            Asked::Password(asked) => self.judge(asked, headers, address, now).await,
            Asked::Waits(Waits { challenge }) => self.poll(&challenge, headers, address, now).await,
            Asked::Totp(WithTotp { challenge, totp }) => {
                let totp = Secret::new(totp);
                self.redeem(&challenge, Code::Totp(&totp), headers, address, now).await
            }
            Asked::RecoveryCode(WithRecoveryCode { challenge, recovery_code }) => {
                let code = Secret::new(recovery_code);
                self.redeem(&challenge, Code::Recovery(&code), headers, address, now).await
            }
        }
    }

    async fn judge(
        &self,
        asked: Credentials,
        headers: &HeaderMap,
        address: Option<ClientAddress>,
        now: Wall,
    ) -> Result<Response, Error> {
        let audience = asked.audience.as_deref().map(|name| self.known_app(name)).transpose()?;
        let shown = Shown {
            login: &asked.email,
            password: Secret::new(asked.password),
            device: None,
            address,
            user_agent: headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()),
            wanted: Wanted::Token { audience: audience.as_ref().map(AppName::as_str) },
        };
        match self.sign_in.with_password(shown, now).await? {
            Outcome::Signed(signed) => self.answer(&signed, audience.as_ref().map(AppName::as_str)),
            Outcome::FactorDue(due) => Ok(Self::challenged(&due, now)),
            Outcome::AnotherWaits => Err(Error::said(
                Kind::Conflict,
                "Another sign-in to this account is waiting for its second factor. Try again in two minutes.",
            )),
            Outcome::Wrong => Err(Error::said(Kind::NotSignedIn, "Invalid email or password")),
            Outcome::TooMany(until) => Err(Error::said(
                Kind::TooMany(now.until(until)),
                "Too many attempts from this address. Try again later.",
            )),
            Outcome::Busy(wait) => {
                Err(Error::said(Kind::Unavailable(wait), "Too many sign-ins at once. Try again in a moment."))
            }
        }
    }

    fn answer(&self, signed: &Signed, audience: Option<&str>) -> Result<Response, Error> {
        let (lasts, ends) = (self.app.sessions.lifetimes().token, signed.session.expires_at);
        let claims = AccessClaims::of(&signed.identity, signed.session.id, audience, ends.minus(lasts), ends);
        let token = self.keys.sign_access(&claims)?;
        let roles: Vec<&str> = signed.identity.role_names().collect();
        Ok(web::json(
            StatusCode::OK,
            &json!({
                "access_token": token.reveal(),
                "token_type": "bearer",
                "expires_in": lasts.as_secs(),
                "user_id": signed.identity.user.to_string(),
                "roles": roles,
            }),
        ))
    }

    fn known_app(&self, name: &str) -> Result<AppName, Error> {
        let current = self.app.current.load();
        current
            .policy
            .apps()
            .iter()
            .map(|app| app.name())
            .find(|known| known.as_str() == name)
            .cloned()
            .ok_or_else(|| Error::said(Kind::Unprocessable, "There is no app of that name."))
    }

    /// `POST /auth/validate`: whether a token counts now.
    pub async fn validate(&self, headers: &HeaderMap, body: &[u8], now: Now) -> Response {
        let asked: Validate = if body.is_empty() {
            Validate::default()
        } else {
            match web::read_json(headers, body) {
                Ok(asked) => asked,
                Err(error) => return web::problem(&error, None),
            }
        };
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            // A server takes the blank away that ends a value: an empty token is one, too.
            .map(|value| value.split_once(' ').unwrap_or((value, "")))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let Some(token) = asked.token.as_deref().or(bearer) else {
            let error =
                Error::said(Kind::Malformed, "Send the token as Authorization: Bearer or as {\"token\"}.");
            return web::problem(&error, None);
        };
        match self.authenticate.judge(token, now).await {
            Judged::Counts(session) => {
                let only = session.audience.as_deref();
                if let (Some(wanted), Some(only)) = (asked.audience.as_deref(), only)
                    && wanted != only
                {
                    return invalid();
                }
                let identity = &session.identity;
                let roles: Vec<&str> = identity.role_names().collect();
                web::json(
                    StatusCode::OK,
                    &json!({
                        "valid": true,
                        "user_id": identity.user.to_string(),
                        "email": identity.email.as_ref().map(crate::identity::Email::as_str),
                        "roles": roles,
                        "exp": session.expires_at.seconds(),
                        "aud": only.unwrap_or(crate::keys::EVERY_APP),
                        "amr": identity.amr(),
                        "auth_time": identity.authenticated_at.map(crate::clock::Wall::seconds),
                    }),
                )
            }
            Judged::DoesNot => invalid(),
            Judged::Unanswered => {
                let error = Error::unavailable("the store did not answer");
                web::problem(&error, None)
            }
        }
    }

    /// `GET /.well-known/jwks.json` (RFC 7517, section 5).
    pub fn jwks(&self) -> Response {
        let mut response = Response::new(self.keys.jwks().clone().into());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/jwk-set+json"));
        // Public by nature; short, so that a new key is seen soon.
        headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("public, max-age=300"));
        web::headers::anywhere(headers);
        response
    }
}

fn invalid() -> Response {
    web::json(StatusCode::OK, &json!({ "valid": false }))
}
