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
    trouble: Mutex<Option<String>>,
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
                let why = failure.to_string();
                if state.told.again(TOLD_AGAIN, self.clock.now().mono) {
                    tracing::warn!(event = "telegram.failed", ?way, reason = why, hint = failure.hint());
                }
                *trouble = Some(why);
            }
        }
    }

    /// What is wrong with it now, in words for an operator.
    pub fn trouble(&self) -> Option<String> {
        [&self.hearing, &self.saying].iter().find_map(|state| state.trouble.lock().clone())
    }

    fn state(&self, way: Way) -> &State {
        match way {
            Way::Hearing => &self.hearing,
            Way::Saying => &self.saying,
        }
    }
}
