//! `aegis setup-link`: a way in for the first administrator, or for one who lost theirs.

use clap::Args;

use super::desk::Desk;
use super::{Common, Outcome, desk, out};
use crate::error::Fault;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Make a link for this administrator, although there is one who can sign in
    #[arg(long, value_name = "USER")]
    reset: Option<String>,
}

/// Prints a link; refuses once an active administrator exists, unless `--reset`.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    desk::existing(common, async |desk| {
        if let Some(user) = &arguments.reset {
            return reset(desk, user).await;
        }
        if desk.users.has_administrator().await? {
            return Err(Fault::new("there is an administrator already")
                .hint("`aegis setup-link --reset USER` makes a link for one who lost the way in")
                .into());
        }
        out::line("Open this link to make the first administrator (60 minutes, one use):");
        out::line(&desk.setup_link().await?);
        Ok(())
    })
}

async fn reset(desk: &Desk, user: &str) -> Outcome {
    let user = desk.user(user).await?;
    let name = &user.username;
    if !user.administrator {
        return Err(Fault::new(format!("{name} is no administrator"))
            .hint(format!(
                "`aegis user admin {name}` makes one; `aegis user passwd {name}` prints a link for anybody"
            ))
            .into());
    }
    if !user.active {
        return Err(Fault::new(format!("{name} is disabled"))
            .hint(format!("`aegis user enable {name}` first"))
            .into());
    }
    out::line(&format!("Open this link to choose a new password for {name} (7 days, one use):"));
    out::line(&desk.password_link(user.id).await?);
    Ok(())
}
