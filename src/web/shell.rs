//! The shell every page stands in: head, one card in the middle or the bar of the house, and foot.
//! Owns how a page becomes an answer. Never knows what a page says.

use http::{HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::assets::{MARK, SHEET};
use super::{Response, Site, answer, headers, urls};

/// What happened, said with a sign and a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Warn,
    Bad,
}

/// A page in one card.
pub(super) fn door(site: &Site, status: StatusCode, title: &str, card: &Markup) -> Response {
    respond(site, status, title, &html! { main.door { div.card { (card) } } })
}

/// The heading of a card, with the mark and perhaps a line below.
pub(super) fn head(heading: &str, line: Option<&Markup>) -> Markup {
    html! {
        div.head {
            (PreEscaped(MARK))
            h1 { (heading) }
            @if let Some(line) = line { p.to { (line) } }
        }
    }
}

/// A note. A bad one takes the focus and is read out at once; the others when the reader gets to them.
/// A plain one tells of nothing that was done.
pub(super) fn note(tone: Tone, text: &Markup) -> Markup {
    match tone {
        Tone::Bad => html! { div #said .note.bad role="alert" tabindex="-1" autofocus { p { (text) } } },
        Tone::Warn => html! { div #said .note.warn role="alert" tabindex="-1" autofocus { p { (text) } } },
        Tone::Plain => html! { div.note.plain { p { (text) } } },
        Tone::Good => html! { div #said .note.good role="status" { p { (text) } } },
    }
}

/// A page of somebody who is signed in: a bar and what is below it.
pub(super) fn house(
    site: &Site,
    status: StatusCode,
    title: &str,
    here: &str,
    username: &str,
    main: &Markup,
) -> Response {
    let links = [(urls::HOME, "Apps"), (urls::ACCOUNT, "Account")];
    let body = html! {
        div.house {
            header.top {
                (PreEscaped(MARK))
                nav aria-label="Main" {
                    @for (path, name) in links {
                        a href=(path) aria-current=[(path == here).then_some("page")] { (name) }
                    }
                }
                div.me {
                    span { (username) }
                    form method="post" action=(urls::LOGOUT) { button { "Sign out" } }
                }
            }
            main { (main) }
        }
    };
    respond(site, status, title, &body)
}

/// A page of our own host.
fn respond(site: &Site, status: StatusCode, title: &str, body: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Aegis" }
                link rel="stylesheet" href=(site.assets.sheet.path);
                link rel="icon" type="image/svg+xml" href=(site.assets.icon.path);
                script src=(site.assets.script.path) defer {}
            }
            body { (body) (foot(site)) }
        }
    };
    let mut response = answer::of_type(status, "text/html; charset=utf-8", page.into_string());
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, site.policy.clone());
    headers::complete(site, response.headers_mut());
    response
}

/// A page that a proxy carries to the visitor of another host: it brings its own sheet, and no script.
pub(super) fn travel(site: &Site, status: StatusCode, title: &str, card: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Aegis" }
                style { (PreEscaped(SHEET)) }
            }
            body { main.door { div.card { (card) } } (foot(site)) }
        }
    };
    let mut response = answer::of_type(status, "text/html; charset=utf-8", page.into_string());
    let policy: HeaderValue = site.travelling_policy.clone();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn foot(site: &Site) -> Markup {
    html! { footer.foot { "Aegis on " (site.public_url().host()) } }
}
