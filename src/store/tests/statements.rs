//! Finds every statement of the sources and prepares it on every engine there is.

use std::fs;
use std::path::PathBuf;

use super::super::sqlite::{self, Purpose};
use super::*;
use syn::visit::{self, Visit};

/// What one of the engines lacks, or means differently.
const NOT_SHARED: [&str; 16] = [
    "now(",
    "random(",
    "datetime(",
    "strftime(",
    "insert or ",
    "replace into",
    "ifnull(",
    " glob ",
    " like ",
    "rowid",
    "json",
    " any(",
    "for update",
    "lower(",
    "upper(",
    "?",
];

/// The texts of all `Statement::new("…")`, tests aside, and the calls whose text is no literal.
#[derive(Default)]
struct Found {
    texts: Vec<String>,
    others: usize,
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        let is_test = attributes.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
        });
        if !is_test {
            visit::visit_item(self, item);
        }
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(function) = &*call.func {
            let names: Vec<String> =
                function.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            if names.ends_with(&["Statement".to_owned(), "new".to_owned()]) {
                match call.args.first() {
                    Some(syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. })) => {
                        self.texts.push(text.value());
                    }
                    _ => self.others += 1,
                }
            }
        }
        visit::visit_expr_call(self, call);
    }
}

fn sources(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_statement_can_be_prepared() {
    let (place, _store) = new_store();
    let connection = sqlite::open(&place.path().join("aegis.db"), Purpose::Maintain).unwrap();
    let mut wrong = Vec::new();
    for path in sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut found = Found::default();
        found.visit_file(&file);
        if found.others > 0 {
            wrong.push(format!("{}: a statement is a literal, so that it can be found", path.display()));
        }
        for text in found.texts {
            let place = path.display();
            if let Some(word) = NOT_SHARED.iter().find(|word| text.to_lowercase().contains(**word)) {
                wrong.push(format!("{place}: `{word}` is not the same on every engine: {text}"));
            }
            if let Err(error) = connection.prepare(&numbered(&text)) {
                wrong.push(format!("{place}: {error}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn statements_are_found_wherever_they_stand() {
    let source = r#"
        static A: Statement = Statement::new("select 1");
        fn f() { static B: store::Statement = crate::store::Statement::new("select \
            2"); }
        static C: Statement = Statement::new(TEXT);
        #[cfg(test)] mod tests { static D: Statement = Statement::new("wrong"); }
    "#;
    let mut found = Found::default();
    found.visit_file(&syn::parse_file(source).unwrap());
    assert_eq!(found.texts, ["select 1", "select 2"]);
    assert_eq!(found.others, 1);
}
