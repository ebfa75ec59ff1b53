//! `aegis app list`.

use clap::Args;
use serde::Serialize;

use super::{require, who, whom};
use crate::cli::{Common, Failure, Outcome, out, settings};
use crate::policy::App;
use crate::state;

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    title: &'a str,
    hosts: Vec<String>,
    require: &'static str,
    /// Neither users nor roles: every user.
    users: Vec<&'a str>,
    roles: Vec<&'a str>,
    place: Option<&'a str>,
}

/// Lists them by their names.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let settings = settings::read(common, &[])?;
    let prepared = state::App::prepare(&settings).map_err(Failure::Configuration)?;
    let apps = prepared.current.policy.apps();
    if arguments.json {
        return out::json(&apps.iter().map(|app| shown(app)).collect::<Vec<_>>());
    }
    let rows: Vec<_> = apps.iter().map(|app| row(app)).collect();
    out::table(["app", "title", "hosts", "asks for", "lets in", "written at"], &rows);
    Ok(())
}

/// Its hosts, as they are written.
pub(super) fn hosts(app: &App) -> Vec<String> {
    let port = |port: Option<u16>| port.map(|port| format!(":{port}")).unwrap_or_default();
    app.sites().iter().map(|site| format!("{}{}", site.hosts, port(site.port))).collect()
}

fn shown(app: &App) -> Shown<'_> {
    let (users, roles) = who(app.whole());
    Shown {
        name: app.name().as_str(),
        title: app.title(),
        hosts: hosts(app),
        require: require(app.whole()),
        users,
        roles,
        place: app.whole().place(),
    }
}

fn row(app: &App) -> [String; 6] {
    [
        app.name().to_string(),
        app.title().to_owned(),
        hosts(app).join(", "),
        require(app.whole()).to_owned(),
        whom(app.whole()),
        app.whole().place().unwrap_or_default().to_owned(),
    ]
}
