//! Which updates of a bot were heard. Owns that one which is delivered again is not acted upon again.

use std::time::Duration;

use super::TelegramLinks;
use crate::clock::Wall;
use crate::store::{Statement, StoreError, Write, WriteError, values};

/// How long the last number says something of the next: after a week without updates Telegram begins
/// anywhere.
const COUNTS: Duration = Duration::from_hours(6 * 24);

static LAST: Statement = Statement::new("select last_update from telegram_heard where bot = $1 and at > $2");
static HEARD: Statement = Statement::new(
    "insert into telegram_heard (bot, last_update, at) values ($1, $2, $3) on conflict (bot) do update \
     set last_update = excluded.last_update, at = excluded.at \
     where telegram_heard.last_update < excluded.last_update or telegram_heard.at <= $4",
);

impl TelegramLinks {
    /// The number of the last update of `bot` that was heard, if that says something of the next one.
    pub async fn last_update(&self, bot: i64, now: Wall) -> Result<Option<i64>, StoreError> {
        let rows = self.store.get(&LAST, values![bot, now.minus(COUNTS)]).await?;
        rows.first().map(|row| row.integer(0)).transpose()
    }

    /// That `update` of `bot` was acted upon. An older one changes nothing.
    pub async fn heard(&self, bot: i64, update: i64, now: Wall) -> Result<(), WriteError> {
        let write = Write::unrecorded("which message was read is nobody's decision")
            .exec(&HEARD, values![bot, update, now, now.minus(COUNTS)]);
        self.store.write(write).await.map(|_| ())
    }
}
