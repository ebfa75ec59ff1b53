//! `aegis user list`.

use clap::Args;

use super::shown::Shown;
use crate::cli::{Common, Outcome, desk, out};
use crate::identity::Role;
use crate::users::User;

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists accounts.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    desk::existing(common, async |desk| {
        let users = desk.users.list().await?;
        if arguments.json {
            return out::json(&users.iter().map(Shown::of).collect::<Vec<_>>());
        }
        out::table(["user", "e-mail", "name", "roles", "state"], &users.iter().map(row).collect::<Vec<_>>());
        Ok(())
    })
}

fn row(user: &User) -> [String; 5] {
    let mut state = Vec::new();
    if user.administrator {
        state.push("administrator");
    }
    if !user.active {
        state.push("disabled");
    }
    if user.password.is_none() {
        state.push("no password yet");
    }
    [
        user.username.to_string(),
        user.email.as_ref().map(ToString::to_string).unwrap_or_default(),
        user.name.clone(),
        user.roles.iter().map(Role::as_str).collect::<Vec<_>>().join(","),
        state.join(", "),
    ]
}
