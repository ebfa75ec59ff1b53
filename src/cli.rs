//! The command line: what can be asked of the program `aegis`, one file a command.
//!
//! Owns everything that belongs to the whole process: the subscriber of logs, signals, the umask,
//! the limit of open files, the crypto provider, what a panic leaves behind, the exit code.
//! Promises: 0 done, 1 failed, 2 usage, 64 bad configuration; what went wrong is said with a hint.
//! Never: takes a password as an argument; nothing outside this room prints.

mod app;
mod ask;
mod audit;
mod backup;
mod check;
mod completions;
mod demo;
mod desk;
mod doctor;
mod explain;
mod first_steps;
mod health;
mod log;
mod out;
mod print;
mod process;
mod restore;
mod serve;
mod session;
mod settings;
mod setup_link;
mod signals;
mod telegram;
mod token;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::api_tokens::ApiTokenError;
use crate::error::{Error, Fault, Faults};
use crate::store::{StoreError, WriteError};
use crate::users::ChangeError;

/// Forward-auth for a private network: one place that says who is there.
#[derive(Debug, Parser)]
#[command(name = "aegis", version, arg_required_else_help = true, max_term_width = 100)]
struct CommandLine {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What may stand anywhere on the line.
#[derive(Args, Debug, Default)]
struct Common {
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "The configuration [default: $AEGIS_CONFIG, else ./aegis.toml if it is there]"
    )]
    config: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help = "Where Aegis keeps its data [default: as configured, else $STATE_DIRECTORY, else ./aegis-data]"
    )]
    data_dir: Option<PathBuf>,
}

/// Where the server listens, for commands that are about the running server.
#[derive(Args, Debug, Default)]
struct Listen {
    #[arg(
        long,
        value_name = "ADDRESS",
        help = "Where the server listens: 127.0.0.1:8009, unix:/path, systemd; may be repeated [default: as configured]"
    )]
    listen: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Arguments),
    /// Show everything on this machine: Aegis, a small app and a proxy before it
    Demo,
    /// Check the configuration completely, and change nothing
    Check,
    /// Look at everything that Aegis needs from outside, and say what is wrong
    Doctor(doctor::Arguments),
    /// Say what a request would be answered, and why
    Explain(explain::Arguments),
    /// Ask the running server whether it is well
    Health(health::Arguments),
    /// Print a link on which the first administrator chooses a password
    SetupLink(setup_link::Arguments),
    /// The apps of the configuration
    #[command(subcommand)]
    App(app::Command),
    /// Print configuration for a proxy
    Print(print::Arguments),
    /// Write a copy of all data to a file, beside a running server
    Backup(backup::Arguments),
    /// Take all data from a backup
    Restore(restore::Arguments),
    /// People
    #[command(subcommand)]
    User(user::Command),
    /// Who is signed in, and where
    #[command(subcommand)]
    Session(session::Command),
    /// API tokens for scripts and native apps
    #[command(subcommand)]
    Token(token::Command),
    /// The bot on Telegram
    #[command(subcommand)]
    Telegram(telegram::Command),
    /// The record of what happened
    #[command(subcommand)]
    Audit(audit::Command),
    /// Print completions for a shell
    Completions(completions::Arguments),
}

/// What to do about a store that could be opened and does not do what it is asked.
const DISK: &str = "check the disk: space, permissions, mount options";
/// What to do where two changes met.
const AGAIN: &str = "look at it, and try again";

/// Why a command did not do what was asked.
#[derive(Debug)]
enum Failure {
    /// It was tried and did not work: exit code 1.
    Failed(Faults),
    /// The configuration is wrong, and nothing was tried: exit code 64.
    Configuration(Faults),
}

impl Failure {
    /// It did not work, and this is why.
    fn said(message: impl Into<String>) -> Self {
        Self::Failed(Fault::new(message).into())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::said(error.log)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Fault::new(error.to_string()).hint(DISK).into()
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        let hint = match error {
            WriteError::Unavailable(_) | WriteError::Broken(_) => DISK,
            WriteError::Unexpected(_) | WriteError::Taken(_) | WriteError::Busy => AGAIN,
        };
        Fault::new(error.to_string()).hint(hint).into()
    }
}

impl From<ApiTokenError> for Failure {
    fn from(error: ApiTokenError) -> Self {
        match error {
            ApiTokenError::Store(error) => error.into(),
            other => Self::said(other.to_string()),
        }
    }
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Elsewhere(_) => Fault::new(error.to_string()).hint(AGAIN).into(),
            ChangeError::Store(error) => error.into(),
            ChangeError::TooManyRoles => Fault::new(error.to_string()).hint("name fewer").into(),
            other => Self::said(other.to_string()),
        }
    }
}

/// What a command comes to.
type Outcome = Result<(), Failure>;

/// Runs the command that the arguments of this process name.
pub fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(told) => return out::usage(&told),
    };
    process::prepare();
    match run(line).and_then(|()| out::written()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(faults)) => {
            out::faults(&faults);
            ExitCode::from(1)
        }
        Err(Failure::Configuration(faults)) => {
            out::faults(&faults);
            ExitCode::from(64)
        }
    }
}

fn run(line: CommandLine) -> Outcome {
    let common = &line.common;
    match line.command {
        Command::Serve(arguments) => serve::run(common, &arguments),
        Command::Demo => demo::run(common),
        Command::Check => check::run(common),
        Command::Doctor(arguments) => doctor::run(common, &arguments),
        Command::Explain(arguments) => explain::run(common, &arguments),
        Command::Health(arguments) => health::run(common, &arguments),
        Command::SetupLink(arguments) => setup_link::run(common, &arguments),
        Command::App(command) => app::run(common, command),
        Command::Print(arguments) => print::run(common, &arguments),
        Command::Backup(arguments) => backup::run(common, &arguments),
        Command::Restore(arguments) => restore::run(common, &arguments),
        Command::User(command) => user::run(common, command),
        Command::Session(command) => session::run(common, command),
        Command::Token(command) => token::run(common, command),
        Command::Telegram(command) => telegram::run(common, command),
        Command::Audit(command) => audit::run(common, command),
        Command::Completions(arguments) => {
            completions::run(&arguments);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
