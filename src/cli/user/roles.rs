//! `aegis user roles USER`.

use clap::Args;

use crate::cli::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A username or an e-mail
    pub(in crate::cli) user: String,
    /// Exactly these roles, by comma; an empty text for none
    #[arg(long, value_name = "A,B", value_delimiter = ',', conflicts_with_all = ["add", "remove"])]
    pub(in crate::cli) set: Option<Vec<String>>,
    /// These roles too, by comma
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(in crate::cli) add: Vec<String>,
    /// No longer these roles, by comma
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(in crate::cli) remove: Vec<String>,
}

/// HOLE: shows the roles where nothing is to be changed.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("user roles")
}
