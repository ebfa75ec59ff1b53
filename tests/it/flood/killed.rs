//! A sudden end: what was acknowledged is there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::{Over, alone, check, form, sign_in, until};
use crate::lab::PASSWORD;
use crate::lab::aegis::serve;
use crate::lab::client::Ask;

#[test]
fn flood_killed_in_the_middle_of_sign_ins() {
    let (mut aegis, at) = alone();
    let names: Vec<String> = (0..6).map(|number| format!("person{number}")).collect();
    for name in &names {
        aegis.add_user(name, &[]);
    }
    let acknowledged = Mutex::new(Vec::new());
    let ended = Mutex::new(Vec::new());
    let numbers = AtomicUsize::new(0);
    for round in 0..4 {
        let over = AtomicBool::new(false);
        let before = acknowledged.lock().len();
        std::thread::scope(|scope| {
            let _over = Over(&over);
            for name in &names {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        let number = numbers.fetch_add(1, Ordering::Relaxed);
                        let Some(head) = head(at, &form(name, PASSWORD, number)) else { continue };
                        if !head.starts_with("HTTP/1.1 303") {
                            continue;
                        }
                        let token = cookie(&head, "aegis_token=");
                        // Every third signs out again, which is to last as well.
                        if number.is_multiple_of(3) {
                            let out = self::head(at, &sign_out(&cookie(&head, "__Host-aegis_session=")));
                            if out.is_some_and(|head| head.starts_with("HTTP/1.1 200")) {
                                ended.lock().push(token);
                            }
                        } else {
                            acknowledged.lock().push(token);
                        }
                    }
                });
            }
            until("some have signed in", || acknowledged.lock().len() > before + 8);
            aegis.process.kill();
        });
        aegis.process = serve(&aegis.folder);
        for token in acknowledged.lock().iter() {
            let answer = check(token).send(at);
            assert_eq!(answer.status, 200, "round {round}: a session that was acknowledged: {answer}");
        }
        for token in ended.lock().iter() {
            let answer = check(token).send(at);
            assert_eq!(answer.status, 401, "round {round}: a session that was ended: {answer}");
        }
    }
    sign_in(at, &names[0], numbers.load(Ordering::Relaxed));
    assert_eq!(aegis.process.end(), Some(0), "it ends in order:\n{}", aegis.process.log());
}

/// The head of an answer, if it came whole before the end.
fn head(at: SocketAddr, ask: &Ask) -> Option<String> {
    let mut stream = TcpStream::connect(at).ok()?;
    stream.write_all(ask.to_string().as_bytes()).ok()?;
    let mut head = String::new();
    let mut lines = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// `name=value` of the cookie that begins so.
fn cookie(head: &str, start: &str) -> String {
    let mut line = head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = line.rfind(|cookie| cookie.starts_with(start));
    let cookie = cookie.and_then(|cookie| cookie.split(';').next());
    cookie.unwrap_or_else(|| panic!("no {start} in {head}")).to_owned()
}

fn sign_out(session: &str) -> Ask {
    Ask::new("POST", crate::lab::PORTAL, "/logout")
        .header("Sec-Fetch-Site", "same-origin")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Cookie", session)
        .body("")
}
