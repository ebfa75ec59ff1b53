//! Passkeys: what is right opens, and whatever is wrong in one thing does not (`WebAuthn` Level 3,
//! sections 7.1 and 7.2, step by step).

use std::cell::RefCell;
use std::time::Duration;

use aegis::identity::{Actor, Method, SessionId};
use aegis::second_factor::passkeys::{MOST, Passkeys};
use aegis::store::{Statement, Write, WriteError};
use aegis::users::{Leaves, User};
use serde_json::{Value, json};

use super::house::{APPS, Admitted, House, Memory, PORTAL};
use super::visit::{Browser, Visit, json as post};
use crate::lab::authenticator::{PRESENT, Passkey, Said, VERIFIED, cbor_bytes, decoded, p256};
use crate::lab::client::{Answer, Ask};

const ORIGIN: &str = "https://auth.example.com";
/// How long a ceremony waits.
const MINUTES: Duration = Duration::from_mins(5);

static SPENT: Statement = Statement::new("select count(*) from passkey_ceremony");

/// Somebody who may add passkeys, in a browser.
struct Person<'h> {
    house: &'h House,
    user: User,
    session: SessionId,
    /// Of the session they are in: a new passkey opens another.
    cookie: RefCell<String>,
}

impl<'h> Person<'h> {
    fn new(house: &'h House) -> Self {
        Self::again(house, house.person(&[]))
    }

    /// The same person in a session of its own.
    fn again(house: &'h House, user: User) -> Self {
        let Admitted { session, cookie } =
            house.admit(user.id, &[Method::Password], Some(Duration::from_hours(1)));
        Self { house, user, session, cookie: RefCell::new(cookie) }
    }

    fn asks(&self, path: &str, what: &Value) -> Answer {
        self.house.send(&own(path, what).header("Cookie", &self.cookie.borrow()))
    }

    /// What is asked for a new passkey, and the ceremony's name.
    #[track_caller]
    fn begins(&self) -> (String, Value) {
        begun(&self.asks("/account/passkey/options", &json!({})))
    }

    /// Whether a passkey whose answer is changed so is added.
    #[track_caller]
    fn adds(&self, change: impl FnOnce(&mut Said)) -> Option<Passkey> {
        let (ceremony, options) = self.begins();
        let (passkey, answer) = Passkey::make(&options, ORIGIN, change);
        self.finishes(&ceremony, &answer).then_some(passkey)
    }

    /// Whether that answer adds a passkey.
    #[track_caller]
    fn finishes(&self, ceremony: &str, response: &Value) -> bool {
        let answer = self.asks("/account/passkey", &json!({ "ceremony": ceremony, "response": response }));
        assert!([200, 422].contains(&answer.status), "200 or 422 for a new passkey: {answer}");
        if answer.status == 200 {
            *self.cookie.borrow_mut() = Browser::of(&answer).session;
        }
        answer.status == 200
    }

    fn passkeys(&self) -> usize {
        let passkeys = &self.house.app.second_factor.passkeys;
        self.house.wait(passkeys.of(self.user.id)).expect("the store answers").len()
    }
}

/// A request of a page's script.
fn own(path: &str, what: &Value) -> Ask {
    post(path, what).header("Sec-Fetch-Site", "same-origin")
}

#[track_caller]
fn begun(answer: &Answer) -> (String, Value) {
    assert_eq!(answer.status, 200, "what to ask the browser for: {answer}");
    let said = answer.json();
    (said["ceremony"].as_str().expect("a ceremony").to_owned(), said["options"].clone())
}

/// Signing in with an answer that is changed so, from an address of its own.
#[track_caller]
fn signs_in(house: &House, passkey: &mut Passkey, change: impl FnOnce(&mut Said)) -> Answer {
    let (ceremony, options) = begun(&house.send(&own("/login/passkey/options", &json!({}))));
    let response = passkey.show(&options, ORIGIN, change);
    house.send(&finish(house, &ceremony, &response))
}

/// A sign-in that ends, from an address of its own.
fn finish(house: &House, ceremony: &str, response: &Value) -> Ask {
    let number = house.name().trim_start_matches("person").parse::<usize>().unwrap();
    own("/login/passkey", &json!({ "ceremony": ceremony, "response": response }))
        .header("X-Forwarded-For", &format!("10.{}.{}.1", number / 256, number % 256))
}

#[track_caller]
fn is_refused(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 422, "{what}: {answer}");
    assert!(answer.cookies().is_empty(), "{what}: no cookie: {answer}");
    let said = answer.json();
    assert_eq!(
        said["detail"], "That passkey didn’t work here. Try again, or sign in another way.",
        "{what}: nothing of why: {answer}"
    );
}

fn house() -> House {
    House::open(Memory::On, APPS)
}

#[test]
fn a_passkey_alone_signs_in_and_is_two_factors() {
    let house = house();
    let person = Person::new(&house);
    let mut passkey = person.adds(|_| {}).expect("a passkey is added");
    let (ceremony, options) = begun(&house.send(&own("/login/passkey/options", &json!({}))));
    let asked = &options["publicKey"];
    assert_eq!(
        (&asked["allowCredentials"], &asked["userVerification"], &asked["rpId"], options.get("mediation")),
        (&json!([]), &json!("required"), &json!(PORTAL), None),
        "the same for everybody: {options}"
    );
    assert!(decoded(&asked["challenge"]).len() >= 32, "a challenge that nobody guesses: {options}");
    let response = passkey.show(&options, ORIGIN, |_| {});
    let wish = "https://closed.example.com/deep?a=b";
    let answer = house.send(&own(
        "/login/passkey",
        &json!({ "ceremony": ceremony, "response": response, "keep": true, "rd": wish }),
    ));
    assert_eq!((answer.status, &answer.json()["to"]), (200, &json!(wish)), "{answer}");
    let browser = Browser::of(&answer);
    assert!(browser.device.is_some(), "the browser is known from now on: {answer}");
    let visit = Visit::new("closed.example.com", "/").cookie(&browser.token);
    let app = house.check(aegis::forwarded::Dialect::Forward, &visit);
    assert_eq!(
        (app.status, app.header("remote-user"), app.header("remote-auth-method")),
        (200, Some(person.user.username.as_str()), Some("passkey")),
        "{app}"
    );
    let of = house.wait(house.app.second_factor.passkeys.of(person.user.id)).unwrap();
    assert_eq!(of[0].used_at, Some(house.now()), "when it was used");

    let elsewhere = house.send(&own(
        "/login/passkey",
        &json!({ "ceremony": "x", "response": {}, "rd": "https://evil.test/" }),
    ));
    is_refused("nothing is right", &elsewhere);
}

#[test]
fn a_browser_is_known_to_the_account_whose_passkey_it_showed() {
    let house = house();
    let person = Person::new(&house);
    let mut passkey = person.adds(|_| {}).expect("a passkey is added");
    let another = house.sign_in(house.person(&[]).username.as_str()).device.expect("a mark");
    let mut comes = |mark: &str| {
        let (ceremony, options) = begun(&house.send(&own("/login/passkey/options", &json!({}))));
        let response = passkey.show(&options, ORIGIN, |_| {});
        let answer = house.send(&finish(&house, &ceremony, &response).header("Cookie", mark));
        assert_eq!(answer.status, 200, "with {mark}: {answer}");
        Browser::of(&answer).device
    };
    let none = "__Host-aegis_device=of-nobody-at-all";
    for mark in [another.as_str(), none] {
        let new = comes(mark).unwrap_or_else(|| panic!("a mark of this account, in a browser with {mark}"));
        let mark = new.split_once('=').map(|(_, mark)| mark);
        let known = house.wait(house.app.attempts.is_known(person.user.id, mark));
        assert!(known.expect("the store answers"), "{new}");
        assert_eq!(comes(&new), None, "a browser that is known keeps its mark");
    }
}

#[test]
fn what_a_new_passkey_is_asked_for() {
    let house = house();
    let person = Person::new(&house);
    let first = person.adds(|_| {}).expect("a passkey is added");
    let (_, options) = person.begins();
    let asked = &options["publicKey"];
    let selection = &asked["authenticatorSelection"];
    assert_eq!(
        (&selection["residentKey"], &selection["requireResidentKey"], &selection["userVerification"]),
        (&json!("required"), &json!(true), &json!("required")),
        "{options}"
    );
    assert_eq!(
        decoded(&asked["user"]["id"]),
        person.user.id.0.as_bytes(),
        "the handle is the account: {options}"
    );
    assert_eq!(
        (&asked["user"]["name"], &asked["user"]["displayName"], &asked["attestation"]),
        (&json!(person.user.username.as_str()), &json!(person.user.name), &json!("none")),
        "{options}"
    );
    let known: Vec<Vec<u8>> =
        asked["excludeCredentials"].as_array().unwrap().iter().map(|one| decoded(&one["id"])).collect();
    assert_eq!(known, [first.id], "what is here already is not made again: {options}");
}

/// What is wrong, and how an answer becomes so.
type Wrong = (&'static str, Box<dyn Fn(&mut Said)>);

/// What is wrong in both ceremonies alike.
fn wrong_alike() -> Vec<Wrong> {
    let mut wrong: Vec<Wrong> = vec![
        ("another challenge", Box::new(|said| said.challenge = "A".repeat(43))),
        (
            "a challenge with one letter changed",
            Box::new(|said| {
                let first = if said.challenge.starts_with('A') { "B" } else { "A" };
                said.challenge.replace_range(0..1, first);
            }),
        ),
        ("no challenge", Box::new(|said| said.challenge = String::new())),
        ("nobody there", Box::new(|said| said.flags &= !PRESENT)),
        ("nobody verified", Box::new(|said| said.flags &= !VERIFIED)),
        ("a type that is none", Box::new(|said| "payment.get".clone_into(&mut said.kind))),
        ("inside another page", Box::new(|said| said.more = json!({ "crossOrigin": true }))),
        (
            "inside another page, by its name",
            Box::new(|said| said.more = json!({ "crossOrigin": false, "topOrigin": "https://evil.test" })),
        ),
        ("backed up without being able to", Box::new(|said| said.flags |= 0x10)),
    ];
    for origin in [
        "http://auth.example.com",
        "https://auth.example.com:8443",
        "https://app.auth.example.com",
        "https://example.com",
        "https://auth.example.com.evil.test",
        "https://auth.example.com@evil.test",
        "https://evil.test",
        "https://auth.example.com/",
        "https://AUTH.example.com",
        "null",
        "",
    ] {
        wrong.push((origin, Box::new(move |said| origin.clone_into(&mut said.origin))));
    }
    for host in ["example.com", "evil.test", "app.auth.example.com", "https://auth.example.com", ""] {
        wrong.push((host, Box::new(move |said| host.clone_into(&mut said.rp_id))));
    }
    wrong
}

#[test]
fn a_new_passkey_that_is_wrong_in_one_thing_is_not_added() {
    let house = house();
    let person = Person::new(&house);
    let mut wrong = wrong_alike();
    let zero = p256(&[0; 64]);
    let nowhere = p256(&[1; 64]);
    // Ed25519, with its base point.
    let unasked =
        [&[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20, 0x58][..], &[0x66; 31]].concat();
    // kty 3, alg -257, n of 256 bytes, and an exponent with which every signature is its own message.
    let rsa = |exponent: &[u8]| {
        let modulus = [&[0xc5][..], &[0x5b; 254], &[0x6f]].concat();
        [
            &[0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20][..],
            &cbor_bytes(&modulus),
            &[0x21],
            &cbor_bytes(exponent),
        ]
        .concat()
    };
    for (what, key) in [
        ("ES256 at (0, 0)", zero),
        ("ES256 at no point of the curve", nowhere),
        ("an algorithm that was not asked for", unasked),
        ("RSA with the exponent 1", rsa(&[0, 0, 1])),
        ("RSA with the exponent 0", rsa(&[0, 0, 0])),
        ("RSA with an even exponent", rsa(&[0, 0, 2])),
        ("no key", vec![0xa0]),
        ("a key that is no map", vec![0x80]),
    ] {
        wrong.push((what, Box::new(move |said: &mut Said| said.public_key.clone_from(&key))));
    }
    wrong.push(("the type of a sign-in", Box::new(|said| said.kind = "webauthn.get".to_owned())));
    wrong.push(("without a credential", Box::new(|said| said.flags &= !0x40)));
    wrong.push(("a format that is none", Box::new(|said| said.format = "homemade".to_owned())));
    wrong.push(("a format whose proof is missing", Box::new(|said| said.format = "packed".to_owned())));
    wrong.push(("a format nobody trusts", Box::new(|said| said.format = "android-safetynet".to_owned())));
    for (what, change) in wrong {
        assert!(person.adds(change).is_none(), "a new passkey was added in spite of: {what}");
        assert_eq!(person.passkeys(), 0, "{what}");
    }
    assert!(person.adds(|_| {}).is_some(), "one that is right");
    let usual = rsa(&[1, 0, 1]);
    assert!(person.adds(|said| said.public_key = usual).is_some(), "RSA with the exponent 65537");
}

#[test]
fn a_sign_in_that_is_wrong_in_one_thing_opens_nothing() {
    let house = house();
    let person = Person::new(&house);
    let mut passkey = person.adds(|_| {}).expect("a passkey is added");
    let other = Person::new(&house);
    let of_other = other.adds(|_| {}).expect("a passkey of somebody else");
    let handle = other.user.id.0.as_bytes().to_vec();
    let mut wrong = wrong_alike();
    wrong.push(("the type of a new passkey", Box::new(|said| said.kind = "webauthn.create".to_owned())));
    wrong.push(("a passkey that nobody has", Box::new(|said| said.id = vec![7; 32])));
    wrong.push(("no passkey", Box::new(|said| said.id = Vec::new())));
    wrong.push(("the passkey of somebody else", {
        let id = of_other.id.clone();
        Box::new(move |said| said.id.clone_from(&id))
    }));
    wrong.push(("passkey and handle of somebody else", {
        let (id, handle) = (of_other.id.clone(), handle.clone());
        Box::new(move |said| {
            said.id.clone_from(&id);
            said.handle = Some(handle.clone());
        })
    }));
    wrong.push(("the handle of somebody else", Box::new(move |said| said.handle = Some(handle.clone()))));
    wrong.push(("no handle", Box::new(|said| said.handle = None)));
    wrong.push(("an empty handle", Box::new(|said| said.handle = Some(Vec::new()))));
    wrong.push(("able to be backed up, which it was not", Box::new(|said| said.flags |= 0x08)));
    for (what, change) in wrong {
        is_refused(what, &signs_in(&house, &mut passkey, change));
    }
    let right = signs_in(&house, &mut passkey, |_| {});
    assert_eq!(right.status, 200, "the same passkey, right: {right}");
}

#[test]
fn a_signature_over_something_else_opens_nothing() {
    let house = house();
    let person = Person::new(&house);
    let mut passkey = person.adds(|_| {}).expect("a passkey is added");
    for part in ["authenticatorData", "clientDataJSON", "signature"] {
        let (ceremony, options) = begun(&house.send(&own("/login/passkey/options", &json!({}))));
        let right = passkey.show(&options, ORIGIN, |_| {});
        let bytes = decoded(&right["response"][part]);
        let mut wrong = bytes.clone();
        *wrong.last_mut().unwrap() ^= 1;
        let mut response = right.clone();
        response["response"][part] = json!(crate::lab::authenticator::encoded(&wrong));
        is_refused(part, &house.send(&finish(&house, &ceremony, &response)));
        let right = house.send(&finish(&house, &ceremony, &right));
        assert_eq!(right.status, 200, "the right answer to the same question: {right}");
    }
}

#[test]
fn a_counter_that_does_not_go_on_opens_nothing() {
    let house = house();
    let person = Person::new(&house);
    let mut passkey = person.adds(|said| said.counter = 40).expect("a passkey is added");
    assert_eq!(signs_in(&house, &mut passkey, |said| said.counter = 41).status, 200, "one more");
    for counter in [41, 40, 1, 0] {
        let answer = signs_in(&house, &mut passkey, |said| said.counter = counter);
        is_refused(&format!("{counter} after 41"), &answer);
    }
    assert_eq!(signs_in(&house, &mut passkey, |said| said.counter = 42).status, 200, "one more");
    // Passkeys that are synchronised do not count at all.
    let mut synchronised = person.adds(|said| said.counter = 0).expect("a passkey is added");
    for _ in 0..2 {
        assert_eq!(
            signs_in(&house, &mut synchronised, |said| said.counter = 0).status,
            200,
            "without counting"
        );
    }
}

#[test]
fn one_use_of_a_counter_opens_once_whatever_happens_at_once() {
    let house = house();
    let person = Person::new(&house);
    let mut passkey = person.adds(|_| {}).expect("a passkey is added");
    let passkeys = &house.app.second_factor.passkeys;
    let now = house.now();
    let proofs: Vec<_> = (0..2)
        .map(|_| {
            let begun = passkeys.begin_authentication(now).expect("a ceremony");
            let response = passkey.show(&begun.options, ORIGIN, |_| {}).to_string();
            let finished = passkeys.finish_authentication(begun.ceremony.reveal(), response.as_bytes(), now);
            house.wait(finished).expect("the store answers").expect("both are right when they are judged")
        })
        .collect();
    let came: Vec<_> = proofs
        .into_iter()
        .map(|(user, proof)| {
            let arrival = house.arrival(None);
            house
                .wait(house.app.sign_in.with_passkey(user, proof, arrival, now))
                .expect("the store answers")
                .is_some()
        })
        .collect();
    assert_eq!(came, [true, false], "the second meets another counter than it was judged by");
}

#[test]
fn a_ceremony_counts_once_in_time_and_for_what_it_was_begun() {
    let house = house();
    let person = Person::new(&house);
    let (ceremony, options) = person.begins();
    let (_, answer) = Passkey::make(&options, ORIGIN, |_| {});
    let same_user = Person::again(&house, person.user.clone());
    assert_ne!(same_user.session, person.session);
    assert!(!same_user.finishes(&ceremony, &answer), "in another session of the same account");
    assert!(person.finishes(&ceremony, &answer), "in its own");

    let (ceremony, options) = person.begins();
    let (_, answer) = Passkey::make(&options, ORIGIN, |_| {});
    assert!(!Person::new(&house).finishes(&ceremony, &answer), "of another account");
    for made_up in ["", "x", &"A".repeat(43)] {
        assert!(!person.finishes(made_up, &answer), "a ceremony that is none: {made_up:?}");
    }

    let (ceremony, options) = person.begins();
    let (_, answer) = Passkey::make(&options, ORIGIN, |_| {});
    house.advance(MINUTES);
    assert!(!person.finishes(&ceremony, &answer), "five minutes later");
    let (ceremony, options) = person.begins();
    let (mut passkey, answer) = Passkey::make(&options, ORIGIN, |_| {});
    house.advance(MINUTES.saturating_sub(Duration::from_secs(1)));
    assert!(person.finishes(&ceremony, &answer), "a second before");
    assert!(!person.finishes(&ceremony, &answer), "twice");

    let begin = || begun(&house.send(&own("/login/passkey/options", &json!({}))));
    let (ceremony, options) = begin();
    let response = passkey.show(&options, ORIGIN, |_| {});
    let (other, _) = begin();
    is_refused("the ceremony of another", &house.send(&finish(&house, &other, &response)));
    assert!(!person.finishes(&ceremony, &response), "a sign-in as a new passkey");
    let right = house.send(&finish(&house, &ceremony, &response));
    assert_eq!(right.status, 200, "what it was begun for: {right}");
    is_refused("twice", &house.send(&finish(&house, &ceremony, &response)));
    let (ceremony, options) = begin();
    let response = passkey.show(&options, ORIGIN, |_| {});
    house.advance(MINUTES);
    is_refused("five minutes later", &house.send(&finish(&house, &ceremony, &response)));
}

#[test]
fn bytes_that_end_early_or_never_are_refused() {
    let house = house();
    let person = Person::new(&house);
    let (_, options) = person.begins();
    let (_, whole) = Passkey::make(&options, ORIGIN, |_| {});
    let length = decoded(&whole["response"]["attestationObject"]).len();
    for end in (0..length).step_by(3) {
        let (ceremony, options) = person.begins();
        let (_, mut answer) = Passkey::make(&options, ORIGIN, |_| {});
        let attestation = decoded(&answer["response"]["attestationObject"]);
        answer["response"]["attestationObject"] =
            json!(crate::lab::authenticator::encoded(&attestation[..end]));
        assert!(!person.finishes(&ceremony, &answer), "an attestation of {end} bytes, of {length}");
    }
    let deep = crate::lab::authenticator::encoded(&vec![0x81; 40_000]);
    let (ceremony, _) = person.begins();
    let mut answer = whole.clone();
    answer["response"]["attestationObject"] = json!(deep);
    assert!(!person.finishes(&ceremony, &answer), "40,000 lists in each other");
    for wrong in [json!(null), json!([]), json!("x"), json!({}), json!({ "response": {} })] {
        let (ceremony, _) = person.begins();
        assert!(!person.finishes(&ceremony, &wrong), "no answer at all: {wrong}");
        is_refused("no answer at all", &house.send(&finish(&house, "x", &wrong)));
    }
    let (ceremony, _) = person.begins();
    answer["response"]["attestationObject"] = json!("A".repeat(1024 * 1024));
    let large = person.asks("/account/passkey", &json!({ "ceremony": ceremony, "response": answer }));
    assert_eq!(large.status, 413, "an attestation of a MiB: {large}");
    assert_eq!(person.passkeys(), 0, "nothing of it was added");
}

#[test]
fn a_credential_belongs_to_one_account() {
    let house = house();
    let (one, other) = (Person::new(&house), Person::new(&house));
    let first = one.adds(|_| {}).expect("a passkey is added");
    for person in [&one, &other] {
        assert!(person.adds(|said| said.id.clone_from(&first.id)).is_none(), "an id that is here already");
    }
    assert_eq!((one.passkeys(), other.passkeys()), (1, 0));
}

#[test]
fn who_may_not_come_in_does_not_come_in_with_a_passkey() {
    let house = house();
    let person = Person::new(&house);
    let mut passkey = person.adds(|_| {}).expect("a passkey is added");
    let (id, now) = (person.user.id, house.now());
    house
        .wait(house.app.users.set_active(id, false, Leaves::Perhaps, Actor::Command, now))
        .expect("disabled");
    is_refused("a disabled account", &signs_in(&house, &mut passkey, |_| {}));
    house.wait(house.app.users.set_active(id, true, Leaves::Perhaps, Actor::Command, now)).expect("enabled");
    assert_eq!(signs_in(&house, &mut passkey, |_| {}).status, 200, "enabled again");
    house
        .wait(house.app.users.delete(id, Leaves::Perhaps, |write| write, Actor::Command, now))
        .expect("deleted");
    is_refused("a deleted account", &signs_in(&house, &mut passkey, |_| {}));
}

#[test]
fn an_address_that_fails_too_often_is_told_so_and_may_still_come_in() {
    let house = house();
    let person = Person::new(&house);
    let mut passkey = person.adds(|_| {}).expect("a passkey is added");
    let nonsense = own("/login/passkey", &json!({ "ceremony": "x", "response": {} }));
    for failure in 0..50 {
        let answer = house.send(&nonsense);
        assert_eq!(answer.status, 422, "failure {failure}: {answer}");
    }
    let answer = house.send(&nonsense);
    assert_eq!(answer.status, 429, "the next one: {answer}");
    assert!(answer.header("retry-after").is_some(), "until when: {answer}");
    let (ceremony, options) = begun(&house.send(&own("/login/passkey/options", &json!({}))));
    let response = passkey.show(&options, ORIGIN, |_| {});
    let right = house.send(&own("/login/passkey", &json!({ "ceremony": ceremony, "response": response })));
    assert_eq!(right.status, 200, "nobody guesses a passkey: {right}");
}

#[test]
fn only_a_page_of_ours_may_ask() {
    let house = house();
    let person = Person::new(&house);
    for path in ["/login/passkey/options", "/login/passkey", "/account/passkey/options", "/account/passkey"] {
        let foreign = post(path, &json!({}))
            .header("Sec-Fetch-Site", "cross-site")
            .header("Cookie", &person.cookie.borrow());
        let answer = house.send(&foreign);
        assert_eq!(answer.status, 403, "POST {path} from another site: {answer}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}: {answer}");
        let get = house.send(&Ask::get(PORTAL, path));
        assert_eq!((get.status, get.header("allow")), (405, Some("POST")), "GET {path}: {get}");
    }
    let form = Ask::new("POST", PORTAL, "/login/passkey")
        .header("Sec-Fetch-Site", "same-origin")
        .header("Content-Type", "text/plain")
        .body("{}");
    let answer = house.send(&form);
    assert_eq!(answer.status, 415, "what a form can send: {answer}");
}

#[test]
fn who_only_knows_a_password_adds_no_passkey() {
    let house = house();
    let user = house.person(&[]);
    let browser = house.sign_in(user.username.as_str());
    for path in ["/account/passkey/options", "/account/passkey"] {
        let what = json!({ "ceremony": "x", "response": {} });
        let answer = house.send(&own(path, &what).header("Cookie", &browser.session));
        assert_eq!(answer.status, 403, "POST {path} with a password alone: {answer}");
        let answer = house.send(&own(path, &what));
        assert_eq!(answer.status, 403, "POST {path} by nobody: {answer}");
    }
}

#[test]
fn an_account_has_as_many_as_it_can_have_and_each_has_a_name() {
    let house = house();
    let person = Person::new(&house);
    let (ceremony, options) = person.begins();
    let (_, one_more) = Passkey::make(&options, ORIGIN, |_| {});
    let most = usize::try_from(MOST).unwrap();
    for number in 1..=most {
        let (ceremony, options) = person.begins();
        let (_, answer) = Passkey::make(&options, ORIGIN, |_| {});
        let what =
            json!({ "ceremony": ceremony, "response": answer, "name": format!(" phone\u{7} {number} ") });
        let answer = person.asks("/account/passkey", &what);
        assert_eq!(
            (answer.status, &answer.json()["to"]),
            (200, &json!("/account/factors/recovery")),
            "passkey {number}: {answer}"
        );
        *person.cookie.borrow_mut() = Browser::of(&answer).session;
    }
    let refused = person.asks("/account/passkey/options", &json!({}));
    assert_eq!(refused.status, 422, "one more: {refused}");
    assert!(!person.finishes(&ceremony, &one_more), "one more, begun before");
    assert_eq!(person.passkeys(), most);

    let (passkeys, user, now) = (&house.app.second_factor.passkeys, person.user.id, house.now());
    let of = house.wait(passkeys.of(user)).unwrap();
    assert_eq!((of[0].name.as_str(), of[0].used_at), ("phone 1", None));
    let recorded = |write: Write| {
        use aegis::audit::{Entry, Event, Recorded as _};
        write.audit(Entry::new(Event::FactorRemoved, Actor::User(user)).about(user), now)
    };
    let write = |write: Write| house.wait(house.app.store.write(recorded(write))).map(|_| ());
    let (id, stranger) = (of[0].id.as_str(), Person::new(&house).user.id);
    assert_eq!(write(Passkeys::rename(Write::new(), user, id, "")), Ok(()));
    assert_eq!(write(Passkeys::rename(Write::new(), stranger, id, "mine")), Err(WriteError::Unexpected(0)));
    assert_eq!(write(Passkeys::remove(Write::new(), stranger, id)), Err(WriteError::Unexpected(0)));
    assert_eq!(house.wait(passkeys.of(user)).unwrap()[0].name, "Passkey", "a name that is never empty");
    assert_eq!(write(Passkeys::remove(Write::new(), user, id)), Ok(()));
    assert_eq!(write(Passkeys::remove(Write::new(), user, id)), Err(WriteError::Unexpected(0)), "twice");
    assert_eq!(person.passkeys(), most - 1);
}

#[test]
fn a_ceremony_costs_the_store_nothing_until_it_is_spent() {
    let house = house();
    let person = Person::new(&house);
    let spent = || house.wait(house.app.store.get(&SPENT, Vec::new())).unwrap()[0].integer(0).unwrap();
    let mut passkey = person.adds(|_| {}).expect("a passkey is added");
    assert_eq!(spent(), 1, "the one that added it");
    for _ in 0..3 {
        begun(&house.send(&own("/login/passkey/options", &json!({}))));
    }
    assert_eq!(spent(), 1, "questions are kept by who asked them");
    house.advance(Duration::from_secs(1));
    assert_eq!(signs_in(&house, &mut passkey, |_| {}).status, 200);
    assert_eq!(spent(), 2, "and the one that signed in");
    let forget = || house.wait(house.app.second_factor.passkeys.forget_old(house.now()));
    house.advance(Duration::from_hours(24) + MINUTES.saturating_sub(Duration::from_secs(1)));
    forget().expect("the store writes");
    assert_eq!(spent(), 1, "a day after its end the older one is forgotten");
}

#[test]
fn an_address_that_is_a_number_has_no_passkeys_and_a_new_one_is_heard() {
    let numbers = "public_url = \"https://192.0.2.7\"\n";
    let mut house = House::open(Memory::On, numbers);
    assert!(!house.app.second_factor.passkeys.is_offered());
    let ask = |path: &str| Ask::new("POST", "192.0.2.7", path);
    let options = ask("/login/passkey/options").header("Sec-Fetch-Site", "same-origin").body("{}");
    let answer = house.send(&options);
    assert_eq!(answer.status, 404, "{answer}");
    let page = house.send(&Ask::navigation("192.0.2.7", "/login"));
    assert!(!page.body.contains("data-passkey"), "no button: {page}");
    drop(house);

    house = self::house();
    let person = Person::new(&house);
    let mut passkey = person.adds(|_| {}).expect("a passkey is added");
    let page = house.send(&Ask::navigation(PORTAL, "/login"));
    assert!(page.body.contains("data-passkey-options=\"/login/passkey/options\""), "a button: {page}");
    house
        .reload(&APPS.replace("https://auth.example.com", "https://auth.example.com:8443"))
        .expect("a reload");
    is_refused("the origin from before", &signs_in(&house, &mut passkey, |_| {}));
    let moved = |said: &mut Said| said.origin = "https://auth.example.com:8443".to_owned();
    assert_eq!(signs_in(&house, &mut passkey, moved).status, 200, "the new origin of the same host");
}
