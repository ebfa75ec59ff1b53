//! Aegis: forward-auth for a private network. `ARCHITECTURE.md` is the map of this house.
#![forbid(unsafe_code)]

pub mod clock;
pub mod config;
pub mod error;
pub mod identity;
pub mod keys;
pub mod password;
pub mod place;
pub mod secret;
pub mod store;
pub mod throttle;
