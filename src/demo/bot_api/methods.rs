//! The methods, and what each refuses.

use std::time::Duration;

use serde_json::{Value, json};

use super::parameters::Parameters;
use super::world::{Key, Posted, Toast, Webhook, World};
use super::{BotApi, Outcome, Refusal, wording};

/// The longest wait for updates, in seconds.
const LONGEST_POLL: i64 = 50;
const TOO_OLD: &str = "Bad Request: query is too old and response timeout expired or query ID is invalid";
const NOT_MODIFIED: &str = "Bad Request: message is not modified: specified new message content and reply \
    markup are exactly the same as a current content and reply markup of the message";
const OTHER_POLL: &str =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
const WEBHOOK_SET: &str = "Conflict: terminated by setWebhook request";
const WEBHOOK_ACTIVE: &str = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook \
    to delete the webhook first";

impl BotApi {
    /// Does what is called, and says what came of it.
    pub(super) async fn call(&self, method: &str, given: &Parameters) -> Outcome {
        let now = self.0.clock.now().wall.seconds();
        // Methods are found in any case, there too.
        match method.to_ascii_lowercase().as_str() {
            "getme" => Ok(self.0.world.lock().bot()),
            "sendmessage" => self.change(|world| send(world, given, now)),
            "editmessagetext" => self.change(|world| edit(world, given, now)),
            "answercallbackquery" => self.change(|world| answer(world, given)),
            "setwebhook" => self.change(|world| set_webhook(world, given)),
            "deletewebhook" => self.change(|world| {
                world.webhook = None;
                if given.flag("drop_pending_updates") {
                    world.updates.clear();
                }
                Ok(json!(true))
            }),
            "setmycommands" => self.change(|world| set_commands(world, given)),
            "getupdates" => self.updates(given).await,
            _ => Err(Refusal::new(404, "Not Found")),
        }
    }

    async fn updates(&self, given: &Parameters) -> Outcome {
        let mine = self.change(|world| {
            if world.webhook.is_some() {
                return Err(Refusal::new(409, WEBHOOK_ACTIVE));
            }
            if let Some(wanted) = given.get("allowed_updates") {
                world.wanted = Some(texts(wanted));
            }
            world.acknowledge(given.number("offset").unwrap_or_default());
            Ok(world.replace_poll(OTHER_POLL))
        })?;
        let limit = usize::try_from(given.number("limit").unwrap_or(100).clamp(1, 100)).unwrap_or(100);
        let wait = u64::try_from(given.number("timeout").unwrap_or_default().clamp(0, LONGEST_POLL));
        let over = self.0.clock.wait(Duration::from_secs(wait.unwrap_or_default()));
        let came = self.wait_for(|world| {
            if world.poll != mine {
                return Some(Err(Refusal::new(409, world.replaced_by)));
            }
            let due: Vec<Value> =
                world.updates.iter().take(limit).map(|(_, update)| update.clone()).collect();
            (!due.is_empty() || world.closing).then_some(Ok(Value::Array(due)))
        });
        tokio::select! {
            biased;
            came = came => came,
            () = over => Ok(json!([])),
        }
    }
}

fn send(world: &mut World, given: &Parameters, now: i64) -> Outcome {
    let chat = chat(given)?;
    world.is_open(chat)?;
    let (html, text) = text(given)?;
    let message = Posted {
        chat,
        id: world.next(),
        from: None,
        text,
        html,
        buttons: buttons(given)?,
        asks_for_a_reply: markup(given, "force_reply").is_some(),
        is_protected: given.flag("protect_content"),
        reply_to: None,
        edits: 0,
        is_old: false,
    };
    let written = world.written(&message, now);
    world.posted(message);
    Ok(written)
}

fn edit(world: &mut World, given: &Parameters, now: i64) -> Outcome {
    let chat = chat(given)?;
    world.is_open(chat)?;
    let (html, text) = text(given)?;
    let buttons = buttons(given)?;
    let id = given.number("message_id").unwrap_or_default();
    let message = world
        .message(chat, id)
        .filter(|message| message.from.is_none())
        .ok_or_else(|| Refusal::new(400, "Bad Request: message to edit not found"))?;
    if message.is_old {
        return Err(Refusal::new(400, "Bad Request: message can't be edited"));
    }
    if message.html == html && message.buttons == buttons {
        return Err(Refusal::new(400, NOT_MODIFIED));
    }
    message.html = html;
    message.text = text;
    message.buttons = buttons;
    message.edits += 1;
    let message = message.clone();
    Ok(world.written(&message, now))
}

fn answer(world: &mut World, given: &Parameters) -> Outcome {
    let text = given.text("text");
    if text.chars().count() > 200 {
        return Err(Refusal::new(400, "Bad Request: MESSAGE_TOO_LONG"));
    }
    let query = given.text("callback_query_id");
    if !world.queries.remove(query) {
        return Err(Refusal::new(400, TOO_OLD));
    }
    let (query, text) = (query.to_owned(), text.to_owned());
    world.toasted(Toast { query, text, alert: given.flag("show_alert") });
    Ok(json!(true))
}

fn set_webhook(world: &mut World, given: &Parameters) -> Outcome {
    let secret = given.text("secret_token");
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !secret.bytes().all(is_allowed) {
        return Err(Refusal::new(400, "Bad Request: secret token contains unallowed characters"));
    }
    if secret.len() > 256 {
        return Err(Refusal::new(400, "Bad Request: secret token is too long"));
    }
    let url = given.text("url");
    if !url.is_empty() && reqwest::Url::parse(url).is_err() {
        return Err(Refusal::new(400, "Bad Request: invalid webhook URL specified"));
    }
    if let Some(wanted) = given.get("allowed_updates") {
        world.wanted = Some(texts(wanted));
    }
    world.webhook = (!url.is_empty())
        .then(|| Webhook { url: url.to_owned(), secret: (!secret.is_empty()).then(|| secret.to_owned()) });
    world.replace_poll(WEBHOOK_SET);
    Ok(json!(true))
}

fn set_commands(world: &mut World, given: &Parameters) -> Outcome {
    let commands = given.get("commands").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut known = Vec::new();
    for command in &commands {
        let [name, description] = ["command", "description"].map(|field| {
            command.get(field).and_then(Value::as_str).unwrap_or_default().trim_start_matches('/')
        });
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=32).contains(&name.len()) || !name.bytes().all(is_allowed) {
            return Err(Refusal::new(400, "Bad Request: BOT_COMMAND_INVALID"));
        }
        if !(1..=256).contains(&description.chars().count()) {
            return Err(Refusal::new(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID"));
        }
        known.push((name.to_owned(), description.to_owned()));
    }
    world.commands = known;
    Ok(json!(true))
}

fn chat(given: &Parameters) -> Result<i64, Refusal> {
    given.number("chat_id").ok_or_else(|| Refusal::new(400, "Bad Request: chat_id is empty"))
}

/// The text with its markup, and what is read of it.
fn text(given: &Parameters) -> Result<(String, String), Refusal> {
    let written = given.text("text");
    let html = match given.text("parse_mode") {
        mode if mode.eq_ignore_ascii_case("HTML") => written.to_owned(),
        "" => maud::html! { (written) }.into_string(),
        _ => return Err(Refusal::new(400, "Bad Request: unsupported parse_mode")),
    };
    let text = wording::read(&html)?;
    Ok((html, text))
}

/// A part of `reply_markup`, which may be written as text.
fn markup(given: &Parameters, part: &str) -> Option<Value> {
    let markup = given.get("reply_markup")?;
    let read = markup.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    read.as_ref().unwrap_or(markup).get(part).cloned()
}

fn buttons(given: &Parameters) -> Result<Vec<Vec<Key>>, Refusal> {
    let Some(keyboard) = markup(given, "inline_keyboard") else { return Ok(Vec::new()) };
    let rows = keyboard.as_array().ok_or_else(|| {
        Refusal::new(
            400,
            "Bad Request: field \"inline_keyboard\" of the InlineKeyboardMarkup must be an Array",
        )
    })?;
    let rows = rows.iter().map(|row| row.as_array().into_iter().flatten().map(key).collect());
    let rows: Vec<Vec<Key>> = rows.collect::<Result<_, _>>()?;
    Ok(rows.into_iter().filter(|row| !row.is_empty()).collect())
}

fn key(button: &Value) -> Result<Key, Refusal> {
    let refuse = |text: &str| Err(Refusal::new(400, format!("Bad Request: {text}")));
    let field = |name| button.get(name).and_then(Value::as_str).map(str::to_owned);
    let key = Key {
        text: field("text").unwrap_or_default(),
        data: field("callback_data"),
        url: field("url"),
        style: field("style"),
    };
    if key.text.trim().is_empty() {
        return refuse("can't parse inline keyboard button: field \"text\" must be non-empty");
    }
    if key.data.is_some() == key.url.is_some() {
        return refuse(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        );
    }
    if key.data.as_ref().is_some_and(|data| !(1..=64).contains(&data.len())) {
        return refuse("BUTTON_DATA_INVALID");
    }
    match key.style.as_deref() {
        None | Some("primary" | "success" | "danger") => Ok(key),
        Some(_) => refuse("can't parse inline keyboard button: invalid button style specified"),
    }
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
