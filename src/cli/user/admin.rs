//! `aegis user admin USER`.

use clap::Args;

use crate::cli::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A username or an e-mail
    pub(in crate::cli) user: String,
    /// Take it away again
    #[arg(long)]
    pub(in crate::cli) remove: bool,
}

/// HOLE: changes who administers Aegis.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("user admin")
}
