//! The line to Telegram: the client, who the bot is, and how it fares. Never knows accounts.

use std::sync::OnceLock;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{Clock, Seldom};
use crate::error::Fault;
use crate::telegram::{Bot, Failure, Options, Receive, Telegram};

/// How often the log may hear of trouble.
const TOLD_AGAIN: Duration = Duration::from_mins(10);

/// Telegram, as this house reaches it.
pub struct Line {
    /// The Bot API.
    pub api: Telegram,
    /// How updates come.
    pub receive: Receive,
    clock: Clock,
    bot: OnceLock<Bot>,
    hearing: State,
    saying: State,
}

/// One of the two ways over the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// What people write and tap.
    Hearing,
    /// What is sent to them.
    Saying,
}

#[derive(Default)]
struct State {
    trouble: Mutex<Option<&'static str>>,
    told: Seldom,
}

impl Line {
    /// Nobody is asked yet.
    pub(super) fn new(options: Options, clock: Clock) -> Result<Self, Fault> {
        Ok(Self {
            receive: options.receive.clone(),
            api: Telegram::new(options)?,
            clock,
            bot: OnceLock::new(),
            hearing: State::default(),
            saying: State::default(),
        })
    }

    /// Who the bot is, once Telegram has said so.
    pub fn bot(&self) -> Option<&Bot> {
        self.bot.get()
    }

    /// Telegram says that this is the bot.
    pub fn is(&self, bot: Bot) {
        let _known = self.bot.set(bot);
    }

    /// How it went. The log hears of it when it begins, now and then while it lasts, and when it is over.
    pub fn fared(&self, way: Way, outcome: Result<(), &Failure>) {
        let state = self.state(way);
        let mut trouble = state.trouble.lock();
        match outcome {
            Ok(()) => {
                if trouble.take().is_some() {
                    tracing::info!(event = "telegram.back", ?way);
                }
            }
            Err(failure) => {
                // Once for each kind of trouble, and then now and then.
                let word = in_a_word(failure);
                let is_news = trouble.replace(word) != Some(word);
                if state.told.again(TOLD_AGAIN, self.clock.now().mono) || is_news {
                    tracing::warn!(event = "telegram.failed", ?way, reason = %failure, hint = failure.hint());
                }
            }
        }
    }

    /// What is wrong with it now, in words that anybody may read.
    pub fn trouble(&self) -> Option<&'static str> {
        [&self.hearing, &self.saying].iter().find_map(|state| *state.trouble.lock())
    }

    fn state(&self, way: Way) -> &State {
        match way {
            Way::Hearing => &self.hearing,
            Way::Saying => &self.saying,
        }
    }
}

fn in_a_word(failure: &Failure) -> &'static str {
    match failure {
        Failure::Unreachable(_) | Failure::Garbage(_) => "not reached",
        Failure::Unauthorized => "the bot's token is refused",
        Failure::Conflict(_) => "another program hears the bot",
        Failure::TooMany(_) => "asked too often",
        Failure::Blocked | Failure::NoChat | Failure::Refused { .. } => "refused",
    }
}
