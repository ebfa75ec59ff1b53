//! `aegis user list`.

use clap::Args;

use super::shown::{Shown, factors};
use crate::cli::{Common, Outcome, desk, out};
use crate::identity::{Method, Role};
use crate::second_factor::{Held, held_by_all};
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
        let held = held_by_all(&desk.store).await?;
        // Somebody who was added between the two reads has none yet.
        let users = users.iter().map(|user| (user, held.get(&user.id).copied().unwrap_or_default()));
        if arguments.json {
            return out::json(&users.map(|(user, held)| Shown::of(user, held)).collect::<Vec<_>>());
        }
        let rows: Vec<_> = users.map(|(user, held)| row(user, held)).collect();
        out::table(["user", "e-mail", "name", "roles", "factors", "state"], &rows);
        Ok(())
    })
}

fn row(user: &User, held: Held) -> [String; 6] {
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
        factors(user, held).map(Method::name).collect::<Vec<_>>().join(","),
        state.join(", "),
    ]
}
