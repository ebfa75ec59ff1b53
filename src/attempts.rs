//! Guesses at passwords and at codes: counted in the store before they are judged, credited back on success.
//!
//! Promises: whatever happens at once, no more guesses are let through than `throttle` allows, for
//! counting is compare-and-set; the count survives a restart; a browser that has signed in before is
//! counted for itself, so that a stranger's guesses do not lock out the owner.
//! Never: knows whether a guess was right until it is told.

mod devices;

pub use devices::Remembered;

use std::time::Duration;

use crate::audit::{Entry, Event, Recorded};
use crate::clock::Wall;
use crate::error::Error;
use crate::identity::{Actor, UserId};
use crate::place::ClientAddress;
use crate::secret::{Secret, fingerprint};
use crate::store::{Row, Rows, Statement, Store, StoreError, Write, WriteError, values};
use crate::text;
use crate::throttle::{Counter, Locked, Scope};

/// Counters of guesses, in the store.
#[derive(Clone)]
pub struct Attempts {
    store: Store,
}

/// Who guesses, at what, from where.
#[derive(Debug)]
pub struct Guess<'a> {
    /// The account guessed at, if there is one of that name.
    pub user: Option<UserId>,
    /// The name as it was given.
    pub login: &'a str,
    /// The cookie of a browser that has signed in before.
    pub device: Option<&'a str>,
    /// From where; without one all such visitors are counted together.
    pub address: Option<ClientAddress>,
}

/// What counting a guess said.
#[derive(Debug)]
pub enum Counted {
    /// The guess may be judged. Give it back with [`Attempts::credit`] if it was right.
    Allowed(Taken),
    /// Too many guesses at this account: judge nothing, but spend the same time and say "wrong".
    AccountLocked,
    /// Too many guesses from this address until then.
    AddressLocked(Wall),
}

/// What counting a guess at a code said.
#[derive(Debug)]
pub enum CodeCounted {
    /// The guess may be judged. Give it back with [`Attempts::credit`], in the proof's write, if it was right.
    Allowed(Taken),
    /// Too many wrong codes for this account: judge none until then.
    Locked(Wall),
}

/// Which counters a guess was taken from.
#[derive(Debug)]
pub struct Taken {
    keys: Vec<(Scope, String)>,
}

impl Taken {
    /// Whether the browser was one that has signed in to this account before.
    pub fn by_known_device(&self) -> bool {
        self.keys.iter().any(|(scope, _)| *scope == Scope::Device)
    }
}

/// A counter with the version that compare-and-set needs. Version 0: not stored yet.
#[derive(Clone, Copy)]
struct Stored {
    counter: Option<Counter>,
    version: i64,
}

/// How often a counter is tried again when others count at the same moment. Each time at least one
/// of them succeeds, and after as many successes as the limit allows the answer is "locked".
pub const TRIES: usize = 256;

static READ: Statement = Statement::new(
    "select failures, earlier, first_at, last_at, locked_until, version from attempt where key = $1",
);
static ADD: Statement = Statement::new(
    "insert into attempt (key, failures, earlier, first_at, last_at, locked_until, version) \
     values ($1, $2, $3, $4, $5, $6, 1) \
     on conflict (key) do nothing",
);
static SET: Statement = Statement::new(
    "update attempt set failures = $2, earlier = $3, first_at = $4, last_at = $5, locked_until = $6, \
     version = version + 1 where key = $1 and version = $7",
);
static CLEAR: Statement = Statement::new("delete from attempt where key = $1 or key = $2");
/// Touches nothing: it tells whether there is such a row.
static IF_LOCKED: Statement =
    Statement::new("update attempt set version = version where key = $1 and locked_until > $2");
static FORGET: Statement = Statement::new("delete from attempt where last_at < $1 and locked_until < $1");
static DEVICE: Statement = Statement::new("select 1 from device where secret = $1 and account_id = $2");
static REMEMBERED: Statement = Statement::new(
    "select 1 from device where secret = $1 and account_id = $2 and remembered_at is not null",
);
static ADD_DEVICE: Statement = Statement::new(
    "insert into device (secret, account_id, created_at, used_at) values ($1, $2, $3, $3) \
     on conflict (secret) do nothing",
);
static ASK_TO_REMEMBER: Statement = Statement::new(
    "update device set id = coalesce(id, $3), remembered_at = $4, user_agent = $5 \
     where secret = $1 and account_id = $2",
);
static FORGET_DEVICES: Statement = Statement::new("delete from device where created_at < $1");

/// How long a browser counts as known after it first signed in.
pub const DEVICE_LIFETIME: Duration = Duration::from_hours(180 * 24);

impl Attempts {
    /// The counters in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Counts a guess, before it is judged.
    pub async fn count(&self, guess: &Guess<'_>, now: Wall) -> Result<Counted, Error> {
        let address = address_key(guess.address);
        let account = account_key(guess.user, guess.login);
        let device = self.known_device(guess).await?;
        if let Some(device) = device {
            let keys = [(Scope::Device, device.as_str()), (Scope::Address, &address)];
            match self.take(guess.user, guess.address, &keys, now).await? {
                Err((Scope::Address, locked)) => return Ok(Counted::AddressLocked(locked.until)),
                Err(_) => {} // a known browser that guessed too often is treated as any other
                Ok(taken) => return Ok(Counted::Allowed(taken)),
            }
        }
        let keys = [(Scope::Account, account.as_str()), (Scope::Address, &address)];
        match self.take(guess.user, guess.address, &keys, now).await? {
            Ok(taken) => return Ok(Counted::Allowed(taken)),
            Err((Scope::Address, locked)) => return Ok(Counted::AddressLocked(locked.until)),
            Err(_) => {}
        }
        // A locked account looks like any other: its guesses use up the address's count all the same.
        match self.take(guess.user, guess.address, &[(Scope::Address, &address)], now).await? {
            Ok(_) => Ok(Counted::AccountLocked),
            Err((_, locked)) => Ok(Counted::AddressLocked(locked.until)),
        }
    }

    /// Counts a guess at a code of `user`, of an authenticator app or a recovery code, before it is judged:
    /// one counter an account, whatever the session, the browser or the address.
    pub async fn count_code(
        &self,
        user: UserId,
        address: Option<ClientAddress>,
        now: Wall,
    ) -> Result<CodeCounted, Error> {
        let taken = self.take(Some(user), address, &[(Scope::Code, &code_key(user))], now).await?;
        Ok(match taken {
            Ok(taken) => CodeCounted::Allowed(taken),
            Err((_, locked)) => CodeCounted::Locked(locked.until),
        })
    }

    /// Adds to `write` that it happens only while guesses at the password of `user` are not locked (for
    /// browsers that never signed in to the account): a step that touches nothing, and must find nothing.
    pub fn while_unlocked(&self, write: Write, user: UserId, now: Wall) -> Write {
        write.exec(&IF_LOCKED, values![account_key(Some(user), ""), now]).expect(Rows::None)
    }

    /// Counts a failure of somebody who named no account: their address's alone. Until when it may not
    /// fail again, if it failed too often.
    pub async fn count_failure(
        &self,
        address: Option<ClientAddress>,
        now: Wall,
    ) -> Result<Option<Wall>, Error> {
        let taken = self.take(None, address, &[(Scope::Address, &address_key(address))], now).await?;
        Ok(taken.err().map(|(_, locked)| locked.until))
    }

    /// Adds to `base` that a guess was right, and is given back. If others count at the same moment, the
    /// write does not happen, for one of these steps meets another state: begin again.
    pub async fn credit(&self, mut base: Write, taken: &Taken, now: Wall) -> Result<Write, Error> {
        for (scope, key) in &taken.keys {
            let stored = self.read(key).await?;
            if let Some(counter) = stored.counter {
                base = counted(base, key, counter.credit(*scope, now), stored);
            }
        }
        Ok(base)
    }

    /// Gives a guess back that was right, and opened nothing.
    pub async fn credit_alone(&self, taken: &Taken, now: Wall) -> Result<(), Error> {
        for _ in 0..TRIES {
            let write = self.credit(Write::unrecorded(COUNTING), taken, now).await?;
            if happened(self.store.write(write).await)? {
                return Ok(());
            }
        }
        Err(Error::unavailable("a counter of guesses was changed by others all the time"))
    }

    /// Clears the counts of failures of an account, at its password and its codes, so that its owner may try
    /// again at once; together with what `base` does.
    pub async fn unlock(&self, base: Write, user: UserId, actor: Actor, now: Wall) -> Result<(), WriteError> {
        let write = base
            .exec(&CLEAR, values![account_key(Some(user), ""), code_key(user)])
            .audit(Entry::new(Event::UserUnlocked, actor).about(user), now);
        self.store.write(write).await.map(|_| ())
    }

    /// Until when no unknown browser may guess at an account, if it is locked now.
    pub async fn locked_until(&self, user: UserId, now: Wall) -> Result<Option<Wall>, Error> {
        let stored = self.read(&account_key(Some(user), "")).await?;
        Ok(stored.counter.map(|counter| counter.locked_until).filter(|until| *until > now))
    }

    /// A new mark for a browser that has just signed in to `user`, and the write that remembers it,
    /// to go with the session's.
    pub fn remember_device(&self, base: Write, user: UserId, now: Wall) -> (Secret, Write) {
        let mark = Secret::random(43);
        let write = base.exec(&ADD_DEVICE, values![fingerprint(mark.reveal()), user.to_string(), now]);
        (mark, write)
    }

    /// Adds to `base` that `user` asked that the browser with the mark `device` be remembered, if it has signed
    /// in to that account.
    pub fn ask_to_remember(
        &self,
        base: Write,
        user: UserId,
        (device, user_agent): (&str, Option<&str>),
        now: Wall,
    ) -> Write {
        let id = Secret::random(22).reveal().to_owned();
        let user_agent = user_agent.map(text::user_agent);
        let entry = Entry::new(Event::DeviceRemembered, Actor::User(user))
            .about(user)
            .with("user_agent", user_agent.as_deref());
        base.exec(&ASK_TO_REMEMBER, values![fingerprint(device), user.to_string(), id, now, user_agent])
            .audit(entry, now)
    }

    /// Whether the browser with that mark, if it has one, has signed in to `user`.
    pub async fn is_known(&self, user: UserId, device: Option<&str>) -> Result<bool, Error> {
        let Some(device) = device else { return Ok(false) };
        let rows = self.store.get(&DEVICE, values![fingerprint(device), user.to_string()]).await?;
        Ok(!rows.is_empty())
    }

    /// Whether the browser with that mark has signed in to `user`, who asked that it be remembered.
    pub async fn is_remembered(&self, user: UserId, device: &str) -> Result<bool, Error> {
        let rows = self.store.get(&REMEMBERED, values![fingerprint(device), user.to_string()]).await?;
        Ok(!rows.is_empty())
    }

    /// Forgets counters that have been quiet for two days and browsers that signed in first half a year ago.
    pub async fn forget_old(&self, now: Wall) -> Result<(), WriteError> {
        let quiet = now.minus(Duration::from_hours(2 * 24));
        let write = Write::unrecorded(COUNTING)
            .exec(&FORGET, values![quiet])
            .exec(&FORGET_DEVICES, values![now.minus(DEVICE_LIFETIME)]);
        self.store.write(write).await.map(|_| ())
    }

    /// The key of the browser's own counter, if the browser has signed in to this very account.
    async fn known_device(&self, guess: &Guess<'_>) -> Result<Option<String>, Error> {
        let (Some(mark), Some(user)) = (guess.device, guess.user) else { return Ok(None) };
        let is_known = self.is_known(user, Some(mark)).await?;
        Ok(is_known.then(|| format!("device:{}", hexadecimal(&fingerprint(mark)))))
    }

    /// Takes one from each of these counters, or from none. Where that begins a lock, the record says so.
    async fn take(
        &self,
        user: Option<UserId>,
        address: Option<ClientAddress>,
        keys: &[(Scope, &str)],
        now: Wall,
    ) -> Result<Result<Taken, (Scope, Locked)>, Error> {
        'again: for _ in 0..TRIES {
            let mut write = Write::unrecorded(COUNTING);
            for (scope, key) in keys {
                let stored = self.read(key).await?;
                match Counter::take(stored.counter, *scope, now) {
                    Ok(counter) => {
                        write = counted(write, key, counter, stored);
                        if counter.locked_until > now {
                            let entry = lock_begins(user, address, *scope, counter.locked_until);
                            write = write.audit(entry, now);
                        }
                    }
                    Err(locked) => return Ok(Err((*scope, locked))),
                }
            }
            if !happened(self.store.write(write).await)? {
                continue 'again;
            }
            let keys = keys.iter().map(|(scope, key)| (*scope, (*key).to_owned())).collect();
            return Ok(Ok(Taken { keys }));
        }
        Err(Error::unavailable("a counter of guesses was changed by others all the time"))
    }

    async fn read(&self, key: &str) -> Result<Stored, Error> {
        let rows = self.store.get(&READ, values![key]).await?;
        match rows.first() {
            None => Ok(Stored { counter: None, version: 0 }),
            Some(row) => Ok(stored(row)?),
        }
    }
}

fn lock_begins(user: Option<UserId>, address: Option<ClientAddress>, scope: Scope, until: Wall) -> Entry {
    let what = match scope {
        Scope::Account => "account",
        Scope::Device => "device",
        Scope::Address => "address",
        Scope::Code => "code",
    };
    let entry = Entry::new(Event::SignInLocked, Actor::Visitor)
        .from(address)
        .with("locked", what)
        .with("until", until.rfc3339());
    match user {
        Some(user) => entry.about(user),
        None => entry,
    }
}

const COUNTING: &str = "counting is no decision of anybody; what follows from it is recorded";

fn stored(row: &Row) -> Result<Stored, StoreError> {
    let counter = Counter {
        failures: u32::try_from(row.integer(0)?).unwrap_or(u32::MAX),
        earlier: u32::try_from(row.integer(1)?).unwrap_or(u32::MAX),
        first_at: row.wall(2)?,
        last_at: row.wall(3)?,
        locked_until: row.wall(4)?,
    };
    Ok(Stored { counter: Some(counter), version: row.integer(5)? })
}

/// Adds the compare-and-set of one counter to a write.
fn counted(write: Write, key: &str, counter: Counter, was: Stored) -> Write {
    let mut values = values![
        key,
        i64::from(counter.failures),
        i64::from(counter.earlier),
        counter.first_at,
        counter.last_at,
        counter.locked_until,
    ];
    if was.version == 0 {
        write.exec(&ADD, values).expect(Rows::One)
    } else {
        values.push(was.version.into());
        write.exec(&SET, values).expect(Rows::One)
    }
}

/// Whether a compare-and-set happened; false if somebody else was first.
fn happened<T>(result: Result<T, WriteError>) -> Result<bool, Error> {
    match result {
        Ok(_) => Ok(true),
        Err(WriteError::Unexpected(_)) => Ok(false),
        Err(error) => Err(Error::unavailable(error.to_string())),
    }
}

/// One counter an account, by whichever of its names it was guessed at. Names of no account share 65,536
/// counters, so that they look the same; which name it was is not kept: people type passwords there, too.
fn account_key(user: Option<UserId>, login: &str) -> String {
    if let Some(user) = user {
        return format!("account:{user}");
    }
    let [first, second, ..] = fingerprint(&login.trim().to_lowercase());
    format!("nobody:{}", hexadecimal(&[first, second]))
}

fn code_key(user: UserId) -> String {
    format!("code:{user}")
}

fn address_key(address: Option<ClientAddress>) -> String {
    match address {
        Some(address) => format!("address:{}", address.bucket()),
        None => "address:unknown".to_owned(),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
