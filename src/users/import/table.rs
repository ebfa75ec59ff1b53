//! Users in a table: CSV with a header row, or JSON as an array of objects, with the same names.
//!
//! Promises: columns may stand in any order and be left out; `active` is never guessed.
//! Never: takes a column it does not know; what stands in one is noted beside the user.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Imported;
use super::gather::{Active, Gather, Row, shown};
use crate::error::{Fault, Faults};

/// The names that are known; `id` is read over, because accounts get an id of ours.
const COLUMNS: &str = "id, username, email, password_hash, roles, display_name and is_active";

/// Reads a table of RFC 4180 whose first row names its columns.
pub(super) fn csv(path: &Path, text: &str) -> Result<Vec<Imported>, Faults> {
    let mut gather = Gather::from(path);
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let names: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(|name| name.trim().to_ascii_lowercase()).collect(),
        Err(error) => {
            gather.fault(Some(1), Fault::new(format!("the header row cannot be read: {error}")));
            return gather.finish();
        }
    };
    for (position, name) in names.iter().enumerate() {
        if names.iter().take(position).any(|earlier| earlier == name) {
            gather.fault(Some(1), Fault::new(format!("the column `{}` is there twice", shown(name))));
        }
    }
    if !names.iter().any(|name| name == "username" || name == "email") {
        gather.fault(
            Some(1),
            Fault::new("no column `username` or `email`")
                .hint(format!("the first row names the columns: {COLUMNS}")),
        );
        return gather.finish();
    }
    let mut lines = Lines::of(text);
    let mut line_of = |position: Option<&csv::Position>| Some(lines.of_record(position?));
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = line_of(record.position());
                let row = csv_row(&mut gather, line, &names, &record);
                if !gather.add(row) {
                    break;
                }
            }
            Err(error) => {
                let line = line_of(error.position());
                let fault = match error.kind() {
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        let fault =
                            Fault::new(format!("{len} fields, and the header row has {expected_len}"));
                        // Argon2 hashes have commas.
                        if len > expected_len {
                            fault.hint("a field with a comma in it, as an argon2 hash, stands in \"quotes\"")
                        } else {
                            fault
                        }
                    }
                    _ => Fault::new("not a row of a table"),
                };
                gather.fault(line, fault);
            }
        }
    }
    gather.finish()
}

fn csv_row(gather: &mut Gather, line: Option<usize>, names: &[String], record: &csv::StringRecord) -> Row {
    let mut row = Row { line, ..Row::default() };
    for (name, value) in names.iter().zip(record) {
        let field = || Some(value.to_owned());
        match name.as_str() {
            "id" => {}
            "username" => row.username = field(),
            "email" => row.email = field(),
            "display_name" => row.name = field(),
            "password_hash" => row.password = field(),
            "roles" => row.roles = role_list(value),
            "is_active" => match value.trim().to_ascii_lowercase().as_str() {
                "" => row.active = Active::Empty,
                "true" | "t" | "yes" | "1" => row.active = Active::Said(true),
                "false" | "f" | "no" | "0" => row.active = Active::Said(false),
                _ => gather.fault(line, Fault::new("`is_active` is neither true nor false")),
            },
            _ if value.trim().is_empty() => {}
            _ => row.left_behind.push(name.clone()),
        }
    }
    row
}

/// `a,b`, `a;b`, `a b`, or `{a,"b"}` as PostgreSQL writes an array into CSV.
fn role_list(text: &str) -> Vec<String> {
    let text = text.trim();
    if let Some(array) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        let elements = array.split(',').map(str::trim).filter(|element| *element != "NULL");
        return elements.map(|element| element.trim_matches('"').to_owned()).collect();
    }
    text.split([',', ';', ' ']).map(str::to_owned).collect()
}

/// One object of the array.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Entry {
    #[serde(default, rename = "id")]
    _id: Option<serde::de::IgnoredAny>,
    username: Option<String>,
    email: Option<String>,
    display_name: Option<String>,
    password_hash: Option<String>,
    #[serde(default)]
    roles: Option<Vec<String>>,
    #[serde(default, deserialize_with = "active")]
    is_active: Active,
    #[serde(flatten)]
    other: BTreeMap<String, serde_json::Value>,
}

/// Tells `null` from an absent field.
fn active<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Active, D::Error> {
    Ok(Option::<bool>::deserialize(deserializer)?.map_or(Active::Empty, Active::Said))
}

/// Reads an array of objects.
pub(super) fn json(path: &Path, text: &str) -> Result<Vec<Imported>, Faults> {
    let mut gather = Gather::from(path);
    let objects: Vec<&RawValue> = match serde_json::from_str(text) {
        Ok(objects) => objects,
        Err(error) => {
            let fault =
                Fault::new(without_place(&error)).hint("an array of objects is read: [{\"email\": …}, …]");
            gather.fault(Some(error.line()), fault);
            return gather.finish();
        }
    };
    let mut lines = Lines::of(text);
    for object in objects {
        let line = lines.of_part(object.get());
        match serde_json::from_str::<Entry>(object.get()) {
            Ok(entry) => {
                let filled = |value: &serde_json::Value| !value.is_null();
                let row = Row {
                    line: Some(line),
                    label: String::new(),
                    username: entry.username,
                    email: entry.email,
                    name: entry.display_name,
                    roles: entry.roles.unwrap_or_default(),
                    active: entry.is_active,
                    password: entry.password_hash,
                    left_behind: entry
                        .other
                        .into_iter()
                        .filter(|(_, value)| filled(value))
                        .map(|(name, _)| name)
                        .collect(),
                };
                if !gather.add(row) {
                    break;
                }
            }
            Err(error) => {
                let line = line + error.line().saturating_sub(1);
                gather.fault(Some(line), Fault::new(without_place(&error)));
            }
        }
    }
    gather.finish()
}

/// The message without the place inside it, which counts from the object's own first line.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned()
}

/// Counts lines of a text while its parts are visited in order.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1 }
    }

    /// The line on which `part`, a slice of the text, begins.
    fn of_part(&mut self, part: &str) -> usize {
        self.at(part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr()))
    }

    /// The line on which a record begins; its position may still be before the end of the line above.
    fn of_record(&mut self, position: &csv::Position) -> usize {
        let offset = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let rest = self.text.as_bytes().get(offset..).unwrap_or_default();
        self.at(offset + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count())
    }

    fn at(&mut self, offset: usize) -> usize {
        let between = self.text.as_bytes().get(self.offset..offset).unwrap_or_default();
        self.line += between.split(|byte| *byte == b'\n').count().saturating_sub(1);
        self.offset = offset.max(self.offset);
        self.line
    }
}
