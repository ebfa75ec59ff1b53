use super::*;
use crate::place::NetworkList;

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// Whether a request to `https://arlo.example.com` with these headers reaches as far as a Lax cookie.
fn reaches(method: &Method, lines: &[(&'static str, &str)]) -> bool {
    let headers = headers(lines);
    let came = Came::read(Peer::Unix, method, &headers, &Proxies::default());
    let domain: Host = "example.com".parse().unwrap();
    came.reach.is_lax(Scheme::Https, "arlo.example.com", Some(&domain))
}

#[test]
fn another_site_reaches_as_far_as_a_link_that_is_followed() {
    let navigate = ("sec-fetch-mode", "navigate");
    let document = ("sec-fetch-dest", "document");
    let cross = ("sec-fetch-site", "cross-site");
    for (method, lines, expected) in [
        // Programs say nothing; the visitor's own doing and the same site are as with any cookie.
        (Method::POST, vec![], true),
        (Method::POST, vec![("sec-fetch-site", "none")], true),
        (Method::POST, vec![("sec-fetch-site", "same-origin")], true),
        (Method::DELETE, vec![("sec-fetch-site", "same-site")], true),
        // Of another site: a link in the top level, and nothing else.
        (Method::GET, vec![cross, navigate, document], true),
        (Method::HEAD, vec![cross, navigate, document], true),
        (Method::POST, vec![cross, navigate, document], false),
        (Method::GET, vec![cross, navigate, ("sec-fetch-dest", "iframe")], false),
        (Method::GET, vec![cross, navigate], false),
        (Method::GET, vec![cross, ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")], false),
        (Method::GET, vec![cross, ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")], false),
        (Method::GET, vec![cross, navigate, document, ("upgrade", "websocket")], false),
        (Method::GET, vec![cross, ("sec-fetch-mode", "websocket"), ("sec-fetch-dest", "websocket")], false),
        // What is not known, or said twice, is another site.
        (Method::GET, vec![("sec-fetch-site", "sideways")], false),
        (Method::GET, vec![("sec-fetch-site", "same-origin"), cross], false),
        // Browsers without fetch metadata: the origin says it.
        (Method::POST, vec![("origin", "https://arlo.example.com")], true),
        (Method::POST, vec![("origin", "https://obol.example.com")], true),
        (Method::POST, vec![("origin", "http://obol.example.com")], false),
        (Method::POST, vec![("origin", "https://evil.test")], false),
        (Method::GET, vec![("origin", "https://evil.test"), ("upgrade", "websocket")], false),
        (Method::POST, vec![("origin", "null")], false),
        (Method::POST, vec![("origin", "file://")], false),
        (Method::POST, vec![("origin", "https://example.com.evil.test")], false),
        (Method::POST, vec![("origin", "https://arlo.example.com"), ("origin", "https://evil.test")], false),
        // With fetch metadata it is not asked.
        (Method::POST, vec![("sec-fetch-site", "same-site"), ("origin", "https://evil.test")], true),
        (Method::POST, vec![cross, ("origin", "https://arlo.example.com")], false),
    ] {
        assert_eq!(reaches(&method, &lines), expected, "{method} with {lines:?}");
    }
}

#[test]
fn without_a_domain_only_the_host_itself_is_its_site() {
    let value = HeaderValue::from_static("https://obol.example.com");
    let reach = Reach::Origin(&value);
    assert!(reach.is_lax(Scheme::Https, "obol.example.com", None));
    assert!(!reach.is_lax(Scheme::Https, "arlo.example.com", None));
}

#[test]
fn the_address_of_a_visitor_of_ours_is_told_by_a_proxy_or_is_the_peers() {
    let secret = "0123456789abcdef0123";
    let trusted = NetworkList::parse(["127.0.0.1", "172.18.0.0/16"]).unwrap();
    let proxies = Proxies::new(trusted, NetworkList::default(), Some(crate::secret::Secret::new(secret)));
    let tcp = |address: &str| Peer::Tcp(address.parse().unwrap());
    let told = ("x-forwarded-for", "6.6.6.6, 100.64.0.2");
    for (peer, lines, address, vouched) in [
        (Peer::Unix, vec![told], Some("100.64.0.2"), Some(Vouched::Surely)),
        (Peer::Unix, vec![], None, None),
        (tcp("127.0.0.1"), vec![told], Some("100.64.0.2"), Some(Vouched::ByLoopback)),
        (tcp("172.18.0.9"), vec![told], Some("100.64.0.2"), Some(Vouched::ByAddress)),
        (tcp("172.18.0.9"), vec![], Some("172.18.0.9"), None),
        (
            tcp("10.0.0.9"),
            vec![told, ("x-aegis-proxy-secret", secret)],
            Some("100.64.0.2"),
            Some(Vouched::Surely),
        ),
        (tcp("10.0.0.9"), vec![told, ("x-aegis-proxy-secret", "wrong")], Some("10.0.0.9"), None),
        // Whoever comes to us directly says nothing of others.
        (tcp("100.64.0.9"), vec![told], Some("100.64.0.9"), None),
        (Peer::Unix, vec![("x-forwarded-for", "nonsense")], None, None),
    ] {
        let headers = headers(&lines);
        let came = Came::read(peer, &Method::GET, &headers, &proxies);
        let shown = came.address.map(|address| address.to_string());
        assert_eq!((shown.as_deref(), came.vouched), (address, vouched), "{peer:?} with {lines:?}");
    }
    let funnel = headers(&[told, ("tailscale-funnel-request", "?1")]);
    assert!(Came::read(Peer::Unix, &Method::GET, &funnel, &proxies).funnel);
}
