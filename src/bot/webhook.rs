//! `POST /telegram/webhook`: updates as Telegram delivers them. Owns who is believed to be Telegram.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::Bot;
use crate::clock::Now;
use crate::error::{Error, Kind};
use crate::secret::{fingerprint, same};
use crate::telegram::{Receive, Update};
use crate::web::{self, Response};

/// Where Telegram shows the secret that it was given.
const SECRET: &str = "x-telegram-bot-api-secret-token";

impl Bot {
    /// Whether updates are delivered, and not asked for.
    pub fn is_called(&self) -> bool {
        matches!(self.line.receive, Receive::Webhook(_))
    }

    /// Takes one update, if whoever brings it knows the secret. What was acted upon before is not again.
    pub async fn called(&self, headers: &HeaderMap, body: &Bytes, now: Now) -> Result<Response, Error> {
        let Receive::Webhook(secret) = &self.line.receive else {
            return Err(Error::said(Kind::NotFound, "There is nothing here."));
        };
        let mut shown = headers.get_all(SECRET).iter();
        let is_telegram = match (shown.next(), shown.next()) {
            // Of hashes, so that not even the length is told.
            (Some(shown), None) => {
                shown.to_str().is_ok_and(|shown| same(&fingerprint(shown), &fingerprint(secret.reveal())))
            }
            _ => false,
        };
        if !is_telegram {
            return Err(Error::said(Kind::NotSignedIn, "This address is for Telegram."));
        }
        let Some(update) = Update::read(body) else {
            return Err(Error::said(Kind::Malformed, "This is no update."));
        };
        let Some(bot) = self.line.bot().map(|bot| bot.id) else {
            return Err(Error::unavailable("an update was delivered before Telegram said who the bot is"));
        };
        // One after the other, so that of two deliveries of one update the second is seen as such.
        let _one = self.one_at_a_time.lock().await;
        self.take(bot, update, now.wall).await?;
        Ok(web::json(StatusCode::OK, &json!({})))
    }
}
