//! `aegis session revoke`.

use clap::{ArgGroup, Args};

use crate::audit::Event;
use crate::cli::desk::Desk;
use crate::cli::{Common, Outcome, desk, out};
use crate::error::Fault;
use crate::identity::{Actor, SessionId};

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("which").required(true).args(["session", "user", "all"]))]
pub(in crate::cli) struct Arguments {
    /// The session, as `session list` shows it
    session: Option<String>,
    /// All sessions of this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// All sessions of everybody, as after a backup was restored
    #[arg(long)]
    all: bool,
}

/// Ends sessions.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    desk::existing(common, async |desk| {
        if let Some(session) = &arguments.session {
            return one(desk, session).await;
        }
        if let Some(user) = &arguments.user {
            let user = desk.user(user).await?;
            desk.users.end_sessions(user.id, Actor::Command, desk.now()).await?;
            out::line(&format!("{} is signed out everywhere", user.username));
            return Ok(());
        }
        desk.users.end_all_sessions(Actor::Command, desk.now()).await?;
        out::line("everybody is signed out everywhere");
        Ok(())
    })
}

async fn one(desk: &Desk, text: &str) -> Outcome {
    let now = desk.now();
    let session = match text.parse::<SessionId>() {
        Ok(id) => desk.sessions.by_id(id, now).await?,
        Err(_) => None,
    };
    let Some(session) = session else {
        return Err(Fault::new(format!("there is no session {text:?}"))
            .hint("`aegis session list` shows those that are alive; --user USER ends all of one user")
            .into());
    };
    let (user, name) = (session.identity.user, &session.identity.username);
    let ended = desk.sessions.end(user, session.id, Event::SessionEnded, Actor::Command, None, now).await?;
    let said = if ended { "ended the session" } else { "it was over already: a session" };
    out::line(&format!("{said} of {name}"));
    Ok(())
}
