//! `aegis user …` without a server.

use serde_json::json;

use super::{Place, code_in};
use crate::lab::PASSWORD;

const WEAK: &str =
    "error: the password is not taken\n  hint: Use at least 12 characters. A few uncommon words do well.\n";

#[test]
fn a_user_is_added_before_the_first_start_and_gets_a_link() {
    let place = Place::new();
    let printed = place.done("user add Sam+h@Example.com --roles operator,admin");
    let code = code_in(&printed, "password");
    let expected =
        "added sam-h (sam+h@example.com)\nGive them this link to choose a password (7 days, one use):\n";
    assert!(printed.starts_with(expected), "{printed}");
    assert_eq!(printed.lines().count(), 3, "{printed}");
    let everything = place.done("user list --json") + &place.done("audit tail --json");
    assert!(!everything.contains(&code), "the code is shown once: {everything}");
    let shown = place.json("user show SAM-H --json");
    assert_eq!(shown["roles"], json!(["admin", "operator"]), "{shown}");
    assert_eq!(shown["has_password"], false, "{shown}");
}

#[test]
fn a_made_username_is_numbered() {
    let place = Place::with(&["sam@one.example"]);
    let printed = place.done_with(&["user", "add", "sam@two.example", "--password-stdin"], PASSWORD);
    assert_eq!(printed, "added sam2 (sam@two.example)\n");
}

#[test]
fn who_is_there_is_not_added_again() {
    let place = Place::with(&["sam --email sam@example.com"]);
    for line in ["user add sam", "user add sam@example.com"] {
        assert_eq!(
            place.refused(line),
            "error: there is a user sam already\n  \
             hint: `aegis user passwd sam` sets a new password; --upsert changes the account\n"
        );
    }
    assert_eq!(
        place.refused("user add ann --email SAM@example.com"),
        "error: sam@example.com is the e-mail of sam\n  hint: an e-mail belongs to one account\n"
    );
    assert_eq!(
        place.refused("user add Ann!"),
        "error: \"Ann!\" is neither a username nor an e-mail\n  hint: \
         a username is 1 to 32 of a-z, 0-9, dot, underscore and dash\n"
    );
}

#[test]
fn upsert_changes_what_is_given() {
    let place = Place::with(&["sam --email sam@example.com --roles reader", "ann --email ann@example.com"]);
    let words = ["user", "add", "sam", "--upsert", "--password-stdin", "--admin", "--name", "Sam H"];
    let more = ["--roles", "writer", "--email", "s@example.com"];
    let printed = place.done_with(&[&words[..], &more[..]].concat(), "another five lanterns at dusk");
    assert_eq!(printed, "changed of sam: e-mail, name, roles, password, administrator\n");
    let shown = place.json("user show s@example.com --json");
    assert_eq!(shown["roles"], json!(["writer"]), "{shown}");
    assert_eq!((&shown["name"], &shown["administrator"]), (&json!("Sam H"), &json!(true)), "{shown}");
    assert_eq!(place.done("user add sam --upsert"), "changed of sam: nothing\n");
    assert_eq!(
        place.refused("user add sam --upsert --email ann@example.com"),
        "error: ann@example.com is the e-mail of ann\n  hint: an e-mail belongs to one account\n"
    );
}

#[test]
fn a_password_comes_from_standard_input_or_the_environment() {
    let place = Place::new();
    assert_eq!(place.refused_with("user add sam --password-stdin", "short\n"), WEAK);
    let guessable = place.refused_with("user add sam --password-stdin", "samsamsamsam\n");
    assert!(guessable.starts_with("error: "), "{guessable}");
    assert!(!guessable.contains("samsamsamsam"), "the password is not shown: {guessable}");
    assert!(
        place.refused_with("user add sam --password-stdin", "").starts_with("error: there is no password"),
        "an empty standard input is no password"
    );
    assert_eq!(place.done("user list --json"), "[]\n", "nobody was added");

    let added = place.done_where("user add sam", &[("AEGIS_NEW_USER_PASSWORD", PASSWORD)]);
    assert_eq!(added, "added sam\n");
    assert_eq!(place.json("user show sam --json")["factors"], json!(["password"]));
}

#[test]
fn passwd_sets_a_password_or_prints_a_link() {
    let place = Place::with(&["sam"]);
    let first = code_in(&place.done("user passwd sam"), "password");
    let second = code_in(&place.done("user passwd sam"), "password");
    assert_ne!(first, second);
    let words = ["user", "passwd", "sam", "--password-stdin"];
    assert_eq!(
        place.done_with(&words, "another five lanterns at dusk\r\n"),
        "the password of sam is set; sam is signed out everywhere\n"
    );
    assert_eq!(place.refused_with("user passwd sam --password-stdin", "short"), WEAK);
    place.done("user disable sam");
    let printed = place.done("user passwd sam");
    assert!(
        printed.ends_with("sam is disabled: nothing opens before `aegis user enable sam`\n"),
        "{printed}"
    );
}

#[test]
fn users_are_listed() {
    let place = Place::with(&["sam --roles b,a --admin", "ann@example.com"]);
    place.done("user add zoe --email zoe@example.com");
    place.done("user disable ann");
    assert_eq!(
        place.done("user list"),
        "USER  E-MAIL           NAME  ROLES  FACTORS   STATE\n\
         ann   ann@example.com               password  disabled\n\
         sam                          a,b    password  administrator\n\
         zoe   zoe@example.com                         no password yet\n"
    );
    let listed = place.json("user list --json");
    assert_eq!(listed[1]["username"], "sam", "{listed}");
    assert_eq!(listed[1]["active"], true, "{listed}");
    assert!(!listed.to_string().contains("argon2"), "no hash is shown: {listed}");
}

#[test]
fn one_user_is_shown() {
    let place = Place::with(&["sam --email sam@example.com --roles admin"]);
    let shown = place.done("user show sam@example.com");
    let said: Vec<&str> = shown.lines().collect();
    assert_eq!(said[0], "username       sam", "{shown}");
    assert_eq!(said[2], "e-mail         sam@example.com", "{shown}");
    assert_eq!(said[4..7], ["roles          admin", "administrator  no", "may sign in    yes"], "{shown}");
    assert!(said[7].starts_with("factors        password, set 20"), "{shown}");
    assert_eq!(said[8..10], ["tailnet        none", "sessions       0"], "{shown}");
    place.done("user disable sam");
    let shown = place.done("user show sam");
    assert!(shown.contains("may sign in    no: disabled\n"), "{shown}");
}

#[test]
fn roles_are_shown_and_changed() {
    let place = Place::with(&["sam"]);
    assert_eq!(place.done("user roles sam"), "sam: no roles\n");
    assert_eq!(place.done("user roles sam --set b,a,b"), "sam: a, b\n");
    assert_eq!(place.done("user roles sam --add c --remove a"), "sam: b, c\n");
    assert_eq!(place.done("user roles sam --json"), "[\"b\",\"c\"]\n");
    assert_eq!(
        place.refused("user roles sam --add Admin"),
        "error: \"Admin\" is no role\n  hint: a role is 1 to 64 of a-z, 0-9, underscore, dot, colon and dash, \
         and starts with a letter or digit\n"
    );
    assert_eq!(place.done_with(&["user", "roles", "sam", "--set", ""], ""), "sam: no roles\n");
}

#[test]
fn the_last_active_administrator_stays() {
    let place = Place::with(&["sam --admin", "ann"]);
    let refusal = "error: sam is the last active administrator\n  \
                   hint: make somebody else one first (`aegis user admin USER`), or add --force\n";
    for line in ["user disable sam", "user delete sam --yes", "user admin sam --remove"] {
        assert_eq!(place.refused(line), refusal, "aegis {line}");
    }
    let recorded = place.done("audit tail -n 3");
    assert_eq!(recorded.matches("  administration.refused  sam  by command  ").count(), 3, "{recorded}");
    // One who is disabled is no way in.
    place.done("user disable ann");
    place.done("user admin ann");
    assert_eq!(place.refused("user disable sam"), refusal);
    place.done("user enable ann");
    assert_eq!(place.done("user disable sam"), "sam is disabled, and signed out everywhere\n");
    assert_eq!(place.done("user delete ann --yes --force"), "ann is deleted, and signed out everywhere\n");
}

#[test]
fn administrators_are_made_and_unmade() {
    let place = Place::with(&["sam --admin", "ann"]);
    assert_eq!(place.done("user admin ann"), "ann is an administrator now, and has to sign in again\n");
    assert_eq!(place.done("user admin ann"), "ann is an administrator already\n");
    let removed = place.done("user admin sam --remove");
    assert_eq!(removed, "sam is no administrator any more, and has to sign in again\n");
    assert_eq!(place.done("user admin sam --remove"), "sam is no administrator\n");
}

#[test]
fn users_are_disabled_and_enabled() {
    let place = Place::with(&["sam"]);
    assert_eq!(place.done("user disable sam"), "sam is disabled, and signed out everywhere\n");
    assert_eq!(place.done("user disable sam"), "sam is disabled already\n");
    assert_eq!(place.done("user enable sam"), "sam is enabled, and may sign in\n");
    assert_eq!(place.done("user enable sam"), "sam is enabled already\n");
}

#[test]
fn a_deleted_username_is_never_given_again() {
    let place = Place::with(&["sam --email sam@example.com"]);
    assert_eq!(
        place.refused("user delete sam"),
        "error: sam would be deleted for ever, and the username never given again\n  \
         hint: say --yes; or `aegis user disable sam`, which can be taken back\n"
    );
    assert_eq!(place.done("user delete sam --yes"), "sam is deleted, and signed out everywhere\n");
    assert_eq!(
        place.refused("user add sam"),
        "error: the username sam was a deleted account's\n  \
         hint: a username is never given to another account: choose a new one\n"
    );
    let printed = place.done("user add sam@example.com");
    assert!(printed.starts_with("added sam2 (sam@example.com)\n"), "the e-mail is free again: {printed}");
}

#[test]
fn a_deleted_account_leaves_nothing_that_opens_or_is_told() {
    let place = Place::with(&["sam --email sam@example.com", "ann"]);
    let database = rusqlite::Connection::open(place.folder.join("data/aegis.db")).unwrap();
    for name in ["sam", "ann"] {
        place.done(&format!("token create {name} --name backup --all-apps --expires 90d"));
        place.done(&format!("user link-factor {name}"));
        let id: String = database
            .query_row("select id from account where username = ?1", [name], |row| row.get(0))
            .unwrap();
        for row in [
            "insert into totp (account_id, secret, last_step, created_at) values (?1, x'00', 0, 0)",
            "insert into telegram_link (account_id, person, chat, name, created_at) values (?1, 7, 7, 'S', 0)",
            "insert into passkey (id, account_id, credential, data, name, created_at) \
             values (?1, ?1, cast(?1 as blob), '{}', 'phone', 0)",
            "insert into recovery_code (secret, account_id, created_at) values (cast(?1 as blob), ?1, 0)",
            "insert into device (secret, account_id, created_at, used_at) values (cast(?1 as blob), ?1, 0, 0)",
            "insert into notice (account_id, at, kind, detail, chat, telegram) \
             values (?1, 0, 'name.changed', '{}', 7, 'due')",
        ] {
            assert_eq!(database.execute(row, [&id]).unwrap(), 1, "{row}");
        }
    }
    assert_eq!(place.done("user delete sam --yes"), "sam is deleted, and signed out everywhere\n");
    let left = |name: &str| -> Vec<&str> {
        let of = |condition: &str| {
            format!("{condition} and account_id = (select id from account where username = ?1)")
        };
        let things = [
            ("factors", "select account_id from totp where true"),
            ("Telegram", "select account_id from telegram_link where true"),
            ("passkeys", "select account_id from passkey where true"),
            ("recovery codes", "select account_id from recovery_code where true"),
            ("browsers", "select account_id from device where true"),
            ("notices", "select account_id from notice where true"),
            ("links", "select account_id from link where used_at is null"),
            ("API tokens", "select account_id from api_token where ended_at is null"),
        ];
        let is_left = |select: &str| database.prepare(&of(select)).unwrap().exists([name]).unwrap();
        things.into_iter().filter(|(_, select)| is_left(select)).map(|(what, _)| what).collect()
    };
    assert_eq!(left("sam"), Vec::<&str>::new(), "of who was deleted");
    assert_eq!(left("ann").len(), 8, "of somebody else: {:?}", left("ann"));
}

#[test]
fn who_is_not_there_is_said() {
    let place = Place::with(&["sam"]);
    for line in [
        "user show nobody",
        "user passwd nobody",
        "user roles nobody --add a",
        "user admin nobody",
        "user disable nobody",
        "user enable nobody",
        "user unlock nobody",
        "user delete nobody --yes",
        "session list nobody",
        "session revoke --user nobody",
        "setup-link --reset nobody",
    ] {
        let said = "error: there is no user \"nobody\"\n  hint: `aegis user list` shows them all\n";
        assert_eq!(place.refused(line), said, "aegis {line}");
    }
}
