//! A sign-in whose password was right, and that waits for a second factor.
//!
//! Promises: it belongs to whoever holds its secret, of which the store has the SHA-256; one of an account
//! is open at a time; it is decided once and opens one session, by compare-and-set; time alone ends it.
//! Never: judges a password, speaks to Telegram, opens a session itself.

mod decide;
mod open;
mod telling;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use decide::{Answer, Decided, Theirs};
pub use open::{Ask, NewChallenge, OpenError, Opened};
pub use telling::{Due, Untold};

use super::Proof;
use super::prompting::Mode;
use crate::audit::{Entry, Event, Recorded};
use crate::clock::{Clock, Wall};
use crate::identity::{Actor, ChallengeId, Method, SessionId, UserId};
use crate::secret::fingerprint;
use crate::store::{Row, Rows, Statement, Store, StoreError, Write, WriteError, values};

/// How long a sign-in waits.
pub const WAITS: Duration = Duration::from_mins(2);
/// How long an approval waits for the browser that asked for it.
pub const APPROVAL_WAITS: Duration = Duration::from_mins(1);
/// How long somebody may go on asking again for the same sign-in.
pub const LONGEST: Duration = Duration::from_mins(10);
/// After how long somebody may be asked again for the same sign-in.
pub const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// How long an end is remembered, so that its page can be told of it.
const KEPT: Duration = Duration::from_hours(24);
/// How often a long poll looks whether another process has decided.
const LOOK: Duration = Duration::from_secs(1);

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A browser, for a session.
    Browser,
    /// A script, for a token.
    Script,
}

impl Asker {
    fn name(self) -> &'static str {
        match self {
            Self::Browser => "web",
            Self::Script => "token",
        }
    }
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits.
    Pending,
    /// Somebody approved it on Telegram; its browser has yet to come for the session.
    Approved,
    /// It opened its session.
    Finished,
    /// Somebody said that it was not them.
    Denied,
    /// The wrong number was chosen.
    WrongNumber,
    /// Its time ran out.
    Expired,
    /// A newer one took its place.
    Superseded,
    /// Its browser gave up.
    Cancelled,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Pending,
        Self::Approved,
        Self::Finished,
        Self::Denied,
        Self::WrongNumber,
        Self::Expired,
        Self::Superseded,
        Self::Cancelled,
    ];

    /// As it stands in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Finished => "finished",
            Self::Denied => "denied",
            Self::WrongNumber => "wrong_number",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether a factor may still finish it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Approved)
    }
}

/// Whether somebody is asked on Telegram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Nobody is: none is linked, or it was asked too often.
    None,
    /// The message is under way.
    Due,
    /// The message is there.
    Sent,
    /// It could not be sent: `blocked`, `no_chat`, `unreachable`, ….
    Failed(String),
}

/// A sign-in that waits, or waited.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Its id.
    pub id: ChallengeId,
    /// Whose account.
    pub user: UserId,
    /// The account's epoch when its password was judged.
    pub epoch: i64,
    /// What waits.
    pub asker: Asker,
    /// The one app that a token is for.
    pub audience: Option<String>,
    /// What was shown already.
    pub methods: Vec<Method>,
    /// The session of its browser, which ends when this is finished.
    pub session: Option<SessionId>,
    /// Whether a factor is shown again in that session: it must still live then.
    pub step_up: bool,
    /// When the first was asked that this one took the place of.
    pub began_at: Wall,
    /// "Keep me signed in".
    pub keep: bool,
    /// Where its browser wants to go.
    pub return_to: Option<String>,
    /// Whether its browser has signed in to this account before.
    pub known: bool,
    /// From where it was asked for.
    pub address: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// How far it has come, at the moment it was read.
    pub state: State,
    /// When it began.
    pub created_at: Wall,
    /// When it ends, if nothing happens before.
    pub expires_at: Wall,
    /// When it was approved on Telegram.
    pub approved_at: Option<Wall>,
    /// When it came to its present state.
    pub decided_at: Option<Wall>,
    /// Whether somebody is asked on Telegram.
    pub prompt: Prompt,
    /// How.
    pub mode: Option<Mode>,
    /// The number its page shows.
    pub number: Option<u8>,
    /// The numbers its message offers, in their order.
    pub choices: Vec<u8>,
    /// Names it in the buttons of its message.
    pub tap: Option<String>,
}

impl Challenge {
    /// The factor that an approval on Telegram is, if this was approved.
    pub fn approval(&self) -> Option<Proof> {
        (self.state == State::Approved).then(|| Proof { method: Method::Telegram, write: Write::new() })
    }
}

/// Sign-ins that wait, in the store.
#[derive(Clone)]
pub struct Challenges {
    store: Store,
    /// Moves with whatever this process changes.
    moved: Arc<watch::Sender<u64>>,
}

static READ: Statement = Statement::new(
    "select id, account_id, epoch, purpose, audience, methods, session_id, keep, return_to, known, address, \
     user_agent, state, created_at, expires_at, approved_at, decided_at, prompt, failure, mode, number, choices, \
     tap, step_up, began_at from challenge where id = $1",
);
static BY_SECRET: Statement = Statement::new("select id from challenge where secret = $1");
static FINISH: Statement = Statement::new(
    "update challenge set state = 'finished', decided_at = $3, opened = $4, \
     told = case when message is null then 1 else 0 end \
     where id = $1 and state in ($2, 'approved') and expires_at > $3",
);
static CANCEL: Statement = Statement::new(
    "update challenge set state = 'cancelled', decided_at = $2, \
     told = case when message is null then 1 else 0 end \
     where id = $1 and state in ('pending', 'approved')",
);
static GIVE_WAY: Statement = Statement::new(
    "update challenge set state = 'superseded', decided_at = $2, \
     told = case when message is null then 1 else 0 end where id = $1 and state = 'pending'",
);
static FORGET: Statement = Statement::new("delete from challenge where created_at < $1");

impl Challenges {
    /// Those in `store`.
    pub fn new(store: Store) -> Self {
        Self { store, moved: Arc::new(watch::Sender::new(0)) }
    }

    /// The one whose browser or script holds `secret`.
    pub async fn by_secret(&self, secret: &str, now: Wall) -> Result<Option<Challenge>, StoreError> {
        self.found(&self.store.get(&BY_SECRET, values![fingerprint(secret)]).await?, now).await
    }

    /// The one whose id is in the first of `rows`.
    async fn found(&self, rows: &[Row], now: Wall) -> Result<Option<Challenge>, StoreError> {
        match rows.first() {
            Some(row) => self.by_id(row.parsed(0)?, now).await,
            None => Ok(None),
        }
    }

    async fn by_id(&self, id: ChallengeId, now: Wall) -> Result<Option<Challenge>, StoreError> {
        let rows = self.store.get(&READ, values![id.to_string()]).await?;
        rows.first().map(|row| challenge(row, now)).transpose()
    }

    /// The same, once it is pending no more or `patience` is over: for a page that waits.
    pub async fn settled(
        &self,
        secret: &str,
        clock: &Clock,
        patience: Duration,
    ) -> Result<Option<Challenge>, StoreError> {
        let mut moves = self.moved.subscribe();
        let until = clock.now().mono.plus(patience);
        loop {
            let now = clock.now();
            let found = self.by_secret(secret, now.wall).await?;
            let waits = found.as_ref().is_some_and(|challenge| {
                challenge.state == State::Pending && matches!(challenge.prompt, Prompt::Due | Prompt::Sent)
            });
            if !waits || now.mono >= until {
                return Ok(found);
            }
            tokio::select! {
                _moved = moves.changed() => {}
                () = clock.wait(LOOK) => {}
            }
        }
    }

    /// Moves whenever this process changes a challenge.
    pub fn moves(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Adds to `base` that `challenge` opens `session`: only once, and only while its time is not over. A tap
    /// that approved it meanwhile takes nothing away from another factor.
    pub fn finishing(base: Write, challenge: &Challenge, session: SessionId, now: Wall) -> Write {
        base.exec(
            &FINISH,
            values![challenge.id.to_string(), challenge.state.name(), now, session.to_string()],
        )
        .expect(Rows::One)
    }

    /// Adds to `base` that `challenge` gives way to another one, while it is pending.
    pub fn giving_way(base: Write, challenge: &Challenge, now: Wall) -> Write {
        base.exec(&GIVE_WAY, values![challenge.id.to_string(), now]).expect(Rows::One)
    }

    /// Its browser gives up.
    pub async fn cancel(&self, challenge: &Challenge, now: Wall) -> Result<(), WriteError> {
        let entry = Entry::new(Event::SignInDenied, Actor::User(challenge.user))
            .about(challenge.user)
            .with("by", "browser");
        let write = Write::new().exec(&CANCEL, values![challenge.id.to_string(), now]).expect(Rows::One);
        match self.store.write(write.audit(entry, now)).await {
            Ok(_) | Err(WriteError::Unexpected(_)) => {
                self.moved();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Tells those who wait that something has changed.
    pub fn moved(&self) {
        self.moved.send_modify(|moves| *moves = moves.wrapping_add(1));
    }

    /// Forgets what began a day ago.
    pub async fn forget_old(&self, now: Wall) -> Result<(), WriteError> {
        let write =
            Write::unrecorded("nothing anybody could still use").exec(&FORGET, values![now.minus(KEPT)]);
        self.store.write(write).await.map(|_| ())
    }
}

/// A row of [`READ`]. What ran out counts as expired, whether or not that was written yet.
fn challenge(row: &Row, now: Wall) -> Result<Challenge, StoreError> {
    let broken = |what: &str| StoreError::Broken(format!("a challenge has {what} that is none"));
    let text = |row: &Row, column| row.text(column).map(str::to_owned);
    let asker = match row.text(3)? {
        "web" => Asker::Browser,
        "token" => Asker::Script,
        _ => return Err(broken("a purpose")),
    };
    let methods = row
        .text(5)?
        .split('+')
        .filter(|name| !name.is_empty())
        .map(|name| Method::named(name).ok_or_else(|| broken("a method")))
        .collect::<Result<_, _>>()?;
    let state = State::named(row.text(12)?).ok_or_else(|| broken("a state"))?;
    let expires_at = row.wall(14)?;
    let prompt = match row.text(17)? {
        "none" => Prompt::None,
        "due" => Prompt::Due,
        "sent" => Prompt::Sent,
        _ => Prompt::Failed(row.optional(18, text)?.unwrap_or_default()),
    };
    let mode = row.optional(19, text)?;
    let number = |number: &str| number.parse::<u8>().map_err(|_| broken("a number"));
    Ok(Challenge {
        id: row.parsed(0)?,
        user: row.parsed(1)?,
        epoch: row.integer(2)?,
        asker,
        audience: row.optional(4, text)?,
        methods,
        session: row.optional(6, Row::parsed)?,
        step_up: row.bool(23)?,
        began_at: row.wall(24)?,
        keep: row.bool(7)?,
        return_to: row.optional(8, text)?,
        known: row.bool(9)?,
        address: row.optional(10, text)?,
        user_agent: row.optional(11, text)?,
        state: if state.is_open() && now >= expires_at { State::Expired } else { state },
        created_at: row.wall(13)?,
        expires_at,
        approved_at: row.optional(15, Row::wall)?,
        decided_at: row.optional(16, Row::wall)?,
        prompt,
        mode: mode.map(|name| Mode::named(&name).ok_or_else(|| broken("a mode"))).transpose()?,
        number: row.optional(20, Row::integer)?.and_then(|number| u8::try_from(number).ok()),
        choices: row
            .optional(21, text)?
            .iter()
            .flat_map(|choices| choices.split(',').filter(|choice| !choice.is_empty()))
            .map(number)
            .collect::<Result<_, _>>()?,
        tap: row.optional(22, text)?,
    })
}
