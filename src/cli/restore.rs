//! `aegis restore FILE`: store and keys out of a backup; the server must not be running.

use std::path::PathBuf;

use clap::Args;

use super::{Common, Outcome, out, settings};
use crate::clock::Clock;
use crate::store;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The backup to read
    file: PathBuf,
}

/// Checks the backup, keeps what is there, and puts the backup in its place.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let data_dir = settings::read(common, &[])?.data_dir.value;
    let restored = store::restore(&arguments.file, &data_dir, Clock::system().now().wall)?;
    let keys = match restored.keys {
        Some(1) => "its file of keys".to_owned(),
        Some(keys) => format!("its {keys} files of keys"),
        None => "no keys (any that are here stay)".to_owned(),
    };
    let shown = out::tame(&data_dir.to_string_lossy());
    out::line(&format!("restored the database of aegis {} and {keys} to {shown}", restored.aegis));
    out::line(&format!("what was there before, if anything, is kept beside it as *.{}", restored.kept));
    out::line("every session and unused link of the backup is void: people sign in anew");
    out::line("so are its API tokens and recovery codes, which are made anew, and no browser is remembered");
    out::line(
        "passwords, roles and second factors are as they were then: what was taken away since counts again",
    );
    Ok(())
}
