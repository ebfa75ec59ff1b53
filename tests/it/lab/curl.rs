//! A visitor with TLS, HTTP/2 and a jar of cookies: the real curl, which keeps the rules of cookies.

use std::path::PathBuf;
use std::process::Command;

use super::client::Answer;
use super::{Lab, PROXY_PORT};

/// One visitor; its cookies stay with it.
pub(crate) struct Curl<'l> {
    lab: &'l Lab,
    jar: PathBuf,
}

impl<'l> Curl<'l> {
    /// Nobody yet. `name` tells its jar from others.
    pub(crate) fn new(lab: &'l Lab, name: &str) -> Self {
        Self { lab, jar: lab.folder.join(format!("{name}.cookies")) }
    }

    /// Goes to `url` as a browser does, over HTTP/2, with these further arguments.
    pub(crate) fn visit(&self, url: &str, arguments: &[&str]) -> Answer {
        let address = self.lab.address;
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--include", "--max-time", "30", "--noproxy", "*", "--http2"])
            .args(["--resolve", &format!("*:{PROXY_PORT}:{address}")])
            .arg("--cacert")
            .arg(self.lab.folder.join("certificate.pem"))
            .arg("--cookie")
            .arg(&self.jar)
            .arg("--cookie-jar")
            .arg(&self.jar)
            .args(["--header", "Accept: text/html", "--header", "Sec-Fetch-Mode: navigate"])
            .args(["--header", "Sec-Fetch-Dest: document"])
            .args(arguments)
            .arg(url)
            .output()
            .unwrap_or_else(|error| panic!("curl cannot be started: {error}; run ./test"));
        assert!(output.status.success(), "curl {arguments:?} {url}: {output:#?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let start = lines.next().unwrap_or_default();
        assert!(start.starts_with("HTTP/2 "), "{}: not HTTP/2: {start}", self.lab.kind);
        let pair = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Answer {
            status: start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default(),
            headers: lines.filter_map(pair).collect(),
            body: body.to_owned(),
        }
    }
}
