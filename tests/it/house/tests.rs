//! The checker itself: it finds what it should, and nothing else.

use super::drawing::Drawing;
use super::{Source, breaches};

const PAGE: &str = "\
# A page
## The floors
| floor | module | owns |
|--:|---|---|
| 0 | `clock` | time |
| 1 | `store`, `web` | rows; pages |
| 2 | `users` | people |
| 3 | `cli` | commands |
### Exceptions
- `src/users/long.rs`: one table that reads best in one piece
### Writes without an audit entry
- `src/store`: its own books
## Something else
- `src/web.rs`: no exception, another list
";

const OPENING: &str = "//! Owns a thing. Promises a thing. Never does a thing.\n";

fn found_in(name: &str, text: &str) -> Vec<String> {
    let drawing = Drawing::read(PAGE).unwrap();
    let opening = if name == "src/lib.rs" { "//! The house.\n" } else { OPENING };
    breaches(&drawing, &Source::new(name, &format!("{opening}{text}")))
}

#[track_caller]
fn breach(name: &str, text: &str, expected: &str) {
    let found = found_in(name, text);
    assert!(
        found.iter().any(|breach| breach.contains(expected)),
        "asked: {name} with `{text}`\nexpected a breach with: {expected}\ncame back: {found:?}"
    );
}

#[track_caller]
fn sound(name: &str, text: &str) {
    let found = found_in(name, text);
    assert!(found.is_empty(), "asked: {name} with `{text}`\nexpected no breach\ncame back: {found:?}");
}

#[test]
fn going_down_is_free() {
    sound("src/users.rs", "use crate::{clock::Now, store::{self, Write}};");
    sound("src/users/write.rs", "use super::super::store::Write; use super::Name; fn f(_: self::X) {}");
    sound("src/users.rs", "mod tests_of { use super::*; use crate::users::X; }");
    sound("src/users.rs", "pub(in crate::users) fn f() { let cli = 1; other::cli::run(cli) }");
    sound("src/main.rs", "fn main() -> std::process::ExitCode { aegis::cli::main() }");
    sound("src/lib.rs", "pub mod clock; pub mod store;");
}

#[test]
fn going_up_or_sideways_is_found_wherever_the_path_stands() {
    let up = "`store` (floor 1) uses `users` (floor 2), upward; usual remedy";
    breach("src/store.rs", "\nuse crate::users::User;", "src/store.rs:3: `store`");
    breach("src/store.rs", "use crate::users::User;", up);
    breach("src/store/write.rs", "use crate::{clock, users};", up);
    breach("src/store/write.rs", "use super::super::users::User;", up);
    breach("src/store.rs", "use super::users::User;", up);
    breach("src/store.rs", "mod inner { use super::super::users::User; }", up);
    breach("src/store.rs", "fn f(user: &crate::users::User) {}", up);
    breach("src/store.rs", "fn f() { crate::users::find() }", up);
    breach("src/store.rs", "fn f() -> Option<Vec<crate::users::User>> { None }", up);
    breach("src/store.rs", "impl crate::users::Find for X {}", up);
    breach("src/store.rs", "fn f(x: X) { match x { crate::users::A => {} } }", up);
    breach("src/store.rs", "fn f() { println!(\"{}\", g(1, crate::users::NAME)) }", up);
    breach("src/store.rs", "macro_rules! m { () => { $crate::users::find() } }", up);
    breach("src/store.rs", "#[derive(D)] struct S { #[serde(with = \"crate::users::form\")] a: u8 }", up);
    breach("src/store.rs", "#[derive(D)] struct S { #[arg(value_parser = crate::users::parse)] a: u8 }", up);
    breach("src/store.rs", "#[cfg(test)] mod tests { use crate::users::User; }", up);
    breach("src/store.rs", "use crate::web::Page;", "`store` (floor 1) uses `web` (floor 1), sideways");
}

#[test]
fn what_cannot_be_followed_is_a_breach() {
    breach("src/users.rs", "use crate as house;", "names the root itself");
    breach("src/users.rs", "use crate::*;", "names the root itself");
    breach("src/users.rs", "use super::{self as house};", "names the root itself");
    breach("src/users.rs", "#[path = \"elsewhere.rs\"] mod a;", "moves a module");
    breach("src/users.rs", "include!(\"elsewhere.rs\");", "includes a source file");
    breach("src/users.rs", "use crate::attic::Box;", "which is no room");
    breach("src/attic.rs", "", "`attic` is not in the floor table");
    breach("src/users.rs", "fn f( {", "does not parse");
}

#[test]
fn the_two_ends_stay_thin() {
    breach("src/main.rs", "fn main() { aegis::store::open() }", "main calls `cli` and nothing else");
    breach("src/lib.rs", "pub mod clock; pub use clock::Now;", "lib.rs re-exports");
    breach("src/lib.rs", "pub mod clock { }", "lib.rs holds a module's body");
}

#[test]
fn a_module_says_what_it_is() {
    let drawing = Drawing::read(PAGE).unwrap();
    let bare = breaches(&drawing, &Source::new("src/users/name.rs", "struct Name;"));
    assert!(bare.iter().any(|breach| breach.contains("opens without a `//!`")), "came back: {bare:?}");
    let half = breaches(&drawing, &Source::new("src/users.rs", "//! Owns people.\nstruct Name;"));
    assert!(half.iter().any(|breach| breach.contains("what it never does")), "came back: {half:?}");
    let part = breaches(&drawing, &Source::new("src/users/name.rs", "//! Owns names.\nstruct Name;"));
    assert!(part.is_empty(), "a sub-module may say less; came back: {part:?}");
}

#[test]
fn only_code_counts_towards_the_length() {
    let full = "fn f() {}\n".repeat(400);
    sound("src/users.rs", &full);
    let code = "fn f() {}\n".repeat(399);
    sound("src/users.rs", &format!("{code}\n\n// why\n/* and\nwhy */\n/// About it.\nstruct S;\n"));
    sound(
        "src/users.rs",
        &format!(
            "{code}struct S;\n/// About it.\n#[cfg(test)]\nmod tests {{\n{}}}\n",
            "fn t() {}\n".repeat(90)
        ),
    );
    breach("src/users.rs", &format!("{full}fn g() {{}}\n"), "401 lines of code");
    breach(
        "src/users.rs",
        &format!("fn f() -> &'static str {{ \"{}\" }}", "\n".repeat(401)),
        "lines of code",
    );
    sound("src/users/long.rs", &"fn f() {}\n".repeat(500));
    sound("src/users/tests.rs", &"fn f() {}\n".repeat(500));
}

#[test]
fn long_tests_stand_alone() {
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn t() {}\n".repeat(120));
    breach("src/users.rs", &tests, "lines of tests beside the code");
    breach("src/users.rs", "mod tests;", "`mod tests` without #[cfg(test)]");
    sound("src/users.rs", "#[cfg(test)]\nmod tests;");
}

#[test]
fn a_write_without_a_record_is_for_the_named_few() {
    let write = "fn f() { Write::unrecorded(\"why\"); }";
    breach("src/users.rs", write, "writes without an audit entry");
    breach(
        "src/users.rs",
        "fn f() { crate::store::Write::unrecorded(\"why\"); }",
        "writes without an audit entry",
    );
    breach("src/users.rs", "fn f() { let make = Write::unrecorded; }", "writes without an audit entry");
    sound("src/store.rs", write);
    sound("src/store/books.rs", write);
}

#[test]
fn a_page_that_cannot_be_read_is_refused() {
    for (page, expected) in [
        ("## Nothing here", "no table of floors"),
        ("## The floors\n| 0 | `a` | x |\n| 1 | `a` | x |", "`a` stands on two floors"),
        ("## The floors\n| top | `a` | x |", "`top` is no floor"),
        ("## The floors\n| 0 | `a` | x |\n### Exceptions\n- `src/a.rs`: no", "gives no reason"),
    ] {
        let error = Drawing::read(page).unwrap_err();
        assert!(error.contains(expected), "asked: {page}\nexpected: {expected}\ncame back: {error}");
    }
}
