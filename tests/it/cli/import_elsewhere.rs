//! `aegis user import` from what others really have: whoever is taken over signs in as before.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use crate::lab::aegis::Aegis;
use crate::lab::client::Ask;
use crate::lab::postgresql::PostgreSql;
use crate::lab::{AEGIS_PORT, PORTAL, address};

/// What everybody signed in with before.
const OLD: &str = "as it was before";

/// A running server that people move to.
struct Server {
    aegis: Aegis,
    at: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let at = address::take();
        Self { aegis: Aegis::start(at, address::folder()), at: (at, AEGIS_PORT).into() }
    }

    #[track_caller]
    fn json(&self, line: &str) -> Value {
        let arguments: Vec<&str> = line.split(' ').chain(["--json"]).collect();
        let printed = super::done(&arguments, &self.aegis.command(&arguments, ""));
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("aegis {line}: {error}: {printed}"))
    }

    /// Each account as `name: outcome`; beside them all notes.
    #[track_caller]
    fn import(&self, from: &str, more: &str) -> (Vec<String>, Vec<String>) {
        let shown = self.json(&format!("user import --from {from}{more}"));
        let shown = shown.as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or("nobody").to_owned();
        let fates = shown.iter().map(|one| format!("{}: {}", text(&one["email"]), text(&one["outcome"])));
        let notes = shown.iter().flat_map(|one| one["notes"].as_array().unwrap()).map(text);
        (fates.collect(), notes.collect())
    }

    /// A look that changes nothing, the import, and once more.
    #[track_caller]
    fn moves(&self, from: &str, people: &[&str]) -> Vec<String> {
        let all = |fate: &str| people.iter().map(|email| format!("{email}: {fate}")).collect::<Vec<_>>();
        let (fates, foreseen) = self.import(from, " --dry-run");
        assert_eq!(fates, all("to be added"), "the dry run");
        assert_eq!(self.json("user list"), json!([]), "a dry run changed something");
        let (fates, notes) = self.import(from, "");
        assert_eq!(fates, all("added"), "the import");
        assert_eq!(notes, foreseen, "the dry run says what the import says");
        let before = self.json("user list");
        assert_eq!(self.import(from, "").0, all("there already"), "the import again");
        assert_eq!(self.json("user list"), before, "the import again changed something");
        notes
    }

    /// A file of this name in its folder, as `--from` takes it.
    fn file(&self, kind: &str, name: &str, text: &str) -> String {
        let path = self.aegis.folder.join(name);
        std::fs::write(&path, text).unwrap();
        format!("{kind}{}", path.display())
    }

    /// Signs in, and is answered so.
    #[track_caller]
    fn signs_in(&self, login: &str, password: &str, status: u16) {
        let answer = Ask::new("POST", PORTAL, "/auth/token")
            .header("Content-Type", "application/json")
            .body(&json!({ "email": login, "password": password }).to_string())
            .send(self.at);
        assert_eq!(answer.status, status, "{login} signs in with {password:?}: {answer}");
    }

    #[track_caller]
    fn roles(&self, user: &str) -> Value {
        self.json(&format!("user show {user}"))["roles"].take()
    }
}

/// As bcrypt has it, and cheap.
fn bcrypt() -> String {
    bcrypt::hash(OLD, 4).unwrap()
}

/// As Authelia makes it by itself.
fn argon2id() -> String {
    let (salt, mut output) = (b"salt of sixteen ", [0; 32]);
    let cost = argon2::Params::new(65_536, 3, 4, Some(output.len())).unwrap();
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cost)
        .hash_password_into(OLD.as_bytes(), salt, &mut output)
        .unwrap();
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    format!("$argon2id$v=19$m=65536,t=3,p=4${salt}${output}")
}

#[test]
fn a_postgresql_table_moves_over() {
    let (database, server) = (PostgreSql::start(), Server::start());
    database.done(&format!(
        "create table users (id serial primary key, email text not null, password_hash text, \
         roles text[], display_name text, is_active boolean not null);
         insert into users (email, password_hash, roles, display_name, is_active) values
         ('ann@example.test', '{}', '{{admin,editor}}', 'Ann Example', true),
         ('bob@example.test', '{}', '{{editor}}', null, false),
         ('cleo@example.test', '{}', '{{\"site owner\",viewer}}', 'Cleo', true);",
        bcrypt(),
        bcrypt(),
        bcrypt()
    ));
    let kept = database.done("select * from users order by id;");

    let people = ["ann@example.test", "bob@example.test", "cleo@example.test"];
    let notes = server.moves(&database.url(), &people);
    let [note] = notes.as_slice() else { panic!("one note, on one role: {notes:?}") };
    assert!(note.starts_with("the role `site owner` is left behind: "), "{note}");
    assert_eq!(database.done("select * from users order by id;"), kept, "the table is as it was");

    server.signs_in("ann@example.test", OLD, 200);
    server.signs_in("ann@example.test", "another one", 401);
    server.signs_in("bob@example.test", OLD, 401);
    server.signs_in("cleo@example.test", OLD, 200);
    assert_eq!(server.roles("ann"), json!(["admin", "editor"]));
    assert_eq!(server.roles("cleo"), json!(["viewer"]));
    let ann = server.json("user show ann");
    assert_eq!((&ann["name"], &ann["administrator"]), (&json!("Ann Example"), &json!(false)), "{ann}");
}

#[test]
fn a_faulty_database_is_named_and_its_password_is_not() {
    let (database, server) = (PostgreSql::start(), Server::start());
    let url = database.url();
    let wrong = url.replace("of-the-database", "hunter2");
    for (from, said) in [
        (&url, "cannot be read: relation \"users\" does not exist"),
        (&wrong, "cannot connect: password authentication failed for user \"postgres\""),
    ] {
        let arguments = ["user", "import", "--from", from];
        let heard = super::refused("user import", &server.aegis.command(&arguments, ""));
        assert!(heard.contains(said), "{said} is in: {heard}");
        assert!(!heard.contains("of-the-database") && !heard.contains("hunter2"), "{heard}");
    }
}

#[test]
fn a_csv_moves_over() {
    let server = Server::start();
    let rows = format!(
        "username,email,password_hash,roles,is_active\n\
         ann,ann@example.test,{},\"admin,editor\",true\nbob,bob@example.test,\"{}\",,true\n",
        bcrypt(),
        argon2id()
    );
    let unquoted = server.file("", "unquoted.csv", &rows.replace('"', ""));
    let heard =
        super::refused("user import", &server.aegis.command(&["user", "import", "--from", &unquoted], ""));
    assert!(heard.contains("as an argon2 hash, stands in \"quotes\""), "commas in fields: {heard}");

    server.moves(&server.file("", "people.csv", &rows), &["ann@example.test", "bob@example.test"]);
    server.signs_in("ann", OLD, 200);
    server.signs_in("bob", OLD, 200);
    assert_eq!(server.roles("ann"), json!(["admin", "editor"]));
}

#[test]
fn a_json_moves_over() {
    let server = Server::start();
    let rows = json!([
        { "username": "ann", "email": "ann@example.test", "password_hash": bcrypt(),
          "roles": ["admin"], "is_active": true },
        { "email": "bob@example.test", "password_hash": argon2id(), "is_active": true },
    ]);
    let from = server.file("", "people.json", &rows.to_string());
    server.moves(&from, &["ann@example.test", "bob@example.test"]);
    server.signs_in("ann", OLD, 200);
    server.signs_in("bob@example.test", OLD, 200);
    assert_eq!(server.roles("ann"), json!(["admin"]));
}

#[test]
fn authelia_moves_over() {
    let server = Server::start();
    let text = format!(
        "users:\n  ann:\n    disabled: false\n    displayname: 'Ann Example'\n    password: '{}'\n    \
         email: 'ann@example.test'\n    groups:\n      - 'admins'\n      - 'dev'\n",
        argon2id()
    );
    server.moves(&server.file("authelia:", "users_database.yml", &text), &["ann@example.test"]);
    server.signs_in("ann", OLD, 200);
    assert_eq!(server.roles("ann"), json!(["admins", "dev"]));
}

#[test]
fn tinyauth_moves_over() {
    let server = Server::start();
    // Compose files need each `$` twice.
    let hash = bcrypt().replace('$', "$$");
    let from = server.file("tinyauth:", "tinyauth.env", &format!("PORT=3000\nUSERS=ann:{hash}\n"));
    server.moves(&from, &["nobody"]);
    server.signs_in("ann", OLD, 200);
    server.signs_in("ann", "another one", 401);
}
