//! Very many at once, very large requests, and too few descriptors.

use std::fs;
use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::{Over, alone, check, form, guess, is_well, sign_in, until};
use crate::lab::aegis::Aegis;
use crate::lab::client::{Answer, Ask, exchange};
use crate::lab::proxy::Kind;
use crate::lab::{AEGIS_PORT, Lab, PORTAL, address};

/// How many passwords are hashed at once by the lab's settings, and the memory of each.
const HASHES: u64 = 1;
const HASH: u64 = 64 * 1024;
/// What 500 connections and their requests may need beside, in KiB: far less than another hash.
const SLACK: u64 = 48 * 1024;

/// A line of `/proc/…/status`, in KiB.
fn memory(aegis: &Aegis, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", aegis.process.id())).expect("it is there");
    let line = status.lines().find_map(|text| text.strip_prefix(line)).expect("a line");
    line.trim_matches(|character: char| !character.is_ascii_digit()).parse().expect("a number")
}

fn open(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_mins(2))).expect("a socket");
    stream
}

/// Sends a wrong password that has to be hashed, and does not wait for the answer.
fn begin(at: SocketAddr, number: usize) -> TcpStream {
    let mut stream = open(at);
    let ask = form(&format!("nobody{number}"), "a wrong one", number);
    stream.write_all(ask.to_string().as_bytes()).expect("the server reads");
    stream
}

#[test]
fn flood_500_sign_ins_at_once_of_which_most_leave() {
    let (aegis, at) = alone();
    aegis.add_user("ann", &[]);
    let cookie = sign_in(at, "ann", 0);
    assert_eq!(check(&cookie).send(at).status, 200, "before the flood");
    fs::write(format!("/proc/{}/clear_refs", aegis.process.id()), "5").expect("the peak begins anew");
    // The buffer of the sign-in above may still be there: it is used again, and never given twice.
    let base = memory(&aegis, "VmRSS:");
    let (over, checks) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let ending = Over(&over);
        let checking = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let answer = check(&cookie).send(at);
                assert_eq!(answer.status, 200, "a check during the flood: {answer}");
                checks.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Everybody waits for an answer: more than there is room for.
        let crowd: Vec<_> = (1..=500).map(|number| begin(at, number)).collect();
        let mut counts = [0, 0];
        for stream in crowd {
            let answer = Answer::read(&mut BufReader::new(stream), "POST");
            match answer.status {
                422 => counts[0] += 1,
                503 => {
                    counts[1] += 1;
                    let wait: Option<u64> = answer.header("retry-after").and_then(|wait| wait.parse().ok());
                    assert!(
                        wait.is_some_and(|wait| (1..=60).contains(&wait)),
                        "when to come again: {answer}"
                    );
                }
                _ => panic!("422 or 503 in a flood: {answer}"),
            }
        }
        assert!(counts.iter().all(|count| *count > 0), "some judged, some sent away: {counts:?}");
        // Most leave, and whoever stays is answered.
        let mut crowd: Vec<_> = (501..=1_000).map(|number| begin(at, number)).collect();
        crowd.truncate(50);
        for stream in crowd {
            let answer = Answer::read(&mut BufReader::new(stream), "POST");
            assert!([422, 503].contains(&answer.status), "somebody who stays: {answer}");
        }
        drop(ending);
        checking.join().expect("checks go on");
    });
    assert!(checks.load(Ordering::Relaxed) > 0, "checks were answered meanwhile");
    let peak = memory(&aegis, "VmHWM:");
    assert!(
        peak <= base + HASHES * HASH + SLACK,
        "{peak} KiB at most, and {base} KiB before: more than {HASHES} hash and {SLACK} KiB"
    );
    until("somebody who stays is let in", || form("ann", crate::lab::PASSWORD, 2_000).send(at).status == 303);
    assert!(is_well(at), "after the flood");
    assert_eq!(aegis.process.end(), Some(0), "it ends in order:\n{}", aegis.process.log());
}

#[test]
fn flood_a_header_of_a_megabyte() {
    let (aegis, at) = alone();
    let long = "a".repeat(1 << 20);
    for request in [
        format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n",
            format!("a={}; ", &long[..100]).repeat(10_000)
        ),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-Many: a\r\n".repeat(100_000)),
        format!("{long} / HTTP/1.1\r\nHost: a\r\n\r\n"),
        long.clone(),
    ] {
        let mut stream = open(at);
        // The server may have had enough before it is all sent.
        let _ = stream.write_all(request.as_bytes());
        let mut reader = BufReader::new(stream);
        let answer = Answer::read(&mut reader, "GET");
        // 0: the goodbye was overtaken by the reset of what was left unread.
        assert!([431, 400, 414, 0].contains(&answer.status), "{request:.80}…\ncame back: {answer}");
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest);
        assert!(rest.is_empty(), "the connection ends: {request:.80}…");
        assert!(is_well(at), "after {request:.80}…");
    }
    let just =
        format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Long: {}\r\n\r\n", "a".repeat(40_000));
    assert_eq!(exchange(at, just.as_bytes()).status, 431, "a header that is just too long");
    let peak = memory(&aegis, "VmHWM:");
    assert!(peak < 128 * 1024, "{peak} KiB for headers that are refused");
}

#[test]
fn flood_a_header_of_a_megabyte_through_every_proxy() {
    let long = "x".repeat(1 << 20);
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
        let answer = lab.send(&Ask::get(&lab.host("open"), "/"));
        assert_eq!(answer.status, 200, "{kind}: afterwards: {answer}");
    }
}

#[test]
fn flood_a_body_without_end() {
    let (_aegis, at) = alone();
    let mut stream = open(at);
    let head = "POST /login HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("the server reads");
    let chunk = format!("4000\r\n{}\r\n", "a".repeat(0x4000));
    // 64 KiB are four of them; it will not take a thousand.
    let taken = (0..1_000).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).count();
    assert!(taken < 1_000, "it took {taken} chunks of a body without end");
    assert!(is_well(at), "and goes on");
}

#[test]
fn flood_too_few_descriptors() {
    let place = address::take();
    let aegis = Aegis::under(place, address::folder(), &["prlimit", "--nofile=64:64", "--"]);
    aegis.add_user("ann", &[]);
    let at: SocketAddr = (place, AEGIS_PORT).into();
    let cookie = sign_in(at, "ann", 0);
    for round in 0..3 {
        let crowd: Vec<_> = (0..200).filter_map(|_| TcpStream::connect(at).ok()).collect();
        assert!(crowd.len() > 64, "more than there are descriptors: {}", crowd.len());
        aegis.process.still_there();
        drop(crowd);
        until("somebody is answered again", || check(&cookie).send(at).status == 200);
        until("somebody signs in again", || {
            form("ann", crate::lab::PASSWORD, round + 1).send(at).status == 303
        });
        assert!(is_well(at), "in round {round}");
    }
    for number in 0..100 {
        let answer = guess(number).send(at);
        assert_eq!(answer.status, 422, "one after the other, none is lost: {answer}");
    }
    let page = Ask::navigation(PORTAL, "/login").send(at);
    assert_eq!(page.status, 200, "{page}");
    assert_eq!(aegis.process.end(), Some(0), "it ends in order:\n{}", aegis.process.log());
}
