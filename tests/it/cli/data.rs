//! Commands about the data as a whole, without a server.

use std::os::unix::fs::FileExt as _;

use super::{Place, code_in, texts};
use crate::lab::aegis::{run, run_with};

#[test]
fn nothing_is_made_by_looking() {
    let place = Place::new();
    let data = place.folder.join("data");
    for line in ["user list", "user show sam", "user disable sam", "session list", "audit tail", "setup-link"]
    {
        assert_eq!(
            place.refused(line),
            format!(
                "error: {}: there are no data of Aegis here yet\n  hint: is it the right directory? \
                 see --data-dir; `aegis serve` or `aegis user add` begins new data\n",
                data.display()
            ),
            "aegis {line}"
        );
    }
    assert!(!data.exists(), "{} was made", data.display());
}

#[test]
fn the_data_of_another_user_are_left_alone() {
    let place = Place::new();
    let data = place.folder.join("data");
    // The superuser gives a directory away; anybody else finds the superuser's own.
    let owner = if rustix::process::geteuid().is_root() {
        std::fs::create_dir(&data).unwrap();
        std::os::unix::fs::chown(&data, Some(65_534), None).unwrap();
        "nobody"
    } else {
        std::os::unix::fs::symlink("/usr", &data).unwrap();
        "root"
    };
    for line in ["user add sam", "user list", "session list"] {
        assert_eq!(
            place.refused(line),
            format!(
                "error: {}: the data directory belongs to the user {owner}\n  hint: sudo -u '{owner}' aegis …\n",
                data.display()
            ),
            "aegis {line}"
        );
    }
    for name in ["aegis.db", "aegis.lock", "keys"] {
        assert!(!data.join(name).exists(), "{name} was made in {}", data.display());
    }
}

#[test]
fn another_schema_is_said() {
    let place = Place::with(&["sam"]);
    let file = place.folder.join("data/aegis.db");
    let database = rusqlite::Connection::open(&file).unwrap();
    database.execute("insert into migration values (99, '0099_later', 'x', '9.9.9')", []).unwrap();
    drop(database);
    let said = place.refused("user list");
    let version = env!("CARGO_PKG_VERSION");
    let expected =
        format!("the database has schema 99, made by aegis 9.9.9; this is the older aegis {version}");
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn wrong_settings_are_64_and_a_wrong_line_is_2() {
    let place = Place::with(&["sam"]);
    std::fs::write(place.folder.join("aegis.toml"), "publik_url = \"http://x\"\n").unwrap();
    let output = run(&place.folder, &["user", "list"], "");
    assert_eq!(output.status.code(), Some(64), "{output:#?}");
    let output = run(&place.folder, &["user", "add", "sam", "--password", "hunter2"], "");
    assert_eq!(output.status.code(), Some(2), "{output:#?}");
}

#[test]
fn a_setup_link_is_for_the_first_administrator() {
    let place = Place::with(&["sam"]);
    let printed = place.done("setup-link");
    code_in(&printed, "setup");
    assert!(
        printed.starts_with("Open this link to make the first administrator (60 minutes, one use):\n"),
        "{printed}"
    );
    place.done("user admin sam");
    place.done_with(&["user", "add", "ann", "--password-stdin"], crate::lab::PASSWORD);
    assert_eq!(
        place.refused("setup-link"),
        "error: there is an administrator already\n  \
         hint: `aegis setup-link --reset USER` makes a link for one who lost the way in\n"
    );
    code_in(&place.done("setup-link --reset sam"), "password");
    assert_eq!(
        place.refused("setup-link --reset ann"),
        "error: ann is no administrator\n  hint: `aegis user admin ann` makes one; \
         `aegis user passwd ann` prints a link for anybody\n"
    );
}

#[test]
fn the_record_is_shown() {
    let place = Place::with(&["sam --roles a"]);
    place.done("user roles sam --add b");
    place.done("user disable sam");
    let printed = place.done("audit tail -n 2");
    let lines: Vec<&str> = printed.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(lines, ["user.roles_changed  sam  by command  roles=a,b", "user.disabled  sam  by command"]);
    let printed = place.done("audit tail --json");
    let first: serde_json::Value = serde_json::from_str(printed.lines().next().unwrap()).unwrap();
    assert_eq!(first["event"], "user.added", "oldest first: {printed}");
    assert_eq!(first["detail"]["roles"], "a", "{first}");
    assert_eq!(place.done("audit tail -n 0"), "");
}

#[test]
fn a_backup_overwrites_nothing_and_rubbish_is_not_restored() {
    let place = Place::with(&["sam"]);
    let file = place.folder.join("aegis.backup");
    std::fs::write(&file, "not a backup").unwrap();
    let name = file.display();
    assert_eq!(
        place.refused(&format!("backup {name}")),
        format!(
            "error: {name}: there is a file of that name already\n  \
             hint: a backup overwrites nothing: name a new file\n"
        )
    );
    let said = place.refused(&format!("restore {name}"));
    assert!(said.starts_with(&format!("error: {name}: ")), "{said}");
    assert!(said.ends_with("hint: nothing was changed; use another backup\n"), "{said}");
    assert_eq!(place.json("user list --json")[0]["username"], "sam", "what was there is there");
}

#[test]
fn a_session_that_is_none_is_said() {
    let place = Place::with(&["sam"]);
    for id in ["0190", "01980000-0000-7000-8000-000000000000"] {
        assert_eq!(
            place.refused(&format!("session revoke {id}")),
            format!(
                "error: there is no session \"{id}\"\n  hint: `aegis session list` shows those that are alive; \
                 --user USER ends all of one user\n"
            )
        );
    }
    assert_eq!(place.done("session list"), "SESSION  USER  FOR  LAST USED  ENDS  FROM  WITH\n");
}

/// What was backed up before the first start has no keys yet; the first start makes them.
#[test]
fn a_backup_without_keys_can_be_served() {
    use crate::lab::aegis::serve;

    let place = Place::with(&["sam"]);
    let file = place.folder.join("aegis.backup");
    let printed = place.done(&format!("backup {}", file.display()));
    assert!(printed.contains("no keys are in it"), "{printed}");
    let printed = place.done(&format!("restore {}", file.display()));
    assert!(printed.contains("and no keys (any that are here stay)"), "{printed}");
    let settings = place.folder.join("aegis.toml");
    let listen = format!("listen = [\"unix:{}\"]\n", place.folder.join("aegis.sock").display());
    std::fs::write(&settings, std::fs::read_to_string(&settings).unwrap() + &listen).unwrap();
    let process = serve(&place.folder);
    assert_eq!(process.end(), Some(0), "{}", process.log());
}

#[test]
fn a_database_elsewhere_is_refused_and_not_passed_over() {
    let place = Place::new();
    let check = |url: &str| run_with(&place.folder, &["check"], "", &[("DATABASE_URL", url)]);
    let own = format!("sqlite:{}", place.folder.join("data/aegis.db").display());
    for (url, code) in [(own.as_str(), 0), ("sqlite:/elsewhere/aegis.db", 64), ("postgresql://a:b@c/d", 64)] {
        let output = check(url);
        assert_eq!(output.status.code(), Some(code), "aegis check with DATABASE_URL={url}: {output:#?}");
    }
}

/// `DATABASE_URL` was read and ignored.
#[test]
fn a_database_url_alone_says_where_the_data_are() {
    let place = Place::new();
    let file = place.folder.join("elsewhere/aegis.db");
    let url = format!("sqlite:{}", file.display());
    let add = |url: &str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_aegis"))
            .args(["user", "add", "sam"])
            .current_dir(&place.folder)
            .env("DATABASE_URL", url)
            .env_remove("STATE_DIRECTORY")
            .output()
            .unwrap()
    };
    let output = add(&url);
    assert_eq!(output.status.code(), Some(0), "aegis user add with DATABASE_URL={url}: {output:#?}");
    assert!(file.exists(), "the database is not at {}: {output:#?}", file.display());
    let other = url.replace("aegis.db", "other.db");
    let output = add(&other);
    assert_eq!(output.status.code(), Some(64), "aegis user add with DATABASE_URL={other}: {output:#?}");
}

#[test]
fn a_check_judges_the_log_too() {
    let place = Place::new();
    let output = run_with(&place.folder, &["check"], "", &[("AEGIS__LOG__LEVEL", "loud")]);
    assert_eq!(output.status.code(), Some(64), "aegis check with a level of log that is none: {output:#?}");
}

/// The e-mail and the password of the first administrator were only looked at by a server that had opened
/// everything; it then ended with 1.
#[test]
fn an_administrator_who_cannot_be_seeded_is_a_fault_of_the_settings() {
    let place = Place::new();
    let settings = place.folder.join("aegis.toml");
    let listen = format!("listen = [\"unix:{}\"]\n", place.folder.join("aegis.sock").display());
    std::fs::write(&settings, std::fs::read_to_string(&settings).unwrap() + &listen).unwrap();
    let said = |command: &str, email: &str, password: &str| {
        let variables = [("BOOTSTRAP_ADMIN_EMAIL", email), ("BOOTSTRAP_ADMIN_PASSWORD", password)];
        let output = run_with(&place.folder, &[command], "", &variables);
        assert_eq!(output.status.code(), Some(64), "aegis {command} with {variables:?}: {output:#?}");
        texts(&output).1
    };
    for command in ["check", "serve"] {
        assert_eq!(
            said(command, "sam", "short"),
            "error: BOOTSTRAP_ADMIN_EMAIL: the first administrator's e-mail cannot be \"sam\"\n  \
             hint: an e-mail address has the form name@example.com\n\
             error: BOOTSTRAP_ADMIN_PASSWORD: the first administrator's password is not taken\n  \
             hint: Use at least 12 characters. A few uncommon words do well.\n",
            "aegis {command}"
        );
    }
    assert!(!place.folder.join("data").exists(), "a fault of the settings made a data directory");
    let guessed = said("serve", "sam@example.com", "password1234");
    assert!(guessed.contains("BOOTSTRAP_ADMIN_PASSWORD: the first administrator's password"), "{guessed}");
}

/// On a full disk `aegis token create` ended with 0, and the token was nowhere.
#[test]
fn a_result_that_cannot_be_written_is_a_failure_and_a_reader_who_left_is_none() {
    let place = Place::with(&["sam"]);
    let run = |line: &str, out: std::process::Stdio| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_aegis"));
        command.args(line.split(' ')).arg("--data-dir").arg(place.folder.join("data"));
        command.current_dir(&place.folder).stdout(out).output().unwrap()
    };
    for line in ["user list", "user list --json", "token create sam --name x --all-apps", "print caddy"] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let output = run(line, full.into());
        let said = texts(&output).1;
        assert_eq!(output.status.code(), Some(1), "aegis {line} > /dev/full: {said}");
        assert!(
            said.starts_with("error: standard output: the result cannot be written: ")
                && said.contains("\n  hint: "),
            "aegis {line} > /dev/full: {said}"
        );
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = run(line, writer.into());
        assert_eq!((output.status.code(), texts(&output).1.as_str()), (Some(0), ""), "aegis {line} | true");
    }
}

/// The copy was named, which is gone by then, and not the database that is damaged.
#[test]
fn a_backup_of_a_damaged_database_names_that() {
    let place = Place::with(&["sam"]);
    let file = place.folder.join("data/aegis.db");
    let database = rusqlite::Connection::open(&file).unwrap();
    let page: u32 = database
        .query_row("select rootpage from sqlite_schema where name = 'audit_by_time'", [], |row| row.get(0))
        .unwrap();
    let size: u32 = database.query_row("pragma page_size", [], |row| row.get(0)).unwrap();
    drop(database);
    let raw = std::fs::File::options().write(true).open(&file).unwrap();
    raw.write_all_at(&vec![0xff; usize::try_from(size).unwrap()], u64::from((page - 1) * size)).unwrap();
    let said = place.refused(&format!("backup {}", place.folder.join("aegis.backup").display()));
    assert!(said.starts_with(&format!("error: {}: the database is damaged: ", file.display())), "{said}");
    assert!(!place.folder.join("aegis.backup").exists(), "a damaged backup was kept");
}

#[test]
fn what_is_refused_says_what_to_do() {
    let place = Place::with(&["sam"]);
    let write = |name: &str, text: &[u8]| std::fs::write(place.folder.join(name), text).unwrap();
    write("latin.csv", b"username\n\xff\n");
    write("empty.csv", b"username\n");
    write("twice.csv", b"username\nann\nann\n");
    let refused = |place: &Place, line: &str, input: &str, code: i32| {
        let output = run(&place.folder, &line.split(' ').collect::<Vec<_>>(), input);
        let (printed, said) = texts(&output);
        assert_eq!((output.status.code(), printed.as_str()), (Some(code), ""), "aegis {line}\n{said}");
        assert!(said.starts_with("error: ") && said.contains("\n  hint: "), "aegis {line}\n{said}");
    };
    for (line, input) in [
        ("user add Ann!", ""),
        ("user add ann@", ""),
        ("user add ann --email ann", ""),
        ("user add ann --roles A", ""),
        ("user add ann --name An\u{7}n", ""),
        ("demo", ""),
        ("user passwd sam --password-stdin", "short"),
        ("user passwd sam --password-stdin", ""),
        ("user show ann", ""),
        ("user import --from missing.csv", ""),
        ("user import --from latin.csv", ""),
        ("user import --from empty.csv", ""),
        ("user import --from twice.csv", ""),
        ("user import --from postgresql://sam@127.0.0.1:1/aegis", ""),
        ("restore missing.db", ""),
        ("restore .", ""),
        ("restore aegis.toml", ""),
        ("backup missing/aegis.backup", ""),
        ("explain --url arlo", ""),
        ("explain --url https://arlo.example.com/ --as ann", ""),
        ("token create sam --name x --app arlo", ""),
        ("token revoke x", ""),
    ] {
        refused(&place, line, input, 1);
    }
    assert_eq!(
        place.json("user list --json").as_array().unwrap().len(),
        1,
        "a refused line changed something"
    );
    refused(&place, "explain --file missing.toml", "", 64);
    for settings in [&b"public_url = \"\xff\""[..], b"[cookie", b"include = [\"missing.toml\"]"] {
        write("aegis.toml", settings);
        refused(&place, "check", "", 64);
    }
    std::fs::remove_file(place.folder.join("aegis.toml")).unwrap();
    refused(&place, "check", "", 64);

    let place = Place::new();
    std::fs::write(place.folder.join("data"), "").unwrap();
    refused(&place, "user list", "", 1);
}

/// Of each section the first fault was told, and the next when that was mended.
#[test]
fn every_wrong_value_is_told_at_once() {
    let place = Place::new();
    let settings = "[session]\nidle = \"1s\"\nlongest = \"500d\"\n[limits]\nconnections = 1\nhash_threads = 3\n\
                    remembered = -1\n[token]\nissuer = \"\"\nalgorithm = \"none\"\n";
    std::fs::write(place.folder.join("aegis.toml"), settings).unwrap();
    let output = run(&place.folder, &["check"], "");
    let said = texts(&output).1;
    assert_eq!(output.status.code(), Some(64), "{said}");
    for line in [2, 3, 5, 6, 7, 9, 10] {
        assert!(said.contains(&format!("aegis.toml:{line}: ")), "nothing of line {line}:\n{said}");
    }
    assert_eq!(said.matches("error: ").count(), said.matches("\n  hint: ").count(), "{said}");
}
