//! Origins (RFC 6454): scheme, host and port. Owns [`Scheme`] and [`Origin`]. Never holds a path.

use std::fmt;
use std::str::FromStr;

use super::{Authority, Host, Malformed};

/// `http` or `https`; `ws` and `wss` are read as these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// As it stands before `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is not written: 80 or 443.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl FromStr for Scheme {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "https" | "wss" => Ok(Self::Https),
            "http" | "ws" => Ok(Self::Http),
            _ => Err(Malformed::Scheme),
        }
    }
}

/// Scheme, host and port of a site.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

impl Origin {
    /// The origin of these parts; without a port the scheme's own.
    pub fn new(scheme: Scheme, host: Host, port: Option<u16>) -> Self {
        Self { scheme, host, port: port.unwrap_or(scheme.default_port()) }
    }

    /// Its scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its port, written or not.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Origin {
    type Err = Malformed;
    /// Reads `https://host[:port]`, with at most one slash behind it.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (scheme, rest) = text.split_once("://").ok_or(Malformed::Origin)?;
        let scheme = match scheme {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err(Malformed::Scheme),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@', '\\']) {
            return Err(Malformed::Origin);
        }
        let authority = Authority::parse(rest)?;
        let port = authority.port;
        Ok(Self::new(scheme, authority.into_host(), port))
    }
}

impl fmt::Display for Origin {
    /// As a browser writes it in `Origin`: without a slash, without the scheme's own port.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port != self.scheme.default_port() {
            write!(formatter, ":{}", self.port)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_a_browser_writes_it() {
        for (text, written) in [
            ("https://auth.example.com", "https://auth.example.com"),
            ("https://auth.example.com/", "https://auth.example.com"),
            ("https://Auth.Example.com.:443", "https://auth.example.com"),
            ("http://localhost:8009", "http://localhost:8009"),
            ("http://localhost:80", "http://localhost"),
            ("https://localhost:80", "https://localhost:80"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            let origin: Origin = text.parse().unwrap();
            assert_eq!(origin.to_string(), written, "asked for {text:?}");
            assert_eq!(origin.to_string().parse(), Ok(origin), "read again");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_and_no_more() {
        for text in [
            "",
            "null",
            "auth.example.com",
            "//auth.example.com",
            "https:auth.example.com",
            "https://",
            "https:///",
            "https://auth.example.com//",
            "https://auth.example.com/login",
            "https://auth.example.com?",
            "https://auth.example.com#",
            "https://a@auth.example.com",
            "https://auth.example.com\\",
            "wss://auth.example.com",
            "HTTPS://auth.example.com",
            "https://auth.example.com:",
            "https://auth.example.com:0",
            "https://auth.example.com, https://b",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text:?} was read as {:?}", text.parse::<Origin>());
        }
    }
}
