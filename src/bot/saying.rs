//! Saying: a few hands that each take the next thing to be said, of a chat that none of the others speaks to.
//!
//! Promises: answers to taps and prompts come first, and two hands do nothing else; to one chat one thing is
//! said at a time; what could not be said is tried again later, but a prompt, whose page offers other ways.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::time::Duration;

use parking_lot::Mutex;

use super::outbox::{Reply, Toast};
use super::{Bot, notices, prompts, sent};
use crate::clock::{Mono, Now};
use crate::error::Error;
use crate::notices::{self as told, Due as Notice};
use crate::second_factor::challenge::{Due, Untold};
use crate::state::Way;
use crate::telegram::Failure;

/// How often it is looked whether another process has left something to say, or time has.
const LOOK: Duration = Duration::from_secs(1);
/// How long what is not urgent waits while Telegram is not reached.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest silence that Telegram may ask for before a prompt counts as not sent.
const PATIENCE: Duration = Duration::from_secs(5);
/// How old a prompt may be that waits for such a silence.
const YOUNG: Duration = Duration::from_secs(15);
/// How long a notice is tried.
const NEWS: Duration = Duration::from_hours(24);

/// What a hand takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// Answers to taps, and prompts.
    WhatIsUrgent,
    /// Those too.
    Everything,
}

/// One thing to be said.
enum Job {
    Toast(Toast),
    Prompt(Box<Due>),
    Outcome(Box<Untold>),
    Notice(Notice),
    Reply(Reply),
}

/// What the hands know of each other.
#[derive(Default)]
struct Hands {
    /// Held while one of them looks for something to say: what another has just said is then written down,
    /// or its chat is spoken to.
    looking: tokio::sync::Mutex<()>,
    chats: Mutex<Chats>,
}

#[derive(Default)]
struct Chats {
    spoken_to: HashSet<i64>,
    /// Until when nothing is said to them.
    silent: HashMap<i64, Mono>,
    /// Until when nothing is said that is not urgent.
    paused: Option<Mono>,
}

/// Says what is to be said.
pub(super) async fn say(bot: &Bot) -> Result<Infallible, Error> {
    let hands = Hands::default();
    tokio::select! {
        ended = work(bot, &hands, Takes::WhatIsUrgent) => ended,
        ended = work(bot, &hands, Takes::WhatIsUrgent) => ended,
        ended = work(bot, &hands, Takes::Everything) => ended,
        ended = work(bot, &hands, Takes::Everything) => ended,
        ended = work(bot, &hands, Takes::Everything) => ended,
        ended = work(bot, &hands, Takes::Everything) => ended,
    }
}

/// One hand.
async fn work(bot: &Bot, hands: &Hands, takes: Takes) -> Result<Infallible, Error> {
    let mut moves = bot.app.second_factor.challenges.moves();
    let mut woken = bot.outbox.woken();
    loop {
        while let Some(job) = hands.next(bot, takes).await? {
            let chat = job.chat();
            job.say(bot, hands).await?;
            if let Some(chat) = chat {
                hands.chats.lock().spoken_to.remove(&chat);
                // Another hand may have left something for this chat.
                bot.outbox.wake();
            }
        }
        tokio::select! {
            _moved = moves.changed() => {}
            _woken = woken.changed() => {}
            () = bot.app.clock.wait(LOOK) => {}
        }
    }
}

impl Hands {
    /// The next thing to be said; from then on its chat is spoken to.
    async fn next(&self, bot: &Bot, takes: Takes) -> Result<Option<Job>, Error> {
        if let Some(toast) = bot.outbox.next_toast() {
            return Ok(Some(Job::Toast(toast)));
        }
        let _looking = self.looking.lock().await;
        let now = bot.app.clock.now();
        let found = self.look(bot, takes, now).await?;
        if let Some(chat) = found.as_ref().and_then(Job::chat) {
            self.chats.lock().spoken_to.insert(chat);
        }
        Ok(found)
    }

    async fn look(&self, bot: &Bot, takes: Takes, now: Now) -> Result<Option<Job>, Error> {
        let challenges = &bot.app.second_factor.challenges;
        let is_free = |chat: i64| self.is_free(chat, now.mono);
        let due = challenges.due(now.wall).await?;
        if let Some(due) = due.into_iter().find(|due| is_free(due.chat)) {
            return Ok(Some(Job::Prompt(Box::new(due))));
        }
        if takes == Takes::WhatIsUrgent {
            return Ok(None);
        }
        challenges.expire(now.wall).await?;
        if !self.is_paused(now.mono) {
            let untold = challenges.untold(now.wall).await?;
            if let Some(untold) = untold.into_iter().find(|untold| is_free(untold.chat)) {
                return Ok(Some(Job::Outcome(Box::new(untold))));
            }
            let notices = told::due(&bot.app.store).await?;
            if let Some(notice) = notices.into_iter().find(|notice| is_free(notice.chat)) {
                return Ok(Some(Job::Notice(notice)));
            }
        }
        Ok(bot.outbox.next_reply(is_free).map(Job::Reply))
    }

    fn is_free(&self, chat: i64, now: Mono) -> bool {
        let chats = self.chats.lock();
        !chats.spoken_to.contains(&chat) && chats.silent.get(&chat).is_none_or(|until| now >= *until)
    }

    fn is_paused(&self, now: Mono) -> bool {
        self.chats.lock().paused.is_some_and(|until| now < until)
    }

    /// Nothing is said to `chat` for so long.
    fn silence(&self, chat: i64, span: Duration, now: Mono) {
        let silent = &mut self.chats.lock().silent;
        silent.retain(|_, until| now < *until);
        silent.insert(chat, now.plus(span));
    }

    /// Nothing is said for a while that is not urgent.
    fn pause(&self, now: Mono) {
        self.chats.lock().paused = Some(now.plus(PAUSE));
    }

    /// What a failure means for what can be said later: true if it is not to be tried again.
    fn is_final(&self, chat: i64, failure: &Failure, now: Mono) -> bool {
        match failure {
            Failure::Blocked | Failure::NoChat | Failure::Refused { .. } => true,
            Failure::TooMany(span) => {
                self.silence(chat, *span, now);
                false
            }
            Failure::Conflict(_) | Failure::Unauthorized | Failure::Unreachable(_) | Failure::Garbage(_) => {
                self.pause(now);
                false
            }
        }
    }
}

impl Job {
    /// The chat that it is for; an answer to a tap is for none.
    fn chat(&self) -> Option<i64> {
        match self {
            Self::Toast(_) => None,
            Self::Prompt(due) => Some(due.chat),
            Self::Outcome(untold) => Some(untold.chat),
            Self::Notice(notice) => Some(notice.chat),
            Self::Reply(reply) => Some(reply.chat),
        }
    }

    async fn say(self, bot: &Bot, hands: &Hands) -> Result<(), Error> {
        match self {
            Self::Toast(toast) => {
                let answered = bot.line.api.answer(&toast.query, toast.text, toast.alert).await;
                bot.noted(&answered);
                Ok(())
            }
            Self::Prompt(due) => prompt(bot, hands, &due).await,
            Self::Outcome(untold) => outcome(bot, hands, &untold).await,
            Self::Notice(due) => notice(bot, hands, due).await,
            Self::Reply(reply) => {
                let Reply { chat, instead_of, message } = reply;
                let said = match instead_of {
                    Some(before) => bot.line.api.edit(chat, before, &message).await,
                    None => bot.line.api.send(chat, &message).await.map(|_| ()),
                };
                bot.noted(&said);
                Ok(())
            }
        }
    }
}

impl Bot {
    /// Notes how it went over the line. That one person cannot be written to is no trouble of the line.
    fn noted<T>(&self, outcome: &Result<T, Failure>) {
        match outcome {
            Ok(_) | Err(Failure::Blocked | Failure::NoChat) => self.line.fared(Way::Saying, Ok(())),
            Err(failure) => self.line.fared(Way::Saying, Err(failure)),
        }
    }
}

/// Sends a prompt. If it cannot be sent now, the page is told, and offers other ways.
async fn prompt(bot: &Bot, hands: &Hands, due: &Due) -> Result<(), Error> {
    let challenges = &bot.app.second_factor.challenges;
    let (id, user) = (due.challenge.id, due.challenge.user);
    let Some(message) = prompts::prompt(due) else {
        return Ok(challenges.not_sent(id, "nothing").await?);
    };
    let said = bot.line.api.send(due.chat, &message).await;
    bot.noted(&said);
    let now = bot.app.clock.now();
    let why = match said {
        Ok(message) => return Ok(challenges.sent(id, (due.chat, message)).await?),
        Err(Failure::TooMany(span))
            if span <= PATIENCE && due.challenge.created_at.until(now.wall) < YOUNG =>
        {
            hands.silence(due.chat, span, now.mono);
            return Ok(());
        }
        Err(Failure::Blocked) => "blocked",
        Err(Failure::NoChat) => "no_chat",
        Err(Failure::TooMany(_)) => "too_many",
        Err(Failure::Unauthorized) => "unauthorized",
        Err(
            Failure::Unreachable(_) | Failure::Garbage(_) | Failure::Conflict(_) | Failure::Refused { .. },
        ) => "unreachable",
    };
    if matches!(why, "blocked" | "no_chat") {
        challenges.broken(user, why, now.wall).await?;
    }
    Ok(challenges.not_sent(id, why).await?)
}

/// Puts into a message what became of its sign-in.
async fn outcome(bot: &Bot, hands: &Hands, untold: &Untold) -> Result<(), Error> {
    let message = sent::outcome(&bot.app.current.load(), untold);
    let said = match bot.line.api.edit(untold.chat, untold.message, &message).await {
        // It is too old to be changed: a new one says it.
        Err(Failure::Refused { .. }) => bot.line.api.send(untold.chat, &message).await.map(|_| ()),
        other => other,
    };
    bot.noted(&said);
    let now = bot.app.clock.now();
    if said.as_ref().err().is_none_or(|failure| hands.is_final(untold.chat, failure, now.mono)) {
        bot.app.second_factor.challenges.told(untold.challenge.id, untold.challenge.state).await?;
    }
    Ok(())
}

async fn notice(bot: &Bot, hands: &Hands, due: Notice) -> Result<(), Error> {
    let now = bot.app.clock.now();
    if now.wall > due.at.plus(NEWS) {
        return Ok(told::delivered(&bot.app.store, due.id, false).await?);
    }
    let said = match notices::message(&bot.app.current.load(), &due) {
        Some(message) => bot.line.api.send(due.chat, &message).await.map(|_| ()),
        None => return Ok(told::delivered(&bot.app.store, due.id, due.notice.is_some()).await?),
    };
    bot.noted(&said);
    let is_there = said.is_ok();
    if said.err().is_none_or(|failure| hands.is_final(due.chat, &failure, now.mono)) {
        told::delivered(&bot.app.store, due.id, is_there).await?;
    }
    Ok(())
}
