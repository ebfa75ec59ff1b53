//! `aegis backup FILE`: store and keys in one file, while serving.

use std::path::PathBuf;

use clap::Args;

use super::{Common, Outcome, desk, out};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The file to write; it must not be there yet
    file: PathBuf,
}

/// Copies store and keys.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    desk::existing(common, async |desk| {
        let keys = desk.store.backup(&arguments.file).await?;
        let file = out::tame(&arguments.file.to_string_lossy());
        out::line(&match keys {
            0 => format!("wrote {file}; no keys are in it: the first start of the server makes them"),
            _ => format!("wrote {file}; the keys are in it: keep it as safe as the server itself"),
        });
        Ok(())
    })
}
