//! What a person sees and does, in a real Chromium: starts the files of `tests/browser/`.

mod bot_api;
mod demo;
mod second_factor;

use std::process::{Command, Stdio};
use std::sync::Arc;

use aegis::audit::{Entry, Event, Recorded as _};
use aegis::clock::Clock;
use aegis::config::{Placed, TokenSettings};
use aegis::identity::{Actor, SessionId};
use aegis::keys::Keys;
use aegis::place::Origin;
use aegis::second_factor::passkeys::{Holder, Passkeys};
use aegis::store::Store;
use aegis::users::Users;

use crate::lab::authenticator::Passkey;
use crate::lab::proxy::{Kind, repository};
use crate::lab::tailnet::Runs;
use crate::lab::way::Way;
use crate::lab::{Lab, PASSWORD, PORTAL, PROXY_PORT, sign_in_form};
use crate::tailnet;

/// Runs one file of `tests/browser/` against a lab of its own.
fn drive(file: &str, lab: &Lab, settings: &[(&str, &str)]) {
    drive_to(&lab.address.to_string(), file, lab, settings);
}

/// The same with every name at this address, which may have a port.
fn drive_to(address: &str, file: &str, lab: &Lab, settings: &[(&str, &str)]) {
    let scheme = lab.way.scheme;
    let (portal, app) = (lab.way.public_url(), format!("{scheme}://{}", long_host(lab, "closed")));
    let forbidden = format!("{scheme}://{}/", long_host(lab, "operators"));
    let usual = [
        ("AEGIS_ADDRESS", address),
        ("AEGIS_PORTAL", &portal),
        ("AEGIS_APP", &app),
        ("AEGIS_FORBIDDEN", &forbidden),
        ("AEGIS_PASSWORD", PASSWORD),
    ];
    if let Err(said) = run(file, &[&usual[..], settings].concat()) {
        panic!("{said}\nAegis said:\n{}", lab.aegis().process.log());
    }
}

/// Runs one file with nothing but these settings.
fn drive_at(file: &str, settings: &[(&str, &str)]) {
    if let Err(said) = run(file, settings) {
        panic!("{said}");
    }
}

/// What a file said that failed.
fn run(file: &str, settings: &[(&str, &str)]) -> Result<(), String> {
    let folder = repository().join("tests/browser");
    assert!(folder.join("node_modules").exists(), "tests/browser/node_modules is missing: run ./test");
    let output = Command::new("node")
        .arg(folder.join(file))
        .current_dir(&folder)
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("node cannot be started: {error}; run ./test"));
    if output.status.success() {
        return Ok(());
    }
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{file}: {}\n{said}{complained}", output.status))
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

/// A host whose first label is as long as one can be: no page may scroll sideways for it.
fn long_host(lab: &Lab, app: &str) -> String {
    let host = lab.host(app);
    format!("{}{host}", "h".repeat(63 - host.find('.').unwrap()))
}

/// Somebody whose names are as long as names can be.
fn long_person(lab: &Lab) -> String {
    let name = "w".repeat(32);
    let email = format!("{}@{}.test", "e".repeat(64), "d".repeat(63));
    let arguments = ["user", "add", &name, "--email", &email, "--name", &"N".repeat(100), "--password-stdin"];
    let output = lab.aegis().command(&arguments, PASSWORD);
    assert!(output.status.success(), "aegis {arguments:?}: {output:#?}");
    name
}

#[test]
fn browser_signs_in_and_out() {
    let lab = Lab::start(Kind::Caddy);
    drive("sign-in.mjs", &lab, &[("AEGIS_USER", &long_person(&lab))]);
}

#[test]
fn browser_signs_in_and_out_over_tls() {
    let lab = Lab::standing(Kind::Caddy, Way::TLS);
    drive("sign-in.mjs", &lab, &[("AEGIS_USER", &lab.person(&[]))]);
}

#[test]
fn browser_signs_in_and_out_behind_nginx() {
    let lab = Lab::standing(Kind::Nginx, Way::TLS);
    drive("sign-in.mjs", &lab, &[("AEGIS_USER", &lab.person(&[]))]);
}

#[test]
fn browser_sees_its_pages() {
    let lab = Lab::start(Kind::Caddy);
    // Until there is an administrator, the start page leads to making one.
    let chief = lab.person(&[]);
    let output = lab.aegis().command(&["user", "admin", &chief], "");
    assert!(output.status.success(), "aegis user admin {chief}: {output:#?}");
    drive("pages.mjs", &lab, &[("AEGIS_USER", &long_person(&lab))]);
}

#[test]
fn browser_is_turned_away_after_too_many_guesses() {
    let lab = Lab::start(Kind::Caddy);
    let person = lab.person(&[]);
    for number in 0..50 {
        let answer = lab.send(&sign_in_form(&format!("guess{number}"), PASSWORD, ""));
        assert_eq!(answer.status, 422, "guess {number}: {answer}");
    }
    drive("turned-away.mjs", &lab, &[("AEGIS_USER", &person)]);
}

#[test]
fn browser_sends_no_forms_from_elsewhere() {
    let lab = Lab::start(Kind::Caddy);
    drive("elsewhere.mjs", &lab, &[("AEGIS_USER", &lab.person(&[]))]);
}

#[test]
fn browser_looks_after_an_account() {
    let lab = Lab::start(Kind::Caddy);
    drive("account.mjs", &lab, &[("AEGIS_USER", &long_person(&lab))]);
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

/// A first passkey of `username`, as Chromium's virtual authenticator takes it.
fn passkey_of(lab: &Lab, username: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let origin: Origin = lab.way.public_url().parse().expect("an origin");
    runtime.block_on(async {
        let data = lab.aegis().folder.join("data");
        let store = Store::open_beside(&data).expect("the database of the lab");
        let user = Users::new(store.clone()).by_login(username).await.unwrap().expect("the person is there");
        let (now, session) = (Clock::system().now().wall, SessionId::new());
        let settings =
            TokenSettings { issuer: Placed::of("aegis-auth".into()), algorithm: None, jwt_secret: None };
        let keys = Keys::open(&data, &settings, now).expect("the keys of the lab");
        let passkeys = Passkeys::new(store.clone(), Arc::new(keys));
        passkeys.stand_at(&origin);
        let holder = Holder { id: user.id, username: &user.username, name: &user.name };
        let begun = passkeys.begin_registration(holder, session, now).await.expect("a ceremony");
        let (passkey, answer) = Passkey::make(&begun.options, &origin.to_string(), |_| {});
        let (ceremony, answer) = (begun.ceremony.reveal(), answer.to_string());
        let made = passkeys.finish_registration(ceremony, session, user.id, answer.as_bytes(), "", now).await;
        let entry = Entry::new(Event::FactorAdded, Actor::Command).about(user.id);
        let write = made.unwrap().expect("a passkey").write.audit(entry, now);
        store.write(write).await.expect("the passkey is added");
        store.close().await;
        passkey.for_chromium(origin.host().as_str()).to_string()
    })
}

#[test]
fn browser_that_keeps_no_cookie_reads_why() {
    let lab = Lab::start(Kind::Caddy);
    drive("circle.mjs", &lab, &[("AEGIS_USER", &lab.person(&[]))]);
}

#[test]
fn browser_signs_in_with_a_passkey_alone() {
    let lab = Lab::start(Kind::Caddy);
    let name = lab.person(&[]);
    drive("passkey.mjs", &lab, &[("AEGIS_USER", &name), ("AEGIS_PASSKEY", &passkey_of(&lab, &name))]);
}

#[test]
fn browser_adds_a_second_factor_and_signs_in_with_it() {
    let lab = Lab::start(Kind::Caddy);
    let setup = link(&lab, &["setup-link"]);
    let password = link(&lab, &["user", "add", "invited"]);
    let settings =
        [("AEGIS_SETUP_LINK", setup.as_str()), ("AEGIS_INVITED", "invited"), ("AEGIS_LINK", &password)];
    drive("factors.mjs", &lab, &settings);
}

#[test]
fn browser_on_a_tailnet() {
    let lab = tailnet::ready(Kind::Caddy, Runs::Node);
    let host = lab.host("closed");
    let app = format!("{}://{host}", lab.way.scheme);
    drive_to(&from_node(&lab, "laptop"), "tailnet.mjs", &lab, &[("AEGIS_USER", "sam"), ("AEGIS_APP", &app)]);
    let asked: Vec<String> =
        lab.app.seen(&host).into_iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    // Everybody may see the icon.
    let of_others: Vec<&str> = asked
        .iter()
        .map(String::as_str)
        .filter(|asked| !matches!(*asked, "GET /" | "GET /favicon.ico"))
        .collect();
    // The form came by way of the sign-in page, as a link would have: without its body and its method.
    assert_eq!(
        of_others,
        ["GET /form", "GET /link"],
        "what the app saw, of what another site tried: {asked:?}"
    );
}

/// Where the names lead for a browser on this node.
fn from_node(lab: &Lab, node: &str) -> String {
    lab.tailnet().way(node, (lab.tailnet().address_of("proxy"), PROXY_PORT).into()).to_string()
}

#[test]
fn browser_on_ones_own_device_sees_its_pages() {
    let lab = tailnet::ready(Kind::Caddy, Runs::Node);
    drive_to(&from_node(&lab, "laptop"), "device.mjs", &lab, &[("AEGIS_USER", "sam")]);
}

#[test]
fn browser_on_a_strangers_device_is_told_and_linked() {
    let lab = tailnet::ready(Kind::Caddy, Runs::Node);
    lab.tailnet().join("phone");
    let strong = format!("{}://{}", lab.way.scheme, lab.host("strong"));
    let user = lab.person(&[]);
    let output = lab.aegis().command(&["user", "link-factor", &user], "");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let link = text.split("/link/factor#").nth(1).and_then(|rest| rest.split_whitespace().next());
    let link = link.unwrap_or_else(|| panic!("no link: {output:#?}")).to_owned();
    let settings = [
        ("AEGIS_USER", user),
        ("AEGIS_LINK", link),
        ("AEGIS_LOGIN", "user-3@fake-control.example.net".to_owned()),
        ("AEGIS_STRONG", strong),
    ];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    drive_to(&from_node(&lab, "phone"), "stranger.mjs", &lab, &settings);
}

/// The pictures of the README; `scripts/screenshots` says where they go.
#[test]
fn browser_pictures() {
    let lab = Lab::standing(Kind::Caddy, Way { domain: "example.com", ..Way::TLS });
    let folder =
        std::env::var("AEGIS_SCREENSHOTS").unwrap_or_else(|_| env!("CARGO_TARGET_TMPDIR").to_owned());
    drive("pictures.mjs", &lab, &[("AEGIS_SCREENSHOTS", &folder)]);
}
