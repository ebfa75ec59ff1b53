//! `aegis user disable USER` and `aegis user enable USER`.

use super::One;
use crate::cli::{Common, Outcome, hole};

/// HOLE: shuts the account out.
pub(super) fn disable(_common: &Common, _one: &One) -> Outcome {
    hole("user disable")
}

/// HOLE: lets the account in again.
pub(super) fn enable(_common: &Common, _one: &One) -> Outcome {
    hole("user enable")
}
