//! `aegis audit …`.

mod tail;

use clap::Subcommand;

use super::{Common, Outcome};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The latest entries, oldest first
    Tail(tail::Arguments),
}

pub(super) fn run(common: &Common, command: Command) -> Outcome {
    match command {
        Command::Tail(arguments) => tail::run(common, &arguments),
    }
}
