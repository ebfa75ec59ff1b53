//! `aegis user link USER --tailnet LOGIN` and `aegis user unlink USER`.

use clap::Args;

use super::One;
use crate::cli::desk::{self, Desk};
use crate::cli::{Common, Failure, Outcome, out};
use crate::error::Fault;
use crate::identity::{Actor, TailnetLogin};
use crate::store::Write;
use crate::users::{Bound, User, Wish};

#[derive(Args, Debug)]
pub(in crate::cli) struct Link {
    #[command(flatten)]
    one: One,
    /// The login of the person on the tailnet
    #[arg(long, value_name = "LOGIN")]
    tailnet: String,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Unlink {
    #[command(flatten)]
    one: One,
    /// Only this login; without it all of them
    #[arg(long, value_name = "LOGIN")]
    tailnet: Option<String>,
}

/// Has whoever is seen next with the login bound to the account.
pub(super) fn link(common: &Common, arguments: &Link) -> Outcome {
    let login = read(&arguments.tailnet)?;
    desk::existing(common, async |desk| {
        let user = desk.user(&arguments.one.user).await?;
        let (name, shown) = (&user.username, out::tame(login.as_str()));
        match desk.users.wish_link(user.id, &login, Actor::Command, desk.now()).await? {
            Wish::Waits(before) => {
                out::line(&format!(
                    "{shown}: the next person who comes with that login is {name}, and stays so whatever their login becomes"
                ));
                for bound in &before {
                    out::line(&earlier(desk, bound).await?);
                }
                if !before.is_empty() {
                    out::line("a login can be given to somebody else: whoever has it now is let in");
                }
            }
            Wish::Bound(bound) => {
                out::line(&format!("{shown} is {name} already: {}", person(&bound)));
                out::line(&format!(
                    "if somebody else has that login now: `aegis user unlink {name} --tailnet {shown}` and link it again"
                ));
            }
            Wish::Theirs(other) => {
                let other = name_of(desk, other).await?;
                return Err(Fault::new(format!("{shown} is linked to {other}"))
                    .hint(format!("`aegis user unlink {other} --tailnet {shown}` ends that"))
                    .into());
            }
        }
        match configured(desk).into_iter().find(|(key, _)| *key == login) {
            Some((_, other)) if other != name.as_str() => {
                out::line(&format!(
                    "[tailscale.users] names {} for it; this goes before it",
                    out::tame(other)
                ));
            }
            _ => {}
        }
        if desk.settings.tailscale.is_none() {
            out::line("the configuration has no [tailscale]: until it does, nobody is known by the tailnet");
        }
        if !user.active {
            out::line(&format!("{name} is disabled: nothing opens before `aegis user enable {name}`"));
        }
        Ok(())
    })
}

/// Ends what the account has on the tailnet.
pub(super) fn unlink(common: &Common, arguments: &Unlink) -> Outcome {
    let login = arguments.tailnet.as_deref().map(read).transpose()?;
    desk::existing(common, async |desk| {
        let user = desk.user(&arguments.one.user).await?;
        let name = &user.username;
        let ended =
            desk.users.unlink(Write::new(), user.id, login.as_ref(), Actor::Command, desk.now()).await?;
        for bound in &ended.bound {
            out::line(&format!("{} is {name} no more: {}", out::tame(&bound.seen_login), person(bound)));
        }
        for awaited in &ended.awaited {
            out::line(&format!("{} is not waited for any longer", out::tame(&awaited.login)));
        }
        let has_ended = !(ended.bound.is_empty() && ended.awaited.is_empty());
        if has_ended {
            out::line("whom that is about comes in by the tailnet again only after `aegis user link`");
        }
        let mut named = configured_for(desk, &user);
        named.retain(|key| login.as_ref().is_none_or(|login| login == key));
        let lines = named.iter().map(|key| out::tame(key.as_str())).collect::<Vec<_>>().join(", ");
        let told = format!("[tailscale.users] names {name} for {lines}");
        let hint = "take that out of the configuration and reload the server: then it counts no more";
        match (has_ended, named.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => {
                out::line(&format!("{told}: {hint}"));
                Ok(())
            }
            (false, false) => Err(Fault::new(told).hint(hint).into()),
            (false, true) => Err(Fault::new(format!("{name} has no such link to the tailnet"))
                .hint(format!("`aegis user show {name}` shows them"))
                .into()),
        }
    })
}

/// The logins for which `[tailscale.users]` names this user.
pub(super) fn configured_for(desk: &Desk, user: &User) -> Vec<TailnetLogin> {
    let names = configured(desk).into_iter();
    names.filter(|(_, name)| *name == user.username.as_str()).map(|(login, _)| login).collect()
}

fn configured(desk: &Desk) -> Vec<(TailnetLogin, &str)> {
    let Some(tailscale) = &desk.settings.tailscale else { return Vec::new() };
    let users = tailscale.value.users.iter();
    users.filter_map(|(login, name)| Some((login.parse().ok()?, name.value.as_str()))).collect()
}

fn read(text: &str) -> Result<TailnetLogin, Failure> {
    let fault = |error| Fault::new(format!("{text:?} is no login")).hint(format!("{error}"));
    Ok(text.trim().parse().map_err(fault)?)
}

/// Which person of which tailnet that is.
pub(super) fn person(bound: &Bound) -> String {
    let since = bound.since.rfc3339();
    format!("person {} of {}, since {since}", bound.person, out::tame(&bound.tailnet))
}

/// Who was seen with a login before.
async fn earlier(desk: &Desk, bound: &Bound) -> Result<String, Failure> {
    let whose = match bound.account {
        Some(account) => name_of(desk, account).await?,
        None => "whom the configuration names".to_owned(),
    };
    let until = match bound.ended_at {
        Some(ended) => format!("until {}", ended.rfc3339()),
        None if bound.account.is_none() => "until now".to_owned(),
        None => format!("and still is, as {}", out::tame(&bound.seen_login)),
    };
    Ok(format!("it was bound before: {}, was {whose} {until}", person(bound)))
}

async fn name_of(desk: &Desk, account: crate::identity::UserId) -> Result<String, Failure> {
    let user = desk.users.by_id(account).await?;
    Ok(user.map_or("a deleted user".to_owned(), |user| user.username.to_string()))
}
