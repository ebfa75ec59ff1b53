//! `aegis app …`: the apps of the configuration.

mod add;
mod edit;
mod lines;
mod list;
mod show;

use clap::Subcommand;

use super::{Common, Outcome};
use crate::identity::{Require, Role, Username};
use crate::policy::Rule;
use crate::web;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Every app, and what it asks for
    List(list::Arguments),
    /// One app, with its rules in the order in which they are asked
    Show(show::Arguments),
    /// Write a new app into the configuration, and print the proxy's lines for it
    Add(add::Arguments),
}

pub(super) fn run(common: &Common, command: Command) -> Outcome {
    match command {
        Command::List(arguments) => list::run(common, &arguments),
        Command::Show(arguments) => show::run(common, &arguments),
        Command::Add(arguments) => add::run(common, &arguments),
    }
}

/// What a rule asks, as it is written.
fn require(rule: &Rule) -> &'static str {
    match rule.require() {
        Require::Public => "public",
        Require::Optional => "optional",
        Require::SignedIn => "signed_in",
        Require::TwoFactor => "two_factor",
        Require::Tailnet => "tailnet",
        Require::Deny => "deny",
    }
}

/// The users and roles a rule is for.
fn who(rule: &Rule) -> (Vec<&str>, Vec<&str>) {
    (rule.users().iter().map(Username::as_str).collect(), rule.roles().iter().map(Role::as_str).collect())
}

/// Who is let in, in words: `sam, role admin`.
fn whom(rule: &Rule) -> String {
    let (users, roles) = who(rule);
    let roles = roles.into_iter().map(|role| format!("role {role}"));
    let mut whom: Vec<String> = users.into_iter().map(str::to_owned).chain(roles).collect();
    if whom.is_empty() {
        whom.push(match rule.require() {
            Require::Public | Require::Optional => "everybody".to_owned(),
            Require::SignedIn | Require::TwoFactor | Require::Tailnet => "every user".to_owned(),
            Require::Deny => "nobody".to_owned(),
        });
    }
    let age = rule.max_age().map(|age| format!(", for {} after a factor was shown", web::span(age)));
    whom.join(", ") + &age.unwrap_or_default()
}
