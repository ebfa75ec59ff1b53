//! `aegis user reset-2fa USER` and `aegis user lost-device USER`: one write each, which a running server hears
//! of within a second.

use clap::Args;

use super::link::configured_for;
use super::{One, link_factor};
use crate::api_tokens::ApiTokens;
use crate::attempts::Attempts;
use crate::audit::{Entry, Event, Recorded};
use crate::cli::desk::{self, Desk};
use crate::cli::{Common, Outcome, out};
use crate::clock::Wall;
use crate::identity::{Actor, UserId};
use crate::links::Links;
use crate::notices::{self, Notice, Noticed};
use crate::second_factor::{Codes, SecondFactor};
use crate::store::Write;
use crate::users::{User, Users};

#[derive(Args, Debug)]
pub(in crate::cli) struct LostDevice {
    #[command(flatten)]
    one: One,
    /// Recovery codes, too: they were on the device
    #[arg(long)]
    all: bool,
}

/// Takes every factor away, and gives the way to a new one.
pub(super) fn reset(common: &Common, one: &One) -> Outcome {
    desk::existing(common, async |desk| {
        let user = desk.user(&one.user).await?;
        desk.store.write(taking_all(Write::new(), user.id, Codes::Void, desk.now())).await?;
        out::line(&format!(
            "{name} has no second factor and no recovery codes any more, and is signed out everywhere",
            name = user.username
        ));
        link_factor::show(desk, &user).await
    })
}

/// Shuts out whoever has a device of somebody's now.
pub(super) fn device(common: &Common, arguments: &LostDevice) -> Outcome {
    desk::existing(common, async |desk| {
        let user = desk.user(&arguments.one.user).await?;
        let codes = if arguments.all { Codes::Void } else { Codes::Kept };
        let base = ApiTokens::end_all(Write::new(), user.id, Actor::Command, desk.now());
        desk.store.write(taking_all(base, user.id, codes, desk.now())).await?;
        let name = &user.username;
        out::line(&format!(
            "{name} is signed out everywhere, and has no API tokens and no second factor any more"
        ));
        out::line(match codes {
            Codes::Void => "the recovery codes are void, too",
            Codes::Kept => {
                "recovery codes on paper stay, beside the next factor; if they were on the device: --all"
            }
        });
        tell_of_tailnet(desk, &user).await?;
        out::line(&format!(
            "then: `aegis user link-factor {name}` for a new factor; if the password was kept on the device: `aegis user passwd {name}`"
        ));
        Ok(())
    })
}

/// Adds to `base` that nothing is left by which `user`, who is deleted, could be recognised or written to.
pub(super) fn forgetting(base: Write, user: UserId, now: Wall) -> Write {
    let write = ApiTokens::end_all(base, user, Actor::Command, now);
    notices::forgetting(without_means(write, user, Codes::Void, now), user)
}

/// No factor, remembered browser or link.
fn without_means(base: Write, user: UserId, codes: Codes, now: Wall) -> Write {
    let write = SecondFactor::removing_all(base, user, codes, now);
    let write = Attempts::forgetting_devices(write, user, Actor::Command, now);
    Links::voiding(write, user, now)
}

/// All factors, sessions, remembered browsers and links.
fn taking_all(base: Write, user: UserId, codes: Codes, now: Wall) -> Write {
    // The notice first: it goes to the chat that is linked until then.
    let write = base.notice(user, &Notice::FactorsReset, now);
    let write = without_means(write, user, codes, now);
    let entry = Entry::new(Event::FactorsReset, Actor::Command).about(user);
    Users::ending_sessions(write.audit(entry, now), user, Actor::Command, now)
}

/// What Aegis cannot do: a device is in a tailnet until it is taken out there.
async fn tell_of_tailnet(desk: &Desk, user: &User) -> Outcome {
    let links = desk.users.tailnet_links_of(user.id).await?;
    let bound = links.bound.iter().map(|bound| out::tame(&bound.seen_login));
    let configured = configured_for(desk, user);
    let configured = configured.iter().map(|login| out::tame(login.as_str()));
    let mut logins: Vec<String> = bound.chain(configured).collect();
    logins.sort_unstable();
    logins.dedup();
    if !logins.is_empty() {
        let name = &user.username;
        out::line(&format!(
            "on the tailnet, the devices of {} come in as {name}: take the lost one out of the tailnet in its admin console (for Tailscale, https://login.tailscale.com/admin/machines)",
            logins.join(", ")
        ));
    }
    Ok(())
}
