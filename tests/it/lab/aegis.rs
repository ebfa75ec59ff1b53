//! The real Aegis as a child process.

use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::process::Process;
use super::way::Way;
use super::{AEGIS_PORT, PASSWORD, PROXY_PORT};

/// Aegis, its folder and how to command it.
pub(crate) struct Aegis {
    pub(crate) process: Process,
    /// Where its settings, its data and its socket are.
    pub(crate) folder: PathBuf,
}

impl Aegis {
    /// Starts it with the lab's settings; it says itself when it is ready.
    pub(crate) fn start(address: Ipv4Addr, folder: PathBuf) -> Self {
        Self::standing(address, folder, &Way::USUAL)
    }

    /// The same in another way.
    pub(super) fn standing(address: Ipv4Addr, folder: PathBuf, way: &Way) -> Self {
        fs::write(folder.join("aegis.toml"), settings(address, &folder, way)).unwrap();
        let process = serve(&folder);
        Self { process, folder }
    }

    /// Starts it with the lab's settings under another program; see [`serve_under`].
    pub(crate) fn under(address: Ipv4Addr, folder: PathBuf, under: &[&str]) -> Self {
        fs::write(folder.join("aegis.toml"), settings(address, &folder, &Way::USUAL)).unwrap();
        let process = serve_under(&folder, under);
        Self { process, folder }
    }

    /// Runs a command on the same settings and data beside the running server.
    pub(crate) fn command(&self, arguments: &[&str], input: &str) -> Output {
        run(&self.folder, arguments, input)
    }

    /// Makes somebody with the lab's password.
    pub(crate) fn add_user(&self, name: &str, roles: &[&str]) {
        let (email, roles) = (format!("{name}@example.test"), roles.join(","));
        let mut arguments = vec!["user", "add", name, "--email", &email, "--password-stdin"];
        if !roles.is_empty() {
            arguments.extend(["--roles", &roles]);
        }
        let output = self.command(&arguments, &format!("{PASSWORD}\n"));
        assert!(output.status.success(), "aegis {arguments:?}: {output:#?}");
    }
}

/// Runs a command on the settings and data in `folder`.
pub(crate) fn run(folder: &Path, arguments: &[&str], input: &str) -> Output {
    run_with(folder, arguments, input, &[])
}

/// The same with these variables in its environment.
pub(crate) fn run_with(folder: &Path, arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_aegis"))
        .args(arguments)
        .envs(variables.iter().copied())
        .arg("--config")
        .arg(folder.join("aegis.toml"))
        .arg("--data-dir")
        .arg(folder.join("data"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may have closed its end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Starts `aegis serve` on the settings and data in `folder`, and waits for its `READY=1`.
pub(crate) fn serve(folder: &Path) -> Process {
    serve_under(folder, &[])
}

/// The same, started by this program with these arguments, which must become `aegis`.
pub(crate) fn serve_under(folder: &Path, under: &[&str]) -> Process {
    let (program, arguments) = match under {
        [] => (env!("CARGO_BIN_EXE_aegis"), &[][..]),
        [program, arguments @ ..] => (*program, arguments),
    };
    let path = folder.join("notify");
    let _ = fs::remove_file(&path);
    let notify = UnixDatagram::bind(&path).unwrap();
    notify.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let process = Process::start("aegis", folder, Path::new(program), |command| {
        command
            .args(arguments)
            .args((!under.is_empty()).then_some(env!("CARGO_BIN_EXE_aegis")))
            .arg("serve")
            .arg("--config")
            .arg(folder.join("aegis.toml"))
            .arg("--data-dir")
            .arg(folder.join("data"))
            .env("NOTIFY_SOCKET", &path)
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut message = [0; 4096];
    loop {
        if let Ok(length) = notify.recv(&mut message)
            && String::from_utf8_lossy(&message[..length]).lines().any(|line| line == "READY=1")
        {
            return process;
        }
        process.still_there();
        assert!(Instant::now() < deadline, "aegis does not say that it is ready:\n{}", process.log());
    }
}

fn settings(address: Ipv4Addr, folder: &Path, way: &Way) -> String {
    let socket = folder.join("aegis.sock");
    let (socket, domain) = (socket.display(), way.domain);
    let (public_url, lines) = (way.public_url(), way.settings.replace("{folder}", &folder.to_string_lossy()));
    let host = |app: &str| format!("\"*.{app}.{domain}:{PROXY_PORT}\"");
    format!(
        "public_url = \"{public_url}\"
listen = [\"unix:{socket}\", \"{address}:{AEGIS_PORT}\"]
{lines}
[cookie]
domain = \"{domain}\"

[app.open]
hosts = [{open}]
require = \"public\"

[app.welcome]
hosts = [{welcome}]
require = \"optional\"

[app.closed]
hosts = [{closed}]
require = \"signed_in\"
public = [\"/pub\"]
[[app.closed.rule]]
path = \"/admin/*\"
roles = [\"admin\"]

[app.operators]
hosts = [{operators}]
require = \"signed_in\"
roles = [\"operator\"]

[app.passing]
hosts = [{passing}]
require = \"signed_in\"
preflight = \"pass\"

[app.shut]
hosts = [{shut}]
require = \"deny\"

[app.arlo]
title = \"Arlo\"
hosts = [\"arlo.{domain}:{PROXY_PORT}\"]
require = \"signed_in\"

[app.long]
title = \"{title}\"
hosts = [\"{long}.{domain}:{PROXY_PORT}\"]
require = \"signed_in\"

[app.kept]
title = \"Kept from most\"
hosts = [\"kept.{domain}:{PROXY_PORT}\"]
require = \"signed_in\"
roles = [\"operator\"]
",
        title = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk",
        long = "n".repeat(63),
        open = host("open"),
        welcome = host("welcome"),
        closed = host("closed"),
        operators = host("operators"),
        passing = host("passing"),
        shut = host("shut"),
    )
}
