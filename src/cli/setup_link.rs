//! `aegis setup-link`: a way in for the first administrator, or for one who lost theirs.

use clap::Args;

use super::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Make a link for this administrator, although there is one who can sign in
    #[arg(long, value_name = "USER")]
    pub(super) reset: Option<String>,
}

/// HOLE: refuses once an active administrator exists, unless `--reset`.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("setup-link")
}
