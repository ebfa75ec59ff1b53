//! What holds whatever a stranger adds.

use proptest::prelude::*;

use super::*;

/// Headers that must not count for `dialect`: the other families', forged identities, and any others.
fn foreign(dialect: Dialect) -> impl Strategy<Value = Lines> {
    let forward = ["x-forwarded-uri", "x-forwarded-host", "x-forwarded-method"];
    let original = ["x-original-url", "x-original-method"];
    let mut names = vec![
        "remote-user",
        "remote_user",
        "remote.groups",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-server",
        "x-real-ip",
        "forwarded",
        "x-rewrite-url",
        "x-http-method-override",
        "cookie",
        "authorization",
        "user-agent",
        "referer",
        "te",
        "x-aegis-assertion",
        "x-aegis-key",
        "x_original",
        "x-forwarded",
        "via",
        "date",
        "x-forwarded-hos",
    ];
    if dialect != Dialect::Forward {
        names.extend(forward);
        names.extend(["x_forwarded_uri", "x.forwarded.host"]);
    }
    if dialect == Dialect::Nginx {
        names.extend(["x-forwarded-proto", "x_forwarded_proto"]);
    } else {
        names.extend(original);
        names.extend(["x_original_url", "x-original.method"]);
    }
    if dialect != Dialect::Envoy {
        names.push("host");
    }
    let name = prop_oneof![
        4 => proptest::sample::select(names).prop_map(str::to_owned),
        1 => "y[a-z0-9_.-]{0,12}",
    ];
    let value = prop_oneof![
        Just("/pub/x".to_owned()),
        Just("https://open.example.com/".to_owned()),
        Just("OPTIONS".to_owned()),
        "[ -~]{0,12}",
    ];
    proptest::collection::vec((name, value), 0..8)
}

fn any_foreign() -> impl Strategy<Value = (Dialect, Lines)> {
    proptest::sample::select(DIALECTS.to_vec())
        .prop_flat_map(|dialect| foreign(dialect).prop_map(move |lines| (dialect, lines)))
}

/// Sorts `lines` into an order that `keys` give.
fn shuffled(lines: Lines, keys: &[u8]) -> Lines {
    let mut keyed: Vec<_> = lines.into_iter().zip(keys.iter().cycle()).collect();
    keyed.sort_by_key(|(_, key)| **key);
    keyed.into_iter().map(|(line, _)| line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_header_of_another_family_changes_the_answer(
        (dialect, added) in any_foreign(),
        order in proptest::collection::vec(any::<u8>(), 16),
        bad: bool,
    ) {
        let mut lines = ordinary(dialect);
        if bad {
            lines = with(lines, "x-forwarded-for", &["garbage"]);
        }
        let expected = read(dialect, &lines);
        lines.extend(added);
        let lines = shuffled(lines, &order);
        prop_assert_eq!(read(dialect, &lines), expected, "{:?}", lines);
    }

    #[test]
    fn an_unknown_peer_is_never_believed((dialect, added) in any_foreign(), peer: [u8; 4]) {
        let peer = ClientAddress::from(std::net::IpAddr::from(peer));
        prop_assume!(peer.to_string() != "127.0.0.1");
        let mut lines = ordinary(dialect);
        lines.extend(added);
        prop_assert_eq!(read_from(Peer::Tcp(peer), dialect, &lines), Err(Unread::UnknownProxy));
    }

    #[test]
    fn what_was_read_holds_what_it_promises(
        host in "[a-zA-Z0-9.:,@\\[\\]-]{0,20}",
        target in "/(\\PC|[/.;%?#]){0,20}",
        proto in "https?|wss?",
    ) {
        let lines = with(ordinary(Dialect::Forward), "x-forwarded-host", &[&host]);
        let lines = with(lines, "x-forwarded-uri", &[&target]);
        let lines = with(lines, "x-forwarded-proto", &[&proto]);
        if let Ok(asked) = read(Dialect::Forward, &lines) {
            let url = asked.return_url();
            prop_assert!(url.is_ascii() && !url.contains(['#', ' ']), "{url:?}");
            let again = AbsoluteUrl::parse(&url).unwrap();
            prop_assert_eq!((&again.host, &again.target.path), (&asked.host, &asked.path), "{}", url);
        }
    }
}
