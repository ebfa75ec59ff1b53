//! What attackers send in place of a token, by the classes of RFC 8725. All of it is refused.

use proptest::prelude::*;

use super::*;

/// A token of `header` and `payload` that anybody can make, with this signature.
fn unsigned(header: &str, payload: &str, signature: &str) -> String {
    format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

/// A token that HMAC signs with `key`.
fn hmac(algorithm: Algorithm, header: &str, payload: &str, key: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(key), algorithm).unwrap();
    format!("{message}.{signature}")
}

/// With asymmetric keys, and with a shared secret.
pub(super) fn installations() -> [Installation; 2] {
    [Installation::new(None, None), Installation::new(None, Some(JWT_SECRET))]
}

/// What every case below starts from is accepted, so each is refused for what it alters.
#[test]
fn an_honest_forgery_is_accepted() {
    for installation in installations() {
        let claims = payload(&installation.token()).to_string();
        let token = installation.forge("access", &installation.header().to_string(), &claims);
        assert!(installation.judge(&token).is_ok(), "{:?}", installation.judge(&token));
    }
}

#[test]
fn h1_no_algorithm() {
    for installation in installations() {
        let claims = payload(&installation.token()).to_string();
        let honest = installation.token();
        let signature = honest.rsplit('.').next().unwrap();
        for name in
            ["none", "None", "NONE", "nOnE", "", "null", "HS256 ", "es256", "ES256K", "HS1", "\\u0000"]
        {
            let mut header = installation.header();
            header["alg"] = name.into();
            for signature in ["", "AA", signature] {
                let token = unsigned(&header.to_string(), &claims, signature);
                installation.refuses(&format!("alg {name:?}"), &token);
            }
        }
        let mut header = installation.header();
        header.as_object_mut().unwrap().remove("alg");
        installation.refuses("no alg", &unsigned(&header.to_string(), &claims, signature));
        let (message, _) = honest.rsplit_once('.').unwrap();
        for end in ["", ".", ".A", ".AA", ".AAAA", &format!(".{}", "A".repeat(86))] {
            installation.refuses("no signature", &format!("{message}{end}"));
        }
    }
}

#[test]
fn h2_our_public_key_as_an_hmac_secret() {
    for installation in installations() {
        let claims = payload(&installation.token()).to_string();
        let published: Value = serde_json::from_slice(installation.keys.jwks()).unwrap();
        let mut spellings: Vec<Vec<u8>> = vec![Vec::new(), installation.keys.jwks().to_vec()];
        for key in published["keys"].as_array().unwrap() {
            let decode = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
            let (x, y) = (decode("x"), decode("y"));
            let point = [&[4], x.as_slice(), &y].concat();
            // SubjectPublicKeyInfo of a P-256 key.
            let prefix = [
                0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
                0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
            ];
            let der = [prefix.as_slice(), &point].concat();
            let text = base64::engine::general_purpose::STANDARD.encode(&der);
            let lines: Vec<&str> =
                text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
            for newline in ["\n", "\r\n", ""] {
                let body = lines.join(newline);
                let pem = ["-----BEGIN PUBLIC KEY-----", &body, "-----END PUBLIC KEY-----"].join(newline);
                spellings.push(pem.clone().into_bytes());
                spellings.push(format!("{pem}{newline}").into_bytes());
            }
            for member in ["x", "y", "kid"] {
                spellings.push(key[member].as_str().unwrap().as_bytes().to_vec());
            }
            spellings.extend([x, y, point, der, text.into_bytes(), key.to_string().into_bytes()]);
        }
        for secret in spellings {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                for kid in [None, Some(installation.kid("access")), Some(installation.kid("assertion"))] {
                    for typ in ["at+jwt", "JWT"] {
                        let mut header = json!({ "typ": typ, "alg": algorithm });
                        if let Some(kid) = &kid {
                            header["kid"] = kid.as_str().into();
                        }
                        let token = hmac(algorithm, &header.to_string(), &claims, &secret);
                        installation.refuses("our public key as a secret", &token);
                    }
                }
            }
        }
    }
}

#[test]
fn h2_the_algorithm_is_the_keys() {
    let installation = Installation::new(None, Some(JWT_SECRET));
    let claims = payload(&installation.token()).to_string();
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let header = json!({ "typ": "JWT", "alg": algorithm }).to_string();
        let token = hmac(algorithm, &header, &claims, JWT_SECRET.as_bytes());
        installation.refuses_for(NotVerified::Header, "the right secret, another algorithm", &token);
        let header = json!({ "typ": "JWT", "alg": "HS256" }).to_string();
        let token = hmac(algorithm, &header, &claims, JWT_SECRET.as_bytes());
        installation.refuses_for(NotVerified::Signature, "signed otherwise than it says", &token);
    }
    let installation = Installation::new(None, None);
    for name in ["ES384", "RS256", "PS256", "EdDSA", "HS256"] {
        let mut header = installation.header();
        header["alg"] = name.into();
        let token = installation.forge("access", &header.to_string(), &claims);
        installation.refuses_for(NotVerified::Header, "an ES256 signature under another name", &token);
    }
}

#[test]
fn h3_keys_and_extensions_in_the_header() {
    for installation in installations() {
        let claims = payload(&installation.token()).to_string();
        let key = installation.entry("access")["public"].clone();
        for (name, value) in [
            ("jwk", key.clone()),
            ("jku", json!("http://127.0.0.1:1/jwks.json")),
            ("x5u", json!("http://127.0.0.1:1/cert.pem")),
            ("x5c", json!(["MIIB"])),
            ("x5t", json!("AAAA")),
            ("crit", json!([])),
            ("crit", json!(["exp"])),
            ("crit", json!(["b64"])),
            ("b64", json!(false)),
            ("b64", json!(true)),
            ("zip", json!("DEF")),
            ("enc", json!("A128GCM")),
            ("cty", json!("JWT")),
            ("x-anything", json!(null)),
        ] {
            let mut header = installation.header();
            header[name] = value;
            let token = installation.forge("access", &header.to_string(), &claims);
            installation.refuses_for(NotVerified::Header, name, &token);
            assert!(installation.keys.is_ours(&token), "{name}: ours, and wrong");
        }
    }
}

#[test]
fn h4_other_kids() {
    for installation in installations() {
        let claims = payload(&installation.token()).to_string();
        let kid = installation.kid("access");
        let own = installation.shared.then_some(kid.as_str());
        let long = "k".repeat(65_536);
        let upper = kid.to_uppercase();
        let others = [
            "",
            " ",
            "../../dev/null",
            "/dev/null",
            "' UNION SELECT 'k",
            "\0",
            &format!("{kid}\0"),
            &format!("{kid} "),
            &format!(" {kid}"),
            &upper,
            &kid[1..],
            &long,
            &installation.kid("assertion"),
        ];
        for other in others.into_iter().chain(own) {
            let mut header = installation.header();
            header["kid"] = other.into();
            installation.refuses(other, &installation.forge("access", &header.to_string(), &claims));
            let mut header = json!({ "typ": "at+jwt", "alg": "HS256", "kid": other });
            installation.refuses(other, &hmac(Algorithm::HS256, &header.to_string(), &claims, b""));
            header["typ"] = "JWT".into();
            installation.refuses(other, &hmac(Algorithm::HS256, &header.to_string(), &claims, b""));
        }
        for other in [json!([kid]), json!({ "kid": kid }), json!(1), json!(true)] {
            let mut header = installation.header();
            header["kid"] = other;
            let token = installation.forge("access", &header.to_string(), &claims);
            installation.refuses_for(NotVerified::Header, "a kid that is no string", &token);
        }
    }
    let installation = Installation::new(None, None);
    let claims = payload(&installation.token()).to_string();
    let header = json!({ "typ": "at+jwt", "alg": "ES256" }).to_string();
    let token = installation.forge("access", &header, &claims);
    installation.refuses_for(NotVerified::Key, "no kid", &token);
    let kid = installation.kid("access");
    let header = format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"x","kid":"{kid}"}}"#);
    let token = installation.forge("access", &header, &claims);
    installation.refuses_for(NotVerified::Header, "two kids", &token);
}

#[test]
fn h6_one_kind_of_token_for_another() {
    for installation in installations() {
        let assertion = installation.keys.sign_assertion(&assertion()).unwrap();
        installation.refuses_for(NotVerified::Key, "an assertion", assertion.reveal());

        let claims = payload(&installation.token()).to_string();
        let kid = installation.kid("assertion");
        for typ in ["at+jwt", "aegis-assertion+jwt", "JWT"] {
            let header = json!({ "typ": typ, "alg": "ES256", "kid": kid }).to_string();
            let token = installation.forge("assertion", &header, &claims);
            installation.refuses_for(NotVerified::Key, "the key of assertions, our claims", &token);
        }
        for typ in [
            "aegis-assertion+jwt",
            "jwt",
            "AT+JWT",
            "application/at+jwt",
            "logout+jwt",
            "dpop+jwt",
            "JOSE",
            "",
            if installation.shared { "at+jwt" } else { "JWT" },
        ] {
            let mut header = installation.header();
            header["typ"] = typ.into();
            let token = installation.forge("access", &header.to_string(), &claims);
            installation.refuses_for(NotVerified::Header, typ, &token);
        }
        let mut header = installation.header();
        header.as_object_mut().unwrap().remove("typ");
        let token = installation.forge("access", &header.to_string(), &claims);
        installation.refuses_for(NotVerified::Header, "no typ", &token);
    }
    let (ours, theirs) = (Installation::new(None, None), Installation::new(None, None));
    ours.refuses_for(NotVerified::Key, "another installation's token", &theirs.token());
    let claims = payload(&ours.token()).to_string();
    let token = theirs.forge("access", &ours.header().to_string(), &claims);
    ours.refuses_for(NotVerified::Signature, "another installation's key under our kid", &token);
}

#[test]
fn h7_every_character_counts() {
    for installation in installations() {
        let token = installation.token();
        for position in 0..token.len() {
            for other in [b'A', b'B', b'_', b'=', b'.', b'+', b' ', b'\n', 0] {
                let mut bytes = token.clone().into_bytes();
                if bytes[position] != other {
                    bytes[position] = other;
                    installation.refuses(&format!("byte {position}"), std::str::from_utf8(&bytes).unwrap());
                }
            }
            installation.refuses(&format!("cut at {position}"), &token[..position]);
            installation.refuses(&format!("from {position} on"), &token[position + 1..]);
        }
    }
}

#[test]
fn h7_one_spelling() {
    for installation in installations() {
        let token = installation.token();
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else { panic!("{token}") };
        let spellings = [
            format!("{token}="),
            format!("{token}=="),
            format!("{header}=.{claims}.{signature}"),
            format!(" {token}"),
            format!("{token} "),
            format!("{token}\n"),
            format!("{token}\0"),
            format!("{token}."),
            format!(".{token}"),
            format!("{token}.{signature}"),
            format!("{header}.{claims}..{signature}"),
            format!("{header}..{claims}.{signature}"),
            format!("{header}.{claims}"),
            format!("{header}..{signature}"),
            format!("Bearer {token}"),
            format!("{token},{token}"),
            format!("{header}.{claims}.{signature}.{signature}.{signature}"),
            json!({ "payload": claims, "protected": header, "signature": signature }).to_string(),
            json!({ "payload": claims, "signatures": [{ "protected": header, "signature": signature }] })
                .to_string(),
            String::new(),
            ".".into(),
            "..".into(),
            "....".into(),
        ];
        for spelling in spellings {
            installation.refuses_for(NotVerified::Shape, "another spelling", &spelling);
        }
        let long = AccessClaims { email: Some("x".repeat(4_000)), ..honest_claims() };
        let mut payload = payload(&token);
        payload["email"] = long.email.unwrap().into();
        let long = installation.forge("access", &installation.header().to_string(), &payload.to_string());
        installation.refuses_for(NotVerified::Shape, "longer than 4 KiB", &long);
    }
}

#[test]
fn h7_signatures_of_zeros() {
    let installation = Installation::new(None, None);
    let token = installation.token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (zero, mut one) = ([0; 32], [0; 32]);
    one[31] = 1;
    let (r, s) = signature.split_at(32);
    for (r, s) in [
        (zero.as_slice(), zero.as_slice()),
        (&zero, s),
        (r, &zero),
        (&order, &order),
        (&order, s),
        (r, &order),
        (&one, &one),
        (&[0xff; 32], &[0xff; 32]),
        (r, &s[..31]),
        (s, r),
    ] {
        let signature = URL_SAFE_NO_PAD.encode([r, s].concat());
        installation.refuses_for(NotVerified::Signature, "r, s", &format!("{message}.{signature}"));
    }
    // The ASN.1 form of the right signature.
    let der = [&[0x30, 0x46, 0x02, 0x21, 0], r, &[0x02, 0x21, 0], s].concat();
    let signature = URL_SAFE_NO_PAD.encode(der);
    installation.refuses_for(NotVerified::Signature, "in ASN.1", &format!("{message}.{signature}"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_sent_is_answered(text in "\\PC{0,200}", parts in prop::collection::vec("[A-Za-z0-9_-]{0,80}", 1..5)) {
        thread_local!(static INSTALLATIONS: [Installation; 2] = installations());
        INSTALLATIONS.with(|installations| {
            for installation in installations {
                for token in [text.clone(), parts.join(".")] {
                    prop_assert!(installation.judge(&token).is_err(), "{token:?} is accepted");
                    prop_assert!(!installation.keys.is_ours(&token), "{token:?} is ours");
                }
            }
            Ok(())
        })?;
    }
}
