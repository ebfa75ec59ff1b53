//! One key: what it is for, and signing and verifying with it.
//!
//! Promises: a key signs and verifies with its one algorithm and `typ`; its `kid` is its thumbprint
//! (RFC 7638), so a name cannot be given to another key.
//! Never: reads a file or looks at claims.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde::Serialize;
use zeroize::Zeroizing;

use super::compact::{Header, LONGEST};
use super::ring::Purpose;
use crate::clock::Wall;
use crate::error::Error;
use crate::secret::Secret;

/// A key of one use and one algorithm.
#[derive(Clone)]
pub(super) struct Key {
    algorithm: Algorithm,
    typ: &'static str,
    /// None for the secret that is shared with gateways.
    public: Option<Jwk>,
    verifying: DecodingKey,
    /// None for a former key.
    signing: Option<EncodingKey>,
    /// When a former key verifies no more.
    until: Option<Wall>,
    /// The header of every token it signs, encoded.
    header: Box<str>,
}

impl Key {
    /// The key that `JWT_SECRET` is.
    pub(super) fn shared(secret: &[u8]) -> Result<Self, &'static str> {
        let (algorithm, typ) = (Algorithm::HS256, "JWT");
        let header = Header { typ: typ.into(), alg: algorithm, kid: None };
        Ok(Self {
            algorithm,
            typ,
            public: None,
            verifying: DecodingKey::from_secret(secret),
            signing: Some(EncodingKey::from_secret(secret)),
            until: None,
            header: encode(&header).ok_or("a header cannot be written")?.into(),
        })
    }

    /// An asymmetric key of its public half and, if it signs, its private half in PEM. What is wrong with
    /// them is said for the operator.
    pub(super) fn of(
        purpose: Purpose,
        public: &Jwk,
        private: Option<&str>,
        until: Option<Wall>,
    ) -> Result<Self, &'static str> {
        let algorithm = match &public.algorithm {
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
                Algorithm::EdDSA
            }
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            _ => return Err("a key is of no kind that Aegis makes"),
        };
        if public.common.key_algorithm != Some(algorithm.into()) {
            return Err("the algorithm of a key is not that of its kind");
        }
        let kid = public.common.key_id.clone();
        let Some(kid) = kid.filter(|kid| thumbprint(public).as_ref() == Some(kid)) else {
            return Err("a public key is not the one its `kid` names");
        };
        let signing = match private {
            Some(private) => Some(matching(private, public, algorithm)?),
            None => None,
        };
        let typ = purpose.typ();
        let header = Header { typ: typ.into(), alg: algorithm, kid: Some(kid) };
        Ok(Self {
            algorithm,
            typ,
            public: Some(public.clone()),
            verifying: DecodingKey::from_jwk(public).map_err(|_| "a public key cannot be read")?,
            signing,
            until,
            header: encode(&header).ok_or("a header cannot be written")?.into(),
        })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn typ(&self) -> &'static str {
        self.typ
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.public.as_ref().and_then(|public| public.common.key_id.as_deref())
    }

    /// What may be published of it: nothing of a shared secret.
    pub(super) fn public(&self) -> Option<&Jwk> {
        self.public.as_ref()
    }

    pub(super) fn is_shared(&self) -> bool {
        self.public.is_none()
    }

    /// When it verifies no more, if it is a former one.
    pub(super) fn until(&self) -> Option<Wall> {
        self.until
    }

    pub(super) fn verifies_at(&self, now: Wall) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// A token (JWS compact serialisation, RFC 7515) of `claims`.
    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<Secret, Error> {
        let key = self.signing.as_ref().ok_or_else(|| Error::internal("a former key was to sign"))?;
        let claims = encode(claims).ok_or_else(|| Error::internal("claims cannot be written as JSON"))?;
        let mut token = format!("{}.{claims}", self.header);
        let signature = crypto::sign(token.as_bytes(), key, self.algorithm)
            .map_err(|error| Error::internal(format!("a token could not be signed: {error}")))?;
        token.push('.');
        token.push_str(&signature);
        if token.len() > LONGEST {
            return Err(Error::internal("a token came out longer than 4 KiB: too many roles"));
        }
        Ok(Secret::new(token))
    }

    /// Whether this key made `signature` (base64url) over `message`.
    pub(super) fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        crypto::verify(signature, message, &self.verifying, self.algorithm).unwrap_or(false)
    }
}

/// A new pair: the public half, and the private one as PKCS #8 in PEM.
pub(super) fn generate(algorithm: Algorithm) -> Option<(Jwk, Zeroizing<String>)> {
    let der = match algorithm {
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
            Zeroizing::new(pair.to_pkcs8v1().ok()?.as_ref().to_vec())
        }
        // Version 1, because version 2 is not understood when the public half is taken from it.
        Algorithm::EdDSA => {
            Zeroizing::new(Ed25519KeyPair::generate().ok()?.to_pkcs8v1().ok()?.as_ref().to_vec())
        }
        Algorithm::RS256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
            let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
            Zeroizing::new(der.as_ref().to_vec())
        }
        _ => return None,
    };
    let private = pem(&der);
    let mut public = Jwk::from_encoding_key(&read_private(&private, algorithm)?, algorithm).ok()?;
    public.common.public_key_use = Some(PublicKeyUse::Signature);
    public.common.key_id = Some(thumbprint(&public)?);
    Some((public, private))
}

/// The private key, if it is the other half of `public`.
fn matching(private: &str, public: &Jwk, algorithm: Algorithm) -> Result<EncodingKey, &'static str> {
    let key = read_private(private, algorithm).ok_or("a private key cannot be read")?;
    let own = Jwk::from_encoding_key(&key, algorithm).map_err(|_| "a private key cannot be read")?;
    if own.algorithm == public.algorithm {
        Ok(key)
    } else {
        Err("a private key and its public key do not belong together")
    }
}

fn read_private(private: &str, algorithm: Algorithm) -> Option<EncodingKey> {
    let private = private.as_bytes();
    match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_pem(private).ok(),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(private).ok(),
        Algorithm::RS256 => EncodingKey::from_rsa_pem(private).ok(),
        _ => None,
    }
}

fn thumbprint(public: &Jwk) -> Option<String> {
    public.thumbprint(ThumbprintHash::SHA256).ok()
}

fn encode(value: &impl Serialize) -> Option<String> {
    serde_json::to_vec(value).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
}

/// `der` as PEM (RFC 7468).
fn pem(der: &[u8]) -> Zeroizing<String> {
    let text = Zeroizing::new(STANDARD.encode(der));
    let mut pem = Zeroizing::new(String::with_capacity(text.len() * 2 + 64));
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    for (position, character) in text.chars().enumerate() {
        if position > 0 && position % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END PRIVATE KEY-----\n");
    pem
}
