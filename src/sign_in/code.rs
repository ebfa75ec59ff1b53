//! Codes shown for a sign-in that waits. Owns that a guess is counted before it is judged, and given back by
//! the write in which the code is used up and the session opened.

use super::{Arrival, Finished, Remember, SignIn, Signed};
use crate::attempts::{self, CodeCounted};
use crate::clock::Wall;
use crate::error::Error;
use crate::second_factor::Proof;
use crate::second_factor::challenge::Challenge;
use crate::secret::Secret;

/// A code as somebody typed it.
#[derive(Clone, Copy, Debug)]
pub enum Code<'a> {
    /// Of an authenticator app.
    Totp(&'a Secret),
    /// One of the recovery codes.
    Recovery(&'a Secret),
}

/// What came of it.
#[derive(Debug)]
pub enum Coded {
    /// Signed in.
    Signed(Box<Signed>),
    /// It is no code of this account, or was used before.
    Wrong,
    /// Too many guesses at codes of this account: none is judged until then.
    Locked(Wall),
    /// The sign-in has come to another end, or the account may not come in.
    Over,
}

impl SignIn {
    /// Opens what `challenge` waits for, with a code.
    pub async fn with_code(
        &self,
        challenge: &Challenge,
        code: Code<'_>,
        arrival: Arrival<'_>,
        remember: Remember<'_>,
        now: Wall,
    ) -> Result<Coded, Error> {
        if !challenge.state.is_open() {
            return Ok(Coded::Over);
        }
        let user = challenge.user;
        let taken = match self.attempts.count_code(user, arrival.address, now).await? {
            CodeCounted::Allowed(taken) => taken,
            CodeCounted::Locked(until) => return Ok(Coded::Locked(until)),
        };
        for _ in 0..attempts::TRIES {
            let shown = match code {
                Code::Totp(code) => self.second_factor.totp.check(user, code, now).await?,
                Code::Recovery(code) => self.second_factor.recovery.check(user, code, now).await?,
            };
            let Some(Proof { method, write }) = shown else {
                self.code_failed(user, arrival.address, now).await?;
                return Ok(Coded::Wrong);
            };
            let write = self.attempts.credit(write, &taken, now).await?;
            match self.finish(challenge, Proof { method, write }, arrival, remember, now).await? {
                Finished::Signed(signed) => return Ok(Coded::Signed(signed)),
                Finished::Over => {
                    self.attempts.credit_alone(&taken, now).await?;
                    return Ok(Coded::Over);
                }
                Finished::Used => {} // the code was, or others guessed at the same moment: look again
            }
        }
        Err(Error::unavailable("a counter of guesses at codes was changed by others all the time"))
    }
}
