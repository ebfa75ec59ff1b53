//! A restored copy: what may have been used up, revoked or forgotten since the backup counts no more.

use std::path::Path;
use std::time::Duration;

use aegis::forwarded::Dialect;
use aegis::identity::Method;
use aegis::second_factor::prompting::Mode;

use super::super::house::{House, Memory};
use super::super::visit::{Visit, form};
use super::{Desk, authenticator, linked, recovery_codes, settings};
use crate::lab::aegis::run;
use crate::lab::client::Answer;

/// What the command says.
#[track_caller]
fn aegis(folder: &Path, command: &str, file: &Path) -> String {
    let output = run(folder, &[command, file.to_str().unwrap()], "");
    assert!(output.status.success(), "aegis {command} {}: {output:#?}", file.display());
    String::from_utf8(output.stdout).expect("commands print UTF-8")
}

/// An API token of whoever this session is of.
#[track_caller]
fn api_token(house: &House, cookie: &str) -> String {
    let fields = [("name", "backup of the photos"), ("app-closed", "on"), ("expires", "30d")];
    let made = house.send(&form("/account/tokens", &fields).header("Cookie", cookie));
    let start = made.body.find("aegis_pat_").unwrap_or_else(|| panic!("no token in {made}"));
    made.body[start..].split('"').next().expect("its end").to_owned()
}

fn with_token(house: &House, token: &str) -> u16 {
    house.status(Dialect::Forward, &Visit::new("closed.example.com", "/").header("X-Aegis-Key", token))
}

/// Signs in as far as the second factor, and shows this recovery code.
#[track_caller]
fn recovers(desk: &mut Desk<'_>, user: &aegis::users::User, code: &str) -> Answer {
    let begun = desk.signs_in(user);
    assert_eq!(begun.status, 303, "the password: {begun}");
    desk.posts("/login/recovery", &[("recovery_code", code)])
}

#[test]
fn a_restore_voids_api_tokens_recovery_codes_and_remembered_browsers() {
    let mut house = House::open(Memory::On, &settings("plain"));
    let person = linked(&house);
    let app = authenticator(&house, person.id);
    let codes = recovery_codes(&house, person.id);
    let token = api_token(&house, &house.admit(person.id, &[Method::Password, Method::Totp], None).cookie);
    let mut desk = Desk::waiting(&house, &person);
    desk.approves();
    let opened = desk.posts("/login/continue", &[("remember", "on")]);
    assert!(desk.is_signed_in(), "approved: {opened}");
    let cookies = desk.cookies;

    // Over a restart all of it counts: what comes after is the restore's doing.
    house.restart();
    let mut desk = Desk { house: &house, cookies: cookies.clone() };
    assert_eq!(with_token(&house, &token), 200, "the token, before");
    let came = recovers(&mut desk, &person, codes[0].reveal());
    assert_eq!(came.status, 303, "a recovery code, before: {came}");
    desk.signs_in(&person);
    assert_eq!(
        desk.challenge().mode,
        Some(Mode::Plain),
        "a browser that is remembered is asked for no number"
    );
    desk.posts("/login/cancel", &[]);
    let session = desk.cookies.iter().find(|cookie| cookie.starts_with("aegis_token=")).unwrap().clone();
    assert!(house.opens(&session), "a session, before");

    let backup = house.folder().join("aegis.backup");
    aegis(house.folder(), "backup", &backup);
    // Used, revoked, forgotten: of this the backup knows nothing.
    let mut other = Desk { house: &house, cookies: Vec::new() };
    assert_eq!(recovers(&mut other, &person, codes[1].reveal()).status, 303, "used after the backup");
    let mut said = String::new();
    house.restart_after(|folder| said = aegis(folder, "restore", &backup));
    for void in ["session", "unused link", "API tokens", "recovery codes", "no browser is remembered"] {
        assert!(said.contains(void), "aegis restore says nothing of {void}: {said}");
    }

    assert!(!house.opens(&session), "a session opens after a restore");
    assert_eq!(with_token(&house, &token), 401, "an API token, after a restore");
    let mut desk = Desk { house: &house, cookies };
    // One that was used after the backup, and one that never was.
    for place in [1, 2] {
        let came = recovers(&mut desk, &person, codes[place].reveal());
        assert_eq!(came.status, 422, "recovery code {place}, after a restore: {came}");
    }
    let remembered = house.wait(house.app.attempts.remembered(person.id)).expect("the store answers");
    assert!(remembered.is_empty(), "browsers that are remembered, after a restore: {remembered:?}");
    // What was begun above silenced the bot for a while.
    house.advance(Duration::from_mins(15));
    desk.signs_in(&person);
    assert_eq!(desk.challenge().mode, Some(Mode::Pick), "it is asked for the number, as any other browser");
    // The factors themselves are what they were.
    let came = desk.posts("/login/code", &[("totp", &app.code(house.now()))]);
    assert_eq!(came.status, 303, "the authenticator app, after a restore: {came}");
}
