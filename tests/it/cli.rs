//! The commands, as somebody types them: each once its good way and once its likeliest mistake.

mod accounts;
mod apps;
mod beside;
mod cases;
mod data;
mod doctor;
mod import_elsewhere;
mod importing;
mod outside;
mod tailnet;
mod tokens;

use std::path::PathBuf;
use std::process::Output;

use crate::lab::aegis::{run, run_with};
use crate::lab::{PASSWORD, PORTAL, address};

/// A folder with settings, where no server runs.
struct Place {
    folder: PathBuf,
}

impl Place {
    /// Nothing but settings.
    fn new() -> Self {
        let folder = address::folder();
        std::fs::write(folder.join("aegis.toml"), format!("public_url = \"http://{PORTAL}\"\n")).unwrap();
        Self { folder }
    }

    /// With these users; their password is [`PASSWORD`].
    fn with(users: &[&str]) -> Self {
        let place = Self::new();
        for user in users {
            let mut words: Vec<&str> = user.split(' ').collect();
            words.splice(0..0, ["user", "add", "--password-stdin"]);
            place.done_with(&words, PASSWORD);
        }
        place
    }

    /// What a command prints that does what it is asked.
    #[track_caller]
    fn done(&self, line: &str) -> String {
        self.done_with(&line.split(' ').collect::<Vec<_>>(), "")
    }

    #[track_caller]
    fn done_with(&self, arguments: &[&str], input: &str) -> String {
        done(arguments, &run(&self.folder, arguments, input))
    }

    /// What a command prints that does not.
    #[track_caller]
    fn refused(&self, line: &str) -> String {
        self.refused_with(line, "")
    }

    #[track_caller]
    fn refused_with(&self, line: &str, input: &str) -> String {
        refused(line, &run(&self.folder, &line.split(' ').collect::<Vec<_>>(), input))
    }

    /// What a command prints that has these variables.
    #[track_caller]
    fn done_where(&self, line: &str, variables: &[(&str, &str)]) -> String {
        let arguments: Vec<&str> = line.split(' ').collect();
        done(&arguments, &run_with(&self.folder, &arguments, "", variables))
    }

    /// The same as JSON.
    #[track_caller]
    fn json(&self, line: &str) -> serde_json::Value {
        let printed = self.done(line);
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("aegis {line}: {error}: {printed}"))
    }
}

#[track_caller]
fn done(arguments: &[&str], output: &Output) -> String {
    let (printed, said) = texts(output);
    assert_eq!(output.status.code(), Some(0), "aegis {arguments:?}\n{printed}{said}");
    assert_eq!(said, "", "aegis {arguments:?} has something to say beside\n{printed}");
    printed
}

#[track_caller]
fn refused(line: &str, output: &Output) -> String {
    let (printed, said) = texts(output);
    assert_eq!(output.status.code(), Some(1), "aegis {line}\n{printed}{said}");
    assert_eq!(printed, "", "aegis {line} was refused and printed something");
    said
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("commands print UTF-8");
    (text(&output.stdout), text(&output.stderr))
}

/// The one link to `page` in what a command printed.
#[track_caller]
fn code_in(printed: &str, page: &str) -> String {
    let start = format!("http://{PORTAL}/link/{page}#");
    let codes: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix(&start)).collect();
    let [code] = codes.as_slice() else { panic!("one link that starts with {start}, in:\n{printed}") };
    assert!(code.len() == 43, "the code of a link: {code}");
    (*code).to_owned()
}
