//! The process itself: it starts, is asked directly, hears of changes, and ends.

use std::fs;
use std::net::SocketAddr;

use crate::inside::house::until;
use crate::lab::aegis::{Aegis, run};
use crate::lab::client::{Answer, Ask};
use crate::lab::proxy::Kind;
use crate::lab::{AEGIS_PORT, Lab, PASSWORD, PORTAL, address};

/// A server without a proxy, and where it listens.
fn alone() -> (Aegis, SocketAddr) {
    let at = address::take();
    (Aegis::start(at, address::folder()), (at, AEGIS_PORT).into())
}

fn token(at: SocketAddr, email: &str, password: &str) -> Answer {
    let body = serde_json::json!({ "email": email, "password": password }).to_string();
    Ask::new("POST", PORTAL, "/auth/token").header("Content-Type", "application/json").body(&body).send(at)
}

#[test]
fn it_ends_when_asked() {
    let (aegis, at) = alone();
    let answer = Ask::get(PORTAL, "/health").send(at);
    assert_eq!(answer.status, 200, "GET /health\ncame back: {answer}");
    assert_eq!(answer.json()["status"], "ok", "GET /health\ncame back: {answer}");
    let code = aegis.process.end();
    assert_eq!(code, Some(0), "SIGTERM to an idle server\nits log:\n{}", aegis.process.log());
}

/// A probe called a server ill whose file somebody was editing, and it was started anew with that file.
#[test]
fn its_health_is_asked_at_an_address_whatever_stands_in_the_file() {
    let (aegis, at) = alone();
    let health = |more: &[&str]| aegis.command(&[&["health"], more].concat(), "");
    let at = at.to_string();
    let configured = health(&[]);
    assert_eq!(configured.status.code(), Some(0), "as configured: {configured:?}");
    let file = aegis.folder.join("aegis.toml");
    let written = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("a slip\n{written}")).unwrap();
    let configured = health(&[]);
    assert_eq!(configured.status.code(), Some(64), "without an address the file is read: {configured:?}");
    let there = health(&["--listen", &at]);
    assert_eq!(there.status.code(), Some(0), "at {at}: {there:?}");
    assert!(String::from_utf8_lossy(&there.stdout).starts_with("ok"), "at {at}: {there:?}");
    let wrong = health(&["--listen", "nonsense"]);
    assert_eq!(wrong.status.code(), Some(64), "at nonsense: {wrong:?}");
    aegis.process.end();
    let gone = run(&aegis.folder, &["health", "--listen", &at], "");
    assert_eq!(gone.status.code(), Some(1), "when it has ended: {gone:?}");
}

/// `READY=1` was sent before the change feed was heard, and health was 503 for a moment after it.
#[test]
fn it_is_well_from_the_moment_it_is_ready() {
    for round in 0..20 {
        let (_aegis, at) = alone();
        let answer = Ask::get(PORTAL, "/health").send(at);
        assert_eq!(answer.status, 200, "start {round}, GET /health\ncame back: {answer}");
    }
}

/// A reload told of faults alone: that an app was opened to everybody with it, nobody heard.
#[test]
fn a_reload_tells_what_a_start_would_tell() {
    let (aegis, _) = alone();
    let settings = format!("public_url = \"http://{PORTAL}\"\n");
    let app = "[cookie]\ndomain = \"aegis.localhost\"\n[app.new]\nhosts = [\"new.aegis.localhost\"]\n";
    for (settings, told) in [
        (format!("{settings}{app}"), "app.new is open to every user"),
        (settings, "no apps yet: every check is answered 403"),
    ] {
        let before = aegis.process.log().len();
        std::fs::write(aegis.folder.join("aegis.toml"), &settings).unwrap();
        aegis.process.reload();
        let said = || aegis.process.log().get(before..).unwrap_or_default().to_owned();
        until("the reload is done", || said().contains("reload.done"));
        let said = said();
        assert!(said.contains(told), "{told:?} is not in\n{said}");
    }
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let (aegis, at) = alone();
    let output = run(&aegis.folder, &["serve", "--listen", "127.0.0.1:0"], "");
    assert_eq!(
        output.status.code(),
        Some(1),
        "a second `aegis serve` on {}: {output:#?}",
        aegis.folder.display()
    );
    let answer = Ask::get(PORTAL, "/health").send(at);
    assert_eq!(answer.status, 200, "the first goes on: {answer}");
}

#[test]
fn the_database_is_nobody_elses() {
    use std::os::unix::fs::PermissionsExt as _;

    let (aegis, _) = alone();
    let mut files = 0;
    for entry in std::fs::read_dir(aegis.folder.join("data")).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{} is open to others", entry.path().display());
        files += 1;
    }
    assert!(files > 0, "there is nothing in {}", aegis.folder.join("data").display());
}

#[test]
fn tokens_are_made_and_judged_to_the_letter() {
    let (aegis, at) = alone();
    aegis.add_user("ann", &["operator"]);
    let answer = token(at, "ANN@example.test", PASSWORD);
    assert_eq!(answer.status, 200, "POST /auth/token\ncame back: {answer}");
    let made = answer.json();
    assert_eq!(made["token_type"], "bearer", "{made}");
    assert_eq!(made["expires_in"], 86_400, "{made}");
    assert_eq!(made["roles"], serde_json::json!(["operator"]), "{made}");
    assert!(answer.cookies().is_empty(), "the interface for programs sets no cookie: {answer}");

    let validate = |token: &str| {
        Ask::new("POST", PORTAL, "/auth/validate")
            .header("Authorization", &format!("Bearer {token}"))
            .body("")
            .send(at)
    };
    let good = made["access_token"].as_str().unwrap();
    let judged = validate(good).json();
    assert_eq!(judged["valid"], true, "a fresh token: {judged}");
    assert_eq!(judged["user_id"], made["user_id"], "a fresh token: {judged}");
    assert_eq!(judged["email"], "ann@example.test", "a fresh token: {judged}");
    for bad in ["a", "a.b.c", &good[..good.len() - 1], &format!("{good}A")] {
        let answer = validate(bad);
        assert_eq!(answer.json()["valid"], false, "the token `{bad}`\ncame back: {answer}");
    }

    for (email, password) in
        [("ann@example.test", "not the password at all"), ("nobody@example.test", PASSWORD), ("", PASSWORD)]
    {
        let answer = token(at, email, password);
        assert_eq!(answer.status, 401, "{email} with `{password}`\ncame back: {answer}");
        assert_eq!(
            answer.json()["detail"],
            "Invalid email or password",
            "{email} with `{password}`: {answer}"
        );
    }
}

/// What a command in another process changes is heard at once by what is remembered.
#[test]
fn a_disabled_user_is_out() {
    let lab = Lab::start(Kind::Caddy);
    let host = lab.host("closed");
    let name = lab.person(&[]);
    let ask = Ask::get(&host, "/").header("Cookie", &lab.sign_in(&name));
    for _ in 0..3 {
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 200, "before\nasked: {ask}\ncame back: {answer}");
    }
    let output = lab.aegis().command(&["user", "disable", &name], "");
    assert!(output.status.success(), "aegis user disable {name}: {output:#?}");
    // The promise is one second. The test waits for the change itself and only fails if it never comes.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let answer = lab.send(&ask);
        if answer.status != 200 {
            assert!([401, 403].contains(&answer.status), "asked: {ask}\ncame back: {answer}");
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{name} is disabled and still gets in: {answer}");
    }
}
