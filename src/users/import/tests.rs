use super::*;

const BCRYPT: &str = "$2b$10$abcdefghijklmnopqrstuv0123456789ABCDEFGHIJKLMNOPQRSTU";
const ARGON: &str = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$aGFzaGhhc2hoYXNoaGFzaA";

type Reader = fn(&Path, &str) -> Result<Vec<Imported>, Faults>;

fn taken(reader: Reader, file: &str, text: &str) -> Vec<Imported> {
    reader(Path::new(file), text).unwrap_or_else(|faults| panic!("{file} is refused:\n{faults}\n---\n{text}"))
}

fn refused(reader: Reader, file: &str, text: &str) -> Vec<String> {
    match reader(Path::new(file), text) {
        Ok(users) => panic!("{file} is taken: {users:?}\n---\n{text}"),
        Err(faults) => faults.0.iter().map(|fault| fault.to_string().replace("\n  ", " ")).collect(),
    }
}

/// A user on one line: name, e-mail, display name, roles, active, hash, source, notes.
fn line(user: &Imported) -> String {
    format!(
        "{} {} {:?} [{}] {} {} {} {:?}",
        user.username.as_ref().map_or("-", Username::as_str),
        user.email.as_ref().map_or("-", Email::as_str),
        user.name.as_deref().unwrap_or_default(),
        user.roles.iter().map(Role::as_str).collect::<Vec<_>>().join(","),
        if user.active { "active" } else { "disabled" },
        user.password.as_ref().map_or("-", Secret::reveal),
        user.source,
        user.notes,
    )
}

fn lines(users: &[Imported]) -> Vec<String> {
    users.iter().map(line).collect()
}

#[test]
fn a_csv_table_as_postgresql_writes_it() {
    let text = format!(
        "id,email,password_hash,roles,display_name,is_active\r\n\
         1,Sam@Example.com,{BCRYPT},\"{{operator,viewer}}\",\"Sam \"\"S\"\" H\",t\r\n\
         2,ann@example.com,,{{}},,f\r\n\
         3,kim@example.com,,\"b;a, b\",\"Kim\r\n\",\r\n"
    );
    assert_eq!(
        lines(&taken(table::csv, "users.csv", &text)),
        [
            format!("- sam@example.com \"Sam \\\"S\\\" H\" [operator,viewer] active {BCRYPT} users.csv:2 []"),
            "- ann@example.com \"\" [] disabled - users.csv:3 []".to_owned(),
            "- kim@example.com \"Kim\" [a,b] disabled - users.csv:4 \
             [\"it does not say whether the account is active: disabled\"]"
                .to_owned(),
        ]
    );
}

#[test]
fn every_fault_of_a_csv_table_is_said_with_its_line() {
    let text = "\u{feff}username,email,is_active,display_name\n\
                sam,sam@example.com,maybe,\n\
                s m,ann@,true,\n\
                one,too,few\n\
                ,,true,Nobody\n\
                SAM,Sam@example.com,true,\n\
                bel,bel@example.com,true,a\u{7}b\n";
    assert_eq!(
        refused(table::csv, "users.csv", text),
        [
            "users.csv:2: `is_active` is neither true nor false",
            "users.csv:3: the username `s m` cannot be taken: a username is 1 to 32 of a-z, 0-9, dot, \
             underscore and dash",
            "users.csv:3: the e-mail `ann@` cannot be taken: an e-mail address has the form name@example.com",
            "users.csv:4: 3 fields, and the header row has 4",
            "users.csv:5: neither a username nor an e-mail",
            "users.csv:6: the username `sam` is also at users.csv:2",
            "users.csv:6: the e-mail `sam@example.com` is also at users.csv:2",
            "users.csv:7: the display name `a\\u{7}b` cannot be taken: it has at most 100 characters and no \
             control characters",
        ]
    );
}

#[test]
fn a_table_without_names_of_columns_is_refused() {
    for text in
        ["sam,sam@example.com\nann,ann@example.com\n", "", "id,roles\n1,a\n", "email,email\na@b,c@d\n"]
    {
        let faults = refused(table::csv, "users.csv", text);
        assert!(!faults.is_empty(), "{text:?} gives {faults:?}");
    }
    assert_eq!(
        refused(table::csv, "users.csv", "email\n"),
        ["users.csv: there are no users in it hint: is it the right source?"]
    );
}

#[test]
fn a_json_array_and_the_lines_of_its_objects() {
    let text = format!(
        "[\n  {{\"username\": \"sam\", \"email\": \"sam@example.com\", \"password_hash\": \"{BCRYPT}\",\n    \
         \"roles\": [\"Operator\", \"operator\", \"Domain Users\"], \"display_name\": \"Sam\", \
         \"is_active\": true, \"is_admin\": true}},\n\n  {{\"email\": \"ann@example.com\", \"is_active\": null, \
         \"phone\": null}}, {{\"username\": \"kim\"}}\n]"
    );
    assert_eq!(
        lines(&taken(table::json, "users.json", &text)),
        [
            format!(
                "sam sam@example.com \"Sam\" [operator] active {BCRYPT} users.json:2 \
                 [\"the role `Operator` becomes `operator`\", \"the role `Domain Users` is left behind: a role is \
                 1 to 64 of a-z, 0-9, underscore, dot, colon and dash, and starts with a letter or digit\", \
                 \"`is_admin` is left behind: no import makes an administrator\"]"
            ),
            "- ann@example.com \"\" [] disabled - users.json:5 \
             [\"it does not say whether the account is active: disabled\"]"
                .to_owned(),
            "kim - \"\" [] active - users.json:5 []".to_owned(),
        ]
    );
}

#[test]
fn every_faulty_object_of_a_json_array_is_said() {
    let text = "[\n{\"username\": \"sam\",\n\"roles\": 5},\n{\"username\": \"sam\", \"username\": \"ann\"},\n\
                {\"username\": \"\u{212a}im\"}, [], {}\n]";
    assert_eq!(
        refused(table::json, "users.json", text),
        [
            "users.json:3: invalid type: integer `5`, expected a sequence",
            "users.json:4: duplicate field `username`",
            "users.json:5: the username `\u{212a}im` cannot be taken: a username is 1 to 32 of a-z, 0-9, dot, \
             underscore and dash",
            "users.json:5: invalid type: sequence, expected an object",
            "users.json:5: neither a username nor an e-mail",
        ]
    );
    for text in ["{\"users\": []}", "[{\"username\": \"sam\"},]", "[", ""] {
        let faults = refused(table::json, "users.json", text);
        assert!(
            faults.len() == 1 && faults[0].contains("hint: an array of objects"),
            "{text:?} gives {faults:?}"
        );
    }
}

#[test]
fn users_of_authelia() {
    let text = format!(
        "---\n# people\nusers:\n  john:\n    disabled: false\n    displayname: 'John Doe'\n    password: '{ARGON}'\n    \
         email: john@example.com\n    groups:\n      - admins\n      - dev\n    given_name: John\n    nickname: ''\n  \
         Ann:\n    disabled: true\n    displayname: 007\n    password: \"{BCRYPT}\"\n    email: ann@example.com\n    groups: []\n  \
         kim@example.com: {{displayname: Kim, password: '', groups: null}}\n...\n"
    );
    assert_eq!(
        lines(&taken(authelia::read, "users_database.yml", &text)),
        [
            format!(
                "john john@example.com \"John Doe\" [admins,dev] active {ARGON} users_database.yml:4 \
                 [\"`given_name` is left behind\", \"`nickname` is left behind\"]"
            ),
            format!(
                "ann ann@example.com \"007\" [] disabled {BCRYPT} users_database.yml:14 \
                 [\"the username `Ann` becomes `ann`\"]"
            ),
            "- kim@example.com \"Kim\" [] active - users_database.yml:20 \
             [\"`kim@example.com` is an e-mail; the username is made from it\"]"
                .to_owned(),
        ]
    );
}

#[test]
fn faults_of_authelia_have_lines_and_show_no_hash() {
    for (text, expected) in [
        ("users:\n  sam: {password: SECRET, disabled: perhaps}\n", "users.yml:2: "),
        ("users:\n  sam: {password: SECRET}\n  sam: {password: SECRET}\n", "users.yml:3: "),
        (
            "users:\n  sam: {password: SECRET}\n  SAM: {password: SECRET}\n",
            "users.yml:3: the username `sam` is also",
        ),
        ("users:\n  sam:\n    password: [SECRET]\n", "users.yml:3: "),
        ("people:\n  sam: {password: SECRET}\n", "users.yml"),
        ("users:\n  sam: {password: SECRET\n", "users.yml"),
        ("users: {}\n", "users.yml: there are no users in it"),
        ("users: &a\n  sam: {groups: *a}\n", "users.yml:2: "),
    ] {
        let faults = refused(authelia::read, "users.yml", text);
        assert!(faults[0].starts_with(expected), "{text:?} gives {faults:?}");
        assert!(!faults.concat().contains("SECRET"), "{text:?} shows a hash: {faults:?}");
    }
}

#[test]
fn users_of_tinyauth() {
    let doubled = BCRYPT.replace('$', "$$");
    let environment = format!(
        "# tinyauth\nSECRET=abc:def\nUSERS=\"sam:{doubled}, ann:{BCRYPT}:JBSWY3DPEHPK3PXP\"\n\
         export TINYAUTH_AUTH_USERS=kim@example.com:{BCRYPT}\nUSERS_FILE=\n"
    );
    assert_eq!(
        lines(&taken(tinyauth::read, ".env", &environment)),
        [
            format!("sam - \"\" [] active {BCRYPT} .env:3 []"),
            format!(
                "ann - \"\" [] active {BCRYPT} .env:3 \
                 [\"`totp` is left behind: the second factor has to be set up anew\"]"
            ),
            format!(
                "- kim@example.com \"\" [] active {BCRYPT} .env:4 \
                 [\"`kim@example.com` is an e-mail; the username is made from it\"]"
            ),
        ]
    );
    let list = format!("sam:{BCRYPT}\n\nann:{doubled}\n");
    assert_eq!(
        lines(&taken(tinyauth::read, "users", &list)),
        [
            format!("sam - \"\" [] active {BCRYPT} users:1 []"),
            format!("ann - \"\" [] active {BCRYPT} users:3 []"),
        ]
    );
}

#[test]
fn faults_of_tinyauth_have_lines_and_show_no_hash() {
    assert_eq!(
        refused(tinyauth::read, ".env", "USERS=sam,ann:a:b:SECRET\nUSERS_FILE=/data/users\nPORT=3000\n"),
        [
            ".env:1: not of the form name:hash or name:hash:totp",
            ".env:1: not of the form name:hash or name:hash:totp",
            ".env:2: the users stand in another file, `/data/users` hint: read that one: --from tinyauth:FILE",
        ]
    );
    assert_eq!(
        refused(tinyauth::read, ".env", "PORT=3000\n"),
        [".env: there are no users in it hint: is it the right source?"]
    );
    // A password in clear text has blanks or is none; one without cannot be told from a hash here.
    let faults = refused(tinyauth::read, "users", "sam:correct horse SECRET\nsam:x\n");
    assert_eq!(
        faults,
        [
            "users:1: the password's hash cannot be taken: it is too long, or no hash at all",
            "users:2: the username `sam` is also at users:1"
        ]
    );
}

#[test]
fn too_much_is_refused_and_faults_end_somewhere() {
    let many: Vec<String> = (0..=MOST_USERS).map(|number| format!("u{number}")).collect();
    assert_eq!(
        refused(table::csv, "users.csv", &format!("username\n{}", many.join("\n"))),
        ["users.csv:100002: more than 100000 users"]
    );
    let faulty = "\n?".repeat(1_000);
    let faults = refused(table::csv, "users.csv", &format!("username{faulty}"));
    assert_eq!(faults.len(), 101, "{} faults", faults.len());
    assert_eq!(faults[100], "users.csv: and 900 more");
}

#[test]
fn faults_of_a_source_without_lines_name_the_row() {
    let mut gather = gather::Gather::from(Path::new("table \"users\""));
    for (id, email) in [(1, "sam@example.com"), (2, "sam"), (3, "SAM@example.com")] {
        gather.add(gather::Row {
            label: format!("id {id}"),
            email: Some(email.to_owned()),
            ..gather::Row::default()
        });
    }
    let faults = gather.finish().expect_err("two faults").to_string();
    assert_eq!(
        faults,
        "table \"users\": id 2: the e-mail `sam` cannot be taken: an e-mail address has the form name@example.com\n\
         table \"users\": id 3: the e-mail `sam@example.com` is also at table \"users\", id 1"
    );
}

#[test]
fn where_users_come_from_is_read_from_the_command_line() {
    for (text, kind) in [
        ("users.csv", "Csv(\"users.csv\")"),
        ("/tmp/Users.JSON", "Json(\"/tmp/Users.JSON\")"),
        ("postgresql://u:hunter2@localhost/db", "PostgreSql(Secret(…))"),
        ("postgres://localhost", "PostgreSql(Secret(…))"),
        ("authelia:users_database.yml", "Authelia(\"users_database.yml\")"),
        ("tinyauth:.env", "Tinyauth(\".env\")"),
    ] {
        let from: From = text.parse().unwrap_or_else(|faults| panic!("{text}: {faults}"));
        assert_eq!(format!("{from:?}"), kind, "{text}");
    }
    for text in ["", "users", "users.yml", "authelia:", "tinyauth:", "postgresql:/u:hunter2@localhost/db"] {
        let faults = text.parse::<From>().expect_err(text).to_string();
        assert!(faults.contains("--from takes"), "{text}: {faults}");
        assert!(!faults.contains("hunter2"), "{text}: {faults}");
    }
}

#[tokio::test]
async fn a_file_is_read_from_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.csv");
    std::fs::write(&path, "\u{feff}username\nsam\n").unwrap();
    let users = read(&From::Csv(path.clone())).await.unwrap();
    assert_eq!(users[0].source, format!("{}:2", path.display()));

    std::fs::write(&path, b"username\nsam\n\xff\n").unwrap();
    let faults = read(&From::Csv(path.clone())).await.unwrap_err();
    assert_eq!(faults.to_string(), format!("{}:3: is not UTF-8\n  hint: save it as UTF-8", path.display()));

    let missing = read(&From::Json(directory.path().join("none.json"))).await.unwrap_err();
    assert!(missing.to_string().contains("none.json: cannot be read"), "{missing}");
}
