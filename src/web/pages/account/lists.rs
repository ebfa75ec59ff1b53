//! What an account page lists and can end: sessions, browsers, and what was told lately.

use maud::{Markup, html};

use super::Account;
use crate::clock::Wall;
use crate::identity::SessionId;
use crate::web::pages::KnownBy;
use crate::web::{urls, words};

/// One open session.
#[derive(Clone, Copy, Debug)]
pub struct SessionLine<'a> {
    /// Its public id.
    pub id: SessionId,
    /// The browser's own words about itself, as they came.
    pub user_agent: &'a str,
    /// From where it was opened.
    pub address: Option<&'a str>,
    /// How it was opened: `password+totp`.
    pub methods: &'a str,
    /// When it was last used.
    pub used_at: Wall,
    /// Whether it is the one that asks.
    pub this: bool,
}

/// One browser that is remembered.
#[derive(Clone, Copy, Debug)]
pub struct DeviceLine<'a> {
    /// Its public id.
    pub id: &'a str,
    /// The browser's own words about itself, as they came.
    pub user_agent: &'a str,
    /// Since when.
    pub since: Wall,
}

/// One thing that somebody was told.
#[derive(Clone, Debug)]
pub struct NoticeLine {
    /// When.
    pub at: Wall,
    /// In a sentence.
    pub sentence: String,
}

pub(super) fn sessions(page: &Account<'_>) -> Markup {
    html! {
        @if page.sessions.is_empty() {
            p.soft { "Nowhere: no browser and no script is signed in as you." }
        } @else {
            ul.list { @for session in page.sessions { (session_line(session, page.now)) } }
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
    }
}

fn session_line(session: &SessionLine<'_>, now: Wall) -> Markup {
    let browser = words::browser(session.user_agent);
    html! {
        li {
            span.what {
                strong { (browser) }
                small {
                    @if let Some(address) = session.address { (address) " · " }
                    (words::methods(session.methods))
                    @if !session.this { " · " (words::ago(now, session.used_at)) }
                }
            }
            @if session.this {
                span.tag { "this is you" }
            } @else {
                form method="post" action=(urls::ACCOUNT_END_SESSION) {
                    input type="hidden" name="id" value=(session.id);
                    button.risk { "End" span.hidden { " " (browser) } }
                }
            }
        }
    }
}

pub(super) fn devices(devices: &[DeviceLine<'_>]) -> Markup {
    html! {
        @if !devices.is_empty() {
            h2 { "Browsers that are remembered" }
            p.soft.before { "They are asked for a second factor like any other, and may ask you in a simpler way." }
            ul.list {
                @for device in devices {
                    @let browser = words::browser(device.user_agent);
                    li {
                        span.what { strong { (browser) } small { "since " (words::day(device.since)) } }
                        form method="post" action=(urls::ACCOUNT_FORGET_DEVICE) {
                            input type="hidden" name="id" value=(device.id);
                            button { "Forget" span.hidden { " " (browser) } }
                        }
                    }
                }
            }
            @if devices.len() > 1 {
                form.after method="post" action=(urls::ACCOUNT_FORGET_DEVICES) {
                    button { "Forget all browsers" }
                }
            }
        }
    }
}

pub(super) fn notices(notices: &[NoticeLine]) -> Markup {
    html! {
        @if !notices.is_empty() {
            h2 { "What changed lately" }
            ul.list {
                @for notice in notices {
                    li {
                        span.what {
                            span { (notice.sentence) }
                            small { (words::day(notice.at)) ", " (words::clock(notice.at)) }
                        }
                    }
                }
            }
        }
    }
}
