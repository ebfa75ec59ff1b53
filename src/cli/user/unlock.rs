//! `aegis user unlock USER`.

use super::One;
use crate::cli::{Common, Outcome, desk, out};
use crate::identity::Actor;
use crate::second_factor::challenge::Challenges;
use crate::store::Write;

/// Forgets failed sign-ins, and asks on Telegram again.
pub(super) fn run(common: &Common, one: &One) -> Outcome {
    desk::existing(common, async |desk| {
        let user = desk.user(&one.user).await?;
        let base = Challenges::asking_again(Write::new(), user.id);
        desk.attempts.unlock(base, user.id, Actor::Command, desk.now()).await?;
        out::line(&format!("the failed sign-ins of {} are forgotten", user.username));
        Ok(())
    })
}
