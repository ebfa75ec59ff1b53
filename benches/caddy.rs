//! A real Caddy with the files that users import, before an app.
//!
//! Promises: the snippet is the very file in `caddy/`; only where it listens and whom it asks are set here.
//! Never: changes Caddy's own settings beyond what keeps it to this run.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::{Cores, Process};

const SNIPPET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/caddy/aegis.caddy");

/// What stands in for the snippet where it is not there yet.
const STAND_IN: &str = "(aegis) {
	forward_auth {$AEGIS_SOCKET} {
		uri /auth/forward-auth
		copy_headers Remote-User Remote-Email Remote-Name Remote-Groups Remote-Auth-Method X-Aegis-Assertion
	}
}
";

/// A running Caddy.
pub(crate) struct Caddy {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    _directory: TempDir,
}

fn program() -> String {
    std::env::var("CADDY").unwrap_or_else(|_| "caddy".to_owned())
}

/// `Caddy 2.11.7`, or nothing if there is none.
pub(crate) fn version() -> Option<String> {
    let output = Command::new(program()).arg("version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(format!("Caddy {}", text.split_whitespace().next()?.trim_start_matches('v')))
}

/// Which snippet is used, for the report.
pub(crate) fn files() -> &'static str {
    if Path::new(SNIPPET).exists() { "with caddy/aegis.caddy" } else { "with a plain forward_auth" }
}

impl Caddy {
    /// Starts one before `app` that asks `auth` (as Caddy writes an address), or nobody.
    pub(crate) fn start(cores: Cores, auth: Option<&str>, app: SocketAddr, host: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory for a while");
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a free port");
        let snippet =
            if Path::new(SNIPPET).exists() { format!("import {SNIPPET}\n") } else { STAND_IN.to_owned() };
        let check = if auth.is_some() { "import aegis" } else { "" };
        // The site is matched by its port alone; the visitor's Host names the port Aegis knows.
        let caddyfile = format!(
            "{{\n\tadmin off\n\tauto_https off\n}}\n{snippet}http://:{} {{\n\tbind 127.0.0.1\n\t{check}\n\treverse_proxy {app}\n}}\n",
            address.port()
        );
        let path = directory.path().join("Caddyfile");
        fs::write(&path, caddyfile).expect("a Caddyfile is written");
        let log = directory.path().join("log");
        let mut command = Command::new(program());
        command
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&path)
            .env("HOME", directory.path())
            .env("XDG_DATA_HOME", directory.path())
            .env("XDG_CONFIG_HOME", directory.path())
            .env("AEGIS_SOCKET", auth.unwrap_or("127.0.0.1:9"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).expect("a log"));
        let mut process = Process::start(cores, &mut command);
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            let ended = process.0.try_wait().expect("a child can be waited for");
            assert!(
                ended.is_none() && Instant::now() < end,
                "Caddy for {host} did not start:\n{}",
                fs::read_to_string(&log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { process, address, _directory: directory }
    }
}
