//! The daemon stops, dies and comes back. Nobody is let in meanwhile who is not known for sure.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use super::{becomes, check, is, laptop, ready, refused};
use crate::lab::Lab;
use crate::lab::client::{Answer, Ask};
use crate::lab::proxy::Kind;
use crate::lab::tailnet::Runs;

/// Somebody signed in by password goes on without the daemon.
fn a_session_goes_on(lab: &Lab, cookie: &str) {
    let answer = check(lab, laptop(lab), &lab.host("closed"), &[("Cookie", cookie)]);
    assert_eq!(answer.status, 200, "with a session: {answer}");
    assert_eq!(answer.header("remote-auth-method"), Some("password"), "with a session: {answer}");
}

#[test]
fn a_daemon_that_ends_is_not_there_until_it_is() {
    let lab = ready(Kind::Caddy, Runs::Daemon);
    let (host, here, cookie) = (lab.host("closed"), laptop(&lab), lab.sign_in("sam"));
    for (end, back) in [("stop", "cont"), ("kill", "start"), ("term", "start")] {
        lab.tailnet().daemon(end);
        becomes(end, || (check(&lab, here, &host, &[]), refused(503)));
        a_session_goes_on(&lab, &cookie);
        lab.tailnet().daemon(back);
        becomes(back, || (check(&lab, here, &host, &[]), is("sam")));
    }
}

/// What `/health` says of the daemon.
fn health(lab: &Lab) -> (Answer, String) {
    let ask = Ask::get(&lab.way.portal(), "/health");
    let answer = lab.send(&ask);
    let said = answer.json()["parts"]["tailscale"].as_str().unwrap_or_default().to_owned();
    (answer, said)
}

#[test]
fn health_tells_how_the_daemon_fares_and_is_well_without_it() {
    let lab = ready(Kind::Caddy, Runs::Daemon);
    let says = |expected: &str, what: &str| {
        becomes(what, || {
            let (answer, said) = health(&lab);
            let is_said = said.contains(expected);
            (answer, Box::new(move |answer: &Answer| answer.status == 200 && is_said))
        });
    };
    says("ok", "ok");
    lab.tailnet().want_running("proxy", false);
    says("not up: Stopped", "stopped");
    lab.tailnet().want_running("proxy", true);
    says("ok", "ok again");
    lab.tailnet().daemon("kill");
    says("tailscaled is not there", "killed");
}

#[test]
fn while_it_comes_back_somebody_is_known_or_not_and_never_another() {
    let lab = ready(Kind::Caddy, Runs::Daemon);
    let (host, here) = (lab.host("closed"), laptop(&lab));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let answer = check(&lab, here, &host, &[]);
                // 401 would be an answer about somebody who is known: it was not known whether they are.
                assert!(is("sam")(&answer) || refused(503)(&answer), "{answer}");
            }
        });
        for _ in 0..3 {
            lab.tailnet().daemon("kill");
            lab.tailnet().daemon("start");
            becomes("back", || (check(&lab, here, &host, &[]), is("sam")));
        }
        over.store(true, Ordering::Relaxed);
        asking.join().unwrap();
    });
}

#[test]
fn a_crowd_of_made_up_addresses_does_not_hold_up_who_is_known() {
    let lab = ready(Kind::Caddy, Runs::Daemon);
    let (host, here) = (lab.host("closed"), laptop(&lab));
    thread::scope(|scope| {
        for one in 0..50u8 {
            let (lab, host) = (&lab, &host);
            scope.spawn(move || {
                for round in 0..8u8 {
                    let made_up = IpAddr::V4(Ipv4Addr::new(100, 90, round, one));
                    let answer = check(lab, made_up, host, &[]);
                    assert!(refused(401)(&answer) || refused(503)(&answer), "{made_up}: {answer}");
                }
            });
        }
        for round in 0..50 {
            if round % 10 == 0 {
                // A change, after which nothing that is remembered counts: sam is asked about anew.
                let name = format!("Sam {round}");
                let profile =
                    json!({ "ID": 2, "LoginName": "user-2@fake-control.example.net", "DisplayName": name });
                lab.tailnet().user(&profile);
            }
            let answer = check(&lab, here, &host, &[]);
            assert!(is("sam")(&answer), "amid a crowd: {answer}");
        }
    });
}
