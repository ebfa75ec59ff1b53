//! `aegis app show NAME`.

use clap::Args;
use serde::Serialize;

use super::list::hosts;
use super::{require, who, whom};
use crate::cli::{Common, Failure, Outcome, out, settings};
use crate::config::nearest;
use crate::error::Fault;
use crate::policy::{App, Rule};
use crate::state;

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// The app, as `[app.NAME]` has it
    #[arg(value_name = "NAME")]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    title: &'a str,
    hosts: Vec<String>,
    /// In the order in which they are asked; the last is the app itself.
    rules: Vec<ShownRule<'a>>,
}

#[derive(Serialize)]
struct ShownRule<'a> {
    name: &'a str,
    require: &'static str,
    /// Neither users nor roles: everybody whom `require` lets in.
    users: Vec<&'a str>,
    roles: Vec<&'a str>,
    /// In seconds.
    max_age: Option<u64>,
    place: Option<&'a str>,
}

/// Shows it.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let settings = settings::read(common, &[])?;
    let prepared = state::App::prepare(&settings).map_err(Failure::Configuration)?;
    let apps = prepared.current.policy.apps();
    let Some(app) = apps.iter().find(|app| app.name().as_str() == arguments.name) else {
        let fault = Fault::new(format!("there is no app {:?}", arguments.name));
        let names = apps.iter().map(|app| app.name().as_str());
        return Err(match nearest(&arguments.name, names) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint("`aegis app list` shows what there is"),
        }
        .into());
    };
    if arguments.json {
        return out::json(&shown(app));
    }
    for (name, text) in
        [("app", app.name().to_string()), ("title", app.title().to_owned()), ("hosts", hosts(app).join(", "))]
    {
        out::line(&format!("{name:5}  {}", out::tame(&text)));
    }
    out::line("");
    let rows: Vec<_> = app.in_order().map(row).collect();
    out::table(["the first that is for the request", "asks for", "lets in", "written at"], &rows);
    Ok(())
}

fn row(rule: &Rule) -> [String; 4] {
    [
        rule.name().to_owned(),
        require(rule).to_owned(),
        whom(rule),
        rule.place().unwrap_or("built in").to_owned(),
    ]
}

fn shown(app: &App) -> Shown<'_> {
    let rule = |rule| {
        let rule: &Rule = rule;
        let (users, roles) = who(rule);
        ShownRule {
            name: rule.name(),
            require: require(rule),
            users,
            roles,
            max_age: rule.max_age().map(|age| age.as_secs()),
            place: rule.place(),
        }
    };
    Shown {
        name: app.name().as_str(),
        title: app.title(),
        hosts: hosts(app),
        rules: app.in_order().map(rule).collect(),
    }
}
