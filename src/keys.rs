//! Keys, the tokens they sign, and the sealing of what must be read again. Owns the key ring in the data
//! directory, every JWT, and the JWKS.
//!
//! Promises: no other room knows an algorithm; which one verifies is said by the key, never by the token
//! (RFC 8725, section 3.1); a key has one use and one algorithm; claims can be had only of a token that
//! was verified; what is sealed can be read with the key ring alone, and in its own place; a key ring that
//! is damaged or open to others is refused, never replaced.
//! Never: fetches a key, decides what a token opens (it names a row in the store, which decides), or
//! publishes a secret.
//!
//! Access tokens carry `typ: at+jwt` (RFC 9068, without `client_id`, since no OAuth client asked for
//! them) and an audience; with `JWT_SECRET` they are HS256 with `typ: JWT`, no `kid` and no audience, as
//! the gateways that share the secret expect. Assertions carry `typ: aegis-assertion+jwt` and are always
//! signed by an asymmetric key of their own. Verification asks for exactly the `typ` of the key's use.

mod claims;
mod compact;
mod file;
mod key;
mod ring;
mod sealing;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::JwkSet;
use zeroize::Zeroizing;

use crate::clock::Wall;
use crate::config::TokenSettings;
use crate::error::{Error, Fault, Faults};
use crate::secret::{Secret, same};

pub use claims::{AccessClaims, AssertionClaims};
use compact::Compact;
use key::Key;
use ring::{Purpose, Ring};
use sealing::SealingKey;

/// The audience of a token that is for every app.
pub const EVERY_APP: &str = "aegis-apps";

/// How long an assertion may be believed.
pub const ASSERTION_LIFE: Duration = Duration::from_mins(5);

/// How long a key that no longer signs still verifies: no browser keeps a cookie longer.
pub const FORMER_KEY_LIFE: Duration = Duration::from_hours(400 * 24);

/// How far the clocks of two nodes may differ.
const LEEWAY: Duration = Duration::from_secs(5);

/// The shortest `JWT_SECRET`, in bytes (RFC 7518, section 3.2).
const SHORTEST_SECRET: usize = 32;

/// The secret that older deployments published as their default.
const PUBLISHED_SECRET: &str = "aegis-local-dev-secret-change-in-production";

/// The keys of this installation.
pub struct Keys {
    issuer: Box<str>,
    /// With `JWT_SECRET`: what signs access tokens.
    shared: Option<Key>,
    /// The present key first, then former ones.
    access: Vec<Key>,
    assertion: Vec<Key>,
    /// The one that seals first.
    sealing: Vec<SealingKey>,
    jwks: Bytes,
}

/// The claims of a token whose signature, type, issuer and times are right. Only [`Keys`] makes one.
#[derive(Debug)]
pub struct Verified<T> {
    claims: T,
    until: Wall,
}

impl<T> Verified<T> {
    /// The claims.
    pub fn claims(&self) -> &T {
        &self.claims
    }

    /// Until when it would be verified again: the end of the token, or of the key that signed it.
    pub fn until(&self) -> Wall {
        self.until
    }

    /// The claims, to keep.
    pub fn into_claims(self) -> T {
        self.claims
    }
}

/// Why a token counts for nothing. For the log; the visitor learns only that it does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotVerified {
    /// Not three parts of base64url, or longer than 4 KiB.
    Shape,
    /// A header with more or less than `typ`, `alg` and `kid`, or not of the key's kind.
    Header,
    /// No key of this use has that `kid`.
    Key,
    /// The signature is not that key's.
    Signature,
    /// A claim is missing, twice there, unknown, of another type, or not what we sign.
    Claims,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYet,
}

impl fmt::Display for NotVerified {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Shape => "not a token",
            Self::Header => "the token's header is not one of ours",
            Self::Key => "the token was signed by no key of ours",
            Self::Signature => "the token was altered, or not signed by us",
            Self::Claims => "the token's claims are not ours",
            Self::Expired => "the token has expired",
            Self::NotYet => "the token is not valid yet",
        })
    }
}

impl std::error::Error for NotVerified {}

/// What becomes of the signing keys that a [rotation](Keys::rotate) replaces. A former sealing key is kept
/// whole either way, because what it sealed has to be read until it is sealed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Former {
    /// Their public halves verify for [`FORMER_KEY_LIFE`]. The private halves are destroyed.
    Kept,
    /// They are gone, former ones too: a key was stolen. Every token that was signed is void.
    Dropped,
}

impl Keys {
    /// Opens the key ring of `data_dir`, or makes one where there is none. A ring for another algorithm
    /// than the settings name is rotated. Needs `aegis.lock`.
    pub fn open(data_dir: &Path, settings: &TokenSettings, now: Wall) -> Result<Self, Fault> {
        let rules = Rules::of(settings)?;
        let ring = Ring::open(data_dir, rules.algorithm, now)?;
        let usable = |purpose| ring.keys(purpose).filter(|key| key.verifies_at(now)).cloned().collect();
        let (access, assertion): (Vec<Key>, Vec<Key>) = (usable(Purpose::Access), usable(Purpose::Assertion));
        let published = access.iter().chain(&assertion).filter_map(|key| key.public().cloned()).collect();
        let jwks = serde_json::to_vec(&JwkSet { keys: published })
            .map_err(|error| Fault::new(format!("the public keys cannot be written as JSON: {error}")))?;
        Ok(Self {
            issuer: rules.issuer,
            shared: rules.shared,
            access,
            assertion,
            sealing: sealing::open(data_dir, now)?,
            jwks: jwks.into(),
        })
    }

    /// Whether `settings` can be used: opens nothing.
    pub fn check(settings: &TokenSettings) -> Result<(), Faults> {
        let parts = [issuer(settings).err(), algorithm(settings).err(), shared(settings).err()];
        Faults(parts.into_iter().flatten().collect()).or(())
    }

    /// Replaces the keys on the disk, those that sign and the one that seals. A running server goes on with
    /// the old ones until it is restarted.
    pub fn rotate(data_dir: &Path, settings: &TokenSettings, now: Wall, former: Former) -> Result<(), Fault> {
        let algorithm = Rules::of(settings)?.algorithm;
        // First, for it refuses what is damaged before anything is replaced.
        sealing::rotate(data_dir, now)?;
        Ring::rotate(data_dir, algorithm, now, former)
    }

    /// Names the process's provider of cryptography to `jsonwebtoken`; for `cli`, once. Without it the
    /// features it was built with name the same one, unless a dependency turns on a second: then the
    /// first signature would panic.
    pub fn install_provider() {
        // Fails only where one is installed already.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    }

    /// Signs an access token. With `JWT_SECRET` its audience is left out.
    pub fn sign_access(&self, claims: &AccessClaims) -> Result<Secret, Error> {
        match &self.shared {
            Some(key) => key.sign(&claims.wire(&self.issuer, None)),
            None => present(&self.access)?.sign(&claims.wire(&self.issuer, claims.aud.as_deref())),
        }
    }

    /// Signs an assertion for one app, good for [`ASSERTION_LIFE`]. No door of Aegis accepts it.
    pub fn sign_assertion(&self, claims: &AssertionClaims) -> Result<Secret, Error> {
        present(&self.assertion)?.sign(&claims.wire(&self.issuer))
    }

    /// The claims of an access token of ours whose time is `now`. Whether it still opens anything is for
    /// the store to say.
    pub fn verify_access(&self, token: &str, now: Wall) -> Result<Verified<AccessClaims>, NotVerified> {
        let token = Compact::split(token).ok_or(NotVerified::Shape)?;
        let header = token.header().ok_or(NotVerified::Header)?;
        let key = match &header.kid {
            Some(kid) => self.access.iter().find(|key| key.kid() == Some(kid)),
            None => self.shared.as_ref(),
        };
        let key = key.filter(|key| key.verifies_at(now)).ok_or(NotVerified::Key)?;
        if header.alg != key.algorithm() || header.typ != key.typ() {
            return Err(NotVerified::Header);
        }
        if !key.has_signed(token.message, token.signature) {
            return Err(NotVerified::Signature);
        }
        let claims = AccessClaims::read(&token, &self.issuer, key.is_shared()).ok_or(NotVerified::Claims)?;
        if now >= claims.exp {
            return Err(NotVerified::Expired);
        }
        if claims.nbf > now.plus(LEEWAY) || claims.iat > now.plus(LEEWAY) {
            return Err(NotVerified::NotYet);
        }
        let until = key.until().map_or(claims.exp, |until| until.min(claims.exp));
        Ok(Verified { claims, until })
    }

    /// Whether `token` looks like one of ours: a JWT with our `iss`, and a `kid` of ours or, with
    /// `JWT_SECRET`, none. Nothing is verified; what is not ours is the app's own business.
    pub fn is_ours(&self, token: &str) -> bool {
        let Some((issuer, kid)) = Compact::split(token).and_then(|token| token.claimed_origin()) else {
            return false;
        };
        *issuer == *self.issuer
            && match kid {
                Some(kid) => self.access.iter().chain(&self.assertion).any(|key| key.kid() == Some(&kid)),
                None => self.shared.is_some(),
            }
    }

    /// `plain`, readable with these keys alone, and only by who names the same `context`: what it is and
    /// whose ("totp:USER"), so that a row moved to another account is worth nothing there.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let sealed = self.sealing.first().and_then(|key| key.seal(context, plain));
        sealed.ok_or_else(|| Error::internal("nothing can be sealed"))
    }

    /// What was sealed for this `context`, with the present key or a former one.
    pub fn unseal(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let key = self.sealing.iter().find(|key| key.is_named_by(sealed));
        let key = key.ok_or_else(|| Error::internal("no key of the key ring sealed this"))?;
        let plain = key.unseal(context, sealed);
        plain.ok_or_else(|| Error::internal("what was sealed is altered, or stands in another place"))
    }

    /// The JWK Set (RFC 7517, section 5) of the keys that verify, present and former, as of the start.
    pub fn jwks(&self) -> &Bytes {
        &self.jwks
    }
}

/// The key that signs.
fn present(keys: &[Key]) -> Result<&Key, Error> {
    keys.first().ok_or_else(|| Error::internal("the key ring has no key that signs"))
}

/// The settings, understood.
struct Rules {
    issuer: Box<str>,
    algorithm: Algorithm,
    shared: Option<Key>,
}

impl Rules {
    fn of(settings: &TokenSettings) -> Result<Self, Fault> {
        Ok(Self { issuer: issuer(settings)?, algorithm: algorithm(settings)?, shared: shared(settings)? })
    }
}

fn issuer(settings: &TokenSettings) -> Result<Box<str>, Fault> {
    let issuer = settings.issuer.value.as_str();
    if issuer.is_empty() || issuer.len() > 255 || issuer.chars().any(char::is_control) {
        let fault = Fault::new("`issuer` is 1 to 255 bytes without control characters");
        return Err(settings.issuer.fault(fault.hint("such as `issuer = \"aegis-auth\"`")));
    }
    Ok(issuer.into())
}

fn shared(settings: &TokenSettings) -> Result<Option<Key>, Fault> {
    let Some(secret) = &settings.jwt_secret else { return Ok(None) };
    shared_key(&secret.value).map(Some).map_err(|fault| secret.fault(fault))
}

fn algorithm(settings: &TokenSettings) -> Result<Algorithm, Fault> {
    let Some(named) = &settings.algorithm else { return Ok(Algorithm::ES256) };
    let fault = match named.value.as_str() {
        "ES256" => return Ok(Algorithm::ES256),
        "EdDSA" => return Ok(Algorithm::EdDSA),
        "RS256" => return Ok(Algorithm::RS256),
        // What signs access tokens then; assertions keep an asymmetric key.
        "HS256" if settings.jwt_secret.is_some() => return Ok(Algorithm::ES256),
        "HS256" => Fault::new("HS256 needs a shared secret").hint("set JWT_SECRET"),
        other => {
            Fault::new(format!("unknown algorithm `{other}`")).hint("ES256 (the default), EdDSA or RS256")
        }
    };
    Err(named.fault(fault))
}

fn shared_key(secret: &Secret) -> Result<Key, Fault> {
    const HINT: &str = "make one with: openssl rand -base64 48";
    let bytes = secret.reveal().as_bytes();
    if same(bytes, PUBLISHED_SECRET.as_bytes()) {
        return Err(Fault::new("JWT_SECRET is the published default: anybody can sign with it").hint(HINT));
    }
    let distinct = (0..=u8::MAX).filter(|byte| bytes.contains(byte)).count();
    if bytes.len() < SHORTEST_SECRET || distinct < 8 {
        let message = "JWT_SECRET is too easily guessed: it takes at least 32 bytes of randomness";
        return Err(Fault::new(message).hint(HINT));
    }
    Key::shared(bytes).map_err(Fault::new)
}

#[cfg(test)]
mod tests;
