//! The settings a command works with: file, includes, environment, then what stands on the line.

use super::{Common, Failure};
use crate::config::{self, Settings, Sources};

/// Reads them; what is wrong with them is wrong for every command.
pub(super) fn read(common: &Common) -> Result<Settings, Failure> {
    config::read(&sources(common)).map_err(Failure::Configuration)
}

fn sources(common: &Common) -> Sources {
    Sources::from_process(common.config.clone(), common.data_dir.clone(), Vec::new())
}
