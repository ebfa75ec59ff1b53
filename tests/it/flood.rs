//! The real program at its limits: too many, too large, too few descriptors, a full disk, a sudden end.
//!
//! These run one at a time (`./test` sees to it), because they measure memory and use a whole machine.

mod crowds;
mod data;
mod disk;
mod killed;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::lab::aegis::Aegis;
use crate::lab::client::{Answer, Ask};
use crate::lab::{AEGIS_PORT, PASSWORD, PORTAL, PROXY_PORT, address, sign_in_form};

/// An app of the lab's settings that wants somebody signed in.
fn host() -> String {
    format!("flood.closed.aegis.localhost:{PROXY_PORT}")
}

/// A server without a proxy, and where it listens.
fn alone() -> (Aegis, SocketAddr) {
    let at = address::take();
    (Aegis::start(at, address::folder()), (at, AEGIS_PORT).into())
}

/// The check that a proxy makes of a visit with this cookie.
fn check(cookie: &str) -> Ask {
    Ask::new("GET", "127.0.0.1", "/auth/forward-auth")
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Proto", "http")
        .header("X-Forwarded-Host", &host())
        .header("X-Forwarded-Uri", "/")
        .header("Cookie", cookie)
}

/// The form of the sign-in page from an address of its own.
fn form(name: &str, password: &str, number: usize) -> Ask {
    let from = format!("10.{}.{}.{}", number / 65_536, number / 256 % 256, number % 256);
    sign_in_form(name, password, "").header("X-Forwarded-For", &from)
}

/// A wrong guess at nobody's password, too long to be worth a hash.
fn guess(number: usize) -> Ask {
    form(&format!("nobody{number}"), &"x".repeat(1025), number)
}

/// Signs somebody in and gives the cookie for apps.
#[track_caller]
fn sign_in(at: SocketAddr, name: &str, number: usize) -> String {
    let answer = form(name, PASSWORD, number).send(at);
    assert_eq!(answer.status, 303, "signing in as {name}: {answer}");
    token(&answer)
}

fn token(answer: &Answer) -> String {
    let cookies = answer.cookies();
    let token = cookies.iter().find(|cookie| cookie.starts_with("aegis_token="));
    token.unwrap_or_else(|| panic!("no token in {answer}")).clone()
}

fn is_well(at: SocketAddr) -> bool {
    Ask::get(PORTAL, "/health").send(at).status == 200
}

/// Tells others that it is over when it goes, also after a failure.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until it is so. Fails only if it never is.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came so far that {what}");
        std::thread::yield_now();
    }
}
