//! Addresses of visitors and networks they come from. Owns [`ClientAddress`] and [`NetworkList`].
//! Never believes a header: who may be believed is judged elsewhere.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

use super::Malformed;

/// An IP address in its one form: an IPv4 address mapped into IPv6 is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The address.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// What limits count by: the address, or the /64 of an IPv6 address.
    #[must_use]
    pub fn bucket(self) -> Self {
        match self.0 {
            IpAddr::V4(_) => self,
            IpAddr::V6(address) => {
                let mut octets = address.octets();
                octets[8..].fill(0);
                Self(IpAddr::V6(Ipv6Addr::from(octets)))
            }
        }
    }
}

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }
}

impl FromStr for ClientAddress {
    type Err = Malformed;
    /// Reads an address without port, brackets or zone.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        text.parse::<IpAddr>().map(Self::from).map_err(|_| Malformed::Address)
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A list of networks, as in `trusted_proxies`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkList(Vec<IpNet>);

impl NetworkList {
    /// The list of these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether `address` is in one of them.
    pub fn contains(&self, address: ClientAddress) -> bool {
        self.0.iter().any(|network| network.contains(&address.ip()))
    }
}
