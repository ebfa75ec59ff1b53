//! What people do: an [`Update`], as it is asked for or delivered.
//!
//! Promises: whatever is not understood is [`What::Other`] as long as it has a number, so that it can be
//! acknowledged; names are fit to be shown. Never: believes a text, which is whatever somebody typed.

use serde::Deserialize;

use super::call::LARGEST;
use super::message::shown;

/// The most characters of a person's name that are kept.
pub(super) const LONGEST_NAME: usize = 64;

/// Something that happened, with a number by which it is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Its number; a later one has a higher.
    pub id: i64,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Somebody wrote.
    Message {
        /// Who.
        from: Person,
        /// Where.
        chat: i64,
        /// Whether nobody else reads there.
        is_private: bool,
        /// What they wrote, just as they did; empty for a picture and the like.
        text: String,
        /// The message that this replies to.
        reply_to: Option<i64>,
        /// This one.
        message_id: i64,
    },
    /// Somebody tapped a button.
    Tap {
        /// By which it is answered.
        query_id: String,
        /// Who.
        from: Person,
        /// Where the message stands; nothing if it is too old even for that.
        chat: Option<i64>,
        /// Whether nobody else reads there.
        is_private: bool,
        /// The message above the button.
        message_id: Option<i64>,
        /// Whether that message is still there to be edited.
        is_accessible: bool,
        /// What the button carries.
        data: String,
    },
    /// Somebody started or blocked the bot, or it was put into a group or out of it.
    Membership {
        /// Who did that.
        from: Person,
        /// Where.
        chat: i64,
        /// Whether nobody else reads there.
        is_private: bool,
        /// Whether the bot cannot write there any more.
        blocked: bool,
    },
    /// Anything else.
    Other,
}

/// Somebody on Telegram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// By which they are known.
    pub id: i64,
    /// Whether it is a program, or somebody who hides behind a group.
    pub is_bot: bool,
    /// What they call themselves, fit to be shown; proves nothing.
    pub name: String,
    /// The name after the `@`, if they have one.
    pub username: Option<String>,
}

impl Update {
    /// Reads one update, asked for or delivered; nothing if it has no number.
    pub fn read(text: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Numbered {
            update_id: i64,
        }
        if text.len() > LARGEST {
            return None;
        }
        let understood = serde_json::from_slice(text).ok().and_then(|written: Written| {
            let id = written.update_id;
            written.understood().map(|what| Self { id, what })
        });
        understood.or_else(|| {
            let Numbered { update_id } = serde_json::from_slice(text).ok()?;
            Some(Self { id: update_id, what: What::Other })
        })
    }
}

#[derive(Deserialize)]
struct Written {
    update_id: i64,
    message: Option<WrittenMessage>,
    callback_query: Option<WrittenTap>,
    my_chat_member: Option<WrittenMembership>,
}

#[derive(Deserialize)]
struct WrittenMessage {
    message_id: i64,
    from: Option<WrittenPerson>,
    chat: WrittenChat,
    #[serde(default)]
    text: String,
    reply_to_message: Option<Above>,
}

#[derive(Deserialize)]
struct Above {
    message_id: i64,
}

#[derive(Deserialize)]
struct WrittenTap {
    id: String,
    from: WrittenPerson,
    message: Option<TappedMessage>,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct TappedMessage {
    message_id: i64,
    /// 0 if it is not accessible any more.
    #[serde(default)]
    date: i64,
    chat: WrittenChat,
}

#[derive(Deserialize)]
struct WrittenMembership {
    from: WrittenPerson,
    chat: WrittenChat,
    new_chat_member: Member,
}

#[derive(Deserialize)]
struct Member {
    status: String,
}

#[derive(Deserialize)]
struct WrittenChat {
    id: i64,
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Deserialize)]
struct WrittenPerson {
    id: i64,
    #[serde(default)]
    is_bot: bool,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    username: Option<String>,
}

impl Written {
    fn understood(self) -> Option<What> {
        match self {
            Self { message: Some(message), .. } => Some(What::Message {
                // A channel's posts are nobody's.
                from: message.from?.person(),
                chat: message.chat.id,
                is_private: message.chat.is_private(),
                text: message.text,
                reply_to: message.reply_to_message.map(|above| above.message_id),
                message_id: message.message_id,
            }),
            Self { callback_query: Some(tap), .. } => {
                let message = tap.message.as_ref();
                Some(What::Tap {
                    from: tap.from.person(),
                    chat: message.map(|message| message.chat.id),
                    is_private: message.is_some_and(|message| message.chat.is_private()),
                    message_id: message.map(|message| message.message_id),
                    is_accessible: message.is_some_and(|message| message.date != 0),
                    query_id: tap.id,
                    data: tap.data,
                })
            }
            Self { my_chat_member: Some(membership), .. } => Some(What::Membership {
                from: membership.from.person(),
                chat: membership.chat.id,
                is_private: membership.chat.is_private(),
                blocked: matches!(membership.new_chat_member.status.as_str(), "kicked" | "left"),
            }),
            _ => None,
        }
    }
}

impl WrittenChat {
    fn is_private(&self) -> bool {
        self.kind == "private"
    }
}

impl WrittenPerson {
    fn person(self) -> Person {
        let name = format!("{} {}", self.first_name, self.last_name);
        Person {
            id: self.id,
            is_bot: self.is_bot,
            name: shown(name.trim(), LONGEST_NAME),
            username: self.username.map(|username| shown(&username, LONGEST_NAME)),
        }
    }
}
