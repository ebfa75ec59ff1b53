//! Passwords: judging, hashing and verifying them. Owns the pool that hashes, and what a stored hash may be.
//!
//! Promises: memory and processor time are bounded whatever the number of sign-ins; an account that is
//! not there costs as much as one that is; a hash once begun is finished whether or not its client stays;
//! only a password that was judged strong enough can be hashed.
//! Never: counts guesses, knows accounts, or keeps a password longer than its hash takes.

mod argon;
mod pool;
mod stored;
mod strength;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::Fault;
use crate::secret::Secret;

use argon::{Memory, NoMemory};
use pool::Pool;
pub use stored::StoredHash;
pub use strength::Weak;

/// The longest password, in bytes. A longer one is refused before anything is computed.
pub const LONGEST: usize = 1024;

/// The pool of threads that hash. Cloning gives another handle on the same pool.
#[derive(Clone)]
pub struct Passwords(Arc<Handle>);

/// Ends the threads when the last handle is gone.
struct Handle(Arc<Pool>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What came of verifying a password.
#[derive(Debug)]
pub enum Checked {
    /// It is the right one.
    Right,
    /// It is the right one, and its hash is of another kind than ours: store this one instead.
    RightAndOld(StoredHash),
    /// It is not.
    Wrong,
}

/// There is more to hash than can be done now. Nothing was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// When it is worth trying again: whole seconds.
    pub retry_after: Duration,
}

/// A password that was judged strong enough, and may be hashed.
pub struct NewPassword(Secret);

impl fmt::Debug for NewPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NewPassword(…)")
    }
}

impl Passwords {
    /// Starts `threads` threads, one or two (any other number counts as the nearest of these).
    pub fn start(threads: usize, clock: Clock) -> Result<Self, Fault> {
        let pool = Pool::new(threads.clamp(1, 2), clock);
        for _ in 0..pool.threads() {
            let pool = pool.clone();
            std::thread::Builder::new().name("password".into()).spawn(move || pool.serve()).map_err(
                |error| Fault::new(format!("cannot start a thread that hashes passwords: {error}")),
            )?;
        }
        Ok(Self(Arc::new(Handle(pool))))
    }

    /// Room for one password to be verified. To be asked for before a guess is counted, so that nobody is
    /// told to come again whose guess was taken for a failure.
    pub fn place(&self) -> Result<Place, Busy> {
        self.0.0.place().map(Place)
    }

    /// [`Place::verify`], for whom it is all the same if there is no place.
    pub async fn verify(&self, stored: Option<StoredHash>, password: Secret) -> Result<Checked, Busy> {
        self.place()?.verify(stored, password).await
    }

    /// A new hash of `password`: Argon2id, 64 MiB, three passes, four lanes (RFC 9106).
    pub async fn hash(&self, password: NewPassword) -> Result<StoredHash, Busy> {
        self.run(move |memory| argon::hash(&password.0, memory)).await
    }

    /// Whether `password` is good enough: at least 12 characters, at most [`LONGEST`] bytes, and not
    /// easily guessed, also by who knows the user's `own_words` (names, address, this site). It asks for
    /// no particular characters (NIST SP 800-63B-4, section 3.1.1.2).
    pub async fn judge(
        &self,
        password: &Secret,
        own_words: Vec<String>,
    ) -> Result<Result<NewPassword, Weak>, Busy> {
        if let Err(weak) = strength::length(password.reveal()) {
            return Ok(Err(weak));
        }
        let password = password.clone();
        self.run(move |_| {
            Ok(strength::guessable(password.reveal(), &own_words).map(|()| NewPassword(password)))
        })
        .await
    }

    /// Whether the length of `password` is right: what can be said of one without the word lists.
    pub fn fits(password: &Secret) -> Result<(), Weak> {
        strength::length(password.reveal())
    }

    /// Bytes held for hashing now: 0 when nobody has signed in for a while.
    pub fn memory(&self) -> usize {
        self.0.0.held()
    }

    /// Takes no more work. What is being computed is finished; what waits is answered with [`Busy`].
    pub fn close(&self) {
        self.0.0.close();
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T, NoMemory> + Send + 'static,
    ) -> Result<T, Busy> {
        run(self.0.0.place()?, work).await
    }
}

/// Room for one password in the queue, until it is used or dropped.
pub struct Place(pool::Place);

impl Place {
    /// Whether `password` is the one that `stored` was made of. Without a stored hash the answer is
    /// [`Checked::Wrong`], after the same work.
    pub async fn verify(self, stored: Option<StoredHash>, password: Secret) -> Result<Checked, Busy> {
        if password.reveal().len() > LONGEST {
            return Ok(Checked::Wrong);
        }
        let work = move |memory: &mut Memory| match stored {
            Some(stored) => stored.check(&password, memory),
            None => argon::waste(&password, memory).map(|()| Checked::Wrong),
        };
        run(self.0, work).await
    }
}

async fn run<T: Send + 'static>(
    place: pool::Place,
    work: impl FnOnce(&mut Memory) -> Result<T, NoMemory> + Send + 'static,
) -> Result<T, Busy> {
    let busy = place.busy();
    match place.submit(work)?.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(NoMemory)) => {
            tracing::error!(event = "password.no_memory", "no memory to hash a password in");
            Err(busy)
        }
        // The work panicked, which is logged there, or the pool was closed.
        Err(_) => Err(busy),
    }
}

#[cfg(test)]
mod tests;
