//! What an operator expects of the rules, as `aegis explain --file` reads it: its shape.
//! Never knows what an expectation means.

use std::collections::BTreeMap;
use std::path::Path;

use super::Placed;
use super::section::{Reading, Section};
use super::sources::one_file;
use crate::error::Faults;

/// The whole file.
#[derive(Clone, Debug, Default)]
pub struct Cases {
    /// `[people]`: who is supposed to ask, by username.
    pub people: BTreeMap<String, Placed<PersonSettings>>,
    /// `[[case]]`, in order.
    pub cases: Vec<Placed<CaseSettings>>,
}

/// Somebody who is supposed to be there.
#[derive(Clone, Debug, Default)]
pub struct PersonSettings {
    /// `roles`.
    pub roles: Vec<Placed<String>>,
}

/// `[[case]]`: a request, and what it should be answered.
#[derive(Clone, Debug)]
pub struct CaseSettings {
    /// `url`, as a browser shows it.
    pub url: Option<Placed<String>>,
    /// `method`. `GET`.
    pub method: Placed<String>,
    /// `as`: one of the people; without it nobody.
    pub person: Option<Placed<String>>,
    /// `with`: `password`, `two_factors`, `tailnet` or `token`. `two_factors`.
    pub with: Option<Placed<String>>,
    /// `age`: how long ago a factor was shown. Just now.
    pub age: Option<Placed<String>>,
    /// `from`: the visitor's address; without it that is not known.
    pub from: Option<Placed<String>>,
    /// `expect`: the answer.
    pub expect: Option<Placed<String>>,
}

/// Reads the file.
pub fn cases(file: &Path) -> Result<Cases, Faults> {
    let mut reading = Reading::default();
    let tree = one_file(file, &reading.directory)?;
    let cases = Section::read(String::new(), tree, &mut reading, |root| Cases {
        people: root.sections("people", |person| PersonSettings { roles: person.texts_or("roles", &[]) }),
        cases: root.list("case", |case| CaseSettings {
            url: case.text("url"),
            method: case.text_or("method", "GET"),
            person: case.text("as"),
            with: case.text("with"),
            age: case.text("age"),
            from: case.text("from"),
            expect: case.text("expect"),
        }),
    });
    reading.faults.or(cases)
}
