//! What speaks for the proxy that tells where a visitor is, as far as the settings say it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::finding::Finding;
use crate::config::Settings;
use crate::place::NetworkList;
use crate::serve::listen::Address;

/// The ways on which a proxy can ask.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ways {
    /// A unix socket, perhaps one of systemd.
    socket: bool,
    /// With a secret.
    secret: bool,
    /// Over TCP, from loopback and with nothing else to show.
    loopback: bool,
    /// `trust_loopback`.
    trust_loopback: bool,
}

const SAFER: &str = "let the proxy ask over a unix socket (`listen = [\"unix:/run/aegis/aegis.sock\"]`), or write \
                     `trusted_proxies = []` and `proxy_secret_file`: docs/tailnet.md";

impl Ways {
    pub(super) fn of(settings: &Settings, addresses: &[Address], trust_loopback: bool) -> Self {
        let entries = settings.trusted_proxies.iter().map(|entry| entry.value.as_str());
        let trusted = NetworkList::parse(entries).unwrap_or_default();
        let here: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let over_tcp = addresses.iter().any(|address| matches!(address, Address::Tcp(_)));
        Self {
            socket: addresses
                .iter()
                .any(|address| matches!(address, Address::Unix { .. } | Address::Systemd)),
            secret: settings.proxy_secret.is_some(),
            loopback: over_tcp && here.into_iter().any(|ip| trusted.contains(ip.into())),
            trust_loopback,
        }
    }

    /// Whether an identity of the tailnet can arrive, and only from the proxy. `tun` is what the daemon
    /// says of itself.
    pub(super) fn judge(self, tun: Option<bool>) -> Finding {
        let userspace = match tun {
            Some(true) => return self.with_tun(),
            Some(false) => {
                "tailscaled has no TUN device, so that every device of the tailnet reaches loopback"
            }
            None => {
                "tailscaled does not say whether it has a TUN device; without one every device of the \
                     tailnet reaches loopback"
            }
        };
        match (self.loopback, self.trust_loopback, self.socket || self.secret) {
            (true, true, _) => Finding::wrong(
                "tailscale",
                format!("{userspace}, and with `trust_loopback = true` can say there that it is another"),
            )
            .hint(format!("take `trust_loopback` out; {SAFER}")),
            (true, false, true) => Finding::note(
                "tailscale",
                format!("{userspace}: who asks there is believed as a proxy, but never about the tailnet"),
            )
            .hint(SAFER),
            (true, false, false) => Finding::note(
                "tailscale",
                format!("{userspace}: your proxy asks there too, and so nobody is known by the tailnet"),
            )
            .hint(SAFER),
            (false, _, true) => self.believed(),
            (false, _, false) => Self::by_address(),
        }
    }

    fn with_tun(self) -> Finding {
        if self.socket || self.secret {
            self.believed()
        } else if self.loopback {
            Finding::ok(
                "tailscale",
                "the proxy is believed about it: it asks over loopback, and tailscaled has a TUN device",
            )
        } else {
            Self::by_address()
        }
    }

    fn believed(self) -> Finding {
        let by = if self.socket { "it asks over the unix socket" } else { "it shows the secret" };
        Finding::ok("tailscale", format!("the proxy is believed about it if {by}"))
    }

    fn by_address() -> Finding {
        let what = "nothing but its address speaks for the proxy, and so nobody is known by the tailnet";
        Finding::note("tailscale", what).hint(SAFER)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn what_speaks_for_the_proxy_decides_who_is_known() {
        let none = Ways::default();
        let socket = Ways { socket: true, ..none };
        let loopback = Ways { loopback: true, ..none };
        let both = Ways { socket: true, ..loopback };
        let trusted = Ways { trust_loopback: true, ..both };
        for (ways, tun, state, part) in [
            (socket, Some(true), State::Ok, "unix socket"),
            (socket, Some(false), State::Ok, "unix socket"),
            (Ways { secret: true, ..none }, None, State::Ok, "the secret"),
            (loopback, Some(true), State::Ok, "has a TUN device"),
            (loopback, Some(false), State::Note, "nobody is known"),
            (loopback, None, State::Note, "does not say"),
            (both, Some(false), State::Note, "never about the tailnet"),
            (trusted, Some(true), State::Ok, "unix socket"),
            (trusted, Some(false), State::Wrong, "that it is another"),
            (trusted, None, State::Wrong, "that it is another"),
            (Ways { loopback: false, ..trusted }, Some(false), State::Ok, "unix socket"),
            (none, Some(true), State::Note, "nothing but its address"),
            (none, Some(false), State::Note, "nothing but its address"),
        ] {
            let found = ways.judge(tun);
            assert_eq!(found.state, state, "{ways:?} with TUN {tun:?}: {found:?}");
            assert!(found.in_words().contains(part), "{part:?} is not in {found:?}");
        }
    }
}
