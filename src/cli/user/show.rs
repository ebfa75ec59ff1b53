//! `aegis user show USER`.

use clap::Args;

use crate::cli::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A username or an e-mail
    pub(in crate::cli) user: String,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// HOLE: shows one account.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("user show")
}
