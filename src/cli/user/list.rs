//! `aegis user list`.

use clap::Args;

use crate::cli::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// HOLE: lists accounts.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("user list")
}
