//! Requests that two servers could take for different ones: one answer each, or 400 and the end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::house::{House, Memory};

/// Everything that comes back on one connection until it ends.
fn exchange(house: &House, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(house.at).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    stream.write_all(bytes).expect("the server reads");
    let mut came = Vec::new();
    let _ = stream.read_to_end(&mut came);
    String::from_utf8_lossy(&came).into_owned()
}

/// The statuses of all answers.
fn statuses(came: &str) -> Vec<&str> {
    came.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)).collect()
}

/// A check of a closed app by somebody who is signed in, with these lines and this body.
fn check(cookie: &str, lines: &str, body: &str) -> Vec<u8> {
    format!(
        "GET /auth/forward-auth HTTP/1.1\r\nHost: a\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: closed.example.com\r\nX-Forwarded-Uri: /\r\nCookie: {cookie}\r\n{lines}\r\n{body}"
    )
    .into_bytes()
}

#[test]
fn a_body_that_could_be_a_request_is_never_one() {
    let house = House::shared(Memory::On);
    let cookie = house.sign_in(house.person(&[]).username.as_str()).token;
    let hidden = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let length = format!("Content-Length: {}\r\n", hidden.len());
    for (name, lines, body, allowed) in [
        ("two lengths", format!("Content-Length: 0\r\n{length}"), hidden, &["400"][..]),
        (
            "a length and chunks",
            format!("{length}Transfer-Encoding: chunked\r\n"),
            "0\r\n\r\n",
            &["200", "400"],
        ),
        (
            "chunks and a length",
            format!("Transfer-Encoding: chunked\r\n{length}"),
            "0\r\n\r\n",
            &["200", "400"],
        ),
        ("chunks that are not last", "Transfer-Encoding: chunked, identity\r\n".into(), hidden, &["400"]),
        ("an unknown encoding", "Transfer-Encoding: xchunked\r\n".into(), hidden, &["400"]),
        ("a length with a sign", "Content-Length: +6\r\n".into(), hidden, &["400"]),
        ("a list of lengths", "Content-Length: 6, 6\r\n".into(), hidden, &["400"]),
        ("a length that is none", "Content-Length: x\r\n".into(), hidden, &["400"]),
        ("a negative length", "Content-Length: -1\r\n".into(), hidden, &["400"]),
        ("a length beyond all", format!("Content-Length: {}0\r\n", u64::MAX), hidden, &["400"]),
        ("a chunk that is none", "Transfer-Encoding: chunked\r\n".into(), "x\r\n", &["200", "400"]),
        ("a blank before the colon", format!("Content-Length : {}\r\n", hidden.len()), hidden, &["400"]),
        ("a folded line", "X-A: b\r\n c\r\n".into(), "", &["400"]),
    ] {
        let end = format!("{lines}Connection: close\r\n");
        let came = exchange(house, &check(&cookie, &end, body));
        let statuses = statuses(&came);
        assert!(
            statuses.len() == 1 && allowed.contains(&statuses[0]),
            "{name}: one of {allowed:?}, once\ncame back: {came}"
        );
    }
    // An honest body of a check is passed over, and what follows is a request of its own.
    for (name, lines, body) in [
        ("a body of known length", length.as_str(), hidden.to_owned()),
        ("chunks", "Transfer-Encoding: chunked\r\n", format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len())),
    ] {
        let mut bytes = check(&cookie, lines, &body);
        bytes.extend(check("", "Connection: close\r\n", ""));
        let came = exchange(house, &bytes);
        let statuses = statuses(&came);
        assert!(
            statuses == ["200", "401"] || statuses == ["200"],
            "{name}: the check, and perhaps the next one, but not what is hidden\ncame back: {came}"
        );
        assert!(
            !came.contains("\"parts\""),
            "{name}: what is hidden in a body was answered\ncame back: {came}"
        );
    }
}

/// Many requests on one connection are many visitors: nothing of one is left for the next.
#[test]
fn one_connection_of_a_proxy_serves_many() {
    let house = House::shared(Memory::On);
    let cookies: Vec<String> =
        (0..3).map(|_| house.sign_in(house.person(&[]).username.as_str()).token).collect();
    let mut bytes = Vec::new();
    for number in 0..60 {
        bytes.extend(check(if number % 4 == 3 { "" } else { &cookies[number % 4] }, "", ""));
    }
    bytes.extend(check("", "Connection: close\r\n", ""));
    let came = exchange(house, &bytes);
    let expected: Vec<&str> =
        (0..=60).map(|number| if number % 4 == 3 || number == 60 { "401" } else { "200" }).collect();
    assert_eq!(statuses(&came), expected, "came back: {came}");
    let names: Vec<_> = came.split("remote-user: ").skip(1).filter_map(|rest| rest.lines().next()).collect();
    for (position, name) in names.iter().enumerate() {
        assert_eq!(*name, names[position % 3], "the names in turn: {names:?}");
    }
}

#[test]
fn strange_start_lines() {
    let house = House::shared(Memory::On);
    for (line, allowed) in [
        ("GET /health HTTP/1.0", &["200"][..]),
        ("GET /health HTTP/2.0", &["400"]),
        ("GET /health HTTP/9.9", &["400"]),
        ("GET /health", &["400"]),
        ("GET  /health HTTP/1.1", &["400"]),
        ("GET /health  HTTP/1.1", &["400"]),
        ("GET http://evil.example/health HTTP/1.1", &["200", "404"]),
        ("GET * HTTP/1.1", &["404", "400"]),
        ("OPTIONS * HTTP/1.1", &["404", "405"]),
        ("CONNECT evil.example:443 HTTP/1.1", &["404", "405"]),
        ("PRI * HTTP/2.0", &["400"]),
        ("GET /he\u{0}alth HTTP/1.1", &["400"]),
        ("GET /health\u{e9} HTTP/1.1", &["400", "404"]),
        ("", &["400"]),
    ] {
        let came = exchange(house, format!("{line}\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes());
        let statuses: Vec<_> = came.split("HTTP/1.").skip(1).filter_map(|answer| answer.get(2..5)).collect();
        assert!(
            statuses.len() == 1 && allowed.contains(&statuses[0]),
            "{}: one of {allowed:?}, once\ncame back: {came}",
            line.escape_debug()
        );
    }
}
