//! `aegis explain`: what a request would be answered, or what one was answered, and by which rule.

use std::net::IpAddr;

use clap::{ArgGroup, Args};

use super::{Common, Outcome, hole};

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).args(["reference", "url", "last"]))]
pub(super) struct Arguments {
    /// The reference that a refusal carries (X-Aegis-Ref, or at the foot of its page)
    #[arg(value_name = "REF")]
    pub(super) reference: Option<String>,
    /// The address to judge, as a browser would show it
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// The last refusal, of this host if one is named
    #[expect(clippy::option_option, reason = "clap's way to say: absent, alone, or with a host")]
    #[arg(long, value_name = "HOST", num_args = 0..=1)]
    pub(super) last: Option<Option<String>>,
    /// The method of the request
    #[arg(long, value_name = "METHOD", default_value = "GET", conflicts_with_all = ["reference", "last"])]
    pub(super) method: String,
    /// Who asks: a username or an e-mail; without it nobody who is signed in
    #[arg(long = "as", value_name = "USER", conflicts_with_all = ["reference", "last"])]
    pub(super) user: Option<String>,
    /// The address they ask from
    #[arg(long, value_name = "IP", conflicts_with_all = ["reference", "last"])]
    pub(super) from: Option<IpAddr>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// HOLE: asks the running server, or evaluates by itself and says so.
pub(super) fn run(_common: &Common, _arguments: &Arguments) -> Outcome {
    hole("explain")
}
