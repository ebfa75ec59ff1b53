//! `aegis user unlock USER`.

use super::One;
use crate::cli::{Common, Outcome, desk, out};
use crate::identity::Actor;

/// Forgets failed sign-ins.
pub(super) fn run(common: &Common, one: &One) -> Outcome {
    desk::existing(common, async |desk| {
        let user = desk.user(&one.user).await?;
        desk.attempts.unlock(user.id, Actor::Command, desk.now()).await?;
        out::line(&format!("the failed sign-ins of {} are forgotten", user.username));
        Ok(())
    })
}
