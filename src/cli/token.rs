//! `aegis token …`: API tokens for scripts and native apps.

mod create;
mod list;
mod revoke;

use clap::Subcommand;

use super::{Common, Outcome};
use crate::identity::AppName;
use crate::policy::Scope;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a token and print it, once
    Create(create::Arguments),
    /// Tokens that were not revoked
    List(list::Arguments),
    /// Revoke a token, or all of a user
    Revoke(revoke::Arguments),
}

pub(super) fn run(common: &Common, command: Command) -> Outcome {
    match command {
        Command::Create(arguments) => create::run(common, &arguments),
        Command::List(arguments) => list::run(common, &arguments),
        Command::Revoke(arguments) => revoke::run(common, &arguments),
    }
}

/// The apps of a token and what it is for there, each by its name; nothing for all and everything.
fn named(scope: &Scope) -> (Vec<&str>, Vec<String>) {
    let apps = scope.apps().iter().map(AppName::as_str).collect();
    (apps, scope.allow().iter().map(ToString::to_string).collect())
}
