//! `aegis app …`: what there is, and a new one written into a file that people keep by hand.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::{done, refused, texts};
use crate::lab::address;
use crate::lab::aegis::run;

const SETTINGS: &str = "# Kept by hand.\npublic_url = \"https://auth.example.com\"   # ours\n\n[cookie]\ndomain = \"example.com\"\n\n\
    [app.arlo]\ntitle = \"Arlo\"\nhosts = [\"arlo.example.com\", \"*.arlo.example.com:8443\"]\nrequire = \"signed_in\"\nroles = [\"operator\"]\npublic = [\"/hooks\"]\n\
    [[app.arlo.rule]]\npath_regex = '^/admin(/.*)?$'   # and all below\nmethods = [\"POST\"]\nnetworks = [\"10.0.0.0/8\"]\nrequire = \"two_factor\"\nusers = [\"sam\"]\nroles = [\"admin\"]\nmax_age = \"15m\"";

fn folder(settings: &str) -> PathBuf {
    let folder = address::folder();
    fs::write(folder.join("aegis.toml"), settings).unwrap();
    folder
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[track_caller]
fn printed(folder: &Path, line: &str) -> String {
    done(&words(line), &run(folder, &words(line), ""))
}

/// What is in the folder beside the data.
fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn apps_are_listed_and_shown_with_their_rules_in_order() {
    let folder = folder(SETTINGS);
    let file = folder.join("aegis.toml");
    let file = file.display();
    let listed = printed(&folder, "app list");
    let row = format!(
        "arlo  Arlo   arlo.example.com, *.arlo.example.com:8443  signed_in  role operator  {file}:7\n"
    );
    assert!(listed.ends_with(&row), "{listed}\nshould end with\n{row}");
    let shown = printed(&folder, "app show arlo");
    let rules: Vec<Vec<&str>> = shown
        .lines()
        .skip(5)
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    let at = |line: u32| format!("{file}:{line}");
    let (public, rule, whole) = (at(12), at(13), at(7));
    assert_eq!(
        rules,
        [
            vec!["app.arlo public \"/hooks\"", "public", "everybody", &public],
            vec![
                "app.arlo rule 1 (path_regex ^/admin(/.*)?$, methods POST, networks 10.0.0.0/8)",
                "two_factor",
                "sam, role admin, for 15 minutes after a factor was shown",
                &rule
            ],
            vec!["app.arlo (whole app)", "signed_in", "role operator", &whole],
        ],
        "{shown}"
    );
    let json: serde_json::Value = serde_json::from_str(&printed(&folder, "app show arlo --json")).unwrap();
    assert_eq!(json["rules"][1]["max_age"], 900, "{json:#}");
    assert_eq!(json["hosts"][1], "*.arlo.example.com:8443", "{json:#}");
    let json: serde_json::Value = serde_json::from_str(&printed(&folder, "app list --json")).unwrap();
    assert_eq!((&json[0]["name"], &json[0]["roles"][0]), (&"arlo".into(), &"operator".into()), "{json:#}");
    let said = refused("app show arlow", &run(&folder, &["app", "show", "arlow"], ""));
    assert!(said.contains("there is no app \"arlow\"") && said.contains("did you mean `arlo`?"), "{said}");
}

#[test]
fn a_new_app_is_written_behind_what_stays_as_it_was() {
    for settings in [SETTINGS.to_owned(), format!("{SETTINGS}\n\n"), SETTINGS.replace('\n', "\r\n")] {
        let folder = folder(&settings);
        let file = folder.join("aegis.toml");
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let owner = rustix::process::getuid().as_raw();
        if owner == 0 {
            std::os::unix::fs::chown(&file, Some(1234), Some(4321)).unwrap();
        }
        let before = fs::metadata(&file).unwrap();
        let line = "app add grafana.example.com --title Graphs --require signed_in --users sam,ann --roles operator --public /api/health";
        let said = printed(&folder, line);
        let after = fs::read_to_string(&file).unwrap();
        let end = if settings.contains('\r') { "\r\n" } else { "\n" };
        let section = [
            "",
            "[app.grafana]",
            "title = \"Graphs\"",
            "hosts = [\"grafana.example.com\"]",
            "require = \"signed_in\"",
            "users = [\"sam\", \"ann\"]",
            "roles = [\"operator\"]",
            "public = [\"/api/health\"]",
            "",
        ]
        .join(end);
        let ending = if settings.ends_with('\n') { "" } else { end };
        assert_eq!(after, format!("{settings}{ending}{section}"));
        let number = after.lines().position(|line| line == "[app.grafana]").unwrap() + 1;
        assert!(said.starts_with(&format!("wrote [app.grafana] at {}:{number}\n", file.display())), "{said}");
        assert!(said.ends_with("\ngrafana.example.com {\n\timport aegis\n\t# Write where Graphs listens.\n\treverse_proxy 127.0.0.1:8080\n}\n"), "{said}");
        assert!(!said.contains("note:"), "nothing of other apps is told again: {said}");
        let is = fs::metadata(&file).unwrap();
        assert_eq!((is.mode(), is.uid(), is.gid()), (before.mode(), before.uid(), before.gid()));
        assert_eq!(names(&folder), ["aegis.toml"]);
        assert!(printed(&folder, "check").starts_with("ok: 2 apps"));
    }
}

#[test]
fn the_lines_of_another_proxy_are_printed_whole() {
    let folder = folder(SETTINGS);
    let said = printed(&folder, "app add *.lab.example.com --proxy nginx");
    assert!(said.contains("note: ") && said.contains("app.lab is open to every user"), "{said}");
    let whole = printed(&folder, "print nginx");
    let block = said.split_once("\nserver {").unwrap_or_else(|| panic!("no server in {said}")).1;
    assert!(whole.contains(&format!("\nserver {{{}", block.trim_end())), "{block}\nis not in\n{whole}");
    assert!(block.contains("server_name *.lab.example.com;") && block.contains("auth_request"), "{block}");
}

#[test]
fn what_would_be_a_fault_is_not_written() {
    let folder = folder(SETTINGS);
    let file = folder.join("aegis.toml");
    for (line, expected) in [
        ("app add arlo.example.com", "there is an app `arlo` already"),
        ("app add arlo.example.com --name other", "which is that of app.arlo"),
        ("app add grafana.example.org", "is not within `cookie.domain`"),
        ("app add auth.example.com", "which is Aegis itself"),
        ("app add grafana.example.com --require signed-in", "`require` cannot be `signed-in`"),
        ("app add grafana.example.com --roles A\"b", "a role is 1 to 64 of"),
        ("app add grafana.example.com --public /a/*", "has a star"),
        ("app add g_a.example.com", "the name of an app is 1 to 64 of"),
        ("app add grafana.example.com --name x]y", "the name of an app is 1 to 64 of"),
    ] {
        let said = refused(line, &run(&folder, &words(line), ""));
        assert!(said.contains(expected), "aegis {line}\n{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), SETTINGS, "aegis {line}");
        assert_eq!(names(&folder), ["aegis.toml"], "aegis {line}");
    }
    // A title is text, whatever is in it.
    let title =
        "app\nadd\ngrafana.example.com\n--title\nA \"b\" \\ [x]\u{e9}".split('\n').collect::<Vec<_>>();
    done(&title, &run(&folder, &title, ""));
    assert!(printed(&folder, "app list").contains("A \"b\" \\ [x]\u{e9}"));

    fs::write(&file, format!("{SETTINGS}\nnonsense = 1\n")).unwrap();
    let line = ["app", "add", "other.example.com"];
    let output = run(&folder, &line, "");
    let (_, said) = texts(&output);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("unknown key"), "{said}");
    fs::remove_file(&file).unwrap();
    let output = run(&folder, &line, "");
    assert_eq!(output.status.code(), Some(64), "{output:#?}");
    assert!(names(&folder).is_empty(), "{:?}", names(&folder));
}

/// Two at a time, and every one of them is there in the end or was told that it is not.
#[test]
fn of_two_at_a_time_none_is_lost() {
    let folder = folder(SETTINGS);
    let hosts: Vec<String> = (0..12).map(|number| format!("app{number}.example.com")).collect();
    let done: Vec<bool> = std::thread::scope(|scope| {
        let add = |host: &String| {
            let host = host.clone();
            let folder = &folder;
            scope.spawn(move || run(folder, &["app", "add", &host], "").status.success())
        };
        let running: Vec<_> = hosts.iter().map(add).collect();
        running.into_iter().map(|running| running.join().unwrap()).collect()
    });
    let listed = printed(&folder, "app list");
    assert!(done.contains(&true), "none was written");
    for (host, done) in hosts.iter().zip(done) {
        assert_eq!(listed.contains(host.as_str()), done, "{host}:\n{listed}");
    }
    assert_eq!(names(&folder), ["aegis.toml"]);
}

#[test]
fn what_is_printed_stands_in_the_file_of_each_proxy() {
    let folder = folder(SETTINGS);
    for proxy in ["caddy", "traefik", "nginx", "haproxy", "envoy", "apache"] {
        let host = format!("{proxy}.example.com");
        let said = printed(&folder, &format!("app add {host} --roles operator --proxy {proxy}"));
        let whole = printed(&folder, &format!("print {proxy}"));
        // Behind the lines about the file, an empty one before each piece.
        let lines = said.split_once("SIGHUP\n\n").unwrap_or_else(|| panic!("no lines in {said}")).1;
        assert!(
            lines.contains(&host) && lines.contains("127.0.0.1:8080") | lines.contains("port_value: 8080"),
            "{lines}"
        );
        for line in lines.lines() {
            assert!(whole.lines().any(|one| one == line), "{line:?} is not in\n{whole}");
        }
    }
}
