use clap::{CommandFactory as _, Parser as _};

use super::{Command, CommandLine};

fn parse(line: &str) -> Result<CommandLine, clap::Error> {
    CommandLine::try_parse_from(line.split_whitespace())
}

#[test]
fn the_tree_of_commands_is_sound() {
    CommandLine::command().debug_assert();
}

#[test]
fn config_and_data_dir_stand_anywhere() {
    for line in [
        "aegis --config a.toml --data-dir d user list",
        "aegis user --config a.toml --data-dir d list",
        "aegis user list --data-dir d --config a.toml",
    ] {
        let parsed = parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(parsed.common.config.as_deref(), Some("a.toml".as_ref()), "{line}");
        assert_eq!(parsed.common.data_dir.as_deref(), Some("d".as_ref()), "{line}");
    }
}

#[test]
fn every_command_of_the_contract_is_there() {
    for line in [
        "aegis serve",
        "aegis serve --listen 127.0.0.1:8009 --listen unix:/run/aegis/aegis.sock",
        "aegis demo",
        "aegis check",
        "aegis doctor --json",
        "aegis doctor --from 100.64.0.7 --listen unix:/run/aegis/aegis.sock",
        "aegis explain 7f3a",
        "aegis explain --url https://arlo.example.com/ --as sam --from 100.64.0.7",
        "aegis explain --last",
        "aegis explain --last arlo.example.com",
        "aegis explain --file cases.toml --json",
        "aegis app list --json",
        "aegis app show arlo --json",
        "aegis app add arlo.example.com *.arlo.example.com --name arlo --title Arlo --require signed_in --users sam --roles a,b --public /hooks --public /x --proxy nginx",
        "aegis health --listen unix:/run/aegis/aegis.sock --json",
        "aegis setup-link --reset sam",
        "aegis print caddy",
        "aegis print nginx",
        "aegis backup aegis.backup",
        "aegis restore aegis.backup",
        "aegis user add sam --email sam@example.com --name Sam --roles admin,operator --admin --upsert --password-stdin",
        "aegis user list --json",
        "aegis user show sam --json",
        "aegis user passwd sam --password-stdin",
        "aegis user admin sam",
        "aegis user admin sam --remove",
        "aegis user disable sam",
        "aegis user enable sam",
        "aegis user roles sam",
        "aegis user roles sam --set a,b",
        "aegis user roles sam --add a --remove b",
        "aegis user unlock sam",
        "aegis user delete sam",
        "aegis user import --from people.csv --dry-run",
        "aegis session list sam --json",
        "aegis session revoke 0190",
        "aegis session revoke --user sam",
        "aegis audit tail --lines 5 --follow --json",
        "aegis completions fish",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    for line in [
        "aegis doctor --from laptop",
        "aegis explain",
        "aegis explain 7f3a --last",
        "aegis explain 7f3a --as sam",
        "aegis explain --file cases.toml --as sam",
        "aegis explain --file cases.toml --url https://arlo.example.com/",
        "aegis app add",
        "aegis user add sam --password hunter2",
        "aegis user roles sam --set a --add b",
        "aegis session revoke",
        "aegis session revoke 0190 --user sam",
        "aegis print lighttpd",
        "aegis frobnicate",
    ] {
        let error = parse(line).err().unwrap_or_else(|| panic!("{line} was taken"));
        assert_eq!(error.exit_code(), 2, "{line}: {error}");
    }
}

#[test]
fn explain_tells_a_reference_from_a_host() {
    let Command::Explain(arguments) = parse("aegis explain --last arlo.example.com").unwrap().command else {
        panic!("explain was read as something else")
    };
    assert_eq!(arguments.last, Some(Some("arlo.example.com".into())));
    assert_eq!(arguments.reference, None);
}
