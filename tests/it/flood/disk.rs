//! A disk that is full, and one that cannot be written.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{check, form, guess, is_well, sign_in, until};
use crate::lab::aegis::{Aegis, serve, serve_under};
use crate::lab::client::Ask;
use crate::lab::process::Process;
use crate::lab::{AEGIS_PORT, PASSWORD, address};

/// Words that give the program after them mounts of its own, made by this shell script; `$0` is the
/// data directory. They go with it.
fn with_mounts<'w>(script: &'w str, data: &'w str) -> Vec<&'w str> {
    let mut words = vec!["unshare", "--mount"];
    if !rustix::process::geteuid().is_root() {
        words.push("--map-root-user");
    }
    words.extend(["--", "sh", "-c", script, data]);
    words
}

/// The data directory as the program with its own mounts sees it.
fn inside(process: &Process, data: &Path) -> PathBuf {
    let mut path = PathBuf::from(format!("/proc/{}/root", process.id()));
    path.extend(data.components().skip(1));
    path
}

/// Fills what is left of a disk, to the last byte.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("a file to fill the disk with");
    for size in [65_536, 4_096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

#[test]
fn flood_a_full_disk() {
    let (at, folder) = (address::take(), address::folder());
    let first = Aegis::start(at, folder.clone());
    for name in ["ann", "bob"] {
        first.add_user(name, &[]);
    }
    assert_eq!(first.process.end(), Some(0), "{}", first.process.log());
    let (data, seed) = (folder.join("data"), folder.join("seed"));
    fs::rename(&data, &seed).unwrap();
    fs::create_dir(&data).unwrap();

    let script =
        "mount -t tmpfs -o size=8m,mode=0700 tmpfs \"$0\" && cp -a \"$0/../seed/.\" \"$0\" && exec \"$@\"";
    let process = serve_under(&folder, &with_mounts(script, data.to_str().unwrap()));
    let at: SocketAddr = (at, AEGIS_PORT).into();
    // Keeps the small disk when the server has gone.
    let disk = File::open(inside(&process, &data)).expect("the small disk");
    let mut acknowledged = vec![sign_in(at, "ann", 0)];
    assert_eq!(check(&acknowledged[0]).send(at).status, 200, "before");

    for round in 0..3 {
        let filler = inside(&process, &data).join("filler");
        fill(&filler);
        // There is some room in the files that are there already.
        let mut number = 1_000 * (round + 1);
        until("nothing more can be written", || {
            number += 1;
            let answer = guess(number).send(at);
            assert!([422, 503].contains(&answer.status), "on a full disk: {answer}");
            answer.status == 503
        });
        for attempt in 0..3 {
            for cookie in &acknowledged {
                let answer = check(cookie).send(at);
                assert_eq!(answer.status, 200, "who is signed in goes on: {answer}");
            }
            let answer = form("bob", PASSWORD, number + attempt).send(at);
            match answer.status {
                303 => acknowledged.push(super::token(&answer)),
                _ => assert_eq!(answer.status, 503, "signing in on a full disk: {answer}"),
            }
            if answer.status == 503 {
                assert!(answer.header("retry-after").is_some(), "{answer}");
                assert!(answer.cookies().is_empty(), "{answer}");
            }
        }
        process.still_there();
        fs::remove_file(&filler).unwrap();
        until("somebody signs in again", || {
            let answer = form("bob", PASSWORD, number).send(at);
            if answer.status == 303 {
                acknowledged.push(super::token(&answer));
            }
            answer.status == 303
        });
        assert!(is_well(at), "when there is room again");
    }
    assert_eq!(process.end(), Some(0), "it ends in order:\n{}", process.log());

    // What was acknowledged is there, also for a server that remembers nothing.
    fs::remove_dir_all(&data).unwrap();
    let kept = format!("/proc/{}/fd/{}/.", std::process::id(), disk.as_raw_fd());
    let copied = std::process::Command::new("cp").arg("-a").arg(&kept).arg(&data).status().unwrap();
    assert!(copied.success(), "copying {kept}");
    let process = serve(&folder);
    for cookie in &acknowledged {
        let answer = check(cookie).send(at);
        assert_eq!(answer.status, 200, "a session that was acknowledged: {answer}\n{}", process.log());
    }
}

/// Runs `aegis serve`, which is to refuse: its exit code and what it says.
fn refused(folder: &Path, before: &[&str]) -> (Option<i32>, String) {
    let words = [before, &[env!("CARGO_BIN_EXE_aegis")]].concat();
    let output = std::process::Command::new("timeout")
        .args(["--signal=KILL", "60"])
        .args(&words)
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(folder.join("aegis.toml"))
        .arg("--data-dir")
        .arg(folder.join("data"))
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

#[test]
fn flood_a_data_directory_that_cannot_be_written() {
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    for there in [false, true] {
        let (at, folder) = (address::take(), address::folder());
        let aegis = Aegis::start(at, folder.clone());
        aegis.add_user("ann", &[]);
        assert_eq!(aegis.process.end(), Some(0), "{}", aegis.process.log());
        let data = folder.join("data");
        if !there {
            fs::remove_dir_all(&data).unwrap();
            fs::create_dir(&data).unwrap();
        }
        let before = super::data::contents(&data);
        let (code, said) = refused(&folder, &with_mounts(script, data.to_str().unwrap()));
        assert_eq!(code, Some(1), "data there: {there}\nit said: {said}");
        assert!(
            said.contains("cannot be written")
                && said.contains(data.to_str().unwrap())
                && said.contains("hint:"),
            "what is wrong, where, and what to do; data there: {there}\nit said: {said}"
        );
        assert!(super::data::contents(&data) == before, "nothing was touched, data there: {there}");
        if there {
            // With the disk as it was, all is there.
            let process = serve(&folder);
            sign_in((at, AEGIS_PORT).into(), "ann", 0);
            assert_eq!(
                Ask::get("a", "/health").send((at, AEGIS_PORT).into()).status,
                200,
                "{}",
                process.log()
            );
        }
    }
}

#[test]
fn flood_a_data_directory_whose_mode_forbids_writing() {
    let aegis = Aegis::start(address::take(), address::folder());
    aegis.add_user("ann", &[]);
    assert_eq!(aegis.process.end(), Some(0), "its log:\n{}", aegis.process.log());
    let data = aegis.folder.join("data");
    let mode = |mode: u32| fs::set_permissions(&data, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o500);
    // Root may write everywhere, unless it lays that down.
    let root = rustix::process::geteuid().is_root();
    let before = if root { &["setpriv", "--bounding-set", "-dac_override", "--"][..] } else { &[] };
    let (code, said) = refused(&aegis.folder, before);
    mode(0o700);
    assert_eq!(code, Some(1), "it said: {said}");
    assert!(said.contains(data.to_str().unwrap()) && said.contains("hint:"), "where, and what to do: {said}");
    let listed = aegis.command(&["user", "list"], "");
    assert!(String::from_utf8_lossy(&listed.stdout).contains("ann"), "nothing is lost: {listed:#?}");
}
