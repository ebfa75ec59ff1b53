//! Where settings come from: files, variables, flags, and their order. Owns the only look at the
//! process's environment. Never opens a file that it was not pointed to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::section::{Reading, is_absent, read_text};
use super::tree::{Node, Table, lay_over, parse};
use super::{Placed, Settings, interpret};
use crate::error::{Fault, Faults};

/// Everything that settings are read from: the flags, the environment, the working directory.
/// Not `Debug`: the environment may hold secrets.
#[derive(Clone, Default)]
pub struct Sources {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--listen`, once for each.
    pub listen: Vec<String>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// The working directory.
    pub directory: PathBuf,
}

impl Sources {
    /// These flags, with the environment and the working directory of this process.
    pub fn from_process(file: Option<PathBuf>, data_dir: Option<PathBuf>, listen: Vec<String>) -> Self {
        let environment = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        let directory = std::env::current_dir().unwrap_or_default();
        Self { file, data_dir, listen, environment, directory }
    }

    /// The file that is read, if it is there: the one that is named, else `aegis.toml`.
    pub fn configuration(&self) -> PathBuf {
        self.named().unwrap_or_else(|| PathBuf::from("aegis.toml"))
    }

    /// The file that must be there.
    fn named(&self) -> Option<PathBuf> {
        self.file.clone().or_else(|| self.variable("AEGIS_CONFIG").map(PathBuf::from))
    }

    /// A variable that is set to something.
    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Variables with names of their own, because existing deployments set them. Empty counts as not set.
const VARIABLES: [(&str, &[&str]); 9] = [
    ("JWT_SECRET", &["token", "jwt_secret"]),
    ("JWT_SECRET_FILE", &["token", "jwt_secret_file"]),
    ("DATABASE_URL", &["database_url"]),
    ("DATABASE_URL_FILE", &["database_url_file"]),
    ("BOOTSTRAP_ADMIN_EMAIL", &["bootstrap_admin", "email"]),
    ("BOOTSTRAP_ADMIN_PASSWORD", &["bootstrap_admin", "password"]),
    ("BOOTSTRAP_ADMIN_PASSWORD_FILE", &["bootstrap_admin", "password_file"]),
    ("AEGIS_NEW_USER_PASSWORD", &["new_user", "password"]),
    ("AEGIS_NEW_USER_PASSWORD_FILE", &["new_user", "password_file"]),
];

const PREFIX: &str = "AEGIS__";

/// Reads the settings: file, then variables, then flags, each over the one before.
/// Every fault is found and returned, in the order of files and lines.
pub fn read(sources: &Sources) -> Result<Settings, Faults> {
    read_text_or(sources, None)
}

/// The same, as if `text` stood in the file.
pub fn read_with(sources: &Sources, text: &str) -> Result<Settings, Faults> {
    read_text_or(sources, Some(text))
}

fn read_text_or(sources: &Sources, text: Option<&str>) -> Result<Settings, Faults> {
    let mut reading = Reading {
        directory: sources.directory.clone(),
        credentials: sources.variable("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        // systemd joins several with colons; the first is the unit's own.
        state: sources
            .variable("STATE_DIRECTORY")
            .and_then(|list| list.split(':').next())
            .map(|first| sources.directory.join(first)),
        ..Reading::default()
    };
    let variables = variables(sources, &mut reading.faults);
    let mut tree = files(sources, text, &mut reading);
    lay_over(&mut tree, variables);
    lay_over(&mut tree, flags(sources));
    let settings = interpret::settings(tree, &mut reading);
    let mut faults = reading.faults;
    faults.0.sort_by(|one, other| (&one.source, one.line).cmp(&(&other.source, other.line)));
    faults.or(settings)
}

/// The tree of the file and of the files it includes.
fn files(sources: &Sources, text: Option<&str>, reading: &mut Reading) -> Table {
    let file = sources.configuration();
    if sources.named().is_none() && is_absent(&sources.directory.join(&file)) {
        return Table::new();
    }
    let read = text.map_or_else(|| one_file(&file, &sources.directory), |text| parse(text, &file));
    let mut tree = match read {
        Ok(tree) => tree,
        Err(fault) => {
            reading.faults.add(fault);
            return Table::new();
        }
    };
    for included in included(tree.remove("include"), &file, reading) {
        match one_file(&included, &sources.directory) {
            Ok(table) => include(&mut tree, table, &mut reading.faults),
            Err(fault) => reading.faults.add(fault),
        }
    }
    tree
}

pub(super) fn one_file(file: &Path, directory: &Path) -> Result<Table, Fault> {
    const LIMIT: u64 = 1024 * 1024;
    let text = read_text(&directory.join(file), LIMIT).map_err(|fault| fault.at(file, None))?;
    parse(&text, file)
}

/// The files that `include` names, beside `file`, sorted.
fn included(include: Option<Placed<Node>>, file: &Path, reading: &mut Reading) -> Vec<PathBuf> {
    const HINT: &str = "such as `include = [\"apps/*.toml\"]`; a star stands in the file's name alone";
    let patterns = match include {
        None => vec![Placed::of("apps/*.toml".to_owned())],
        Some(Placed { value: Node::List(items), .. }) => items
            .into_iter()
            .filter_map(|item| match &item.value {
                Node::Text(text) => Some(item.with(text.clone())),
                other => {
                    let fault =
                        Fault::new(format!("`include` must be a list of texts, not {}", other.kind()))
                            .hint(HINT);
                    reading.faults.add(item.fault(fault));
                    None
                }
            })
            .collect(),
        Some(node) => {
            let fault = Fault::new(format!("`include` must be a list of texts, not {}", node.value.kind()));
            reading.faults.add(node.fault(fault.hint(HINT)));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for pattern in patterns {
        let path = file.parent().unwrap_or(Path::new("")).join(&pattern.value);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            reading.faults.add(pattern.fault(Fault::new("`include` names no file").hint(HINT)));
            continue;
        };
        if folder.to_string_lossy().contains('*') {
            let fault = Fault::new(format!("`include` has a star in a folder's name: `{}`", pattern.value));
            reading.faults.add(pattern.fault(fault.hint(HINT)));
        } else if name.contains('*') {
            match matching(&reading.directory, folder, name) {
                Ok(files) => found.extend(files),
                Err(error) => {
                    let fault = Fault::new(format!("cannot list `{}`: {error}", folder.display()));
                    reading
                        .faults
                        .add(pattern.fault(fault.hint("let the user that runs Aegis read the folder")));
                }
            }
        } else {
            found.push(path);
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The files in `folder` whose names match; none if there is no such folder. Hidden ones are left out.
fn matching(directory: &Path, folder: &Path, pattern: &str) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(directory.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        if let Some(name) = name.to_str()
            && !name.starts_with('.')
            && matches(pattern, name)
        {
            files.push(folder.join(name));
        }
    }
    Ok(files)
}

/// Whether `name` fits `pattern`, where each star stands for any text.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match name.split_once(part) {
            Some((_, after)) => name = after,
            None => return false,
        }
    }
    name.ends_with(end)
}

/// Adds the apps of an included file to the tree; nothing else may stand there.
fn include(tree: &mut Table, table: Table, faults: &mut Faults) {
    for (key, node) in table {
        let place = node.with(());
        match node.value {
            Node::Table(apps) if key == "app" => {
                let here = tree.entry(key).or_insert_with(|| place.with(Node::Table(Table::new())));
                let Node::Table(here) = &mut here.value else { continue };
                for (name, app) in apps {
                    if let Some(other) = here.get(&name) {
                        faults.add(twice(&name, other, &app));
                    } else {
                        here.insert(name, app);
                    }
                }
            }
            _ => {
                let fault = Fault::new(format!("`{}` stands in an included file", key.escape_debug()))
                    .hint("only apps may stand here: `[app.NAME]`");
                faults.add(place.fault(fault));
            }
        }
    }
}

fn twice(name: &str, first: &Placed<Node>, second: &Placed<Node>) -> Fault {
    let place = first.fault(Fault::new(""));
    let place = match (place.source, place.line) {
        (Some(source), Some(line)) => format!("{}:{line}", source.display()),
        _ => "another file".to_owned(),
    };
    second.fault(
        Fault::new(format!("the app `{name}` is defined twice")).hint(format!("the other one is at {place}")),
    )
}

/// The tree of the variables.
fn variables(sources: &Sources, faults: &mut Faults) -> Table {
    let mut tree = Table::new();
    for (name, path) in VARIABLES {
        if let Some(value) = sources.variable(name) {
            let path = path.iter().map(|part| (*part).to_owned()).collect();
            add_variable(&mut tree, path, name, value, faults);
        }
    }
    for (name, value) in &sources.environment {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let mut path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        // The name of a variable cannot hold the dash that the name of an app may.
        if let [section, app, ..] = path.as_mut_slice()
            && section == "app"
        {
            *app = app.replace('_', "-");
        }
        add_variable(&mut tree, path, name, value, faults);
    }
    if let Some(node) = tree.remove("include") {
        let fault = Fault::new("`include` stands in the file alone");
        faults.add(node.fault(fault.hint("take the variable away, and write it there")));
    }
    tree
}

fn add_variable(tree: &mut Table, mut path: Vec<String>, name: &str, value: &str, faults: &mut Faults) {
    let place = Placed { value: (), source: Some(PathBuf::from(name)), line: None };
    if value.contains(char::REPLACEMENT_CHARACTER) {
        faults.add(place.fault(Fault::new("the value is not UTF-8").hint("write it in UTF-8")));
        return;
    }
    let last = path.pop().unwrap_or_default();
    let mut table = tree;
    for part in path {
        let entry = table.entry(part).or_insert_with(|| place.with(Node::Table(Table::new())));
        let Node::Table(inner) = &mut entry.value else {
            let fault = Fault::new("another variable sets the whole of this section");
            faults.add(place.fault(fault.hint("keep one of them")));
            return;
        };
        table = inner;
    }
    if let Some(other) = table.get(&last) {
        let other = other.source.as_deref().unwrap_or(Path::new("")).display();
        faults.add(place.fault(Fault::new(format!("{other} sets the same")).hint("keep one of them")));
        return;
    }
    table.insert(last, place.with(Node::Loose(value.to_owned())));
}

/// The tree of the flags.
fn flags(sources: &Sources) -> Table {
    let placed = |value, flag: &str| Placed { value, source: Some(PathBuf::from(flag)), line: None };
    let mut tree = Table::new();
    if let Some(data_dir) = &sources.data_dir {
        let text = Node::Loose(data_dir.to_string_lossy().into_owned());
        tree.insert("data_dir".to_owned(), placed(text, "--data-dir"));
    }
    if !sources.listen.is_empty() {
        let items = sources.listen.iter().map(|item| placed(Node::Loose(item.clone()), "--listen"));
        tree.insert("listen".to_owned(), placed(Node::List(items.collect()), "--listen"));
    }
    tree
}
