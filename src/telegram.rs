//! The Telegram Bot API. Owns the conversation with it: messages with buttons, what people send and tap,
//! and where it is delivered.
//!
//! Promises: the bot's token is in no error, no log and no `Debug`; a call takes at most eight seconds
//! and an answer at most 1 MiB, whatever is at the other end; one update that cannot be read spoils no
//! other; nothing a stranger wrote comes out of here with characters that steer or deceive.
//! Never: knows accounts or sign-ins, decides who may approve what, follows a redirect, asks a proxy.

mod call;
mod failure;
mod message;
mod options;
#[cfg(test)]
mod tests;
mod update;

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::error::Fault;
use crate::secret::Secret;

use call::{Calls, Repeat};

pub use failure::Failure;
pub use message::{Button, Data, Message, Style, shown};
pub use options::{Options, Receive};
pub use update::{Person, Update, What};

/// The longest that the Bot API lets a question for updates wait.
pub const LONGEST_POLL: Duration = Duration::from_secs(50);
/// The longest toast (`answerCallbackQuery`), in characters.
const LONGEST_TOAST: usize = 200;
/// What we want to hear of. `my_chat_member` tells at once that somebody blocked the bot.
const HEARD: [&str; 3] = ["message", "callback_query", "my_chat_member"];

/// The Bot API, as one bot asks it.
pub struct Telegram {
    calls: Calls,
}

/// Who the bot is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bot {
    /// Its id, the first part of its token.
    pub id: i64,
    /// Its name after the `@`.
    pub username: String,
}

#[derive(Deserialize)]
struct Sent {
    message_id: i64,
}

impl Telegram {
    /// Asks nobody yet; reads the machine's certificates of authorities, and cannot work without them.
    pub fn new(options: Options) -> Result<Self, Fault> {
        Calls::new(options).map(|calls| Self { calls })
    }

    /// Who we are there.
    pub async fn me(&self) -> Result<Bot, Failure> {
        #[derive(Deserialize)]
        struct Me {
            id: i64,
            username: String,
        }
        let me: Me = self.calls.call("getMe", &json!({}), Repeat::Always).await?;
        Ok(Bot { id: me.id, username: shown(&me.username, update::LONGEST_NAME) })
    }

    /// Sends `message` to `chat`, and gives its id there. Only what surely was not sent is tried again.
    pub async fn send(&self, chat: i64, message: &Message) -> Result<i64, Failure> {
        let sent: Sent = self.calls.call("sendMessage", &message.to_chat(chat), Repeat::IfUndone).await?;
        Ok(sent.message_id)
    }

    /// Puts `message` in the place of one that was sent. Done, too, if it stands there already, or if
    /// that one is gone.
    pub async fn edit(&self, chat: i64, message_id: i64, message: &Message) -> Result<(), Failure> {
        let body = message.in_place_of(chat, message_id);
        unless(
            self.calls.done("editMessageText", &body).await,
            &["Bad Request: message is not modified", "Bad Request: message to edit not found"],
        )
    }

    /// Answers a tap, with a short text on the phone (an `alert` has to be closed). Done, too, if nobody
    /// waits for it any more.
    pub async fn answer(&self, query_id: &str, text: &str, alert: bool) -> Result<(), Failure> {
        let text = shown(text, LONGEST_TOAST);
        let body = json!({ "callback_query_id": query_id, "text": text, "show_alert": alert });
        unless(self.calls.done("answerCallbackQuery", &body).await, &["Bad Request: query is too old"])
    }

    /// What came since the update `after`; that one and those before it are forgotten there. Waits up to
    /// `wait` (at most [`LONGEST_POLL`]) for something to come.
    pub async fn updates(&self, after: Option<i64>, wait: Duration) -> Result<Vec<Update>, Failure> {
        let wait = wait.min(LONGEST_POLL);
        let offset = after.map(|after| after.saturating_add(1));
        let body = json!({ "offset": offset, "timeout": wait.as_secs(), "allowed_updates": HEARD });
        let updates: Vec<Box<serde_json::value::RawValue>> =
            self.calls.within(wait, "getUpdates", &body, Repeat::Never).await?;
        Ok(updates.iter().filter_map(|update| Update::read(update.get().as_bytes())).collect())
    }

    /// Has updates delivered to `url`, each with `secret` in `X-Telegram-Bot-Api-Secret-Token`.
    pub async fn set_webhook(&self, url: &str, secret: &Secret) -> Result<(), Failure> {
        let body = json!({ "url": url, "secret_token": secret.reveal(), "allowed_updates": HEARD,
            // One after the other, in their order.
            "max_connections": 1 });
        self.calls.done("setWebhook", &body).await
    }

    /// Has updates kept until they are asked for. None of them is lost.
    pub async fn delete_webhook(&self) -> Result<(), Failure> {
        self.calls.done("deleteWebhook", &json!({})).await
    }

    /// Names the commands that the bot offers, each with what it does.
    pub async fn set_commands(&self, commands: &[(&str, &str)]) -> Result<(), Failure> {
        let commands: Vec<_> = commands
            .iter()
            .map(|(command, description)| json!({ "command": command, "description": description }))
            .collect();
        self.calls.done("setMyCommands", &json!({ "commands": commands })).await
    }
}

/// `outcome`, but for refusals that mean that there is nothing left to do.
fn unless(outcome: Result<(), Failure>, done: &[&str]) -> Result<(), Failure> {
    match outcome {
        Err(Failure::Refused { code: 400, text }) if done.iter().any(|start| text.starts_with(start)) => {
            Ok(())
        }
        outcome => outcome,
    }
}
