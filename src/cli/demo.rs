//! `aegis demo`.

use super::{Common, Outcome, hole};

/// HOLE: starts the show.
pub(super) fn run(_common: &Common) -> Outcome {
    hole("demo")
}
