//! Claims that are not as we write them, under a signature that is ours. All of them are refused.

use super::attacks::installations;
use super::*;

#[test]
fn h5_claims_of_another_type() {
    for installation in installations() {
        let honest = payload(&installation.token());
        let number = |claim: &str| honest[claim].as_i64().unwrap();
        let mut wrong: Vec<(&str, Value)> = Vec::new();
        for claim in ["exp", "nbf", "iat", "auth_time"] {
            let right = number(claim);
            wrong.extend([
                (claim, json!(right.to_string())),
                (claim, json!("9999999999")),
                (claim, json!(f64::from(u32::try_from(right).unwrap()) + 0.5)),
                (claim, json!(null)),
                (claim, json!(true)),
                (claim, json!([right])),
                (claim, json!({ "value": right })),
                (claim, json!(u64::MAX)),
            ]);
        }
        for claim in ["iss", "sub", "user_id", "jti", "sid"] {
            let right = honest[claim].clone();
            wrong.extend([
                (claim, json!([right])),
                (claim, json!(1)),
                (claim, json!(null)),
                (claim, json!("")),
            ]);
        }
        for claim in ["roles", "amr"] {
            wrong.extend([
                (claim, json!("admin")),
                (claim, json!([1])),
                (claim, json!({})),
                (claim, json!(null)),
            ]);
        }
        let issuers =
            ["aegis-aut", "aegis-auth ", "aegis-auth.evil.example", "AEGIS-AUTH", "https://aegis-auth"];
        wrong.extend(issuers.map(|issuer| ("iss", json!(issuer))));
        wrong.extend([
            ("exp", json!(-1)),
            ("exp", json!(0)),
            ("exp", json!(NOW.seconds())),
            ("exp", json!(i64::MIN)),
            ("iat", json!(NOW.seconds() + 6)),
            ("iat", json!(number("exp"))),
            ("nbf", json!(NOW.seconds() + 6)),
            ("nbf", json!(i64::MAX)),
            ("sub", json!(UserId::new().to_string())),
            ("user_id", json!(UserId::new().to_string())),
            ("sid", json!("not an id")),
            ("email", json!(["sam@example.com"])),
            ("aud", json!(["aegis-apps"])),
            ("aud", json!(["aegis-apps", "arlo"])),
            ("aud", json!("")),
            ("aud", json!(1)),
            ("administrator", json!(true)),
        ]);
        let header = installation.header().to_string();
        for (claim, value) in wrong {
            let mut claims = honest.clone();
            claims[claim] = value.clone();
            let token = installation.forge("access", &header, &claims.to_string());
            installation.refuses(&format!("{claim} = {value}"), &token);
        }
        for claim in honest.as_object().unwrap().keys().filter(|claim| *claim != "email") {
            let mut claims = honest.clone();
            claims.as_object_mut().unwrap().remove(claim);
            let token = installation.forge("access", &header, &claims.to_string());
            installation.refuses_for(NotVerified::Claims, &format!("without {claim}"), &token);
        }
        for (claim, value) in honest.as_object().unwrap() {
            let mut claims = honest.to_string();
            claims.truncate(claims.len() - 1);
            for name in [claim.clone(), format!("\\u{:04x}{}", u32::from(claim.as_bytes()[0]), &claim[1..])] {
                let twice = format!(r#"{claims},"{name}":{value}}}"#);
                let token = installation.forge("access", &header, &twice);
                installation.refuses_for(NotVerified::Claims, &format!("{name} twice"), &token);
            }
        }
        let text = honest.to_string();
        let exp = format!(r#""exp":{}"#, number("exp"));
        for other in ["1e400", "1e10", "9999999999.0", "09999999999", "NaN", "Infinity", "0x7fffffff"] {
            let claims = text.replace(&exp, &format!(r#""exp":{other}"#));
            assert_ne!(claims, text);
            installation.refuses(other, &installation.forge("access", &header, &claims));
        }
        for claims in
            ["", "null", "[]", "{}", "1", "\"x\"", &format!("{text}x"), &format!("[{text}]"), "{\"iss\":"]
        {
            installation.refuses_for(NotVerified::Claims, claims, &{
                let claims = if claims.is_empty() { " " } else { claims };
                installation.forge("access", &header, claims)
            });
        }
        let deep = format!("{}{}", "[".repeat(1_400), "]".repeat(1_400));
        installation.refuses("deep nesting", &installation.forge("access", &header, &deep));
    }
}

#[test]
fn h5_an_audience_belongs_to_our_own_signatures_only() {
    let installation = Installation::new(None, Some(JWT_SECRET));
    let mut claims = payload(&installation.token());
    claims["aud"] = "aegis-apps".into();
    let token = installation.forge("access", &installation.header().to_string(), &claims.to_string());
    installation.refuses_for(NotVerified::Claims, "an audience under the shared secret", &token);
}
