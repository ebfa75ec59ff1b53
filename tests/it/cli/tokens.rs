//! `aegis token …` without a server.

use serde_json::json;

use super::{Place, done};
use crate::lab::aegis::run;

const APPS: &str = "
[app.immich]
hosts = [\"immich.aegis.localhost\"]
require = \"signed_in\"
[app.arlo]
hosts = [\"arlo.aegis.localhost\"]
require = \"signed_in\"
";

fn place() -> Place {
    let place = Place::with(&["sam", "ann"]);
    let file = place.folder.join("aegis.toml");
    let settings =
        std::fs::read_to_string(&file).unwrap() + "[cookie]\ndomain = \"aegis.localhost\"\n" + APPS;
    std::fs::write(&file, settings).unwrap();
    place
}

/// Makes one as somebody types it, with quotes around what has a space.
fn create(place: &Place, more: &[&str]) -> String {
    let words = [&["token", "create", "sam", "--name", "backup of photos"], more].concat();
    done(&words, &run(&place.folder, &words, ""))
}

#[test]
fn a_token_is_printed_once_and_listed_without_itself() {
    let place = place();
    let more =
        ["--app", "immich,arlo", "--allow", "GET /api/*", "--allow", "* /dav/my files/*", "--expires", "90d"];
    let printed = create(&place, &more);
    let [said, token] = printed.lines().collect::<Vec<_>>()[..] else { panic!("two lines: {printed}") };
    assert!(
        said.starts_with("For immich, arlo, GET /api/*, * /dav/my files/*, as sam, until 20")
            && said.ends_with(". Shown this once:"),
        "{printed}"
    );
    assert!(aegis::api_tokens::Fingerprint::of(token).is_some(), "{token}");

    let listed = place.json("token list sam --json");
    let [one] = listed.as_array().unwrap().as_slice() else { panic!("one token: {listed}") };
    assert_eq!(
        (&one["username"], &one["name"], &one["apps"], &one["allow"], &one["expired"], &one["used_at"]),
        (
            &json!("sam"),
            &json!("backup of photos"),
            &json!(["immich", "arlo"]),
            &json!(["GET /api/*", "* /dav/my files/*"]),
            &json!(false),
            &json!(null)
        ),
        "{listed}"
    );
    let table = place.done("token list");
    assert!(table.starts_with("TOKEN ") && table.contains("immich, arlo"), "{table}");
    assert_eq!(place.json("token list ann --json"), json!([]), "those of somebody else");
    let everything = table + &listed.to_string() + &place.done("audit tail --json");
    assert!(!everything.contains(token), "the token is shown once: {everything}");
    assert!(everything.contains("api_token.made"), "it is in the record: {everything}");
}

#[test]
fn a_token_lasts_ninety_days_unless_it_is_said_otherwise() {
    let place = place();
    let days = |more: &[&str]| {
        let more = [&["--all-apps", "--json"], more].concat();
        let made: serde_json::Value = serde_json::from_str(&create(&place, &more)).expect("JSON");
        let end = made["expires_at"].as_str().map(str::to_owned)?;
        let format = &time::format_description::well_known::Rfc3339;
        let end = time::OffsetDateTime::parse(&end, format).expect("a moment");
        let listed = place.json("token list --json");
        let own =
            listed.as_array().unwrap().iter().find(|one| one["id"] == made["id"]).expect("it is listed");
        let made =
            time::OffsetDateTime::parse(own["created_at"].as_str().unwrap(), format).expect("a moment");
        Some((end - made).whole_hours())
    };
    assert_eq!(days(&[]), Some(90 * 24));
    assert_eq!(days(&["--expires", "24h"]), Some(24));
    assert_eq!(days(&["--expires", "never"]), None);
}

#[test]
fn what_cannot_be_made_is_said_with_what_can() {
    let place = place();
    for (more, said) in [
        (vec!["--app", "imich"], "error: there is no app \"imich\"\n  hint: there are arlo, immich\n"),
        (
            vec!["--all-apps", "--allow", "get /api/*"],
            "error: `get` is not a known method\n  hint: did you mean `GET`?\n",
        ),
        (
            vec!["--all-apps", "--allow", "/api/*"],
            "error: `/api/*` is not a method and a path\n  hint: write `GET /api/*`, or `* /api/*` for every method\n",
        ),
        (
            vec!["--all-apps", "--allow", "GET /a/../b"],
            "error: `/a/../b` would never match\n  hint: a path here has no `..`, no escapes, no backslash, and neither query nor fragment\n",
        ),
        (
            vec!["--all-apps", "--expires", "soon"],
            "error: `soon` is not a span of time\n  hint: write `90d`, `24h`, `30m`, or `never`\n",
        ),
        (vec!["--all-apps", "--name", ""], "error: the name of a token is one line of 1 to 64 characters\n"),
    ] {
        let mut words = vec!["token", "create", "sam"];
        if !more.contains(&"--name") {
            words.extend(["--name", "backup"]);
        }
        words.extend(more);
        let output = run(&place.folder, &words, "");
        assert_eq!(String::from_utf8_lossy(&output.stderr), said, "aegis {words:?}");
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "aegis {words:?}");
    }
    let none = run(&place.folder, &["token", "create", "sam", "--name", "backup"], "");
    assert_eq!(none.status.code(), Some(2), "for no app and not for all: {none:?}");
    assert_eq!(place.json("token list --json"), json!([]), "nothing was made");
}

#[test]
fn a_token_is_revoked_by_its_id_and_all_of_somebody_by_their_name() {
    let place = place();
    let token = create(&place, &["--all-apps"]).lines().last().unwrap().to_owned();
    create(&place, &["--app", "immich"]);
    let id = place.json("token list --json")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(place.done(&format!("token revoke {id}")), "revoked the token \"backup of photos\" of sam\n");
    for wrong in [id.as_str(), token.as_str(), "x"] {
        let said = place.refused(&format!("token revoke {wrong}"));
        assert_eq!(
            said,
            "error: there is no token of that id\n  \
             hint: `aegis token list` shows them with their ids; --user USER revokes all of one user\n"
        );
    }
    assert_eq!(place.json("token list --json").as_array().unwrap().len(), 1, "one is left");
    assert_eq!(place.done("token revoke --user sam"), "sam has no tokens any more\n");
    assert_eq!(place.json("token list --json"), json!([]));
}
