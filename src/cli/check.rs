//! `aegis check`: the whole configuration, judged as a start would judge it; opens nothing.

use super::{Common, Failure, Outcome, hole, settings};
use crate::serve::Limits;
use crate::serve::listen;

/// HOLE: to these checks comes `App::prepare`, and which apps are open to every user.
pub(super) fn run(common: &Common) -> Outcome {
    let settings = settings::read(common, &[])?;
    let mut faults = listen::parse(&settings.listen).err().unwrap_or_default();
    faults.extend(Limits::from_settings(&settings.limits).err().unwrap_or_default());
    faults.or(()).map_err(Failure::Configuration)?;
    hole("check")
}
