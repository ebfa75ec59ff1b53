//! tinyauth's users: `USERS=name:hash[:totp],…` in an environment file, or one `name:hash` a line.
//!
//! Promises: `$$`, as Compose files need it, becomes `$`; a file that names another one is a fault that says so.
//! Never: takes a TOTP secret along, follows a path found in the file.

use std::path::Path;

use super::Imported;
use super::gather::{Gather, Row, shown};
use crate::error::{Fault, Faults};

/// The variables that hold users, of all versions of tinyauth.
const USERS: [&str; 2] = ["USERS", "TINYAUTH_AUTH_USERS"];
/// The variables that name a file with users.
const USERS_FILE: [&str; 3] = ["USERS_FILE", "TINYAUTH_AUTH_USERS_FILE", "TINYAUTH_AUTH_USERSFILE"];

/// Reads the users of either kind of file.
pub(super) fn read(path: &Path, text: &str) -> Result<Vec<Imported>, Faults> {
    let mut gather = Gather::from(path);
    let lines = || {
        text.lines().map(str::trim).zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
    };
    let environment = lines().any(|(line, _)| variable(line).is_some());
    for (line, number) in lines() {
        let list = match variable(line) {
            Some((name, value)) if USERS.contains(&name) => value,
            Some((name, value)) if USERS_FILE.contains(&name) && !value.is_empty() => {
                gather.fault(
                    Some(number),
                    Fault::new(format!("the users stand in another file, `{}`", shown(value)))
                        .hint("read that one: --from tinyauth:FILE"),
                );
                continue;
            }
            _ if environment => continue,
            _ => line,
        };
        for user in list.split(',').map(str::trim).filter(|user| !user.is_empty()) {
            if !add(&mut gather, number, user) {
                return gather.finish();
            }
        }
    }
    gather.finish()
}

/// `NAME=value`, with `export` before it or quotes around the value; nothing for a line of a users file.
fn variable(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        return None;
    }
    let value = value.trim();
    let unquoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    Some((name, unquoted.unwrap_or(value)))
}

/// Takes in one `name:hash[:totp]`. False if there are too many.
fn add(gather: &mut Gather, line: usize, user: &str) -> bool {
    let user = user.replace("$$", "$");
    let mut parts = user.split(':');
    let (Some(name), Some(hash), totp, None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        // The text is not shown: a part of it may be a hash.
        gather.fault(Some(line), Fault::new("not of the form name:hash or name:hash:totp"));
        return true;
    };
    gather.add(Row {
        line: Some(line),
        username: Some(name.to_owned()),
        password: Some(hash.to_owned()),
        left_behind: totp
            .filter(|secret| !secret.trim().is_empty())
            .map(|_| "totp".to_owned())
            .into_iter()
            .collect(),
        ..Row::default()
    })
}
