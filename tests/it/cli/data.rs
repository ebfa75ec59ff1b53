//! Commands about the data as a whole, without a server.

use super::{Place, code_in};
use crate::lab::aegis::run_with;

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
    use crate::lab::aegis::run;

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
    place.done(&format!("backup {}", file.display()));
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
