//! The apps of a person.

use http::StatusCode;
use maud::html;

use super::KnownBy;
use crate::place::Origin;
use crate::web::shell::house;
use crate::web::{Response, Site, urls};

/// One app a person may open.
#[derive(Clone, Copy, Debug)]
pub struct Tile<'a> {
    /// What people call it.
    pub title: &'a str,
    /// Where it is.
    pub origin: &'a Origin,
}

/// Whose start page it is, and what leads on from there.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    /// The name apps know.
    pub username: &'a str,
    /// How that is known.
    pub by: KnownBy<'a>,
    /// The apps they may open.
    pub tiles: &'a [Tile<'a>],
}

/// The apps that somebody may open; perhaps none.
pub fn home(site: &Site, page: &Home<'_>) -> Response {
    let Home { username, by, tiles } = *page;
    let main = html! {
        h1 { "Your apps" }
        (by.line())
        @if tiles.is_empty() {
            div.empty {
                p { strong { "No app is open to you yet." } }
                p { "Ask whoever looks after Aegis to let " strong { (username) } " in." }
            }
        } @else {
            ul.apps {
                @for tile in tiles {
                    li { a href={ (tile.origin) "/" } { (tile.title) small { (tile.origin.host()) } } }
                }
            }
        }
    };
    house(site, StatusCode::OK, "Your apps", urls::HOME, username, &main)
}

/// There is no app at all: what an administrator does next.
pub fn no_apps(site: &Site, username: &str, by: KnownBy<'_>) -> Response {
    let main = html! {
        h1 { "Your apps" }
        (by.line())
        div.empty {
            p { strong { "No apps yet." } " Until there is one, Aegis lets nobody through anywhere." }
            p { "Write one into " code { "aegis.toml" } ", then reload:" }
            pre { code { "[app.photos]\nhosts = [\"photos.example.com\"]\nrequire = \"signed_in\"" } }
        }
    };
    house(site, StatusCode::OK, "Your apps", urls::HOME, username, &main)
}
