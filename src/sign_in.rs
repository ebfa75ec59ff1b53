//! The only sequence from a password to a session.
//!
//! Promises: a guess is counted before it is judged; unknown, disabled and locked accounts cost the
//! same time and get the same answer as a wrong password; every outcome is in the record; who has a
//! second factor is asked for it; a session is opened only for the account that was judged, unchanged since.
//! Never: writes an answer. Every door with a password goes through here and only translates.

mod admit;
mod code;
mod finish;
mod passkey;

use std::time::Duration;

pub use code::{Code, Coded};
pub use finish::{Finished, Remember};

use crate::attempts::{self, Attempts, Counted, Guess, Taken};
use crate::audit::{Entry, Event, Recorded};
use crate::clock::{Clock, Wall};
use crate::error::{Error, Kind};
use crate::identity::{Actor, Identity, Method, SessionId, UserId};
use crate::password::{Busy, Checked, Passwords, StoredHash};
use crate::place::ClientAddress;
use crate::second_factor::challenge::{Ask, Asker, NewChallenge, OpenError as NotWaiting, Opened as Waiting};
use crate::second_factor::prompting::Mode;
use crate::second_factor::{Factors, SecondFactor};
use crate::secret::Secret;
use crate::sessions::{NewSession, OpenError, Opened, Purpose, Sessions};
use crate::store::{Statement, Store, Write, values};
use crate::users::{User, Users};

/// A password shown at a door.
#[derive(Debug)]
pub struct Shown<'a> {
    /// Username or e-mail.
    pub login: &'a str,
    /// The password.
    pub password: Secret,
    /// The mark of a browser that has signed in before.
    pub device: Option<&'a str>,
    /// From where.
    pub address: Option<ClientAddress>,
    /// With what, as the browser says.
    pub user_agent: Option<&'a str>,
    /// What is wanted.
    pub wanted: Wanted<'a>,
}

/// A browser that somebody comes with who needs to show no password.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// From where.
    pub address: Option<ClientAddress>,
    /// With what, as the browser says.
    pub user_agent: Option<&'a str>,
    /// Whether the browser carries the mark of one that has signed in before.
    pub is_known: bool,
    /// "Keep me signed in".
    pub keep: bool,
    /// Until when a factor may be added in the session without showing one.
    pub enrol_until: Option<Wall>,
    /// The session the browser had until now.
    pub replaces: Option<SessionId>,
}

/// What somebody who shows a password wants.
#[derive(Debug)]
pub enum Wanted<'a> {
    /// A session of this browser.
    Session {
        /// "Keep me signed in".
        keep: bool,
        /// The session the browser had until now.
        replaces: Option<SessionId>,
        /// Where the browser wants to go.
        return_to: Option<&'a str>,
    },
    /// A token for a script.
    Token {
        /// For this app alone; none: for all.
        audience: Option<&'a str>,
    },
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// Signed in.
    Signed(Box<Signed>),
    /// The password was right, and a second factor is waited for.
    FactorDue(Box<FactorDue>),
    /// The password was right, and a sign-in from a browser that is known waits for its second factor.
    AnotherWaits,
    /// Unknown, disabled, locked, or simply wrong: all the same.
    Wrong,
    /// Too many from this address until then.
    TooMany(Wall),
    /// Too many sign-ins at once: try again after so long.
    Busy(Duration),
}

/// Somebody who just signed in.
#[derive(Debug)]
pub struct Signed {
    /// Who.
    pub identity: Identity,
    /// The session.
    pub session: Opened,
    /// A new mark for a browser that had none yet.
    pub device: Option<Secret>,
}

/// A sign-in that waits for a second factor.
#[derive(Debug)]
pub struct FactorDue {
    /// The sign-in, and what its browser or script holds.
    pub waiting: Waiting,
    /// What it may be finished with.
    pub factors: Factors,
}

/// The sequence and the parts it goes through.
#[derive(Clone)]
pub struct SignIn {
    /// Reads the clock once a request; here only for the time after a hash was computed.
    pub clock: Clock,
    /// Where failures are recorded.
    pub store: Store,
    /// Who there is.
    pub users: Users,
    /// What is opened.
    pub sessions: Sessions,
    /// How often it was tried.
    pub attempts: Attempts,
    /// What more than a password there is.
    pub second_factor: SecondFactor,
    /// How somebody is asked on Telegram; none: nobody is.
    pub asks: Option<Mode>,
    /// Who computes hashes.
    pub passwords: Passwords,
}

/// What is known of somebody who may come in, and is written with their session.
struct Right {
    /// A better hash of the password, and the one it takes the place of.
    rehash: Option<(StoredHash, StoredHash)>,
    /// Whether the browser has signed in to this account before.
    is_known: bool,
    /// The guess to be given back.
    taken: Taken,
}

/// What anybody has shown who gets past a password.
pub const METHODS: &[Method] = &[Method::Password];

static REHASH: Statement = Statement::new("update account set password = $2 where id = $1 and password = $3");

impl SignIn {
    /// Judges a password and opens what was asked for.
    pub async fn with_password(&self, shown: Shown<'_>, now: Wall) -> Result<Outcome, Error> {
        let place = match self.passwords.place() {
            Ok(place) => place,
            Err(busy) => return Ok(Outcome::Busy(busy.retry_after)),
        };
        let user = self.users.by_login(shown.login).await?;
        let guess = Guess {
            user: user.as_ref().map(|user| user.id),
            login: shown.login,
            device: shown.device,
            address: shown.address,
        };
        let taken = match self.attempts.count(&guess, now).await? {
            Counted::Allowed(taken) => Some(taken),
            Counted::AccountLocked => None,
            // Not recorded one by one: whoever floods us would fill the record. The lock's beginning is.
            Counted::AddressLocked(until) => return Ok(Outcome::TooMany(until)),
        };
        // Where nothing may be judged a hash is computed all the same, of nobody's password.
        let judged = user.as_ref().filter(|user| user.active && taken.is_some());
        let stored = judged.and_then(|user| user.password.clone());
        let checked = match place.verify(stored.clone(), shown.password.clone()).await {
            Ok(checked) => checked,
            Err(busy) => return Ok(Outcome::Busy(busy.retry_after)),
        };
        let now = self.clock.now().wall;
        let (rehashed, user, taken) = match (checked, user, taken) {
            (Checked::Right, Some(user), Some(taken)) if user.active => (None, user, taken),
            (Checked::RightAndOld(hash), Some(user), Some(taken)) if user.active => (Some(hash), user, taken),
            (Checked::Right | Checked::RightAndOld(_) | Checked::Wrong, user, _) => {
                self.failed(user.as_ref(), shown.address, now).await?;
                return Ok(Outcome::Wrong);
            }
        };
        let right = Right { rehash: rehashed.zip(stored), is_known: taken.by_known_device(), taken };
        let factors = self.second_factor.of(user.id).await?;
        if factors.any() {
            return self.wait(&shown, &user, &right, factors, now).await;
        }
        let Some(signed) = self.open(&shown, &user, &right, now).await? else {
            // Somebody changed the account while its password was judged.
            self.failed(Some(&user), shown.address, now).await?;
            return Ok(Outcome::Wrong);
        };
        Ok(Outcome::Signed(Box::new(signed)))
    }

    /// Judges a password somebody wants to have, and hashes it.
    pub async fn new_password(&self, password: Secret, own_words: Vec<String>) -> Result<StoredHash, Error> {
        match self.passwords.judge(&password, own_words).await.map_err(busy)? {
            Ok(accepted) => self.passwords.hash(accepted).await.map_err(busy),
            Err(weak) => Err(Error::said(Kind::Unprocessable, weak.to_string())),
        }
    }

    /// Judges the password of somebody who is signed in already, before a change that asks for it.
    pub async fn confirm(
        &self,
        user: &User,
        password: Secret,
        device: Option<&str>,
        address: Option<ClientAddress>,
        now: Wall,
    ) -> Result<Confirmed, Error> {
        let place = match self.passwords.place() {
            Ok(place) => place,
            Err(busy) => return Ok(Confirmed::Busy(busy.retry_after)),
        };
        let guess = Guess { user: Some(user.id), login: user.username.as_str(), device, address };
        let taken = match self.attempts.count(&guess, now).await? {
            Counted::Allowed(taken) => taken,
            Counted::AccountLocked => {
                self.failed(Some(user), address, now).await?;
                return Ok(Confirmed::No);
            }
            Counted::AddressLocked(until) => return Ok(Confirmed::TooMany(until)),
        };
        match place.verify(user.password.clone(), password).await {
            Ok(Checked::Right | Checked::RightAndOld(_)) => {
                self.attempts.credit_alone(&taken, self.clock.now().wall).await?;
                Ok(Confirmed::Yes)
            }
            Ok(Checked::Wrong) => {
                self.failed(Some(user), address, now).await?;
                Ok(Confirmed::No)
            }
            Err(busy) => Ok(Confirmed::Busy(busy.retry_after)),
        }
    }

    /// Lets a sign-in wait for a second factor. The guess at the password is given back in the same write.
    async fn wait(
        &self,
        shown: &Shown<'_>,
        user: &User,
        right: &Right,
        factors: Factors,
        now: Wall,
    ) -> Result<Outcome, Error> {
        let (asker, audience, keep, session, return_to) = match shown.wanted {
            Wanted::Session { keep, replaces, return_to } => {
                (Asker::Browser, None, keep, replaces, return_to)
            }
            Wanted::Token { audience } => (Asker::Script, audience, false, None, None),
        };
        let new = NewChallenge {
            user: user.id,
            epoch: user.epoch,
            asker,
            audience,
            methods: METHODS,
            session,
            step_up: false,
            began_at: now,
            keep,
            return_to,
            known: right.is_known,
            address: shown.address,
            user_agent: shown.user_agent,
            ask: self.ask(user, &factors, shown.device).await?,
        };
        for _ in 0..attempts::TRIES {
            let base = self.attempts.credit(right.rehashing(user), &right.taken, now).await?;
            match self.second_factor.challenges.open(base, new, now).await {
                Ok(waiting) => return Ok(Outcome::FactorDue(Box::new(FactorDue { waiting, factors }))),
                Err(NotWaiting::Base(_) | NotWaiting::Again) => {} // others guessed or asked at the same moment
                Err(NotWaiting::AnotherWaits) => {
                    // Somebody knows the password: that is in the record, and costs them no guess.
                    self.attempts.credit_alone(&right.taken, now).await?;
                    let entry = Entry::new(Event::FactorDue, Actor::User(user.id))
                        .about(user.id)
                        .from(shown.address)
                        .with("another_waits", true);
                    self.store.write(Write::new().audit(entry, now)).await?;
                    return Ok(Outcome::AnotherWaits);
                }
                Err(NotWaiting::Changed) => {
                    self.failed(Some(user), shown.address, now).await?;
                    return Ok(Outcome::Wrong);
                }
                Err(NotWaiting::Store(error)) => return Err(error),
            }
        }
        Err(Error::unavailable("a counter of guesses was changed by others all the time"))
    }

    /// Whether and how `user` is asked on Telegram.
    async fn ask(&self, user: &User, factors: &Factors, device: Option<&str>) -> Result<Option<Ask>, Error> {
        let (Some(wanted), Some(link)) = (self.asks, &factors.telegram) else { return Ok(None) };
        if link.broken.is_some() {
            return Ok(None);
        }
        let is_remembered = match device {
            Some(device) if wanted == Mode::Plain => self.attempts.is_remembered(user.id, device).await?,
            Some(_) | None => false,
        };
        Ok(Some(Ask { wanted, is_administrator: user.administrator, is_remembered }))
    }

    /// Opens what was asked for, for somebody who has just shown the password. The guess is given back in
    /// the same write, so that neither happens without the other.
    async fn open(
        &self,
        shown: &Shown<'_>,
        user: &User,
        right: &Right,
        now: Wall,
    ) -> Result<Option<Signed>, Error> {
        let (purpose, audience, keep, replaces) = match shown.wanted {
            Wanted::Session { keep, replaces, .. } => (Purpose::Web, None, keep, replaces),
            Wanted::Token { audience } => (Purpose::Token, audience, false, None),
        };
        let new = NewSession {
            id: SessionId::new(),
            user: user.id,
            epoch: user.epoch,
            purpose,
            audience,
            methods: METHODS,
            authenticated_at: None,
            keep,
            enrol_until: None,
            address: shown.address,
            user_agent: shown.user_agent,
            replaces,
        };
        for _ in 0..attempts::TRIES {
            let base = self.attempts.credit(right.rehashing(user), &right.taken, now).await?;
            let needs_none = right.is_known || purpose == Purpose::Token;
            let (device, base) = self.marked(base, user.id, needs_none, now);
            match self.sessions.open(base, new, now).await {
                Ok(session) => {
                    let identity = user.identity(session.id, METHODS, now);
                    return Ok(Some(Signed { identity, session, device }));
                }
                Err(OpenError::Changed) => return Ok(None),
                Err(OpenError::Base(_)) => {} // others guessed at the same moment
                Err(OpenError::Store(error)) => return Err(Error::unavailable(error.to_string())),
            }
        }
        Err(Error::unavailable("a counter of guesses was changed by others all the time"))
    }

    /// A new mark for a browser that has none of this account, remembered by the write.
    fn marked(&self, base: Write, user: UserId, is_known: bool, now: Wall) -> (Option<Secret>, Write) {
        if is_known {
            return (None, base);
        }
        let (mark, base) = self.attempts.remember_device(base, user, now);
        (Some(mark), base)
    }

    /// Records that a password did not open anything.
    async fn failed(
        &self,
        user: Option<&User>,
        address: Option<ClientAddress>,
        now: Wall,
    ) -> Result<(), Error> {
        // What was typed may be a password in the wrong field: only a name that exists is kept.
        let entry = Entry::new(Event::SignInFailed, Actor::Visitor).from(address);
        let entry = match user {
            Some(user) => entry.about(user.id),
            None => entry,
        };
        self.store.write(Write::new().audit(entry, now)).await?;
        let ip = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        tracing::warn!(stream = "audit", event = "sign_in.failed", ip);
        Ok(())
    }
}

impl Right {
    /// The beginning of a write that replaces the hash of the password, where a better one was computed.
    fn rehashing(&self, user: &User) -> Write {
        match &self.rehash {
            Some((new, old)) => {
                Write::new().exec(&REHASH, values![user.id.to_string(), new.as_str(), old.as_str()])
            }
            None => Write::new(),
        }
    }
}

/// Whether a password was right.
#[derive(Debug)]
pub enum Confirmed {
    /// It was.
    Yes,
    /// It was not, or may not be judged now.
    No,
    /// Too many from this address until then.
    TooMany(Wall),
    /// Too many at once: try again after so long.
    Busy(Duration),
}

fn busy(busy: Busy) -> Error {
    Error::new(
        Kind::Unavailable(busy.retry_after),
        "Many people are signing in right now. Please try again in a moment.",
        "the queue of the hash pool is full",
    )
}
