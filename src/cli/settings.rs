//! The settings a command works with: file, includes, environment, then what stands on the line.

use super::{Common, Failure};
use crate::config::{self, Settings, Sources};

/// Reads the settings; `listen` is what the line says of it, if anything.
pub(super) fn read(common: &Common, listen: &[String]) -> Result<Settings, Failure> {
    config::read(&sources(common, listen)).map_err(Failure::Configuration)
}

/// Where the settings are read from.
pub(super) fn sources(common: &Common, listen: &[String]) -> Sources {
    Sources::from_process(common.config.clone(), common.data_dir.clone(), listen.to_vec())
}
