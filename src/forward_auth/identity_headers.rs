//! The headers of an allowed answer, made ready once and used many times: identity headers each
//! once, all of them, for nobody all empty; that nobody keeps the answer; no cookie and no authorization.
//! Never puts a value into a header that another program could read as two.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, header};

use crate::identity::Identity;
use crate::policy::RemoteUser;
use crate::secret::Secret;
use crate::state::{HeaderNames, header_names::ASSERTION};
use crate::web::cookies;

/// The group that everybody is in, so that the list is never empty for somebody.
const EVERYBODY: &str = "users";

const EMPTY: HeaderValue = HeaderValue::from_static("");

/// The headers that say who `identity` is.
pub(super) fn of(
    names: &HeaderNames,
    remote_user: RemoteUser,
    identity: &Identity,
    assertion: &Secret,
) -> HeaderMap {
    let id;
    let user = match remote_user {
        RemoteUser::Username => identity.username.as_str(),
        RemoteUser::Email => {
            identity.email.as_ref().map_or(identity.username.as_str(), |email| email.as_str())
        }
        RemoteUser::Id => {
            id = identity.user.to_string();
            &id
        }
    };
    let mut groups = EVERYBODY.to_owned();
    for role in identity.role_names().filter(|role| *role != EVERYBODY) {
        groups.push(',');
        groups.push_str(role);
    }
    let mut headers = of_everybody();
    headers.insert(names.user.clone(), value(user));
    headers.insert(names.email.clone(), value(identity.email.as_ref().map_or("", |email| email.as_str())));
    headers.insert(names.name.clone(), value(&identity.name));
    headers.insert(names.groups.clone(), value(&groups));
    headers.insert(names.method.clone(), value(&identity.method_names()));
    let mut assertion = HeaderValue::from_str(assertion.reveal()).unwrap_or(EMPTY);
    assertion.set_sensitive(true);
    headers.insert(ASSERTION, assertion);
    headers
}

/// The headers that say that nobody is there.
pub(super) fn of_nobody(names: &HeaderNames) -> HeaderMap {
    let mut headers = of_everybody();
    for name in names.all() {
        headers.insert(name.clone(), EMPTY);
    }
    headers.insert(ASSERTION, EMPTY);
    headers
}

/// What every 200 carries: nothing is kept by anybody, and what stands for no cookie and no authorization,
/// since a proxy that copies these would else leave the visitor's own.
fn of_everybody() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(9);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::COOKIE, cookies::NONE_LEFT);
    headers.insert(header::AUTHORIZATION, EMPTY);
    headers
}

/// `text` as a header's value: as it is if it is printable ASCII, else as encoded words of RFC 2047
/// in the "Q" encoding (section 4.2), none longer than 75 characters (section 2).
fn value(text: &str) -> HeaderValue {
    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && !text.starts_with("=?");
    if plain && let Ok(value) = HeaderValue::from_str(text) {
        return value;
    }
    let mut words = String::new();
    let mut word = String::new();
    for character in text.chars().filter(|character| !character.is_control()) {
        let mut encoded = String::new();
        let mut bytes = [0u8; 4];
        for byte in character.encode_utf8(&mut bytes).bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(char::from(byte)),
                b' ' => encoded.push('_'),
                _ => {
                    let _ = write!(encoded, "={byte:02X}");
                }
            }
        }
        if word.len() + encoded.len() > 75 - "=?utf-8?q??=".len() {
            push_word(&mut words, &word);
            word.clear();
        }
        word.push_str(&encoded);
    }
    push_word(&mut words, &word);
    HeaderValue::try_from(words).unwrap_or(EMPTY)
}

fn push_word(words: &mut String, word: &str) {
    if !words.is_empty() {
        words.push(' ');
    }
    let _ = write!(words, "=?utf-8?q?{word}?=");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_stay_and_others_become_encoded_words() {
        for (text, expected) in [
            ("Sam H", "Sam H"),
            ("", ""),
            ("Zoë", "=?utf-8?q?Zo=C3=AB?="),
            ("a b\u{e9}", "=?utf-8?q?a_b=C3=A9?="),
            ("=?utf-8?q?x?=", "=?utf-8?q?=3D=3Futf=2D8=3Fq=3Fx=3F=3D?="),
            ("Ann\r\nRemote-Groups: admins", "=?utf-8?q?AnnRemote=2DGroups=3A_admins?="),
        ] {
            assert_eq!(value(text).to_str().unwrap(), expected, "asked {text:?}");
        }
    }

    #[test]
    fn no_encoded_word_is_longer_than_75_characters_and_no_character_is_split() {
        let name = "ü".repeat(100);
        let encoded = value(&name);
        let text = encoded.to_str().unwrap();
        for word in text.split(' ') {
            assert!(word.len() <= 75, "{word} has {} characters", word.len());
            let inner = word.strip_prefix("=?utf-8?q?").unwrap().strip_suffix("?=").unwrap();
            assert_eq!(inner.len() % 6, 0, "a character was split in {word}");
        }
    }
}
