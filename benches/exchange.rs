//! One request and its whole answer. Owns the reading of HTTP/1.1 answers.
//!
//! Promises: an answer is complete by its Content-Length, or it is an error.
//! Never: reads a chunked answer; nothing that is measured here sends one.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A whole answer.
pub(crate) struct Answer {
    raw: Vec<u8>,
    head: usize,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
}

impl Answer {
    /// The answer that `raw` is, if it is a whole one and nothing else.
    pub(crate) fn of(raw: &[u8]) -> Option<Self> {
        let Size { head, whole, status } = size(raw)?;
        let text = std::str::from_utf8(&raw[..head]).ok()?;
        let headers = text
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        (raw.len() == whole).then(|| Self { raw: raw.to_vec(), head, status, headers })
    }

    /// Every value of the header `name`.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.raw[self.head..]
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.raw
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }
}

/// How long an answer is.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) head: usize,
    pub(crate) whole: usize,
    pub(crate) status: u16,
}

/// The size of the answer that `buffer` begins with, once its head is there.
pub(crate) fn size(buffer: &[u8]) -> Option<Size> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).expect("a head is text");
    let status = text.get(9..12)?.parse().expect("a status is a number");
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().expect("a length is a number"));
    Some(Size { head, whole: head + length, status })
}

/// Asks once, on a connection of its own.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    stream.write_all(request)?;
    let (mut raw, mut part) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let count = stream.read(&mut part)?;
        raw.extend_from_slice(&part[..count]);
        if let Some(answer) = Answer::of(&raw) {
            return Ok(answer);
        }
        if count == 0 {
            let text = String::from_utf8_lossy(&raw).into_owned();
            return Err(io::Error::other(format!("the answer ended early: {text:?}")));
        }
    }
}
