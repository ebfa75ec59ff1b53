//! What an app may make of a path: every reading that some server, framework or file system is known
//! to give it. Knows nothing of Aegis's own reading; the two are compared.

use std::collections::BTreeSet;

/// Each reading of a target's path, query aside.
pub(crate) fn of(target: &str) -> BTreeSet<String> {
    let path = target.split('?').next().unwrap_or_default();
    let mut readings = BTreeSet::from([path.as_bytes().to_vec()]);
    // In every order: a gateway may resolve dots before the app takes escapes away.
    for _ in 0..4 {
        let more: Vec<Vec<u8>> =
            readings.iter().flat_map(|path| STEPS.iter().map(|step| step(path))).collect();
        let before = readings.len();
        readings.extend(more);
        if readings.len() == before {
            break;
        }
    }
    readings.into_iter().map(|path| String::from_utf8_lossy(&path).into_owned()).collect()
}

/// Whether any of the readings is this path or below it.
pub(crate) fn any_within(target: &str, prefix: &str) -> bool {
    let within = |path: &String| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    of(target).iter().any(within)
}

/// Whether all of the readings are this path or below it, however they are written.
pub(crate) fn all_within(target: &str, prefix: &str) -> bool {
    let last = |path: &String| resolved(path.as_bytes());
    let within = |path: Vec<u8>| {
        path.strip_prefix(prefix.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    of(target).iter().map(last).all(within)
}

/// One thing that somebody does to a path.
type Step = fn(&[u8]) -> Vec<u8>;

const STEPS: [Step; 7] =
    [decoded, resolved, merged, without_parameters, with_slashes, cut, <[u8]>::to_ascii_lowercase];

/// Escapes taken away, once.
fn decoded(path: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(path).collect()
}

/// `.` and `..` resolved (RFC 3986, section 5.2.4); nothing is above the root.
fn resolved(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut parts = path.split(|&byte| byte == b'/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            b"." if last => kept.push(b""),
            b"." => {}
            b".." => {
                kept.pop();
                if last {
                    kept.push(b"");
                }
            }
            _ => kept.push(part),
        }
    }
    [b"/", kept.join(&b'/').as_slice()].concat()
}

/// Several slashes as one.
fn merged(path: &[u8]) -> Vec<u8> {
    let mut path = path.to_vec();
    path.dedup_by(|next, before| *next == b'/' && *before == b'/');
    path
}

/// `;…` of each segment taken away, as Java's servers do.
fn without_parameters(path: &[u8]) -> Vec<u8> {
    let segments: Vec<&[u8]> = path
        .split(|&byte| byte == b'/')
        .map(|segment| segment.split(|&byte| byte == b';').next().unwrap_or_default())
        .collect();
    segments.join(&b'/')
}

/// Backslashes as slashes.
fn with_slashes(path: &[u8]) -> Vec<u8> {
    path.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect()
}

/// Up to a zero or a line's end.
fn cut(path: &[u8]) -> Vec<u8> {
    path.split(|byte| [0, b'\n', b'\r'].contains(byte)).next().unwrap_or_default().to_vec()
}

#[test]
fn detours_are_found() {
    for path in [
        "/admin",
        "/pub/../admin/x",
        "/pub/%2e%2e/admin/x",
        "/pub%2f..%2fadmin/x",
        "/pub/..;a=b/admin/x",
        "/pub/%5c..%5c..%5cadmin/x",
        "//admin//x",
        "/%2561dmin/x",
        "/admin%00/../pub",
        "/x/..%252fadmin",
        "/Admin/x",
        "/%41DMIN",
    ] {
        assert!(any_within(path, "/admin"), "{path} is read as {:?}", of(path));
        assert!(!all_within(path, "/pub"), "{path} is read as {:?}", of(path));
    }
    for path in ["/administrator", "/pub/x", "/pub/admin/x", "/pub/caf%C3%A9;a=b/admin"] {
        assert!(!any_within(path, "/admin"), "{path} is read as {:?}", of(path));
    }
    assert!(all_within("/pub/caf%C3%A9/./x", "/pub") && !all_within("/pubs", "/pub"));
}
