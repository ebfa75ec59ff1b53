//! The bot on Telegram: whether it can be asked, and who it is.

use super::PATIENCE;
use super::finding::Finding;
use crate::telegram::{Options, Receive, Telegram};

const ABOUT: &str = "telegram";

/// Asks Telegram who the bot is. Changes nothing there.
pub(super) async fn look(options: Option<Options>) -> Finding {
    let Some(options) = options else {
        let what = "the configuration has no [telegram]: nobody is asked there";
        return Finding::note(ABOUT, what).hint("docs/telegram.md says what it would do");
    };
    let hears = match options.receive {
        Receive::Polling => "asks for updates",
        Receive::Webhook(_) => "has updates delivered",
    };
    let telegram = match Telegram::new(options.with_limit(PATIENCE)) {
        Ok(telegram) => telegram,
        Err(fault) => return Finding::fault(ABOUT, fault),
    };
    match telegram.me().await {
        Ok(bot) => Finding::ok(ABOUT, format!("the bot is @{}, and {hears}", bot.username)),
        Err(failure) => Finding::wrong(ABOUT, failure.to_string()).hint(failure.hint()),
    }
}
