//! What tokens say: the claims of access tokens and assertions, and how they stand in JSON.
//!
//! Promises: every claim has its type; one that is missing, unknown, twice there or of another type is
//! refused (Aegis reads only what it wrote itself).
//! Never: looks at signatures or at the clock.

use serde::{Deserialize, Serialize};

use super::compact::Compact;
use super::{ASSERTION_LIFE, EVERY_APP};
use crate::clock::Wall;
use crate::identity::{AppName, Identity, SessionId, UserId};
use crate::secret::Secret;

/// The claims of an access token, besides `iss` (the settings') and `user_id` (the same as `sub`).
/// Times are cut to whole seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Whose token it is.
    pub sub: UserId,
    /// Its address, if it has one.
    pub email: Option<String>,
    /// Its roles when the token was signed. The live record decides, not these.
    pub roles: Vec<String>,
    /// The app it is for, or `aegis-apps`. None in a token signed with `JWT_SECRET`.
    pub aud: Option<String>,
    /// When it was signed.
    pub iat: Wall,
    /// From when it counts.
    pub nbf: Wall,
    /// When it is over.
    pub exp: Wall,
    /// Its own name, never empty.
    pub jti: String,
    /// The session it belongs to.
    pub sid: SessionId,
    /// How its user was recognised (RFC 8176).
    pub amr: Vec<String>,
    /// When that was.
    pub auth_time: Wall,
}

/// The claims of an assertion: who stands before one app. `iss`, `nbf`, `exp` and `jti` are added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionClaims {
    /// Who it is.
    pub sub: UserId,
    /// The app it is for.
    pub aud: AppName,
    /// `preferred_username`: the value of `Remote-User`.
    pub username: String,
    /// Its address, if it has one.
    pub email: Option<String>,
    /// What people call it.
    pub name: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// How it was recognised (RFC 8176).
    pub amr: Vec<String>,
    /// When it last showed a factor, where it did.
    pub auth_time: Option<Wall>,
    /// When the assertion is made; it ends [`ASSERTION_LIFE`] later.
    pub iat: Wall,
}

/// The methods of `identity` as RFC 8176 calls them.
fn references(identity: &Identity) -> Vec<String> {
    identity.amr().into_iter().map(str::to_owned).collect()
}

/// An access token's payload.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessWire {
    iss: String,
    sub: String,
    user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    sid: String,
    amr: Vec<String>,
    auth_time: i64,
}

impl AccessClaims {
    /// The claims of a new token of `session`, which is `identity`'s and ends at `expires_at`: for the
    /// app `audience`, or for all.
    pub fn of(
        identity: &Identity,
        session: SessionId,
        audience: Option<&str>,
        now: Wall,
        expires_at: Wall,
    ) -> Self {
        Self {
            sub: identity.user,
            email: identity.email.as_ref().map(ToString::to_string),
            roles: identity.role_names().map(str::to_owned).collect(),
            aud: Some(audience.unwrap_or(EVERY_APP).to_owned()),
            iat: now,
            nbf: now,
            exp: expires_at,
            jti: Secret::random(22).reveal().to_owned(),
            sid: session,
            amr: references(identity),
            auth_time: identity.authenticated_at.unwrap_or(now),
        }
    }

    pub(super) fn wire(&self, issuer: &str, audience: Option<&str>) -> AccessWire {
        AccessWire {
            iss: issuer.to_owned(),
            sub: self.sub.to_string(),
            user_id: self.sub.to_string(),
            email: self.email.clone(),
            roles: self.roles.clone(),
            aud: audience.map(ToOwned::to_owned),
            iat: self.iat.seconds(),
            nbf: self.nbf.seconds(),
            exp: self.exp.seconds(),
            jti: self.jti.clone(),
            sid: self.sid.to_string(),
            amr: self.amr.clone(),
            auth_time: self.auth_time.seconds(),
        }
    }

    /// The claims of `token`, if they are such as [`wire`](Self::wire) writes. A token signed with the
    /// `shared` secret has no audience, any other has one.
    pub(super) fn read(token: &Compact<'_>, issuer: &str, shared: bool) -> Option<Self> {
        let wire: AccessWire = token.claims()?;
        let audience_fits = match &wire.aud {
            Some(audience) => !shared && !audience.is_empty(),
            None => shared,
        };
        let ours = wire.iss == issuer
            && wire.sub == wire.user_id
            && audience_fits
            && !wire.jti.is_empty()
            && wire.iat < wire.exp
            && wire.nbf < wire.exp;
        ours.then_some(())?;
        Some(Self {
            sub: wire.sub.parse().ok()?,
            email: wire.email,
            roles: wire.roles,
            aud: wire.aud,
            iat: Wall::from_seconds(wire.iat),
            nbf: Wall::from_seconds(wire.nbf),
            exp: Wall::from_seconds(wire.exp),
            jti: wire.jti,
            sid: wire.sid.parse().ok()?,
            amr: wire.amr,
            auth_time: Wall::from_seconds(wire.auth_time),
        })
    }
}

/// An assertion's payload.
#[derive(Serialize)]
pub(super) struct AssertionWire<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    preferred_username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    name: &'a str,
    roles: &'a [String],
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

impl AssertionClaims {
    /// What an assertion for `app` says of `identity` at `now`.
    pub fn of(identity: &Identity, app: &AppName, now: Wall) -> Self {
        Self {
            sub: identity.user,
            aud: app.clone(),
            username: identity.username.to_string(),
            email: identity.email.as_ref().map(ToString::to_string),
            name: identity.name.to_string(),
            roles: identity.role_names().map(str::to_owned).collect(),
            amr: references(identity),
            auth_time: identity.authenticated_at,
            iat: now,
        }
    }

    pub(super) fn wire<'a>(&'a self, issuer: &'a str) -> AssertionWire<'a> {
        AssertionWire {
            iss: issuer,
            sub: self.sub.to_string(),
            aud: self.aud.as_str(),
            preferred_username: &self.username,
            email: self.email.as_deref(),
            name: &self.name,
            roles: &self.roles,
            amr: &self.amr,
            auth_time: self.auth_time.map(Wall::seconds),
            iat: self.iat.seconds(),
            nbf: self.iat.seconds(),
            exp: self.iat.plus(ASSERTION_LIFE).seconds(),
            jti: Secret::random(22).reveal().to_owned(),
        }
    }
}
