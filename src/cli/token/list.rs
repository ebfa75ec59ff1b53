//! `aegis token list`.

use clap::Args;
use serde::Serialize;

use crate::api_tokens::Listed;
use crate::cli::{Common, Outcome, desk, out};
use crate::clock::Wall;

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// Only those of this user
    user: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    username: &'a str,
    name: &'a str,
    /// Empty: every app.
    apps: Vec<&'a str>,
    /// Empty: everything.
    allow: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    expired: bool,
    used_at: Option<String>,
}

/// Lists tokens, never what they are.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    desk::existing(common, async |desk| {
        let of = match &arguments.user {
            Some(user) => Some(desk.user(user).await?.id),
            None => None,
        };
        let (tokens, now) = (desk.api_tokens.list(of).await?, desk.now());
        if arguments.json {
            return out::json(&tokens.iter().map(|token| shown(token, now)).collect::<Vec<_>>());
        }
        let rows: Vec<_> = tokens.iter().map(|token| row(token, now)).collect();
        out::table(["token", "user", "name", "apps", "last used", "ends", "for"], &rows);
        Ok(())
    })
}

fn shown(token: &Listed, now: Wall) -> Shown<'_> {
    let (apps, allow) = super::named(&token.scope);
    Shown {
        id: token.id.to_string(),
        username: token.username.as_str(),
        name: &token.name,
        apps,
        allow,
        created_at: token.created_at.rfc3339(),
        expires_at: token.expires_at.map(Wall::rfc3339),
        expired: token.is_over(now),
        used_at: token.used_at.map(Wall::rfc3339),
    }
}

fn row(token: &Listed, now: Wall) -> [String; 7] {
    let (apps, allow) = super::named(&token.scope);
    let ends = match token.expires_at {
        None => "never".to_owned(),
        Some(at) if token.is_over(now) => format!("{} (over)", at.rfc3339()),
        Some(at) => at.rfc3339(),
    };
    [
        token.id.to_string(),
        token.username.to_string(),
        token.name.clone(),
        if apps.is_empty() { "all".to_owned() } else { apps.join(", ") },
        token.used_at.map_or("never".to_owned(), Wall::rfc3339),
        ends,
        if allow.is_empty() { "everything".to_owned() } else { allow.join(", ") },
    ]
}
