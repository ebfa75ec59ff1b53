//! `aegis user import`.

use super::{Place, refused};
use crate::lab::aegis::run;

const BCRYPT: &str = "$2b$04$GLXCbLFm5UMtoFSJcjEIUOhcWOnuDlXZKxnfAh6C9KrxFf5vMnuBm";

fn from(place: &Place, rows: &str) -> String {
    let file = place.folder.join("people.csv");
    std::fs::write(&file, format!("username,email,password_hash,roles,is_active\n{rows}")).unwrap();
    file.display().to_string()
}

#[test]
fn a_dry_run_begins_nothing_and_an_import_is_repeatable() {
    let place = Place::new();
    let rows = format!("ann,ann@example.com,{BCRYPT},admin,true\n,Ann@other.example,,,true\n");
    let file = from(&place, &rows);
    let table = |ann: &str, other: &str| {
        let (one, two) = (format!("{file}:2"), format!("{file}:3"));
        let width = one.len();
        format!(
            "{:width$}  USER  E-MAIL             ROLES  OUTCOME\n\
             {one}  ann   ann@example.com    admin  {ann}\n\
             {two}  {other}\n",
            "FROM"
        )
    };
    let printed = place.done(&format!("user import --from {file} --dry-run"));
    let expected =
        table("to be added", "ann2  ann@other.example         to be added: it has no password yet");
    assert_eq!(printed, expected);
    assert!(!place.folder.join("data").exists(), "a look made a data directory");

    let printed = place.done(&format!("user import --from {file}"));
    assert_eq!(printed, table("added", "ann2  ann@other.example         added: it has no password yet"));
    let added = place.done("audit tail");
    assert_eq!(added.matches("user.added").count(), 2, "each is recorded: {added}");
    assert_eq!(place.json("user show ann --json")["administrator"], false, "no import makes one");

    let printed = place.done(&format!("user import --from {file}"));
    let expected = table("there already: as ann", "      ann@other.example         there already: as ann2");
    assert_eq!(printed, expected);
}

#[test]
fn what_cannot_be_imported_is_said_and_the_rest_is_done() {
    let place = Place::new();
    let rows = format!("ann,ann@example.com,{BCRYPT},,true\nbob,bob@example.com,$1$old$hash,,true\n");
    let line = format!("user import --from {} --json", from(&place, &rows));
    let output = run(&place.folder, &line.split(' ').collect::<Vec<_>>(), "");
    assert_eq!(output.status.code(), Some(1), "aegis {line}: {output:#?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: 1 of 2 accounts cannot be imported\n"), "{said}");
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown[0]["outcome"], "added", "{shown}");
    assert_eq!(shown[1]["outcome"], "not possible", "{shown}");
    assert!(!shown.to_string().contains("$1$old"), "no hash is shown: {shown}");
    assert_eq!(place.json("user list --json").as_array().unwrap().len(), 1);
}

#[test]
fn a_faulty_source_changes_nothing() {
    let place = Place::new();
    let line = format!("user import --from {}", from(&place, "An\u{7},x,,,true\n"));
    let output = run(&place.folder, &line.split(' ').collect::<Vec<_>>(), "");
    let said = refused(&line, &output);
    assert!(said.contains("people.csv:2: "), "the fault has its place: {said}");
    let said = place.refused("user import --from people");
    assert!(said.starts_with("error: it is not clear what kind of users are to be read\n  hint: "), "{said}");
    assert!(!place.folder.join("data").exists(), "a fault made a data directory");
}
