//! `aegis serve`: checks everything, opens everything, answers, and ends in order.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use clap::Args;
use tokio::sync::oneshot;

use super::log::Log;
use super::signals::{Asked, Signals};
use super::{Common, Failure, Listen, Outcome, first_steps, process, settings};
use crate::clock::Clock;
use crate::config::Settings;
use crate::error::{Fault, Faults};
use crate::serve::routes::Routes;
use crate::serve::tasks::Tasks;
use crate::serve::{Drained, Limits, Listener, listen, notify};
use crate::state::App;

/// Files that are open beside the connections: the store's, logs, those being sent away.
const OTHER_FILES: u64 = 128;
/// Connections that are allowed even so.
const FEWEST_CONNECTIONS: u32 = 16;
/// How long background tasks may take to stop.
const TASKS_STOP: Duration = Duration::from_secs(2);
/// How often the last uses of sessions are written.
const FLUSH: Duration = Duration::from_mins(1);
/// How often what is over is forgotten.
const FORGET: Duration = Duration::from_hours(1);
/// How often the parts without which nothing can be answered are looked at.
const LOOK: Duration = Duration::from_secs(1);

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
    for warning in &settings.warnings {
        tracing::warn!(event = "configuration.warning", "{warning}");
    }
    for note in prepared.current.policy.notes() {
        tracing::info!(event = "configuration.note", "{note}");
    }
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
    app.seed(settings).await?;
    first_steps::tell(app).await?;
    let feed = Feed::start(app)?;
    let tasks = Arc::new(Tasks::new(app.clock.clone()));
    start_tasks(&tasks, app);
    let healths = tasks.clone();
    let routes = Arc::new(Routes::new(
        app,
        Arc::new(move || {
            let runs = |health: &crate::serve::tasks::Health| health.running_since.is_some();
            healths.health().iter().map(|health| (health.name, runs(health))).collect()
        }),
    ));
    if let Some(interval) = notify::watchdog() {
        let (clock, routes) = (app.clock.clone(), routes.clone());
        tasks.start("watchdog", move || {
            let (clock, routes) = (clock.clone(), routes.clone());
            async move {
                let well = clock.clone();
                let alive = move || routes.status.is_well(well.now());
                Ok(notify::feed_watchdog(clock, interval, alive).await)
            }
        });
    }
    let on: Vec<String> = listeners.iter().map(ToString::to_string).collect();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async {
        let _told = stopped.await;
    };
    let server = crate::serve::run(listeners, routes, limits, stopped);
    tokio::pin!(server);
    let mut stop = Some(stop);
    let mut lost = None;
    let on = on.join(", ");
    tracing::info!(event = "server.ready", on, version = env!("CARGO_PKG_VERSION"), "ready");
    notify::ready(&format!("answers at {on}"));
    let drained = loop {
        tokio::select! {
            drained = &mut server => break drained,
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
            () = app.clock.wait(LOOK), if lost.is_none() => {
                lost = missing(app, &feed);
                if let Some(part) = lost {
                    tracing::error!(event = "server.broken", part, "a part ended that nothing works without");
                    drop(stop.take());
                }
            }
        }
    };
    let stuck = tasks.stop(TASKS_STOP).await;
    if let Err(error) = app.sessions.flush().await {
        tracing::warn!(event = "sessions.unwritten", reason = %error, "the last uses of sessions were not written");
    }
    app.passwords.close();
    feed.stop();
    app.store.close().await;
    ended(drained, &stuck, lost)
}

/// The part that ended by itself although nothing works without it.
fn missing(app: &App, feed: &Feed) -> Option<&'static str> {
    if !app.store.is_writer_alive() {
        return Some("the writer of the store");
    }
    feed.has_ended().then_some("the listener to the change feed")
}

fn start_tasks(tasks: &Tasks, app: &Arc<App>) {
    let house = app.clone();
    tasks.start("last-uses", move || {
        let app = house.clone();
        async move {
            loop {
                app.clock.wait(FLUSH).await;
                app.sessions.flush().await?;
            }
        }
    });
    let house = app.clone();
    tasks.start("forgetting", move || {
        let app = house.clone();
        async move {
            loop {
                app.clock.wait(FORGET).await;
                let now = app.clock.now().wall;
                app.sessions.forget_old(now).await?;
                app.attempts.forget_old(now).await?;
            }
        }
    });
}

/// The thread that hears what other processes change.
struct Feed {
    wake: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Feed {
    fn start(app: &Arc<App>) -> Result<Self, Fault> {
        let watcher = app.store.watcher()?;
        let (wake, woken) = mpsc::channel();
        let changes = app.changes.clone();
        let thread = std::thread::Builder::new()
            .name("aegis-changes".into())
            .spawn(move || changes.listen(watcher, &woken))
            .map_err(|error| Fault::new(format!("cannot start a thread: {error}")))?;
        // Asked at once, so that the first check finds the feed heard.
        let _heard = wake.send(());
        Ok(Self { wake, thread })
    }

    fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    fn stop(self) {
        drop(self.wake);
        let _ended = self.thread.join();
    }
}

/// Reads the settings anew: one swap, or no change and the faults in the log.
fn reload(common: &Common, arguments: &Arguments, app: &App) {
    let prepared = settings::read(common, &arguments.at.listen).and_then(|settings| {
        let mut faults = Faults::default();
        kept(listen::parse(&settings.listen), &mut faults);
        match kept(App::prepare(&settings), &mut faults) {
            Some(prepared) if faults.0.is_empty() => Ok(prepared),
            Some(_) | None => Err(Failure::Configuration(faults)),
        }
    });
    match prepared {
        Ok(prepared) => {
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
                tracing::error!(event = "reload.refused", "{fault}");
            }
        }
    }
}

/// Done, or failed with the names of what was cut.
fn ended(drained: Drained, stuck: &[&str], lost: Option<&str>) -> Outcome {
    let mut faults = Faults::default();
    if let Some(part) = lost {
        faults.add(Fault::new(format!("{part} ended, and nothing works without it")));
    }
    if let Some(why) = drained.fault {
        faults.add(Fault::new(format!("a listener ended: {why}")));
    }
    for request in &drained.cut {
        faults.add(Fault::new(format!("cut before it was answered: {request}")));
    }
    for task in stuck {
        faults.add(Fault::new(format!("the task `{task}` did not stop")));
    }
    for fault in &faults.0 {
        tracing::error!(event = "server.cut", "{}", fault.message);
    }
    tracing::info!(event = "server.ended", "ended");
    faults.or(()).map_err(Failure::Failed)
}
