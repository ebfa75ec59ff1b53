//! An authenticator as `WebAuthn` knows it (section 6), and the browser before it, that answer what a test
//! says: right, or wrong in one thing.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Somebody is there.
pub(crate) const PRESENT: u8 = 0x01;
/// It is who it should be.
pub(crate) const VERIFIED: u8 = 0x04;
/// A new credential is in it.
const ATTESTED: u8 = 0x40;

/// One passkey in an authenticator.
pub(crate) struct Passkey {
    pub(crate) id: Vec<u8>,
    pub(crate) counter: u32,
    handle: Vec<u8>,
    key: EcdsaKeyPair,
}

/// What an answer says, before it is signed and sent.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// `type` of the client data.
    pub(crate) kind: String,
    pub(crate) challenge: String,
    pub(crate) origin: String,
    /// More members of the client data.
    pub(crate) more: Value,
    pub(crate) rp_id: String,
    pub(crate) flags: u8,
    pub(crate) counter: u32,
    pub(crate) id: Vec<u8>,
    pub(crate) handle: Option<Vec<u8>>,
    /// The public key of a new credential (RFC 9052, section 7), as CBOR.
    pub(crate) public_key: Vec<u8>,
    /// The format of the attestation.
    pub(crate) format: String,
}

impl Passkey {
    /// Makes one as `options` ask, and the answer that tells of it.
    pub(crate) fn make(options: &Value, origin: &str, change: impl FnOnce(&mut Said)) -> (Self, Value) {
        let asked = &options["publicKey"];
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let mut id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut id).expect("random bytes");
        let mut said = Said {
            kind: "webauthn.create".to_owned(),
            challenge: text(&asked["challenge"]),
            origin: origin.to_owned(),
            more: json!({ "crossOrigin": false }),
            rp_id: text(&asked["rp"]["id"]),
            flags: PRESENT | VERIFIED | ATTESTED,
            counter: 1,
            id,
            handle: Some(decoded(&asked["user"]["id"])),
            public_key: p256(&key.public_key().as_ref()[1..]),
            format: "none".to_owned(),
        };
        change(&mut said);
        let mut data = said.data();
        data.extend([0; 16]);
        data.extend(u16::try_from(said.id.len()).unwrap().to_be_bytes());
        data.extend(&said.id);
        data.extend(&said.public_key);
        let mut attestation = vec![0xa3];
        attestation.extend(cbor_text("fmt"));
        attestation.extend(cbor_text(&said.format));
        attestation.extend(cbor_text("attStmt"));
        attestation.push(0xa0);
        attestation.extend(cbor_text("authData"));
        attestation.extend(cbor_bytes(&data));
        let answer = answer(
            &said.id,
            &json!({
                "clientDataJSON": encoded(said.client_data().as_bytes()),
                "attestationObject": encoded(&attestation),
                "transports": ["internal"],
            }),
        );
        let handle = said.handle.clone().unwrap_or_default();
        (Self { id: said.id, counter: said.counter, handle, key }, answer)
    }

    /// As Chromium's virtual authenticator takes it (`WebAuthn.addCredential`).
    pub(crate) fn for_chromium(&self, rp_id: &str) -> Value {
        let private = self.key.to_pkcs8v1().expect("a key that can be told");
        json!({
            "credentialId": STANDARD.encode(&self.id),
            "isResidentCredential": true,
            "rpId": rp_id,
            "privateKey": STANDARD.encode(private.as_ref()),
            "userHandle": STANDARD.encode(&self.handle),
            "signCount": self.counter,
        })
    }

    /// Shows it as `options` ask.
    pub(crate) fn show(&mut self, options: &Value, origin: &str, change: impl FnOnce(&mut Said)) -> Value {
        let asked = &options["publicKey"];
        self.counter += 1;
        let mut said = Said {
            kind: "webauthn.get".to_owned(),
            challenge: text(&asked["challenge"]),
            origin: origin.to_owned(),
            more: json!({ "crossOrigin": false }),
            rp_id: text(&asked["rpId"]),
            flags: PRESENT | VERIFIED,
            counter: self.counter,
            id: self.id.clone(),
            handle: Some(self.handle.clone()),
            public_key: Vec::new(),
            format: String::new(),
        };
        change(&mut said);
        let (data, client) = (said.data(), said.client_data());
        let signed = [&data[..], digest(&SHA256, client.as_bytes()).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("a signature");
        answer(
            &said.id,
            &json!({
                "clientDataJSON": encoded(client.as_bytes()),
                "authenticatorData": encoded(&data),
                "signature": encoded(signature.as_ref()),
                "userHandle": said.handle.as_deref().map(encoded),
            }),
        )
    }
}

impl Said {
    /// The beginning of the authenticator data (section 6.1).
    fn data(&self) -> Vec<u8> {
        let mut data = digest(&SHA256, self.rp_id.as_bytes()).as_ref().to_vec();
        data.push(self.flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// The client data (section 5.8.1).
    fn client_data(&self) -> String {
        let mut client = json!({ "type": self.kind, "challenge": self.challenge, "origin": self.origin });
        for (name, value) in self.more.as_object().into_iter().flatten() {
            client[name] = value.clone();
        }
        client.to_string()
    }
}

fn answer(id: &[u8], response: &Value) -> Value {
    json!({
        "id": encoded(id),
        "rawId": encoded(id),
        "type": "public-key",
        "response": response,
        "clientExtensionResults": {},
    })
}

/// A public key on P-256 from its coordinates, for ES256.
pub(crate) fn p256(point: &[u8]) -> Vec<u8> {
    let (x, y) = point.split_at(32);
    [&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21][..], &cbor_bytes(x), &[0x22], &cbor_bytes(y)].concat()
}

/// A byte string.
pub(crate) fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut head = vec![0x59];
    head.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
    [head, bytes.to_vec()].concat()
}

/// A text of at most 23 bytes.
fn cbor_text(text: &str) -> Vec<u8> {
    [&[0x60 + u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

pub(crate) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decoded(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().expect("base64url")).expect("base64url")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}
