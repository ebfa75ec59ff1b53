use std::fs;

use serde_json::json;

use super::*;
use crate::config::{Sources, read};

/// The rules of this `[tailscale]`, or the faults without their hints.
fn compiled(text: &str) -> Result<Rules, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("aegis.toml"), format!("[tailscale]\n{text}")).unwrap();
    let sources = Sources { directory: directory.path().into(), ..Sources::default() };
    let settings = read(&sources).unwrap_or_else(|faults| panic!("{text}\ngave\n{faults}"));
    Rules::compile(&settings.tailscale.unwrap().value).map_err(|faults| {
        faults.0.into_iter().map(|fault| Fault { hint: None, ..fault }.to_string()).collect()
    })
}

fn rules(text: &str) -> Rules {
    compiled(text).unwrap_or_else(|faults| panic!("{text}\ngave\n{faults:?}"))
}

fn names(roles: &[Role]) -> Vec<&str> {
    roles.iter().map(Role::as_str).collect()
}

#[test]
fn an_empty_section_recognises_nobody_by_name_and_makes_nobody() {
    let rules = rules("");
    assert_eq!(rules.counts_as(), Assurance::TwoFactor);
    assert!(!rules.trusts_loopback());
    assert_eq!(rules.auto_create(), None);
    assert_eq!(rules.user("sam@github"), None);
    assert_eq!(rules.machine(["tag:ci"]), None);
    assert_eq!(rules.capability(), None);
}

#[test]
fn logins_are_compared_whole_and_without_regard_to_case() {
    let rules =
        rules("[tailscale.users]\n\"Sam@GitHub\" = \"sam\"\n[tailscale.shared]\n\"bob@corp\" = \"bob\"");
    for (login, expected) in [
        ("sam@github", Some("sam")),
        ("SAM@github", Some("sam")),
        ("sam@gmail", None),
        ("sam", None),
        ("bob@corp", None),
    ] {
        assert_eq!(rules.user(login).map(Username::as_str), expected, "asked for {login}");
    }
    assert_eq!(rules.shared_user("bob@corp").map(Username::as_str), Some("bob"));
    assert_eq!(rules.shared_user("sam@github"), None, "a person of the own tailnet is not one of another");
}

#[test]
fn a_machine_has_one_name_whatever_its_tags() {
    let rules = rules(
        "[tailscale.tags]\n\"tag:ci\" = { user = \"ci\", roles = [\"robot\", \"a\"] }\n\
         \"tag:build\" = { user = \"ci\", roles = [\"b\"] }\n\"tag:probe\" = { user = \"probe\" }",
    );
    let roles = |tags: &[&str]| rules.machine(tags.iter().copied()).map(|machine| machine.roles.into_vec());
    let shown = |tags: &[&str]| roles(tags).map(|roles| names(&roles).join(","));
    assert_eq!(shown(&["tag:ci"]).as_deref(), Some("a,robot"));
    assert_eq!(shown(&["tag:ci", "tag:build", "tag:other"]).as_deref(), Some("a,b,robot"));
    assert_eq!(shown(&["tag:probe"]).as_deref(), Some(""));
    assert_eq!(shown(&["tag:ci", "tag:probe"]), None, "two names are none");
    assert_eq!(shown(&["tag:other"]), None);
}

#[test]
fn a_name_that_stands_in_the_settings_is_kept_for_whom_they_mean() {
    let rules = rules(
        "[tailscale.users]\n\"Sam@GitHub\" = \"sam\"\n[tailscale.shared]\n\"guest@elsewhere\" = \"guest\"\n\
         [tailscale.tags]\n\"tag:ci\" = { user = \"ci\" }",
    );
    for (username, kept) in [("sam", true), ("guest", true), ("ci", true), ("ann", false)] {
        assert_eq!(rules.keeps(&username.parse().unwrap()), kept, "the username {username}");
    }
    for (login, named) in [("sam@github", true), ("GUEST@elsewhere", true), ("sam", false), ("ci", false)] {
        assert_eq!(rules.names(login), named, "the login {login}");
    }
}

#[test]
fn grants_add_up_and_what_cannot_be_read_gives_nothing() {
    let rules = rules("capability = \"example.com/cap/aegis\"");
    let arlo: AppName = "arlo".parse().unwrap();
    let mut dropped = 0;
    for (elements, expected, bad) in [
        (json!([]), vec![], 0),
        (json!([{"roles": ["admin"]}]), vec!["admin"], 0),
        (json!([{"roles": ["admin"], "apps": ["arlo"]}, {"roles": ["viewer"]}]), vec!["admin", "viewer"], 0),
        (json!([{"roles": ["admin"], "apps": ["obol"]}]), vec![], 0),
        (json!([{"roles": ["admin"], "apps": ["*"]}]), vec!["admin"], 0),
        (json!([{"roles": ["admin"], "apps": ["arl*"]}]), vec!["admin"], 0),
        (json!([{"roles": ["admin"], "apps": []}]), vec![], 0),
        (json!([{"roles": ["admin"], "v": 1, "other": {}}]), vec!["admin"], 0),
        // Whole elements are dropped, never widened.
        (json!([{"roles": ["Admin!"]}, {"roles": ["viewer"]}]), vec!["viewer"], 1),
        (json!([{"roles": ["viewer", "a,b"]}]), vec![], 1),
        (json!([{"roles": "admin"}]), vec![], 1),
        (json!([{"roles": ["admin"], "apps": "arlo"}]), vec![], 1),
        (json!([{"roles": ["admin"], "apps": null}]), vec!["admin"], 0),
        (json!([{"roles": ["admin"], "apps": ["arlo.example.com"]}]), vec![], 1),
        (json!([{"roles": ["admin"], "apps": ["a*o"]}]), vec![], 1),
        (json!([{}, 7, null, "admin", ["admin"]]), vec![], 5),
    ] {
        let granted = rules.granted(elements.as_array().unwrap(), &arlo);
        assert_eq!(names(&granted), expected, "{elements}");
        dropped += bad;
        assert_eq!(rules.dropped(), dropped, "dropped of {elements}");
    }
}

#[test]
fn what_is_wrong_is_told_all_at_once() {
    let faults = compiled(
        "accept = \"everybody\"\ncounts_as = \"three\"\ncapability = \"https://example.com/x\"\n\
         client_port_header = \"X-Forwarded-Port\"\nroles = [\"A B\"]\n\
         [tailscale.users]\n\"sam@github\" = \"Sam\"\n\"ann@github\" = \"ann\"\n\"ANN@github\" = \"ann\"\n\
         [tailscale.tags]\n\"ci\" = { user = \"ci\" }\n\"tag:a\" = { roles = [\"x\"] }\n\"tag:b\" = { user = \"ann\" }",
    )
    .unwrap_err();
    let expected = [
        "aegis.toml:2: `tailscale.accept` cannot be `everybody`",
        "aegis.toml:3: `tailscale.counts_as` cannot be `three`",
        "aegis.toml:4: `tailscale.capability`: `https://example.com/x` is none",
        "aegis.toml:5: `tailscale.client_port_header` cannot be `X-Forwarded-Port`",
        "aegis.toml:6: `A B`: a role is",
        "aegis.toml:8: `Sam`: a username is",
        "aegis.toml:9: [tailscale.users] names `ann@github` twice",
        "aegis.toml:12: [tailscale.tags]: `ci` is no tag",
        "aegis.toml:13: [tailscale.tags]: `tag:a` has no `user`",
        "aegis.toml:14: [tailscale.tags]: `tag:b` is `ann`, who is a person",
    ];
    for start in expected {
        assert!(faults.iter().any(|fault| fault.starts_with(start)), "{start}\nis not in\n{faults:#?}");
    }
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
}
