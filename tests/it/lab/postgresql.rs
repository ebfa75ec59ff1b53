//! A real PostgreSQL of a test's own: on a unix socket, without TCP, with a password.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::address;
use super::process::Process;

/// What its one role signs in with.
const PASSWORD: &str = "of-the-database";

/// A running server; its only role and database are called `postgres`.
pub(crate) struct PostgreSql {
    process: Process,
    programs: PathBuf,
    folder: PathBuf,
}

impl PostgreSql {
    /// Makes a cluster and starts it; it answers when this returns.
    pub(crate) fn start() -> Self {
        let (programs, folder) = (programs(), address::folder());
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let word = folder.join("password");
        fs::write(&word, PASSWORD).unwrap();
        fs::set_permissions(&word, fs::Permissions::from_mode(0o644)).unwrap();
        let home = folder.join("postgresql");
        let mut install = Command::new("install");
        install.args(["-d", "-m", "700"]);
        if is_root() {
            install.args(["-o", "postgres", "-g", "postgres"]);
        }
        succeed(install.arg(&home));

        let cluster = home.join("cluster");
        let [first, words @ ..] = &*as_somebody(&programs.join("initdb")) else { unreachable!() };
        succeed(
            Command::new(first)
                .args(words)
                .current_dir(&home)
                .args(["--no-sync", "--locale=C", "--encoding=UTF8", "--auth=scram-sha-256"])
                .args(["--username=postgres", "--pwfile"])
                .arg(&word)
                .arg("--pgdata")
                .arg(&cluster),
        );
        let [first, words @ ..] = &*as_somebody(&programs.join("postgres")) else { unreachable!() };
        let process = Process::start("postgresql", &folder, first, |command| {
            command
                .args(words)
                .current_dir(&home)
                .arg("-D")
                .arg(&cluster)
                .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "dynamic_shared_memory_type=mmap"])
                .arg("-c")
                .arg(format!("unix_socket_directories={}", home.display()))
        });
        let server = Self { process, programs, folder: home };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !server.is_ready() {
            server.process.still_there();
            assert!(Instant::now() < deadline, "PostgreSQL does not answer:\n{}", server.process.log());
            thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// The URL that leads to it.
    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres:{PASSWORD}@/postgres?host={}", self.folder.display())
    }

    /// Does what these statements say, and gives what they print.
    #[track_caller]
    pub(crate) fn done(&self, statements: &str) -> String {
        let mut child = Command::new(self.programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{statements}\n{output:#?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn is_ready(&self) -> bool {
        let mut ask = Command::new(self.programs.join("pg_isready"));
        ask.arg("--quiet").arg("--host").arg(&self.folder).status().unwrap().success()
    }
}

impl Drop for PostgreSql {
    /// Killed, it would leave shared memory behind.
    fn drop(&mut self) {
        if !thread::panicking() {
            self.process.end();
        }
    }
}

/// Where the programs of the installed version are.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions
        .map(|version| version.path().join("bin"))
        .filter(|programs| programs.join("postgres").exists())
        .max()
        .expect("PostgreSQL is missing: run ./test, which installs what the tests need")
}

/// The words that run a program as somebody PostgreSQL accepts: not as root.
fn as_somebody(program: &Path) -> Vec<PathBuf> {
    let mut words: Vec<PathBuf> = Vec::new();
    if is_root() {
        let other = "setpriv --reuid postgres --regid postgres --clear-groups --pdeathsig KILL --";
        words.extend(other.split(' ').map(PathBuf::from));
    }
    words.push(program.to_owned());
    words
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[track_caller]
fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; run ./test"));
    assert!(output.status.success(), "{command:?}: {output:#?}");
}
