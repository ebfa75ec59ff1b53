//! One's own API tokens: those there are, the form that makes one, and the page that shows a new one, once.

use std::time::Duration;

use http::StatusCode;
use maud::{Markup, html};

use super::Said;
use crate::clock::Wall;
use crate::identity::ApiTokenId;
use crate::web::shell::{Tone, house, note};
use crate::web::{Response, Site, urls, words};

/// For how long a token may be made: the field's value, the span (nothing: for ever), and in words.
pub const EXPIRIES: [(&str, Option<Duration>, &str); 5] = [
    ("7d", Some(Duration::from_hours(7 * 24)), "7 days"),
    ("30d", Some(Duration::from_hours(30 * 24)), "30 days"),
    ("90d", Some(Duration::from_hours(90 * 24)), "90 days"),
    ("365d", Some(Duration::from_hours(365 * 24)), "a year"),
    ("never", None, "until it is revoked"),
];

/// What is chosen at first.
pub const USUAL_EXPIRY: &str = "90d";

/// The field of an app in the form.
pub fn app_field(name: &str) -> String {
    format!("app-{name}")
}

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct ApiTokens<'a> {
    /// Whose they are.
    pub username: &'a str,
    /// Those that were not revoked, newest first.
    pub tokens: &'a [ApiTokenLine<'a>],
    /// The form that makes one; nothing where a second factor has to be shown first.
    pub form: Option<NewApiToken<'a>>,
    /// The present.
    pub now: Wall,
    /// What became of what was asked.
    pub said: Said<'a>,
}

/// One token.
#[derive(Clone, Debug)]
pub struct ApiTokenLine<'a> {
    /// Its public id.
    pub id: ApiTokenId,
    /// What its owner knows it by.
    pub name: &'a str,
    /// The apps it is for, by their names; none: every app.
    pub apps: Vec<&'a str>,
    /// What it is for there: `GET /api/*`; none: everything.
    pub allow: Vec<String>,
    /// When it runs out, or did.
    pub expires_at: Option<Wall>,
    /// When it was last used.
    pub used_at: Option<Wall>,
}

/// What is typed into the form, and what there is to choose from.
#[derive(Clone, Copy, Debug)]
pub struct NewApiToken<'a> {
    /// What it is to be known by.
    pub name: &'a str,
    /// The apps: name, title, and whether it is ticked.
    pub apps: &'a [(&'a str, &'a str, bool)],
    /// Whether every app is ticked.
    pub all_apps: bool,
    /// A method and a path a line.
    pub allow: &'a str,
    /// Which of [`EXPIRIES`].
    pub expires: &'a str,
}

/// The page. A POST to it that is refused answers with it and the refusal's status.
pub fn api_tokens(site: &Site, page: &ApiTokens<'_>) -> Response {
    let main = html! {
        h1 { "Your API tokens" }
        p.soft {
            "For scripts and apps that cannot sign in. A token acts as you, at the apps it is for, until it "
            "runs out or you revoke it."
        }
        (page.said.note())
        (list(page.tokens, page.now))
        h2 { "A new token" }
        @match &page.form {
            Some(form) => (form.markup()),
            None => div.card {
                p { "A token counts as two factors. To make one, show your second factor first." }
                a.button href=(urls::step_up(Some(urls::ACCOUNT_TOKENS))) { "Show it now" }
            },
        }
    };
    let title = if page.said.is_refused() { "Not done" } else { "Your API tokens" };
    page.said.finish(house(site, page.said.status(), title, urls::ACCOUNT, page.username, &main))
}

/// A token that was just made. It is not shown again.
pub fn api_token_made(site: &Site, username: &str, name: &str, token: &str) -> Response {
    let main = html! {
        h1 { "Your new token" }
        (note(Tone::Good, &html! { "Copy " strong { (name) } " now: it is not shown again." }))
        div.card {
            div.field {
                label for="token" { "Token" }
                input type="text" id="token" value=(token) readonly autocomplete="off" spellcheck="false";
                button type="button" hidden data-copies="token" { "Copy" }
            }
            p.soft { "A script shows it in a header:" }
            pre { "curl -H \"X-Aegis-Key: $TOKEN\" https://…" }
            p.soft { "What asks for a user and a password takes it as the password, with any user." }
        }
        p.after { a href=(urls::ACCOUNT_TOKENS) { "Back to your tokens" } }
    };
    house(site, StatusCode::OK, "Your new token", urls::ACCOUNT, username, &main)
}

fn list(tokens: &[ApiTokenLine<'_>], now: Wall) -> Markup {
    html! {
        @if tokens.is_empty() {
            p.soft.after { "There are none." }
        } @else {
            ul.list.after { @for token in tokens { (line(token, now)) } }
        }
    }
}

fn line(token: &ApiTokenLine<'_>, now: Wall) -> Markup {
    let apps = if token.apps.is_empty() { "every app".to_owned() } else { token.apps.join(", ") };
    html! {
        li {
            span.what {
                strong { (token.name) }
                small {
                    (apps)
                    @for allow in &token.allow { " · " code { (allow) } }
                }
                small {
                    @match token.used_at {
                        Some(used) => { "Used " (words::ago(now, used)) },
                        None => "Not used yet",
                    }
                    @match token.expires_at {
                        Some(end) if end <= now => {},
                        Some(end) => { " · ends on " (words::day(end)) },
                        None => " · never ends",
                    }
                }
            }
            @if token.expires_at.is_some_and(|end| end <= now) { span.tag.bad { "has run out" } }
            form method="post" action=(urls::ACCOUNT_REVOKE_TOKEN) {
                input type="hidden" name="id" value=(token.id);
                button.risk { "Revoke" span.hidden { " " (token.name) } }
            }
        }
    }
}

impl NewApiToken<'_> {
    fn markup(&self) -> Markup {
        let check = |field: &str, label: &str, ticked: bool| {
            html! {
                label.check {
                    input type="checkbox" name=(field) value="on" checked[ticked];
                    span { (label) }
                }
            }
        };
        html! {
            form.card method="post" action=(urls::ACCOUNT_TOKENS) {
                div.field {
                    label for="name" { "Name" }
                    p.hint #name-hint { "By which you will know it: what uses it, and where." }
                    input type="text" id="name" name="name" value=(self.name) autocomplete="off" maxlength="64"
                        aria-describedby="name-hint" required;
                }
                fieldset {
                    legend { "For which apps" }
                    @for (name, title, ticked) in self.apps { (check(&app_field(name), title, *ticked)) }
                    (check("all-apps", "Every app you may use, also later ones", self.all_apps))
                }
                div.field {
                    label for="allow" { "For what there" }
                    p.hint #allow-hint {
                        "A method and a path on each line, such as " code { "GET /api/*" } " or " code { "* /dav/*" }
                        ". Left empty: for everything."
                    }
                    textarea id="allow" name="allow" rows="3" autocapitalize="none" spellcheck="false"
                        aria-describedby="allow-hint" { (self.allow) }
                }
                div.field {
                    label for="expires" { "For how long" }
                    select id="expires" name="expires" {
                        @for (value, _, words) in EXPIRIES {
                            option value=(value) selected[value == self.expires] { (words) }
                        }
                    }
                }
                button { "Make a token" }
            }
        }
    }
}
