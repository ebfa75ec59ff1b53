//! `aegis print`: configuration for a proxy, the very files the tests load.

use clap::{Args, ValueEnum};

use super::{Common, Outcome, hole};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Which proxy
    #[arg(value_name = "PROXY")]
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum What {
    /// Caddy 2
    Caddy,
    /// nginx with `auth_request`
    Nginx,
}

/// HOLE: prints the shipped file with the addresses of the configuration put in.
pub(super) fn run(_common: &Common, arguments: &Arguments) -> Outcome {
    match arguments.what {
        What::Caddy => hole("print caddy"),
        What::Nginx => hole("print nginx"),
    }
}
