//! Real proxies with the files users get. Only the outermost file is made here.

use std::fmt;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::process::Process;
use super::{APP_PORT, PORTAL, PROXY_PORT};

/// Which proxy stands before the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The newest Caddy there is as a wheel, pinned in `scripts/proxies.txt`.
    Caddy,
    /// Debian's Caddy.
    OldCaddy,
    /// Debian's nginx.
    Nginx,
}

impl Kind {
    /// Every proxy the files are for.
    pub(crate) const ALL: [Self; 3] = [Self::Caddy, Self::OldCaddy, Self::Nginx];

    /// Whether this is one of the two Caddys.
    pub(crate) fn is_caddy(self) -> bool {
        self != Self::Nginx
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Caddy => "Caddy",
            Self::OldCaddy => "old Caddy",
            Self::Nginx => "nginx",
        })
    }
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program of a proxy; `./test` puts the pinned one there.
pub(crate) fn program(kind: Kind) -> PathBuf {
    let path = match kind {
        Kind::Caddy => repository().join(".cache/proxies/bin/caddy"),
        Kind::OldCaddy => "/usr/bin/caddy".into(),
        Kind::Nginx => "/usr/sbin/nginx".into(),
    };
    assert!(path.exists(), "{} is missing: run ./test, which fetches what the tests need", path.display());
    path
}

/// Starts the proxy for the lab in `folder`; it accepts when this returns.
pub(crate) fn start(kind: Kind, address: Ipv4Addr, folder: &Path) -> Process {
    let program = program(kind);
    let process = if kind.is_caddy() {
        let file = folder.join("Caddyfile");
        fs::write(&file, caddyfile(address)).unwrap();
        Process::start("caddy", folder, &program, |command| {
            command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(&file)
                .env("HOME", folder)
                .env("XDG_DATA_HOME", folder)
                .env("XDG_CONFIG_HOME", folder)
                .env("AEGIS_SOCKET", format!("unix/{}", folder.join("aegis.sock").display()))
        })
    } else {
        let file = folder.join("nginx.conf");
        fs::write(&file, nginx(address, folder)).unwrap();
        Process::start("nginx", folder, &program, |command| {
            command.arg("-p").arg(folder).arg("-c").arg(&file).args(["-e", "error.log"])
        })
    };
    process.wait_for((address, PROXY_PORT).into())
}

fn caddyfile(address: Ipv4Addr) -> String {
    let fragment = repository().join("caddy/aegis.caddy");
    let fragment = fragment.display();
    format!(
        "{{
	admin off
	auto_https off
}}
import {fragment}
http://{PORTAL} {{
	bind {address}
	import aegis_portal
}}
http://:{PROXY_PORT} {{
	bind {address}
	import aegis
	handle /handled/* {{
		reverse_proxy {address}:{APP_PORT}
	}}
	reverse_proxy {address}:{APP_PORT}
}}
"
    )
}

fn nginx(address: Ipv4Addr, folder: &Path) -> String {
    let files = repository().join("examples/nginx");
    let (files, folder) = (files.display(), folder.display());
    let portal = PORTAL.split(':').next().unwrap();
    // nginx opens the socket as its worker's user; in the lab there is one process and one user.
    format!(
        "daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream aegis {{
        server unix:{folder}/aegis.sock;
        keepalive 16;
    }}
    include {files}/aegis-http.conf;
    server {{
        listen {address}:{PROXY_PORT} default_server;
        server_name nobody.aegis.localhost;
        include {files}/aegis-server.conf;
        location / {{
            include {files}/aegis-location.conf;
            proxy_pass http://{address}:{APP_PORT};
        }}
    }}
    server {{
        listen {address}:{PROXY_PORT};
        server_name {portal};
        include {files}/aegis-portal.conf;
    }}
}}
"
    )
}
