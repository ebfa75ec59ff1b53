//! `aegis explain --file`: expectations of the rules, for whoever keeps them.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::Value as Json;

use super::texts;
use crate::lab::address;
use crate::lab::aegis::run;

const SETTINGS: &str = r#"public_url = "https://auth.example.com"
[cookie]
domain = "example.com"
[tailscale]
counts_as = "signed_in"

[app.arlo]
hosts = ["arlo.example.com"]
roles = ["operator"]
public = ["/hooks"]
[[app.arlo.rule]]
path = "/admin/*"
methods = ["POST"]
roles = ["admin"]
max_age = "15m"
[[app.arlo.rule]]
networks = ["192.168.0.0/16"]
require = "signed_in"
[[app.arlo.rule]]
path = "/welcome"
require = "optional"
[[app.arlo.rule]]
path = "/never"
require = "deny"
[[app.arlo.rule]]
path = "/here"
require = "tailnet"
"#;

const PEOPLE: &str =
    "[people]\nsam = { roles = [\"operator\"] }\nann = { roles = [\"operator\", \"admin\"] }\neve = {}\n";

fn folder(cases: &str) -> PathBuf {
    let folder = address::folder();
    fs::write(folder.join("aegis.toml"), SETTINGS).unwrap();
    fs::write(folder.join("cases.toml"), cases).unwrap();
    folder
}

/// Asks about these cases.
fn explain(cases: &str, more: &[&str]) -> Output {
    let folder = folder(cases);
    let file = folder.join("cases.toml");
    run(&folder, &[&["explain", "--file", file.to_str().unwrap()], more].concat(), "")
}

/// Each way to be answered: what is asked, and the answer.
const ANSWERS: &[(&str, &str)] = &[
    ("url = \"https://arlo.example.com/\"", "sign_in"),
    ("url = \"https://arlo.example.com/\", as = \"sam\"", "allowed"),
    ("url = \"https://arlo.example.com/\", as = \"sam\", with = \"password\"", "step_up"),
    (
        "url = \"https://arlo.example.com/\", as = \"sam\", with = \"password\", from = \"192.168.1.7\"",
        "allowed",
    ),
    ("url = \"https://arlo.example.com/\", as = \"sam\", with = \"tailnet\"", "step_up"),
    ("url = \"https://arlo.example.com/\", as = \"sam\", with = \"token\"", "allowed"),
    ("url = \"https://arlo.example.com/\", as = \"eve\"", "forbidden"),
    ("url = \"https://arlo.example.com/hooks/x\", as = \"eve\"", "allowed_as_nobody"),
    ("url = \"https://arlo.example.com/admin\", method = \"POST\", as = \"sam\"", "forbidden"),
    ("url = \"https://arlo.example.com/admin\", method = \"POST\", as = \"ann\"", "allowed"),
    ("url = \"https://arlo.example.com/admin\", method = \"POST\", as = \"ann\", age = \"16m\"", "step_up"),
    ("url = \"https://arlo.example.com/admin\", method = \"POST\", as = \"ann\", age = \"14m\"", "allowed"),
    (
        "url = \"https://arlo.example.com/admin\", method = \"POST\", as = \"ann\", with = \"token\"",
        "step_up",
    ),
    ("url = \"https://arlo.example.com/welcome\"", "allowed_as_nobody"),
    ("url = \"https://arlo.example.com/welcome\", as = \"eve\"", "allowed"),
    ("url = \"https://arlo.example.com/never\", as = \"ann\"", "forbidden"),
    ("url = \"https://arlo.example.com/here\", as = \"sam\", with = \"tailnet\"", "allowed"),
    ("url = \"https://arlo.example.com/here\", as = \"sam\"", "forbidden"),
    ("url = \"https://arlo.example.com/hooks/../admin\"", "malformed"),
    ("url = \"https://arlo.example.com/%2561dmin\"", "malformed"),
    ("url = \"http://arlo.example.com/\", as = \"sam\"", "https"),
    ("url = \"https://arlo.example.com:8443/\"", "no_app"),
    ("url = \"https://arlow.example.com/\"", "no_app"),
    ("url = \"https://auth.example.com/\"", "own_site"),
];

fn table(answers: &[(&str, &str)]) -> String {
    let rows = answers.iter().map(|(asked, expect)| format!("    {{ {asked}, expect = \"{expect}\" }},\n"));
    // A list of tables stands before the first section.
    format!("case = [\n{}]\n{PEOPLE}", rows.collect::<String>())
}

#[test]
fn what_is_as_expected_is_counted() {
    let output = explain(&table(ANSWERS), &[]);
    let (printed, said) = texts(&output);
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{printed}{said}");
    assert_eq!(printed, format!("ok: {} cases answered as expected\n", ANSWERS.len()));
}

#[test]
fn what_is_answered_otherwise_says_what_was_asked_expected_and_came_back() {
    // Whatever else is expected of each is not met.
    for (position, (asked, expect)) in ANSWERS.iter().enumerate() {
        let (_, other) = ANSWERS[(position + 5) % ANSWERS.len()];
        if other == *expect {
            continue;
        }
        let output = explain(&table(&[(asked, other)]), &["--json"]);
        assert_eq!(output.status.code(), Some(1), "{asked}, expected {other}: {output:#?}");
        let told: Json = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told[0]["answer"], *expect, "{asked}: {told:#}");
        assert_eq!(
            (&told[0]["expected"], &told[0]["as_expected"]),
            (&other.into(), &false.into()),
            "{told:#}"
        );
    }
    let cases = format!(
        "{PEOPLE}[[case]]\nurl = \"https://arlo.example.com/admin/x\"\nas = \"sam\"\nexpect = \"allowed\"\n\
         [[case]]\nurl = \"https://arlo.example.com/admin/x\"\nfrom = \"10.0.0.1\"\nas = \"eve\"\nexpect = \"allowed\"\n"
    );
    let output = explain(&cases, &[]);
    let (printed, said) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}{said}");
    assert_eq!(printed, "1 of 2 cases answered otherwise than expected\n");
    for part in [
        "cases.toml:10: asked: GET https://arlo.example.com/admin/x by eve with two_factors from 10.0.0.1\n",
        "  expected: allowed\n",
        "  came back: forbidden: refused with 403: the rule does not let this account in: it is for the role operator\n",
        "  rule: app.arlo (whole app), at ",
        "  not: app.arlo rule 1 (path /admin/*, methods POST): not for GET\n",
        "  not: app.arlo rule 2 (path /*, networks 192.168.0.0/16): not from 10.0.0.1\n",
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
}

#[test]
fn a_table_that_is_wrong_is_refused_with_the_line_and_a_hint() {
    let case =
        |more: &str| format!("[people]\nsam = {{}}\n[[case]]\nurl = \"https://arlo.example.com/\"\n{more}");
    for (cases, line, parts) in [
        (String::new(), "", ["there is no case", "write `[[case]]`"]),
        ("[[case]]\nexpect = \"allowed\"".to_owned(), ":1", ["the case has no `url`", "such as `url ="]),
        (case(""), ":3", ["the case has no `expect`", "such as `expect ="]),
        (case("expect = \"alowed\""), ":5", ["`expect` cannot be `alowed`", "did you mean `allowed`?"]),
        (case("expect = \"allowed\"\nas = \"samm\""), ":6", ["is none of [people]", "did you mean `sam`?"]),
        (
            case("expect = \"allowed\"\nas = \"sam\"\nwith = \"totp\""),
            ":7",
            ["`with` cannot be `totp`", "write one of"],
        ),
        (case("expect = \"allowed\"\nwith = \"password\""), ":6", ["nobody asks", "write `as`"]),
        (case("expect = \"allowed\"\nfrom = \"lan\""), ":6", ["`from`: `lan` is no address", ""]),
        (case("expect = \"allowed\"\nas = \"sam\"\nage = \"soon\""), ":7", ["is not a span of time", ""]),
        (case("expects = \"allowed\""), ":5", ["unknown key `case.expects`", "did you mean `case.expect`?"]),
        ("[[case]\n".to_owned(), ":1", ["not TOML", ""]),
        ("[people]\nSam = {}\n[[case]]\n".to_owned(), ":2", ["`Sam`: a username is", ""]),
        ("[people]\nsam = { roles = [\"A b\"] }\n[[case]]\n".to_owned(), ":2", ["`A b`: a role is", ""]),
    ] {
        let output = explain(&cases, &[]);
        let (printed, said) = texts(&output);
        assert_eq!((output.status.code(), printed.as_str()), (Some(64), ""), "{cases}\n{said}");
        assert!(said.contains(&format!("cases.toml{line}: ")), "{cases}\n{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{cases}\n{said}");
    }
    let folder = folder("");
    let output = run(&folder, &["explain", "--file", "/no/such.toml"], "");
    assert_eq!(output.status.code(), Some(64), "{output:#?}");
}

#[test]
fn nothing_but_the_configuration_is_opened() {
    let folder = folder(&table(ANSWERS));
    let file = folder.join("cases.toml");
    let output = run(&folder, &["explain", "--file", file.to_str().unwrap()], "");
    assert!(output.status.success(), "{output:#?}");
    assert!(!folder.join("data").exists(), "a data directory was made");
}
