//! `aegis restore FILE`: store and keys out of a backup; the server must not be running.

use std::path::PathBuf;

use clap::Args;

use super::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The backup to read
    pub(super) file: PathBuf,
}

/// HOLE: checks the backup, keeps what is there, and puts the backup in its place.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("restore")
}
