//! What somebody answers on Telegram. Owns who may answer, and that the first answer counts.

use super::super::prompting::Mode;
use super::open::set_prompting;
use super::{APPROVAL_WAITS, Challenge, Challenges, State};
use crate::audit::{Entry, Event, Recorded};
use crate::clock::Wall;
use crate::error::Error;
use crate::identity::{Actor, SessionId, UserId};
use crate::notices::{Notice, Noticed};
use crate::store::{Row, Rows, Statement, StoreError, Write, WriteError, values};

/// What somebody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The button of that number among the choices, from 0.
    Picked(usize),
    /// This text.
    Typed(&'a str),
    /// The button "approve".
    Approved,
    /// The button "this isn't me".
    NotMe,
}

/// What came of an answer.
#[derive(Clone, Debug)]
pub enum Decided {
    /// It came to this state by this very answer.
    Now(Challenge),
    /// It had come to another end before.
    Before(Challenge),
    /// Whoever answered is not whom was asked.
    WrongPerson,
    /// Nothing waits under that name, or not for such an answer.
    Nothing,
}

/// Whose a challenge is.
#[derive(Clone, Debug)]
pub enum Theirs {
    /// It is theirs, and opened this session.
    Yes(Box<Challenge>, Option<SessionId>),
    /// It is somebody else's.
    WrongPerson,
    /// Nothing is known under that name (any more).
    Nothing,
}

static BY_TAP: Statement = Statement::new("select id from challenge where tap = $1");
static BY_MESSAGE: Statement = Statement::new(
    "select id from challenge where chat = $1 and message = $2 order by created_at desc limit 1",
);
static ASKED: Statement =
    Statement::new("select 1 from telegram_link where account_id = $1 and person = $2 and chat = $3");
static TYPED: Statement = Statement::new(
    "select challenge.id from challenge join telegram_link on telegram_link.account_id = challenge.account_id \
     where challenge.state = 'pending' and challenge.expires_at > $3 and challenge.mode = 'type' \
     and challenge.prompt = 'sent' and challenge.chat = $2 \
     and telegram_link.person = $1 and telegram_link.chat = $2 order by challenge.created_at limit 20",
);
static GOES_ON: Statement = Statement::new(
    "update challenge set opened = $3 where state = 'finished' and account_id = $1 and opened = $2",
);
static OPENED: Statement = Statement::new("select opened from challenge where id = $1");
static DECIDE: Statement = Statement::new(
    "update challenge set state = $2, decided_at = $3, approved_at = $4, expires_at = $5, told = false \
     where id = $1 and state = 'pending' and expires_at > $3 and exists \
     (select 1 from telegram_link where telegram_link.account_id = challenge.account_id \
     and telegram_link.person = $6 and telegram_link.chat = $7)",
);

/// How often an answer is tried again while others change what is known of the account's prompts.
const TRIES: usize = 64;

impl Challenges {
    /// The one that a button's `tap` names.
    pub async fn by_tap(&self, tap: &str, now: Wall) -> Result<Option<Challenge>, StoreError> {
        self.found(&self.store.get(&BY_TAP, values![tap]).await?, now).await
    }

    /// The one whose prompt is that message.
    pub async fn by_message(
        &self,
        (chat, message): (i64, i64),
        now: Wall,
    ) -> Result<Option<Challenge>, StoreError> {
        self.found(&self.store.get(&BY_MESSAGE, values![chat, message]).await?, now).await
    }

    /// Those that wait for `person` to type a number in `chat`, oldest first.
    pub async fn typed(&self, (person, chat): (i64, i64), now: Wall) -> Result<Vec<Challenge>, StoreError> {
        let rows = self.store.get(&TYPED, values![person, chat, now]).await?;
        let mut typed = Vec::new();
        for row in &rows {
            typed.extend(self.by_id(row.parsed(0)?, now).await?);
        }
        Ok(typed)
    }

    /// The challenge that `tap` names and the session it opened, for `person` in `chat`, if it is they who
    /// answer for its account now. That somebody else tried is recorded.
    pub async fn theirs(&self, tap: &str, (person, chat): (i64, i64), now: Wall) -> Result<Theirs, Error> {
        let Some(asked) = self.by_tap(tap, now).await? else { return Ok(Theirs::Nothing) };
        if self.store.get(&ASKED, values![asked.user.to_string(), person, chat]).await?.is_empty() {
            let entry = Entry::new(Event::WrongPerson, Actor::Visitor).about(asked.user);
            self.store.write(Write::new().audit(entry.with("person", person), now)).await?;
            return Ok(Theirs::WrongPerson);
        }
        let rows = self.store.get(&OPENED, values![asked.id.to_string()]).await?;
        let opened = rows.first().map_or(Ok(None), |row| row.optional(0, Row::parsed))?;
        Ok(Theirs::Yes(Box::new(asked), opened))
    }

    /// Adds to `base` that the session `before` of `user` goes on as `after`, so that its message ends that one.
    pub fn going_on(base: Write, user: UserId, before: SessionId, after: SessionId) -> Write {
        base.exec(&GOES_ON, values![user.to_string(), before.to_string(), after.to_string()])
    }

    /// Takes the answer of `person` in the private `chat` with them to the challenge that `tap` names.
    pub async fn answer(
        &self,
        tap: &str,
        (person, chat): (i64, i64),
        answer: Answer<'_>,
        now: Wall,
    ) -> Result<Decided, Error> {
        for _ in 0..TRIES {
            let asked = match self.theirs(tap, (person, chat), now).await? {
                Theirs::Yes(asked, _opened) => *asked,
                Theirs::WrongPerson => return Ok(Decided::WrongPerson),
                Theirs::Nothing => return Ok(Decided::Nothing),
            };
            if asked.state != State::Pending {
                return Ok(Decided::Before(asked));
            }
            let Some(state) = judged(&asked, answer) else { return Ok(Decided::Nothing) };
            match self.store.write(self.deciding(&asked, state, (person, chat), now).await?).await {
                Ok(_) => {
                    self.moved();
                    let approved_at = (state == State::Approved).then_some(now);
                    return Ok(Decided::Now(Challenge {
                        state,
                        approved_at,
                        decided_at: Some(now),
                        ..asked
                    }));
                }
                // Somebody else was faster, here or at another prompt: look again.
                Err(WriteError::Unexpected(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::unavailable("what is known of an account's prompts was changed by others all the time"))
    }

    async fn deciding(
        &self,
        asked: &Challenge,
        state: State,
        (person, chat): (i64, i64),
        now: Wall,
    ) -> Result<Write, Error> {
        let (prompting, version) = self.prompting(asked.user).await?;
        let approved = state == State::Approved;
        let next = if approved { prompting.approved() } else { prompting.stopped(now) };
        let event = match state {
            State::Approved => Event::SignInApproved,
            State::WrongNumber => Event::WrongNumber,
            _ => Event::SignInDenied,
        };
        let entry = Entry::new(event, Actor::User(asked.user)).about(asked.user).with("by", "telegram");
        let write = Write::new()
            .exec(
                &DECIDE,
                values![
                    asked.id.to_string(),
                    state.name(),
                    now,
                    approved.then_some(now),
                    if approved { now.plus(APPROVAL_WAITS) } else { asked.expires_at },
                    person,
                    chat,
                ],
            )
            .expect(Rows::One);
        let write = set_prompting(write, asked.user, next, version).audit(entry, now);
        Ok(if approved { write } else { write.notice(asked.user, &Notice::SignInStopped, now) })
    }
}

/// The state that an answer brings about; none, if it is no answer to what was asked.
fn judged(asked: &Challenge, answer: Answer<'_>) -> Option<State> {
    let number = asked.number?;
    let by = |right: bool| Some(if right { State::Approved } else { State::WrongNumber });
    match (asked.mode?, answer) {
        (_, Answer::NotMe) => Some(State::Denied),
        (Mode::Pick, Answer::Picked(place)) => by(*asked.choices.get(place)? == number),
        (Mode::Type, Answer::Typed(text)) => by(text.trim() == number.to_string()),
        (Mode::Plain, Answer::Approved) => Some(State::Approved),
        (Mode::Pick | Mode::Type | Mode::Plain, _) => None,
    }
}
