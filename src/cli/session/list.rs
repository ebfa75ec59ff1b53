//! `aegis session list`.

use clap::Args;

use crate::cli::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// Only those of this user
    pub(in crate::cli) user: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// HOLE: lists sessions.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("session list")
}
