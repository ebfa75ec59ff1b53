//! What there is: people, groups, messages, and updates that nobody acknowledged yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Misbehaviour, Refusal};
use crate::secret::Secret;

/// How much of what happened is kept.
const KEPT: usize = 1024;

/// One call of the bot's.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// As it was written.
    pub method: String,
    /// Its parameters.
    pub parameters: Value,
}

/// A message in a chat, as it stands there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Where.
    pub chat: i64,
    /// Which one of that chat.
    pub id: i64,
    /// Who wrote it; nobody: the bot.
    pub from: Option<i64>,
    /// What is read, without markup.
    pub text: String,
    /// With it.
    pub html: String,
    /// Rows of buttons.
    pub buttons: Vec<Vec<Key>>,
    /// Whether the keyboard opens, to reply to it.
    pub asks_for_a_reply: bool,
    /// Whether it cannot be forwarded.
    pub is_protected: bool,
    /// The message that this replies to.
    pub reply_to: Option<i64>,
    /// How often it was edited.
    pub edits: usize,
    /// Whether it is too old to be seen by the bot.
    pub is_old: bool,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What stands on it.
    pub text: String,
    /// What a tap brings back; nothing for a link.
    pub data: Option<String>,
    /// Where a link leads.
    pub url: Option<String>,
    /// `primary`, `success` or `danger`.
    pub style: Option<String>,
}

/// How a tap was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// The tap.
    pub query: String,
    /// What is shown; nothing if it is empty.
    pub text: String,
    /// Whether it has to be closed.
    pub alert: bool,
}

/// Somebody.
pub(super) struct Somebody {
    pub(super) name: String,
    pub(super) standing: Standing,
}

/// How somebody and the bot stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Strangers,
    Talking,
    Blocked,
    /// The account is no more.
    Gone,
}

/// Where updates are delivered.
#[derive(Clone)]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) secret: Option<String>,
}

pub(super) struct World {
    pub(super) token: Secret,
    pub(super) username: String,
    pub(super) people: BTreeMap<i64, Somebody>,
    pub(super) groups: BTreeMap<i64, String>,
    pub(super) messages: VecDeque<Posted>,
    pub(super) updates: VecDeque<(i64, Value)>,
    /// Taps that wait for their answer.
    pub(super) queries: BTreeSet<String>,
    pub(super) toasts: VecDeque<Toast>,
    pub(super) calls: VecDeque<Call>,
    pub(super) commands: Vec<(String, String)>,
    pub(super) misbehaviours: Vec<(String, Misbehaviour)>,
    pub(super) webhook: Option<Webhook>,
    pub(super) delivered_to: Option<SocketAddr>,
    /// The kinds of updates that the bot wants; all if it never said.
    pub(super) wanted: Option<Vec<String>>,
    /// Which question for updates is the one that counts.
    pub(super) poll: u64,
    /// What took the place of the last one that did not.
    pub(super) replaced_by: &'static str,
    pub(super) closing: bool,
    last: i64,
}

impl World {
    pub(super) fn new(token: Secret, username: &str) -> Self {
        Self {
            token,
            username: username.to_owned(),
            people: BTreeMap::new(),
            groups: BTreeMap::new(),
            messages: VecDeque::new(),
            updates: VecDeque::new(),
            queries: BTreeSet::new(),
            toasts: VecDeque::new(),
            calls: VecDeque::new(),
            commands: Vec::new(),
            misbehaviours: Vec::new(),
            webhook: None,
            delivered_to: None,
            wanted: None,
            poll: 0,
            replaced_by: "",
            closing: false,
            last: 0,
        }
    }

    /// A number that was never given out: of a message, an update, a tap.
    pub(super) fn next(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    pub(super) fn meet(&mut self, id: i64, name: &str, talking: bool) {
        let standing = if talking { Standing::Talking } else { Standing::Strangers };
        self.people.insert(id, Somebody { name: name.to_owned(), standing });
    }

    pub(super) fn called(&mut self, method: &str, parameters: Value) {
        keep(&mut self.calls, Call { method: method.to_owned(), parameters });
    }

    pub(super) fn toasted(&mut self, toast: Toast) {
        keep(&mut self.toasts, toast);
    }

    pub(super) fn posted(&mut self, message: Posted) {
        keep(&mut self.messages, message);
    }

    /// How this call is to be answered, if not as it should be.
    pub(super) fn misbehaviour(&mut self, method: &str) -> Option<Misbehaviour> {
        let first = self.misbehaviours.iter().position(|(of, _)| of.eq_ignore_ascii_case(method))?;
        Some(self.misbehaviours.remove(first).1)
    }

    /// Tells the bot, if it wants to hear of that.
    pub(super) fn tell(&mut self, kind: &str, what: &Value) {
        if self.wanted.as_ref().is_none_or(|wanted| wanted.is_empty() || wanted.iter().any(|of| of == kind)) {
            let id = self.next();
            self.updates.push_back((id, json!({ "update_id": id, kind: what })));
        }
    }

    /// Forgets updates before `offset`; before zero it counts from the end.
    pub(super) fn acknowledge(&mut self, offset: i64) {
        if offset < 0 {
            let kept = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            while self.updates.len() > kept {
                self.updates.pop_front();
            }
        }
        self.updates.retain(|(id, _)| *id >= offset);
    }

    /// No question for updates counts any more that was asked before.
    pub(super) fn replace_poll(&mut self, by: &'static str) -> u64 {
        self.poll += 1;
        self.replaced_by = by;
        self.poll
    }

    pub(super) fn message(&mut self, chat: i64, id: i64) -> Option<&mut Posted> {
        self.messages.iter_mut().find(|message| (message.chat, message.id) == (chat, id))
    }

    /// Whether the bot may write there.
    pub(super) fn is_open(&self, chat: i64) -> Result<(), Refusal> {
        if self.groups.contains_key(&chat) {
            return Ok(());
        }
        match self.people.get(&chat).map(|person| person.standing) {
            Some(Standing::Talking) => Ok(()),
            Some(Standing::Blocked) => Err(Refusal::new(403, "Forbidden: bot was blocked by the user")),
            Some(Standing::Gone) => Err(Refusal::new(403, "Forbidden: user is deactivated")),
            Some(Standing::Strangers) | None => Err(Refusal::new(400, "Bad Request: chat not found")),
        }
    }

    /// The bot, as it is written.
    pub(super) fn bot(&self) -> Value {
        let id: i64 =
            self.token.reveal().split(':').next().and_then(|id| id.parse().ok()).unwrap_or_default();
        json!({ "id": id, "is_bot": true, "first_name": self.username, "username": self.username })
    }

    /// Somebody, as they are written.
    pub(super) fn user(&self, id: i64) -> Value {
        let name = self.people.get(&id).map_or("", |person| person.name.as_str());
        json!({ "id": id, "is_bot": false, "first_name": name, "language_code": "en" })
    }

    /// A chat, as it is written.
    pub(super) fn chat(&self, id: i64) -> Value {
        if let Some(title) = self.groups.get(&id) {
            return json!({ "id": id, "type": "group", "title": title });
        }
        let name = self.people.get(&id).map_or("", |person| person.name.as_str());
        json!({ "id": id, "type": "private", "first_name": name })
    }

    /// A message, as it is written; one that is too old is not more than its number.
    pub(super) fn written(&self, message: &Posted, date: i64) -> Value {
        let chat = self.chat(message.chat);
        if message.is_old {
            return json!({ "message_id": message.id, "chat": chat, "date": 0 });
        }
        let from = message.from.map_or_else(|| self.bot(), |person| self.user(person));
        let mut written = json!({
            "message_id": message.id, "from": from, "chat": chat, "date": date, "text": message.text,
        });
        if let (Some(above), Some(fields)) = (message.reply_to, written.as_object_mut()) {
            let above = json!({ "message_id": above, "chat": chat, "from": self.bot(), "date": date });
            fields.insert("reply_to_message".to_owned(), above);
        }
        written
    }
}

fn keep<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() == KEPT {
        all.pop_front();
    }
    all.push_back(one);
}
