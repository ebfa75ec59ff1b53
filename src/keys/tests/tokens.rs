//! What is signed, and that an app can verify it.

use jsonwebtoken::{DecodingKey, Validation};

use super::*;

/// Verifies `token` as an app does: with the published keys and an ordinary library.
fn app_verifies(keys: &Keys, token: &str, audience: &str) -> Value {
    let published: JwkSet = serde_json::from_slice(keys.jwks()).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let key = published.find(header.kid.as_deref().expect("a kid")).expect("the key is published");
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[audience]);
    validation.set_issuer(&["aegis-auth"]);
    validation.validate_exp = false;
    let decoded = jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation);
    decoded.expect("an app verifies the token").claims
}

#[test]
fn a_token_comes_back_as_it_was_signed() {
    for algorithm in ALGORITHMS {
        let installation = Installation::new(Some(algorithm), None);
        for aud in ["aegis-apps", "arlo"] {
            let signed = AccessClaims { aud: Some(aud.into()), ..honest_claims() };
            let token = installation.keys.sign_access(&signed).unwrap();
            assert!(installation.keys.is_ours(token.reveal()));
            assert_eq!(installation.judge(token.reveal()), Ok(signed), "{algorithm}");

            let kid = installation.kid("access");
            let expected = json!({ "typ": "at+jwt", "alg": algorithm, "kid": kid });
            assert_eq!(header(token.reveal()), expected);
            let seen = app_verifies(&installation.keys, token.reveal(), aud);
            assert_eq!(seen["sub"], seen["user_id"], "gateways read user_id: {seen}");
        }
    }
}

#[test]
fn the_shared_secret_signs_tokens_as_older_gateways_expect_them() {
    let installation = Installation::new(None, Some(JWT_SECRET));
    let signed = honest_claims();
    let token = installation.keys.sign_access(&signed).unwrap();
    assert!(installation.keys.is_ours(token.reveal()));
    assert_eq!(header(token.reveal()), json!({ "typ": "JWT", "alg": "HS256" }));
    assert_eq!(installation.judge(token.reveal()), Ok(AccessClaims { aud: None, ..signed }));

    let key = DecodingKey::from_secret(JWT_SECRET.as_bytes());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    let seen =
        jsonwebtoken::decode::<Value>(token.reveal(), &key, &validation).expect("a gateway verifies it");
    assert_eq!(seen.claims.get("aud"), None);

    let assertion = installation.keys.sign_assertion(&assertion()).unwrap();
    assert_eq!(header(assertion.reveal())["alg"], "ES256", "the secret signs access tokens only");
    app_verifies(&installation.keys, assertion.reveal(), "arlo");
}

#[test]
fn an_assertion_is_for_one_app_and_five_minutes() {
    for algorithm in ALGORITHMS {
        let installation = Installation::new(Some(algorithm), None);
        let signed = assertion();
        let token = installation.keys.sign_assertion(&signed).unwrap();
        let head = header(token.reveal());
        assert_eq!(head["typ"], "aegis-assertion+jwt");
        assert_ne!(head["kid"], installation.kid("access").as_str(), "a key of its own");

        let mut seen = app_verifies(&installation.keys, token.reveal(), "arlo");
        let jti = seen.as_object_mut().unwrap().remove("jti");
        assert!(jti.is_some_and(|jti| jti.as_str().is_some_and(|jti| jti.len() == 22)));
        let expected = json!({
            "iss": "aegis-auth", "sub": signed.sub.to_string(), "aud": "arlo",
            "preferred_username": "sam", "name": "Sam", "roles": ["admin"], "amr": ["pwd"],
            "auth_time": NOW.seconds(), "iat": NOW.seconds(), "nbf": NOW.seconds(),
            "exp": NOW.seconds() + 300,
        });
        assert_eq!(seen, expected);
    }
}

#[test]
fn the_time_of_a_token_is_judged_by_our_clock() {
    let installation = Installation::new(None, None);
    let token = installation.token();
    let at = |now: Wall| installation.keys.verify_access(&token, now).map(|_| ());
    let day = Duration::from_hours(24);
    assert_eq!(at(NOW.plus(day).minus(Duration::from_millis(1))), Ok(()), "a moment before its end");
    assert_eq!(at(NOW.plus(day)), Err(NotVerified::Expired), "at its end");
    assert_eq!(at(NOW.minus(LEEWAY)), Ok(()), "another node's clock is 5 s ahead");
    assert_eq!(at(NOW.minus(LEEWAY).minus(Duration::from_millis(1))), Err(NotVerified::NotYet));
}

#[test]
fn the_published_keys_are_public() {
    for algorithm in ALGORITHMS {
        for secret in [None, Some(JWT_SECRET)] {
            let installation = Installation::new(Some(algorithm), secret);
            let published: Value = serde_json::from_slice(installation.keys.jwks()).unwrap();
            let keys = published["keys"].as_array().unwrap();
            assert_eq!(keys.len(), 2, "one for access tokens and one for assertions: {published}");
            for key in keys {
                assert_eq!((&key["use"], &key["alg"]), (&json!("sig"), &json!(algorithm)));
                let allowed = ["kty", "use", "alg", "kid", "crv", "x", "y", "n", "e"];
                for member in key.as_object().unwrap().keys() {
                    assert!(allowed.contains(&member.as_str()), "{member} is published: {key}");
                }
            }
        }
    }
}

#[test]
fn more_roles_than_a_token_holds_are_an_error_and_no_token() {
    let installation = Installation::new(None, None);
    let many = AccessClaims { roles: vec!["r".repeat(64); 60], ..honest_claims() };
    assert!(installation.keys.sign_access(&many).is_err());
}

#[test]
fn what_is_not_ours_is_the_apps_own() {
    let ours = Installation::new(None, None);
    let other = Installation::new(None, None);
    let gateway = Installation::new(None, Some(JWT_SECRET));
    assert!(!ours.keys.is_ours(&other.token()), "another installation's kid");
    assert!(!ours.keys.is_ours(&gateway.token()), "no kid, and there is no shared secret");
    assert!(!gateway.keys.is_ours(&other.token()), "an unknown kid");

    let mut foreign = payload(&ours.token());
    foreign["iss"] = "https://accounts.example.com".into();
    let foreign = ours.forge("access", &ours.header().to_string(), &foreign.to_string());
    assert!(!ours.keys.is_ours(&foreign), "another issuer's, whatever its kid");

    let token = ours.token();
    let altered = format!("{}A.{}", &token[..token.rfind('.').unwrap()], "AAAA");
    assert!(!ours.keys.is_ours(&altered), "claims that cannot be read");
    let (message, _) = token.rsplit_once('.').unwrap();
    assert!(ours.keys.is_ours(&format!("{message}.AAAA")), "ours, and wrong: refused, not passed on");
    let assertion = ours.keys.sign_assertion(&assertion()).unwrap();
    assert!(ours.keys.is_ours(assertion.reveal()), "ours, and accepted at no door");

    for other in ["", "aegis_pat_x", "a.b.c", "Bearer x", "....", &"x".repeat(5_000)] {
        assert!(!ours.keys.is_ours(other), "{other:?}");
    }
}
