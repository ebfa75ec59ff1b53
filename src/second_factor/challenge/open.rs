//! A sign-in begins to wait. Owns who takes whose place, and whether somebody is asked on Telegram.

use super::super::prompting::{Mode, Pause, Prompting};
use super::{Asker, Challenge, Challenges, WAITS};
use crate::audit::{Entry, Event, Recorded};
use crate::clock::Wall;
use crate::error::Error;
use crate::identity::{Actor, ChallengeId, Method, SessionId, UserId};
use crate::place::ClientAddress;
use crate::secret::{Secret, fingerprint, random_bytes};
use crate::store::{Row, Rows, Statement, StoreError, Write, WriteError, values};
use crate::text;

/// A sign-in that is to wait.
#[derive(Clone, Copy, Debug)]
pub struct NewChallenge<'a> {
    /// Whose account.
    pub user: UserId,
    /// The account's epoch when it was judged.
    pub epoch: i64,
    /// What waits.
    pub asker: Asker,
    /// The one app that a token is for.
    pub audience: Option<&'a str>,
    /// What was shown already.
    pub methods: &'a [Method],
    /// The session of its browser, which ends when this is finished.
    pub session: Option<SessionId>,
    /// Whether somebody shows a factor again in that session: it must still live then.
    pub step_up: bool,
    /// When the first was asked that this one takes the place of.
    pub began_at: Wall,
    /// "Keep me signed in".
    pub keep: bool,
    /// Where its browser wants to go.
    pub return_to: Option<&'a str>,
    /// Whether its browser has signed in to this account before.
    pub known: bool,
    /// From where.
    pub address: Option<ClientAddress>,
    /// With what, as the browser says.
    pub user_agent: Option<&'a str>,
    /// Whether and how to ask on Telegram.
    pub ask: Option<Ask>,
}

/// Whom to ask on Telegram, and how.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// As the settings say.
    pub wanted: Mode,
    /// Whether the account administers Aegis.
    pub is_administrator: bool,
    /// Whether the browser is one that is remembered.
    pub is_remembered: bool,
}

/// A sign-in that waits now.
#[derive(Debug)]
pub struct Opened {
    /// What its browser or script holds.
    pub secret: Secret,
    /// The sign-in.
    pub challenge: Challenge,
}

/// Why a sign-in does not wait.
#[derive(Debug)]
pub enum OpenError {
    /// One from a browser that is known waits already, and this one's is not known.
    AnotherWaits,
    /// Others changed what was read meanwhile: begin again.
    Again,
    /// What was to happen before it met another state, in the step of that index.
    Base(usize),
    /// The account was disabled or changed since it was judged.
    Changed,
    /// The store could not be read or written.
    Store(Error),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

static EXPIRE: Statement = Statement::new(
    "update challenge set state = 'expired', decided_at = $2, told = case when message is null then 1 else 0 end \
     where account_id = $1 and state in ('pending', 'approved') and expires_at <= $2",
);
static SUPERSEDE: Statement = Statement::new(
    "update challenge set state = 'superseded', decided_at = $2, \
     told = case when message is null then 1 else 0 end \
     where account_id = $1 and state in ('pending', 'approved') and (known = false or $3)",
);
static ADD: Statement = Statement::new(
    "insert into challenge (id, secret, account_id, epoch, purpose, audience, methods, session_id, keep, \
     return_to, known, address, user_agent, state, created_at, expires_at, prompt, mode, number, choices, tap, told, \
     step_up, began_at) \
     select $1, $2, account.id, account.epoch, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'pending', $14, $15, $16, \
     $17, $18, $19, $20, true, $21, $22 from account \
     where account.id = $3 and account.epoch = $4 and account.active = true and account.deleted_at is null",
);
static PROMPTING: Statement = Statement::new(
    "select prompts, last_at, paused_until, pauses, careful_until, version from prompting where account_id = $1",
);
static ADD_PROMPTING: Statement = Statement::new(
    "insert into prompting (account_id, prompts, last_at, paused_until, pauses, careful_until, version) \
     values ($1, $2, $3, $4, $5, $6, 1) on conflict (account_id) do nothing",
);
static SET_PROMPTING: Statement = Statement::new(
    "update prompting set prompts = $2, last_at = $3, paused_until = $4, pauses = $5, careful_until = $6, \
     version = version + 1 where account_id = $1 and version = $7",
);
static ASK_AGAIN: Statement = Statement::new(
    "update prompting set prompts = 0, paused_until = 0, pauses = 0, version = version + 1 where account_id = $1",
);

/// What a prompt says, and what its page shows.
struct Asking {
    mode: Mode,
    number: u8,
    choices: Vec<u8>,
    tap: String,
}

impl Challenges {
    /// Lets a sign-in wait. What `base` holds happens before it, and with it or not at all. One of the same
    /// account that waits already is superseded.
    pub async fn open(&self, base: Write, new: NewChallenge<'_>, now: Wall) -> Result<Opened, OpenError> {
        let (id, secret) = (ChallengeId::new(), Secret::random(43));
        let account = new.user.to_string();
        let before = base.steps.len();
        let mut write = base;
        let mut asking = None;
        if let Some(ask) = new.ask {
            let (prompting, version) = self.prompting(new.user).await?;
            if let Ok(next) = prompting.ask(now) {
                let mode = prompting.mode(ask.wanted, ask.is_administrator, ask.is_remembered, now);
                write = set_prompting(write, new.user, next, version);
                asking = Some(Asking::new(mode));
            }
        }
        let counted = write.steps.len();
        let methods: Vec<&str> = new.methods.iter().map(|method| method.name()).collect();
        let expires_at = now.plus(WAITS);
        let entry = Entry::new(Event::FactorDue, Actor::User(new.user))
            .about(new.user)
            .from(new.address)
            .with("asked_on_telegram", asking.is_some());
        let write = write
            .exec(&EXPIRE, values![account.clone(), now])
            .exec(&SUPERSEDE, values![account.clone(), now, new.known])
            .exec(
                &ADD,
                values![
                    id.to_string(),
                    fingerprint(secret.reveal()),
                    account,
                    new.epoch,
                    new.asker.name(),
                    new.audience,
                    methods.join("+"),
                    new.session.map(|session| session.to_string()),
                    new.keep,
                    new.return_to,
                    new.known,
                    new.address.map(|address| address.to_string()),
                    new.user_agent.map(text::user_agent),
                    now,
                    expires_at,
                    if asking.is_some() { "due" } else { "none" },
                    asking.as_ref().map(|asking| asking.mode.name()),
                    asking.as_ref().map(|asking| i64::from(asking.number)),
                    asking.as_ref().map(Asking::written),
                    asking.as_ref().map(|asking| asking.tap.as_str()),
                    new.step_up,
                    new.began_at,
                ],
            )
            .expect(Rows::One)
            .audit(entry, now);
        match self.store.write(write).await {
            Ok(_) => {}
            Err(WriteError::Unexpected(step)) if step < before => return Err(OpenError::Base(step)),
            Err(WriteError::Unexpected(step)) if step < counted => return Err(OpenError::Again),
            Err(WriteError::Unexpected(_)) => return Err(OpenError::Changed),
            Err(WriteError::Taken(step)) if step >= counted => return Err(OpenError::AnotherWaits),
            Err(error) => return Err(OpenError::Store(error.into())),
        }
        self.moved();
        let gone = || OpenError::Store(Error::internal("a challenge is not there that was just written"));
        let challenge = self.by_id(id, now).await?.ok_or_else(gone)?;
        Ok(Opened { secret, challenge })
    }

    /// Until when, and why, `user` is not asked on Telegram, if they are not now.
    pub async fn pause(&self, user: UserId, now: Wall) -> Result<Option<Pause>, StoreError> {
        let (prompting, _) = self.prompting(user).await?;
        Ok(prompting.pause(now))
    }

    /// Adds to `base` that `user` is asked on Telegram again, whatever became of the prompts before. After a
    /// denial the number is still typed.
    pub fn asking_again(base: Write, user: UserId) -> Write {
        base.exec(&ASK_AGAIN, values![user.to_string()])
    }

    /// What is known of the prompts of `user`, and the version that compare-and-set needs.
    pub(super) async fn prompting(&self, user: UserId) -> Result<(Prompting, i64), StoreError> {
        let rows = self.store.get(&PROMPTING, values![user.to_string()]).await?;
        rows.first().map_or(Ok((Prompting::NEW, 0)), prompting)
    }
}

fn prompting(row: &Row) -> Result<(Prompting, i64), StoreError> {
    let prompting = Prompting {
        prompts: u32::try_from(row.integer(0)?).unwrap_or(u32::MAX),
        last_at: row.wall(1)?,
        paused_until: row.wall(2)?,
        pauses: u32::try_from(row.integer(3)?).unwrap_or(u32::MAX),
        careful_until: row.wall(4)?,
    };
    Ok((prompting, row.integer(5)?))
}

/// Adds the compare-and-set of what is known of the prompts of `user`.
pub(super) fn set_prompting(write: Write, user: UserId, next: Prompting, version: i64) -> Write {
    let mut values = values![
        user.to_string(),
        i64::from(next.prompts),
        next.last_at,
        next.paused_until,
        i64::from(next.pauses),
        next.careful_until,
    ];
    if version == 0 {
        write.exec(&ADD_PROMPTING, values).expect(Rows::One)
    } else {
        values.push(version.into());
        write.exec(&SET_PROMPTING, values).expect(Rows::One)
    }
}

impl Asking {
    fn new(mode: Mode) -> Self {
        let mut numbers: Vec<u8> = Vec::with_capacity(4);
        while numbers.len() < 4 {
            let drawn = two_digits();
            if !numbers.contains(&drawn) {
                numbers.push(drawn);
            }
        }
        // Drawn without regard to their order: any place is as good as another.
        let place = usize::from(random_bytes::<1>()[0] % 4);
        let number = numbers.get(place).copied().unwrap_or_default();
        let choices = if mode == Mode::Pick { numbers } else { Vec::new() };
        Self { mode, number, choices, tap: Secret::random(22).reveal().to_owned() }
    }

    fn written(&self) -> String {
        let numbers: Vec<String> = self.choices.iter().map(u8::to_string).collect();
        numbers.join(",")
    }
}

/// 10 to 99, each as likely as another.
fn two_digits() -> u8 {
    loop {
        let [drawn] = random_bytes::<1>();
        if drawn < 180 {
            return 10 + drawn % 90;
        }
    }
}
