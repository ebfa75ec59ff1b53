//! Hearing Telegram: asking for updates again and again, or having them delivered.

use std::convert::Infallible;
use std::time::Duration;

use super::{Bot, commands};
use crate::clock::Wall;
use crate::error::Error;
use crate::state::Way;
use crate::telegram::{Failure, LONGEST_POLL, Receive, Update};
use crate::web::urls;

/// The first wait after a failure; it doubles up to the last.
const WAITS: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(30));
/// The least time between two questions to which there was nothing to tell.
const BREATH: Duration = Duration::from_secs(1);
/// How often an update is tried. One that never succeeds must not keep those after it from being heard.
const TRIES: u32 = 3;
/// How often Telegram is told again where to deliver: somebody may have told it otherwise.
const TOLD_AGAIN: Duration = Duration::from_hours(1);

/// Hears, and after each failure begins anew a little later.
pub(super) async fn hear(bot: &Bot) -> Result<Infallible, Error> {
    let (first, longest) = WAITS;
    let mut wait = first;
    loop {
        let failure = match &bot.line.receive {
            Receive::Polling => ask(bot, &mut wait).await?,
            Receive::Webhook(_) => be_called(bot, &mut wait).await,
        };
        bot.line.fared(Way::Hearing, Err(&failure));
        match failure {
            Failure::TooMany(span) => bot.app.clock.wait(span).await,
            _ => bot.app.clock.wait(wait).await,
        }
        wait = (wait * 2).min(longest);
    }
}

/// Asks for updates until that fails.
async fn ask(bot: &Bot, wait: &mut Duration) -> Result<Failure, Error> {
    let id = match introduce(bot).await {
        Ok(id) => id,
        Err(failure) => return Ok(failure),
    };
    // As long as there is a webhook, nothing can be asked for. Where there is none, nothing happens.
    if let Err(failure) = bot.line.api.delete_webhook().await {
        return Ok(failure);
    }
    loop {
        let last = bot.app.second_factor.telegram.last_update(id, bot.app.clock.now().wall).await?;
        let asked_at = bot.app.clock.now().mono;
        let updates = match bot.line.api.updates(last, LONGEST_POLL).await {
            Ok(updates) => updates,
            Err(failure) => return Ok(failure),
        };
        bot.line.fared(Way::Hearing, Ok(()));
        *wait = WAITS.0;
        let now = bot.app.clock.now();
        if updates.is_empty() && now.mono.since(asked_at) < BREATH {
            // It did not wait for us, whatever it is.
            bot.app.clock.wait(BREATH).await;
        }
        let mut heard = last;
        for update in updates.into_iter().filter(|update| last.is_none_or(|last| update.id > last)) {
            heard = heard.max(Some(update.id));
            if let Err(error) = bot.try_to_act(&update, now.wall).await {
                // Only where this can be written: a store that is down will be back, and the update with it.
                bot.app.second_factor.telegram.heard(id, update.id, now.wall).await?;
                tracing::error!(
                    event = "telegram.passed_over",
                    update = update.id,
                    %error,
                    "what somebody wrote or tapped failed again and again, and is passed over"
                );
            }
        }
        // Once for all of them: of what is acted upon again after an end in between, nothing happens twice.
        if let Some(heard) = heard.filter(|_| heard > last) {
            bot.app.second_factor.telegram.heard(id, heard, now.wall).await?;
        }
    }
}

/// Has updates delivered until Telegram does not agree.
async fn be_called(bot: &Bot, wait: &mut Duration) -> Failure {
    loop {
        let Receive::Webhook(secret) = &bot.line.receive else { return std::future::pending().await };
        let url = bot.app.current.load().site.absolute(urls::TELEGRAM_WEBHOOK);
        let agreed = match introduce(bot).await {
            Ok(_) => bot.line.api.set_webhook(&url, secret).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = agreed {
            return failure;
        }
        bot.line.fared(Way::Hearing, Ok(()));
        *wait = WAITS.0;
        bot.app.clock.wait(TOLD_AGAIN).await;
    }
}

/// Learns who the bot is, and names its commands.
async fn introduce(bot: &Bot) -> Result<i64, Failure> {
    let me = bot.line.api.me().await?;
    let id = me.id;
    if bot.line.bot().is_none() {
        tracing::info!(event = "telegram.ready", bot = me.username);
    }
    bot.line.is(me);
    bot.line.api.set_commands(commands::OFFERED).await?;
    Ok(id)
}

impl Bot {
    /// Acts upon an update, and tries that again where it fails.
    async fn try_to_act(&self, update: &Update, now: Wall) -> Result<(), Error> {
        let mut tries = 1;
        loop {
            match self.act(update.clone(), now).await {
                Err(_) if tries < TRIES => self.app.clock.wait(BREATH).await,
                tried => return tried,
            }
            tries += 1;
        }
    }

    /// Acts upon an update that was delivered, if that was not done before, and notes that it is done.
    pub(super) async fn take(&self, bot: i64, update: Update, now: Wall) -> Result<(), Error> {
        let telegram = &self.app.second_factor.telegram;
        let id = update.id;
        if telegram.last_update(bot, now).await?.is_some_and(|last| id <= last) {
            return Ok(());
        }
        self.act(update, now).await?;
        telegram.heard(bot, id, now).await?;
        Ok(())
    }
}
