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

    /// Where such an address is, in words for its owner.
    pub fn whereabouts(self) -> &'static str {
        let (loopback, local) = match self.0 {
            IpAddr::V4(address) => {
                // RFC 6598: behind a provider, or in a tailnet.
                let [first, second, _, _] = address.octets();
                let shared = first == 100 && second & 0xc0 == 64;
                (address.is_loopback(), address.is_private() || address.is_link_local() || shared)
            }
            IpAddr::V6(address) => {
                (address.is_loopback(), address.is_unique_local() || address.is_unicast_link_local())
            }
        };
        match (loopback, local) {
            (true, _) => "this machine",
            (false, true) => "a private network",
            (false, false) => "internet",
        }
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
        Self(networks.into_iter().map(unmapped).collect())
    }

    /// Reads a list; the error says which entry, from 0, is none.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, (usize, Malformed)> {
        let mut list = Self::default();
        for (position, entry) in entries.into_iter().enumerate() {
            list.add(entry).map_err(|why| (position, why))?;
        }
        Ok(list)
    }

    /// Reads one more entry.
    pub fn add(&mut self, entry: &str) -> Result<(), Malformed> {
        self.0.push(Self::network(entry)?);
        Ok(())
    }

    /// Reads an entry, as it is in a list: `10.0.0.0/8`, `fd00::/8`, or a single address.
    /// An address with bits beyond its prefix (`10.0.0.7/8`) is refused: it could mean either.
    pub fn network(entry: &str) -> Result<IpNet, Malformed> {
        let network = match entry.parse::<IpNet>() {
            Ok(network) => network,
            Err(_) => IpNet::from(entry.parse::<IpAddr>().map_err(|_| Malformed::Network)?),
        };
        if network.trunc() != network {
            return Err(Malformed::Network);
        }
        Ok(unmapped(network))
    }

    /// What to write instead of an entry that [`network`](Self::network) refuses.
    pub fn advice(entry: &str) -> String {
        match entry.parse::<IpNet>() {
            Ok(network) => format!(
                "for that address alone write `{}`, for its network `{}`",
                network.addr(),
                network.trunc()
            ),
            Err(_) => "write `172.18.0.0/16` for a network, `172.18.0.5` for one address".to_owned(),
        }
    }

    /// Each of them.
    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }

    /// Whether every address of `network` is in one of these. Never says so wrongly; may not see it where
    /// several of these make it up.
    pub fn covers(&self, network: &IpNet) -> bool {
        self.0.iter().any(|outer| outer.contains(network))
    }

    /// Whether some address is in one of these and in one of `other`.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().any(|one| other.0.iter().any(|two| one.contains(two) || two.contains(one)))
    }

    /// Whether `address` is in one of them.
    pub fn contains(&self, address: ClientAddress) -> bool {
        self.0.iter().any(|network| network.contains(&address.ip()))
    }

    /// Whether one of them is every address there is.
    pub fn is_everywhere(&self) -> bool {
        self.0.iter().any(|network| network.prefix_len() == 0)
    }
}

/// A network of IPv4 addresses mapped into IPv6 is the IPv4 network, as with [`ClientAddress`].
fn unmapped(network: IpNet) -> IpNet {
    let IpAddr::V4(address) = network.addr().to_canonical() else { return network };
    match network {
        IpNet::V4(_) => network,
        IpNet::V6(mapped) => mapped
            .prefix_len()
            .checked_sub(96)
            .and_then(|prefix| IpNet::new(IpAddr::V4(address), prefix).ok())
            .unwrap_or(network),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> ClientAddress {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_says_where_it_is() {
        for (text, expected) in [
            ("127.0.0.1", "this machine"),
            ("::1", "this machine"),
            ("100.64.0.2", "a private network"),
            ("192.168.1.7", "a private network"),
            ("fd00::7", "a private network"),
            ("203.0.113.7", "internet"),
            ("2001:db8::7", "internet"),
        ] {
            assert_eq!(address(text).whereabouts(), expected, "asked {text}");
        }
    }

    #[test]
    fn an_address_has_one_form() {
        assert_eq!(address("::ffff:198.51.100.7"), address("198.51.100.7"));
        assert_eq!(address("::ffff:c633:6407").to_string(), "198.51.100.7");
        assert_eq!(address("2001:DB8:0::1").to_string(), "2001:db8::1");
        for text in [
            "",
            " ",
            "garbage",
            "unknown",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.4:80",
            "[::1]",
            "[::1]:80",
            "::1%lo",
            "fe80::1%eth0",
            "1.2.3.4/32",
            " 1.2.3.4",
            "1.2.3.4 ",
            "0x7f.0.0.1",
            "2130706433",
            "1.2.3.256",
            "::g",
        ] {
            assert_eq!(text.parse::<ClientAddress>(), Err(Malformed::Address), "asked for {text:?}");
        }
    }

    #[test]
    fn limits_count_an_ipv6_site_once() {
        assert_eq!(address("2001:db8:1:2:3:4:5:6").bucket(), address("2001:db8:1:2::"));
        assert_eq!(address("198.51.100.7").bucket(), address("198.51.100.7"));
        assert_eq!(address("::ffff:198.51.100.7").bucket(), address("198.51.100.7"));
    }

    #[test]
    fn a_list_knows_its_networks() {
        let list =
            NetworkList::parse(["10.0.0.0/8", "192.0.2.7", "fd00::/8", "::ffff:172.16.0.0/108"]).unwrap();
        for (text, inside) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("::ffff:10.1.2.3", true),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("fd12::1", true),
            ("fe80::1", false),
            ("172.31.0.1", true),
            ("172.32.0.1", false),
        ] {
            assert_eq!(list.contains(address(text)), inside, "{text}");
        }
        assert!(!NetworkList::default().contains(address("127.0.0.1")));
    }

    #[test]
    fn a_list_says_which_entry_is_wrong() {
        for entry in ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "proxy", "10.0.0.0/8 ", "fd00::1/8"] {
            let read = NetworkList::parse(["127.0.0.1/32", entry, "nonsense"]);
            assert_eq!(read, Err((1, Malformed::Network)), "asked for {entry:?}");
        }
    }

    #[test]
    fn a_network_of_everything_is_known_as_such() {
        assert!(NetworkList::parse(["0.0.0.0/0"]).unwrap().is_everywhere());
        assert!(NetworkList::parse(["::1", "::/0"]).unwrap().is_everywhere());
        assert!(NetworkList::parse(["::ffff:0.0.0.0/96"]).unwrap().is_everywhere());
        assert!(!NetworkList::parse(["127.0.0.1", "10.0.0.0/8"]).unwrap().is_everywhere());
    }

    proptest! {
        #[test]
        fn an_address_is_read_as_itself(bytes: [u8; 16], four: [u8; 4], mapped: bool) {
            let ip = if mapped { IpAddr::V6(std::net::Ipv4Addr::from(four).to_ipv6_mapped()) } else { bytes.into() };
            let address = ClientAddress::from(ip);
            prop_assert_eq!(address.to_string().parse(), Ok(address));
            prop_assert_eq!(ip.to_string().parse(), Ok(address));
            prop_assert!(!mapped || address.ip().is_ipv4());
        }
    }
}
