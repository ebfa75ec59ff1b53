//! A sign-in that waits, in a real Chromium: the server is in this process, so that somebody can tap on
//! Telegram, and time can pass, when the page has come so far.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use aegis::second_factor::challenge::Answer as Tap;

use super::drive_at;
use crate::inside::house::{APPS, House, Memory, PASSWORD};
use crate::inside::second_factor::{answer, approve, authenticator, linked};

const PORTAL: &str = "http://auth.example.localhost";
const WISH: &str = "http://strong.example.localhost/deep";

fn settings() -> String {
    let apps = APPS.replace("example.com", "example.localhost").replace("https://", "http://");
    format!(
        "{apps}\n[app.strong]\nhosts = [\"strong.example.localhost\"]\nrequire = \"two_factor\"\n\
         [tailscale]\nsocket = \"/nonexistent/tailscaled.sock\"\n\
         [telegram]\ntoken = \"123456789:{}\"\n",
        "x".repeat(35)
    )
}

/// What the page's test asks of the world: `approve`, `deny`, `later`, `code`. Ends with the test.
fn obey(
    house: &House,
    listener: &TcpListener,
    waits: impl Fn() -> aegis::second_factor::challenge::Challenge,
    code: impl Fn() -> String,
) {
    for stream in listener.incoming() {
        let mut stream = BufReader::new(stream.expect("a connection"));
        let mut line = String::new();
        stream.read_line(&mut line).expect("a request");
        let mut answered = String::new();
        match line.split(' ').nth(1) {
            Some("/approve") => approve(house, &waits()),
            Some("/deny") => drop(answer(house, &waits(), Tap::NotMe)),
            Some("/later") => house.advance(Duration::from_secs(30)),
            Some("/code") => answered = code(),
            Some("/end") => return,
            _ => panic!("the page's test asks for {line:?}"),
        }
        write!(
            stream.get_mut(),
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answered}",
            answered.len()
        )
        .expect("an answer");
    }
}

#[test]
fn browser_shows_a_second_factor() {
    let house = House::open(Memory::On, &settings());
    let person = linked(&house);
    let app = authenticator(&house, person.id);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let world = format!("http://{}", listener.local_addr().unwrap());
    let waits = || {
        let due = house.wait(house.app.second_factor.challenges.due(house.now())).expect("the store answers");
        due.into_iter().next().expect("somebody is asked").challenge
    };
    // A code counts once: time passes before the next.
    let code = || {
        house.advance(Duration::from_secs(30));
        app.code(house.now())
    };
    let folder =
        std::env::var("AEGIS_SCREENSHOTS").unwrap_or_else(|_| env!("CARGO_TARGET_TMPDIR").to_owned());
    std::thread::scope(|scope| {
        scope.spawn(|| obey(&house, &listener, waits, code));
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            drive_at(
                "second-factor.mjs",
                &[
                    ("AEGIS_ADDRESS", &house.at.to_string()),
                    ("AEGIS_PORTAL", PORTAL),
                    ("AEGIS_APP", WISH),
                    ("AEGIS_PASSWORD", PASSWORD),
                    ("AEGIS_USER", person.username.as_str()),
                    ("AEGIS_WORLD", &world),
                    ("AEGIS_SCREENSHOTS", &folder),
                ],
            );
        }));
        let end = std::net::TcpStream::connect(listener.local_addr().unwrap());
        end.expect("a connection").write_all(b"GET /end HTTP/1.1\r\n\r\n").expect("it is sent");
        if let Err(failed) = ran {
            std::panic::resume_unwind(failed);
        }
    });
}
