//! Updates, delivered where the webhook says. One at a time, in their order, again until it is taken.

use std::convert::Infallible;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HOST};
use serde_json::Value;

use super::BotApi;
use super::world::Webhook;

/// How long one delivery may take.
const LIMIT: Duration = Duration::from_secs(10);
/// How long after one that was not taken the next is tried.
const PAUSE: Duration = Duration::from_secs(1);

impl BotApi {
    /// Delivers, for ever.
    pub(super) async fn deliver(&self) -> Infallible {
        loop {
            let (webhook, id, update) = self
                .wait_for(|world| {
                    let (id, update) = world.updates.front()?;
                    Some((world.webhook.clone()?, *id, update.clone()))
                })
                .await;
            if self.post(&webhook, &update).await {
                self.change(|world| world.updates.retain(|(other, _)| *other != id));
            } else {
                self.0.clock.wait(PAUSE).await;
            }
        }
    }

    /// Whether the update was taken.
    async fn post(&self, webhook: &Webhook, update: &Value) -> bool {
        let Ok(mut url) = reqwest::Url::parse(&webhook.url) else { return false };
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        if let Some(address) = self.0.world.lock().delivered_to {
            let moved = url.set_scheme("http").is_ok()
                && url.set_ip_host(address.ip()).is_ok()
                && url.set_port(Some(address.port())).is_ok();
            if !moved {
                return false;
            }
        }
        let mut request = self.0.client.post(url).timeout(LIMIT);
        request =
            request.header(HOST, host).header(CONTENT_TYPE, "application/json").body(update.to_string());
        if let Some(secret) = &webhook.secret {
            request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
        }
        request.send().await.is_ok_and(|answer| answer.status().is_success())
    }
}
