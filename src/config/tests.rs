//! What is read from where, and what is said about what is wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A working directory with these files.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    directory
}

fn sources(directory: &TempDir, environment: &[(&str, &str)]) -> Sources {
    Sources {
        environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        directory: directory.path().into(),
        ..Sources::default()
    }
}

fn reads(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Settings {
    let directory = directory(files);
    read(&sources(&directory, environment)).unwrap_or_else(|faults| panic!("{files:?} gave\n{faults}"))
}

/// The faults as text, without the path of the directory.
fn faults(files: &[(&str, &str)], environment: &[(&str, &str)]) -> String {
    let directory = directory(files);
    match read(&sources(&directory, environment)) {
        Ok(_) => panic!("{files:?} with {environment:?} was accepted"),
        Err(faults) => faults.to_string().replace(&format!("{}/", directory.path().display()), ""),
    }
}

fn values(list: &[Placed<String>]) -> Vec<&str> {
    list.iter().map(|item| item.value.as_str()).collect()
}

#[test]
fn nothing_at_all_gives_the_defaults() {
    let directory = directory(&[]);
    let settings = read(&sources(&directory, &[])).unwrap();
    assert_eq!(values(&settings.listen), ["127.0.0.1:8009"]);
    assert_eq!(values(&settings.trusted_proxies), ["127.0.0.1/32", "::1/128"]);
    assert_eq!(settings.data_dir.value, directory.path().join("aegis-data"));
    assert_eq!(settings.headers.value, HeaderNames::Set("remote".into()));
    assert_eq!(settings.session.idle.value, "7d");
    assert_eq!(settings.limits.connections.value, 1024);
    assert!(settings.public_url.is_none() && settings.apps.is_empty() && settings.bootstrap_admin.is_none());
    assert_eq!(Settings::default().data_dir.value, Path::new("aegis-data"));
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let file = "listen = [\"127.0.0.1:1\"]\ndata_dir = \"one\"\n[cookie]\ndomain = \"file.example\"\n\
                [session]\nidle = \"1d\"\n[limits]\nconnections = 1_000";
    let directory = directory(&[("aegis.toml", file)]);
    let mut sources = sources(
        &directory,
        &[
            ("AEGIS__LISTEN", "127.0.0.1:2, unix:/x"),
            ("AEGIS__DATA_DIR", "./two"),
            ("AEGIS__COOKIE__DOMAIN", "variable.example"),
            ("AEGIS__LIMITS__REMEMBERED", "0"),
        ],
    );
    let settings = read(&sources).unwrap();
    assert_eq!(values(&settings.listen), ["127.0.0.1:2", "unix:/x"]);
    assert_eq!(settings.data_dir.value, directory.path().join("two"));
    let domain = settings.cookie.domain.unwrap();
    assert_eq!((domain.value.as_str(), domain.line), ("variable.example", None));
    assert_eq!(domain.source.unwrap(), Path::new("AEGIS__COOKIE__DOMAIN"));
    assert_eq!(
        settings.session.idle,
        Placed { value: "1d".into(), source: Some("aegis.toml".into()), line: Some(6) }
    );
    assert_eq!((settings.limits.connections.value, settings.limits.remembered.value), (1000, 0));

    sources.listen = vec!["127.0.0.1:3".into()];
    sources.data_dir = Some("three".into());
    let settings = read(&sources).unwrap();
    assert_eq!(values(&settings.listen), ["127.0.0.1:3"]);
    assert_eq!(settings.data_dir.value, directory.path().join("three"));
}

#[test]
fn the_file_is_named_by_flag_or_variable_and_must_then_be_there() {
    let directory = directory(&[
        ("aegis.toml", "public_url = \"https://here\""),
        ("etc/a.toml", "public_url = \"https://a\"\ndata_dir = \"data\""),
        ("etc/b.toml", "public_url = \"https://b\""),
    ]);
    let url = |sources: &Sources| read(sources).unwrap().public_url.unwrap().value;
    let mut sources = sources(&directory, &[]);
    assert_eq!(url(&sources), "https://here");
    sources.environment.insert("AEGIS_CONFIG".into(), "etc/a.toml".into());
    assert_eq!(url(&sources), "https://a");
    let data_dir = read(&sources).unwrap().data_dir.value;
    assert_eq!(data_dir, directory.path().join("etc/data"), "a path in a file starts at the file");
    sources.file = Some("etc/b.toml".into());
    assert_eq!(url(&sources), "https://b");
    sources.file = Some("etc/none.toml".into());
    let faults = read(&sources).unwrap_err().to_string();
    let expected =
        "etc/none.toml: cannot be read: No such file or directory (os error 2)\n  hint: is it there?";
    assert!(faults.starts_with(expected), "{faults}");
}

#[test]
fn every_fault_is_told_at_once_with_its_place() {
    let file = "public_urll = \"x\"\nlisten = \"127.0.0.1:8009\"\n\n[cookie]\ndomain = 7\n\n\
                [metrics]\nport = \"pick\"\n\n[app.arlo]\nrequires = \"deny\"\nusers = [\"sam\", true]\n\n\
                [[app.arlo.rule]]\npath = \"/x\"\n[[app.arlo.rule]]\nzzz = 1\n[apps.other]\n";
    assert_eq!(
        faults(
            &[("aegis.toml", file)],
            &[("AEGIS__COKIE__DOMAIN", "x"), ("AEGIS__LIMITS__CONNECTIONS", "many")]
        ),
        "AEGIS__COKIE__DOMAIN: unknown key `cokie`\n  hint: did you mean `cookie`?\n\
         AEGIS__LIMITS__CONNECTIONS: `limits.connections` must be a whole number, not text\n  hint: such as `connections = 1024`\n\
         aegis.toml:1: unknown key `public_urll`\n  hint: did you mean `public_url`?\n\
         aegis.toml:2: `listen` must be a list of texts, not text\n  hint: such as `listen = [\"…\"]`\n\
         aegis.toml:5: `cookie.domain` must be text, not a number\n  hint: such as `domain = \"…\"`\n\
         aegis.toml:7: `[metrics]` comes in a later release\n  hint: take it out: what it asks for would not be done\n\
         aegis.toml:11: unknown key `app.arlo.requires`\n  hint: did you mean `app.arlo.require`?\n\
         aegis.toml:12: `app.arlo.users` must be a list of texts, not true or false\n  hint: such as `users = [\"…\"]`\n\
         aegis.toml:17: unknown key `app.arlo.rule.zzz`\n  hint: known here: path, path_regex, methods, networks, require, users, roles, max_age, challenge\n\
         aegis.toml:18: unknown key `apps`\n  hint: did you mean `app`?"
    );
}

#[test]
fn what_is_as_near_as_another_is_what_was_written_on() {
    let said = faults(&[("aegis.toml", "[[app.a.rules]]\npath = \"/x\"\n")], &[]);
    assert_eq!(said, "aegis.toml:1: unknown key `app.a.rules`\n  hint: did you mean `app.a.rule`?");
}

#[test]
fn a_syntax_error_is_one_fault_and_quotes_nothing() {
    let file = "[app.a]\nhosts = [\"a\"]\nproxy_secret = hunter2\nunknown = \n[[[";
    let said = faults(&[("aegis.toml", file)], &[]);
    assert!(said.starts_with("aegis.toml:3: not TOML: ") && said.lines().count() == 2, "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let said =
        faults(&[("aegis.toml", "include = [\"b.toml\"]\nx = 1"), ("b.toml", "[app.a]\nhosts = ")], &[]);
    assert_eq!(said.matches("not TOML").count(), 1, "{said}");
    assert!(said.contains("aegis.toml:2: unknown key `x`"), "the other file is still read: {said}");
}

#[test]
fn apps_are_included_in_order_and_once() {
    let settings = reads(
        &[
            ("aegis.toml", "[app.a]\ntitle = \"A\""),
            ("apps/c.toml", "[app.c]\ntitle = \"C\""),
            ("apps/b.toml", "[app.b]\ntitle = \"B\""),
            ("apps/.hidden.toml", "nonsense ="),
            ("apps/b.toml.orig", "nonsense ="),
        ],
        &[("AEGIS__APP__C__TITLE", "Sea"), ("AEGIS__APP__MY_APP__HOSTS", "my.example.com,*.my.example.com")],
    );
    assert_eq!(settings.apps.keys().collect::<Vec<_>>(), ["a", "b", "c", "my-app"]);
    assert_eq!(settings.apps["c"].value.title.as_ref().unwrap().value, "Sea");
    assert_eq!(values(&settings.apps["my-app"].value.hosts), ["my.example.com", "*.my.example.com"]);

    let twice = faults(
        &[
            ("aegis.toml", "include = [\"x/*-on.toml\", \"y.toml\"]\n\n[app.a]\ntitle = \"A\""),
            ("x/1-on.toml", "[app.a]\n"),
            ("x/1-off.toml", "[app.a]\n"),
            ("y.toml", "\nlisten = []\n"),
        ],
        &[],
    );
    assert_eq!(
        twice,
        "x/1-on.toml:1: the app `a` is defined twice\n  hint: the other one is at aegis.toml:3\n\
         y.toml:2: `listen` stands in an included file\n  hint: only apps may stand here: `[app.NAME]`"
    );
    for include in ["\"a.toml\"", "[1]", "[\"*/a.toml\"]", "[\"..\"]", "[\"missing.toml\"]"] {
        let said = faults(&[("aegis.toml", &format!("include = {include}"))], &[]);
        assert_eq!(said.lines().filter(|line| !line.starts_with("  hint")).count(), 1, "{include}: {said}");
    }
}

#[test]
fn a_star_stands_for_any_text() {
    let fits = [("*.toml", "a.toml"), ("*", "a"), ("a*b*c", "axxbyyc"), ("a*", "a"), ("*b*b", "bb")];
    for (pattern, name) in fits {
        assert!(sources::matches(pattern, name), "{pattern} fits {name}");
    }
    for (pattern, name) in [("*.toml", "a.tom"), ("a*b*c", "axxc"), ("*b*b", "b"), ("a*a", "a")] {
        assert!(!sources::matches(pattern, name), "{pattern} does not fit {name}");
    }
}

#[test]
fn secrets_come_from_variables_files_and_credentials() {
    let long = format!("{KEY}\n");
    let files = [
        ("secret", long.as_str()),
        ("other", "other\r\n"),
        ("credentials/proxy_secret", "from credentials\n"),
        ("aegis.toml", "proxy_secret_file = \"other\"\n[token]\njwt_secret_file = \"nowhere\""),
    ];
    let settings = reads(&files, &[("JWT_SECRET_FILE", "secret")]);
    assert_eq!(settings.token.jwt_secret.unwrap().value.reveal(), KEY, "the newline is no part of it");
    assert_eq!(settings.proxy_secret.unwrap().value.reveal(), "other");
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);

    let directory = directory(&files[..3]);
    let credentials = directory.path().join("credentials");
    let variables = [("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())];
    let settings = read(&sources(&directory, &variables)).unwrap();
    assert_eq!(settings.proxy_secret.unwrap().value.reveal(), "from credentials");
    let settings =
        read(&sources(&directory, &[variables[0], ("AEGIS__PROXY_SECRET", "from variable")])).unwrap();
    assert_eq!(settings.proxy_secret.unwrap().value.reveal(), "from variable");
}

#[test]
fn a_secret_in_a_variable_beats_its_file_and_the_other_way_round() {
    let secret = |file: &str, variable| {
        let settings = reads(&[("aegis.toml", file), ("secret", "from file")], &[variable]);
        settings.proxy_secret.unwrap().value.reveal().to_owned()
    };
    let variable = ("AEGIS__PROXY_SECRET", "from variable");
    assert_eq!(secret("proxy_secret_file = \"secret\"", variable), "from variable");
    let variable = ("AEGIS__PROXY_SECRET_FILE", "secret");
    assert_eq!(secret("proxy_secret = \"inline\"", variable), "from file");
    let both = faults(&[("aegis.toml", "proxy_secret = \"a\"\nproxy_secret_file = \"b\"")], &[]);
    assert!(both.starts_with("aegis.toml:1: `proxy_secret` and `proxy_secret_file` are both set"), "{both}");
}

#[test]
fn a_secret_that_others_can_read_is_told() {
    let directory = directory(&[("secret", KEY), ("aegis.toml", "proxy_secret = \"abc\"")]);
    for file in ["secret", "aegis.toml"] {
        fs::set_permissions(directory.path().join(file), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let settings = read(&sources(&directory, &[("JWT_SECRET_FILE", "secret")])).unwrap();
    let mut told: Vec<_> = settings.warnings.iter().map(|warning| warning.source.clone().unwrap()).collect();
    told.sort();
    assert_eq!(told, [directory.path().join("aegis.toml"), directory.path().join("secret")]);
}

#[test]
fn secrets_that_must_not_be_used_are_refused() {
    let published = "aegis-local-dev-secret-change-in-production";
    for (variables, expected) in [
        (vec![("JWT_SECRET", published)], "published default"),
        (vec![("JWT_SECRET", &KEY[1..])], "shorter than 32 bytes"),
        (vec![("AEGIS__TOKEN__JWT_SECRET", published)], "published default"),
        (vec![("JWT_SECRET", KEY), ("AEGIS__TOKEN__JWT_SECRET", KEY)], "JWT_SECRET sets the same"),
        (vec![("JWT_SECRET", KEY), ("JWT_SECRET_FILE", "x")], "are both set"),
        (vec![("JWT_SECRET_FILE", "empty")], "is empty"),
        (vec![("JWT_SECRET_FILE", "none")], "none: cannot be read"),
        (vec![("JWT_SECRET", "\u{fffd}")], "is not UTF-8"),
        (vec![("DATABASE_URL", "postgresql://u:hunter2@h/d")], "PostgreSQL comes in a later release"),
        (vec![("DATABASE_URL", "mysql://u:hunter2@h/d")], "does not name a SQLite file"),
        (vec![("DATABASE_URL", "sqlite::memory:")], "does not name a SQLite file"),
        (vec![("BOOTSTRAP_ADMIN_EMAIL", "a@b")], "without BOOTSTRAP_ADMIN_PASSWORD"),
        (vec![("BOOTSTRAP_ADMIN_EMAIL", "a@b"), ("BOOTSTRAP_ADMIN_PASSWORD", "")], "without BOOTSTRAP"),
        (vec![("BOOTSTRAP_ADMIN_PASSWORD", "hunter2")], "without BOOTSTRAP_ADMIN_EMAIL"),
        (
            vec![("BOOTSTRAP_ADMIN_EMAIL", "a@b"), ("BOOTSTRAP_ADMIN_PASSWORD", "aegis-dev-admin")],
            "published default",
        ),
        (vec![("AEGIS__", "x")], "unknown key ``"),
        (vec![("AEGIS__INCLUDE", "x")], "stands in the file alone"),
        (vec![("AEGIS__MAIL__HOST", "x")], "`[mail]` comes in a later release"),
        (vec![("AEGIS__HEADERS", "remote"), ("AEGIS__HEADERS__USER", "x")], "whole of this section"),
    ] {
        let said = faults(&[("empty", "\n")], &variables);
        assert!(said.contains(expected) && said.contains("\n  hint: "), "{variables:?} said\n{said}");
        assert!(!said.contains("hunter2"), "{variables:?} told a secret:\n{said}");
    }
}

#[test]
fn what_existing_deployments_set_is_honoured() {
    let settings = reads(
        &[],
        &[
            ("JWT_SECRET", KEY),
            ("DATABASE_URL", "sqlite:///var/lib/aegis.db"),
            ("BOOTSTRAP_ADMIN_EMAIL", "admin@example.com"),
            ("BOOTSTRAP_ADMIN_PASSWORD", "correct horse"),
            ("STATE_DIRECTORY", "/var/lib/aegis:/var/lib/more"),
            ("JWT_SECRET_FILE", ""),
        ],
    );
    assert_eq!(settings.token.jwt_secret.unwrap().value.reveal(), KEY);
    let url = settings.database_url.unwrap();
    assert_eq!(sqlite_file(&url), Ok("/var/lib/aegis.db".into()));
    let admin = settings.bootstrap_admin.unwrap();
    assert_eq!(
        (admin.email.value.as_str(), admin.password.value.reveal()),
        ("admin@example.com", "correct horse")
    );
    assert_eq!(settings.data_dir.value, Path::new("/var/lib/aegis"));
}

/// `DATABASE_URL` was read and ignored.
#[test]
fn a_database_url_says_where_the_data_are_unless_something_else_does() {
    let url = ("DATABASE_URL", "sqlite:///srv/aegis/./aegis.db");
    for (files, variables, expected) in [
        (vec![], vec![url], "/srv/aegis"),
        (vec![], vec![("DATABASE_URL", "sqlite:/srv/aegis.db")], "/srv"),
        (vec![], vec![url, ("STATE_DIRECTORY", "/var/lib/aegis")], "/var/lib/aegis"),
        (vec![("aegis.toml", "data_dir = \"/data\"")], vec![url], "/data"),
    ] {
        let settings = reads(&files, &variables);
        assert_eq!(settings.data_dir.value, Path::new(expected), "{files:?} {variables:?}");
    }
}

#[test]
fn header_names_are_a_set_or_a_map() {
    let settings = reads(&[("aegis.toml", "headers = \"x-auth-request\"")], &[]);
    assert_eq!(settings.headers.value, HeaderNames::Set("x-auth-request".into()));
    let settings = reads(&[("aegis.toml", "[headers]\nuser = \"X-User\"")], &[]);
    let map = [("user".to_owned(), "X-User".to_owned())].into();
    assert_eq!((settings.headers.value, settings.headers.line), (HeaderNames::Map(map), Some(2)));
    assert!(faults(&[("aegis.toml", "[headers]\nmail = \"X\"")], &[]).contains("unknown key `headers.mail`"));
}

#[test]
fn the_example_holds_every_setting_and_can_be_loaded() {
    let example = include_str!("../../examples/aegis.toml");
    let settings = reads(&[("aegis.toml", example)], &[]);
    assert_eq!(settings.apps["arlo"].value.rules.len(), 1);

    // With what is commented out, too.
    let all: String = example
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest)
                if rest
                    .starts_with(|first: char| matches!(first, '[' | '"') || first.is_ascii_lowercase()) =>
            {
                rest
            }
            _ => line,
        })
        .map(|line| line.replace("/run/secrets/", "secrets/") + "\n")
        .collect();
    let secrets = [
        ("secrets/aegis_proxy", KEY),
        ("secrets/aegis_jwt", KEY),
        ("secrets/aegis_admin", "long enough"),
        ("secrets/aegis_new_user", "long enough"),
        ("secrets/aegis_telegram", "long enough"),
        ("secrets/aegis_webhook", "long enough"),
    ];
    let settings = reads(&[&secrets[..], &[("aegis.toml", all.as_str())]].concat(), &[]);
    assert!(
        settings.bootstrap_admin.is_some()
            && settings.log.format.is_some()
            && settings.new_user_password.is_some()
            && settings.proxy_secret.is_some()
            && settings.tailscale.is_some_and(|tailscale| tailscale.value.tags.len() == 1)
    );

    // What the reader knows is told by the fault of a key it does not know.
    for section in [
        "",
        "[cookie]",
        "[tailscale]",
        "[telegram]",
        "[second_factor]",
        "[session]",
        "[token]",
        "[log]",
        "[limits]",
        "[new_user]",
        "[app.x]",
        "[[app.x.rule]]",
    ] {
        let said = faults(&[("aegis.toml", &format!("{section}\nqqqqqqqqqqqqqqqq = 1"))], &[]);
        let (_, known) = said.split_once("known here: ").unwrap_or_else(|| panic!("{section}: {said}"));
        for key in known.lines().next().unwrap().split(", ") {
            let stem = key.trim_end_matches("_file");
            let there = all.lines().any(|line| {
                let line = line.trim_start_matches('[');
                line.starts_with(&format!("{stem} ="))
                    || line.starts_with(&format!("{stem}_file ="))
                    || line.starts_with(&format!("{key}]"))
                    || line.starts_with(&format!("{key}."))
                    || line.contains(&format!(".{key}]"))
            });
            assert!(there, "the example says nothing of `{key}` in {section:?}");
        }
    }
}
