//! `aegis user admin USER`.

use clap::Args;

use super::last;
use crate::cli::{Common, Outcome, desk, out};
use crate::identity::Actor;

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A username or an e-mail
    user: String,
    /// Take it away again
    #[arg(long)]
    remove: bool,
    /// Take it away also if nobody else administers Aegis
    #[arg(long, requires = "remove")]
    force: bool,
}

/// Changes who administers Aegis.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    desk::existing(common, async |desk| {
        let user = desk.user(&arguments.user).await?;
        let (name, wanted) = (&user.username, !arguments.remove);
        if user.administrator == wanted {
            let is = if wanted { "is an administrator already" } else { "is no administrator" };
            out::line(&format!("{name} {is}"));
            return Ok(());
        }
        let (users, leaves) = (&desk.users, last::leaves(arguments.force));
        let changed = users.set_administrator(user.id, wanted, leaves, Actor::Command, desk.now()).await;
        last::outcome(desk, &user, "admin --remove", changed).await?;
        let is = if wanted { "is an administrator now" } else { "is no administrator any more" };
        out::line(&format!("{name} {is}, and has to sign in again"));
        Ok(())
    })
}
