//! `aegis user roles USER`.

use std::collections::BTreeSet;

use clap::Args;

use crate::cli::{Common, Failure, Outcome, desk, out};
use crate::error::Fault;
use crate::identity::{Actor, Role};
use crate::users::ChangeError;

/// How often a change is tried again that met another one.
const TRIES: usize = 8;

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A username or an e-mail
    user: String,
    /// Exactly these roles, by comma; an empty text for none
    #[arg(long, value_name = "A,B", value_delimiter = ',', conflicts_with_all = ["add", "remove"])]
    set: Option<Vec<String>>,
    /// These roles too, by comma
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    add: Vec<String>,
    /// No longer these roles, by comma
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    remove: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows the roles, after what is to be changed was changed.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let set = arguments.set.as_deref().map(read).transpose()?;
    let (add, remove) = (read(&arguments.add)?, read(&arguments.remove)?);
    desk::existing(common, async |desk| {
        let mut tries = TRIES;
        loop {
            let user = desk.user(&arguments.user).await?;
            let mut wanted: BTreeSet<Role> = set.as_deref().unwrap_or(&user.roles).iter().cloned().collect();
            wanted.extend(add.iter().cloned());
            wanted.retain(|role| !remove.contains(role));
            let wanted: Vec<Role> = wanted.into_iter().collect();
            if *wanted != *user.roles {
                match desk.users.set_roles(&user, &wanted, Actor::Command, desk.now()).await {
                    // Somebody else changed them: what they are now is what this is about.
                    Err(ChangeError::Elsewhere(_)) if tries > 0 => {
                        tries -= 1;
                        continue;
                    }
                    changed => changed?,
                }
            }
            if arguments.json {
                return out::json(&wanted.iter().map(Role::as_str).collect::<Vec<_>>());
            }
            out::line(&format!("{}: {}", user.username, joined(&wanted)));
            return Ok(());
        }
    })
}

/// Roles as they are written on the line.
pub(super) fn read(texts: &[String]) -> Result<Vec<Role>, Failure> {
    let texts = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    texts
        .map(|text| {
            text.parse()
                .map_err(|error| Fault::new(format!("{text:?} is no role")).hint(format!("{error}")).into())
        })
        .collect()
}

/// Roles for people to read.
pub(super) fn joined(roles: &[Role]) -> String {
    if roles.is_empty() {
        return "no roles".to_owned();
    }
    roles.iter().map(Role::as_str).collect::<Vec<_>>().join(", ")
}
