//! What must hold for arbitrary input: the bodies of the fuzz targets.
//!
//! Promises: each takes any bytes, and panics only if Aegis broke a promise of `place` or `forwarded`.
//! Never: depends on the fuzzer; `tests/it/fuzz.rs` drives the same functions on the stable toolchain.

use std::net::IpAddr;

use aegis::forwarded::{Asked, Dialect, Peer, Proxies, Unread, Vouched};
use aegis::place::{AbsoluteUrl, Authority, CanonicalPath, ClientAddress, NetworkList, TARGET_LIMIT, Target};
use aegis::secret::Secret;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

const SECRET: &str = "0123456789abcdef";

/// A check request: one byte that chooses dialect and peer, then lines. The first is the start line,
/// `METHOD TARGET`; the others are headers, `name:value`. Lines that are no headers are left out.
pub fn forwarded(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    let dialect = match choice % 3 {
        0 => Dialect::Forward,
        1 => Dialect::Nginx,
        _ => Dialect::Envoy,
    };
    let proxy = ClientAddress::from(IpAddr::from([127, 0, 0, 1]));
    let stranger = ClientAddress::from(IpAddr::from([203, 0, 113, 9]));
    let peer = match choice / 3 % 3 {
        0 => Peer::Unix,
        1 => Peer::Tcp(proxy),
        _ => Peer::Tcp(stranger),
    };
    let mut lines = rest.split(|&byte| byte == b'\n');
    let (method, uri) = start_line(lines.next().unwrap_or_default());
    let headers: Vec<_> = lines.filter_map(header).collect();

    let trusted = NetworkList::parse(["127.0.0.1"]).expect("a network");
    let hops = NetworkList::parse(["10.0.0.0/8"]).expect("a network");
    let proxies = Proxies::new(trusted, hops, Some(Secret::new(SECRET)));
    let map: HeaderMap = collect(&headers);
    let read = Asked::read(dialect, peer, &method, &uri, &map, &proxies);

    let asked = match read {
        Ok(ref asked) => asked,
        Err(Unread::UnknownProxy) => {
            assert_eq!(peer, Peer::Tcp(stranger), "a known proxy was not believed");
            return;
        }
        Err(Unread::WrongSecret) => {
            assert!(map.contains_key("x-aegis-proxy-secret") && !proxies.secret_is_in(&map));
            return;
        }
        Err(Unread::Malformed(why)) => {
            assert!(!why.to_string().is_empty());
            return;
        }
    };
    if peer == Peer::Tcp(stranger) {
        assert!(proxies.secret_is_in(&map) && asked.vouched == Vouched::Surely, "a stranger was believed");
    }
    check_path(&asked.path);
    check_host(&asked.host);
    assert!(asked.target.starts_with('/') && asked.target.len() <= TARGET_LIMIT);
    assert!(asked.method.as_str().bytes().all(|byte| byte.is_ascii_uppercase()));
    assert!(!asked.preflight || asked.method == Method::OPTIONS);

    // The way back leads to the same place.
    let url = asked.return_url();
    assert!(
        url.is_ascii() && !url.bytes().any(|byte| byte.is_ascii_control() || byte == b' ' || byte == b'#')
    );
    assert!(url.starts_with("https://") || asked.host.ends_with("localhost"), "{url}");
    if let Ok(again) = AbsoluteUrl::parse(&url) {
        assert_eq!((&again.host, &again.target.path), (&asked.host, &asked.path), "{url}");
    } else {
        assert!(url.len() > TARGET_LIMIT, "{url} does not lead back");
    }

    // Other families' headers, and the order of different names, change nothing.
    let mut others = headers;
    others.sort_by(|(left, _), (right, _)| right.as_str().cmp(left.as_str()));
    let family = match dialect {
        Dialect::Forward | Dialect::Envoy => {
            [("x-original-url", "https://open.test/"), ("x_original_url", "/")]
        }
        Dialect::Nginx => [("x-forwarded-uri", "/pub"), ("x_forwarded_proto", "http")],
    };
    let foreign = [("remote_user", "root"), ("x-forwarded-port", "1"), ("forwarded", "host=open.test")];
    for (name, value) in family.into_iter().chain(foreign) {
        others.push((HeaderName::from_static(name), HeaderValue::from_static(value)));
    }
    let map = collect(&others);
    assert_eq!(Asked::read(dialect, peer, &method, &uri, &map, &proxies).as_ref(), Ok(asked));
}

/// Any text, read as a path, as path and query, as a host and as a URL.
pub fn path(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(path) = CanonicalPath::parse(text) {
        check_path(&path);
    }
    if let Ok(target) = Target::parse(text) {
        assert_eq!(target.raw, text);
        check_path(&target.path);
    }
    if let Ok(authority) = Authority::parse(text) {
        check_host(&authority.host);
    }
    if let Ok(url) = AbsoluteUrl::parse(text) {
        check_host(&url.host);
        check_path(&url.target.path);
        assert!(url.target.raw.starts_with('/'));
    }
    if let Ok(address) = text.parse::<ClientAddress>() {
        assert_eq!(address.to_string().parse(), Ok(address));
    }
}

/// A canonical path holds nothing with two readings, and is read as itself.
fn check_path(path: &CanonicalPath<'_>) {
    let text = path.as_str();
    assert!(text.starts_with('/') && text.len() <= TARGET_LIMIT, "{text:?}");
    assert!(
        !text.contains("//") && !text.contains(['\\', '%']) && !text.contains(char::is_control),
        "{text:?}"
    );
    for segment in text.split('/') {
        let name = segment.split(';').next().unwrap_or_default();
        assert!(name != "." && name != "..", "{text:?}");
    }
    let escaped = text.replace(' ', "%20").replace('?', "%3F").replace('#', "%23");
    if escaped.len() <= TARGET_LIMIT {
        assert_eq!(CanonicalPath::parse(&escaped).as_ref(), Ok(path));
    }
    if let Some(other) = path.without_parameters() {
        assert!(!other.as_str().contains(';'), "{other:?}");
        check_path(&other);
    }
    if let Some(other) = path.without_end() {
        assert!(!other.as_str().ends_with(['.', ' ']) && text.starts_with(other.as_str()), "{other:?}");
        check_path(&other);
    }
}

/// A host is in its one spelling.
fn check_host(host: &str) {
    assert!(!host.is_empty() && host.len() <= 253 && host.is_ascii() && !host.ends_with('.'), "{host:?}");
    assert!(!host.bytes().any(|byte| byte.is_ascii_uppercase() || b"@,/\\%?# ".contains(&byte)), "{host:?}");
    let again = Authority::parse(host).expect("a host is read again");
    assert_eq!((&*again.host, again.port), (host, None));
}

fn start_line(line: &[u8]) -> (Method, Uri) {
    let mut words = line.splitn(2, |&byte| byte == b' ');
    let method = words.next().and_then(|word| Method::from_bytes(word).ok()).unwrap_or(Method::GET);
    let uri = words.next().and_then(|word| Uri::try_from(word).ok()).unwrap_or_default();
    (method, uri)
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = line.split_at(colon);
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value.get(1..)?).ok()?))
}

fn collect(lines: &[(HeaderName, HeaderValue)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(name, value.clone());
    }
    map
}
