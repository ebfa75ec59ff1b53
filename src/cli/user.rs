//! `aegis user …`. USER is a username or an e-mail.

mod active;
mod add;
mod admin;
mod delete;
mod import;
mod last;
mod link;
mod link_factor;
mod list;
mod lost;
mod passwd;
mod password;
mod roles;
mod show;
mod shown;
mod unlock;

use clap::{Args, Subcommand};

use super::{Common, Outcome};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an account; without a password, print a link on which the person chooses one
    Add(add::Arguments),
    /// All accounts
    List(list::Arguments),
    /// One account
    Show(show::Arguments),
    /// Set a password, or print a link on which the person chooses one
    Passwd(passwd::Arguments),
    /// Make somebody an administrator of Aegis, or no longer
    Admin(admin::Arguments),
    /// Shut an account out of everything, within a second
    Disable(active::Disable),
    /// Let a disabled account in again
    Enable(One),
    /// Show or change somebody's roles
    Roles(roles::Arguments),
    /// Forget the failed sign-ins of an account
    Unlock(One),
    /// Let whoever is next seen with a login of the tailnet come in as this account
    Link(link::Link),
    /// End an account's links to the tailnet
    Unlink(link::Unlink),
    /// Print a link on which somebody adds their first second factor
    LinkFactor(One),
    /// Take all second factors of an account away, and print a link on which its owner adds a new one
    #[command(name = "reset-2fa")]
    ResetFactors(One),
    /// Shut out whoever has a device of somebody's now: sessions, API tokens, factors, remembered browsers
    LostDevice(lost::LostDevice),
    /// Delete an account; its username is never given again
    Delete(delete::Arguments),
    /// Take accounts over from elsewhere
    Import(import::Arguments),
}

/// One user.
#[derive(Args, Debug)]
pub(in crate::cli) struct One {
    /// A username or an e-mail
    user: String,
}

pub(super) fn run(common: &Common, command: Command) -> Outcome {
    match command {
        Command::Add(arguments) => add::run(common, &arguments),
        Command::List(arguments) => list::run(common, &arguments),
        Command::Show(arguments) => show::run(common, &arguments),
        Command::Passwd(arguments) => passwd::run(common, &arguments),
        Command::Admin(arguments) => admin::run(common, &arguments),
        Command::Disable(arguments) => active::disable(common, &arguments),
        Command::Enable(one) => active::enable(common, &one),
        Command::Roles(arguments) => roles::run(common, &arguments),
        Command::Unlock(one) => unlock::run(common, &one),
        Command::Link(arguments) => link::link(common, &arguments),
        Command::Unlink(arguments) => link::unlink(common, &arguments),
        Command::LinkFactor(one) => link_factor::run(common, &one),
        Command::ResetFactors(one) => lost::reset(common, &one),
        Command::LostDevice(arguments) => lost::device(common, &arguments),
        Command::Delete(arguments) => delete::run(common, &arguments),
        Command::Import(arguments) => import::run(common, &arguments),
    }
}
