//! `aegis user add USER`.

use clap::Args;

use crate::cli::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A username or an e-mail; of an e-mail the username is made
    pub(in crate::cli) user: String,
    /// The e-mail
    #[arg(long)]
    pub(in crate::cli) email: Option<String>,
    /// The name that people read
    #[arg(long)]
    pub(in crate::cli) name: Option<String>,
    /// Roles for apps, by comma
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(in crate::cli) roles: Vec<String>,
    /// Make them an administrator of Aegis
    #[arg(long)]
    pub(in crate::cli) admin: bool,
    /// Change the account if it is there already
    #[arg(long)]
    pub(in crate::cli) upsert: bool,
    /// Read the password from standard input, one line
    #[arg(long)]
    pub(in crate::cli) password_stdin: bool,
}

/// HOLE: makes the account.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("user add")
}
