//! The form of a file: its opening words, its length, and where its tests stand.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::spanned::Spanned as _;

use super::drawing::{Drawing, covers};
use super::{LONGEST_FILE, LONGEST_TESTS, Source};

/// Reports a file without opening words, a file that is too long, and tests that should stand alone.
pub(super) fn check(drawing: &Drawing, source: &Source, file: &syn::File, found: &mut Vec<String>) {
    let name = &source.name;
    if source.is_tests() {
        return;
    }
    let opening = documentation(&file.attrs);
    if opening.trim().is_empty() {
        found.push(format!("{name}:1: opens without a `//!` that says what the module owns"));
    } else if source.module.len() == 1 && !source.is_main() && !opening.to_lowercase().contains("never") {
        found.push(format!("{name}:1: the `//!` of a room also says what it never does (`Never: …`)"));
    }

    let lines = code_lines(file.to_token_stream());
    let mut ours = lines.clone();
    for item in &file.items {
        let Some(range) = test_lines(item) else { continue };
        let tests = lines.range(range.clone()).count();
        ours.retain(|line| !range.contains(line));
        if tests > LONGEST_TESTS {
            found.push(format!(
                "{name}:{}: {tests} lines of tests beside the code, more than {LONGEST_TESTS}; \
                 usual remedy: `#[cfg(test)] mod tests;` and a file of their own",
                range.start()
            ));
        }
    }
    let excepted = drawing.exceptions.keys().any(|path| covers(path, name));
    if ours.len() > LONGEST_FILE && !excepted {
        found.push(format!(
            "{name}: {} lines of code, more than {LONGEST_FILE}; usual remedy: a sub-module for what has a name \
             of its own, or a line with the reason below `### Exceptions` in ARCHITECTURE.md",
            ours.len()
        ));
    }
}

/// Whether an item is there only for tests.
pub(super) fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}

fn test_lines(item: &syn::Item) -> Option<RangeInclusive<usize>> {
    let syn::Item::Mod(module) = item else { return None };
    let content = module.content.as_ref()?;
    is_test(&module.attrs).then(|| module.span().start().line..=content.0.span.close().end().line)
}

fn documentation(attributes: &[syn::Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes {
        if let syn::Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("doc")
            && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(line), .. }) = &pair.value
        {
            text.push_str(&line.value());
            text.push('\n');
        }
    }
    text
}

/// The lines that hold code: every line a token stands on, documentation aside.
fn code_lines(tokens: TokenStream) -> BTreeSet<usize> {
    let mut lines = BTreeSet::new();
    gather(tokens, &mut lines);
    lines
}

fn gather(tokens: TokenStream, lines: &mut BTreeSet<usize>) {
    let mut attribute: Vec<usize> = Vec::new(); // lines of the `#` and `!` that may open a doc comment
    for token in tokens {
        match &token {
            TokenTree::Punct(punct)
                if punct.as_char() == '#' || (punct.as_char() == '!' && !attribute.is_empty()) =>
            {
                attribute.push(punct.span().start().line);
                continue;
            }
            TokenTree::Group(group)
                if !attribute.is_empty() && group.delimiter() == Delimiter::Bracket && is_doc(group) =>
            {
                attribute.clear();
                continue;
            }
            _ => {}
        }
        lines.extend(attribute.drain(..));
        match token {
            TokenTree::Group(group) => {
                lines.insert(group.span_open().start().line);
                gather(group.stream(), lines);
                lines.insert(group.span_close().end().line);
            }
            other => lines.extend(other.span().start().line..=other.span().end().line),
        }
    }
    lines.extend(attribute);
}

fn is_doc(group: &proc_macro2::Group) -> bool {
    matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == "doc")
}
