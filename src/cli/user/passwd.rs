//! `aegis user passwd USER`.

use clap::Args;

use crate::cli::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A username or an e-mail
    pub(in crate::cli) user: String,
    /// Read the password from standard input, one line; without it a link is printed
    #[arg(long)]
    pub(in crate::cli) password_stdin: bool,
}

/// HOLE: sets the password, or prints a link.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("user passwd")
}
