//! `aegis user link-factor USER`.

use super::One;
use crate::cli::desk::{self, Desk};
use crate::cli::{Common, Failure, Outcome, out};
use crate::error::Fault;
use crate::second_factor::SecondFactor;
use crate::users::User;

/// Prints a link on which somebody adds their first second factor.
pub(super) fn run(common: &Common, one: &One) -> Outcome {
    desk::existing(common, async |desk| {
        let user = desk.user(&one.user).await?;
        let name = &user.username;
        if SecondFactor::has_any(&desk.store, user.id).await? {
            return Err(Fault::new(format!("{name} has a second factor"))
                .hint(format!(
                    "{name} adds more on the account page; `aegis user reset-2fa {name}` takes away one that is lost"
                ))
                .into());
        }
        show(desk, &user).await
    })
}

/// Makes the link and prints it.
pub(super) async fn show(desk: &Desk, user: &User) -> Result<(), Failure> {
    let link = desk.factor_link(user.id).await?;
    out::line(match user.password {
        Some(_) => "Give them this link to add a second factor, with their password (7 days, one use):",
        None => "Give them this link to choose a password and add a second factor (7 days, one use):",
    });
    out::line(&link);
    if !user.active {
        let name = &user.username;
        out::line(&format!("{name} is disabled: nothing opens before `aegis user enable {name}`"));
    }
    Ok(())
}
