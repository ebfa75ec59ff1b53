//! A visitor who sends exactly the bytes it is told to.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take. Long enough for the slowest machine, and for Traefik, which waits 30 s for
/// Aegis; nothing is measured with it.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// A request, as its bytes.
#[derive(Clone)]
pub(crate) struct Ask {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Ask {
    /// `method target HTTP/1.1` with a `Host`, and nothing else.
    pub(crate) fn new(method: &str, host: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("Host".to_owned(), host.to_owned())],
            body: None,
        }
    }

    /// A script or a program that says nothing of itself.
    pub(crate) fn get(host: &str, target: &str) -> Self {
        Self::new("GET", host, target).header("Accept", "*/*")
    }

    /// A browser that goes there.
    pub(crate) fn navigation(host: &str, target: &str) -> Self {
        Self::new("GET", host, target)
            .header("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
            .header("Sec-Fetch-Site", "none")
            .header("Sec-Fetch-Mode", "navigate")
            .header("Sec-Fetch-Dest", "document")
            .header("Sec-Fetch-User", "?1")
    }

    /// A page's script that asks.
    pub(crate) fn fetch(host: &str, target: &str) -> Self {
        Self::new("GET", host, target)
            .header("Accept", "*/*")
            .header("Sec-Fetch-Site", "same-origin")
            .header("Sec-Fetch-Mode", "cors")
            .header("Sec-Fetch-Dest", "empty")
    }

    /// The opening of a WebSocket. The key and its answer are those of RFC 6455, section 1.3.
    pub(crate) fn websocket(host: &str, target: &str) -> Self {
        Self::new("GET", host, target)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-Fetch-Mode", "websocket")
    }

    /// One more header line.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another method.
    pub(crate) fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// The same at another target.
    pub(crate) fn target(mut self, change: impl FnOnce(&str) -> String) -> Self {
        self.target = change(&self.target);
        self
    }

    /// The same under another `Host`.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.headers.retain(|(name, _)| name != "Host");
        self.header("Host", host)
    }

    /// The same with the names of its headers changed.
    pub(crate) fn names(mut self, change: impl Fn(&str) -> String) -> Self {
        self.headers.iter_mut().for_each(|(name, _)| *name = change(name));
        self
    }

    /// With a body of known length.
    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    /// What is sent.
    pub(crate) fn bytes(&self) -> String {
        let Self { method, target, headers, body } = self;
        let lines: String =
            headers.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
        let end = body.as_ref().map_or_else(
            || "\r\n".to_owned(),
            |body| format!("Content-Length: {}\r\n\r\n{body}", body.len()),
        );
        format!("{method} {target} HTTP/1.1\r\n{lines}{end}")
    }

    /// Sends it on a connection of its own and reads the answer.
    pub(crate) fn send(&self, to: SocketAddr) -> Answer {
        Answer::read(&mut self.open(to), &self.method)
    }

    /// Sends it and gives the connection.
    pub(crate) fn open(&self, to: SocketAddr) -> BufReader<TcpStream> {
        send_bytes(to, self.bytes().as_bytes())
    }

    /// Sends it to a unix socket and gives the connection.
    pub(crate) fn open_unix(&self, to: &Path) -> io::Result<BufReader<UnixStream>> {
        let mut stream = UnixStream::connect(to)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let _ = stream.write_all(self.bytes().as_bytes());
        Ok(BufReader::new(stream))
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.bytes())
    }
}

/// Sends these bytes and reads one answer.
pub(crate) fn exchange(to: SocketAddr, bytes: &[u8]) -> Answer {
    let method = String::from_utf8_lossy(bytes.split(|byte| *byte == b' ').next().unwrap_or_default());
    Answer::read(&mut send_bytes(to, bytes), &method)
}

/// Sends these bytes and gives the connection.
pub(crate) fn send_bytes(to: SocketAddr, bytes: &[u8]) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(to).unwrap_or_else(|error| panic!("connecting to {to}: {error}"));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    // An answer may come before the whole request is read; then writing fails and reading does not.
    let _ = stream.write_all(bytes);
    BufReader::new(stream)
}

/// What came back. Status 0 is a connection that was closed without an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// Reads one answer to a request of this method.
    pub(crate) fn read(stream: &mut BufReader<impl Read>, method: &str) -> Self {
        let mut answer = Self::default();
        let Some(start) = line(stream) else { return answer };
        answer.status = start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        while let Some(text) = line(stream).filter(|text| !text.is_empty()) {
            if let Some((name, value)) = text.split_once(':') {
                answer.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let mut body = Vec::new();
        if method == "HEAD" || answer.status == 101 || answer.status == 204 || answer.status == 304 {
        } else if answer.header("transfer-encoding").is_some() {
            while let Some(size) = line(stream).and_then(|size| usize::from_str_radix(&size, 16).ok()) {
                let start = body.len();
                body.resize(start + size, 0);
                stream.read_exact(&mut body[start..]).expect("a whole chunk");
                line(stream);
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = answer.header("content-length").and_then(|length| length.parse().ok()) {
            stream.take(length).read_to_end(&mut body).expect("a whole body");
        } else {
            let _ = stream.read_to_end(&mut body);
        }
        answer.body = String::from_utf8_lossy(&body).into_owned();
        answer
    }

    /// The one value of a header; panics if there are several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let first = values.next();
        assert!(values.next().is_none(), "several `{name}` in {self}");
        first
    }

    /// `name=value` of every cookie it sets.
    pub(crate) fn cookies(&self) -> Vec<String> {
        let cookies = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        cookies.map(|(_, value)| value.split(';').next().unwrap_or_default().to_owned()).collect()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}) in {self}"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(formatter, "{name}: {value}")?;
        }
        let end = self.body.char_indices().nth(600).map_or(self.body.len(), |(index, _)| index);
        write!(formatter, "\n{}", &self.body[..end])
    }
}

fn line(stream: &mut BufReader<impl Read>) -> Option<String> {
    let mut text = Vec::new();
    match stream.read_until(b'\n', &mut text) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(String::from_utf8_lossy(&text).trim_end_matches(['\r', '\n']).to_owned()),
    }
}
