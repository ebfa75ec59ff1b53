//! `aegis completions SHELL`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{CommandLine, out};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Which shell
    pub(super) shell: Shell,
}

/// Prints what the shell needs to complete commands of `aegis`.
pub(super) fn run(arguments: &Arguments) {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), "aegis", &mut script);
    out::raw(&script);
}
