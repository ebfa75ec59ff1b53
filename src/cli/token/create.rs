//! `aegis token create USER`.

use clap::{ArgGroup, Args};
use serde::Serialize;

use crate::api_tokens::NewApiToken;
use crate::cli::desk::{self, Desk};
use crate::cli::{Common, Failure, Outcome, out};
use crate::clock::Wall;
use crate::config::{self, Placed};
use crate::error::Fault;
use crate::identity::{Actor, AppName};
use crate::policy::{Allow, Scope};
use crate::store::Write;

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("where").required(true).args(["app", "all_apps"]))]
pub(in crate::cli) struct Arguments {
    /// Whose: a username or an e-mail
    user: String,
    /// What it is known by
    #[arg(long)]
    name: String,
    /// The apps it is for, by comma
    #[arg(long, value_name = "APP", value_delimiter = ',')]
    app: Vec<String>,
    /// For every app that its owner may use
    #[arg(long)]
    all_apps: bool,
    #[arg(
        long,
        value_name = "METHOD PATH",
        help = "What it is for there: \"GET /api/*\", \"* /dav/*\"; may be repeated [default: everything]"
    )]
    allow: Vec<String>,
    /// For how long: 90d, 24h, …, or never
    #[arg(long, value_name = "SPAN", default_value = "90d")]
    expires: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    token: &'a str,
    expires_at: Option<String>,
}

/// Makes a token and prints it.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    desk::existing(common, async |desk| {
        let apps = arguments.app.iter().map(|name| known_app(desk, name)).collect::<Result<_, _>>()?;
        let allow = arguments.allow.iter().map(|text| Allow::parse(text)).collect::<Result<_, _>>()?;
        let scope = Scope::new(apps, allow)?;
        let now = desk.now();
        let expires_at = expiry(&arguments.expires, now)?;
        let user = desk.user(&arguments.user).await?;
        let new = NewApiToken { user: user.id, name: &arguments.name, scope: scope.clone(), expires_at };
        let made = desk.api_tokens.create(Write::new(), new, Actor::Command, now).await?;
        let expires_at = expires_at.map(Wall::rfc3339);
        if arguments.json {
            let (id, token) = (made.id.to_string(), made.token.reveal());
            return out::json(&Shown { id, token, expires_at });
        }
        let (apps, allow) = super::named(&scope);
        let apps = if apps.is_empty() { "every app".to_owned() } else { apps.join(", ") };
        let allow = if allow.is_empty() { "everything".to_owned() } else { allow.join(", ") };
        let until = expires_at.map_or("until it is revoked".to_owned(), |at| format!("until {at}"));
        if !user.active {
            let name = &user.username;
            out::line(&format!("{name} is disabled: it opens nothing before `aegis user enable {name}`"));
        }
        out::line(&out::tame(&format!(
            "For {apps}, {allow}, as {}, {until}. Shown this once:",
            user.username
        )));
        out::line(made.token.reveal());
        Ok(())
    })
}

fn known_app(desk: &Desk, name: &str) -> Result<AppName, Failure> {
    let known: Vec<&str> = desk.settings.apps.keys().map(String::as_str).collect();
    let fault = || {
        let fault = Fault::new(format!("there is no app {name:?}"));
        if known.is_empty() {
            fault.hint("the configuration has no [app.NAME] yet")
        } else {
            fault.hint(format!("there are {}", known.join(", ")))
        }
    };
    let app = if known.contains(&name) { name.parse().ok() } else { None };
    app.ok_or_else(|| fault().into())
}

fn expiry(written: &str, now: Wall) -> Result<Option<Wall>, Failure> {
    if written == "never" {
        return Ok(None);
    }
    let span = config::span(&Placed::of(written.to_owned()))
        .map_err(|fault| fault.hint("write `90d`, `24h`, `30m`, or `never`"))?;
    Ok(Some(now.plus(span)))
}
