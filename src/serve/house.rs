//! The whole house, answering: what runs beside the doors, the doors themselves, and their end in order.
//!
//! Promises: `aegis serve` and `aegis demo` run this and nothing else; whoever was answered is named
//! if cut, and what was gathered in memory is written before the store closes.
//! Never: reads a setting or hears a signal; its caller says when to end.

use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use tokio::sync::oneshot;

use super::control::{self, Control};
use super::routes::Routes;
use super::tasks::{Health, Tasks};
use super::{Drained, Limits, Listener, notify, run};
use crate::error::{Error, Fault, Faults};
use crate::state::App;

/// How long background tasks may take to stop.
const TASKS_STOP: Duration = Duration::from_secs(2);
/// How often the last uses of sessions and API tokens are written.
const FLUSH: Duration = Duration::from_mins(1);
/// How often what is over is forgotten.
const FORGET: Duration = Duration::from_hours(1);
/// How often the clock, and the parts without which nothing can be answered, are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How far the clock is set back where that is worth a word: what keeps it right moves it by less.
const SET_BACK: Duration = Duration::from_secs(5);

/// A house whose background work runs, ready to answer.
pub struct House {
    app: Arc<App>,
    feed: Feed,
    tasks: Arc<Tasks>,
    routes: Arc<Routes>,
    control: Option<Listener>,
}

impl House {
    /// Starts what runs beside the answers. To be called in the runtime that [`serve`](Self::serve)s.
    pub fn start(app: &Arc<App>) -> Result<Self, Fault> {
        let feed = Feed::start(app)?;
        let tasks = Arc::new(Tasks::new(app.clock.clone()));
        start_tasks(&tasks, app);
        start_tailscale(&tasks, app);
        let healths = tasks.clone();
        let routes = Arc::new(Routes::new(
            app,
            Arc::new(move || {
                let runs = |health: &Health| health.running_since.is_some();
                healths.health().iter().map(|health| (health.name, runs(health))).collect()
            }),
        ));
        start_telegram(&tasks, &routes);
        start_watchdog(&tasks, app, &routes);
        Ok(Self { app: app.clone(), feed, tasks, routes, control: control::listen(app) })
    }

    /// Answers at `listeners` until `shutdown` comes to its end or a part is lost, then drains, writes
    /// what is in memory and closes the store. Says what went wrong on the way.
    pub async fn serve(
        self,
        listeners: Vec<Listener>,
        limits: Limits,
        shutdown: impl Future<Output = ()>,
    ) -> Faults {
        let Self { app, feed, tasks, routes, control } = self;
        let lost = OnceLock::new();
        let end = async {
            tokio::select! {
                () = shutdown => {}
                part = missing(&app, &feed) => {
                    tracing::error!(event = "server.broken", part, "a part ended that nothing works without");
                    let _first = lost.set(part);
                }
            }
        };
        let (over, is_over) = oneshot::channel::<()>();
        let answered = async {
            let drained = run(listeners, routes.clone(), limits, end).await;
            drop(over);
            drained
        };
        let asked = async {
            let Some(listener) = control else { return };
            let control = Arc::new(Control::new(&app, &routes));
            let until = async {
                let _over = is_over.await;
            };
            let _drained = run(vec![listener], control, control::limits(), until).await;
        };
        let (drained, ()) = tokio::join!(answered, asked);
        let stuck = tasks.stop(TASKS_STOP).await;
        for written in [app.sessions.flush().await, app.api_tokens.flush().await] {
            if let Err(error) = written {
                tracing::warn!(event = "last_uses.unwritten", reason = %error, "the last uses of sessions and tokens were not all written");
            }
        }
        app.passwords.close();
        feed.stop();
        app.store.close().await;
        faults(drained, &stuck, lost.into_inner())
    }
}

/// The part that ended by itself although nothing works without it; waits until there is one.
async fn missing(app: &App, feed: &Feed) -> &'static str {
    let mut told = false;
    loop {
        app.clock.wait(LOOK).await;
        told = tell_of_clock(app.clock.behind(), told);
        if !app.store.is_writer_alive() {
            return "the writer of the store";
        }
        if feed.has_ended() {
            return "the listener to the change feed";
        }
    }
}

/// Says once that the clock was set back, for as long as it is behind; whether that was said.
fn tell_of_clock(behind: Duration, told: bool) -> bool {
    let is_back = behind >= SET_BACK;
    if is_back && !told {
        tracing::warn!(
            event = "clock.set_back",
            seconds = behind.as_secs(),
            hint = "set it right, and restart Aegis; what was opened meanwhile lives longer by as much",
            "the machine's clock was set back: here the time stands still until it has caught up, codes of \
             authenticator apps are refused, and tokens say that they are made later than it is"
        );
    }
    is_back
}

fn start_tasks(tasks: &Tasks, app: &Arc<App>) {
    let house = app.clone();
    tasks.start("last-uses", move || {
        let app = house.clone();
        async move {
            loop {
                app.clock.wait(FLUSH).await;
                app.sessions.flush().await?;
                app.api_tokens.flush().await?;
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
                app.api_tokens.forget_old(now).await?;
                app.attempts.forget_old(now).await?;
                app.second_factor.passkeys.forget_old(now).await?;
                app.second_factor.challenges.forget_old(now).await?;
                app.second_factor.telegram.forget_old(now).await?;
            }
        }
    });
}

/// Hears what changes on the tailnet, where there is one.
fn start_tailscale(tasks: &Tasks, app: &App) {
    let Some(tailnet) = &app.authenticate.tailnet else { return };
    let tailscale = tailnet.tailscale.clone();
    tasks.start("tailscale", move || {
        let tailscale = tailscale.clone();
        async move { tailscale.listen().await }
    });
}

/// Hears and says what there is on Telegram, where there is a bot.
pub fn start_telegram(tasks: &Tasks, routes: &Routes) {
    let Some(bot) = &routes.bot else { return };
    let listener = bot.clone();
    tasks.start("telegram-hearing", move || {
        let bot = listener.clone();
        async move { bot.hear().await }
    });
    let speaker = bot.clone();
    tasks.start("telegram-saying", move || {
        let bot = speaker.clone();
        async move { bot.say().await }
    });
}

fn start_watchdog(tasks: &Tasks, app: &App, routes: &Arc<Routes>) {
    let Some(interval) = notify::watchdog() else { return };
    let (clock, routes) = (app.clock.clone(), routes.clone());
    tasks.start("watchdog", move || {
        let (clock, routes) = (clock.clone(), routes.clone());
        async move {
            let well = clock.clone();
            let alive = move || routes.status.is_well(well.now());
            Ok::<Infallible, Error>(notify::feed_watchdog(clock, interval, alive).await)
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
        // Heard once before anybody is told that the house is ready: until then it would be unwell.
        let feed = app
            .changes
            .tune_in(app.store.watcher()?)
            .map_err(|error| Fault::new(format!("the change feed is not heard: {error}")))?;
        let (wake, woken) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("aegis-changes".into())
            .spawn(move || feed.listen(&woken))
            .map_err(|error| Fault::new(format!("cannot start a thread: {error}")))?;
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

/// What was cut, stuck or lost, by name.
fn faults(drained: Drained, stuck: &[&str], lost: Option<&str>) -> Faults {
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
    faults
}
