//! Who uses whom: every path of a file, resolved to the room it leads to.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::Source;
use super::drawing::{Drawing, covers};

/// Reports every use of a room that is not on a floor below.
pub(super) fn check(drawing: &Drawing, source: &Source, file: &syn::File, found: &mut Vec<String>) {
    let mut walk = Walk { drawing, source, module: source.module.clone(), found };
    if let Some(room) = source.module.first()
        && !source.is_main()
        && !drawing.floors.contains_key(room)
    {
        walk.breach(1, &format!("the room `{room}` is not in the floor table of ARCHITECTURE.md"));
    }
    walk.visit_file(file);
}

struct Walk<'a> {
    drawing: &'a Drawing,
    source: &'a Source,
    /// The module the walk stands in, inline modules included.
    module: Vec<String>,
    found: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn breach(&mut self, line: usize, what: &str) {
        let breach = format!("{}:{line}: {what}", self.source.name);
        if !self.found.contains(&breach) {
            self.found.push(breach);
        }
    }

    /// A path as its words.
    fn path(&mut self, words: &[String], line: usize) {
        if words.len() > 1 && words.last().is_some_and(|last| last == "unrecorded") {
            self.unrecorded(line);
        }
        let Some(mut place) = self.resolve(words) else { return };
        place.truncate(1);
        match place.pop() {
            Some(room) => self.uses(&room, line),
            // `crate::*`, `use crate as root`, `use super as root`
            None => self
                .breach(line, "names the root itself; write the room's path out, so that it can be followed"),
        }
    }

    /// Where a path leads, from the root of the crate; `None` for a path of another crate or of a local name.
    fn resolve(&self, words: &[String]) -> Option<Vec<String>> {
        let (first, mut rest) = words.split_first()?;
        let mut place = match first.as_str() {
            "crate" => Vec::new(),
            "aegis" if self.source.is_main() => Vec::new(),
            "self" => self.module.clone(),
            "super" => {
                let mut place = self.module.clone();
                place.pop();
                place
            }
            _ => return None,
        };
        while let Some((word, after)) = rest.split_first() {
            if word != "super" {
                break;
            }
            place.pop();
            rest = after;
        }
        place.extend(rest.iter().filter(|word| *word != "*" && *word != "self").cloned());
        // `self` and `super` alone inside a room are that room.
        Some(place)
    }

    fn uses(&mut self, used: &str, line: usize) {
        if self.source.is_main() {
            if used != "cli" && used != "main" {
                self.breach(line, &format!("uses `{used}`; main calls `cli` and nothing else"));
            }
            return;
        }
        let Some(own) = self.source.module.first().cloned() else { return };
        if own == used {
            return;
        }
        let Some(&own_floor) = self.drawing.floors.get(&own) else { return };
        let Some(&used_floor) = self.drawing.floors.get(used) else {
            self.breach(
                line,
                &format!(
                    "uses `{used}`, which is no room: the floor table of ARCHITECTURE.md does not name it"
                ),
            );
            return;
        };
        if used_floor > own_floor {
            self.breach(
                line,
                &format!(
                    "`{own}` (floor {own_floor}) uses `{used}` (floor {used_floor}), upward; \
                     usual remedy: let the upper room call with what it knows, or move the shared type down"
                ),
            );
        } else if used_floor == own_floor {
            self.breach(
                line,
                &format!(
                    "`{own}` (floor {own_floor}) uses `{used}` (floor {used_floor}), sideways; \
                     usual remedy: move what both need one floor down, or let the room above bring them together"
                ),
            );
        }
    }

    fn unrecorded(&mut self, line: usize) {
        let listed = self.drawing.unrecorded.keys().any(|path| covers(path, &self.source.name));
        if !listed && !self.source.is_tests() {
            self.breach(
                line,
                "writes without an audit entry; usual remedy: record it with `audit`, \
                 or add this file and its reason to the list in ARCHITECTURE.md",
            );
        }
    }

    fn tree(&mut self, words: &mut Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                words.push(path.ident.to_string());
                self.tree(words, &path.tree);
                words.pop();
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(words, tree);
                }
            }
            syn::UseTree::Name(syn::UseName { ident })
            | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                words.push(ident.to_string());
                self.path(&words.clone(), ident.span().start().line);
                words.pop();
            }
            syn::UseTree::Glob(glob) => {
                words.push("*".to_owned());
                self.path(&words.clone(), glob.span().start().line);
                words.pop();
            }
        }
    }

    /// Paths inside a macro, whose tokens have no grammar of their own.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut words: Vec<String> = Vec::new();
        let mut line = 0;
        let mut joined = false; // a `::` stands between the last word and the next
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if !joined {
                        self.macro_path(&mut words, line);
                        line = ident.span().start().line;
                    }
                    words.push(ident.to_string());
                    joined = false;
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    joined = colons == 2 && !words.is_empty();
                }
                TokenTree::Group(group) => {
                    self.macro_path(&mut words, line);
                    (joined, colons) = (false, 0);
                    self.tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.macro_path(&mut words, line);
                    (joined, colons) = (false, 0);
                }
            }
        }
        self.macro_path(&mut words, line);
    }

    fn macro_path(&mut self, words: &mut Vec<String>, line: usize) {
        if words.len() > 1 {
            self.path(words, line);
        }
        words.clear();
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if self.source.is_root() && !matches!(item.vis, syn::Visibility::Inherited) {
            self.breach(item.span().start().line, "lib.rs re-exports; name the room where it is used");
        }
        self.tree(&mut Vec::new(), &item.tree);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let line = item.span().start().line;
        if item.attrs.iter().any(|attribute| attribute.path().is_ident("path")) {
            self.breach(line, "moves a module with #[path]; a file stands where its name says");
        }
        if self.source.is_root() && item.content.is_some() {
            self.breach(line, "lib.rs holds a module's body; it declares modules and nothing else");
        }
        if item.content.is_none() && item.ident == "tests" && !super::lines::is_test(&item.attrs) {
            self.breach(line, "`mod tests` without #[cfg(test)]");
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.span().start().line;
        // `self` alone is a value; `crate` or `super` alone only stands in `pub(…)`.
        if words.len() > 1 {
            self.path(&words, line);
        }
        visit::visit_path(self, path);
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.segments.last().is_some_and(|name| name.ident == "include") {
            self.breach(
                call.span().start().line,
                "includes a source file; what is included cannot be followed",
            );
        }
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
            self.quoted(list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }
}

impl Walk<'_> {
    /// Paths in strings of attributes, as in `#[serde(with = "crate::clock")]`.
    fn quoted(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.quoted(group.stream()),
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    let text = literal.to_string();
                    if let Ok(path) = syn::parse_str::<syn::Path>(text.trim_matches('"')) {
                        let words: Vec<String> =
                            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
                        if words.len() > 1 {
                            self.path(&words, line);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
