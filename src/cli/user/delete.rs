//! `aegis user delete USER`.

use clap::Args;

use super::{One, last, lost};
use crate::cli::{Common, Outcome, desk, out};
use crate::error::Fault;
use crate::identity::Actor;

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    one: One,
    /// Do it: there is no way back
    #[arg(long)]
    yes: bool,
    /// Also if nobody else administers Aegis
    #[arg(long)]
    force: bool,
}

/// Deletes the account and keeps its username from being given again. It is never asked for, at a
/// terminal or in a script: it has to be said, because nothing brings the account back.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    desk::existing(common, async |desk| {
        let user = desk.user(&arguments.one.user).await?;
        let name = &user.username;
        if !arguments.yes {
            return Err(Fault::new(format!(
                "{name} would be deleted for ever, and the username never given again"
            ))
            .hint(format!("say --yes; or `aegis user disable {name}`, which can be taken back"))
            .into());
        }
        let leaves = last::leaves(arguments.force);
        let (now, also) = (desk.now(), |write| lost::forgetting(write, user.id, desk.now()));
        let changed = desk.users.delete(user.id, leaves, also, Actor::Command, now).await;
        last::outcome(desk, &user, "delete", changed).await?;
        out::line(&format!("{name} is deleted, and signed out everywhere"));
        Ok(())
    })
}
