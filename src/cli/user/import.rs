//! `aegis user import --from …`.

use clap::Args;

use crate::cli::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    #[arg(
        long,
        value_name = "SOURCE",
        help = "FILE.csv, FILE.json, postgresql://…, authelia:users_database.yml or tinyauth:.env"
    )]
    pub(in crate::cli) from: String,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// HOLE: reads the accounts and adds those that are not there.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("user import")
}
