//! Who is believed, and who a visitor is behind those who are.

use super::*;

#[test]
fn only_a_known_proxy_is_believed() {
    let other = Peer::Tcp("203.0.113.9".parse().unwrap());
    let mapped = Peer::Tcp("::ffff:127.0.0.1".parse().unwrap());
    for dialect in DIALECTS {
        let believed = |peer, secrets: &[&str]| {
            let lines = with(ordinary(dialect), "x-aegis-proxy-secret", secrets);
            read_from(peer, dialect, &lines).map(|asked| asked.vouched)
        };
        let wrong = "0123456789abcdef0124";
        for (peer, secrets, expected) in [
            (Peer::Unix, &[][..], Ok(Vouched::Surely)),
            (Peer::Unix, &[SECRET], Ok(Vouched::Surely)),
            (Peer::Unix, &[wrong], Err(Unread::WrongSecret)),
            (loopback(), &[], Ok(Vouched::ByLoopback)),
            (mapped, &[], Ok(Vouched::ByLoopback)),
            (loopback(), &[SECRET], Ok(Vouched::Surely)),
            (loopback(), &[wrong], Err(Unread::WrongSecret)),
            (loopback(), &[""], Err(Unread::WrongSecret)),
            (loopback(), &[SECRET, SECRET], Err(Unread::WrongSecret)),
            (loopback(), &[SECRET, wrong], Err(Unread::WrongSecret)),
            (other, &[], Err(Unread::UnknownProxy)),
            (other, &[SECRET], Ok(Vouched::Surely)),
            (other, &[wrong], Err(Unread::WrongSecret)),
        ] {
            assert_eq!(believed(peer, secrets), expected, "{dialect:?}, {peer:?} showing {secrets:?}");
        }
        // An unknown peer learns nothing about how its request reads.
        assert_eq!(read_from(other, dialect, &[]), Err(Unread::UnknownProxy));
    }
}

#[test]
fn without_a_secret_of_ours_none_counts() {
    let proxies = Proxies::new(NetworkList::parse(["127.0.0.1"]).unwrap(), NetworkList::default(), None);
    let headers = map(&with(ordinary(Dialect::Forward), "x-aegis-proxy-secret", &[""]));
    let uri = Uri::from_static("/");
    let read = |peer| {
        Asked::read(Dialect::Forward, peer, &Method::GET, &uri, &headers, &proxies).map(|asked| asked.vouched)
    };
    assert_eq!(read(loopback()), Ok(Vouched::ByLoopback));
    assert_eq!(read(Peer::Tcp("203.0.113.9".parse().unwrap())), Err(Unread::UnknownProxy));
    assert!(!proxies.secret_is_in(&headers));
}

#[test]
fn the_visitor_is_the_last_whom_no_hop_of_ours_names() {
    let many = vec!["10.0.0.1"; HOPS_LIMIT].join(",");
    let behind_many = format!("203.0.113.1,{many}");
    let mostly_many = format!("203.0.113.1,{}", vec!["10.0.0.1"; HOPS_LIMIT - 1].join(","));
    for (values, expected) in [
        (vec!["198.51.100.7"], Some("198.51.100.7")),
        (vec!["203.0.113.1, 198.51.100.7"], Some("198.51.100.7")),
        (vec!["203.0.113.1", "198.51.100.7"], Some("198.51.100.7")),
        (vec!["198.51.100.7", "10.0.0.9"], Some("198.51.100.7")),
        (vec!["203.0.113.1, 198.51.100.7 ,10.0.0.9", " 10.1.1.1"], Some("198.51.100.7")),
        (vec!["10.0.0.9, 10.0.0.8"], None),
        (vec!["::ffff:198.51.100.7"], Some("198.51.100.7")),
        (vec!["198.51.100.7, ::ffff:10.0.0.1"], Some("198.51.100.7")),
        (vec!["127.0.0.1"], Some("127.0.0.1")),
        (vec!["2001:DB8::1"], Some("2001:db8::1")),
        (vec!["garbage, \u{e9}, 198.51.100.7"], Some("198.51.100.7")),
        (vec![many.as_str()], None),
        (vec![mostly_many.as_str()], Some("203.0.113.1")),
    ] {
        let lines = with(ordinary(Dialect::Forward), "x-forwarded-for", &values);
        let expected = expected.map(|address| address.parse().unwrap());
        assert_eq!(read(Dialect::Forward, &lines).unwrap().client, expected, "{values:?}");
    }
    for values in [vec![behind_many.as_str()], vec!["garbage, 10.0.0.1"], vec!["1.1.1.1", ""]] {
        let read = read(Dialect::Forward, &with(ordinary(Dialect::Forward), "x-forwarded-for", &values));
        assert!(matches!(read, Err(Unread::Malformed(_))), "{values:?} was read as {read:?}");
    }
}
