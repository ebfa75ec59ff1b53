//! Spellings of a path by somebody who may see all but `/admin`: refused, or judged as it is served.

use super::attempt::{Case, Try, open};
use crate::lab::client::Ask;
use crate::lab::readings;

macro_rules! spelled {
    ($($path:literal),+ $(,)?) => {
        &[$(open(concat!("`", $path, "`"), |attempt| served(attempt, $path))),+]
    };
}

pub(super) const CASES: &[Case] = spelled!(
    "/a/b?c=d/../e%2f",
    "/caf%C3%A9",
    "/a%20b",
    "/a;b=c",
    "/a%3Fb",
    "/a%3Bb",
    "/a%23b",
    "/a%25b",
    "/a/./b",
    "/a/../b",
    "/a//b",
    "/%61dmin/x",
    "//admin/x",
    "/x/../admin/x",
    "/x/%2e%2e/admin/x",
    "/x/..%2fadmin/x",
    "/x/..;/admin/x",
    "/x/..%5cadmin/x",
    "/admin%2fx",
    "/admin;a=b/x",
    "/%2561dmin/x",
    "/admin%00",
    "/admin#/pub",
    "/admin%0a",
    "/ADMIN/x",
);

/// What came of it, and the path the app was asked for, where it is another.
fn served(attempt: &Try<'_>, path: &str) -> String {
    let cell = attempt.ask_as_guest(Ask::get(&attempt.lab.host("closed"), path));
    let seen = attempt.seen();
    let Some(seen) = seen.last() else { return cell };
    assert!(
        !readings::any_within(&seen.target, "/admin"),
        "{}: {path} was served as {}",
        attempt.lab.kind,
        seen.target
    );
    if seen.target == path { cell } else { format!("{cell} `{}`", seen.target) }
}
