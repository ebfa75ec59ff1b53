//! The end of a sign-in that waited for a second factor, and showing one again. Owns the write in which the
//! factor is used up, the challenge finished and the session opened: all of it or nothing.

use super::{Arrival, FactorDue, Outcome, SignIn, Signed};
use crate::attempts;
use crate::audit::{Entry, Event, Recorded};
use crate::clock::Wall;
use crate::error::Error;
use crate::identity::{Actor, SessionId, UserId};
use crate::place::ClientAddress;
use crate::second_factor::Proof;
use crate::second_factor::challenge::{
    Asker, Challenge, Challenges, LONGEST, NewChallenge, OpenError as NotWaiting, State,
};
use crate::secret::Secret;
use crate::sessions::{NewSession, OpenError, Purpose, Session, Sessions};
use crate::store::Write;
use crate::users::User;

/// Whether somebody asked that their browser be remembered.
#[derive(Clone, Copy, Debug)]
pub enum Remember<'a> {
    /// They did not.
    No,
    /// They did. The browser may have this mark of one that has signed in before; else it gets one.
    Yes(Option<&'a str>),
}

/// What came of showing a second factor.
#[derive(Debug)]
pub enum Finished {
    /// Signed in.
    Signed(Box<Signed>),
    /// The sign-in has come to another end, or the account may not come in.
    Over,
    /// The factor was used up meanwhile, by another request.
    Used,
}

impl SignIn {
    /// Opens what `challenge` waits for, with a factor that was shown.
    pub async fn finish(
        &self,
        challenge: &Challenge,
        proof: Proof,
        arrival: Arrival<'_>,
        remember: Remember<'_>,
        now: Wall,
    ) -> Result<Finished, Error> {
        if !challenge.state.is_open() {
            return Ok(Finished::Over);
        }
        let Some(user) = self.users.by_id(challenge.user).await? else { return Ok(Finished::Over) };
        let (id, methods) = (SessionId::new(), proof.method.after(&challenge.methods));
        let shown = proof.write.steps.len();
        let mut base = Challenges::finishing(proof.write, challenge, id, now);
        if challenge.step_up
            && let Some(session) = challenge.session
        {
            base = Sessions::while_live(base, session);
        }
        let replaces = arrival.replaces.or(challenge.session);
        if let Some(before) = replaces {
            base = Challenges::going_on(base, user.id, before, id);
        }
        if !challenge.known {
            // Guessed at meanwhile: whoever is known here is not locked out by that.
            base = self.attempts.while_unlocked(base, user.id, now);
        }
        let (purpose, needs_no_mark) = match challenge.asker {
            Asker::Browser => (Purpose::Web, arrival.is_known),
            Asker::Script => (Purpose::Token, true),
        };
        let (device, mut base) = self.marked(base, user.id, needs_no_mark, now);
        if let Remember::Yes(had) = remember
            && let Some(mark) = device.as_ref().map(Secret::reveal).or(had)
        {
            base = self.attempts.ask_to_remember(base, user.id, (mark, arrival.user_agent), now);
        }
        let new = NewSession {
            id,
            user: user.id,
            epoch: challenge.epoch,
            purpose,
            audience: challenge.audience.as_deref(),
            methods: &methods,
            authenticated_at: None,
            keep: challenge.keep,
            enrol_until: None,
            address: arrival.address,
            user_agent: arrival.user_agent,
            replaces,
        };
        match self.sessions.open(base, new, now).await {
            Ok(session) => {
                self.second_factor.challenges.moved();
                let identity = user.identity(session.id, &methods, now);
                Ok(Finished::Signed(Box::new(Signed { identity, session, device })))
            }
            Err(OpenError::Base(step)) if step < shown => Ok(Finished::Used),
            Err(OpenError::Base(_) | OpenError::Changed) => Ok(Finished::Over),
            Err(OpenError::Store(error)) => Err(Error::unavailable(error.to_string())),
        }
    }

    /// Lets somebody who is signed in show a second factor (again): for what asks for one, or for a newer
    /// one. What comes of it is a new session in place of this one.
    pub async fn step_up(
        &self,
        session: &Session,
        return_to: Option<&str>,
        arrival: Arrival<'_>,
        device: Option<&str>,
        now: Wall,
    ) -> Result<Outcome, Error> {
        let Some(user) = self.users.by_id(session.identity.user).await? else { return Ok(Outcome::Wrong) };
        let new = NewChallenge {
            user: user.id,
            epoch: user.epoch,
            asker: Asker::Browser,
            audience: None,
            methods: &session.identity.methods,
            session: Some(session.id),
            step_up: true,
            began_at: now,
            keep: session.keep,
            return_to,
            known: true,
            address: arrival.address,
            user_agent: arrival.user_agent,
            ask: None,
        };
        self.begin(&user, new, device, Write::new, now).await
    }

    /// Asks again for a sign-in that waits: a new one in its place.
    pub async fn again(
        &self,
        challenge: &Challenge,
        address: Option<ClientAddress>,
        device: Option<&str>,
        now: Wall,
    ) -> Result<Outcome, Error> {
        // Time ends it, however often it was asked again.
        let still = challenge.state == State::Pending && now < challenge.began_at.plus(LONGEST);
        let Some(user) = self.users.by_id(challenge.user).await?.filter(|user| still && user.active) else {
            return Ok(Outcome::Wrong);
        };
        let new = NewChallenge {
            user: user.id,
            epoch: challenge.epoch,
            asker: challenge.asker,
            audience: challenge.audience.as_deref(),
            methods: &challenge.methods,
            session: challenge.session,
            step_up: challenge.step_up,
            began_at: challenge.began_at,
            keep: challenge.keep,
            return_to: challenge.return_to.as_deref(),
            known: challenge.known,
            address,
            user_agent: challenge.user_agent.as_deref(),
            ask: None,
        };
        // Once: whoever presses the button many times is asked once.
        let instead = || {
            let base = Challenges::giving_way(Write::new(), challenge, now);
            match challenge.session {
                Some(session) if challenge.step_up => Sessions::while_live(base, session),
                Some(_) | None => base,
            }
        };
        self.begin(&user, new, device, instead, now).await
    }

    async fn begin(
        &self,
        user: &User,
        new: NewChallenge<'_>,
        device: Option<&str>,
        base: impl Fn() -> Write,
        now: Wall,
    ) -> Result<Outcome, Error> {
        let factors = self.second_factor.of(user.id).await?;
        let new = NewChallenge { ask: self.ask(user, &factors, device).await?, ..new };
        for _ in 0..attempts::TRIES {
            match self.second_factor.challenges.open(base(), new, now).await {
                Ok(waiting) => return Ok(Outcome::FactorDue(Box::new(FactorDue { waiting, factors }))),
                Err(NotWaiting::Again) => {}
                Err(NotWaiting::AnotherWaits) => return Ok(Outcome::AnotherWaits),
                Err(NotWaiting::Base(_) | NotWaiting::Changed) => return Ok(Outcome::Wrong),
                Err(NotWaiting::Store(error)) => return Err(error),
            }
        }
        Err(Error::unavailable("an account's prompts were changed by others all the time"))
    }

    /// Records that a code of a second factor was wrong.
    pub async fn code_failed(
        &self,
        user: UserId,
        address: Option<ClientAddress>,
        now: Wall,
    ) -> Result<(), Error> {
        let entry = Entry::new(Event::CodeWrong, Actor::Visitor).about(user).from(address);
        self.store.write(Write::new().audit(entry, now)).await?;
        Ok(())
    }
}
