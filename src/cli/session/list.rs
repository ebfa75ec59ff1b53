//! `aegis session list`.

use clap::Args;
use serde::Serialize;

use crate::cli::{Common, Outcome, desk, out};
use crate::sessions::{Listed, Purpose};

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
    kind: &'static str,
    methods: &'a str,
    created_at: String,
    used_at: String,
    expires_at: String,
    address: Option<&'a str>,
    user_agent: Option<&'a str>,
}

/// Lists sessions.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    desk::existing(common, async |desk| {
        let sessions = match &arguments.user {
            Some(user) => desk.sessions.list(desk.user(user).await?.id, desk.now()).await?,
            None => desk.sessions.list_all(desk.now()).await?,
        };
        if arguments.json {
            return out::json(&sessions.iter().map(shown).collect::<Vec<_>>());
        }
        let rows: Vec<_> = sessions.iter().map(row).collect();
        out::table(["session", "user", "for", "last used", "ends", "from", "with"], &rows);
        Ok(())
    })
}

fn kind(session: &Listed) -> &'static str {
    match session.purpose {
        Purpose::Web => "browser",
        Purpose::Token => "token",
    }
}

fn shown(session: &Listed) -> Shown<'_> {
    Shown {
        id: session.id.to_string(),
        username: session.username.as_str(),
        kind: kind(session),
        methods: &session.methods,
        created_at: session.created_at.rfc3339(),
        used_at: session.used_at.rfc3339(),
        expires_at: session.expires_at.rfc3339(),
        address: session.address.as_deref(),
        user_agent: session.user_agent.as_deref(),
    }
}

fn row(session: &Listed) -> [String; 7] {
    [
        session.id.to_string(),
        session.username.to_string(),
        kind(session).to_owned(),
        session.used_at.rfc3339(),
        session.expires_at.rfc3339(),
        session.address.clone().unwrap_or_default(),
        session.user_agent.clone().unwrap_or_default(),
    ]
}
