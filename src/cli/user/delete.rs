//! `aegis user delete USER`.

use super::One;
use crate::cli::{Common, Outcome, hole};

/// HOLE: deletes the account and keeps its username from being given again.
pub(super) fn run(_common: &Common, _one: &One) -> Outcome {
    hole("user delete")
}
