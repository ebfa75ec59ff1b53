//! `aegis telegram`.

use clap::{Args, Subcommand};
use maud::html;

use super::desk;
use super::{Common, Failure, Outcome, out};
use crate::error::Fault;
use crate::second_factor::telegram::TelegramLinks;
use crate::telegram::{Message, Telegram, shown};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Send a message to the chat that is linked with a user, and say what came of it
    Test(Arguments),
}

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// A username or an e-mail
    user: String,
}

/// Runs it.
pub(super) fn run(common: &Common, command: Command) -> Outcome {
    let Command::Test(arguments) = command;
    desk::existing(common, async |desk| {
        let Some(options) = desk.telegram.clone() else {
            return Err(Fault::new("the configuration has no [telegram]")
                .hint("docs/telegram.md says how to make a bot")
                .into());
        };
        let user = desk.user(&arguments.user).await?;
        let Some(link) = TelegramLinks::new(desk.store.clone()).of(user.id).await? else {
            return Err(Fault::new(format!("{} is not linked with Telegram", user.username))
                .hint("that is done on the account page, signed in as that user")
                .into());
        };
        let telegram = Telegram::new(options)?;
        let failed = |failure: crate::telegram::Failure| {
            Failure::from(Fault::new(failure.to_string()).hint(failure.hint()))
        };
        let bot = telegram.me().await.map_err(failed)?;
        let host = desk.site().public_url().host().as_str().to_owned();
        let message = Message::new(html! {
            "This is a test by whoever runs " code { (shown(&host, 60)) } ": messages reach you here. "
            "There is nothing to do."
        });
        telegram.send(link.chat, &message).await.map_err(failed)?;
        out::line(&format!(
            "@{} wrote to {}, who approves sign-ins of {}",
            out::tame(&bot.username),
            out::tame(&link.name),
            user.username
        ));
        if let Some(why) = &link.broken {
            out::line(&format!(
                "sign-ins are not asked for there since a message did not arrive ({why}): they are again \
                 once that person writes anything to the bot"
            ));
        }
        Ok(())
    })
}
