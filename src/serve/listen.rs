//! Where the server listens: what `listen` may say.
//!
//! Promises: every wrong address is told at once, with its place and a hint, before anything is
//! bound; reading opens nothing. Never: asks a name server.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::Placed;
use crate::error::{Fault, Faults};

/// The mode of a unix socket that says none: its user's and its group's.
const MODE: u32 = 0o660;
/// The longest path that fits `sun_path` with its final zero (unix(7)).
const LONGEST_PATH: usize = 107;

/// One place to listen at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `127.0.0.1:8009`, `[::1]:8009`.
    Tcp(SocketAddr),
    /// `unix:/run/aegis/aegis.sock`, `unix:/run/aegis/aegis.sock?mode=0666`.
    Unix {
        /// The socket's file.
        path: PathBuf,
        /// Who may connect, as bits of a file's mode.
        mode: u32,
    },
    /// `systemd`: whatever the service manager passed.
    Systemd,
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix { path, .. } => write!(formatter, "unix:{}", path.display()),
            Self::Systemd => formatter.write_str("systemd"),
        }
    }
}

/// Reads `listen`, all of it.
pub fn parse(listen: &[Placed<String>]) -> Result<Vec<Address>, Faults> {
    let mut faults = Faults::default();
    let mut addresses: Vec<Address> = Vec::new();
    if listen.is_empty() {
        faults.add(
            Fault::new("`listen` is empty, so that nobody could reach the server")
                .hint("`listen = [\"127.0.0.1:8009\"]`"),
        );
    }
    for placed in listen {
        match one(placed.value.trim()) {
            Ok(address) if addresses.iter().any(|other| same_place(other, &address)) => {
                let fault = Fault::new(format!("`listen` names `{address}` twice"));
                faults.add(placed.fault(fault.hint("once is enough")));
            }
            Ok(address) => addresses.push(address),
            Err(fault) => faults.add(placed.fault(fault)),
        }
    }
    faults.or(addresses)
}

/// Two addresses at which only one can listen. Any number may ask for a port that is free.
fn same_place(one: &Address, other: &Address) -> bool {
    match (one, other) {
        (Address::Unix { path: one, .. }, Address::Unix { path: other, .. }) => one == other,
        (Address::Tcp(one), Address::Tcp(other)) => one == other && one.port() != 0,
        _ => one == other,
    }
}

fn one(text: &str) -> Result<Address, Fault> {
    if text == "systemd" {
        return Ok(Address::Systemd);
    }
    if let Some(rest) = text.strip_prefix("unix:") {
        return unix(text, rest);
    }
    text.parse().map(Address::Tcp).map_err(|_| {
        let fault = Fault::new(format!("`listen` cannot be `{text}`"));
        let port = text.rsplit(':').next().filter(|port| port.parse::<u16>().is_ok());
        match (text.strip_prefix("localhost:").is_some() || text.starts_with(':'), port) {
            (true, Some(port)) => fault.hint(format!(
                "`127.0.0.1:{port}` for this machine alone, `0.0.0.0:{port}` for every network it is in"
            )),
            _ if text.starts_with('/') => fault.hint(format!("a unix socket is written `unix:{text}`")),
            _ => fault.hint(
                "an address with its port (`127.0.0.1:8009`, `[::1]:8009`), `unix:/path`, or `systemd`",
            ),
        }
    })
}

fn unix(text: &str, rest: &str) -> Result<Address, Fault> {
    let wrong = |why: &str, hint: &str| Fault::new(format!("`listen` cannot be `{text}`: {why}")).hint(hint);
    let (path, mode) = match rest.split_once('?') {
        None => (rest, MODE),
        Some((path, query)) => {
            let mode = query
                .strip_prefix("mode=")
                .filter(|digits| digits.len() <= 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|digits| u32::from_str_radix(digits, 8).ok())
                .filter(|mode| (0o600..=0o777).contains(mode) && mode & 0o600 == 0o600)
                .ok_or_else(|| {
                    wrong(
                        "the mode is not one",
                        "`?mode=0660` for the group, `?mode=0666` for every program here",
                    )
                })?;
            (path, mode)
        }
    };
    if path.starts_with('@') {
        return Err(wrong("anybody on this machine could connect", "a path: `unix:/run/aegis/aegis.sock`"));
    }
    if path.is_empty() || path.ends_with('/') || path.contains('\0') {
        return Err(wrong("there is no file name", "`unix:/run/aegis/aegis.sock`"));
    }
    if path.len() > LONGEST_PATH {
        return Err(wrong("the path is longer than 107 bytes, the most a socket can have", "a shorter path"));
    }
    Ok(Address::Unix { path: PathBuf::from(path), mode })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(listen: &[&str]) -> Result<Vec<Address>, Faults> {
        let listen: Vec<Placed<String>> = listen.iter().map(|text| Placed::of((*text).to_owned())).collect();
        parse(&listen)
    }

    #[test]
    fn every_form_is_read() {
        let unix = |mode| Address::Unix { path: "/run/aegis/aegis.sock".into(), mode };
        for (text, address) in [
            ("127.0.0.1:8009", Address::Tcp("127.0.0.1:8009".parse().unwrap())),
            ("[::]:80", Address::Tcp("[::]:80".parse().unwrap())),
            ("unix:/run/aegis/aegis.sock", unix(0o660)),
            ("unix:/run/aegis/aegis.sock?mode=0666", unix(0o666)),
            ("unix:/run/aegis/aegis.sock?mode=600", unix(0o600)),
            ("systemd", Address::Systemd),
        ] {
            assert_eq!(read(&[text]), Ok(vec![address]), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_a_hint_and_all_at_once() {
        let long = format!("unix:/{}", "a".repeat(107));
        let wrong = [
            "",
            "localhost:8009",
            ":8009",
            "8009",
            "127.0.0.1",
            "127.0.0.1:99999",
            "auth.example.com:80",
            "/run/aegis.sock",
            "unix:",
            "unix:@aegis",
            "unix:/run/",
            "unix:/run/a?mode=",
            "unix:/run/a?mode=+660",
            "unix:/run/a?mode=888",
            "unix:/run/a?mode=7777",
            "unix:/run/a?mode=0066",
            "unix:/run/a?owner=caddy",
            long.as_str(),
        ];
        let faults = read(&wrong).unwrap_err();
        assert_eq!(faults.0.len(), wrong.len(), "{faults}");
        assert!(faults.0.iter().all(|fault| fault.hint.is_some()), "{faults}");
        assert!(faults.0[1].hint.as_deref().unwrap().contains("127.0.0.1:8009"), "{}", faults.0[1]);
    }

    #[test]
    fn nowhere_and_twice_are_faults() {
        assert!(read(&[]).is_err(), "nowhere to listen");
        assert!(read(&["127.0.0.1:1", "127.0.0.1:1"]).is_err(), "twice the same port");
        assert!(read(&["unix:/a?mode=0666", "unix:/a"]).is_err(), "twice the same path");
        assert!(read(&["127.0.0.1:0", "127.0.0.1:0"]).is_ok(), "two free ports");
    }
}
