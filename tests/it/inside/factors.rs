//! Which factors a check asks for, and how old they may be: by the contract, in the three dialects.

use std::time::Duration;

use aegis::forwarded::Dialect;
use aegis::users::User;
use serde_json::json;

use super::house::{House, Memory};
use super::visit::{Browser, DIALECTS, Visit};
use crate::lab::IDENTITY;
use crate::lab::client::Answer;

with_and_without_memory!(
    two_factors_are_asked_for_where_nothing_is_written,
    a_program_is_told_what_is_lacking,
    a_factor_grows_old_while_it_is_remembered,
    a_role_asks_for_two_factors,
    a_factor_that_is_shown_opens_at_the_next_check,
);

/// Apps that ask for more than a password.
pub(super) const APPS: &str = r#"
public_url = "https://auth.example.com"
[cookie]
domain = "example.com"
[second_factor]
roles = ["admin"]

[app.one]
hosts = ["one.example.com"]
require = "signed_in"

[app.two]
hosts = ["two.example.com"]
public = ["/hooks"]
[[app.two.rule]]
path = "/api/*"
challenge = "basic"

[app.fresh]
hosts = ["fresh.example.com"]
max_age = "1m"
[[app.fresh.rule]]
path = "/hour/*"
max_age = "1h"
[[app.fresh.rule]]
path = "/password/*"
require = "signed_in"
[[app.fresh.rule]]
path = "/basic/*"
challenge = "basic"

[app.welcome]
hosts = ["welcome.example.com"]
require = "optional"
"#;

/// Notes that the session of `browser` has shown a second factor now: what the doors do, without them.
pub(super) fn second_factor_was_shown(house: &House, browser: &Browser) {
    let database = rusqlite::Connection::open(house.data().join("aegis.db")).unwrap();
    let sid = claim(browser.jwt(), "sid");
    let set = "update session set methods = 'password+totp', authenticated_at = ?2 where id = ?1";
    assert_eq!(database.execute(set, (&sid, house.now().0)).unwrap(), 1, "the session {sid}");
}

/// Gives `user` an authenticator app: what the doors do, without them.
pub(super) fn has_a_factor(house: &House, user: &User) {
    let database = rusqlite::Connection::open(house.data().join("aegis.db")).unwrap();
    let add = "insert into totp (account_id, secret, last_step, created_at) values (?1, x'00', 0, ?2)";
    assert_eq!(database.execute(add, (user.id.to_string(), house.now().0)).unwrap(), 1);
}

pub(super) fn claim(token: &str, name: &str) -> String {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).expect("three parts");
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let claims: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    claims[name].as_str().unwrap_or_else(|| panic!("{name} in {claims}")).to_owned()
}

/// Every `WWW-Authenticate`, in order.
fn challenges(answer: &Answer) -> Vec<&str> {
    let named = answer.headers.iter().filter(|(name, _)| name == "www-authenticate");
    named.map(|(_, value)| value.as_str()).collect()
}

/// What a browser that goes there is answered in this dialect: let in, or sent to the sign-in page.
#[track_caller]
fn goes(house: &House, dialect: Dialect, browser: &Browser, (host, path): (&str, &str), is_let_in: bool) {
    let host = format!("{host}.example.com");
    let answer = house.check(dialect, &Visit::navigation(&host, path).cookie(&browser.token));
    let status = match (is_let_in, dialect) {
        (true, _) => 200,
        (false, Dialect::Nginx) => 401,
        (false, Dialect::Forward | Dialect::Envoy) => 302,
    };
    let asked = format!("{dialect:?}, memory {:?}: {host}{path}\ncame back: {answer}", house.memory);
    assert_eq!(answer.status, status, "{asked}");
    if is_let_in {
        return;
    }
    let back: String = form_urlencoded::byte_serialize(format!("https://{host}{path}").as_bytes()).collect();
    let to = format!("https://auth.example.com/login?rd={back}");
    assert_eq!(answer.header("location"), Some(to.as_str()), "{asked}");
    for name in IDENTITY {
        assert_eq!(answer.header(name), None, "{name} on a refusal: {asked}");
    }
}

fn two_factors_are_asked_for_where_nothing_is_written(memory: Memory) {
    let house = House::open(memory, APPS);
    let person = house.person(&[]);
    let (one, both) = (house.sign_in(person.username.as_str()), house.sign_in(person.username.as_str()));
    second_factor_was_shown(&house, &both);
    for dialect in DIALECTS {
        for (place, with_one, with_both) in [
            (("one", "/"), true, true),
            (("two", "/"), false, true),
            (("two", "/hooks"), true, true),
            (("two", "/api/x"), false, true),
            (("fresh", "/"), false, true),
            (("fresh", "/hour/x"), false, true),
            (("fresh", "/password/x"), true, true),
            (("welcome", "/"), true, true),
        ] {
            goes(&house, dialect, &one, place, with_one);
            goes(&house, dialect, &both, place, with_both);
        }
        let answer = house.check(dialect, &Visit::navigation("two.example.com", "/").cookie(&both.token));
        assert_eq!(answer.header("remote-auth-method"), Some("password+totp"), "{dialect:?}: {answer}");
        for method in ["POST", "PUT", "DELETE", "PROPFIND", "OPTIONS"] {
            let visit = Visit::navigation("two.example.com", "/").method(method).cookie(&one.token);
            let expected = if dialect == Dialect::Nginx { 401 } else { 303 };
            assert_eq!(house.status(dialect, &visit), expected, "{dialect:?}: {visit:?}");
        }
    }
}

fn a_program_is_told_what_is_lacking(memory: Memory) {
    const REALM: &str = "Bearer realm=\"Aegis\"";
    const BASIC: &str = "Basic realm=\"Aegis\", charset=\"UTF-8\"";
    let house = House::open(memory, APPS);
    let person = house.person(&[]);
    let (one, old) = (house.sign_in(person.username.as_str()), house.sign_in(person.username.as_str()));
    second_factor_was_shown(&house, &old);
    house.advance(Duration::from_mins(2));
    let needed = "A second factor is needed to use this.";
    let again = "Show a factor again to use this.";
    let lacking = |words: &str, max_age: &str| {
        format!("{REALM}, error=\"insufficient_user_authentication\", error_description=\"{words}\"{max_age}")
    };
    for dialect in DIALECTS {
        for (browser, host, path, words, max_age) in [
            (&one, "two", "/", needed, None),
            (&one, "two", "/api/x", needed, None),
            (&one, "fresh", "/", needed, Some(60)),
            (&one, "fresh", "/basic/x", needed, Some(60)),
            (&one, "fresh", "/hour/x", needed, Some(3600)),
            (&old, "fresh", "/", again, Some(60)),
            (&old, "fresh", "/basic/x", again, Some(60)),
        ] {
            let host = format!("{host}.example.com");
            let with_basic = path.starts_with("/api") || path.starts_with("/basic");
            for (visit, is_browser) in [
                (Visit::new(&host, path), false),
                (Visit::fetch(&host, path), true),
                (Visit::fetch(&host, path).method("POST"), true),
                (
                    Visit::new(&host, path)
                        .header("Connection", "Upgrade")
                        .header("Upgrade", "websocket")
                        .header("Sec-Fetch-Mode", "websocket"),
                    true,
                ),
            ] {
                let visit = visit.cookie(&browser.token);
                let answer = house.check(dialect, &visit);
                let asked = format!("{dialect:?}, memory {memory:?}: {visit:?}\ncame back: {answer}");
                assert_eq!(answer.status, 401, "{asked}");
                let named = max_age.map(|age| format!(", max_age=\"{age}\"")).unwrap_or_default();
                let bearer = lacking(words, &named);
                let basic = (with_basic && !is_browser).then_some(BASIC);
                let expected: Vec<&str> = basic.into_iter().chain([bearer.as_str()]).collect();
                assert_eq!(challenges(&answer), expected, "{asked}");
                let reference = answer.header("x-aegis-ref").expect("a reference");
                let mut body = json!({
                    "type": "about:blank", "title": "Unauthorized", "status": 401, "detail": words,
                    "ref": reference, "error": "insufficient_user_authentication",
                });
                if let Some(age) = max_age {
                    body["max_age"] = age.into();
                }
                assert_eq!(answer.json(), body, "{asked}");
                for name in IDENTITY {
                    assert_eq!(answer.header(name), None, "{name} on a refusal: {asked}");
                }
            }
        }
        // Who is not signed in at all lacks nothing by name.
        let answer = house.check(dialect, &Visit::new("fresh.example.com", "/"));
        assert_eq!(challenges(&answer), [REALM], "{dialect:?}: {answer}");
        assert_eq!(answer.json().get("error"), None, "{dialect:?}: {answer}");
    }
}

fn a_factor_grows_old_while_it_is_remembered(memory: Memory) {
    const SECOND: Duration = Duration::from_secs(1);
    let house = House::open(memory, APPS);
    let browser = house.sign_in(house.person(&[]).username.as_str());
    second_factor_was_shown(&house, &browser);
    let all = |minute: bool, hour: bool| {
        for dialect in DIALECTS {
            goes(&house, dialect, &browser, ("fresh", "/"), minute);
            goes(&house, dialect, &browser, ("fresh", "/hour/x"), hour);
            goes(&house, dialect, &browser, ("fresh", "/password/x"), true);
            goes(&house, dialect, &browser, ("two", "/"), true);
        }
    };
    all(true, true);
    house.advance(Duration::from_mins(1));
    all(true, true);
    // What is remembered of somebody lasts longer than this.
    house.advance(SECOND);
    all(false, true);
    house.advance(Duration::from_mins(59).saturating_sub(SECOND));
    all(false, true);
    house.advance(SECOND);
    all(false, false);
}

fn a_role_asks_for_two_factors(memory: Memory) {
    let house = House::open(memory, APPS);
    let admin = house.person(&["admin", "user"]);
    let (one, both) = (house.sign_in(admin.username.as_str()), house.sign_in(admin.username.as_str()));
    second_factor_was_shown(&house, &both);
    let other = house.sign_in(house.person(&["user"]).username.as_str());
    let token = house.script_token(admin.username.as_str(), None);
    for dialect in DIALECTS {
        goes(&house, dialect, &one, ("one", "/"), false);
        goes(&house, dialect, &one, ("fresh", "/password/x"), false);
        goes(&house, dialect, &both, ("one", "/"), true);
        goes(&house, dialect, &other, ("one", "/"), true);
        // Where nobody has to be known, they are known all the same.
        goes(&house, dialect, &one, ("welcome", "/"), true);
        let answer = house.check(dialect, &Visit::new("welcome.example.com", "/").cookie(&one.token));
        assert_eq!(answer.header("remote-user"), Some(admin.username.as_str()), "{dialect:?}: {answer}");
        let visit = Visit::new("one.example.com", "/").header("Authorization", &format!("Bearer {token}"));
        assert_eq!(house.status(dialect, &visit), 401, "{dialect:?}: a token that a password got");
    }
}

fn a_factor_that_is_shown_opens_at_the_next_check(memory: Memory) {
    let house = House::open(memory, APPS);
    let person = house.person(&[]);
    let browser = house.sign_in(person.username.as_str());
    goes(&house, Dialect::Forward, &browser, ("fresh", "/"), false);
    // A sign-in gives a new session, and with it another cookie: what was remembered is of the old one.
    let next = house.sign_in(person.username.as_str());
    second_factor_was_shown(&house, &next);
    goes(&house, Dialect::Forward, &next, ("fresh", "/"), true);
    goes(&house, Dialect::Forward, &browser, ("fresh", "/"), false);
}
