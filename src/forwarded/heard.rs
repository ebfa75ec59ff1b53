//! The one pass over a check request's headers. Owns which of them belong to which family.
//! Never judges a value, except that `Connection` may name nothing but the connection's own headers.

use std::fmt;

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Dialect, Unread};

pub(super) const FOR: &str = "x-forwarded-for";
const METHOD: &str = "x-forwarded-method";
const PROTO: &str = "x-forwarded-proto";
const HOST: &str = "x-forwarded-host";
const URI: &str = "x-forwarded-uri";
const ORIGINAL_URL: &str = "x-original-url";
const ORIGINAL_METHOD: &str = "x-original-method";
pub(super) const SECRET: &str = "x-aegis-proxy-secret";
/// What scripts show.
const KEY: &str = "x-aegis-key";
/// Present in what came over Tailscale Funnel: from the internet, whatever the address.
pub(super) const FUNNEL: &str = "tailscale-funnel-request";

/// What a visitor may say in `Connection`. Any other name would be erased by a proxy on its way to
/// the app (RFC 9110, section 7.6.1), an identity header for one.
const CONNECTION_OPTIONS: [&str; 9] = [
    "close",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "http2-settings",
    "proxy-connection",
];

/// The lines of one header. It does not print them: they may be secrets.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Slot<'a> {
    /// There is none.
    #[default]
    Absent,
    /// There is this one.
    Once(&'a HeaderValue),
    /// There are several.
    Often,
}

impl fmt::Debug for Slot<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Absent => "Absent",
            Self::Once(_) => "Once",
            Self::Often => "Often",
        })
    }
}

impl<'a> Slot<'a> {
    fn put(&mut self, value: &'a HeaderValue) {
        *self = match self {
            Self::Absent => Self::Once(value),
            Self::Once(_) | Self::Often => Self::Often,
        };
    }

    /// The text of a header that has to be there, once, and not empty.
    pub(super) fn text(self, name: &'static str) -> Result<&'a str, Unread> {
        self.read(name, |value| str::from_utf8(value.as_bytes()).map_err(|_| "not UTF-8"))
    }

    /// The same of a header whose every value is printable ASCII.
    pub(super) fn ascii(self, name: &'static str) -> Result<&'a str, Unread> {
        self.read(name, |value| value.to_str().map_err(|_| "not ASCII"))
    }

    fn read(
        self,
        name: &'static str,
        read: impl FnOnce(&'a HeaderValue) -> Result<&'a str, &'static str>,
    ) -> Result<&'a str, Unread> {
        let reason = match self {
            Self::Absent => "missing",
            Self::Often => "more than once",
            Self::Once(value) => match read(value) {
                Ok("") => "empty",
                Ok(text) => return Ok(text),
                Err(reason) => reason,
            },
        };
        Err(Unread::malformed(name, reason))
    }
}

/// The headers in which visitors show who they are, as they stand: found in the one pass over all headers, and
/// read by those who judge them.
#[derive(Clone, Copy)]
pub struct CredentialLines<'a> {
    headers: &'a HeaderMap,
    /// `X-Aegis-Key`.
    pub key: Slot<'a>,
    /// `Authorization`.
    pub authorization: Slot<'a>,
    cookie: Slot<'a>,
}

/// Equal are those that show the same, whatever else stands beside it.
impl PartialEq for CredentialLines<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
            && self.authorizations().eq(other.authorizations())
            && self.cookies().eq(other.cookies())
    }
}

impl Eq for CredentialLines<'_> {}

impl fmt::Debug for CredentialLines<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, authorization, cookie, headers: _ } = self;
        write!(formatter, "key {key:?}, authorization {authorization:?}, cookie {cookie:?}")
    }
}

impl<'a> CredentialLines<'a> {
    pub(super) fn of(headers: &'a HeaderMap, heard: &Heard<'a>) -> Self {
        let Heard { key, authorization, cookie, .. } = *heard;
        Self { headers, key, authorization, cookie }
    }

    /// Every line of `Cookie`.
    pub fn cookies(&self) -> impl Iterator<Item = &'a HeaderValue> {
        self.lines(self.cookie, &COOKIE)
    }

    /// Every line of `Authorization`.
    pub fn authorizations(&self) -> impl Iterator<Item = &'a HeaderValue> {
        self.lines(self.authorization, &AUTHORIZATION)
    }

    fn lines(&self, slot: Slot<'a>, name: &HeaderName) -> impl Iterator<Item = &'a HeaderValue> {
        let (one, all) = match slot {
            Slot::Absent => (None, None),
            Slot::Once(line) => (Some(line), None),
            Slot::Often => (None, Some(self.headers.get_all(name))),
        };
        one.into_iter().chain(all.into_iter().flatten())
    }
}

/// The headers that count, as they stand.
#[derive(Debug, Default)]
pub(super) struct Heard<'a> {
    /// `X-Forwarded-Uri` or `X-Original-URL`.
    pub(super) target: Slot<'a>,
    /// `X-Forwarded-Method` or `X-Original-Method`.
    pub(super) method: Slot<'a>,
    /// `X-Forwarded-Host` or, with Envoy, `Host`.
    pub(super) host: Slot<'a>,
    /// `X-Forwarded-Proto`.
    pub(super) proto: Slot<'a>,
    /// `X-Forwarded-For`.
    pub(super) forwarded_for: Slot<'a>,
    /// `X-Aegis-Proxy-Secret`.
    pub(super) secret: Slot<'a>,
    /// Whether a header of this family is there in a spelling that some programs read as the same.
    pub(super) aliased: bool,
    /// Whether `Connection` names a header that is not about the connection.
    pub(super) erases: bool,
    /// Whether there is any `Sec-Fetch-…`.
    pub(super) fetch_metadata: bool,
    /// `Sec-Fetch-Mode`.
    pub(super) fetch_mode: Slot<'a>,
    /// `Sec-Fetch-Site`.
    pub(super) fetch_site: Slot<'a>,
    /// `Sec-Fetch-Dest`.
    pub(super) fetch_destination: Slot<'a>,
    /// Whether there is `X-Requested-With`.
    pub(super) requested_with: bool,
    /// Whether there is `Upgrade`.
    pub(super) upgrade: bool,
    /// `Origin`.
    pub(super) origin: Slot<'a>,
    /// Whether there is `Access-Control-Request-Method`.
    pub(super) request_method: bool,
    /// Whether there is `Tailscale-Funnel-Request`.
    pub(super) funnel: bool,
    /// `X-Aegis-Key`.
    key: Slot<'a>,
    /// `Authorization`.
    authorization: Slot<'a>,
    /// `Cookie`.
    cookie: Slot<'a>,
}

impl<'a> Heard<'a> {
    /// Goes through the headers, once. Those of another family than `dialect`'s are passed over.
    pub(super) fn gather(dialect: Dialect, headers: &'a HeaderMap) -> Self {
        let mut heard = Self::default();
        let forward = dialect == Dialect::Forward;
        let nginx = dialect == Dialect::Nginx;
        for (name, value) in headers {
            let name = name.as_str();
            // By the first letter: most headers of a browser are none of these, and are passed by at once.
            match name.as_bytes().first() {
                Some(b'x') => match name {
                    FOR => heard.forwarded_for.put(value),
                    PROTO if !nginx => heard.proto.put(value),
                    URI if forward => heard.target.put(value),
                    HOST if forward => heard.host.put(value),
                    METHOD if forward => heard.method.put(value),
                    ORIGINAL_URL if nginx => heard.target.put(value),
                    ORIGINAL_METHOD if nginx => heard.method.put(value),
                    SECRET => heard.secret.put(value),
                    KEY => heard.key.put(value),
                    "x-requested-with" => heard.requested_with = true,
                    other => heard.aliased |= is_alias(dialect, other),
                },
                Some(b's') => {
                    let Some(part) = name.strip_prefix("sec-fetch-") else { continue };
                    heard.fetch_metadata = true;
                    match part {
                        "mode" => heard.fetch_mode.put(value),
                        "site" => heard.fetch_site.put(value),
                        "dest" => heard.fetch_destination.put(value),
                        _ => {}
                    }
                }
                Some(b'c') => match name {
                    "cookie" => heard.cookie.put(value),
                    "connection" => heard.erases |= !names_options_only(value),
                    _ => {}
                },
                Some(b'u') if name == "upgrade" => heard.upgrade = true,
                Some(b'o') if name == "origin" => heard.origin.put(value),
                Some(b'a') => match name {
                    "authorization" => heard.authorization.put(value),
                    "access-control-request-method" => heard.request_method = true,
                    _ => {}
                },
                Some(b't') if name == FUNNEL => heard.funnel = true,
                Some(b'h') if name == "host" && dialect == Dialect::Envoy => heard.host.put(value),
                Some(_) | None => {}
            }
        }
        heard
    }
}

fn names_options_only(connection: &HeaderValue) -> bool {
    connection.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii).all(|option| {
        option.is_empty()
            || CONNECTION_OPTIONS.iter().any(|known| option.eq_ignore_ascii_case(known.as_bytes()))
    })
}

/// Whether `name`, which begins like all of them and is none of the family's names, becomes one where separators are all the
/// same: `X_Forwarded_Uri` in CGI and WSGI, `X.Forwarded.Uri` in some others.
fn is_alias(dialect: Dialect, name: &str) -> bool {
    let family: &[&str] = match dialect {
        Dialect::Forward => &[URI, HOST, PROTO, METHOD, FOR],
        Dialect::Nginx => &[ORIGINAL_URL, ORIGINAL_METHOD, FOR],
        Dialect::Envoy => &[PROTO, FOR],
    };
    family.iter().any(|known| same_but_for_separators(known, name))
}

fn same_but_for_separators(known: &str, name: &str) -> bool {
    let same = |(known, byte): (u8, u8)| known == byte || (known == b'-' && !byte.is_ascii_alphanumeric());
    known.len() == name.len() && known.bytes().zip(name.bytes()).all(same)
}
