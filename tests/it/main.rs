//! Everything over the wire, and the rules of the house, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed test is a panic"
)]
#![allow(clippy::disallowed_methods, reason = "the tests are outside the house and have no clock of ours")]

mod browser;
mod cli;
mod demo;
mod docs;
mod explain;
mod flood;
mod fuzz;
mod house;
mod inside;
mod lab;
mod matrix;
mod print;
mod recipes;
mod server;
mod tailnet;
mod through;
