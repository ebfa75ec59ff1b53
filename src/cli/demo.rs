//! `aegis demo`: the show, and what it takes to try it. Ends with Ctrl-C.

use super::log::Log;
use super::signals::Signals;
use super::{Common, Failure, Outcome, out};
use crate::clock::Clock;
use crate::config::{LogSettings, Placed};
use crate::demo::{self, Invitation};
use crate::error::Fault;

/// Shows everything until it is told to end.
pub(super) fn run(common: &Common) -> Outcome {
    if common.config.is_some() || common.data_dir.is_some() {
        let fault = Fault::new("the demo has settings and data of its own, and takes no others");
        return Err(fault.hint("leave --config and --data-dir out; `aegis serve` has both").into());
    }
    let level = Placed::of("warn".to_owned());
    let format = Some(Placed::of("text".to_owned()));
    Log::from_settings(&LogSettings { level, format }).map_err(Failure::Failed)?.start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("aegis-worker")
        .worker_threads(2)
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .map_err(|error| Failure::said(format!("cannot start: {error}")))?;
    let shown = runtime.block_on(async {
        let mut signals =
            Signals::hear().map_err(|error| Failure::said(format!("cannot hear signals: {error}")))?;
        let shutdown = async {
            // There are no settings to read anew: whatever is asked, it is the end.
            let _asked = signals.next().await;
        };
        demo::show(Clock::system(), invite, shutdown).await.map_err(Failure::Failed)
    });
    runtime.shutdown_background();
    shown
}

fn invite(invitation: &Invitation) {
    let Invitation { address, username, password, phone, proxy, config } = invitation;
    let aegis = std::env::args().next().unwrap_or_else(|| "aegis".to_owned());
    let lines = [
        "Aegis, a small app, a proxy before it and a pretend phone, on this machine alone.".to_owned(),
        String::new(),
        format!("Open      {address}"),
        format!("Name      {username}"),
        format!("Password  {}", password.reveal()),
        format!("Phone     {phone}"),
        String::new(),
        format!("Proxy     {}", out::tame(proxy)),
        String::new(),
        "Try       Open the phone beside it, sign in, and tap the number that the page shows.".to_owned(),
        "          The app shows what it is told of you, and never sees your password.".to_owned(),
        format!("          {address}admin needs a role that {username} lacks. Why, in another terminal:"),
        format!("          {aegis} explain --last --config {}", config.display()),
        format!("          A program is refused and not redirected: curl -i {address}"),
        String::new(),
        "Ctrl-C ends it, and leaves nothing behind.".to_owned(),
    ];
    out::boxed(&lines.each_ref().map(String::as_str));
}
