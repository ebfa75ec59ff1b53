//! Somebody's phone: what they read in Telegram, and what they do there.

use serde_json::{Value, json};

use super::BotApi;
use super::world::{Posted, Standing, Toast, World};

/// The phone of one person. Its clones are one and the same.
#[derive(Clone)]
pub struct Phone {
    api: BotApi,
    person: i64,
}

impl Phone {
    pub(super) fn new(api: BotApi, person: i64) -> Self {
        Self { api, person }
    }

    /// Whose it is, which is also the id of their chat with the bot.
    pub fn id(&self) -> i64 {
        self.person
    }

    /// The chat with the bot, the oldest message first.
    pub fn messages(&self) -> Vec<Posted> {
        self.messages_in(self.person)
    }

    /// Any chat.
    pub fn messages_in(&self, chat: i64) -> Vec<Posted> {
        let world = self.api.0.world.lock();
        world.messages.iter().filter(|message| message.chat == chat).cloned().collect()
    }

    /// Waits for a message of the bot's in its chat that `is_it`, as it stands there now or later.
    pub async fn wait_for_message(&self, is_it: impl Fn(&Posted) -> bool) -> Posted {
        let of_bot = |message: &Posted| message.chat == self.person && message.from.is_none();
        let look =
            |world: &World| world.messages.iter().find(|message| of_bot(message) && is_it(message)).cloned();
        self.api.wait_for(look).await
    }

    /// Waits for the answer to a tap.
    pub async fn wait_for_toast(&self, query: &str) -> Toast {
        self.api.wait_for(|world| world.toasts.iter().find(|toast| toast.query == query).cloned()).await
    }

    /// Writes to the bot, and gives the message's id. Who had blocked it unblocks it by that.
    pub fn say(&self, text: &str) -> i64 {
        self.write(self.person, text, None)
    }

    /// Writes into any chat.
    pub fn say_in(&self, chat: i64, text: &str) -> i64 {
        self.write(chat, text, None)
    }

    /// Writes in reply to a message.
    pub fn reply(&self, to: &Posted, text: &str) -> i64 {
        self.write(to.chat, text, Some(to.id))
    }

    /// Taps a button, counted from the first row, on a message as it stood there when it was looked at.
    /// Gives the id by which the tap is answered; nothing if there is no such button, or it is a link.
    pub fn tap(&self, message: &Posted, button: usize) -> Option<String> {
        let data = message.buttons.iter().flatten().nth(button)?.data.clone()?;
        let now = self.api.0.clock.now().wall.seconds();
        Some(self.api.change(|world| {
            let query = format!("{}{:08}", self.person, world.next());
            let is_old = world.message(message.chat, message.id).is_none_or(|message| message.is_old);
            let above = world.written(&Posted { is_old, ..message.clone() }, now);
            let from = world.user(self.person);
            world.queries.insert(query.clone());
            world.tell(
                "callback_query",
                &json!({
                    "id": query, "from": from, "message": above, "chat_instance": message.chat.to_string(),
                    "data": data,
                }),
            );
            query
        }))
    }

    /// Taps the button that says this.
    pub fn tap_on(&self, message: &Posted, text: &str) -> Option<String> {
        let button = message.buttons.iter().flatten().position(|key| key.text == text)?;
        self.tap(message, button)
    }

    /// Blocks the bot.
    pub fn block(&self) {
        self.stand(Standing::Blocked);
    }

    /// Unblocks it.
    pub fn unblock(&self) {
        self.stand(Standing::Talking);
    }

    /// Leaves Telegram for good. Nobody is told.
    pub fn leave(&self) {
        self.api.change(|world| {
            if let Some(person) = world.people.get_mut(&self.person) {
                person.standing = Standing::Gone;
            }
        });
    }

    /// Time goes by until the bot cannot see that message any more.
    pub fn age(&self, message: &Posted) {
        self.api.change(|world| {
            if let Some(message) = world.message(message.chat, message.id) {
                message.is_old = true;
            }
        });
    }

    /// Takes a message out of the chat.
    pub fn delete(&self, message: &Posted) {
        self.api.change(|world| {
            world.messages.retain(|other| (other.chat, other.id) != (message.chat, message.id));
        });
    }

    fn write(&self, chat: i64, text: &str, reply_to: Option<i64>) -> i64 {
        if chat == self.person {
            self.stand(Standing::Talking);
        }
        let now = self.api.0.clock.now().wall.seconds();
        self.api.change(|world| {
            let message = Posted {
                chat,
                id: world.next(),
                from: Some(self.person),
                text: text.to_owned(),
                html: maud::html! { (text) }.into_string(),
                buttons: Vec::new(),
                asks_for_a_reply: false,
                is_protected: false,
                reply_to,
                edits: 0,
                is_old: false,
            };
            let id = message.id;
            world.tell("message", &world.written(&message, now));
            world.posted(message);
            id
        })
    }

    /// Changes how this person and the bot stand, and tells the bot.
    fn stand(&self, standing: Standing) {
        let now = self.api.0.clock.now().wall.seconds();
        self.api.change(|world| {
            let Some(person) = world.people.get_mut(&self.person) else { return };
            let was = std::mem::replace(&mut person.standing, standing);
            let is_told = matches!(
                (was, standing),
                (Standing::Talking, Standing::Blocked) | (Standing::Blocked, Standing::Talking)
            );
            if is_told {
                let bot = world.bot();
                let member = |standing| member(&bot, standing);
                let told = json!({
                    "chat": world.chat(self.person), "from": world.user(self.person), "date": now,
                    "old_chat_member": member(was), "new_chat_member": member(standing),
                });
                world.tell("my_chat_member", &told);
            }
        });
    }
}

/// The bot in somebody's chat.
fn member(bot: &Value, standing: Standing) -> Value {
    match standing {
        Standing::Blocked => json!({ "user": bot, "status": "kicked", "until_date": 0 }),
        Standing::Talking | Standing::Strangers | Standing::Gone => {
            json!({ "user": bot, "status": "member" })
        }
    }
}
