//! `aegis user unlock USER`.

use super::One;
use crate::cli::{Common, Outcome, hole};

/// HOLE: forgets failed sign-ins.
pub(super) fn run(_common: &Common, _one: &One) -> Outcome {
    hole("user unlock")
}
