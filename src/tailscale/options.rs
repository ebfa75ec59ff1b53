//! Which daemon is asked, and about which addresses. Owns [`Options`]: what `[tailscale]` says of that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Placed, TailscaleSettings};
use crate::error::{Fault, Faults};
use crate::place::{ClientAddress, NetworkList};

/// The most bytes a socket's path can have (`sun_path`).
const LONGEST_PATH: usize = 107;
/// How long one question to the daemon may take, the connection and every wait included.
const LIMIT: Duration = Duration::from_millis(300);
/// The networks of every tailnet that has not chosen others.
const USUAL_NETWORKS: [&str; 2] = ["100.64.0.0/10", "fd7a:115c:a1e0::/48"];

/// Where the local tailscaled is, and which addresses are its tailnet's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(super) socket: Socket,
    networks: NetworkList,
    /// Whether these are Tailscale's own networks: then a part of them is known to be no node's.
    usual: bool,
    pub(super) limit: Duration,
}

/// `socket`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    /// Looked for at each connection.
    Auto,
    /// There and nowhere else.
    At(PathBuf),
}

impl Options {
    /// Checks `socket` and `networks`.
    pub fn compile(settings: &Placed<TailscaleSettings>) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let written = &settings.value;
        let socket = socket(&written.socket).unwrap_or_else(|fault| {
            faults.add(written.socket.fault(fault));
            Socket::Auto
        });
        let mut networks = NetworkList::default();
        for entry in &written.networks {
            if let Err(fault) = network(&mut networks, &entry.value) {
                faults.add(entry.fault(fault));
            }
        }
        if written.networks.is_empty() {
            let fault = Fault::new("`tailscale.networks` is empty: nobody would be on the tailnet")
                .hint("leave it out for Tailscale's own networks, or leave out the section [tailscale]");
            faults.add(settings.fault(fault));
        }
        let is_usual = |entry: &Placed<String>| USUAL_NETWORKS.contains(&entry.value.as_str());
        let usual = written.networks.iter().all(is_usual);
        faults.or(Self { socket, networks, usual, limit: LIMIT })
    }

    /// The same, with another limit for one question: for tests, which may not depend on how fast
    /// the machine is.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Whether a node of the tailnet can have `address`.
    pub(super) fn may_be_there(&self, address: ClientAddress) -> bool {
        self.networks.contains(address)
            && match address.ip() {
                IpAddr::V4(ip) => !(is_service(ip) || self.usual && is_chromeos(ip)),
                IpAddr::V6(ip) => !is_no_node(ip),
            }
    }
}

/// Tailscale's own service, which answers at each node: DNS and the web client.
fn is_service(ip: Ipv4Addr) -> bool {
    ip == Ipv4Addr::new(100, 100, 100, 100)
}

/// 100.115.92.0/23: between `ChromeOS` and what runs in it; Tailscale gives none of these to a node.
fn is_chromeos(ip: Ipv4Addr) -> bool {
    matches!(ip.octets(), [100, 115, 92 | 93, _])
}

/// The same service, and the destinations of 4via6 (`fd7a:115c:a1e0:b1a::/64`), from which nobody asks.
fn is_no_node(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [0xfd7a, 0x115c, 0xa1e0, 0, 0, 0, 0, 0x53] | [0xfd7a, 0x115c, 0xa1e0, 0xb1a, ..])
}

fn socket(written: &Placed<String>) -> Result<Socket, Fault> {
    let text = written.value.as_str();
    if text == "auto" {
        return Ok(Socket::Auto);
    }
    let wrong = |why: &str, hint: &str| {
        Err(Fault::new(format!("`tailscale.socket` cannot be `{text}`: {why}")).hint(hint))
    };
    if let Some(path) = text.strip_prefix("unix:") {
        return wrong("it is a path", &format!("write `{path}`"));
    }
    if !Path::new(text).is_absolute() {
        return wrong(
            "the path is not absolute",
            "\"auto\", or a path such as `/var/run/tailscale/tailscaled.sock`",
        );
    }
    if text.ends_with('/') || text.contains('\0') {
        return wrong("there is no file name", "`/var/run/tailscale/tailscaled.sock`");
    }
    if text.len() > LONGEST_PATH {
        return wrong("the path is longer than 107 bytes, the most a socket can have", "a shorter path");
    }
    Ok(Socket::At(PathBuf::from(text)))
}

fn network(networks: &mut NetworkList, entry: &str) -> Result<(), Fault> {
    let wrong = |why: &str, hint: &str| {
        Fault::new(format!("`tailscale.networks` cannot hold `{entry}`: {why}")).hint(hint)
    };
    let mut alone = NetworkList::default();
    alone.add(entry).map_err(|why| {
        wrong(why.reason(), "a network without bits beyond its prefix, such as `100.64.0.0/10`")
    })?;
    if alone.is_everywhere() {
        return Err(wrong(
            "that is every address there is",
            "the networks that the control server gives addresses from, such as `100.64.0.0/10`",
        ));
    }
    networks.add(entry).map_err(|why| wrong(why.reason(), "such as `100.64.0.0/10`"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn settings(socket: &str, networks: &[&str]) -> Placed<TailscaleSettings> {
        let text = |text: &str| Placed::of(text.to_owned());
        Placed::of(TailscaleSettings {
            socket: text(socket),
            networks: networks.iter().map(|network| text(network)).collect(),
            accept: text("own-tailnet"),
            auto_create: Placed::of(false),
            roles: Vec::new(),
            counts_as: text("two_factor"),
            trust_loopback: Placed::of(false),
            capability: None,
            client_port_header: None,
            users: BTreeMap::new(),
            shared: BTreeMap::new(),
            tags: BTreeMap::new(),
        })
    }

    fn may_be_there(networks: &[&str], address: &str) -> bool {
        Options::compile(&settings("auto", networks)).unwrap().may_be_there(address.parse().unwrap())
    }

    #[test]
    fn what_no_node_can_have_is_not_asked_about() {
        for (address, may_be) in [
            ("100.64.0.2", true),
            ("::ffff:100.64.0.2", true),
            ("100.127.255.255", true),
            ("fd7a:115c:a1e0:ab12:4843:cd96:6240:2", true),
            ("fd7a:115c:a1e0::54", true),
            ("100.63.255.255", false),
            ("100.128.0.0", false),
            ("192.168.1.7", false),
            ("127.0.0.1", false),
            ("fd7a:115c:a1e1::2", false),
            ("100.100.100.100", false),
            ("::ffff:100.100.100.100", false),
            ("100.100.100.101", true),
            ("fd7a:115c:a1e0::53", false),
            ("fd7a:115c:a1e0:b1a:0:7:a01:203", false),
            ("fd7a:115c:a1e0:b1b::1", true),
            ("100.115.91.255", true),
            ("100.115.92.0", false),
            ("100.115.93.255", false),
            ("100.115.94.0", true),
        ] {
            assert_eq!(may_be_there(&USUAL_NETWORKS, address), may_be, "asked for {address}");
        }
    }

    #[test]
    fn networks_of_ones_own_may_hold_what_tailscale_keeps_free() {
        let own = ["100.115.92.0/23", "100.100.0.0/16", "fd7a:115c:a1e0::/48", "10.7.0.0/16"];
        for (address, may_be) in [
            ("100.115.92.7", true),
            ("10.7.0.1", true),
            ("100.64.0.2", false),
            ("100.100.100.100", false),
            ("fd7a:115c:a1e0::53", false),
        ] {
            assert_eq!(may_be_there(&own, address), may_be, "asked for {address}");
        }
        let turned = ["fd7a:115c:a1e0::/48", "100.64.0.0/10"];
        assert!(!may_be_there(&turned, "100.115.92.7"), "these are Tailscale's own, in another order");
    }

    #[test]
    fn every_fault_is_told_at_once_with_a_hint() {
        let long = format!("/{}", "s".repeat(107));
        for socket in ["", "tailscaled.sock", "unix:/run/t.sock", "@tailscaled", "/run/", "/run/\0", &long] {
            let networks = ["100.64.0.0/10", "0.0.0.0/0", "::/0", "100.64.0.1/10", "tailnet"];
            let faults = Options::compile(&settings(socket, &networks)).unwrap_err();
            assert_eq!(faults.0.len(), 5, "asked for {socket:?}: {faults}");
            assert!(faults.0.iter().all(|fault| fault.hint.is_some()), "asked for {socket:?}: {faults}");
        }
        assert!(Options::compile(&settings("auto", &[])).is_err(), "no network at all");
        let longest = format!("/{}", "s".repeat(106));
        assert!(Options::compile(&settings(&longest, &USUAL_NETWORKS)).is_ok(), "107 bytes are not too long");
    }
}
