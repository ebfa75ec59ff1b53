use proptest::prelude::*;

use super::*;

fn read(raw: &str) -> Result<String, Malformed> {
    CanonicalPath::parse(raw).map(|path| path.as_str().to_owned())
}

#[test]
fn one_place_has_one_spelling() {
    for (raw, canonical) in [
        ("/", "/"),
        ("/admin", "/admin"),
        ("/admin/", "/admin/"),
        ("//admin", "/admin"),
        ("///", "/"),
        ("/pub//x///y", "/pub/x/y"),
        ("/%61dmin", "/admin"),
        ("/%41DMIN", "/ADMIN"),
        ("/a%20b", "/a b"),
        ("/admin%23/pub", "/admin#/pub"),
        ("/admin%3f/api/health", "/admin?/api/health"),
        ("/admin%3Bx", "/admin;x"),
        ("/caf%C3%A9", "/café"),
        ("/café", "/café"),
        ("/admin.", "/admin."),
        ("/...", "/..."),
        ("/.well-known/arlo", "/.well-known/arlo"),
        ("/a/.b", "/a/.b"),
        ("/a..b/c..", "/a..b/c.."),
        ("/x;a=..", "/x;a=.."),
    ] {
        assert_eq!(read(raw).as_deref(), Ok(canonical), "asked for {raw:?}");
    }
}

#[test]
fn what_has_two_readings_is_refused() {
    use Malformed::{AmbiguousPath, Path, TooLong};
    let long = format!("/{}", "a".repeat(TARGET_LIMIT));
    for (raw, why) in [
        ("/pub/../admin", AmbiguousPath),
        ("/pub/./../admin", AmbiguousPath),
        ("/pub/%2e%2e/admin", AmbiguousPath),
        ("/pub/.%2e/admin", AmbiguousPath),
        ("/pub/%2E./admin", AmbiguousPath),
        ("/pub/%2e%2e%2fadmin", AmbiguousPath),
        ("/pub/..%2fadmin", AmbiguousPath),
        ("/pub/..%5cadmin", AmbiguousPath),
        ("/pub%2f..%2fadmin", AmbiguousPath),
        ("/admin%2f", AmbiguousPath),
        ("/%2Fadmin", AmbiguousPath),
        ("/..", AmbiguousPath),
        ("/.", AmbiguousPath),
        ("/a/.", AmbiguousPath),
        ("//..//", AmbiguousPath),
        ("/pub/..;/admin", AmbiguousPath),
        ("/pub/..;x=1/admin", AmbiguousPath),
        ("/pub/..%3b/admin", AmbiguousPath),
        ("/pub/.;/admin", AmbiguousPath),
        ("/pub;/../admin", AmbiguousPath),
        ("/%2561dmin", AmbiguousPath),
        ("/pub/%252e%252e/admin", AmbiguousPath),
        ("/a%25", AmbiguousPath),
        ("/pub/\\admin", AmbiguousPath),
        ("/pub/\\../admin", AmbiguousPath),
        ("/%c0%ae%c0%ae/", Path),
        ("/%c0%af", Path),
        ("/%e0%80%af", Path),
        ("/%ed%a0%80", Path),
        ("/%ff", Path),
        ("/caf%e9", Path),
        ("/%zz", Path),
        ("/%+1", Path),
        ("/%u002e", Path),
        ("/%", Path),
        ("/%4", Path),
        ("/a%", Path),
        ("/%é", Path),
        ("/adm%00in", Path),
        ("/admin%09", Path),
        ("/x%0d%0a", Path),
        ("/%7f", Path),
        ("/%c2%85", Path),
        ("/\u{85}", Path),
        ("/a b", Path),
        ("/a\tb", Path),
        ("/a\0", Path),
        ("/a#b", Path),
        ("/a?b", Path),
        ("", Path),
        ("admin", Path),
        ("*", Path),
        ("http://x/", Path),
        (long.as_str(), TooLong),
    ] {
        assert_eq!(read(raw), Err(why), "asked for {raw:?}");
    }
}

#[test]
fn a_prefix_ends_where_a_segment_ends() {
    for (path, prefix, within) in [
        ("/admin", "/admin", true),
        ("/admin/", "/admin", true),
        ("/admin/x", "/admin", true),
        ("/admin/x", "/admin/", true),
        ("/admin", "/admin/", true),
        ("/administrator", "/admin", false),
        ("/admin.json", "/admin", false),
        ("/Admin", "/admin", false),
        ("/", "/", true),
        ("/x", "/", true),
        ("/x/admin", "/admin", false),
    ] {
        let read = CanonicalPath::parse(path).unwrap();
        assert_eq!(read.is_within(prefix), within, "{path} within {prefix}");
    }
}

#[test]
fn a_semicolon_gives_a_second_reading() {
    for (raw, stripped) in [
        ("/admin", None),
        ("/admin;x=1", Some("/admin")),
        ("/admin;.js", Some("/admin")),
        ("/admin;x=/pub/", Some("/admin/pub/")),
        ("/pub/;/admin", Some("/pub/admin")),
        ("/;", Some("/")),
        ("/a%3bb/c;d;e/f", Some("/a/c/f")),
        ("/;..", Some("/")),
    ] {
        let path = CanonicalPath::parse(raw).unwrap();
        let other = path.without_parameters();
        assert_eq!(other.as_ref().map(CanonicalPath::as_str), stripped, "asked for {raw:?}");
    }
}

#[test]
fn dots_and_blanks_at_the_end_give_a_second_reading() {
    for (raw, shorter) in [
        ("/admin", None),
        ("/a.b/c%20d", None),
        ("/admin./x", None),
        ("/admin.", Some("/admin")),
        ("/admin%20", Some("/admin")),
        ("/admin.%20%2e", Some("/admin")),
        ("/admin/...", Some("/admin/")),
        ("/...", Some("/")),
        ("/%20", Some("/")),
    ] {
        let path = CanonicalPath::parse(raw).unwrap();
        assert_eq!(path.without_end().as_ref().map(CanonicalPath::as_str), shorter, "asked for {raw:?}");
    }
}

#[test]
fn an_ordinary_path_stays_where_it_is() {
    for raw in ["/", "/api/v1/users", "/.well-known/x", "/caf\u{e9}/;x", "/a/b.css"] {
        assert!(matches!(CanonicalPath::parse(raw).unwrap().0, Cow::Borrowed(_)), "{raw} was copied");
    }
}

/// Escapes what a canonical path may hold and a raw one may not.
fn escaped(canonical: &str) -> String {
    canonical.replace(' ', "%20").replace('?', "%3F").replace('#', "%23")
}

/// What the path means, worked out the slow way and with other means: text into units, units into
/// segments. Says nothing about why a path is refused.
fn decoded_simply(raw: &str) -> Option<String> {
    if raw.len() > 8192 || !raw.starts_with('/') || raw.contains(['\\', '?', '#', ' ']) {
        return None;
    }
    let mut parts = raw.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2)?;
        if !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if b"/\\%".contains(&byte) {
            return None;
        }
        bytes.push(byte);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    let text = String::from_utf8(bytes).ok()?;
    if text.chars().any(char::is_control) {
        return None;
    }
    let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.iter().any(|segment| [".", ".."].contains(&segment.split(';').next().unwrap())) {
        return None;
    }
    let end = if text.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    Some(format!("/{}{end}", segments.join("/")))
}

/// Text that is a path more often than chance would have it.
fn path_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("/".to_owned()),
        2 => "[a-zA-Z0-9._~-]{1,4}",
        1 => Just("..".to_owned()),
        1 => Just(".".to_owned()),
        1 => Just(";".to_owned()),
        2 => "%[0-9a-fA-F]{2}",
        1 => "%[c-f][0-9a-f]%[89ab][0-9a-f]",
        1 => any::<char>().prop_map(String::from),
        1 => "[%\\\\?# ]",
    ];
    prop_oneof![
        4 => proptest::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat())),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_path_means_what_a_simple_decoder_says(raw in path_like()) {
        prop_assert_eq!(read(&raw).ok(), decoded_simply(&raw), "asked for {:?}", raw);
    }

    #[test]
    fn a_canonical_path_is_read_as_itself(raw in path_like()) {
        if let Ok(path) = CanonicalPath::parse(&raw) {
            let again = read(&escaped(path.as_str()));
            prop_assert_eq!(again.as_deref(), Ok(path.as_str()), "asked for {:?}", raw);
            if let Some(other) = path.without_parameters() {
                let again = read(&escaped(other.as_str()));
                prop_assert_eq!(again.as_deref(), Ok(other.as_str()), "asked for {:?}", raw);
                prop_assert!(other.without_parameters().is_none());
            }
        }
    }

    #[test]
    fn a_canonical_path_holds_nothing_that_is_refused(raw in path_like()) {
        if let Ok(path) = CanonicalPath::parse(&raw) {
            let path = path.as_str();
            prop_assert!(path.starts_with('/'), "{path:?}");
            prop_assert!(!path.contains("//") && !path.contains(['\\', '%']), "{path:?}");
            prop_assert!(!path.contains(char::is_control), "{path:?}");
            prop_assert!(path.split('/').all(|segment| segment != "." && segment != ".."), "{path:?}");
        }
    }
}
