//! `aegis serve`: checks everything, opens everything, answers, and ends in order.

use std::sync::Arc;

use clap::Args;
use tokio::sync::oneshot;

use super::log::Log;
use super::signals::{Asked, Signals};
use super::{Common, Failure, Listen, Outcome, first_steps, process, settings};
use crate::clock::Clock;
use crate::config::Settings;
use crate::error::{Fault, Faults};
use crate::serve::house::House;
use crate::serve::{Limits, Listener, listen, notify};
use crate::state::{App, NotSeeded, Prepared};

/// Files that are open beside the connections: the store's, logs, those being sent away.
const OTHER_FILES: u64 = 128;
/// Connections that are allowed even so.
const FEWEST_CONNECTIONS: u32 = 16;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    at: Listen,
}

/// Serves until it is told to end.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let settings = settings::read(common, &arguments.at.listen)?;
    let mut faults = Faults::default();
    let log = kept(Log::from_settings(&settings.log), &mut faults);
    let addresses = kept(listen::parse(&settings.listen), &mut faults);
    let limits = kept(Limits::from_settings(&settings.limits), &mut faults);
    let prepared = kept(App::prepare(&settings), &mut faults);
    let (Some(log), Some(addresses), Some(limits), Some(prepared)) = (log, addresses, limits, prepared)
    else {
        return Err(Failure::Configuration(faults));
    };
    log.start();
    let limits = that_fit(limits, process::raise_open_files());
    tell_notes(&settings, &prepared);
    let app = App::open(prepared, &settings, Clock::system())?;
    // Before the runtime: it has threads, and sockets of systemd are taken from the environment.
    let listeners = Listener::bind(&addresses).map_err(Failure::Failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("aegis-worker")
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .map_err(|error| Failure::said(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(serve(common, arguments, &settings, &app, listeners, limits));
    // Whatever still runs was named already, or a second signal wanted it so.
    runtime.shutdown_background();
    outcome
}

/// The limits, with no more connections than there are `files` for: one too many is told so with 503,
/// while without files nobody could be let in, not even to be told.
fn that_fit(mut limits: Limits, files: u64) -> Limits {
    let fit = u32::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(u32::MAX).max(FEWEST_CONNECTIONS);
    if fit < limits.connections {
        tracing::warn!(
            event = "files.few",
            files,
            connections = fit,
            asked = limits.connections,
            "fewer connections than configured, because few files may be open; raise LimitNOFILE"
        );
        limits.connections = fit;
    }
    limits
}

/// What is not wrong with the settings, and should be said.
fn tell_notes(settings: &Settings, prepared: &Prepared) {
    for warning in &settings.warnings {
        let (said, hint) = apart(warning);
        tracing::warn!(event = "configuration.warning", hint, "{said}");
    }
    for note in prepared.current.policy.notes() {
        let (said, hint) = apart(note);
        tracing::info!(event = "configuration.note", hint, "{said}");
    }
}

/// A fault for the log, where it has one line: what is wrong and where, and what to do as a field.
fn apart(fault: &Fault) -> (Fault, Option<String>) {
    let mut said = fault.clone();
    let hint = said.hint.take();
    (said, hint)
}

/// The value, or its faults among the others.
fn kept<T>(read: Result<T, Faults>, faults: &mut Faults) -> Option<T> {
    read.map_err(|more| faults.extend(more)).ok()
}

async fn serve(
    common: &Common,
    arguments: &Arguments,
    settings: &Settings,
    app: &Arc<App>,
    listeners: Vec<Listener>,
    limits: Limits,
) -> Outcome {
    let mut signals =
        Signals::hear().map_err(|error| Failure::said(format!("cannot hear signals: {error}")))?;
    app.seed(settings).await.map_err(|why| match why {
        NotSeeded::Settings(fault) => Failure::Configuration(fault.into()),
        NotSeeded::Failed(error) => error.into(),
    })?;
    first_steps::tell(app).await?;
    let on: Vec<String> = listeners.iter().map(ToString::to_string).collect();
    let on = on.join(", ");
    let house = House::start(app)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = house.serve(listeners, limits, async {
        let _told = stopped.await;
    });
    tokio::pin!(server);
    let mut stop = Some(stop);
    tracing::info!(event = "server.ready", on, version = env!("CARGO_PKG_VERSION"), "ready");
    notify::ready(&format!("answers at {on}"));
    let faults = loop {
        tokio::select! {
            faults = &mut server => break faults,
            asked = signals.next() => match (asked, stop.take()) {
                (Asked::Stop, Some(stop)) => {
                    tracing::info!(event = "server.stopping", "ending; a second signal ends at once");
                    let _heard = stop.send(());
                }
                (Asked::Stop, None) => return Err(Failure::said("ended at once by a second signal")),
                (Asked::Reload, Some(waiting)) => {
                    stop = Some(waiting);
                    notify::reloading();
                    reload(common, arguments, app);
                    notify::ready(&format!("answers at {on}"));
                }
                (Asked::Reload, None) => {}
            },
        }
    };
    tracing::info!(event = "server.ended", "ended");
    faults.or(()).map_err(Failure::Failed)
}

/// Reads the settings anew: one swap, or no change and the faults in the log.
fn reload(common: &Common, arguments: &Arguments, app: &App) {
    let prepared = settings::read(common, &arguments.at.listen).and_then(|settings| {
        let mut faults = Faults::default();
        kept(listen::parse(&settings.listen), &mut faults);
        kept(Limits::from_settings(&settings.limits), &mut faults);
        kept(Log::from_settings(&settings.log), &mut faults);
        match kept(App::prepare(&settings), &mut faults) {
            Some(prepared) if faults.0.is_empty() => Ok((settings, prepared)),
            Some(_) | None => Err(Failure::Configuration(faults)),
        }
    });
    match prepared {
        Ok((settings, prepared)) => {
            tell_notes(&settings, &prepared);
            first_steps::tell_of_no_apps(&prepared.current.policy);
            for setting in app.reload(prepared) {
                tracing::warn!(
                    event = "reload.needs_restart",
                    setting,
                    "this setting changes at the next start"
                );
            }
            tracing::info!(event = "reload.done", "the settings were read anew");
        }
        Err(Failure::Configuration(faults) | Failure::Failed(faults)) => {
            app.refuse_reload();
            for fault in &faults.0 {
                let (said, hint) = apart(fault);
                tracing::error!(event = "reload.refused", hint, "{said}");
            }
        }
    }
}
