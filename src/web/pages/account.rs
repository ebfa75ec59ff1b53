//! One's own account: profile, password, tailnet, sessions.

use maud::{Markup, html};

use super::tailnet::links;
use super::{KnownBy, NEW_PASSWORD, PasswordField, Said};
use crate::clock::Wall;
use crate::identity::SessionId;
use crate::web::shell::house;
use crate::web::{Response, Site, urls, words};

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// The name apps know; it never changes.
    pub username: &'a str,
    /// The address, if there is one.
    pub email: Option<&'a str>,
    /// The display name; empty where there is none.
    pub name: &'a str,
    /// How it is known whose it is.
    pub by: KnownBy<'a>,
    /// When the password was set; nothing where there is none.
    pub password_changed_at: Option<Wall>,
    /// The logins of the persons of the tailnet that are this user.
    pub linked: &'a [&'a str],
    /// The login of the person whose device this is, if they could be linked.
    pub offer: Option<&'a str>,
    /// The sessions that are open, the present one first.
    pub sessions: &'a [SessionLine<'a>],
    /// The present.
    pub now: Wall,
    /// What became of what was asked.
    pub said: Said<'a>,
}

/// One open session.
#[derive(Clone, Copy, Debug)]
pub struct SessionLine<'a> {
    /// Its public id.
    pub id: SessionId,
    /// The browser's own words about itself, as they came.
    pub user_agent: &'a str,
    /// From where it was opened.
    pub address: Option<&'a str>,
    /// How it was opened: `password`.
    pub methods: &'a str,
    /// When it was last used.
    pub used_at: Wall,
    /// Whether it is the one that asks.
    pub this: bool,
}

/// The account page. A POST to it that is refused answers with this page and the refusal's status.
pub fn account(site: &Site, page: &Account<'_>) -> Response {
    let main = html! {
        h1 { "Your account" }
        (page.by.line())
        (page.said.note())
        h2 { "Profile" }
        div.card {
            dl.facts {
                dt { "Username" } dd { (page.username) }
                @if let Some(email) = page.email { dt { "E-mail" } dd { (email) } }
            }
            form method="post" action=(urls::ACCOUNT_NAME) {
                div.field {
                    label for="name" { "Name" }
                    p.hint #name-hint { "Shown to the apps you open." }
                    input type="text" id="name" name="name" value=(page.name) autocomplete="name"
                        maxlength="100" aria-describedby="name-hint";
                }
                button { "Save name" }
            }
        }
        h2 { "Password" }
        div.card {
            @match page.password_changed_at {
                Some(changed) => p.soft { "Last changed on " (words::day(changed)) "." },
                None => p.soft { "There is none. Ask whoever looks after Aegis for a link to choose one." },
            }
            @if page.password_changed_at.is_some() { (change_password(page)) }
        }
        (links(page.username, page.linked, page.offer))
        h2 { "API tokens" }
        p.soft { "For scripts and apps that cannot sign in: " a href=(urls::ACCOUNT_TOKENS) { "your tokens" } "." }
        h2 { "Where you are signed in" }
        @if page.sessions.is_empty() {
            p.soft { "Nowhere: no browser and no script is signed in as you." }
        } @else {
            ul.list { @for session in page.sessions { (line(session, page.now)) } }
        }
        @if page.sessions.iter().any(|session| !session.this) {
            form.after method="post" action=(urls::ACCOUNT_END_OTHERS) {
                button.risk {
                    @match page.by {
                        KnownBy::Session | KnownBy::Both(_) => "End all others",
                        KnownBy::Device(_) => "End all",
                    }
                }
            }
        }
    };
    let title = if page.said.is_refused() { "Not changed" } else { "Your account" };
    page.said.finish(house(site, page.said.status(), title, urls::ACCOUNT, page.username, &main))
}

fn change_password(page: &Account<'_>) -> Markup {
    let field = |name, label, autocomplete, hint| {
        PasswordField { name, label, autocomplete, hint, wrong: false }.markup()
    };
    html! {
        form method="post" action=(urls::ACCOUNT_PASSWORD) {
            // Tells a password manager whose password this is.
            input type="text" name="username" value=(page.username) autocomplete="username" hidden;
            (field("current", "Current password", "current-password", None))
            (field("new", "New password", "new-password", Some(NEW_PASSWORD)))
            p.soft {
                @match page.by {
                    KnownBy::Session | KnownBy::Both(_) => "Every other session ends when the password changes.",
                    KnownBy::Device(_) => "Every session ends when the password changes.",
                }
            }
            button { "Change password" }
        }
    }
}

fn line(session: &SessionLine<'_>, now: Wall) -> Markup {
    let browser = words::browser(session.user_agent);
    html! {
        li {
            span.what {
                strong { (browser) }
                small {
                    @if let Some(address) = session.address { (address) " · " }
                    (session.methods)
                    @if !session.this { " · " (words::ago(now, session.used_at)) }
                }
            }
            @if session.this {
                span.tag { "this one" }
            } @else {
                form method="post" action=(urls::ACCOUNT_END_SESSION) {
                    input type="hidden" name="id" value=(session.id);
                    button.risk { "End" span.hidden { " " (browser) } }
                }
            }
        }
    }
}
