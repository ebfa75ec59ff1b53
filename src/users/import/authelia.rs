//! Authelia's `users_database.yml`.
//!
//! Promises: what Authelia knows and Aegis does not is noted; aliases and nesting are bounded.
//! Never: takes a group for more than a role of that name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::gather::{Active, Gather, Row};
use super::{Imported, LARGEST_FILE, MOST_USERS};
use crate::error::{Fault, Faults};

#[derive(Deserialize)]
struct Database {
    #[serde(deserialize_with = "in_order")]
    users: Vec<(Spanned<String>, Entry)>,
}

#[derive(Deserialize)]
struct Entry {
    displayname: Option<String>,
    email: Option<String>,
    password: Option<String>,
    groups: Option<Vec<String>>,
    #[serde(default)]
    disabled: bool,
    #[serde(flatten)]
    other: BTreeMap<String, Left>,
}

/// Something that is not taken; nothing stands in it if it is null.
#[derive(Deserialize)]
struct Left(Option<IgnoredAny>);

/// A map as a list, so that every key keeps its line and a name that is there twice is seen.
fn in_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(Spanned<String>, Entry)>, D::Error> {
    struct InOrder;

    impl<'de> Visitor<'de> for InOrder {
        type Value = Vec<(Spanned<String>, Entry)>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a map from names to accounts")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }

    deserializer.deserialize_map(InOrder)
}

/// Reads the users of such a file.
pub(super) fn read(path: &Path, text: &str) -> Result<Vec<Imported>, Faults> {
    let mut gather = Gather::from(path);
    let options = serde_saphyr::options! {
        // A snippet of the file would show hashes.
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_nodes: 40 * MOST_USERS,
            max_events: 60 * MOST_USERS,
            max_total_scalar_bytes: usize::try_from(LARGEST_FILE).unwrap_or(usize::MAX),
            max_documents: 1,
            max_aliases: 100,
            max_anchors: 100,
            max_depth: 16,
        },
    };
    let database: Database = match serde_saphyr::from_str_with_options(text, options) {
        Ok(database) => database,
        Err(error) => {
            let line = error.location().and_then(|location| usize::try_from(location.line()).ok());
            gather.fault(line, Fault::new(error.to_string()));
            return gather.finish();
        }
    };
    for (name, entry) in database.users {
        let row = Row {
            line: usize::try_from(name.referenced.line()).ok(),
            label: String::new(),
            username: Some(name.value),
            email: entry.email,
            name: entry.displayname,
            roles: entry.groups.unwrap_or_default(),
            active: Active::Said(!entry.disabled),
            password: entry.password,
            left_behind: entry
                .other
                .into_iter()
                .filter(|(_, left)| left.0.is_some())
                .map(|(name, _)| name)
                .collect(),
        };
        if !gather.add(row) {
            break;
        }
    }
    gather.finish()
}
