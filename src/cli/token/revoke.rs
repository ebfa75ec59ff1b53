//! `aegis token revoke`.

use clap::{ArgGroup, Args};

use crate::cli::desk::Desk;
use crate::cli::{Common, Outcome, desk, out};
use crate::error::Fault;
use crate::identity::{Actor, ApiTokenId};

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("which").required(true).args(["token", "user"]))]
pub(in crate::cli) struct Arguments {
    /// The token, as `token list` shows it (not the token itself)
    token: Option<String>,
    /// All tokens of this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

/// Revokes tokens.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    desk::existing(common, async |desk| {
        if let Some(token) = &arguments.token {
            return one(desk, token).await;
        }
        if let Some(user) = &arguments.user {
            let user = desk.user(user).await?;
            desk.api_tokens.revoke_all(user.id, Actor::Command, desk.now()).await?;
            out::line(&format!("{} has no tokens any more", user.username));
        }
        Ok(())
    })
}

async fn one(desk: &Desk, text: &str) -> Outcome {
    let token = match text.parse::<ApiTokenId>() {
        Ok(id) => desk.api_tokens.by_id(id).await?,
        Err(_) => None,
    };
    // What was typed is not repeated: it may be the token itself.
    let Some(token) = token else {
        return Err(Fault::new("there is no token of that id")
            .hint("`aegis token list` shows them with their ids; --user USER revokes all of one user")
            .into());
    };
    let revoked = desk.api_tokens.revoke(token.user, token.id, Actor::Command, None, desk.now()).await?;
    let said = if revoked { "revoked" } else { "it was revoked already:" };
    out::line(&out::tame(&format!("{said} the token {:?} of {}", token.name, token.username)));
    Ok(())
}
