//! What a request asks for: path and query, or a whole URL. Owns [`Target`] and [`AbsoluteUrl`].
//! Never judges a query: it belongs to the app, and is kept as it came.

use std::borrow::Cow;

use super::{Authority, CanonicalPath, Malformed, Scheme, TARGET_LIMIT};

/// The path and query of a request (the origin form of RFC 9112, section 3.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The path, in the one reading that rules are matched against.
    pub path: CanonicalPath<'a>,
    /// Path and query as they came. Starts with a slash; no control character, no `#`.
    pub raw: Cow<'a, str>,
}

impl<'a> Target<'a> {
    /// Reads `/path` or `/path?query`, of 8 KiB at most.
    pub fn parse(raw: &'a str) -> Result<Self, Malformed> {
        if raw.len() > TARGET_LIMIT {
            return Err(Malformed::TooLong);
        }
        let path_ends = memchr::memchr(b'?', raw.as_bytes()).unwrap_or(raw.len());
        let (path, query) = raw.split_at_checked(path_ends).unwrap_or((raw, ""));
        check_query(query)?;
        Ok(Self { path: CanonicalPath::parse(path)?, raw: Cow::Borrowed(raw) })
    }
}

/// A query is the app's own business, except for what no request target holds.
fn check_query(query: &str) -> Result<(), Malformed> {
    let refused = |byte| matches!(byte, b'#' | 0..=0x1f | 0x7f);
    if query.bytes().any(refused) { Err(Malformed::Query) } else { Ok(()) }
}

/// An absolute `http` or `https` URL without user information and fragment; `ws` and `wss` count as these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsoluteUrl<'a> {
    /// Its scheme.
    pub scheme: Scheme,
    /// Its host, in the one spelling.
    pub host: Cow<'a, str>,
    /// Its port, if one is written.
    pub port: Option<u16>,
    /// Its path and query; without a path, `/`.
    pub target: Target<'a>,
}

impl<'a> AbsoluteUrl<'a> {
    /// Reads `https://host[:port][/path][?query]`.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (scheme, rest) = text.split_once("://").ok_or(Malformed::Scheme)?;
        let scheme = scheme.parse()?;
        let (authority, raw) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let Authority { host, port } = Authority::parse(authority)?;
        let target = match raw.strip_prefix('?') {
            None if raw.is_empty() => Target { path: CanonicalPath::ROOT, raw: Cow::Borrowed("/") },
            None => Target::parse(raw)?,
            Some(_) if raw.len() >= TARGET_LIMIT => return Err(Malformed::TooLong),
            Some(query) => {
                check_query(query)?;
                Target { path: CanonicalPath::ROOT, raw: Cow::Owned(format!("/{raw}")) }
            }
        };
        Ok(Self { scheme, host, port, target })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_target_is_judged_by_its_path_and_kept_whole() {
        for (raw, path) in [
            ("/admin?x=/pub/", "/admin"),
            ("/admin?/api/health", "/admin"),
            ("/?a=../..&b=%2f%25%00&c=\\?", "/"),
            ("//x?y?z", "/x"),
            ("/?", "/"),
        ] {
            let target = Target::parse(raw).unwrap();
            assert_eq!((target.path.as_str(), &*target.raw), (path, raw), "asked for {raw:?}");
        }
        let long = format!("/?{}", "a".repeat(TARGET_LIMIT - 1));
        for (raw, why) in [
            ("", Malformed::Path),
            ("?x", Malformed::Path),
            ("/a?b#c", Malformed::Query),
            ("/a?b\tc", Malformed::Query),
            ("/a?b\r\nc", Malformed::Query),
            ("/a#?b", Malformed::Path),
            ("/../?b", Malformed::AmbiguousPath),
            (long.as_str(), Malformed::TooLong),
        ] {
            assert_eq!(Target::parse(raw), Err(why), "asked for {raw:?}");
        }
    }

    #[test]
    fn a_url_is_read_into_its_parts() {
        use Scheme::{Http, Https};
        for (text, scheme, host, port, raw) in [
            ("https://app.example.com/x?y=//z@w", Https, "app.example.com", None, "/x?y=//z@w"),
            ("http://App.Example.com.:8080", Http, "app.example.com", Some(8080), "/"),
            ("wss://app.example.com?x=1", Https, "app.example.com", None, "/?x=1"),
            ("ws://[::1]:80/a", Http, "[::1]", Some(80), "/a"),
            (
                "https://app.example.com/https://other.example.com",
                Https,
                "app.example.com",
                None,
                "/https://other.example.com",
            ),
        ] {
            let url = AbsoluteUrl::parse(text).unwrap();
            let read = (url.scheme, &*url.host, url.port, &*url.target.raw);
            assert_eq!(read, (scheme, host, port, raw), "asked for {text:?}");
        }
        for text in [
            "",
            "/x",
            "//app.example.com/",
            "app.example.com",
            "ftp://app.example.com/",
            "HTTPS://app.example.com/",
            "https:app.example.com",
            "https:/app.example.com",
            "https://",
            "https:///x",
            "https://a@b/",
            "https://a:b@c/",
            "https://a@b@c/",
            "https://app.example.com\\@other/",
            "https://app.example.com:/",
            "https://app.example.com:0/",
            "https://app.example.com:65536/",
            "https://app.example.com#x",
            "https://app.example.com/#x",
            "https://app.example.com?a#b",
            "https://a,b/",
            "https://a b/",
            " https://a/",
            "https://%61/",
            "https://app.example.com/../x",
            "https://\u{ff41}pp.example.com/",
            "javascript://app.example.com/%0a",
        ] {
            assert!(AbsoluteUrl::parse(text).is_err(), "{text:?} was read as {:?}", AbsoluteUrl::parse(text));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(https?://)?\\PC{0,80}") {
            if let Ok(url) = AbsoluteUrl::parse(&text) {
                let port = url.port.map(|port| format!(":{port}")).unwrap_or_default();
                let written = format!("{}://{}{port}{}", url.scheme.as_str(), url.host, url.target.raw);
                prop_assert_eq!(AbsoluteUrl::parse(&written), Ok(url.clone()), "{:?}", text);
            }
        }
    }
}
