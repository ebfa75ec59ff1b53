//! What the service manager is told (`sd_notify(3)`). Without one nothing is said, and nothing fails.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::clock::Clock;

/// The server answers; `status` is shown by `systemctl status`.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The server reads its configuration anew; [`ready`] follows.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The server begins to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("ending")]);
}

/// Says `status` alone.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// How often the service manager wants to hear that we are alive, if it does: half of `WatchdogSec=`.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

/// Says so every `interval` for as long as `alive` says so; to be run as a background task.
pub async fn feed_watchdog(
    clock: Clock,
    interval: Duration,
    alive: impl Fn() -> bool + Send,
) -> std::convert::Infallible {
    loop {
        if alive() {
            tell(&[NotifyState::Watchdog]);
        }
        clock.wait(interval).await;
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(event = "notify.failed", %error);
    }
}
