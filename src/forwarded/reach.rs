//! How far a request reaches on what is ambient: an address says whose device it is, and nothing of who
//! caused the request. Owns [`Reach`] and [`Came`], from which an identity of the tailnet may be taken.
//! Never knows an identity.

use http::{HeaderMap, HeaderValue, Method, header};

use super::heard::{self, Slot};
use super::{Peer, Proxies, Unread, visitor};
use crate::place::{ClientAddress, Host, Origin, Scheme};

/// What speaks for the proxy that tells a visitor's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vouched {
    /// The unix socket, or the right secret.
    Surely,
    /// That it asks from loopback, as everybody on this machine can, and with userspace networking
    /// everybody on the tailnet.
    ByLoopback,
    /// That it asks from an address in `trusted_proxies`.
    ByAddress,
}

/// Which site caused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// The same site, or the visitor themselves; or a program that says nothing of it.
    Own,
    /// Another site, and the visitor follows a link, in the window's top level.
    Followed,
    /// Another site.
    Foreign,
    /// A browser without fetch metadata says the site.
    Origin(&'a HeaderValue),
}

impl<'a> Reach<'a> {
    /// Reads the fetch metadata (W3C, "Fetch Metadata Request Headers"), or `Origin` where there is none.
    pub(super) fn read(
        method: &Method,
        site: Slot<'a>,
        mode: Slot<'a>,
        destination: Slot<'a>,
        origin: Slot<'a>,
        upgrade: bool,
    ) -> Self {
        let says = |slot: Slot<'_>, word: &str| matches!(slot, Slot::Once(value) if value == word);
        match (site, origin) {
            (Slot::Once(value), _) if value == "same-origin" || value == "same-site" || value == "none" => {
                Self::Own
            }
            (Slot::Once(_) | Slot::Often, _) => {
                let reads = method == Method::GET || method == Method::HEAD;
                if reads && !upgrade && says(mode, "navigate") && says(destination, "document") {
                    Self::Followed
                } else {
                    Self::Foreign
                }
            }
            (Slot::Absent, Slot::Absent) => Self::Own,
            (Slot::Absent, Slot::Once(origin)) => Self::Origin(origin),
            (Slot::Absent, Slot::Often) => Self::Foreign,
        }
    }

    /// Whether a cookie with `SameSite=Lax` would be sent with a request to `host`: sites are one where
    /// they share `domain`.
    pub fn is_lax(self, scheme: Scheme, host: &str, domain: Option<&Host>) -> bool {
        match self {
            Self::Own | Self::Followed => true,
            Self::Foreign => false,
            Self::Origin(value) => {
                value.to_str().ok().and_then(|text| text.parse::<Origin>().ok()).is_some_and(|origin| {
                    origin.scheme() == scheme && is_one_site(origin.host(), host, domain)
                })
            }
        }
    }
}

fn is_one_site(one: &Host, other: &str, domain: Option<&Host>) -> bool {
    if one.as_str() == other {
        return true;
    }
    match (domain, other.parse::<Host>()) {
        (Some(domain), Ok(other)) => one.is_within(domain) && other.is_within(domain),
        (None, _) | (_, Err(_)) => false,
    }
}

/// Where a request to our own site comes from.
#[derive(Clone, Copy, Debug)]
pub struct Came<'a> {
    /// The visitor's address, as the proxy tells it, or the peer's.
    pub address: Option<ClientAddress>,
    /// What speaks for the proxy that told it; nothing where none did.
    pub vouched: Option<Vouched>,
    /// Which site caused it.
    pub reach: Reach<'a>,
    /// Whether it came over Tailscale Funnel.
    pub funnel: bool,
}

impl<'a> Came<'a> {
    /// Reads where a request to a page of our own comes from: what a proxy that is believed says of it,
    /// else the peer's address. Where neither says, limits count all such visitors together.
    pub fn read(peer: Peer, method: &Method, headers: &'a HeaderMap, proxies: &Proxies) -> Self {
        let direct = match peer {
            Peer::Unix => None,
            Peer::Tcp(address) => Some(address),
        };
        let secret = slot(headers, heard::SECRET);
        // Whoever shows a wrong secret is a visitor like any other here.
        let proxy = match proxies.believe(peer, secret) {
            Ok(vouched) if headers.contains_key(heard::FOR) => Some(vouched),
            Ok(_) | Err(Unread::UnknownProxy | Unread::WrongSecret | Unread::Malformed(_)) => None,
        };
        let told = proxy
            .and_then(|_| visitor(headers.get_all(heard::FOR).iter().rev(), &proxies.hops).ok().flatten());
        let reach = Reach::read(
            method,
            slot(headers, "sec-fetch-site"),
            slot(headers, "sec-fetch-mode"),
            slot(headers, "sec-fetch-dest"),
            slot(headers, header::ORIGIN.as_str()),
            headers.contains_key(header::UPGRADE),
        );
        Self {
            address: told.or(direct),
            vouched: proxy.filter(|_| told.is_some()),
            reach,
            funnel: headers.contains_key(heard::FUNNEL),
        }
    }
}

fn slot<'a>(headers: &'a HeaderMap, name: &str) -> Slot<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Slot::Absent,
        (Some(value), None) => Slot::Once(value),
        (Some(_), Some(_)) => Slot::Often,
    }
}

#[cfg(test)]
mod tests;
