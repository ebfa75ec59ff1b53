//! Keys and tokens as others use them; what attackers send; the vectors of Wycheproof.

mod attacks;
mod claims;
mod rings;
mod sealing;
mod tokens;
mod vectors;

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::{Value, json};

use super::*;
use crate::config::Placed;
use crate::identity::{SessionId, UserId};

const NOW: Wall = Wall(1_795_252_374_000);
const JWT_SECRET: &str = "3vBAhPmsDk2oYx3HhIhIoLk8tQzW7uJbS5cE";
const ALGORITHMS: [&str; 3] = ["ES256", "EdDSA", "RS256"];

fn settings(algorithm: Option<&str>, secret: Option<&str>) -> TokenSettings {
    TokenSettings {
        issuer: Placed::of("aegis-auth".into()),
        algorithm: algorithm.map(|name| Placed::of(name.to_owned())),
        jwt_secret: secret.map(|secret| Placed::of(Secret::new(secret))),
    }
}

fn honest_claims() -> AccessClaims {
    AccessClaims {
        sub: UserId::new(),
        email: Some("sam@example.com".into()),
        roles: vec!["admin".into(), "operator".into()],
        aud: Some("aegis-apps".into()),
        iat: NOW,
        nbf: NOW,
        exp: NOW.plus(Duration::from_hours(24)),
        jti: Secret::random(22).reveal().to_owned(),
        sid: SessionId::new(),
        amr: vec!["pwd".into()],
        auth_time: NOW,
    }
}

fn assertion() -> AssertionClaims {
    AssertionClaims {
        sub: UserId::new(),
        aud: "arlo".parse().unwrap(),
        username: "sam".into(),
        email: None,
        name: "Sam".into(),
        roles: vec!["admin".into()],
        amr: vec!["pwd".into()],
        auth_time: Some(NOW),
        iat: NOW,
    }
}

/// An installation whose private keys the tests can get at.
struct Installation {
    directory: tempfile::TempDir,
    keys: Keys,
    shared: bool,
}

impl Installation {
    fn new(algorithm: Option<&str>, secret: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys =
            Keys::open(directory.path(), &settings(algorithm, secret), NOW).expect("new keys are made");
        Self { directory, keys, shared: secret.is_some() }
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("keys/keys.json")
    }

    fn written(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap()
    }

    /// The entry that signs for `purpose`.
    fn entry(&self, purpose: &str) -> Value {
        let written = self.written();
        let entries = written["keys"].as_array().unwrap();
        let signing = |entry: &&Value| entry["purpose"] == purpose && entry["private"].is_string();
        entries.iter().find(signing).unwrap().clone()
    }

    fn kid(&self, purpose: &str) -> String {
        self.entry(purpose)["public"]["kid"].as_str().unwrap().to_owned()
    }

    /// Signs whatever it is given with the ES256 key of `purpose`, or with the shared secret.
    fn forge(&self, purpose: &str, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = if self.shared && purpose == "access" {
            let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());
            crypto::sign(message.as_bytes(), &key, Algorithm::HS256)
        } else {
            let entry = self.entry(purpose);
            let key = EncodingKey::from_ec_pem(entry["private"].as_str().unwrap().as_bytes()).unwrap();
            crypto::sign(message.as_bytes(), &key, Algorithm::ES256)
        };
        format!("{message}.{}", signature.unwrap())
    }

    /// The header of an honest access token.
    fn header(&self) -> Value {
        if self.shared {
            json!({ "typ": "JWT", "alg": "HS256" })
        } else {
            json!({ "typ": "at+jwt", "alg": "ES256", "kid": self.kid("access") })
        }
    }

    fn token(&self) -> String {
        self.keys.sign_access(&honest_claims()).unwrap().reveal().to_owned()
    }

    fn judge(&self, token: &str) -> Result<AccessClaims, NotVerified> {
        self.keys.verify_access(token, NOW).map(Verified::into_claims)
    }

    #[track_caller]
    fn refuses(&self, what: &str, token: &str) {
        if let Ok(claims) = self.judge(token) {
            panic!("{what}: accepted {token} as {claims:?}");
        }
    }

    #[track_caller]
    fn refuses_for(&self, why: NotVerified, what: &str, token: &str) {
        assert_eq!(self.judge(token), Err(why), "{what}: {token}");
    }
}

/// The payload of a token, as JSON.
fn payload(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}
