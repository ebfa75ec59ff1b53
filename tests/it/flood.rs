//! Too much at once and too little room, against the real program; `./test` runs these one at a time.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::lab::aegis::{Aegis, run, serve};
use crate::lab::client::{Answer, Ask};
use crate::lab::proxy::Kind;
use crate::lab::{AEGIS_PORT, Lab, PASSWORD, PORTAL, PROXY_PORT, address, sign_in_form};

/// What Aegis may ever have in memory: two hashes of 64 MiB each, and what it is itself.
const MOST_MEMORY_KIB: u64 = (2 * 64 + 96) * 1024;

/// The most memory that the process has had, in KiB.
fn peak(aegis: &Aegis) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", aegis.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says the peak");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Signs in, again and again while Aegis is too busy for it.
#[track_caller]
fn signs_in(at: SocketAddr, name: &str) -> Answer {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let answer = sign_in_form(name, PASSWORD, "").send(at);
        if answer.status == 303 {
            return answer;
        }
        assert!(answer.status == 503 && Instant::now() < deadline, "{name} cannot sign in: {answer}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What the proxy would be told about `closed` for this cookie.
fn check(at: SocketAddr, cookie: &str) -> Answer {
    Ask::get("aegis.internal", "/auth/forward-auth")
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Proto", "http")
        .header("X-Forwarded-Host", &format!("case.closed.aegis.localhost:{PROXY_PORT}"))
        .header("X-Forwarded-Uri", "/")
        .header("X-Forwarded-For", "127.0.0.1")
        .header("Cookie", cookie)
        .send(at)
}

fn token(answer: &Answer) -> String {
    let token = answer.cookies().into_iter().find(|cookie| cookie.starts_with("aegis_token="));
    token.unwrap_or_else(|| panic!("no token in {answer}"))
}

#[test]
fn flood_of_sign_ins_whose_clients_are_mostly_gone() {
    let place = address::take();
    let (aegis, at) = (Aegis::start(place, address::folder()), (place, AEGIS_PORT).into());
    aegis.add_user("ann", &[]);
    let cookie = token(&signs_in(at, "ann"));
    let mut open = Vec::new();
    for number in 0..500 {
        let from = format!("198.51.{}.{}", number / 250, number % 250 + 1);
        let ask = sign_in_form(&format!("guest{number}"), PASSWORD, "").header("X-Forwarded-For", &from);
        open.push(ask.open(at));
    }
    let stay = open.split_off(450);
    drop(open);
    // Whoever is signed in does not notice.
    let answer = check(at, &cookie);
    assert_eq!(answer.status, 200, "a check in the midst of it: {answer}");
    for mut stream in stay {
        let answer = Answer::read(&mut stream, "POST");
        assert!([422, 503].contains(&answer.status), "one that stayed: {answer}");
        assert_eq!(
            answer.header("retry-after").is_some(),
            answer.status == 503,
            "when to come back: {answer}"
        );
    }
    signs_in(at, "ann");
    let peak = peak(&aegis);
    assert!(peak < MOST_MEMORY_KIB, "{peak} KiB at most, and {MOST_MEMORY_KIB} KiB were expected");
    assert_eq!(aegis.process.end(), Some(0), "its log:\n{}", aegis.process.log());
}

#[test]
fn flood_of_one_header() {
    let long = "x".repeat(1024 * 1024);
    for kind in Kind::ALL {
        let lab = Lab::start(kind);
        for (name, value) in [("X-Long", long.clone()), ("Cookie", format!("aegis_token={long}"))] {
            for (host, path) in [(lab.host("open").as_str(), "/"), (PORTAL, "/login")] {
                let answer = Ask::get(host, path).header(name, &value).send(lab.proxy());
                assert!(
                    answer.status == 0 || answer.status >= 400,
                    "{kind}: `{name}` of {} bytes to {host}{path}: {answer}",
                    value.len()
                );
                assert!(lab.app.seen(host).is_empty(), "{kind}: `{name}` reached the app");
            }
        }
        let direct =
            Ask::get(PORTAL, "/health").header("X-Long", &long).send((lab.address, AEGIS_PORT).into());
        assert!([0, 431].contains(&direct.status), "to Aegis itself: {direct}");
        let answer = lab.send(&Ask::get(&lab.host("open"), "/"));
        assert_eq!(answer.status, 200, "{kind}: afterwards: {answer}");
        let peak = peak(lab.aegis());
        assert!(peak < MOST_MEMORY_KIB, "{kind}: {peak} KiB at most");
    }
}

/// No file may grow any more, which is what a full disk comes to; then there is room again.
#[test]
fn flood_of_the_disk() {
    let place = address::take();
    let at = (place, AEGIS_PORT).into();
    // Beside the error there is a signal, which a full disk does not send.
    let aegis = Aegis::under(place, address::folder(), &["env", "--ignore-signal=XFSZ"]);
    aegis.add_user("ann", &[]);
    let cookie = token(&signs_in(at, "ann"));
    let room = |limit: &str| {
        let process = aegis.process.id().to_string();
        let output = Command::new("prlimit").args(["--pid", &process, limit]).output().unwrap();
        assert!(output.status.success(), "prlimit {limit}: {output:#?}");
    };
    room("--fsize=1:unlimited");
    for _ in 0..3 {
        let answer = sign_in_form("ann", PASSWORD, "").send(at);
        assert_eq!(answer.status, 503, "a sign-in that cannot be written down: {answer}");
        let own = |cookie: &String| cookie.starts_with("aegis_token=") && cookie.len() > 14;
        assert!(!answer.cookies().iter().any(own), "a token for it: {answer}");
        let answer = check(at, &cookie);
        assert_eq!(answer.status, 200, "who is signed in stays so: {answer}");
        let answer = check(at, "");
        assert_eq!(answer.status, 401, "and who is not does not: {answer}");
    }
    room("--fsize=unlimited:unlimited");
    let later = token(&signs_in(at, "ann"));
    for cookie in [&cookie, &later] {
        assert_eq!(check(at, cookie).status, 200, "with room again");
    }
    assert_eq!(aegis.process.end(), Some(0), "its log:\n{}", aegis.process.log());
    let again = serve(&aegis.folder);
    for cookie in [&cookie, &later] {
        assert_eq!(check(at, cookie).status, 200, "after a restart\nthe log:\n{}", again.log());
    }
}

#[test]
fn flood_where_nothing_may_be_written() {
    let place = address::take();
    let aegis = Aegis::start(place, address::folder());
    aegis.add_user("ann", &[]);
    assert_eq!(aegis.process.end(), Some(0), "its log:\n{}", aegis.process.log());
    let data = aegis.folder.join("data");
    let mode = |mode: u32| fs::set_permissions(&data, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o500);
    // Root may write everywhere, unless it lays that down.
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", "-dac_override", "--", env!("CARGO_BIN_EXE_aegis")]);
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_aegis"))
    };
    let output = command
        .arg("serve")
        .arg("--config")
        .arg(aegis.folder.join("aegis.toml"))
        .arg("--data-dir")
        .arg(&data)
        .output()
        .unwrap();
    mode(0o700);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "aegis serve on a read-only directory: {output:#?}");
    assert!(said.contains(&data.display().to_string()), "it names the directory: {said}");
    let listed = run(&aegis.folder, &["user", "list"], "");
    assert!(String::from_utf8_lossy(&listed.stdout).contains("ann"), "nothing is lost: {listed:#?}");
}
