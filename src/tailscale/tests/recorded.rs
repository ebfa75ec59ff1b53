//! Every recorded answer, as it is and with one thing different.

mod bus;
mod status;

use std::net::IpAddr;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::daemon::recorded;
use super::*;

const ASKED: &str = "100.64.0.2";
/// 2026-11-21, after every recorded expiry.
const TODAY: Wall = Wall(1_795_252_374_000);
/// 2025-12-31T23:59:59Z, before every recorded expiry.
const BEFORE: Wall = Wall(1_767_225_599_000);

fn own() -> Node {
    Node::read(recorded("status").to_string().as_bytes()).unwrap()
}

fn read_as(whois: &Value, own: &Node, now: Wall) -> Result<Judged, Broken> {
    Judged::read(whois.to_string().as_bytes(), Some(ASKED.parse().unwrap()), own, now)
}

fn read(whois: &Value) -> Result<Result<Device, Unusable>, Broken> {
    read_as(whois, &own(), TODAY).map(|judged| judged.who)
}

/// The recorded user's answer with something different.
fn patched(change: impl FnOnce(&mut Value)) -> Value {
    patched_of("whois-user", change)
}

fn patched_of(name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut whois = recorded(name);
    change(&mut whois);
    whois
}

fn whose(read: Result<Result<Device, Unusable>, Broken>) -> String {
    match read {
        Err(broken) => format!("broken: {broken:?}"),
        Ok(Err(why)) => format!("{why:?}"),
        Ok(Ok(device)) => match device.owner {
            Owner::Person(person) => format!("{} of {}", person.login, person.tailnet),
            Owner::Shared(person) => format!("{}, {}", person.login, person.tailnet),
            Owner::Tagged(tags) => tags.join(","),
        },
    }
}

#[test]
fn every_recorded_answer_is_read_as_what_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tailscale");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap();
        if !name.starts_with("whois-") {
            continue;
        }
        seen += 1;
        let user = "user-2@fake-control.example.net of tail-scale.ts.net";
        let expected = match name {
            "whois-user" | "whois-capmap" => user,
            "whois-groups" => "bob@example.com of tail-scale.ts.net",
            "whois-tagged" => "tag:ci",
            "whois-sharee" => "user-2@fake-control.example.net, shared with tail-scale.ts.net",
            "whois-shared-in" => "Jailed",
            "whois-unsigned" => "Unsigned",
            "whois-expired" | "whois-expired2" | "whois-keyexpiry-past-not-flagged" => "Expired",
            other => panic!("nobody says what {other} is"),
        };
        assert_eq!(whose(read(&recorded(name))), expected, "{name}");
    }
    assert_eq!(seen, 10, "recorded answers of whois");
}

#[test]
fn a_past_expiry_counts_before_the_daemon_flags_it() {
    for (name, before) in [("whois-keyexpiry-past-not-flagged", "NotAuthorized"), ("whois-expired2", "tag:x")]
    {
        assert!(recorded(name)["Node"].get("Expired").is_none(), "{name}: the daemon does not flag it");
        let read = |now| whose(read_as(&recorded(name), &own(), now).map(|judged| judged.who));
        assert_eq!(read(BEFORE), before, "{name}");
        assert_eq!(read(Wall(BEFORE.0 + 999)), before, "{name}");
        assert_eq!(read(Wall(BEFORE.0 + 1000)), "Expired", "{name}: at the moment itself");
    }
}

#[test]
fn a_person_is_known_with_name_device_and_grants() {
    let device = read(&recorded("whois-capmap")).unwrap().unwrap();
    assert_eq!(&*device.name, "laptop");
    assert!(!device.routes);
    let Owner::Person(person) = &device.owner else { panic!("no person: {device:?}") };
    assert_eq!((person.id, &*person.name), (2, "User 2"));

    let grants = &device.grants;
    let expected = json!([{ "roles": ["admin"], "apps": ["grafana.example.com"] }, { "roles": ["viewer"] }]);
    assert_eq!(grants.of("aegis.example.com/cap/auth"), expected.as_array().unwrap());
    assert!(grants.of("example.com/cap/flag").is_empty(), "granted without arguments");
    for absent in ["example.com/cap/other", "https", ""] {
        assert!(grants.of(absent).is_empty(), "{absent:?} was not granted");
    }
    let none = read(&patched(|whois| whois["CapMap"] = Value::Null)).unwrap().unwrap();
    assert!(none.grants.of("aegis.example.com/cap/auth").is_empty(), "{none:?}");
}

#[test]
fn what_a_device_is_decides_before_whose_it_is() {
    let node = |key: &'static str, value: Value| patched(|whois| whois["Node"][key] = value);
    let user = "user-2@fake-control.example.net of tail-scale.ts.net";
    for (whois, expected) in [
        (node("Expired", true.into()), "Expired"),
        (node("IsJailed", true.into()), "Jailed"),
        (node("IsWireGuardOnly", true.into()), "WireGuardOnly"),
        (node("UnsignedPeerAPIOnly", true.into()), "Unsigned"),
        (node("MachineAuthorized", false.into()), "NotAuthorized"),
        (node("MachineAuthorized", Value::Null), "NotAuthorized"),
        (node("StableID", "TESTCTRL00000001".into()), "ThisNode"),
        (node("Addresses", json!(["100.64.0.2/32", "100.64.0.1/32"])), "ThisNode"),
        (node("Name", "laptop.other.ts.net.".into()), "OtherTailnet"),
        (node("Name", "laptop.eviltail-scale.ts.net.".into()), "OtherTailnet"),
        (node("Name", "tail-scale.ts.net.".into()), "OtherTailnet"),
        (node("Name", ".tail-scale.ts.net.".into()), "OtherTailnet"),
        (node("Name", "laptop.tail-scale.ts.net.evil.ts.net.".into()), "OtherTailnet"),
        (node("Name", "".into()), "OtherTailnet"),
        (node("Name", Value::Null), "OtherTailnet"),
        (node("Name", "LAPTOP.Tail-Scale.TS.net.".into()), user),
        (node("Name", "laptop.tail-scale.ts.net".into()), user),
        (node("Name", "läptop.tail-scale.ts.net".into()), user),
        (node("Name", "é-scale.ts.net".into()), "OtherTailnet"),
        (node("Sharer", 0.into()), user),
        (node("Sharer", 777.into()), "user-2@fake-control.example.net, shared with tail-scale.ts.net"),
        (node("KeyExpiry", "0001-01-01T00:00:00Z".into()), user),
        (node("KeyExpiry", "2027-01-01T00:00:00+01:00".into()), user),
        (node("KeyExpiry", "2026-11-21T09:12:54.000000001+00:00".into()), "Expired"),
        (node("Tags", json!([])), user),
        (node("Tags", Value::Null), user),
        (node("Tags", json!(["tag:a", "tag:b"])), "tag:a,tag:b"),
        (node("Hostinfo", Value::Null), user),
        (node("AllowedIPs", Value::Null), user),
        (node("Sharer", Value::Null), user),
    ] {
        assert_eq!(whose(read(&whois)), expected, "{whois:#}");
    }
}

#[test]
fn a_tag_of_another_tailnet_is_none_of_ours() {
    for change in [
        |whois: &mut Value| whois["Node"]["Name"] = "ci.other.ts.net.".into(),
        |whois: &mut Value| whois["Node"]["Sharer"] = 777.into(),
        |whois: &mut Value| whois["Node"]["Hostinfo"]["ShareeNode"] = true.into(),
    ] {
        let whois = patched_of("whois-tagged", change);
        assert_eq!(whose(read(&whois)), "OtherTailnet", "{whois:#}");
    }
}

#[test]
fn nobody_is_of_a_tailnet_without_a_name() {
    for tailnet in [Value::Null, json!({}), json!({ "MagicDNSSuffix": "" }), json!({ "MagicDNSSuffix": "." })]
    {
        let status = patched_of("status", |status| status["CurrentTailnet"] = tailnet);
        let own = Node::read(status.to_string().as_bytes()).unwrap();
        assert_eq!(own.tailnet, None, "{status:#}");
        for name in ["whois-user", "whois-tagged", "whois-sharee"] {
            let whose = whose(read_as(&recorded(name), &own, TODAY).map(|judged| judged.who));
            assert_eq!(whose, "OtherTailnet", "{name}");
        }
    }
}

#[test]
fn a_device_that_routes_for_others_says_so() {
    let own = "100.64.0.2/32";
    for (networks, routes) in [
        (json!([own]), false),
        (json!([]), false),
        (json!([own, "192.168.1.0/24"]), true),
        (json!([own, "0.0.0.0/0", "::/0"]), true),
        (json!(["100.64.0.7/32"]), true),
        (json!(["no network"]), true),
    ] {
        let device = read(&patched(|whois| whois["Node"]["AllowedIPs"] = networks.clone())).unwrap().unwrap();
        assert_eq!(device.routes, routes, "{networks}");
    }
}

#[test]
fn an_answer_that_is_not_about_the_question_is_broken() {
    for addresses in
        [json!([]), json!(["100.64.0.3/32"]), json!(["100.64.0.20/32", "fd7a:115c:a1e0:ab12::2/128"])]
    {
        let read = read(&patched(|whois| whois["Node"]["Addresses"] = addresses.clone()));
        assert_eq!(whose(read), "broken: Address", "{addresses}");
    }
    for addresses in [json!(["100.64.0.0/24"]), json!(["100.64.0.2"]), json!(["100.64.0.2/32", "router"])] {
        let read = read(&patched(|whois| whois["Node"]["Addresses"] = addresses.clone()));
        assert_eq!(whose(read), "broken: Value", "{addresses}");
    }
    let mapped = json!(["::ffff:100.64.0.2/128"]);
    let read = read(&patched(|whois| whois["Node"]["Addresses"] = mapped));
    assert!(matches!(read, Ok(Ok(_))), "one address has one form: {read:?}");
}

#[test]
fn a_profile_that_is_not_the_owners_is_broken() {
    for (user, profile) in
        [(json!(3), json!(2)), (json!(2), json!(3)), (Value::Null, json!(2)), (json!(0), json!(0))]
    {
        for name in ["whois-user", "whois-sharee"] {
            let whois = patched_of(name, |whois| {
                whois["Node"]["User"] = user.clone();
                whois["UserProfile"]["ID"] = profile.clone();
            });
            assert_eq!(whose(read(&whois)), "broken: Owner", "{name} with {user} and {profile}");
        }
    }
    // Control may name the tagged device's maker, or nobody.
    let tagged = patched_of("whois-tagged", |whois| whois["Node"]["User"] = 7.into());
    assert_eq!(whose(read(&tagged)), "tag:ci");
}

#[test]
fn names_that_cannot_be_are_broken_and_those_for_people_are_tamed() {
    for login in ["", "sam\n@github", "sam\u{0}", "sam\u{85}@github", &"s".repeat(256)] {
        let read = read(&patched(|whois| whois["UserProfile"]["LoginName"] = login.into()));
        assert_eq!(whose(read), "broken: Value", "{login:?}");
    }
    for (written, kept) in [
        (json!("Bob Ünïcode 中"), "Bob Ünïcode 中".to_owned()),
        (json!("Bob\r\nRemote-User: root\u{7f}\u{9b}"), "BobRemote-User: root".to_owned()),
        (json!("中".repeat(101)), "中".repeat(100)),
        (Value::Null, String::new()),
    ] {
        let device = read(&patched(|whois| whois["UserProfile"]["DisplayName"] = written.clone()));
        let Ok(Ok(Device { owner: Owner::Person(person), .. })) = device else {
            panic!("{written}: {device:?}")
        };
        assert_eq!(*person.name, *kept, "{written}");
    }
}

#[test]
fn what_must_be_there_is_missed_and_what_may_be_missing_is_not() {
    for (part, key) in [
        ("Node", "ID"),
        ("Node", "StableID"),
        ("Node", "Addresses"),
        ("UserProfile", "ID"),
        ("UserProfile", "LoginName"),
    ] {
        for whois in [
            patched(|whois| drop(whois[part].as_object_mut().unwrap().remove(key))),
            patched(|whois| whois[part][key] = Value::Null),
        ] {
            assert_eq!(whose(read(&whois)), "broken: Shape", "{part}.{key}");
        }
    }
    for body in ["", "{", "null", "[]", "{}", "\"\"", "no match for IP:port\n", "{\"Node\":null}"] {
        let read = Judged::read(body.as_bytes(), Some(ASKED.parse().unwrap()), &own(), TODAY);
        assert_eq!(read.err(), Some(Broken::Shape), "{body:?}");
    }
    let twice = recorded("whois-user").to_string().replacen("\"User\":2", "\"User\":2,\"User\":7", 1);
    let read_twice = Judged::read(twice.as_bytes(), Some(ASKED.parse().unwrap()), &own(), TODAY);
    assert_eq!(read_twice.err(), Some(Broken::Shape), "whose it is, said twice");
    let expiry = patched(|whois| whois["Node"]["KeyExpiry"] = "tomorrow".into());
    assert_eq!(whose(read(&expiry)), "broken: Value");

    let least = json!({
        "Node": {
            "ID": 2, "StableID": "n", "Addresses": ["100.64.0.2/32"], "Name": "l.tail-scale.ts.net.", "User": 2,
            "MachineAuthorized": true, "InAVersionToCome": {"Of": [1, 2]},
        },
        "UserProfile": { "ID": 2, "LoginName": "sam" },
    });
    assert_eq!(whose(read(&least)), "sam of tail-scale.ts.net");
}

proptest! {
    #[test]
    fn no_body_makes_reading_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _whois = Judged::read(&body, None, &Node::unknown(), TODAY);
        let _status = Node::read(&body);
    }

    #[test]
    fn a_name_is_in_a_tailnet_only_behind_a_dot(name in "[a-zé.]{0,12}", tailnet in "[a-zé.]{1,6}") {
        let (first, is_in) = super::super::wire::without_tailnet(&name, Some(&tailnet));
        let whole = name.strip_suffix('.').unwrap_or(&name);
        let expected = whole.len() > tailnet.len() + 1 && whole.ends_with(&format!(".{tailnet}"));
        prop_assert_eq!(is_in, expected);
        prop_assert_eq!(first.len(), if is_in { whole.len() - tailnet.len() - 1 } else { whole.len() });
    }
}
