//! `aegis serve`: checks everything, opens everything, answers, and ends in order.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::log::Log;
use super::signals::{Asked, Signals};
use super::{Common, Failure, Listen, Outcome, process, settings};
use crate::clock::Clock;
use crate::error::{Fault, Faults};
use crate::serve::tasks::Tasks;
use crate::serve::{Answer, Drained, Limits, Listener, Peer, listen, notify};

/// Files that are open beside the connections: the store's, logs, those being sent away.
const OTHER_FILES: u64 = 128;
/// Connections that are allowed even so.
const FEWEST_CONNECTIONS: u32 = 16;
/// How long background tasks may take to stop.
const TASKS_STOP: Duration = Duration::from_secs(2);

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
    // HOLE: `App::prepare(&settings)`, whose faults are told with these.
    let (Some(log), Some(addresses), Some(limits)) = (log, addresses, limits) else {
        return Err(Failure::Configuration(faults));
    };
    log.start();
    let limits = that_fit(limits, process::raise_open_files());
    // HOLE: the data directory, its lock and the store come before the listeners.
    // Before the runtime: it has threads, and sockets of systemd are taken from the environment.
    let listeners = Listener::bind(&addresses).map_err(Failure::Failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("aegis-worker")
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .map_err(|error| Failure::said(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(serve(listeners, limits));
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

async fn serve(listeners: Vec<Listener>, limits: Limits) -> Outcome {
    let mut signals =
        Signals::hear().map_err(|error| Failure::said(format!("cannot hear signals: {error}")))?;
    let clock = Clock::system();
    let tasks = Tasks::new(clock.clone());
    if let Some(interval) = notify::watchdog() {
        // HOLE: alive is what `/health` says of the writer and the feed.
        tasks.start("watchdog", move || {
            let clock = clock.clone();
            async move { Ok(notify::feed_watchdog(clock, interval, || true).await) }
        });
    }
    let on: Vec<String> = listeners.iter().map(ToString::to_string).collect();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async {
        let _told = stopped.await;
    };
    let server = crate::serve::run(listeners, Arc::new(Nothing), limits, stopped);
    tokio::pin!(server);
    let mut stop = Some(stop);
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
                    reload(&on);
                }
                (Asked::Reload, None) => {}
            },
        }
    };
    let stuck = tasks.stop(TASKS_STOP).await;
    // HOLE: counters, then writer and checkpoint.
    ended(drained, &stuck)
}

/// HOLE: reads the settings anew; one swap, or no change and the faults in the log.
fn reload(on: &str) {
    notify::reloading();
    tracing::warn!(event = "reload.not_built", "the configuration is read at the start only");
    notify::ready(&format!("answers at {on}"));
}

/// Done, or failed with the names of what was cut.
fn ended(drained: Drained, stuck: &[&str]) -> Outcome {
    let mut faults = Faults::default();
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

/// HOLE: stands where the doors will be.
struct Nothing;

impl Answer for Nothing {
    async fn answer(&self, _peer: Peer, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() == "/health" {
            return Response::new(Full::new(Bytes::from_static(b"{\"status\":\"ok\"}")));
        }
        self.panicked(request.uri().path())
    }

    fn panicked(&self, _path: &str) -> Response<Full<Bytes>> {
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_no_more_than_there_are_files_for() {
        for (files, connections) in [(u64::MAX, 1024), (65_536, 1024), (256, 128), (64, 16), (0, 16)] {
            let limits = that_fit(Limits::default(), files);
            assert_eq!(limits.connections, connections, "with {files} files");
        }
    }

    #[test]
    fn what_was_cut_is_a_failure_with_its_names() {
        assert!(ended(Drained::default(), &[]).is_ok());
        let drained = Drained { cut: vec!["GET /x".into()], fault: None };
        let Err(Failure::Failed(faults)) = ended(drained, &["feed"]) else { panic!("that was no success") };
        let told = faults.to_string();
        assert!(told.contains("GET /x") && told.contains("`feed`"), "{told}");
    }
}
