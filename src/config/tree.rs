//! What is written, before it has a type: a tree of nodes, each with its place. Owns turning TOML
//! into it and laying one tree over another. Never knows a setting by name.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::Placed;
use crate::error::Fault;

/// Keys and what stands under them; the place is that of the key.
pub(super) type Table = BTreeMap<String, Placed<Node>>;

/// Something written. Not `Debug`: it may hold secrets.
pub(super) enum Node {
    /// Text from a file.
    Text(String),
    /// Text from a variable or a flag: whoever reads it knows what type it should be.
    Loose(String),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Flag(bool),
    /// A list.
    List(Vec<Placed<Node>>),
    /// A section.
    Table(Table),
    /// A type that no setting has, by its name.
    Other(&'static str),
}

impl Node {
    /// What this is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Loose(_) => "text",
            Self::Number(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a section",
            Self::Other(kind) => kind,
        }
    }
}

/// Reads TOML. A syntax error is one fault, whatever follows it.
pub(super) fn parse(text: &str, source: &Path) -> Result<Table, Fault> {
    let file = File { source, lines: text.match_indices('\n').map(|(position, _)| position).collect() };
    match DeTable::parse(text) {
        Ok(table) => Ok(file.table(table.into_inner())),
        // `message()`, because `to_string()` quotes the line, which may hold a secret.
        Err(error) => Err(Fault::new(format!("not TOML: {}", error.message()))
            .hint("`key = \"text\"`, `key = [\"text\", \"text\"]`, and `[section]` before its keys")
            .at(source, error.span().map(|span| file.line(span.start)))),
    }
}

/// A file while it is turned into a tree.
struct File<'a> {
    source: &'a Path,
    /// Where each line ends.
    lines: Vec<usize>,
}

impl File<'_> {
    fn line(&self, position: usize) -> usize {
        self.lines.partition_point(|end| *end < position) + 1
    }

    fn placed<T>(&self, position: usize, value: T) -> Placed<T> {
        Placed { value, source: Some(self.source.to_path_buf()), line: Some(self.line(position)) }
    }

    fn table(&self, table: DeTable<'_>) -> Table {
        table
            .into_iter()
            .map(|(key, value)| {
                let start = key.span().start;
                (key.into_inner().into_owned(), self.placed(start, self.node(value.into_inner())))
            })
            .collect()
    }

    fn node(&self, value: DeValue<'_>) -> Node {
        match value {
            DeValue::String(text) => Node::Text(text.into_owned()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Node::Other("a number too large"), Node::Number),
            DeValue::Array(items) => Node::List(
                items
                    .into_iter()
                    .map(|item| {
                        let start = item.span().start;
                        self.placed(start, self.node(item.into_inner()))
                    })
                    .collect(),
            ),
            DeValue::Table(table) => Node::Table(self.table(table)),
            DeValue::Float(_) => Node::Other("a number with a fraction"),
            DeValue::Boolean(flag) => Node::Flag(flag),
            DeValue::Datetime(_) => Node::Other("a date"),
        }
    }
}

/// Lays `over` on `base`: sections are joined, everything else is replaced. A secret (`x`) and the
/// file that holds it (`x_file`) replace each other, so that a variable beats either in the file.
pub(super) fn lay_over(base: &mut Table, over: Table) {
    for key in over.keys() {
        match key.strip_suffix("_file") {
            Some(secret) => base.remove(secret),
            None => base.remove(&format!("{key}_file")),
        };
    }
    for (key, new) in over {
        let place = (new.source, new.line);
        match (base.get_mut(&key).map(|old| &mut old.value), new.value) {
            (Some(Node::Table(old)), Node::Table(new)) => lay_over(old, new),
            (_, value) => {
                base.insert(key, Placed { value, source: place.0, line: place.1 });
            }
        }
    }
}
