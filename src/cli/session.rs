//! `aegis session …`.

mod list;
mod revoke;

use clap::Subcommand;

use super::{Common, Outcome};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Sessions that are alive
    List(list::Arguments),
    /// End a session, or all of a user
    Revoke(revoke::Arguments),
}

pub(super) fn run(common: &Common, command: Command) -> Outcome {
    match command {
        Command::List(arguments) => list::run(common, &arguments),
        Command::Revoke(arguments) => revoke::run(common, &arguments),
    }
}
