//! What is sent: a text, and what stands below it. Owns [`Message`], and [`shown`], by which text of
//! others becomes harmless.
//!
//! Promises: nothing that is sent can be forwarded, or fetches a preview of a link; a text is markup, so
//! that whoever writes one cannot forget to escape. Never: says what a tap means.

use maud::Markup;
use serde_json::{Value, json};

/// The most bytes of [`Data`].
const LONGEST_DATA: usize = 64;

/// A message: HTML as Telegram knows it (`b`, `i`, `a`, `code` and few more; a line ends with `\n`).
/// Written with `html!`, which escapes; what others named goes through [`shown`] before.
#[derive(Clone, Debug)]
pub struct Message {
    text: Markup,
    below: Below,
}

#[derive(Clone, Debug)]
enum Below {
    Nothing,
    Buttons(Vec<Vec<Button>>),
    /// The person's keyboard opens, to reply to this message.
    Reply,
}

/// A button under a message.
#[derive(Clone, Debug)]
pub struct Button {
    text: String,
    data: Data,
    style: Option<Style>,
}

/// How a button looks, on clients that know of it: nothing may depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Blue.
    Primary,
    /// Green.
    Success,
    /// Red.
    Danger,
}

/// What a tap brings back: 1 to 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data(String);

impl Message {
    /// `text` and nothing below it.
    pub fn new(text: Markup) -> Self {
        Self { text, below: Below::Nothing }
    }

    /// The same with rows of buttons.
    #[must_use]
    pub fn with_buttons(self, rows: Vec<Vec<Button>>) -> Self {
        Self { below: Below::Buttons(rows), ..self }
    }

    /// The same, and the person is asked to type a reply.
    #[must_use]
    pub fn asking_for_a_reply(self) -> Self {
        Self { below: Below::Reply, ..self }
    }

    /// The body of `sendMessage`.
    pub(super) fn to_chat(&self, chat: i64) -> Value {
        let mut body = self.body(chat);
        let Some(fields) = body.as_object_mut() else { return body };
        fields.insert("protect_content".to_owned(), json!(true));
        if matches!(self.below, Below::Reply) {
            fields.insert("reply_markup".to_owned(), json!({ "force_reply": true }));
        }
        body
    }

    /// The body of `editMessageText`. Without buttons it takes those away that were there.
    pub(super) fn in_place_of(&self, chat: i64, message_id: i64) -> Value {
        let mut body = self.body(chat);
        if let Some(fields) = body.as_object_mut() {
            fields.insert("message_id".to_owned(), json!(message_id));
        }
        body
    }

    fn body(&self, chat: i64) -> Value {
        let mut body = json!({
            "chat_id": chat,
            "text": self.text.0,
            "parse_mode": "HTML",
            "link_preview_options": { "is_disabled": true },
        });
        if let (Below::Buttons(rows), Some(fields)) = (&self.below, body.as_object_mut()) {
            let rows: Vec<Vec<Value>> =
                rows.iter().map(|row| row.iter().map(Button::written).collect()).collect();
            fields.insert("reply_markup".to_owned(), json!({ "inline_keyboard": rows }));
        }
        body
    }
}

impl Button {
    /// A button with `text` on it, that brings back `data`.
    pub fn new(text: impl Into<String>, data: Data) -> Self {
        Self { text: text.into(), data, style: None }
    }

    /// The same in another style.
    #[must_use]
    pub fn styled(self, style: Style) -> Self {
        Self { style: Some(style), ..self }
    }

    fn written(&self) -> Value {
        let mut button = json!({ "text": self.text, "callback_data": self.data.0 });
        if let (Some(style), Some(fields)) = (self.style, button.as_object_mut()) {
            fields.insert("style".to_owned(), json!(style.name()));
        }
        button
    }
}

impl Style {
    fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Success => "success",
            Self::Danger => "danger",
        }
    }
}

impl Data {
    /// `text`, if a button can carry it.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (1..=LONGEST_DATA).contains(&text.len()).then_some(Self(text))
    }
}

/// `text` of somebody else's as it may be shown: on one line, without characters that are not seen, turn
/// the direction of reading or steer a terminal, and at most `most` characters long, the last of them
/// `…` if more were there. Not escaped: that is for where it is put.
pub fn shown(text: &str, most: usize) -> String {
    let mut seen = text.chars().filter(|&character| !is_deceptive(character)).map(|character| {
        // Tabs and line ends are gone by now; what is left of white space is told apart by nobody.
        if character.is_whitespace() { ' ' } else { character }
    });
    let mut cut: String = seen.by_ref().take(most).collect();
    if seen.next().is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// Whether a character is not seen by itself, and changes how others are.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}
