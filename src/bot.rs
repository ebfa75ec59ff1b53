//! The bot on Telegram: what it says, and what it makes of what people write and tap.
//!
//! Promises: an answer counts only of the person who is linked, in their private chat, and is decided by
//! the store, once; a prompt, a message that must say what became of it, and a notice are sent until they
//! are there or never will be, whatever was restarted; nobody's slow phone holds up another's prompt.
//! Never: changes a password or a factor on a word from Telegram, or tells a stranger anything of anybody.

mod commands;
mod hearing;
mod limits;
mod notices;
mod outbox;
mod prompts;
mod saying;
mod sent;
mod taps;
mod webhook;

use std::convert::Infallible;
use std::sync::Arc;

use crate::clock::Wall;
use crate::error::Error;
use crate::state::{App, Line};
use crate::telegram::{Update, What};

use limits::Limits;
use outbox::Outbox;

/// The bot of this house.
pub struct Bot {
    app: Arc<App>,
    line: Arc<Line>,
    outbox: Outbox,
    limits: Limits,
    /// Held while an update is acted upon that was delivered.
    one_at_a_time: tokio::sync::Mutex<()>,
}

/// Who writes or taps, where nobody else reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Private {
    person: i64,
    chat: i64,
}

impl Private {
    fn pair(self) -> (i64, i64) {
        (self.person, self.chat)
    }
}

impl Bot {
    /// The bot, where there is a line to Telegram.
    pub fn new(app: &Arc<App>) -> Option<Arc<Self>> {
        let line = app.telegram.clone()?;
        Some(Arc::new(Self {
            app: app.clone(),
            line,
            outbox: Outbox::default(),
            limits: Limits::default(),
            one_at_a_time: tokio::sync::Mutex::new(()),
        }))
    }

    /// Hears what people write and tap, as long as the store answers.
    pub async fn hear(&self) -> Result<Infallible, Error> {
        hearing::hear(self).await
    }

    /// Says what is to be said, as long as the store answers.
    pub async fn say(&self) -> Result<Infallible, Error> {
        saying::say(self).await
    }

    /// Acts upon one update. What is to be sent because of it waits in the outbox.
    async fn act(&self, update: Update, now: Wall) -> Result<(), Error> {
        match update.what {
            What::Message { from, chat, is_private, text, reply_to, .. } if !from.is_bot => {
                // A private chat has the id of its person.
                if is_private && chat == from.id {
                    let who = Private { person: from.id, chat };
                    commands::written(self, who, &from, (&text, reply_to), now).await
                } else {
                    commands::written_in_a_group(self, chat, &text);
                    Ok(())
                }
            }
            What::Tap { query_id, from, chat, is_private, message_id, data, .. } if !from.is_bot => {
                // Elsewhere than in a private chat nobody is linked, so that is nobody's.
                let chat = chat.filter(|chat| is_private && *chat == from.id).unwrap_or_default();
                let tap = taps::Tap {
                    who: Private { person: from.id, chat },
                    query: query_id,
                    message: message_id,
                    data: &data,
                };
                taps::tapped(self, tap, now).await
            }
            What::Membership { from, chat, is_private: true, blocked } if chat == from.id => {
                self.membership(Private { person: from.id, chat }, blocked, now).await
            }
            What::Message { .. } | What::Tap { .. } | What::Membership { .. } | What::Other => Ok(()),
        }
    }

    async fn membership(&self, who: Private, blocked: bool, now: Wall) -> Result<(), Error> {
        let factors = &self.app.second_factor;
        let linked = factors.telegram.by_person(who.pair()).await?;
        if blocked {
            for one in linked.iter().filter(|one| !one.is_broken) {
                factors.challenges.broken(one.user, "blocked", now).await?;
            }
        } else if linked.iter().any(|one| one.is_broken) {
            factors.telegram.mended(who.pair()).await?;
        }
        Ok(())
    }
}
