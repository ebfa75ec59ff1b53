//! Aegis: forward-auth for a private network. `ARCHITECTURE.md` is the map of this house.
#![forbid(unsafe_code)]

pub mod account;
pub mod attempts;
pub mod audit;
pub mod authenticate;
pub mod browser;
pub mod changes;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod error;
pub mod forward_auth;
pub mod forwarded;
pub mod identity;
pub mod keys;
pub mod links;
pub mod login;
pub mod notices;
pub mod password;
pub mod place;
pub mod policy;
pub mod second_factor;
pub mod secret;
pub mod serve;
pub mod sessions;
pub mod setup;
pub mod sign_in;
pub mod state;
pub mod status;
pub mod store;
pub mod tailscale;
pub mod throttle;
pub mod token;
pub mod users;
pub mod web;
