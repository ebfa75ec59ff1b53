//! The settings a command works with: file, includes, environment, then what stands on the line.

use super::{Common, Failure};
use crate::config::{self, Settings, Sources};

/// Reads the settings; `listen` is what the line says of it, if anything.
pub(super) fn read(common: &Common, listen: &[String]) -> Result<Settings, Failure> {
    let sources = Sources::from_process(common.config.clone(), common.data_dir.clone(), listen.to_vec());
    config::read(&sources).map_err(Failure::Configuration)
}
