//! The one way from a row of any source to an [`Imported`]: trims, checks, maps roles, finds duplicates.
//!
//! Promises: every row is judged, also after a fault; a value that grants something is taken only if it
//! is well formed, and never widened without a note.
//! Never: knows where a row came from beyond its place.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::Hash;
use std::path::{Path, PathBuf};

use super::{Imported, MOST_USERS};
use crate::error::{Fault, Faults};
use crate::identity::{Email, Role, Username};
use crate::secret::Secret;
use crate::users::{NAME_MOST, is_display_name};

/// The longest text of a hash, in bytes; the longest real ones have about 200.
const LONGEST_HASH: usize = 512;
/// The most roles of one user.
const MOST_ROLES: usize = 64;
/// After so many faults only their number is counted.
const MOST_FAULTS: usize = 100;

/// What became of `is_active` and its like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Active {
    /// The source does not have it: everybody there may sign in.
    #[default]
    NotSaid,
    /// The source has it, and nothing stands in it.
    Empty,
    /// The source says so.
    Said(bool),
}

/// A row as it was found; nothing is checked.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// The line it stands in, where the source has lines.
    pub(super) line: Option<usize>,
    /// What names it, where the source has no lines: `id 12`.
    pub(super) label: String,
    pub(super) username: Option<String>,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) active: Active,
    pub(super) password: Option<String>,
    /// Fields that hold something and are not taken.
    pub(super) left_behind: Vec<String>,
}

/// Rows of one source on their way to users.
pub(super) struct Gather {
    source: PathBuf,
    users: Vec<Imported>,
    usernames: HashMap<Username, String>,
    emails: HashMap<Email, String>,
    faults: Faults,
    more_faults: usize,
}

impl Gather {
    /// Nothing yet, from `source`: a file, or what to call something that is none.
    pub(super) fn from(source: &Path) -> Self {
        Self {
            source: source.to_path_buf(),
            users: Vec::new(),
            usernames: HashMap::new(),
            emails: HashMap::new(),
            faults: Faults::default(),
            more_faults: 0,
        }
    }

    /// Notes what is wrong at `line`.
    pub(super) fn fault(&mut self, line: Option<usize>, fault: Fault) {
        if self.faults.0.len() < MOST_FAULTS {
            self.faults.add(fault.at(&self.source, line));
        } else {
            self.more_faults += 1;
        }
    }

    /// Takes in one row. False if there are too many and the source need not be read on.
    pub(super) fn add(&mut self, row: Row) -> bool {
        if self.users.len() >= MOST_USERS {
            self.fault(row.line, Fault::new(format!("more than {MOST_USERS} users")));
            return false;
        }
        let place = match row.line {
            Some(line) => format!("{}:{line}", self.source.display()),
            None => format!("{}, {}", self.source.display(), row.label),
        };
        let mut taker = Taker { gather: self, line: row.line, label: row.label, notes: Vec::new() };
        let (username, email) = (filled(row.username), filled(row.email));
        if username.is_none() && email.is_none() {
            taker.fault("neither a username nor an e-mail");
        }
        let (username, from_name) = taker.username(username);
        let email = taker.email(email).or(from_name);
        let name = taker.name(filled(row.name));
        let roles = taker.roles(&row.roles);
        let password = taker.password(filled(row.password));
        let active = taker.active(row.active);
        taker.left_behind(row.left_behind);
        if let Some(username) = &username {
            taker.once(&place, username, "username", |gather| &mut gather.usernames);
        }
        if let Some(email) = &email {
            taker.once(&place, email, "e-mail", |gather| &mut gather.emails);
        }
        let notes = taker.notes;

        // A row with a fault is kept too: nothing is handed out while there is one.
        self.users.push(Imported { username, email, name, roles, active, password, source: place, notes });
        true
    }

    /// All users, or all faults.
    pub(super) fn finish(mut self) -> Result<Vec<Imported>, Faults> {
        if self.users.is_empty() && self.faults.0.is_empty() {
            self.fault(None, Fault::new("there are no users in it").hint("is it the right source?"));
        }
        if self.more_faults > 0 {
            self.faults.add(Fault::new(format!("and {} more", self.more_faults)).at(&self.source, None));
        }
        self.faults.or(self.users)
    }
}

/// One row being taken: its place, and the notes so far.
struct Taker<'a> {
    gather: &'a mut Gather,
    line: Option<usize>,
    label: String,
    notes: Vec<String>,
}

impl Taker<'_> {
    fn fault(&mut self, message: impl fmt::Display) {
        let message =
            if self.line.is_some() { message.to_string() } else { format!("{}: {message}", self.label) };
        self.gather.fault(self.line, Fault::new(message));
    }

    /// The username; where people sign in by address, that address instead.
    fn username(&mut self, text: Option<String>) -> (Option<Username>, Option<Email>) {
        let Some(text) = text else { return (None, None) };
        if text.contains('@')
            && let Ok(email) = text.parse::<Email>()
        {
            self.notes.push(format!("`{text}` is an e-mail; the username is made from it"));
            return (None, Some(email));
        }
        // ASCII only: other letters that fold to a-z are not the letters they look like.
        let lower = text.to_ascii_lowercase();
        match lower.parse() {
            Ok(username) => {
                if lower != text {
                    self.notes.push(format!("the username `{}` becomes `{lower}`", shown(&text)));
                }
                (Some(username), None)
            }
            Err(error) => {
                self.fault(format_args!("the username `{}` cannot be taken: {error}", shown(&text)));
                (None, None)
            }
        }
    }

    fn email(&mut self, text: Option<String>) -> Option<Email> {
        let text = text?;
        match text.parse() {
            Ok(email) => Some(email),
            Err(error) => {
                self.fault(format_args!("the e-mail `{}` cannot be taken: {error}", shown(&text)));
                None
            }
        }
    }

    fn name(&mut self, text: Option<String>) -> Option<String> {
        let text = text?;
        if !is_display_name(&text) {
            self.fault(format_args!(
                "the display name `{}` cannot be taken: it has at most {NAME_MOST} characters and no control characters",
                shown(&text)
            ));
            return None;
        }
        Some(text)
    }

    /// The roles that fit, in lower case. One that does not is left behind: that only ever takes away.
    fn roles(&mut self, texts: &[String]) -> Vec<Role> {
        let mut roles = BTreeSet::new();
        for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            let lower = text.to_ascii_lowercase();
            match lower.parse::<Role>() {
                Ok(role) => {
                    if lower != text {
                        self.notes.push(format!("the role `{}` becomes `{lower}`", shown(text)));
                    }
                    roles.insert(role);
                }
                Err(error) => {
                    self.notes.push(format!("the role `{}` is left behind: {error}", shown(text)));
                }
            }
        }
        if roles.len() > MOST_ROLES {
            self.fault(format_args!("{} roles; a user has at most {MOST_ROLES}", roles.len()));
        }
        roles.into_iter().collect()
    }

    fn password(&mut self, text: Option<String>) -> Option<Secret> {
        let text = text?;
        if text.len() > LONGEST_HASH || text.chars().any(|character| !character.is_ascii_graphic()) {
            self.fault("the password's hash cannot be taken: it is too long, or no hash at all");
            return None;
        }
        Some(Secret::new(text))
    }

    fn active(&mut self, active: Active) -> bool {
        match active {
            Active::Said(said) => said,
            Active::NotSaid => true,
            Active::Empty => {
                self.notes.push("it does not say whether the account is active: disabled".into());
                false
            }
        }
    }

    /// Notes that `key` stands at `place`; it is a fault if it stands elsewhere too.
    fn once<Key: Clone + Eq + Hash + fmt::Display>(
        &mut self,
        place: &str,
        key: &Key,
        what: &str,
        seen: fn(&mut Gather) -> &mut HashMap<Key, String>,
    ) {
        if let Some(earlier) = seen(self.gather).get(key) {
            let message = format!("the {what} `{key}` is also at {earlier}");
            self.fault(message);
        } else {
            seen(self.gather).insert(key.clone(), place.to_owned());
        }
    }

    fn left_behind(&mut self, fields: Vec<String>) {
        for field in fields {
            let why = match field.to_lowercase().as_str() {
                "admin" | "is_admin" | "administrator" | "is_superuser" | "superuser" | "is_staff" => {
                    ": no import makes an administrator"
                }
                "password" | "pass" | "passwd" => ": only a hash in `password_hash` is taken",
                "totp" | "totp_secret" => ": the second factor has to be set up anew",
                _ => "",
            };
            self.notes.push(format!("`{}` is left behind{why}", shown(&field)));
        }
    }
}

/// The text without surrounding blanks, if anything is left of it.
fn filled(text: Option<String>) -> Option<String> {
    let text = text?;
    let trimmed = text.trim();
    if trimmed.is_empty() { None } else { Some(trimmed.to_owned()) }
}

/// A foreign text as it may stand in a message: short, on one line, nothing a terminal obeys.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(80) {
        match character {
            '\'' | '"' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    if text.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}
