//! The pretend phone of the show: what the bot writes to its owner, and the buttons to tap.
//! Never more than a page of loopback: it is the stand-in for Telegram that has the messages.

use std::fmt::Write as _;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use tokio::time::timeout;

use super::bot_api::{BotApi, Phone, Posted};
use crate::error::{Error, Kind};
use crate::forwarded::Peer;
use crate::place::Origin;
use crate::secret::fingerprint;
use crate::serve::Answer;
use crate::web::Response as Reply;
use crate::web::forms::{self, Form};

const SHEET: &str = include_str!("phone/phone.css");
const SCRIPT: &str = include_str!("phone/phone.js");
/// What may stand in a message that is typed.
const LONGEST: usize = 1024;
/// How long a tap may take to be answered before the page is shown without its answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The phone's page.
pub(super) struct PhonePage {
    telegram: BotApi,
    phone: Phone,
    origin: Origin,
}

impl PhonePage {
    /// The page of `phone`, at `origin`.
    pub(super) fn new(telegram: BotApi, phone: Phone, origin: Origin) -> Self {
        Self { telegram, phone, origin }
    }

    async fn asked(&self, request: Request<Incoming>) -> Result<Reply, Error> {
        let (head, body) = request.into_parts();
        match (&head.method, head.uri.path()) {
            (&Method::GET, "/") => Ok(page(&self.messages())),
            // What the script asks for; it shows it if it is not what it shows.
            (&Method::GET, "/messages") => {
                Ok(reply("text/html; charset=utf-8", self.messages().into_string()))
            }
            (&Method::GET, "/phone.js") => Ok(reply("text/javascript; charset=utf-8", SCRIPT.to_owned())),
            (&Method::POST, "/tap") => {
                let form = self.form(&head.headers, body).await?;
                let chosen = |name: &str| form.text(name).parse::<i64>().ok();
                let message = chosen("message").and_then(|id| self.message(id));
                let button = chosen("button").and_then(|button| usize::try_from(button).ok());
                let query =
                    message.zip(button).and_then(|(message, button)| self.phone.tap(&message, button));
                if let Some(query) = query {
                    let _late = timeout(PATIENCE, self.phone.wait_for_toast(&query)).await;
                }
                Ok(back())
            }
            (&Method::POST, "/say") => {
                let form = self.form(&head.headers, body).await?;
                let text: String = form.text("text").trim().chars().take(LONGEST).collect();
                if !text.is_empty() {
                    self.phone.say(&text);
                }
                Ok(back())
            }
            _ => Err(Error::said(Kind::NotFound, "The phone has no such page.")),
        }
    }

    /// A form of this page: another site that is open in the browser may not tap here.
    async fn form(&self, headers: &HeaderMap, body: Incoming) -> Result<Form, Error> {
        // Read before it is judged: an answer that overtakes its body is a 502 behind some proxies.
        let body = forms::body(body, forms::LONGEST).await?;
        forms::same_origin(headers, &self.origin)?;
        Form::read(headers, &body)
    }

    fn message(&self, id: i64) -> Option<Posted> {
        self.phone.messages().into_iter().find(|message| message.id == id)
    }

    fn messages(&self) -> Markup {
        let messages = self.phone.messages();
        let toast = self.telegram.toasts().pop().filter(|toast| !toast.text.is_empty());
        html! {
            @if messages.is_empty() {
                p.soft { "Nothing yet. Sign in, and the bot writes here." }
            }
            @for message in &messages { (bubble(message)) }
            @if let Some(toast) = toast { p.toast role="status" { (toast.text) } }
        }
    }
}

fn bubble(message: &Posted) -> Markup {
    let mut number = 0;
    html! {
        div.bubble.own[message.from.is_some()] {
            p { (PreEscaped(&message.html)) }
            @if message.edits > 0 { small { "edited" } }
        }
        @for row in &message.buttons {
            div.keys {
                @for key in row {
                    @let place = { number += 1; number - 1 };
                    @if let Some(url) = &key.url {
                        a href=(url) { (key.text) }
                    } @else {
                        form method="post" action="/tap" {
                            input type="hidden" name="message" value=(message.id);
                            button.danger[key.style.as_deref() == Some("danger")] name="button" value=(place) {
                                (key.text)
                            }
                        }
                    }
                }
            }
        }
    }
}

fn page(messages: &Markup) -> Reply {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Sam's phone" }
                style { (PreEscaped(SHEET)) }
                script defer src="/phone.js" {}
            }
            body {
                main {
                    h1 { "Sam's phone" }
                    p.soft { "A pretend one: on a real phone this is Telegram." }
                    section #messages aria-label="Messages of the bot" aria-live="polite" { (messages) }
                    form.say method="post" action="/say" {
                        label for="text" { "Write to the bot" }
                        input #text name="text" maxlength=(LONGEST) autocomplete="off";
                        button { "Send" }
                    }
                    noscript { p { a href="/" { "Look again" } } }
                }
            }
        }
    };
    reply("text/html; charset=utf-8", page.into_string())
}

fn reply(kind: &'static str, body: String) -> Reply {
    // The one script is ours, the one sheet stands in the page, and nothing is loaded from elsewhere.
    let mut policy =
        String::from("default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'self'; ");
    let _ = write!(policy, "frame-ancestors 'none'; base-uri 'none'; style-src '{}'", hash(SHEET));
    let mut reply = Response::new(body.into());
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(http::header::CONTENT_SECURITY_POLICY, policy);
    }
    reply
}

/// A sheet as a Content-Security-Policy names it.
fn hash(text: &str) -> String {
    use base64::Engine as _;
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(fingerprint(text)))
}

fn back() -> Reply {
    let mut reply = empty(StatusCode::SEE_OTHER);
    reply.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
    reply
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = status;
    reply
}

impl Answer for PhonePage {
    async fn answer(&self, _peer: Peer, request: Request<Incoming>) -> Reply {
        match self.asked(request).await {
            Ok(reply) => reply,
            Err(error) => {
                let status = crate::web::status(error.kind);
                let mut reply = reply("text/plain; charset=utf-8", error.visitor.to_string());
                *reply.status_mut() = status;
                reply
            }
        }
    }

    fn panicked(&self, _path: &str) -> Reply {
        empty(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
