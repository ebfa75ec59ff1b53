//! The compact serialisation of a JWS (RFC 7515, section 7.1), taken apart.
//!
//! Promises: bounded, and stricter than the standard: exactly three parts, one spelling of base64url,
//! and a header of `typ`, `alg` and `kid` with nothing else, so that no key, address of a key, critical
//! extension or compression can stand in it.
//! Never: verifies anything.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest token, in bytes.
pub(super) const LONGEST: usize = 4096;

/// The header of every token we sign.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) typ: String,
    pub(super) alg: Algorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kid: Option<String>,
}

/// A token's parts, none of them believed.
pub(super) struct Compact<'a> {
    header: &'a str,
    payload: &'a str,
    /// In base64url.
    pub(super) signature: &'a str,
    /// What the signature is over.
    pub(super) message: &'a [u8],
}

impl<'a> Compact<'a> {
    pub(super) fn split(token: &'a str) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let encoded = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        [header, payload, signature].into_iter().all(encoded).then_some(Self {
            header,
            payload,
            signature,
            message: message.as_bytes(),
        })
    }

    pub(super) fn header(&self) -> Option<Header> {
        json(self.header)
    }

    /// The claims. Of a struct that denies unknown fields also those that are there twice are refused.
    pub(super) fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        json(self.payload)
    }

    /// Where the token says it is from: its `iss` and `kid`.
    pub(super) fn claimed_origin(&self) -> Option<(String, Option<String>)> {
        #[derive(Deserialize)]
        struct Kid {
            kid: Option<String>,
        }
        #[derive(Deserialize)]
        struct Issuer {
            iss: String,
        }
        let header: Kid = json(self.header)?;
        let payload: Issuer = json(self.payload)?;
        Some((payload.iss, header.kid))
    }
}

fn json<T: DeserializeOwned>(part: &str) -> Option<T> {
    // The decoder refuses padding and bits left over, so a part has one spelling.
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
