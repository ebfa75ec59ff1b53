//! The last active administrator, whom no command takes away unless it is told to.

use crate::audit::{Entry, Event, Recorded as _};
use crate::cli::desk::Desk;
use crate::cli::{Failure, Outcome};
use crate::error::Fault;
use crate::identity::Actor;
use crate::store::Write;
use crate::users::{ChangeError, Leaves, User};

/// What a change must leave behind, with `--force` or without.
pub(super) fn leaves(force: bool) -> Leaves {
    if force { Leaves::Perhaps } else { Leaves::AnAdministrator }
}

/// What came of a change. That it was refused for this reason is recorded.
pub(super) async fn outcome(
    desk: &Desk,
    user: &User,
    asked: &'static str,
    changed: Result<(), ChangeError>,
) -> Outcome {
    match changed {
        Err(ChangeError::LastAdministrator) => {
            let entry = Entry::new(Event::AdministrationRefused, Actor::Command)
                .about(user.id)
                .with("asked", asked)
                .with("why", "the last active administrator");
            desk.store.write(Write::new().audit(entry, desk.now())).await?;
            Err(Failure::from(
                Fault::new(format!("{} is the last active administrator", user.username))
                    .hint("make somebody else one first (`aegis user admin USER`), or add --force"),
            ))
        }
        other => Ok(other?),
    }
}
