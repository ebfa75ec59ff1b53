//! Which proxies are believed. Owns [`Proxies`]: its check of the settings, and the judgement of a peer.
//! Never believes an address that a header tells.

use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

use super::heard::{SECRET, Slot};
use super::{Peer, Unread, Vouched};
use crate::config::{Placed, Settings};
use crate::error::{Fault, Faults};
use crate::place::NetworkList;
use crate::secret::{self, Secret};

/// The fewest characters of a proxy secret.
const SECRET_LEAST: usize = 16;
/// The most characters of a proxy secret.
const SECRET_MOST: usize = 512;

/// Which proxies are believed, and which are passed over in `X-Forwarded-For`.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    trusted: NetworkList,
    pub(super) hops: NetworkList,
    secret: Option<Secret>,
}

impl Proxies {
    /// Proxies that ask from `trusted` or show `secret`; `hops` stand between the visitor and them.
    pub fn new(trusted: NetworkList, hops: NetworkList, secret: Option<Secret>) -> Self {
        Self { trusted, hops, secret }
    }

    /// Reads `trusted_proxies`, `trusted_hops` and `proxy_secret`.
    pub fn compile(settings: &Settings) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let trusted = networks("trusted_proxies", &settings.trusted_proxies, &mut faults);
        let hops = networks("trusted_hops", &settings.trusted_hops, &mut faults);
        if let Some(tailscale) = &settings.tailscale {
            let tailnet = &tailscale.value.networks;
            keep_out("trusted_proxies", &settings.trusted_proxies, tailnet, &mut faults);
            keep_out("trusted_hops", &settings.trusted_hops, tailnet, &mut faults);
        }
        if let Some(secret) = &settings.proxy_secret
            && let Some(fault) = secret_fault(&secret.value)
        {
            faults.add(secret.fault(fault));
        }
        faults.or(Self {
            trusted,
            hops,
            secret: settings.proxy_secret.as_ref().map(|secret| secret.value.clone()),
        })
    }

    /// Whether these headers show our proxy secret, once.
    pub fn secret_is_in(&self, headers: &HeaderMap) -> bool {
        let mut shown = headers.get_all(SECRET).iter();
        match (&self.secret, shown.next(), shown.next()) {
            (Some(secret), Some(shown), None) => is_same(secret, shown),
            _ => false,
        }
    }

    /// What speaks for `peer`, if it is believed.
    ///
    /// A wrong secret is an error whoever shows it; none at all leaves the judgement to the address.
    pub(super) fn believe(&self, peer: Peer, shown: Slot<'_>) -> Result<Vouched, Unread> {
        let secret_shown = match (&self.secret, shown) {
            (None, _) | (Some(_), Slot::Absent) => false,
            (Some(secret), Slot::Once(shown)) if is_same(secret, shown) => true,
            (Some(_), Slot::Once(_) | Slot::Often) => return Err(Unread::WrongSecret),
        };
        match peer {
            Peer::Unix => Ok(Vouched::Surely),
            Peer::Tcp(_) if secret_shown => Ok(Vouched::Surely),
            Peer::Tcp(address) if self.trusted.contains(address) => {
                Ok(if address.ip().is_loopback() { Vouched::ByLoopback } else { Vouched::ByAddress })
            }
            Peer::Tcp(_) => Err(Unread::UnknownProxy),
        }
    }
}

fn is_same(secret: &Secret, shown: &HeaderValue) -> bool {
    secret::same(secret.reveal().as_bytes(), shown.as_bytes())
}

fn secret_fault(secret: &Secret) -> Option<Fault> {
    let text = secret.reveal();
    if text.len() < SECRET_LEAST {
        Some(Fault::new(format!("the proxy secret has fewer than {SECRET_LEAST} characters")))
    } else if text.len() > SECRET_MOST {
        Some(Fault::new(format!("the proxy secret has more than {SECRET_MOST} characters")))
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some(Fault::new("the proxy secret holds what no header carries unchanged"))
    } else {
        None
    }
    .map(|fault| fault.hint("`openssl rand -hex 32` makes a good one"))
}

/// The list at `key`; what is wrong with it goes to `faults`.
fn networks(key: &str, entries: &[Placed<String>], faults: &mut Faults) -> NetworkList {
    let mut list = NetworkList::default();
    for entry in entries {
        let text = entry.value.as_str();
        if let Err(why) = list.add(text) {
            faults.add(entry.fault(network_fault(key, text, why.reason())));
        } else if list.is_everywhere() {
            let fault = Fault::new(format!("`{key}`: `{text}` is everybody"))
                .hint("name the network your proxy asks from, or give it a `proxy_secret_file`");
            faults.add(entry.fault(fault));
            list = NetworkList::default();
        }
    }
    list
}

/// That none of `entries` lets a whole part of the `tailnet` say who somebody is: each device could name
/// the address of another. One address alone may be a proxy.
fn keep_out(key: &str, entries: &[Placed<String>], tailnet: &[Placed<String>], faults: &mut Faults) {
    let read = |entry: &Placed<String>| NetworkList::network(&entry.value).ok();
    let tailnet: Vec<IpNet> = tailnet.iter().filter_map(read).collect();
    for entry in entries {
        let Some(network) = read(entry) else { continue };
        let reaches = |other: &IpNet| network.contains(other) || other.contains(&network);
        if network.prefix_len() < network.max_prefix_len() && tailnet.iter().any(reaches) {
            let message =
                format!("`{key}`: `{}` lets devices of the tailnet say whose device they are", entry.value);
            let hint = "name the one address of your proxy, or give it a `proxy_secret_file`";
            faults.add(entry.fault(Fault::new(message).hint(hint)));
        }
    }
}

fn network_fault(key: &str, text: &str, reason: &str) -> Fault {
    Fault::new(format!("`{key}`: `{text}` is {reason}")).hint(NetworkList::advice(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(entries: &[&str]) -> String {
        let placed: Vec<_> = entries.iter().map(|entry| Placed::of((*entry).to_owned())).collect();
        let mut faults = Faults::default();
        networks("trusted_proxies", &placed, &mut faults);
        faults.to_string()
    }

    #[test]
    fn the_networks_of_proxies_are_checked() {
        assert_eq!(faults_of(&["127.0.0.1/32", "::1/128", "172.18.0.0/16", "10.0.0.5"]), "");
        assert_eq!(
            faults_of(&["172.18.0.5/16"]),
            "`trusted_proxies`: `172.18.0.5/16` is not a network such as 10.0.0.0/8\n  \
             hint: for that address alone write `172.18.0.5`, for its network `172.18.0.0/16`"
        );
        let several = faults_of(&["caddy", "0.0.0.0/0", "::1", "::/0", "127.0.0.1:80"]);
        assert_eq!(several.matches("hint:").count(), 4, "{several}");
        assert_eq!(several.matches("is everybody").count(), 2, "{several}");
    }

    #[test]
    fn no_network_of_the_tailnet_says_who_a_visitor_is_in_whatever_form_it_is_written() {
        let placed = |entry: &str| [Placed::of(entry.to_owned())];
        for (entry, tailnet, kept_out) in [
            ("100.64.0.0/10", "100.64.0.0/10", true),
            ("100.64.0.0/31", "100.64.0.0/10", true),
            ("96.0.0.0/4", "100.64.0.0/10", true),
            ("::ffff:100.64.0.0/106", "100.64.0.0/10", true),
            ("100.64.0.0/10", "::ffff:100.64.0.0/106", true),
            ("fd7a:115c:a1e0::/64", "fd7a:115c:a1e0::/48", true),
            ("100.64.0.5", "100.64.0.0/10", false),
            ("100.64.0.5/32", "100.64.0.0/10", false),
            ("::ffff:100.64.0.5", "100.64.0.0/10", false),
            ("172.18.0.0/16", "100.64.0.0/10", false),
            ("127.0.0.0/8", "100.64.0.0/10", false),
        ] {
            let mut faults = Faults::default();
            keep_out("trusted_hops", &placed(entry), &placed(tailnet), &mut faults);
            assert_eq!(!faults.0.is_empty(), kept_out, "{entry} in a tailnet of {tailnet}: {faults}");
        }
    }

    #[test]
    fn a_proxy_secret_is_long_and_fits_a_header() {
        for (text, good) in [
            ("0123456789abcdef", true),
            ("q8Xd+/=._-~!aaaaaaaaa", true),
            ("", false),
            ("0123456789abcde", false),
            ("0123456789abcdef\n", false),
            ("0123456789 abcdef", false),
            ("0123456789abcdefé", false),
            (&"x".repeat(513), false),
        ] {
            assert_eq!(secret_fault(&Secret::new(text)).is_none(), good, "{text:?}");
        }
    }
}
