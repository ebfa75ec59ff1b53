//! The rules of the house, read from `ARCHITECTURE.md` and checked in every file of `src/`.
//!
//! Every path is followed: in `use`, in expressions, types and patterns, in attributes, and inside
//! the tokens of macros. What the checker cannot follow (a renamed root, a glob of the root, a moved
//! or included file) is itself a breach.

mod drawing;
mod lines;
mod paths;
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use drawing::Drawing;

/// The most lines of code a file may have.
const LONGEST_FILE: usize = 400;
/// The most lines of code tests may have beside the code they test.
const LONGEST_TESTS: usize = 100;

/// One source file: where it stands and what is in it.
struct Source {
    /// As people name it: `src/store/write.rs`.
    name: String,
    /// The module it is: `["store", "write"]`; empty for `lib.rs`.
    module: Vec<String>,
    text: String,
}

impl Source {
    fn new(name: &str, text: &str) -> Self {
        let inner = name.strip_prefix("src/").unwrap_or(name).trim_end_matches(".rs");
        let mut module: Vec<String> = inner.split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod") || inner == "lib" {
            module.pop();
        }
        Self { name: name.to_owned(), module, text: text.to_owned() }
    }

    fn is_root(&self) -> bool {
        self.module.is_empty()
    }

    fn is_main(&self) -> bool {
        self.name == "src/main.rs"
    }

    /// A file of tests alone: `name/tests.rs` or below `name/tests/`.
    fn is_tests(&self) -> bool {
        self.module.iter().skip(1).any(|part| part == "tests")
    }
}

/// Every breach of the rules in one file.
fn breaches(drawing: &Drawing, source: &Source) -> Vec<String> {
    let file = match syn::parse_file(&source.text) {
        Ok(file) => file,
        Err(error) => return vec![format!("{}: does not parse: {error}", source.name)],
    };
    let mut found = Vec::new();
    paths::check(drawing, source, &file, &mut found);
    lines::check(drawing, source, &file, &mut found);
    found
}

fn sources(folder: &Path, root: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("src can be read").map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            sources(&entry, root, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let name = entry.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            found.push(Source::new(&name, &fs::read_to_string(&entry).unwrap()));
        }
    }
}

#[test]
fn the_house_stands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let drawing = Drawing::read(&fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap()).unwrap();
    let mut all = Vec::new();
    sources(&root.join("src"), root, &mut all);
    assert!(all.len() > 10, "only {} files found below src/: is this the right place?", all.len());

    let mut found: Vec<String> = all.iter().flat_map(|source| breaches(&drawing, source)).collect();

    // An exception that names nothing any more is a hole waiting for a file.
    let names: BTreeSet<&str> = all.iter().map(|source| source.name.as_str()).collect();
    for path in drawing.exceptions.keys().chain(drawing.unrecorded.keys()) {
        if !names.iter().any(|name| drawing::covers(path, name)) {
            found.push(format!("ARCHITECTURE.md: `{path}` is excepted, but there is no such file"));
        }
    }
    assert!(found.is_empty(), "{} breaches of the house rules:\n{}", found.len(), found.join("\n"));
}
