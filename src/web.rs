//! The web as a browser sees it: cookies, forms, pages and their sheet, security headers, return
//! addresses, and every URL of ours, each once.
//!
//! Promises: what is written into a page is escaped; every answer made here carries the usual
//! headers; a [`ReturnTo`] cannot leave the hosts it was checked against; every page works without
//! JavaScript. Never: knows who somebody is or decides anything; reads the store, the settings or the clock.

mod answer;
mod assets;
pub mod cookies;
mod destination;
pub mod forms;
pub mod headers;
mod interface;
pub mod pages;
pub mod polls;
mod problem;
mod qr;
mod return_to;
mod shell;
mod site;
pub mod travelling;
pub mod urls;
mod words;

pub use answer::{json, redirect, retry_after, robots, status};
pub use assets::asset;
pub use destination::Destination;
pub use interface::read_json;
pub use problem::{problem, step_up};
pub use qr::qr;
pub use return_to::ReturnTo;
pub use site::Site;
pub use words::{browser, hour, span};

/// The body of every answer: whole, in memory, of known length.
pub type Body = http_body_util::Full<bytes::Bytes>;

/// An answer.
pub type Response = http::Response<Body>;
