//! `aegis session revoke`.

use clap::{ArgGroup, Args};

use crate::cli::{Common, Outcome, hole};

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("which").required(true).args(["session", "user"]))]
pub(in crate::cli) struct Arguments {
    /// The session, as `session list` shows it
    pub(in crate::cli) session: Option<String>,
    /// All sessions of this user
    #[arg(long, value_name = "USER")]
    pub(in crate::cli) user: Option<String>,
}

/// HOLE: ends sessions.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("session revoke")
}
