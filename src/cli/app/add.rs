//! `aegis app add HOST`: a new section at the end of the configuration; what stands before it stays as it
//! is, to the byte. The file is replaced only after the whole of it was judged as a start would judge it.

use clap::Args;
use toml::Value;

use super::edit::Edit;
use super::lines;
use crate::cli::print::{self, What};
use crate::cli::{Common, Failure, Outcome, check, out, settings};
use crate::config::{self, Settings};
use crate::error::{Fault, Faults};
use crate::identity::AppName;
use crate::policy::Policy;
use crate::state::Prepared;

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// Where the app is served: `arlo.example.com`, `*.lab.example.com`, `arlo.example.com:8443`
    #[arg(value_name = "HOST", required = true)]
    hosts: Vec<String>,
    /// What it is called in the configuration [default: the first word of its host]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What people read [default: its name]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// `public`, `optional`, `signed_in`, `two_factor`, `tailnet` or `deny` [default: `two_factor`]
    #[arg(long, value_name = "WHAT")]
    require: Option<String>,
    /// The users it is for, by comma [default: every user]
    #[arg(long, value_name = "USER,…", value_delimiter = ',')]
    users: Vec<String>,
    /// The roles it is for, by comma
    #[arg(long, value_name = "ROLE,…", value_delimiter = ',')]
    roles: Vec<String>,
    /// A path that is open to everybody, with all below; may be repeated
    #[arg(long, value_name = "PATH")]
    public: Vec<String>,
    /// The proxy whose lines are printed
    #[arg(long, value_name = "PROXY", default_value = "caddy")]
    proxy: What,
}

/// Adds it, or changes nothing.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let sources = settings::sources(common, &[]);
    let (old, was) = judged(config::read(&sources)).map_err(Failure::Configuration)?;
    let name = name(arguments)?;
    if let Some(there) = old.apps.get(name.as_str()) {
        let fault =
            Fault::new(format!("there is an app `{name}` already")).hint("give this one another `--name`");
        return Err(there.fault(fault).into());
    }
    let shown = sources.configuration();
    let edit = Edit::begin(&sources.directory.join(&shown))?;
    let (text, line) = appended(edit.before(), &section(&name, arguments));
    let (new, is) = judged(config::read_with(&sources, &text)).map_err(|mut faults| {
        faults.add(Fault::new("so nothing was written").at(&shown, None));
        Failure::Failed(faults)
    })?;
    edit.finish(&text)?;
    out::line(&format!("wrote [app.{name}] at {}:{line}", out::tame(&shown.display().to_string())));
    for note in new_notes(&was.current.policy, &is.current.policy) {
        out::line(&format!("note: {}", out::tame_lines(&note.to_string())));
    }
    out::line("a running server takes it up when it is reloaded: `systemctl reload aegis`, or SIGHUP");
    let file = |settings, prepared| print::file(arguments.proxy, settings, prepared);
    for lines in lines::added(&file(&old, &was)?, &file(&new, &is)?) {
        out::line("");
        out::line(&lines);
    }
    Ok(())
}

/// The settings as a start would judge them.
fn judged(read: Result<Settings, Faults>) -> Result<(Settings, Prepared), Faults> {
    let settings = read?;
    let prepared = check::judge(&settings)?;
    Ok((settings, prepared))
}

/// The name that was given, or the first word of the first host.
fn name(arguments: &Arguments) -> Result<AppName, Fault> {
    let host = arguments.hosts.first().map(String::as_str).unwrap_or_default();
    let word =
        host.trim_start_matches("*.").split(['.', ':']).next().unwrap_or_default().to_ascii_lowercase();
    let name = arguments.name.as_deref().unwrap_or(&word);
    name.parse().map_err(|why| Fault::new(format!("{name:?}: {why}")).hint("give it a `--name`"))
}

/// The section, with what was asked for and nothing else.
fn section(name: &AppName, arguments: &Arguments) -> Vec<String> {
    let text = |text: &str| Value::String(text.to_owned());
    let list = |items: &[String]| Value::Array(items.iter().map(|item| text(item)).collect());
    let listed = |items: &[String]| (!items.is_empty()).then(|| list(items));
    let keys = [
        ("title", arguments.title.as_deref().map(text)),
        ("hosts", listed(&arguments.hosts)),
        ("require", arguments.require.as_deref().map(text)),
        ("users", listed(&arguments.users)),
        ("roles", listed(&arguments.roles)),
        ("public", listed(&arguments.public)),
    ];
    let keys = keys.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}", value?)));
    std::iter::once(format!("[app.{name}]")).chain(keys).collect()
}

/// `before` with these lines behind an empty one, in its own kind of line ends, and the line they begin at.
fn appended(before: &str, section: &[String]) -> (String, usize) {
    let end = if before.contains("\r\n") { "\r\n" } else { "\n" };
    let mut text = before.to_owned();
    if !text.is_empty() {
        if !text.ends_with('\n') {
            text.push_str(end);
        }
        text.push_str(end);
    }
    let line = text.lines().count() + 1;
    for one in section {
        text.push_str(one);
        text.push_str(end);
    }
    (text, line)
}

/// What is noted now and was not before.
fn new_notes<'p>(old: &Policy, new: &'p Policy) -> Vec<&'p Fault> {
    new.notes().iter().filter(|note| !old.notes().contains(note)).collect()
}
