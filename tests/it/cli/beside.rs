//! Commands beside a running server, which hears of what they change.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use super::code_in;
use crate::lab::aegis::{Aegis, run, serve};
use crate::lab::client::{Answer, Ask};
use crate::lab::process::Process;
use crate::lab::{AEGIS_PORT, PASSWORD, PORTAL, PROXY_PORT, address, sign_in_form};

/// A server that all cases share, each with users of its own.
static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

struct Server {
    aegis: Aegis,
    at: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let at = address::take();
        Self { aegis: Aegis::start(at, address::folder()), at: (at, AEGIS_PORT).into() }
    }

    /// What a command prints that does what it is asked.
    #[track_caller]
    fn done(&self, line: &str) -> String {
        let arguments: Vec<&str> = line.split(' ').collect();
        super::done(&arguments, &self.aegis.command(&arguments, ""))
    }

    /// The token of somebody who signs in by the form.
    #[track_caller]
    fn sign_in(&self, name: &str) -> String {
        let answer = sign_in_form(name, PASSWORD, "").send(self.at);
        assert_eq!(answer.status, 303, "signing in as {name}: {answer}");
        let token = answer.cookies().into_iter().find(|cookie| cookie.starts_with("aegis_token="));
        token.unwrap_or_else(|| panic!("signing in as {name}: no token in {answer}"))
    }

    /// What a proxy is told of a visitor with this token at `app`.
    fn check(&self, app: &str, token: &str) -> Answer {
        check(self.at, app, token)
    }

    /// Waits until such a visitor is answered so. The promise is one second; this only fails if it
    /// never comes.
    #[track_caller]
    fn until(&self, app: &str, token: &str, status: u16) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let answer = self.check(app, token);
            if answer.status == status {
                return;
            }
            assert!(Instant::now() < deadline, "{app} should be answered {status}, and still is: {answer}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn check(at: SocketAddr, app: &str, token: &str) -> Answer {
    Ask::get("aegis.internal", "/auth/forward-auth")
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Proto", "http")
        .header("X-Forwarded-Host", &format!("case.{app}.aegis.localhost:{PROXY_PORT}"))
        .header("X-Forwarded-Uri", "/")
        .header("X-Forwarded-For", "127.0.0.1")
        .header("Cookie", token)
        .send(at)
}

#[test]
fn a_disabled_user_is_out_and_an_enabled_one_signs_in_again() {
    let server = &*SERVER;
    server.aegis.add_user("dora", &[]);
    let token = server.sign_in("dora");
    server.until("closed", &token, 200);
    server.done("user disable dora");
    server.until("closed", &token, 401);
    let answer = sign_in_form("dora", PASSWORD, "").send(server.at);
    assert_eq!(answer.status, 422, "dora is disabled, and signs in: {answer}");
    server.done("user enable dora");
    server.until("closed", &server.sign_in("dora"), 200);
    server.until("closed", &token, 401);
}

#[test]
fn changed_roles_count_at_once() {
    let server = &*SERVER;
    server.aegis.add_user("rosa", &[]);
    let token = server.sign_in("rosa");
    server.until("operators", &token, 403);
    server.done("user roles rosa --add operator");
    server.until("operators", &token, 200);
    server.done("user roles rosa --remove operator");
    server.until("operators", &token, 403);
}

#[test]
fn a_revoked_session_is_over_and_the_other_goes_on() {
    let server = &*SERVER;
    server.aegis.add_user("theo", &[]);
    let ids = || -> Vec<String> {
        let listed: serde_json::Value =
            serde_json::from_str(&server.done("session list theo --json")).unwrap();
        let id = |session: &serde_json::Value| session["id"].as_str().unwrap().to_owned();
        listed.as_array().unwrap().iter().map(id).collect()
    };
    let first = server.sign_in("theo");
    let [id] = ids().try_into().unwrap();
    let second = server.sign_in("theo");
    server.until("closed", &first, 200);
    assert_eq!(server.done(&format!("session revoke {id}")), "ended the session of theo\n");
    server.until("closed", &first, 401);
    server.until("closed", &second, 200);
    assert_eq!(server.done(&format!("session revoke {id}")), "it was over already: a session of theo\n");
    assert!(!ids().contains(&id), "a session that was ended is not listed");
    assert!(server.done("session list").contains(&ids()[0]), "the other is listed among everybody's");
    assert!(server.done("user show theo").contains("sessions       1\n"));
    assert_eq!(server.done("session revoke --user theo"), "theo is signed out everywhere\n");
    server.until("closed", &second, 401);
}

#[test]
fn everybody_can_be_signed_out() {
    let server = Server::start();
    server.aegis.add_user("sam", &[]);
    let token = server.sign_in("sam");
    server.until("closed", &token, 200);
    assert_eq!(server.done("session revoke --all"), "everybody is signed out everywhere\n");
    server.until("closed", &token, 401);
    server.until("closed", &server.sign_in("sam"), 200);
}

#[test]
fn a_locked_account_is_unlocked() {
    let server = &*SERVER;
    server.aegis.add_user("luca", &[]);
    for _ in 0..5 {
        let answer = sign_in_form("luca", "not the password at all", "").send(server.at);
        assert_eq!(answer.status, 422, "a wrong password: {answer}");
    }
    let answer = sign_in_form("luca", PASSWORD, "").send(server.at);
    assert_eq!(answer.status, 422, "the account is locked, and the right one is no better: {answer}");
    let shown = server.done("user show luca");
    assert!(shown.contains("may sign in    not before 20"), "{shown}");
    assert_eq!(server.done("user unlock luca"), "the failed sign-ins of luca are forgotten\n");
    server.sign_in("luca");
}

#[test]
fn a_link_chooses_a_password_once() {
    let server = &*SERVER;
    let choose = |code: &str| {
        let fields = [("code", code), ("password", PASSWORD)];
        Ask::new("POST", PORTAL, "/link/password")
            .header("Sec-Fetch-Site", "same-origin")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(&form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
            .send(server.at)
    };
    let first = code_in(&server.done("user add nora"), "password");
    let second = code_in(&server.done("user passwd nora"), "password");
    let answer = choose(&first);
    assert_ne!(answer.status, 303, "a newer link was made: {answer}");
    assert_eq!(choose(&second).status, 303, "the link as it was printed");
    server.sign_in("nora");
    let answer = choose(&second);
    assert_ne!(answer.status, 303, "it was used: {answer}");

    let third = code_in(&server.done("user passwd nora"), "password");
    let words = ["user", "passwd", "nora", "--password-stdin"];
    super::done(&words, &server.aegis.command(&words, PASSWORD));
    let answer = choose(&third);
    assert_ne!(answer.status, 303, "a password was set since it was made: {answer}");
}

/// What the database says of the factors of `name`.
fn with_factors(server: &Server, name: &str) {
    let database = rusqlite::Connection::open(server.aegis.folder.join("data/aegis.db")).unwrap();
    for add in [
        "insert into totp (account_id, secret, last_step, created_at) select id, x'00', 0, 0 from account where username = ?1",
        "insert into recovery_code (secret, account_id, created_at) select randomblob(32), id, 0 from account where username = ?1",
        "insert into telegram_link (account_id, person, chat, name, created_at) select id, 7, 7, 'x', 0 from account where username = ?1",
    ] {
        assert_eq!(database.execute(add, [name]).unwrap(), 1, "{add}");
    }
}

/// How many rows of each table are about `name`: apps, links to Telegram, recovery codes, known browsers.
fn left(server: &Server, name: &str) -> [i64; 4] {
    let database = rusqlite::Connection::open(server.aegis.folder.join("data/aegis.db")).unwrap();
    ["totp", "telegram_link", "recovery_code", "device"].map(|table| {
        let count = format!(
            "select count(*) from {table} where account_id = (select id from account where username = ?1)"
        );
        database.query_row(&count, [name], |row| row.get(0)).unwrap()
    })
}

#[test]
fn who_lost_their_factors_is_out_within_a_second_and_gets_a_link() {
    let server = &*SERVER;
    server.aegis.add_user("rhea", &[]);
    let token = server.sign_in("rhea");
    with_factors(server, "rhea");
    let refused = server.aegis.command(&["user", "link-factor", "rhea"], "");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("rhea has a second factor"), "{said}");
    server.until("closed", &token, 200);
    let printed = server.done("user reset-2fa rhea");
    server.until("closed", &token, 401);
    assert!(!code_in(&printed, "factor").is_empty(), "{printed}");
    assert_eq!(left(server, "rhea"), [0; 4], "factors, codes and browsers");
    let told = server.done("audit tail --json");
    assert!(told.contains("factor.reset"), "{told}");
    server.until("closed", &server.sign_in("rhea"), 200);
}

#[test]
fn who_has_the_lost_device_is_out_within_a_second() {
    let server = &*SERVER;
    server.aegis.add_user("otto", &[]);
    let token = server.sign_in("otto");
    server.done("token create otto --name phone --all-apps");
    with_factors(server, "otto");
    let link = code_in(&server.done("user passwd otto"), "password");
    server.until("closed", &token, 200);
    let printed = server.done("user lost-device otto");
    server.until("closed", &token, 401);
    assert!(printed.contains("recovery codes on paper stay"), "{printed}");
    assert_eq!(left(server, "otto"), [0, 0, 1, 0], "the codes on paper stay");
    assert!(!server.done("token list otto").contains("phone"), "the API token is revoked");
    let fields = [("code", link.as_str()), ("password", PASSWORD)];
    let answer = Ask::new("POST", PORTAL, "/link/password")
        .header("Sec-Fetch-Site", "same-origin")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(&form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
        .send(server.at);
    assert_eq!(answer.status, 410, "a link that may be in a mailbox on the device: {answer}");
    assert!(server.done("user lost-device otto --all").contains("the recovery codes are void"));
    assert_eq!(left(server, "otto"), [0; 4], "and with --all they go");
}

#[test]
fn the_record_is_followed() {
    let server = &*SERVER;
    server.aegis.add_user("finn", &[]);
    let folder = &server.aegis.folder;
    let following = Process::start("follow", folder, env!("CARGO_BIN_EXE_aegis").as_ref(), |command| {
        command.args(["audit", "tail", "--follow", "-n", "0", "--config"]);
        command.arg(folder.join("aegis.toml")).arg("--data-dir").arg(folder.join("data"))
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    // It may begin after any one change, but not after all of them.
    while !following.log().contains("user.roles_changed  finn") {
        following.still_there();
        assert!(Instant::now() < deadline, "nothing is told of finn:\n{}", following.log());
        server.done("user roles finn --add a");
        server.done("user roles finn --remove a");
    }
}

#[test]
fn a_backup_is_taken_while_serving_and_restored_elsewhere() {
    let server = Server::start();
    server.aegis.add_user("sam", &[]);
    let token = server.sign_in("sam");
    let folder = &server.aegis.folder;
    let file = folder.join("aegis.backup");
    let printed = server.done(&format!("backup {}", file.display()));
    let expected =
        format!("wrote {}; the keys are in it: keep it as safe as the server itself\n", file.display());
    assert_eq!(printed, expected);
    server.until("closed", &token, 200);

    let line = format!("restore {}", file.display());
    let said = super::refused(&line, &server.aegis.command(&line.split(' ').collect::<Vec<_>>(), ""));
    assert!(said.contains("the data directory is in use by aegis "), "{said}");
    assert!(said.contains("hint: stop the server first"), "{said}");
    server.until("closed", &token, 200);
    server.done("user delete sam --yes");
    server.until("closed", &token, 401);
    assert_eq!(server.aegis.process.end(), Some(0), "{}", server.aegis.process.log());

    // Another directory, with the same settings: what was in the backup is there, and nothing later.
    let elsewhere = address::folder();
    std::fs::copy(folder.join("aegis.toml"), elsewhere.join("aegis.toml")).unwrap();
    let arguments: Vec<&str> = line.split(' ').collect();
    let printed = super::done(&arguments, &run(&elsewhere, &arguments, ""));
    assert!(printed.starts_with("restored the database of aegis "), "{printed}");
    let restored = Server { at: server.at, aegis: Aegis { process: serve(&elsewhere), folder: elsewhere } };
    // A session of the backup may have been ended since, so none of them comes back.
    restored.until("closed", &token, 401);
    restored.until("closed", &restored.sign_in("sam"), 200);
}
