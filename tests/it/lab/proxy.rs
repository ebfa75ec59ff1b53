//! Real proxies with the files users get. Only the outermost file is made here.

use std::fmt;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::process::Process;
use super::way::{self, Way};
use super::{AEGIS_PORT, APP_PORT, PROXY_PORT};

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

/// Starts the proxy for the lab in `folder`; it accepts when this returns. At `entrance` it believes the
/// PROXY protocol, which says who comes over the tailnet.
pub(super) fn start(
    kind: Kind,
    way: &Way,
    address: Ipv4Addr,
    entrance: Option<Ipv4Addr>,
    folder: &Path,
) -> Process {
    let program = program(kind);
    if way.tls {
        way::certificate(folder, way.domain);
    }
    let process = if kind.is_caddy() {
        let file = folder.join("Caddyfile");
        fs::write(&file, caddyfile(way, address, entrance, folder)).unwrap();
        Process::start("caddy", folder, &program, |command| {
            command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(&file)
                .env("HOME", folder)
                .env("XDG_DATA_HOME", folder)
                .env("XDG_CONFIG_HOME", folder)
                .env("AEGIS_SOCKET", way.socket(address, folder))
        })
    } else {
        let file = folder.join("nginx.conf");
        fs::write(&file, nginx(way, address, entrance, folder)).unwrap();
        Process::start("nginx", folder, &program, |command| {
            command.arg("-p").arg(folder).arg("-c").arg(&file).args(["-e", "error.log"])
        })
    };
    process.wait_for((address, PROXY_PORT).into())
}

fn caddyfile(way: &Way, address: Ipv4Addr, entrance: Option<Ipv4Addr>, folder: &Path) -> String {
    let fragment = repository().join("caddy/aegis.caddy");
    let (fragment, folder, portal) = (fragment.display(), folder.display(), way.portal());
    let (scheme, tls) = if way.tls {
        ("https", format!("tls {folder}/certificate.pem {folder}/key.pem"))
    } else {
        ("http", String::new())
    };
    // From 2.7 on. `allow` believes the header where there is one; without one the peer is the visitor.
    let servers = entrance.map_or("", |_| {
        "servers {
		listener_wrappers {
			proxy_protocol {
				allow 127.0.0.1/32
			}
			tls
		}
	}"
    });
    let entrance = entrance.map(|entrance| entrance.to_string()).unwrap_or_default();
    format!(
        "{{
	admin off
	auto_https off
	{servers}
}}
import {fragment}
{scheme}://{portal} {{
	bind {address} {entrance}
	{tls}
	import aegis_portal
}}
{scheme}://:{PROXY_PORT} {{
	bind {address} {entrance}
	{tls}
	import aegis
	handle /handled/* {{
		reverse_proxy {address}:{APP_PORT}
	}}
	reverse_proxy {address}:{APP_PORT}
}}
"
    )
}

/// The line of `examples/nginx/nginx.conf` that names Aegis: the one in use, or the one it offers for TCP.
fn nginx_upstream(way: &Way, address: Ipv4Addr, folder: &Path) -> String {
    let example = fs::read_to_string(repository().join("examples/nginx/nginx.conf")).unwrap();
    let (line, place, own) = if way.tcp {
        ("server 10.0.0.5:8009;", "10.0.0.5:8009", format!("{address}:{AEGIS_PORT}"))
    } else {
        let place = "/run/aegis/aegis.sock";
        ("server unix:/run/aegis/aegis.sock;", place, folder.join("aegis.sock").display().to_string())
    };
    assert!(example.contains(line), "examples/nginx/nginx.conf no longer says `{line}`");
    line.replace(place, &own)
}

fn nginx(way: &Way, address: Ipv4Addr, entrance: Option<Ipv4Addr>, folder: &Path) -> String {
    let files = repository().join("examples/nginx");
    let upstream = nginx_upstream(way, address, folder);
    let (files, folder, domain) = (files.display(), folder.display(), way.domain);
    let (listen, tls) = if way.tls {
        let tls =
            format!("ssl_certificate {folder}/certificate.pem;\n    ssl_certificate_key {folder}/key.pem;");
        ("ssl http2", tls)
    } else {
        ("", String::new())
    };
    let (listen_too, believe) = match entrance {
        None => (String::new(), ""),
        Some(entrance) => (
            format!("listen {entrance}:{PROXY_PORT} proxy_protocol {listen};"),
            "set_real_ip_from 127.0.0.1;\n    real_ip_header proxy_protocol;",
        ),
    };
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
    {tls}
    {believe}
    upstream aegis {{
        {upstream}
        keepalive 16;
    }}
    include {files}/aegis-http.conf;
    server {{
        listen {address}:{PROXY_PORT} default_server {listen};
        {listen_too}
        server_name nobody.{domain};
        include {files}/aegis-server.conf;
        location / {{
            include {files}/aegis-location.conf;
            proxy_pass http://{address}:{APP_PORT};
        }}
    }}
    server {{
        listen {address}:{PROXY_PORT} {listen};
        {listen_too}
        server_name auth.{domain};
        include {files}/aegis-portal.conf;
    }}
}}
"
    )
}
