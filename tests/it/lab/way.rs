//! How a lab stands: under which names, with or without TLS, and how the proxy reaches Aegis.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use super::tailnet::Runs;
use super::{AEGIS_PORT, PROXY_PORT};

/// The apps of a lab. Each has every host `*.APP.DOMAIN`.
pub(crate) const APPS: [&str; 6] = ["open", "welcome", "closed", "operators", "passing", "shut"];

/// How a lab stands. The usual: names of this machine, no TLS, the unix socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// The scheme of `public_url`.
    pub(crate) scheme: &'static str,
    /// The domain of every host.
    pub(crate) domain: &'static str,
    /// Whether the proxy speaks TLS, with a certificate made for the lab.
    pub(crate) tls: bool,
    /// Whether the proxy reaches Aegis over TCP and not over the unix socket.
    pub(crate) tcp: bool,
    /// Whether the proxy is in a tailnet too, and who runs its node; see [`super::tailnet`].
    pub(crate) tailnet: Option<Runs>,
    /// Lines at the top of the settings; `{folder}` in them is the lab's.
    pub(crate) settings: &'static str,
}

impl Way {
    /// What `aegis demo` and the shipped files have without any setting.
    pub(crate) const USUAL: Self = Self {
        scheme: "http",
        domain: "aegis.localhost",
        tls: false,
        tcp: false,
        tailnet: None,
        settings: "",
    };
    /// The proxy asks over TCP, from an address that Aegis believes by itself.
    pub(crate) const TCP: Self = Self { tcp: true, ..Self::USUAL };
    /// Names of a real network, behind TLS.
    pub(crate) const TLS: Self = Self { scheme: "https", domain: "aegis.test", tls: true, ..Self::USUAL };

    /// The proxy can be entered over a tailnet as well.
    pub(crate) const TAILNET: Self = Self { tailnet: Some(Runs::Node), ..Self::USUAL };

    /// The host of Aegis's own site, as it stands in a `Host` header.
    pub(crate) fn portal(&self) -> String {
        format!("auth.{}:{PROXY_PORT}", self.domain)
    }

    /// The address of Aegis's own site.
    pub(crate) fn public_url(&self) -> String {
        format!("{}://{}", self.scheme, self.portal())
    }

    /// Where the proxy finds Aegis, as Caddy writes it.
    pub(super) fn socket(&self, address: Ipv4Addr, folder: &Path) -> String {
        if self.tcp {
            format!("{address}:{AEGIS_PORT}")
        } else {
            format!("unix/{}", folder.join("aegis.sock").display())
        }
    }
}

/// Makes `key.pem` and `certificate.pem` in `folder` for every name of a lab; nobody signed them.
pub(super) fn certificate(folder: &Path, domain: &str) {
    let hosts = APPS.map(|app| format!("DNS:*.{app}.{domain}"));
    let names = format!("subjectAltName=DNS:*.{domain},{}", hosts.join(","));
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem"];
    let output = Command::new("openssl")
        .args(["req", "-x509", "-subj", "/CN=the lab", "-addext", &names, "-out", "certificate.pem"])
        .args(key)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("openssl cannot be started: {error}; run ./test"));
    assert!(output.status.success(), "a certificate for {names}: {output:#?}");
    assert!(fs::metadata(folder.join("certificate.pem")).is_ok(), "a certificate for {names}");
}
