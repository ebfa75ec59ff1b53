//! What a person sees and does, in a real Chromium: starts the files of `tests/browser/`.

use std::process::{Command, Stdio};

use crate::lab::proxy::{Kind, repository};
use crate::lab::{Lab, PASSWORD, PORTAL};

/// Runs one file of `tests/browser/` against a lab of its own.
fn drive(file: &str, lab: &Lab, settings: &[(&str, &str)]) {
    let folder = repository().join("tests/browser");
    assert!(folder.join("node_modules").exists(), "tests/browser/node_modules is missing: run ./test");
    let output = Command::new("node")
        .arg(folder.join(file))
        .current_dir(&folder)
        .env("AEGIS_ADDRESS", lab.address.to_string())
        .env("AEGIS_PORTAL", format!("http://{PORTAL}"))
        .env("AEGIS_APP", format!("http://{}", lab.host("closed")))
        .env("AEGIS_FORBIDDEN", format!("http://{}/", lab.host("operators")))
        .env("AEGIS_PASSWORD", PASSWORD)
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("node cannot be started: {error}; run ./test"));
    assert!(
        output.status.success(),
        "{file}: {}\n{}{}\nAegis said:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        lab.aegis().process.log()
    );
}

/// The link that a command prints.
fn link(lab: &Lab, arguments: &[&str]) -> String {
    let output = lab.aegis().command(arguments, "");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let start = format!("http://{PORTAL}/link/");
    text.split_whitespace()
        .find(|word| word.starts_with(&start))
        .unwrap_or_else(|| panic!("aegis {arguments:?} prints no link: {output:#?}"))
        .to_owned()
}

#[test]
fn browser_signs_in_and_out() {
    let lab = Lab::start(Kind::Caddy);
    drive("sign-in.mjs", &lab, &[("AEGIS_USER", &lab.person(&[]))]);
}

#[test]
fn browser_changes_the_password() {
    let lab = Lab::start(Kind::Caddy);
    drive("account.mjs", &lab, &[("AEGIS_USER", &lab.person(&[]))]);
}

#[test]
fn browser_follows_links_of_one_use() {
    let lab = Lab::start(Kind::Caddy);
    let setup = link(&lab, &["setup-link"]);
    let first = link(&lab, &["user", "add", "invited", "--email", "invited@example.test"]);
    let second = link(&lab, &["user", "add", "invited-too", "--email", "invited-too@example.test"]);
    let settings = [
        ("AEGIS_SETUP_LINK", setup.as_str()),
        ("AEGIS_INVITED", "invited"),
        ("AEGIS_LINK", &first),
        ("AEGIS_INVITED_TOO", "invited-too"),
        ("AEGIS_LINK_TOO", &second),
    ];
    drive("links.mjs", &lab, &settings);
}

/// The pictures of the README; `scripts/screenshots` says where they go.
#[test]
fn browser_pictures() {
    let lab = Lab::start(Kind::Caddy);
    let folder =
        std::env::var("AEGIS_SCREENSHOTS").unwrap_or_else(|_| env!("CARGO_TARGET_TMPDIR").to_owned());
    drive("pictures.mjs", &lab, &[("AEGIS_SCREENSHOTS", &folder)]);
}
