//! Passkeys of authenticators that others wrote (`soft-webauthn`): what is right opens, and what is wrong
//! does not, whoever encodes and signs it. The program is `tests/authenticator/soft.py`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use aegis::forwarded::Dialect;
use aegis::identity::Method;
use aegis::users::User;
use serde_json::{Value, json};

use super::house::{APPS, House, Memory, PORTAL};
use super::visit::Visit;
use crate::lab::proxy::repository;

const ORIGIN: &str = "https://auth.example.com";

/// The running program. It ends with its input, so with this.
struct Soft {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Soft {
    /// Starts it before this house.
    fn before(house: &House) -> Self {
        let packages = repository().join(".cache/soft-webauthn");
        assert!(
            packages.join("soft_webauthn.py").exists(),
            "{} is missing: run ./test, which fetches what the tests need",
            packages.display()
        );
        let mut child = Command::new("python3")
            .arg("-B")
            .arg(repository().join("tests/authenticator/soft.py"))
            .args([house.at.to_string().as_str(), PORTAL, ORIGIN])
            .env("PYTHONPATH", packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("python3 cannot be started: {error}; run ./test"));
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// What came of an order.
    #[track_caller]
    fn does(&mut self, order: &Value) -> Value {
        writeln!(self.child.stdin.as_mut().unwrap(), "{order}").unwrap();
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "soft.py ended at {order}: {:?}; it said why above", self.child.wait());
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{order}: {error}: {line}"))
    }

    /// Adds a passkey of this name in a session of `user`'s own.
    #[track_caller]
    fn registers(&mut self, house: &House, user: &User, how: &Value) -> Value {
        let cookie = house.admit(user.id, &[Method::Password], Some(Duration::from_hours(1))).cookie;
        let mut order = json!({ "do": "register", "cookie": cookie });
        merge(&mut order, how);
        self.does(&order)
    }
}

impl Drop for Soft {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

fn merge(order: &mut Value, more: &Value) {
    for (name, value) in more.as_object().expect("an object") {
        order[name] = value.clone();
    }
}

/// A sign-in that was let in: the cookie for the apps.
#[track_caller]
fn opened(what: &str, answer: &Value) -> String {
    assert_eq!(answer["status"], 200, "{what}: {answer}");
    let cookies = answer["cookies"].as_array().expect("cookies").iter().filter_map(Value::as_str);
    let token = cookies.into_iter().find(|cookie| cookie.starts_with("aegis_token="));
    token.unwrap_or_else(|| panic!("{what}: no token in {answer}")).to_owned()
}

#[track_caller]
fn refused(what: &str, answer: &Value) {
    assert_eq!((&answer["status"], &answer["cookies"]), (&json!(422), &json!([])), "{what}: {answer}");
}

#[test]
fn passkeys_of_an_authenticator_that_others_wrote_open_and_wrong_ones_do_not() {
    let house = House::open(Memory::On, APPS);
    let mut soft = Soft::before(&house);
    let (ann, bob) = (house.person(&[]), house.person(&[]));
    let kept = |user: &User| {
        house.wait(house.app.second_factor.passkeys.of(user.id)).expect("the store answers").len()
    };

    // As it is, it verifies nobody; and it says where it stands.
    for (what, how) in [
        ("a new passkey of nobody verified", json!({ "passkey": "x", "verified": false })),
        ("a new passkey of another site", json!({ "passkey": "x", "origin": "https://evil.test" })),
        ("a new passkey without TLS", json!({ "passkey": "x", "origin": "http://auth.example.com" })),
        ("a new passkey for another party", json!({ "passkey": "x", "rp_id": "evil.test" })),
        ("a new passkey for the domain", json!({ "passkey": "x", "rp_id": "example.com" })),
    ] {
        refused(what, &soft.registers(&house, &ann, &how));
        assert_eq!(kept(&ann), 0, "{what}: it was added");
    }
    for (user, name) in [(&ann, "ann"), (&bob, "bob")] {
        let added = soft.registers(&house, user, &json!({ "passkey": name }));
        assert_eq!((&added["status"], kept(user)), (&json!(200), 1), "a new passkey of {name}: {added}");
    }
    let signs_in = |soft: &mut Soft, how: &Value| {
        let mut order = json!({ "do": "sign_in", "passkey": "ann" });
        merge(&mut order, how);
        soft.does(&order)
    };
    let is_let_in = |soft: &mut Soft, when: &str| {
        let cookie = opened(when, &signs_in(soft, &json!({})));
        let app = house.check(Dialect::Forward, &Visit::new("closed.example.com", "/").cookie(&cookie));
        let name = ann.username.as_str();
        assert_eq!(
            (app.status, app.header("remote-user"), app.header("remote-auth-method")),
            (200, Some(name), Some("passkey")),
            "{when}: {app}"
        );
    };
    is_let_in(&mut soft, "the passkey, right");

    for (what, how) in [
        ("nobody verified", json!({ "verified": false })),
        ("another origin", json!({ "origin": "https://evil.test" })),
        ("an origin that begins like ours", json!({ "origin": "https://auth.example.com.evil.test" })),
        ("another party", json!({ "rp_id": "evil.test" })),
        ("the party of the domain", json!({ "rp_id": "example.com" })),
        ("the id of somebody else's passkey", json!({ "as_of": "bob" })),
        ("an altered signature", json!({ "altered": "signature" })),
        ("altered data", json!({ "altered": "authenticatorData" })),
        ("an altered origin", json!({ "altered": "clientDataJSON" })),
        ("somebody else's handle", json!({ "altered": "userHandle" })),
        ("a ceremony that is none", json!({ "ceremony": "A".repeat(43) })),
    ] {
        refused(what, &signs_in(&mut soft, &how));
        is_let_in(&mut soft, &format!("right, after {what}"));
    }

    // Once, and in time.
    let prepared = soft.does(&json!({ "do": "prepare", "passkey": "ann" }));
    let send = |soft: &mut Soft, body: &Value| soft.does(&json!({ "do": "send", "body": body }));
    opened("what was prepared", &send(&mut soft, &prepared));
    refused("the same once more", &send(&mut soft, &prepared));
    let mut other = soft.does(&json!({ "do": "prepare", "passkey": "ann" }));
    other["response"] = prepared["response"].clone();
    refused("the same in another ceremony", &send(&mut soft, &other));
    // An authenticator that does not count: there the ceremony alone says that it was here before, however it
    // is written.
    let prepared = soft.does(&json!({ "do": "prepare", "passkey": "bob", "counter": 0 }));
    opened("without counting", &send(&mut soft, &prepared));
    let ceremony = prepared["ceremony"].as_str().expect("a ceremony").to_owned();
    let (head, last) = ceremony.split_at(ceremony.len() - 1);
    let next = char::from(last.as_bytes()[0] ^ 1);
    for written in [
        ceremony.clone(),
        format!("{ceremony}="),
        format!(" {ceremony}"),
        format!("{head}{next}"),
        ceremony.replace('-', "+").replace('_', "/"),
    ] {
        let mut again = prepared.clone();
        again["ceremony"] = json!(written);
        refused(&format!("the same once more, as {written:?}"), &send(&mut soft, &again));
    }
    opened("without counting, anew", &soft.does(&json!({ "do": "sign_in", "passkey": "bob", "counter": 0 })));
    let prepared = soft.does(&json!({ "do": "prepare", "passkey": "ann" }));
    house.advance(Duration::from_mins(5));
    refused("five minutes later", &send(&mut soft, &prepared));
    is_let_in(&mut soft, "right, after that");

    // A copy of the key counts from where it was made.
    opened("the counter far ahead", &signs_in(&mut soft, &json!({ "counter": 4_000 })));
    for counter in [4_000, 3_999, 1] {
        refused(
            &format!("the counter at {counter} after 4000"),
            &signs_in(&mut soft, &json!({ "counter": counter })),
        );
    }
    opened("the counter further on", &signs_in(&mut soft, &json!({ "counter": 4_001 })));
    let bobs = opened("somebody else's own", &soft.does(&json!({ "do": "sign_in", "passkey": "bob" })));
    let app = house.check(Dialect::Forward, &Visit::new("closed.example.com", "/").cookie(&bobs));
    assert_eq!(app.header("remote-user"), Some(bob.username.as_str()), "{app}");
}
