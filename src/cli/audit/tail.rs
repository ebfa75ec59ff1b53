//! `aegis audit tail`.

use clap::Args;

use crate::cli::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(in crate::cli) lines: u32,
    /// Go on with what happens next
    #[arg(short, long)]
    pub(in crate::cli) follow: bool,
    /// Print JSON, one entry a line
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// HOLE: prints entries of the record.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("audit tail")
}
