//! The real Caddy before the show, with the very files that users import.
//! Never listens beyond loopback, opens Caddy's admin interface, or uses anybody's Caddy settings.

use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{APP, PHONE, PORTAL};
use crate::clock::Clock;

/// What users import, as it is shipped.
const FRAGMENT: &str = include_str!("../../caddy/aegis.caddy");

/// How long Caddy may take to begin, and to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many characters of its last words are told.
const LONGEST: usize = 120;
/// How often it is asked whether it has begun.
const KNOCK: Duration = Duration::from_millis(25);

/// Caddy, running.
pub(super) struct Caddy {
    child: Child,
    version: String,
    log: PathBuf,
}

impl Caddy {
    /// Starts the `caddy` of the PATH before the sockets in `folder`; it accepts when this returns.
    /// Otherwise says why there is none, and has left none running.
    pub(super) async fn start(clock: &Clock, folder: &Path, port: u16) -> Result<Self, String> {
        let version = Self::version().await?;
        let not_started = |error: io::Error| format!("Caddy cannot be started: {error}");
        let home = folder.join("caddy");
        fs::create_dir(&home).map_err(not_started)?;
        fs::write(home.join("aegis.caddy"), FRAGMENT).map_err(not_started)?;
        let file = home.join("Caddyfile");
        fs::write(&file, caddyfile(folder, port)).map_err(not_started)?;
        let log = home.join("log");
        let output = File::create(&log).map_err(not_started)?;
        let child = Command::new("caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&file)
            .env("HOME", &home)
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("AEGIS_SOCKET", format!("unix/{}", folder.join("aegis.sock").display()))
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(not_started)?)
            .stderr(output)
            // Ctrl-C in a terminal is for us: we end Caddy when it is its turn.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(not_started)?;
        let mut caddy = Self { child, version, log };
        let begun = async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
                clock.wait(KNOCK).await;
            }
        };
        let begun = tokio::select! {
            why = caddy.ended() => Err(format!("Caddy did not start: {why}")),
            begun = timeout(PATIENCE, begun) => begun.map_err(|_late| "Caddy did not begin to listen".to_owned()),
        };
        match begun {
            Ok(()) => Ok(caddy),
            Err(why) => {
                caddy.stop().await;
                Err(why)
            }
        }
    }

    async fn version() -> Result<String, String> {
        match Command::new("caddy").arg("version").stdin(Stdio::null()).output().await {
            Ok(said) if said.status.success() => {
                let said = String::from_utf8_lossy(&said.stdout);
                let version = said.split_whitespace().next().unwrap_or("of no version");
                Ok(version.trim_start_matches('v').to_owned())
            }
            Ok(_) => Err("`caddy version` fails".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err("`caddy` is not on the PATH".to_owned())
            }
            Err(error) => Err(format!("`caddy` cannot be run: {error}")),
        }
    }

    /// `Caddy 2.6.2`.
    pub(super) fn name(&self) -> String {
        format!("Caddy {}", self.version)
    }

    /// Waits until it has ended by itself; says why, in its own last words.
    pub(super) async fn ended(&mut self) -> String {
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().last().map_or(status, |line| line.chars().take(LONGEST).collect())
    }

    /// Asks it to end, waits, and ends it if it does not.
    pub(super) async fn stop(mut self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            let _gone = kill_process(id, Signal::TERM);
        }
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            let _gone = self.child.kill().await;
        }
    }
}

/// The outermost file: what only this show has.
fn caddyfile(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "{{
	admin off
	auto_https off
}}

import aegis.caddy

http://{PORTAL}:{port} {{
	bind 127.0.0.1
	import aegis_portal
}}

http://{APP}:{port} {{
	bind 127.0.0.1
	import aegis
	reverse_proxy unix/{folder}/app.sock
}}

http://{PHONE}:{port} {{
	bind 127.0.0.1
	reverse_proxy unix/{folder}/phone.sock
}}
"
    )
}
