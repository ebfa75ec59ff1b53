//! One's own API tokens on the account page: who may make one, what is shown of it, who may revoke it.

use std::time::Duration;

use aegis::api_tokens::Fingerprint;
use aegis::audit;
use aegis::forwarded::Dialect;
use aegis::identity::Method;
use aegis::users::User;

use super::house::{APPS, House, Memory, PORTAL};
use super::visit::{Visit, form};
use crate::lab::client::{Answer, Ask};

with_and_without_memory!(
    a_token_is_made_where_two_factors_were_shown_just_now,
    what_is_typed_wrong_makes_no_token_and_stays_typed,
    a_token_is_revoked_by_its_owner_alone,
);

/// The cookie of a session in which these were shown.
fn session(house: &House, user: &User, methods: &[Method]) -> String {
    house.admit(user.id, methods, Some(Duration::from_hours(1))).cookie
}

fn two_factors(house: &House, user: &User) -> String {
    session(house, user, &[Method::Password, Method::Totp])
}

const GOOD: [(&str, &str); 4] = [
    ("name", "backup of the photos"),
    ("app-closed", "on"),
    ("allow", "GET /api/*\r\n\r\n  POST /upload\r\n"),
    ("expires", "30d"),
];

fn post(house: &House, cookie: &str, fields: &[(&str, &str)]) -> Answer {
    house.send(&form("/account/tokens", fields).header("Cookie", cookie))
}

/// The token that a page shows.
#[track_caller]
fn shown(page: &Answer) -> String {
    let start = page.body.find("aegis_pat_").unwrap_or_else(|| panic!("no token in {page}"));
    page.body[start..].split('"').next().expect("its end").to_owned()
}

fn page(house: &House, cookie: &str) -> Answer {
    house.send(&Ask::navigation(PORTAL, "/account/tokens").header("Cookie", cookie))
}

fn a_token_is_made_where_two_factors_were_shown_just_now(memory: Memory) {
    let house = House::open(memory, APPS);
    let person = house.person(&[]);
    let password = session(&house, &person, &[Method::Password]);
    let both = two_factors(&house, &person);
    // A password alone, however fresh, and though it may add a first factor.
    assert!(!page(&house, &password).body.contains("Make a token"), "the form, for a password");
    let refused = post(&house, &password, &GOOD);
    assert!(refused.status == 403 && !refused.body.contains("aegis_pat_"), "with a password: {refused}");
    let nobody = post(&house, "x=y", &GOOD);
    assert_eq!(nobody.header("location"), Some("/login"), "nobody: {nobody}");
    let foreign =
        form("/account/tokens", &GOOD).header("Cookie", &both).header("Sec-Fetch-Site", "cross-site");
    assert_eq!(house.send(&foreign).status, 403, "a form of another site");

    assert!(page(&house, &both).body.contains("Make a token"), "the form");
    let made = post(&house, &both, &GOOD);
    assert_eq!(made.status, 200, "{made}");
    let token = shown(&made);
    assert!(Fingerprint::of(&token).is_some(), "{token}");
    for (path, status) in [("/api/albums", 200), ("/", 403)] {
        let visit = Visit::new("closed.example.com", path).header("X-Aegis-Key", &token);
        assert_eq!(house.status(Dialect::Forward, &visit), status, "{visit:?}");
    }
    let other = Visit::new("other.example.com", "/api/x").header("X-Aegis-Key", &token);
    assert_eq!(house.status(Dialect::Forward, &other), 401, "an app that was not ticked");
    let listed = page(&house, &both);
    assert!(listed.body.contains("backup of the photos") && !listed.body.contains("aegis_pat_"), "{listed}");
    let record = house.wait(audit::newest(&house.app.store, 0, 10)).expect("the record");
    let line = record.iter().find(|line| line.event == "api_token.made").expect("it is in the record");
    assert_eq!(
        (line.actor.clone(), line.about.clone()),
        (format!("user:{}", person.id), Some(person.id.to_string()))
    );
    assert!(!line.detail.contains("aegis_pat_"), "{}", line.detail);

    house.advance(Duration::from_mins(10));
    assert!(!page(&house, &both).body.contains("Make a token"), "the form, ten minutes later");
    let late = post(&house, &both, &GOOD);
    assert!(late.status == 403 && !late.body.contains("aegis_pat_"), "ten minutes later: {late}");
}

fn what_is_typed_wrong_makes_no_token_and_stays_typed(memory: Memory) {
    let house = House::open(memory, APPS);
    let person = house.person(&[]);
    let both = two_factors(&house, &person);
    let with = |name: &str, value: &str| {
        let mut fields = GOOD.to_vec();
        fields.retain(|(own, _)| *own != name);
        fields.push((
            Box::leak(name.to_owned().into_boxed_str()),
            Box::leak(value.to_owned().into_boxed_str()),
        ));
        fields
    };
    let without_app: Vec<_> = GOOD.into_iter().filter(|(name, _)| *name != "app-closed").collect();
    let unknown: Vec<_> = without_app.iter().copied().chain([("app-nothing", "on")]).collect();
    // An app that no token of theirs could open is not there to be ticked.
    let shut: Vec<_> = without_app.iter().copied().chain([("app-shut", "on")]).collect();
    for (fields, said) in [
        (with("name", " "), "Give it a name"),
        (with("name", &"x".repeat(65)), "Give it a name"),
        (with("allow", "get /api/*"), "did you mean `GET`?"),
        (with("allow", "/api/*"), "write `GET /api/*`"),
        (with("allow", &"GET /a\n".repeat(65)), "at most 64"),
        (with("expires", "1000y"), "Choose how long"),
        (without_app, "Choose at least one app"),
        (unknown, "Choose at least one app"),
        (shut, "Choose at least one app"),
    ] {
        let refused = post(&house, &both, &fields);
        assert_eq!(refused.status, 422, "{fields:?}\ncame back: {refused}");
        assert!(refused.body.contains(said), "{said:?} for {fields:?}, in {}", refused.body);
        assert!(!refused.body.contains("aegis_pat_"), "{fields:?}\ncame back: {refused}");
    }
    let refused = post(&house, &both, &with("expires", "x"));
    let ticked = r#"name="app-closed" value="on" checked"#;
    assert!(
        refused.body.contains(ticked) && refused.body.contains("backup of the photos"),
        "{}",
        refused.body
    );
    assert!(!refused.body.contains("app-shut"), "{}", refused.body);
    assert!(house.wait(house.app.api_tokens.list(None)).unwrap().is_empty(), "nothing was made");
}

fn a_token_is_revoked_by_its_owner_alone(memory: Memory) {
    let house = House::open(memory, APPS);
    let (ann, bob) = (house.person(&[]), house.person(&[]));
    let (of_ann, of_bob) = (two_factors(&house, &ann), two_factors(&house, &bob));
    let token = shown(&post(&house, &of_ann, &GOOD));
    let id = house.wait(house.app.api_tokens.list(Some(ann.id))).unwrap()[0].id.to_string();
    let visit = Visit::new("closed.example.com", "/api/x").header("X-Aegis-Key", &token);
    let revoke = |cookie: &str, id: &str| {
        house.send(&form("/account/tokens/revoke", &[("id", id)]).header("Cookie", cookie))
    };
    let answer = revoke(&of_bob, &id);
    assert!(!answer.body.contains("backup"), "nothing of another's: {answer}");
    assert_eq!(house.status(Dialect::Forward, &visit), 200, "somebody else revoked it");
    assert_eq!(revoke(&of_ann, "x").status, 422, "no id");
    house.advance(Duration::from_mins(11));
    let answer = revoke(&of_ann, &id);
    assert!(answer.status == 200 && answer.body.contains("That token was revoked."), "{answer}");
    assert_eq!(house.status(Dialect::Forward, &visit), 401, "its owner revoked it, with no factor just now");
    assert!(!page(&house, &of_ann).body.contains("backup of the photos"), "it is listed still");
}
