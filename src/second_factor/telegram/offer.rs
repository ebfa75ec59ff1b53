//! A link that is under way: begun in a browser, answered in Telegram, confirmed in that browser.
//!
//! Promises: of an account one is under way at a time, for ten minutes; the first who answers counts; it is
//! confirmed once, in the session that began it, and only as the person whom its page showed. So a code that
//! was overheard, or sent to somebody, links nobody by itself.

use std::time::Duration;

use uuid::Uuid;
use zeroize::Zeroizing;

use super::super::{Proof, base32};
use super::TelegramLinks;
use crate::clock::Wall;
use crate::identity::{Method, SessionId, UserId};
use crate::notices::{Notice, Noticed as _};
use crate::secret::{Secret, fingerprint, random_bytes};
use crate::store::{Row, Rows, Statement, StoreError, Write, WriteError, values};

/// How long a link may be under way.
pub const OFFER_LIFE: Duration = Duration::from_mins(10);
/// How long what is over is kept.
const KEPT: Duration = Duration::from_hours(24);
/// The letters of a short code.
const LETTERS: usize = 8;
/// The most characters of a name that are kept.
const LONGEST_NAME: usize = 100;

/// What somebody takes from the browser to Telegram: either will do.
#[derive(Debug)]
pub struct OfferCodes {
    /// For `https://t.me/BOT?start=…`: 43 characters of base64url.
    pub payload: Secret,
    /// To be typed, as in `/link 7F3K-92QD`.
    pub short: Secret,
}

/// Who answered in Telegram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answerer {
    /// Telegram's id of the person.
    pub person: i64,
    /// What they call themselves there: decoration.
    pub name: String,
}

/// How far a link has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferState {
    /// Who answered, if anybody did yet.
    pub answerer: Option<Answerer>,
    /// Until when it can be confirmed.
    pub expires_at: Wall,
}

static END: Statement =
    Statement::new("update telegram_offer set ended_at = $2 where account_id = $1 and ended_at is null");
static ADD: Statement = Statement::new(
    "insert into telegram_offer (id, code, short, account_id, session_id, created_at, expires_at) \
     values ($1, $2, $3, $4, $5, $6, $7)",
);
static BY_CODE: Statement = Statement::new(
    "select person, chat from telegram_offer where (code = $1 or short = $1) and ended_at is null and expires_at > $2",
);
static ANSWER: Statement = Statement::new(
    "update telegram_offer set person = $3, chat = $4, name = $5 \
     where (code = $1 or short = $1) and ended_at is null and expires_at > $2 and person is null",
);
static OPEN: Statement = Statement::new(
    "select person, name, expires_at, id, chat from telegram_offer where account_id = $1 and session_id = $2 \
     and ended_at is null and expires_at > $3 order by created_at desc limit 1",
);
static CONFIRM: Statement = Statement::new(
    "update telegram_offer set ended_at = $3 \
     where id = $1 and person = $2 and ended_at is null and expires_at > $3",
);
static LINK: Statement = Statement::new(
    "insert into telegram_link (account_id, person, chat, name, created_at) values ($1, $2, $3, $4, $5) \
     on conflict (account_id) do nothing",
);
static RELINK: Statement = Statement::new(
    "update telegram_link set person = $2, chat = $3, name = $4, created_at = $5, broken = null, broken_at = null \
     where account_id = $1 and person = $6 and chat = $7",
);
static REFUSE: Statement = Statement::new(
    "update telegram_offer set ended_at = $3 where account_id = $1 and session_id = $2 and ended_at is null",
);
static FORGET: Statement = Statement::new("delete from telegram_offer where expires_at < $1");

const NOTHING_YET: &str = "a link is nothing until it is confirmed, and that is recorded";

impl TelegramLinks {
    /// Begins a link for `user`, in this session. One that was under way for them is over.
    pub async fn offer(&self, user: UserId, session: SessionId, now: Wall) -> Result<OfferCodes, WriteError> {
        let payload = Secret::random(43);
        let letters = base32::encode(&[random_bytes::<5>()], base32::UNAMBIGUOUS);
        let short = base32::grouped(&Secret::new(letters.reveal().to_ascii_uppercase()), '-');
        let write = Write::unrecorded(NOTHING_YET).exec(&END, values![user.to_string(), now]).exec(
            &ADD,
            values![
                Uuid::now_v7().to_string(),
                fingerprint(payload.reveal()),
                fingerprint(letters.reveal()),
                user.to_string(),
                session.to_string(),
                now,
                now.plus(OFFER_LIFE),
            ],
        );
        self.store.write(write).await?;
        Ok(OfferCodes { payload, short })
    }

    /// Notes that `person` showed a code, long or short, in their private `chat`: true if it is one that can
    /// still be confirmed, and they are the first (or it is they again).
    pub async fn answered(
        &self,
        code: &str,
        (person, chat): (i64, i64),
        name: &str,
        now: Wall,
    ) -> Result<bool, WriteError> {
        let code = stored(code);
        let broken = |error: StoreError| WriteError::Unavailable(error.to_string());
        // Looked for first, so that guesses cost no write.
        let rows = self.store.get(&BY_CODE, values![code, now]).await.map_err(broken)?;
        let Some(row) = rows.first() else { return Ok(false) };
        if let Some(first) = row.optional(0, Row::integer).map_err(broken)? {
            return Ok(first == person && row.integer(1).map_err(broken)? == chat);
        }
        let name: String = name.chars().take(LONGEST_NAME).collect();
        let write = Write::unrecorded(NOTHING_YET)
            .exec(&ANSWER, values![code, now, person, chat, name])
            .expect(Rows::One);
        match self.store.write(write).await {
            Ok(_) => Ok(true),
            Err(WriteError::Unexpected(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How far the link has come that was begun for `user` in this session, if one is under way.
    pub async fn offer_of(
        &self,
        user: UserId,
        session: SessionId,
        now: Wall,
    ) -> Result<Option<OfferState>, StoreError> {
        let rows = self.store.get(&OPEN, values![user.to_string(), session.to_string(), now]).await?;
        rows.first()
            .map(|row| Ok(OfferState { answerer: answerer(row)?, expires_at: row.wall(2)? }))
            .transpose()
    }

    /// Adds to `base` that `person`, whom the page showed as who answered, answers for `user` from then on;
    /// nothing, if that cannot be confirmed (any more). Whoever did before is told, and so is the new one.
    pub async fn confirm(
        &self,
        base: Write,
        (user, session): (UserId, SessionId),
        person: i64,
        now: Wall,
    ) -> Result<Option<Proof>, StoreError> {
        let rows = self.store.get(&OPEN, values![user.to_string(), session.to_string(), now]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let Some(new) = answerer(row)?.filter(|new| new.person == person) else { return Ok(None) };
        let (id, chat) = (row.text(3)?, row.integer(4)?);
        let before = self.of(user).await?;
        let mut write = base.exec(&CONFIRM, values![id, person, now]).expect(Rows::One);
        let link = values![user.to_string(), person, chat, new.name.as_str(), now];
        write = match before {
            None => write.exec(&LINK, link).expect(Rows::One),
            Some(before) => {
                if (before.person, before.chat) != (person, chat) {
                    write = write.notice(user, &Notice::FactorRemoved(Method::Telegram, before.name), now);
                }
                let mut relink = link;
                relink.extend(values![before.person, before.chat]);
                write.exec(&RELINK, relink).expect(Rows::One)
            }
        };
        let write = write.notice(user, &Notice::FactorAdded(Method::Telegram, new.name), now);
        Ok(Some(Proof { method: Method::Telegram, write }))
    }

    /// Whoever answered is not whom `user` wants: the link that is under way in this session is over.
    pub async fn refuse(&self, user: UserId, session: SessionId, now: Wall) -> Result<(), WriteError> {
        let write =
            Write::unrecorded(NOTHING_YET).exec(&REFUSE, values![user.to_string(), session.to_string(), now]);
        self.store.write(write).await.map(|_| ())
    }

    /// Forgets links that were under way a day ago.
    pub async fn forget_old(&self, now: Wall) -> Result<(), WriteError> {
        let write =
            Write::unrecorded("nothing anybody could still use").exec(&FORGET, values![now.minus(KEPT)]);
        self.store.write(write).await.map(|_| ())
    }
}

fn answerer(row: &Row) -> Result<Option<Answerer>, StoreError> {
    let Some(person) = row.optional(0, Row::integer)? else { return Ok(None) };
    let name = row.optional(1, Row::text)?.unwrap_or_default().to_owned();
    Ok(Some(Answerer { person, name }))
}

/// What the store keeps of a code. A short one may be typed in any way that people type.
fn stored(code: &str) -> [u8; 32] {
    let short: Zeroizing<String> = Zeroizing::new(
        code.chars()
            .filter(|c| !c.is_whitespace() && *c != '-' && !('\u{2010}'..='\u{2015}').contains(c))
            .map(|c| match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                other => other,
            })
            .take(LETTERS + 1)
            .collect(),
    );
    if short.len() == LETTERS { fingerprint(&short) } else { fingerprint(code.trim()) }
}
