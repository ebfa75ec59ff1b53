use proptest::prelude::*;

use super::*;

fn headers(lines: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(header::COOKIE, HeaderValue::from_bytes(line).unwrap());
    }
    headers
}

fn values(lines: &[&[u8]], name: &str) -> Vec<String> {
    read(&headers(lines), name).map(ToOwned::to_owned).collect()
}

#[test]
fn every_value_is_seen_on_every_line() {
    let lines: [&[u8]; 2] = [b"a=b; aegis_token=one; c=d", b"aegis_token=two;aegis_token=three"];
    assert_eq!(values(&lines, "aegis_token"), ["one", "two", "three"]);
}

#[test]
fn only_the_exact_name_and_a_plain_value_are_ours() {
    for line in [
        &b"\xe2\x80\x80__Host-aegis_session=EVIL"[..],
        b"\xa0__Host-aegis_session=EVIL",
        b"\xc2\x85__Host-aegis_session=EVIL",
        b"x__Host-aegis_session=EVIL",
        b"__host-aegis_session=EVIL",
        b"__HOST-AEGIS_SESSION=EVIL",
        b"__Host-aegis_session =EVIL",
        b"__Host-aegis_session",
        b"__Host-aegis_session=",
        b"__Host-aegis_sessionx=EVIL",
        b"=__Host-aegis_session=EVIL",
        b"x=__Host-aegis_session=EVIL",
        b"\"__Host-aegis_session\"=EVIL",
        b"$__Host-aegis_session=EVIL",
        b"__Host-aegis_session=\"EVIL\"",
        b"__Host-aegis_session=EVIL\"",
        b"__Host-aegis_session=EV IL",
        b"__Host-aegis_session= EVIL",
        b"__Host-aegis_session=EVIL,__Host-aegis_session=EVIL",
        b"__Host-aegis_session=EVIL\\",
        b"__Host-aegis_session=EV\xffIL",
        b"$Version=1,__Host-aegis_session=EVIL",
    ] {
        let asked = String::from_utf8_lossy(line).into_owned();
        assert_eq!(values(&[line], Cookie::Session.name()), [""; 0], "asked with {asked:?}");
        let with_good = [line, b"; __Host-aegis_session=GOOD"].concat();
        assert_eq!(
            values(&[&with_good], Cookie::Session.name()),
            ["GOOD"],
            "asked with {asked:?} and a good one"
        );
    }
    let sandwich = b"$Version=1; x=\"a; __Host-aegis_session=GOOD; y=b\"";
    assert_eq!(values(&[sandwich], Cookie::Session.name()), ["GOOD"]);
}

#[test]
fn apps_get_what_is_not_ours() {
    let strip = |lines: &[&[u8]]| {
        strip(headers(lines).get_all(header::COOKIE).iter(), &OURS)
            .map(|left| String::from_utf8_lossy(left.as_bytes()).into_owned())
    };
    for (lines, expected) in [
        (&[&b"a=b; c=d"[..]][..], Some("a=b; c=d")),
        (&[b"a=b; aegis_token=x; c=d"], Some("a=b; c=d")),
        (&[b"aegis_token=x", b"a=b"], Some("a=b")),
        (&[b"a=b", b"c=d"], Some("a=b; c=d")),
        (&[b"aegis_token=x; __Host-aegis_session=y;__Host-aegis_device=z;__Host-aegis_challenge=w"], None),
        (&[b"AEGIS_TOKEN=x; aegis_token =y; aegis_token"], None),
        (&[b"x=\"1; aegis_token=SECRET; y=2\""], Some("x=\"1; y=2\"")),
        (&[b"aegis_token=\"x\"; a=\xff"], Some("a=\u{fffd}")),
        (&[b"aegis_tokens=x"], Some("aegis_tokens=x")),
        // As Envoy and Apache join two lines.
        (&[b"a=b,aegis_token=x; c=d"], Some("a=b; c=d")),
        (&[b"a=1,2, aegis_token=x,c=d"], Some("a=1,2")),
        (&[b"aegis_token=x,a=b"], None),
        (&[b"a=1,2,3; b=,aegis_tokens=x,"], Some("a=1,2,3; b=,aegis_tokens=x,")),
        (&[b""], None),
        (&[], None),
    ] {
        assert_eq!(strip(lines).as_deref(), expected, "asked with {lines:?}");
    }
}

#[test]
fn cookies_are_set_as_narrowly_as_they_can_be() {
    let domain: Host = "example.com".parse().unwrap();
    let week = Some(Duration::from_hours(168));
    for (cookie, lasts, expected) in [
        (Cookie::Session, None, "__Host-aegis_session=v; Path=/; Secure; HttpOnly; SameSite=Lax"),
        (
            Cookie::Device,
            week,
            "__Host-aegis_device=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=604800",
        ),
        (Cookie::Token(None), None, "aegis_token=v; Path=/; Secure; HttpOnly; SameSite=Lax"),
        (
            Cookie::Token(Some(&domain)),
            week,
            "aegis_token=v; Path=/; Secure; HttpOnly; SameSite=Lax; Domain=example.com; Max-Age=604800",
        ),
    ] {
        let line = cookie.set(&Secret::new("v"), lasts).unwrap();
        assert_eq!(line, expected);
        assert!(line.is_sensitive(), "{} may not be printed", cookie.name());
        let cleared = cookie.clear().unwrap();
        let attributes = |line: &HeaderValue| {
            let text = line.to_str().unwrap().replace("; Max-Age=604800", "").replace("; Max-Age=0", "");
            text.split_once("; ").unwrap().1.to_owned()
        };
        assert_eq!(attributes(&cleared), attributes(&line), "a cookie is cleared where it was set");
        assert!(cleared.to_str().unwrap().contains("; Max-Age=0"), "got {cleared:?}");
    }
}

#[test]
fn what_a_browser_would_drop_or_read_otherwise_is_not_set() {
    for value in ["", "a;b", "a b", "a,b", "a\"b", "a\r\nb", "é"] {
        assert!(Cookie::Session.set(&Secret::new(value), None).is_err(), "{value:?} was set");
    }
    let longest = LONGEST - Cookie::Session.name().len();
    assert!(Cookie::Session.set(&Secret::new("a".repeat(longest)), None).is_ok());
    assert!(Cookie::Session.set(&Secret::new("a".repeat(longest + 1)), None).is_err());
}

proptest! {
    #[test]
    fn nothing_that_reads_as_ours_is_left(bytes in proptest::collection::vec(
        prop_oneof![Just(b"aegis_token".to_vec()), Just(b"=".to_vec()), Just(b"; ".to_vec()), Just(b"\"".to_vec()),
            proptest::collection::vec(0x20u8..=0xff, 0..4)], 0..12)) {
        let line: Vec<u8> = bytes.concat().into_iter().filter(|byte| *byte != 0x7f).collect();
        let before = headers(&[&line]);
        let left = strip(before.get_all(header::COOKIE).iter(), &OURS);
        let mut after = HeaderMap::new();
        if let Some(left) = left {
            after.insert(header::COOKIE, left);
        }
        prop_assert_eq!(read(&after, "aegis_token").count(), 0, "asked with {:?}", line);
    }

    #[test]
    fn what_is_set_is_read_back(value in "[!#-+\\--:<-\\[\\]-~]{1,60}", before in "[a-z]{1,5}=[a-z]{0,5}; ", after in "(; [a-z]{1,5}=[a-z]{0,5})?") {
        let line = Cookie::Token(None).set(&Secret::new(value.as_str()), None).unwrap();
        let pair = line.to_str().unwrap().split("; ").next().unwrap().to_owned();
        let sent = format!("{before}{pair}{after}");
        prop_assert_eq!(values(&[sent.as_bytes()], "aegis_token"), vec![value]);
    }
}
