//! What a visitor asked, out of one proxy dialect's headers. Owns [`Asked`] and [`Proxies`].
//!
//! Promises: one endpoint reads one family of headers, so that none the visitor adds can change the
//! answer; only a proxy that may be believed is; what has two readings is [`Unread`]. Pure, one pass
//! over the headers, and an ordinary request allocates nothing.
//! Never: reads an identity header, a credential (it notes where one stands), or the query of the check URL;
//! decides who may pass.

mod heard;
mod method;
mod proxies;
mod reach;

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderValue, Method, Uri, header};

use crate::place::{AbsoluteUrl, Authority, CanonicalPath, ClientAddress, Malformed, Scheme, Target};
use crate::place::{NetworkList, is_localhost};
use crate::web::urls;
use heard::Heard;

pub use heard::{CredentialLines, Slot};
pub use method::known as method_named;
pub use proxies::Proxies;
pub use reach::{Came, Reach, Vouched};

/// The most entries of `X-Forwarded-For` that are looked at, from the right.
const HOPS_LIMIT: usize = 64;

/// Which family of headers an endpoint reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`: Caddy, Traefik, HAProxy.
    Forward,
    /// `X-Original-URL` and `X-Original-Method`: nginx.
    Nginx,
    /// The start line, `Host` and `X-Forwarded-Proto`: Envoy.
    Envoy,
}

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Somebody who may open our unix socket.
    Unix,
    /// Somebody at this address.
    Tcp(ClientAddress),
}

/// What a visitor asked, as their proxy tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The scheme they used; `ws` counts as http, `wss` as https.
    pub scheme: Scheme,
    /// The host they named, in its one spelling.
    pub host: Cow<'a, str>,
    /// The port they named. Their claim: it may refuse them, and never lets them in.
    pub port: Option<u16>,
    /// The path, in the one reading that rules are matched against.
    pub path: CanonicalPath<'a>,
    /// Path and query as they came, for [`Asked::return_url`]. Starts with a slash.
    pub target: Cow<'a, str>,
    /// The method, one that is registered.
    pub method: Method,
    /// Their address, if the proxy says it.
    pub client: Option<ClientAddress>,
    /// Whether a person follows a link or opens an address, so that a redirect shows them something.
    pub navigation: bool,
    /// Whether a browser asks what it may ask (a CORS preflight, Fetch standard section 4.8).
    pub preflight: bool,
    /// What says that it is our proxy who asks.
    pub vouched: Vouched,
    /// Which site caused it.
    pub reach: Reach<'a>,
    /// Whether it came over Tailscale Funnel.
    pub funnel: bool,
    /// Whether a browser asks: there is fetch metadata (any `Sec-Fetch-…`).
    pub browser: bool,
    /// Where they show who they are.
    pub credentials: CredentialLines<'a>,
}

/// Why a forwarded request was not read. Small and `Copy`, for the hot path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// The peer is no proxy of ours, and shows no secret (403).
    UnknownProxy,
    /// The peer shows a secret that is not ours (403).
    WrongSecret,
    /// A believed proxy says what cannot be understood, or could be in two ways (400).
    Malformed(Why),
}

/// What of a request is malformed, and why: for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Why {
    /// The header, or another part of the request.
    pub part: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.part, self.reason)
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownProxy => formatter.write_str("the peer is not a known proxy"),
            Self::WrongSecret => formatter.write_str("X-Aegis-Proxy-Secret: not the secret of our proxy"),
            Self::Malformed(why) => why.fmt(formatter),
        }
    }
}

impl std::error::Error for Unread {}

impl Unread {
    fn malformed(part: &'static str, reason: &'static str) -> Self {
        Self::Malformed(Why { part, reason })
    }

    /// Says of which part a place is malformed.
    fn in_part(part: &'static str) -> impl Fn(Malformed) -> Self {
        move |why| Self::malformed(part, why.reason())
    }
}

impl<'a> Asked<'a> {
    /// Reads what a visitor asked out of the check request their proxy sent.
    ///
    /// `method` and `uri` are those of the check request itself; only Envoy's count. Whether the peer
    /// may be believed is judged before anything else is.
    pub fn read(
        dialect: Dialect,
        peer: Peer,
        method: &Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        proxies: &Proxies,
    ) -> Result<Self, Unread> {
        let heard = Heard::gather(dialect, headers);
        let vouched = proxies.believe(peer, heard.secret)?;
        if heard.aliased {
            return Err(Unread::malformed("headers", "a forwarded header in a second spelling"));
        }
        if heard.erases {
            return Err(Unread::malformed("Connection", "names a header that is not about the connection"));
        }
        let (AbsoluteUrl { scheme, host, port, target }, method) = match dialect {
            Dialect::Forward => read_forward(&heard)?,
            Dialect::Nginx => read_nginx(&heard)?,
            Dialect::Envoy => read_envoy(&heard, method, uri)?,
        };
        let client = match heard.forwarded_for {
            Slot::Absent => None,
            Slot::Once(line) => visitor([line].into_iter(), &proxies.hops)?,
            Slot::Often => visitor(headers.get_all(heard::FOR).iter().rev(), &proxies.hops)?,
        };
        let navigation = if heard.fetch_metadata {
            matches!(heard.fetch_mode, Slot::Once(mode) if mode == "navigate")
        } else {
            (method == Method::GET || method == Method::HEAD)
                && !heard.requested_with
                && !heard.upgrade
                && headers.get_all(header::ACCEPT).iter().any(names_html)
        };
        Ok(Self {
            scheme,
            host,
            port,
            path: target.path,
            target: target.raw,
            client,
            navigation,
            preflight: method == Method::OPTIONS
                && !matches!(heard.origin, Slot::Absent)
                && heard.request_method,
            vouched,
            reach: Reach::read(
                &method,
                heard.fetch_site,
                heard.fetch_mode,
                heard.fetch_destination,
                heard.origin,
                heard.upgrade,
            ),
            funnel: heard.funnel,
            browser: heard.fetch_metadata,
            credentials: CredentialLines::of(headers, &heard),
            method,
        })
    }

    /// Where to send the visitor back to: what they asked for, in ASCII, and under https for every
    /// host but `localhost` and `*.localhost`, whatever scheme the proxy tells.
    pub fn return_url(&self) -> String {
        self.url(if is_localhost(&self.host) { self.scheme } else { Scheme::Https })
    }

    /// The same place under https, whatever its host.
    pub fn https_url(&self) -> String {
        self.url(Scheme::Https)
    }

    fn url(&self, scheme: Scheme) -> String {
        use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
        const NOT_IN_URLS: &AsciiSet = &CONTROLS.add(b' ');

        let port =
            self.port.filter(|&port| port != scheme.default_port() && port != self.scheme.default_port());
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let target = utf8_percent_encode(&self.target, NOT_IN_URLS);
        format!("{}://{}{port}{target}", scheme.as_str(), self.host)
    }
}

/// Where the visitor went, and with which method.
type Question<'a> = (AbsoluteUrl<'a>, Method);

fn read_forward<'a>(heard: &Heard<'a>) -> Result<Question<'a>, Unread> {
    let method = read_method("X-Forwarded-Method", heard.method.ascii("X-Forwarded-Method")?)?;
    let scheme = read_proto(heard)?;
    let host = heard.host.ascii("X-Forwarded-Host")?;
    let Authority { host, port } = Authority::parse(host).map_err(Unread::in_part("X-Forwarded-Host"))?;
    let target = heard.target.text("X-Forwarded-Uri")?;
    let target = Target::parse(target).map_err(Unread::in_part("X-Forwarded-Uri"))?;
    Ok((AbsoluteUrl { scheme, host, port, target }, method))
}

fn read_nginx<'a>(heard: &Heard<'a>) -> Result<Question<'a>, Unread> {
    let method = read_method("X-Original-Method", heard.method.ascii("X-Original-Method")?)?;
    let url = heard.target.text("X-Original-URL")?;
    Ok((AbsoluteUrl::parse(url).map_err(Unread::in_part("X-Original-URL"))?, method))
}

fn read_envoy<'a>(heard: &Heard<'a>, method: &Method, uri: &'a Uri) -> Result<Question<'a>, Unread> {
    let method = read_method("start line", method.as_str())?;
    let scheme = read_proto(heard)?;
    let host = heard.host.ascii("Host")?;
    let Authority { host, port } = Authority::parse(host).map_err(Unread::in_part("Host"))?;
    if uri.authority().is_some() {
        return Err(Unread::malformed("start line", "names a host"));
    }
    let whole = uri.path_and_query().map_or("", |whole| whole.as_str());
    let target = behind_envoy_prefix(whole).ok_or(Unread::malformed("start line", "not below our prefix"))?;
    let target = Target::parse(target).map_err(Unread::in_part("start line"))?;
    Ok((AbsoluteUrl { scheme, host, port, target }, method))
}

/// What stands behind the prefix, beginning with its slash. The prefix is taken as it stands: a path
/// that climbs out of it (`/auth/envoy/../x`) is not resolved, so that it is judged and refused.
fn behind_envoy_prefix(path: &str) -> Option<&str> {
    urls::ENVOY.iter().find_map(|prefix| path.strip_prefix(prefix)).filter(|rest| rest.starts_with('/'))
}

fn read_method(part: &'static str, text: &str) -> Result<Method, Unread> {
    method::known(text).ok_or(Unread::malformed(part, "not a registered method"))
}

fn read_proto(heard: &Heard<'_>) -> Result<Scheme, Unread> {
    heard.proto.ascii("X-Forwarded-Proto")?.parse().map_err(Unread::in_part("X-Forwarded-Proto"))
}

/// The visitor's address: the right-most entry of all lines, given from the last, that is no hop of ours.
/// What stands left of it was written by others and is not looked at.
fn visitor<'a>(
    lines: impl Iterator<Item = &'a HeaderValue>,
    hops: &NetworkList,
) -> Result<Option<ClientAddress>, Unread> {
    let entries = lines.flat_map(|line| line.as_bytes().rsplit(|&byte| byte == b','));
    for (position, entry) in entries.enumerate() {
        if position == HOPS_LIMIT {
            return Err(Unread::malformed("X-Forwarded-For", "more entries than any honest one"));
        }
        let address = str::from_utf8(entry.trim_ascii())
            .ok()
            .and_then(|entry| entry.parse::<ClientAddress>().ok())
            .ok_or(Unread::malformed("X-Forwarded-For", Malformed::Address.reason()))?;
        if !hops.contains(address) {
            return Ok(Some(address));
        }
    }
    Ok(None)
}

/// Whether a line of `Accept` names `text/html` itself.
fn names_html(line: &HeaderValue) -> bool {
    line.as_bytes().split(|&byte| byte == b',').any(|range| {
        let media = range.split(|&byte| byte == b';').next().unwrap_or_default();
        media.trim_ascii().eq_ignore_ascii_case(b"text/html")
    })
}

#[cfg(test)]
mod tests;
