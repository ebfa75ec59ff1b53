//! The apps of a person.

use http::StatusCode;
use maud::html;

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

/// The apps that `username` may open; perhaps none.
pub fn home(site: &Site, username: &str, tiles: &[Tile<'_>]) -> Response {
    let main = html! {
        h1 { "Your apps" }
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
pub fn no_apps(site: &Site, username: &str) -> Response {
    let main = html! {
        h1 { "Your apps" }
        div.empty {
            p { strong { "No apps yet." } " Until there is one, Aegis lets nobody through anywhere." }
            p { "Write one into " code { "aegis.toml" } ", then reload:" }
            pre { code { "[app.photos]\nhosts = [\"photos.example.com\"]\nrequire = \"signed_in\"" } }
        }
    };
    house(site, StatusCode::OK, "Your apps", urls::HOME, username, &main)
}
