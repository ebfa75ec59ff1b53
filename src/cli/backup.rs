//! `aegis backup FILE`: store and keys in one file, while serving.

use std::path::PathBuf;

use clap::Args;

use super::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The file to write; it must not be there yet
    pub(super) file: PathBuf,
}

/// HOLE: copies store and keys.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("backup")
}
