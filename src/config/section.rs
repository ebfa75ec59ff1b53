//! Reading a section: each key asked for by name and type. Owns the faults of shape: wrong types,
//! unknown keys with a suggestion, secrets that are not where they should be.
//! Never knows what a setting means.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Placed;
use super::tree::{Node, Table};
use crate::error::{Fault, Faults};
use crate::secret::Secret;

/// What reading the settings gathers and needs.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) faults: Faults,
    pub(super) warnings: Vec<Fault>,
    /// The working directory.
    pub(super) directory: PathBuf,
    /// `$CREDENTIALS_DIRECTORY`.
    pub(super) credentials: Option<PathBuf>,
    /// `$STATE_DIRECTORY`.
    pub(super) state: Option<PathBuf>,
}

/// Whether there is surely nothing at `path`. What is there and cannot be read is not absent.
pub(super) fn is_absent(path: &Path) -> bool {
    matches!(std::fs::symlink_metadata(path), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
}

/// Reads at most `limit` bytes of text from `path`.
pub(super) fn read_text(path: &Path, limit: u64) -> Result<String, Fault> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 > limit => {
            let fault = Fault::new(format!("cannot be read: longer than {limit} bytes"));
            Err(fault.hint("is it the right file?").at(path, None))
        }
        Ok(_) => Ok(text),
        Err(error) => {
            let fault = Fault::new(format!("cannot be read: {error}"));
            Err(fault.hint(how_to_read(error.kind())).at(path, None))
        }
    }
}

/// What to do about a file that cannot be read.
fn how_to_read(why: ErrorKind) -> &'static str {
    match why {
        ErrorKind::NotFound => {
            "is it there? a relative path in a file starts at that file, elsewhere at the working directory"
        }
        ErrorKind::PermissionDenied => "let the user that runs Aegis read it",
        ErrorKind::IsADirectory => "name a file in it",
        ErrorKind::InvalidData => "save it as UTF-8",
        _ => "check the disk: permissions, mount options",
    }
}

impl Reading {
    fn secret_file(&mut self, path: PathBuf) -> Option<Placed<Secret>> {
        const LIMIT: u64 = 64 * 1024;
        match read_text(&path, LIMIT) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                let secret = Secret::new(text.trim_end_matches(['\r', '\n']));
                if secret.is_empty() {
                    let fault = Fault::new("is empty, and should hold a secret");
                    self.faults.add(fault.hint("write the secret into it, and nothing else").at(&path, None));
                    return None;
                }
                Some(Placed { value: secret, source: Some(path), line: None })
            }
            Err(fault) => {
                self.faults.add(fault);
                None
            }
        }
    }

    /// A warning and not a fault: containers are given their secrets readable by all.
    fn warn_if_readable_by_others(&mut self, path: &Path) {
        let readable =
            std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0);
        if readable && !self.warnings.iter().any(|warning| warning.source.as_deref() == Some(path)) {
            self.warnings.push(
                Fault::new("holds a secret, and every user of this machine can read it")
                    .hint(format!("chmod o= {}", path.display()))
                    .at(path, None),
            );
        }
    }
}

/// One section while it is read. What nobody asked for is unknown.
pub(super) struct Section<'r> {
    path: String,
    table: Table,
    known: Vec<&'static str>,
    reading: &'r mut Reading,
}

impl<'r> Section<'r> {
    /// Reads `table`, which stands under `path` (empty for the whole), and then reports what is left in it.
    pub(super) fn read<T>(
        path: String,
        table: Table,
        reading: &'r mut Reading,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let mut section = Section { path, table, known: Vec::new(), reading };
        let value = read(&mut section);
        section.report_unknown();
        value
    }

    /// What all sections share.
    pub(super) fn reading(&mut self) -> &mut Reading {
        self.reading
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn take(&mut self, key: &'static str) -> Option<Placed<Node>> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn wrong_type(&mut self, key: &str, node: &Placed<Node>, expected: &str, example: &str) {
        let fault = Fault::new(format!("`{}` must be {expected}, not {}", self.name(key), node.value.kind()))
            .hint(format!("such as `{example}`"));
        self.reading.faults.add(node.fault(fault));
    }

    fn report_unknown(mut self) {
        for (key, node) in std::mem::take(&mut self.table) {
            let fault = Fault::new(format!("unknown key `{}`", self.name(&key).escape_debug()));
            let fault = fault.hint(match nearest(&key, self.known.iter().copied()) {
                Some(near) => format!("did you mean `{}`?", self.name(near)),
                None => format!("known here: {}", self.known.join(", ")),
            });
            self.reading.faults.add(node.fault(fault));
        }
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Placed<String>> {
        let node = self.take(key)?;
        if let Node::Text(text) | Node::Loose(text) = &node.value {
            return Some(node.with(text.clone()));
        }
        self.wrong_type(key, &node, "text", &format!("{key} = \"…\""));
        None
    }

    /// A text, or `default`.
    pub(super) fn text_or(&mut self, key: &'static str, default: &str) -> Placed<String> {
        self.text(key).unwrap_or_else(|| Placed::of(default.to_owned()))
    }

    /// A whole number, or `default`.
    pub(super) fn number_or(&mut self, key: &'static str, default: i64) -> Placed<i64> {
        let Some(node) = self.take(key) else { return Placed::of(default) };
        let number = match &node.value {
            Node::Number(number) => Some(*number),
            Node::Loose(text) => text.trim().parse().ok(),
            _ => None,
        };
        if let Some(number) = number {
            return node.with(number);
        }
        self.wrong_type(key, &node, "a whole number", &format!("{key} = {default}"));
        Placed::of(default)
    }

    /// `true` or `false`, or `default`.
    pub(super) fn flag_or(&mut self, key: &'static str, default: bool) -> Placed<bool> {
        let Some(node) = self.take(key) else { return Placed::of(default) };
        let flag = match &node.value {
            Node::Flag(flag) => Some(*flag),
            Node::Loose(text) => text.trim().parse().ok(),
            _ => None,
        };
        if let Some(flag) = flag {
            return node.with(flag);
        }
        self.wrong_type(key, &node, "true or false", &format!("{key} = {default}"));
        Placed::of(default)
    }

    /// A list of texts; in a variable they are separated by commas.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<Placed<String>>> {
        let node = self.take(key)?;
        let items = match &node.value {
            Node::Loose(text) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                return Some(items.map(|item| node.with(item.to_owned())).collect());
            }
            Node::List(items) => items,
            _ => {
                self.wrong_type(key, &node, "a list of texts", &format!("{key} = [\"…\"]"));
                return None;
            }
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Node::Text(text) | Node::Loose(text) => texts.push(item.with(text.clone())),
                _ => self.wrong_type(key, item, "a list of texts", &format!("{key} = [\"…\"]")),
            }
        }
        Some(texts)
    }

    /// A list of texts, or `default`.
    pub(super) fn texts_or(&mut self, key: &'static str, default: &[&str]) -> Vec<Placed<String>> {
        self.texts(key).unwrap_or_else(|| default.iter().map(|text| Placed::of((*text).to_owned())).collect())
    }

    /// A path. A relative one in a file starts at that file, in a variable or flag at the working directory.
    pub(super) fn path(&mut self, key: &'static str) -> Option<Placed<PathBuf>> {
        let node = self.take(key)?;
        let directory = &self.reading.directory;
        let path = match (&node.value, &node.source) {
            (Node::Text(text), Some(file)) => match directory.join(file).parent() {
                Some(beside) => beside.join(text),
                None => directory.join(text),
            },
            (Node::Text(text) | Node::Loose(text), _) => directory.join(text),
            _ => {
                self.wrong_type(key, &node, "a path", &format!("{key} = \"…\""));
                return None;
            }
        };
        // Without `.`, for the messages.
        Some(node.with(path.components().collect()))
    }

    /// A secret: `key` itself, the file named by `key_file`, or the credential of that name.
    pub(super) fn secret(
        &mut self,
        key: &'static str,
        key_file: &'static str,
        credential: &str,
    ) -> Option<Placed<Secret>> {
        if let (Some(secret), Some(file)) = (self.table.get(key), self.table.get(key_file)) {
            let fault =
                Fault::new(format!("`{}` and `{}` are both set", self.name(key), self.name(key_file)))
                    .hint("keep one of them");
            let fault = if secret.line.is_some() { secret.fault(fault) } else { file.fault(fault) };
            self.reading.faults.add(fault);
        }
        let in_file = matches!(self.table.get(key).map(|node| &node.value), Some(Node::Text(_)));
        let written = self.text(key);
        let file = self.path(key_file);
        if let Some(text) = written {
            if let (true, Some(source)) = (in_file, &text.source) {
                let path = self.reading.directory.join(source);
                self.reading.warn_if_readable_by_others(&path);
            }
            return Some(Placed { value: Secret::new(text.value), source: text.source, line: text.line });
        }
        if let Some(file) = file {
            self.reading.warn_if_readable_by_others(&file.value);
            return self.reading.secret_file(file.value);
        }
        let path = self.reading.credentials.as_ref()?.join(credential);
        if is_absent(&path) { None } else { self.reading.secret_file(path) }
    }

    /// The section under `key`; where there is none, an empty one is read, which gives its defaults.
    pub(super) fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let table = match self.take(key) {
            None => Table::new(),
            Some(Placed { value: Node::Table(table), .. }) => table,
            Some(node) => {
                self.wrong_type(key, &node, "a section", &format!("[{}]", self.name(key)));
                Table::new()
            }
        };
        Section::read(self.name(key), table, self.reading, read)
    }

    /// The section under `key`, if it is there at all.
    pub(super) fn optional_section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<Placed<T>> {
        let Some(node) = self.table.get(key) else {
            self.known.push(key);
            return None;
        };
        let place = node.with(());
        Some(place.with(self.section(key, read)))
    }

    /// Texts under the names that the operator gave them.
    pub(super) fn map(&mut self, key: &'static str) -> BTreeMap<String, Placed<String>> {
        let path = self.name(key);
        let table = match self.take(key) {
            None => return BTreeMap::new(),
            Some(Placed { value: Node::Table(table), .. }) => table,
            Some(node) => {
                self.wrong_type(key, &node, "a section", &format!("[{path}]"));
                return BTreeMap::new();
            }
        };
        let mut texts = BTreeMap::new();
        for (name, node) in table {
            if let Node::Text(text) | Node::Loose(text) = &node.value {
                let text = node.with(text.clone());
                texts.insert(name, text);
            } else {
                let fault = Fault::new(format!(
                    "`{path}`: `{}` must be text, not {}",
                    name.escape_debug(),
                    node.value.kind()
                ));
                self.reading.faults.add(node.fault(fault.hint(format!("such as `\"{name}\" = \"…\"`"))));
            }
        }
        texts
    }

    /// Whether a section, and not a value, stands under `key`.
    pub(super) fn is_section(&self, key: &str) -> bool {
        matches!(self.table.get(key), Some(Placed { value: Node::Table(_), .. }))
    }

    /// The sections under `key`, whose names are the operator's.
    pub(super) fn sections<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'_>) -> T,
    ) -> BTreeMap<String, Placed<T>> {
        let path = self.name(key);
        let table = match self.take(key) {
            None => return BTreeMap::new(),
            Some(Placed { value: Node::Table(table), .. }) => table,
            Some(node) => {
                self.wrong_type(key, &node, "a section", &format!("[{path}.NAME]"));
                return BTreeMap::new();
            }
        };
        let mut sections = BTreeMap::new();
        for (name, node) in table {
            let path = format!("{path}.{name}");
            let place = node.with(());
            if let Node::Table(table) = node.value {
                let value = Section::read(path, table, self.reading, &mut read);
                sections.insert(name, place.with(value));
            } else {
                let fault = Fault::new(format!("`{path}` must be a section, not {}", node.value.kind()));
                self.reading.faults.add(place.fault(fault.hint(format!("such as `[{path}]`"))));
            }
        }
        sections
    }

    /// The list of sections under `key`.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'_>) -> T,
    ) -> Vec<Placed<T>> {
        let path = self.name(key);
        let example = format!("[[{path}]]");
        let items = match self.take(key) {
            None => return Vec::new(),
            Some(Placed { value: Node::List(items), .. }) => items,
            Some(node) => {
                self.wrong_type(key, &node, "a list of sections", &example);
                return Vec::new();
            }
        };
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let place = item.with(());
            match item.value {
                Node::Table(table) => {
                    let value = Section::read(path.clone(), table, self.reading, &mut read);
                    list.push(place.with(value));
                }
                other => self.wrong_type(key, &place.with(other), "a list of sections", &example),
            }
        }
        list
    }

    /// That a key is known though somebody else has taken it out.
    pub(super) fn knows(&mut self, key: &'static str) {
        self.known.push(key);
    }

    /// A section of a release to come.
    pub(super) fn later(&mut self, key: &'static str) {
        if let Some(node) = self.table.remove(key) {
            let fault = Fault::new(format!("`[{}]` comes in a later release", self.name(key)))
                .hint("take it out: what it asks for would not be done");
            self.reading.faults.add(node.fault(fault));
        }
    }
}

/// The one of `known` that `written` was probably meant to be: of two that are as near, the one that was
/// written on or cut off.
pub(crate) fn nearest<'k>(written: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|name| {
            let is_part = written.starts_with(name) || name.starts_with(written);
            (strsim::damerau_levenshtein(written, name), !is_part, name)
        })
        .filter(|(distance, _, name)| *distance <= name.len().max(3) / 3)
        .min()
        .map(|(_, _, name)| name)
}
