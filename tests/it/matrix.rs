//! The matrix: the same cases through every proxy, and what came of each, as a table.
//!
//! A cell says what the visitor got and whom the app saw. The table is `docs/proxy-matrix.md`; a cell that
//! differs from it fails, and `AEGIS_WRITE_MATRIX=1` writes it anew. What may never be is asserted
//! of every cell besides, by [`attempt::Try::keeps_the_rules`]: a table can be wrong, a rule cannot.

mod attempt;
mod forged;
mod http2;
mod lines;
mod outage;
mod paths;
mod people;
mod shapes;
mod spellings;

use std::fmt::Write as _;
use std::fs;
use std::thread;

use crate::lab::Lab;
use crate::lab::proxy::{self, Kind, repository};
use attempt::{Case, Try};

/// The parts of the table that only read, and so share a lab with all that do.
const GROUPS: [(&str, &[Case]); 5] = [
    ("Shapes of a request", shapes::CASES),
    ("Who asks", people::CASES),
    ("What the visitor claims", forged::CASES),
    ("Request lines and hosts", lines::CASES),
    ("Spellings of a path, by somebody who may not see `/admin`", paths::CASES),
];

const PAGE: &str = "docs/proxy-matrix.md";

/// Runs cases one after the other; a row each.
fn column(lab: &Lab, cases: &[Case]) -> Vec<String> {
    cases.iter().map(|case| Try::new(lab, case).cell()).collect()
}

/// What each group's cases are called, and a column for each proxy.
type Group = (&'static str, Vec<&'static str>, Vec<Vec<String>>);

fn run() -> Vec<Group> {
    let columns: Vec<[Vec<Vec<String>>; 3]> = thread::scope(|scope| {
        let started: Vec<_> = Kind::ALL
            .into_iter()
            .map(|kind| {
                [
                    scope.spawn(move || GROUPS.map(|(_, cases)| column(Lab::shared(kind), cases)).to_vec()),
                    scope.spawn(move || vec![column(Lab::shared_tls(kind), http2::CASES)]),
                    scope.spawn(move || vec![outage::column(kind)]),
                ]
            })
            .collect();
        started.into_iter().map(|three| three.map(|one| one.join().expect("the cases of a proxy"))).collect()
    });
    let names = |cases: &'static [Case]| cases.iter().map(|case| case.name).collect();
    let heads = GROUPS.into_iter().map(|(title, cases)| (title, names(cases)));
    let heads = heads
        .chain([("HTTP/2 and TLS", names(http2::CASES)), ("Aegis cannot be asked", outage::NAMES.to_vec())]);
    heads
        .enumerate()
        .map(|(index, (title, names))| {
            let own = |groups: &[Vec<Vec<String>>; 3]| groups.concat()[index].clone();
            (title, names, columns.iter().map(own).collect())
        })
        .collect()
}

fn page(groups: &[Group]) -> String {
    let mut page = HEAD.to_owned();
    for (title, names, columns) in groups {
        let _ = write!(page, "\n## {title}\n\n| |");
        for kind in Kind::ALL {
            let _ = write!(page, " {kind} |");
        }
        page.push_str("\n|---|");
        page.push_str(&"---|".repeat(Kind::ALL.len()));
        page.push('\n');
        for (row, name) in names.iter().enumerate() {
            let _ = write!(page, "| {name} |");
            for column in columns {
                let _ = write!(page, " {} |", column[row]);
            }
            page.push('\n');
        }
    }
    page
}

const HEAD: &str = "# The matrix

What came of the same requests through each proxy, with the files that are shipped. The tests make this page (`tests/it/matrix.rs`) and fail when a cell changes.

A cell says what the visitor got; then, if the app was reached, whom it was told of: `guest` is signed in and has no role, `nobody` is nobody. `closed` is a connection that was closed without an answer. The app `closed` asks for a session; its `/pub` is public, its `/admin` needs a role.

In every cell, whatever it says: no header that the visitor made up reaches the app as an identity or as a fact about the request, no credential of Aegis reaches the app, no refusal names anybody, and what should be closed is.
";

#[test]
fn the_same_cases_end_the_same_through_every_proxy() {
    let made = page(&run());
    let file = repository().join(PAGE);
    if std::env::var_os("AEGIS_WRITE_MATRIX").is_some() {
        fs::write(&file, &made).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    let differences: Vec<String> = kept
        .lines()
        .map(Some)
        .chain(std::iter::repeat(None))
        .zip(made.lines().map(Some).chain(std::iter::repeat(None)))
        .take(kept.lines().count().max(made.lines().count()))
        .filter(|(kept, made)| kept != made)
        .map(|(kept, made)| format!("- {}\n+ {}", kept.unwrap_or_default(), made.unwrap_or_default()))
        .collect();
    assert!(
        differences.is_empty(),
        "{PAGE} has it otherwise (AEGIS_WRITE_MATRIX=1 writes it anew):\n{}",
        differences.join("\n")
    );
}

#[test]
fn every_program_is_of_the_version_it_is_called_by() {
    for kind in Kind::ALL {
        let (_, version) = kind.program_name();
        let argument = match kind {
            Kind::Nginx | Kind::OldNginx | Kind::Haproxy | Kind::OldHaproxy | Kind::Apache => "-v",
            Kind::Envoy => "--version",
            Kind::Caddy | Kind::VulnerableCaddy | Kind::OldCaddy | Kind::Traefik => "version",
        };
        let output = proxy::command(kind).arg(argument).output().unwrap();
        let said = format!("{output:?}");
        assert!(said.contains(version), "{kind}: {argument} says {said}");
    }
}
