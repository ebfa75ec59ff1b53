//! Whatever is typed at whichever door of our own site: an answer, and never a failure of ours.

use aegis::identity::Method;
use serde_json::json;

use super::house::{APPS, House, Memory, PORTAL};
use super::password_alone::paths;
use super::second_factor::{authenticator, linked};
use super::visit::{form, json as post};
use crate::lab::client::Ask;

/// The fields of all forms.
const FIELDS: [&str; 23] = [
    "all-apps",
    "allow",
    "app-closed",
    "challenge",
    "code",
    "current",
    "email",
    "expires",
    "factor",
    "id",
    "keep",
    "name",
    "new",
    "of",
    "offer",
    "password",
    "person",
    "rd",
    "recovery_code",
    "remember",
    "tailnet",
    "totp",
    "username",
];

const ODD: [&str; 9] = [
    "",
    "a\0b",
    "\u{202e}x\r\nSet-Cookie: a=b",
    "99999999999999999999",
    "0199b0a4-7a52-7c31-9d1f-6a7cf1d0a1b2",
    "passkey:\0",
    "tailnet:\u{7f}",
    "GET \0",
    "' or 1=1 --",
];

#[test]
fn whatever_is_typed_is_no_failure() {
    let settings = format!("{APPS}\n[telegram]\ntoken = \"123456789:{}\"\n", "x".repeat(35));
    let house = House::open(Memory::On, &settings);
    let person = linked(&house);
    authenticator(&house, person.id);
    for path in paths().values() {
        for odd in ODD {
            // Some paths end it.
            let session = house.admit(person.id, &[Method::Password, Method::Totp], None).cookie;
            let fields = FIELDS.map(|field| (field, odd));
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
            let response = json!({ "ceremony": odd, "response": { "id": odd }, "name": odd, "rd": odd });
            let asks = [
                form(path, &fields),
                Ask::navigation(PORTAL, &format!("{path}?{query}")),
                post(path, &response).header("Sec-Fetch-Site", "same-origin"),
                post(path, &json!({ "challenge": odd, "totp": odd })),
                post(path, &json!({ "email": odd, "password": odd })),
                post(path, &json!({ "token": odd })),
            ];
            for ask in asks {
                for ask in [ask.clone().header("Cookie", &session), ask] {
                    // From an address that nobody else has.
                    let number = house.name().trim_start_matches("person").parse::<usize>().unwrap();
                    let from = format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
                    let ask = ask.header("X-Forwarded-For", &from);
                    let answer = house.send(&ask);
                    assert!((200..500).contains(&answer.status), "asked: {ask}\ncame back: {answer}");
                }
            }
        }
    }
}
