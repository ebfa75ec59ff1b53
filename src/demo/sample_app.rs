//! The app of the show: it has no login of its own, and shows whom the proxy says it is used by.
//! Never keeps anything.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::IDENTITY;
use crate::forwarded::Peer;
use crate::serve::Answer;
use crate::web::{Response as Reply, urls};

const SHEET: &str = include_str!("sample_app/sample_app.css");

/// The app. It knows of Aegis where to send people who sign out.
pub(super) struct SampleApp {
    portal: String,
}

impl SampleApp {
    /// An app whose people sign out at `portal`.
    pub(super) fn new(portal: String) -> Self {
        Self { portal }
    }

    fn page(&self, path: &str, headers: &HeaderMap) -> (StatusCode, Markup) {
        let user = text(headers, "Remote-User");
        let (status, line) = match (path, user) {
            ("/", _) => (StatusCode::OK, "An app without a login of its own. Aegis told it who you are."),
            ("/public", _) => (StatusCode::OK, "This page is for everybody, so the app is told of nobody."),
            ("/admin", _) => (StatusCode::OK, "This page is for the role admin, which you have."),
            _ => (StatusCode::NOT_FOUND, "This app has no such page."),
        };
        let name = text(headers, "Remote-Name");
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { "Arlo, the sample app" }
                    style { (PreEscaped(SHEET)) }
                }
                body {
                    header { p { strong { "Arlo" } " the sample app" } }
                    main {
                        h1 { @if name.is_empty() { "Hello, whoever you are" } @else { "Hello, " (name) } }
                        p { (line) }
                        h2 { "What the app received" }
                        dl {
                            @for name in IDENTITY.iter().copied().chain(["Cookie"]) {
                                div { dt { (name) } dd { (value(text(headers, name))) } }
                            }
                        }
                        p.soft {
                            "The proxy sets these headers on every request and drops what a visitor sends under their names. \
                             Your browser holds cookies of Aegis; the app gets none of them."
                        }
                        h2 { "What to try" }
                        (links(&self.portal))
                    }
                }
            }
        };
        (status, page)
    }
}

fn links(portal: &str) -> Markup {
    html! {
        nav aria-label="What to try" {
            ul {
                li { a href="/" { "The front page" } span { "for everybody who is signed in" } }
                li { a href="/admin" { "/admin" } span { "needs the role admin, which sam lacks" } }
                li { a href="/public" { "/public" } span { "open to everybody" } }
                li { a href={ (portal) (urls::ACCOUNT) } { "Your account" } span { "at Aegis: name, password, sessions" } }
                li { a href={ (portal) (urls::LOGOUT) } { "Sign out" } span { "then open the front page again" } }
            }
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn value(text: &str) -> Markup {
    match text {
        "" => html! { span.soft { "empty" } },
        "aegis=none" => {
            html! { code { (text) } span.soft { " (those of Aegis are taken out)" } }
        }
        token if token.starts_with("eyJ") => html! {
            details {
                summary { "signed by Aegis for this app, good for five minutes" }
                code { (token) }
            }
        },
        text => html! { code { (text) } },
    }
}

impl Answer for SampleApp {
    async fn answer(&self, _peer: Peer, request: Request<Incoming>) -> Reply {
        let (status, page) = self.page(request.uri().path(), request.headers());
        let mut reply = Response::new(page.into_string().into());
        *reply.status_mut() = status;
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        reply
    }

    fn panicked(&self, _path: &str) -> Reply {
        let mut reply = Reply::default();
        *reply.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        reply
    }
}
