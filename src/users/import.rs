//! Other systems' users, read into one shape.
//!
//! Promises: every fault is found in one reading and said with its place; what an account loses on the
//! way is a note beside it; sizes are bounded; nothing is written, there or here.
//! Never: makes an administrator, sets a password it can read, stores anything, prints a hash.

mod authelia;
mod gather;
mod postgresql;
mod table;
#[cfg(test)]
mod tests;
mod tinyauth;

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Fault, Faults};
use crate::identity::{Email, Role, Username};
use crate::secret::Secret;

/// The largest file that is read: 64 MiB.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;
/// The most users that are taken in one reading.
const MOST_USERS: usize = 100_000;

/// What `--from` accepts, for faults.
const FORMS: &str = "--from takes FILE.csv, FILE.json, postgresql://…, authelia:users_database.yml \
     or tinyauth:.env";

/// One account of another system. It has a username or an e-mail, or both.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its name there, in lower case; without one, the name is made from the e-mail.
    pub username: Option<Username>,
    /// Its e-mail, if it has one.
    pub email: Option<Email>,
    /// Its display name, if it has one.
    pub name: Option<String>,
    /// Its roles, sorted, each once. None of them makes an administrator.
    pub roles: Vec<Role>,
    /// Whether it may sign in; what does not clearly say so may not.
    pub active: bool,
    /// The text of its password's hash, not looked at: whoever keeps it judges it.
    pub password: Option<Secret>,
    /// Where it stands: `users.csv:7`, `table users, id 12`.
    pub source: String,
    /// What was changed or left behind, each a sentence for the operator.
    pub notes: Vec<String>,
}

/// Where users are read from.
#[derive(Clone, Debug)]
pub enum From {
    /// A table with a header row (RFC 4180).
    Csv(PathBuf),
    /// An array of objects (RFC 8259).
    Json(PathBuf),
    /// A connection URL; `?table=` names another table than `users`.
    PostgreSql(Secret),
    /// Authelia's `users_database.yml`.
    Authelia(PathBuf),
    /// tinyauth's `.env`, or its users file with one `name:hash` a line.
    Tinyauth(PathBuf),
}

impl FromStr for From {
    type Err = Faults;

    fn from_str(text: &str) -> Result<Self, Faults> {
        if text.starts_with("postgresql://") || text.starts_with("postgres://") {
            return Ok(Self::PostgreSql(Secret::new(text)));
        }
        let named = |path: &str, kind: fn(PathBuf) -> Self| {
            if path.is_empty() {
                Err(Fault::new("no file is named").hint(FORMS).into())
            } else {
                Ok(kind(path.into()))
            }
        };
        if let Some(path) = text.strip_prefix("authelia:") {
            return named(path, Self::Authelia);
        }
        if let Some(path) = text.strip_prefix("tinyauth:") {
            return named(path, Self::Tinyauth);
        }
        match Path::new(text).extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Ok(Self::Csv(text.into())),
            Some("json") => Ok(Self::Json(text.into())),
            // The text is not repeated: a mistyped URL has a password in it.
            _ => Err(Fault::new("it is not clear what kind of users are to be read").hint(FORMS).into()),
        }
    }
}

/// Reads every user of `from`, or says everything that is wrong there.
///
/// Files are read at once and in place: this is for a command, not for a server's worker.
pub async fn read(from: &From) -> Result<Vec<Imported>, Faults> {
    match from {
        From::Csv(path) => table::csv(path, &text_of(path)?),
        From::Json(path) => table::json(path, &text_of(path)?),
        From::Authelia(path) => authelia::read(path, &text_of(path)?),
        From::Tinyauth(path) => tinyauth::read(path, &text_of(path)?),
        From::PostgreSql(url) => postgresql::read(url).await,
    }
}

/// The text of a file of at most [`LARGEST_FILE`] bytes, without a byte order mark.
fn text_of(path: &Path) -> Result<String, Fault> {
    let fault = |message: String| Fault::new(message).at(path, None);
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)).map_err(
        |error| {
            fault(format!("cannot be read: {error}")).hint("is it the right file, and may this user read it?")
        },
    )?;
    if bytes.len() as u64 > LARGEST_FILE {
        let fault = fault(format!("is larger than {} MiB", LARGEST_FILE / 1024 / 1024));
        return Err(fault.hint("import it in parts"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let lines = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count();
        Fault::new("is not UTF-8").hint("save it as UTF-8").at(path, Some(lines + 1))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
