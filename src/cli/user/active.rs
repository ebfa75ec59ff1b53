//! `aegis user disable USER` and `aegis user enable USER`.

use clap::Args;

use super::{One, last};
use crate::cli::{Common, Outcome, desk, out};
use crate::identity::Actor;
use crate::users::Leaves;

#[derive(Args, Debug)]
pub(in crate::cli) struct Disable {
    #[command(flatten)]
    one: One,
    /// Also if nobody else administers Aegis
    #[arg(long)]
    force: bool,
}

/// Shuts the account out.
pub(super) fn disable(common: &Common, arguments: &Disable) -> Outcome {
    desk::existing(common, async |desk| {
        let user = desk.user(&arguments.one.user).await?;
        let name = &user.username;
        if !user.active {
            out::line(&format!("{name} is disabled already"));
            return Ok(());
        }
        let leaves = last::leaves(arguments.force);
        let changed = desk.users.set_active(user.id, false, leaves, Actor::Command, desk.now()).await;
        last::outcome(desk, &user, "disable", changed).await?;
        out::line(&format!("{name} is disabled, and signed out everywhere"));
        Ok(())
    })
}

/// Lets the account in again.
pub(super) fn enable(common: &Common, one: &One) -> Outcome {
    desk::existing(common, async |desk| {
        let user = desk.user(&one.user).await?;
        let name = &user.username;
        if user.active {
            out::line(&format!("{name} is enabled already"));
            return Ok(());
        }
        desk.users.set_active(user.id, true, Leaves::Perhaps, Actor::Command, desk.now()).await?;
        out::line(&format!("{name} is enabled, and may sign in"));
        Ok(())
    })
}
