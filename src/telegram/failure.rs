//! Why a call did not do what it was to do. Owns [`Failure`] and its words for the log. Never holds the
//! bot's token.

use std::fmt;
use std::time::Duration;

/// Why there is no answer, or not the one that was hoped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// That person cannot be written to: they blocked the bot, never started it, or left Telegram.
    Blocked,
    /// There is no such chat, or the bot was never in it.
    NoChat,
    /// Too much was asked; not again before so long.
    TooMany(Duration),
    /// Another program hears this bot's updates, or they are delivered elsewhere. In Telegram's words.
    Conflict(String),
    /// The token is not, or no longer, that of a bot.
    Unauthorized,
    /// Any other refusal.
    Refused {
        /// `error_code`.
        code: u16,
        /// `description`.
        text: String,
    },
    /// Nobody answered in time, or only to say that something is broken there.
    Unreachable(String),
    /// What answered is not the Bot API.
    Garbage(String),
}

impl Failure {
    /// What an operator can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Blocked => "the person unblocks the bot in Telegram and presses Start",
            Self::NoChat => {
                "the person opens the bot in Telegram and presses Start, or links their account anew"
            }
            Self::TooMany(_) => "it goes on by itself",
            Self::Conflict(_) => {
                "one bot belongs to one Aegis: stop the other program, or make a bot of its own with @BotFather"
            }
            Self::Unauthorized => "`telegram.token` is that of @BotFather; after /revoke it is another one",
            Self::Refused { .. } => "this is worth a report",
            Self::Unreachable(_) => {
                "can this machine reach `telegram.api_url`? Where Telegram is blocked, that can be a Bot API \
                 server of your own"
            }
            Self::Garbage(_) => {
                "is `telegram.api_url` that of a Bot API server, with no sign-in page before it?"
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked => formatter.write_str("Telegram does not let the bot write to this person"),
            Self::NoChat => formatter.write_str("Telegram knows no such chat of the bot's"),
            Self::TooMany(wait) => {
                write!(formatter, "Telegram wants to be left alone for {} s", wait.as_secs())
            }
            Self::Conflict(text) => write!(formatter, "another program uses the bot's token: {text}"),
            Self::Unauthorized => formatter.write_str("Telegram does not know the bot's token"),
            Self::Refused { code, text } => write!(formatter, "Telegram refuses: {code} {text}"),
            Self::Unreachable(why) => write!(formatter, "Telegram cannot be reached: {why}"),
            Self::Garbage(why) => write!(formatter, "what answers is not the Bot API: {why}"),
        }
    }
}

impl std::error::Error for Failure {}
