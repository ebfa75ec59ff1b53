//! Aegis inside the test's own process: real sockets, real store, and a clock in the test's hand.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use aegis::clock::{Clock, Manual, Wall};
use aegis::config::{self, Settings, Sources};
use aegis::error::Faults;
use aegis::identity::{Actor, Method, SessionId, UserId};
use aegis::password::StoredHash;
use aegis::secret::Secret;
use aegis::serve::house::start_telegram;
use aegis::serve::routes::Routes;
use aegis::serve::tasks::Tasks;
use aegis::serve::{self, Drained, Limits, Listener, listen};
use aegis::sign_in::Arrival;
use aegis::state::App;
use aegis::store::Write;
use aegis::users::{NewUser, User};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::lab::address;
use crate::lab::client::{Answer, Ask};

/// Where people reach this Aegis.
pub(crate) const PORTAL: &str = "auth.example.com";
/// The password of everybody here.
pub(crate) const PASSWORD: &str = "seven lanterns over the harbour";
/// 2026-11-21, 09:12:54 UTC.
pub(crate) const START: Wall = Wall(1_795_252_374_000);

/// Whether checks may be answered from memory. It may not change a verdict, so cases run both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    On,
    Off,
}

impl Memory {
    /// `[limits] remembered`, in MiB.
    fn remembered(self) -> u32 {
        match self {
            Self::On => 32,
            Self::Off => 0,
        }
    }
}

/// A server that runs in this process.
pub(crate) struct House {
    pub(crate) app: Arc<App>,
    pub(crate) hand: Arc<Manual>,
    pub(crate) at: SocketAddr,
    pub(crate) memory: Memory,
    clock: Clock,
    folder: PathBuf,
    running: Option<Running>,
    runtime: Option<Runtime>,
    names: AtomicUsize,
}

/// A session that was opened without a sign-in.
pub(crate) struct Admitted {
    pub(crate) session: SessionId,
    /// As `name=value`.
    pub(crate) cookie: String,
}

/// What ends with the server and begins anew with the next.
struct Running {
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<Drained>,
    feed: Option<Feed>,
    tasks: Tasks,
}

struct Feed {
    wake: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

static SHARED: LazyLock<[House; 2]> =
    LazyLock::new(|| [House::open(Memory::On, APPS), House::open(Memory::Off, APPS)]);

/// Apps of every kind.
pub(crate) const APPS: &str = r#"
public_url = "https://auth.example.com"
[cookie]
domain = "example.com"

[app.open]
hosts = ["open.example.com"]
require = "public"

[app.welcome]
hosts = ["welcome.example.com"]
require = "optional"

[app.closed]
hosts = ["closed.example.com", "*.closed.example.com"]
require = "signed_in"
public = ["/hooks"]
[[app.closed.rule]]
path = "/admin/*"
roles = ["admin"]
[[app.closed.rule]]
path = "/never/*"
require = "deny"
[[app.closed.rule]]
path = "/write/*"
methods = ["POST"]
roles = ["writer"]

[app.other]
hosts = ["other.example.com"]
require = "signed_in"
remote_user = "email"

[app.basic]
hosts = ["basic.example.com"]
require = "signed_in"
challenge = "basic"

[app.passing]
hosts = ["passing.example.com"]
require = "signed_in"
preflight = "pass"

[app.guarded]
hosts = ["guarded.example.com"]
require = "signed_in"
assets = "protected"
remote_user = "id"

[app.port]
hosts = ["port.example.com:8443"]
require = "signed_in"

[app.shut]
hosts = ["shut.example.com"]
require = "deny"
preflight = "pass"
"#;

impl House {
    /// One that many cases share: they only read, or act with a person of their own.
    pub(crate) fn shared(memory: Memory) -> &'static Self {
        let [on, off] = &*SHARED;
        match memory {
            Memory::On => on,
            Memory::Off => off,
        }
    }

    /// One of the test's own, with these settings.
    pub(crate) fn open(memory: Memory, settings: &str) -> Self {
        Self::open_with(memory, settings, &[])
    }

    /// The same, with these files beside the settings.
    pub(crate) fn open_with(memory: Memory, settings: &str, files: &[(&str, &str)]) -> Self {
        Self::open_by(Clock::manual(START), memory, settings, files)
    }

    /// The same, by this clock.
    pub(crate) fn open_by(
        (clock, hand): (Clock, Arc<Manual>),
        memory: Memory,
        settings: &str,
        files: &[(&str, &str)],
    ) -> Self {
        let folder = address::folder();
        for (name, text) in files.iter().chain(&[("aegis.toml", settings)]) {
            fs::write(folder.join(name), text).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let read = read(&folder, memory).expect("the settings of this test");
        let (app, at, running) = start(&runtime, &clock, &read, &["127.0.0.1:0".parse().unwrap()]);
        let house = Self {
            app,
            hand,
            at,
            memory,
            clock,
            folder,
            running: Some(running),
            runtime: Some(runtime),
            names: AtomicUsize::new(1),
        };
        house.hear();
        house
    }

    /// Ends the server as a signal does, and starts one again on the same data, at the same place.
    pub(crate) fn restart(&mut self) {
        self.restart_after(|_| {});
    }

    /// The same, and in between this happens in the folder of settings and data.
    pub(crate) fn restart_after(&mut self, happens: impl FnOnce(&Path)) {
        self.end();
        happens(&self.folder);
        let settings = read(&self.folder, self.memory).expect("the settings of this test");
        let runtime = self.runtime.as_ref().expect("a runtime");
        let (app, _, running) = start(runtime, &self.clock, &settings, &[self.at]);
        self.app = app;
        self.running = Some(running);
        self.hear();
    }

    fn end(&mut self) {
        let Some(Running { stop, server, feed, tasks }) = self.running.take() else { return };
        let app = self.app.clone();
        self.wait(async move {
            let _ = stop.send(());
            let drained = server.await.expect("the server does not panic");
            assert!(drained.cut.is_empty(), "requests were cut at the end: {:?}", drained.cut);
            let stuck = tasks.stop(Duration::from_secs(30)).await;
            assert!(stuck.is_empty(), "background tasks did not stop: {stuck:?}");
            app.sessions.flush().await.expect("the last uses are written");
            app.api_tokens.flush().await.expect("the last uses are written");
            app.passwords.close();
        });
        if let Some(feed) = feed {
            feed.end();
        }
        self.wait(self.app.store.close());
    }

    /// The settings anew, as SIGHUP does: what differs and needs a restart, or the faults.
    pub(crate) fn reload(&self, settings: &str) -> Result<Vec<&'static str>, Faults> {
        fs::write(self.folder.join("aegis.toml"), settings).unwrap();
        let prepared = read(&self.folder, self.memory).and_then(|settings| App::prepare(&settings));
        match prepared {
            Ok(prepared) => Ok(self.app.reload(prepared)),
            Err(faults) => {
                self.app.refuse_reload();
                Err(faults)
            }
        }
    }

    /// Moves the clock on, and waits until the change feed was heard at the new time.
    pub(crate) fn advance(&self, span: Duration) {
        self.hand.advance(span);
        self.hear();
    }

    /// Waits until the change feed was heard just now, so that what is remembered may count.
    pub(crate) fn hear(&self) {
        let Some(feed) = self.running.as_ref().and_then(|running| running.feed.as_ref()) else { return };
        let _ = feed.wake.send(());
        until("the change feed is heard", || self.app.changes.heard_recently(self.clock.now().mono));
    }

    /// Nobody listens to the change feed any more.
    pub(crate) fn deafen(&mut self) {
        if let Some(feed) = self.running.as_mut().and_then(|running| running.feed.take()) {
            feed.end();
        }
    }

    /// The time that this house has.
    pub(crate) fn now(&self) -> Wall {
        self.clock.now().wall
    }

    /// Waits for something asynchronous.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("a runtime").block_on(future)
    }

    /// The settings, with another memory.
    pub(crate) fn settings(&self, memory: Memory) -> Settings {
        read(&self.folder, memory).expect("the settings of this test")
    }

    /// Where settings and data are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A name that no other case uses.
    pub(crate) fn name(&self) -> String {
        format!("person{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// A person of one's own, with these roles.
    pub(crate) fn person(&self, roles: &[&str]) -> User {
        let username = self.name();
        let new = NewUser {
            username: username.parse().unwrap(),
            email: Some(format!("{username}@example.test").parse().unwrap()),
            name: format!("The {username}"),
            roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
            administrator: false,
            active: true,
            password: Some(self.hash()),
        };
        let now = self.now();
        let added = self.app.users.add(Write::new(), new, Actor::Command, now);
        let id: UserId = self.wait(added).expect("a person is added");
        self.user(id)
    }

    /// That person as recorded now.
    pub(crate) fn user(&self, id: UserId) -> User {
        self.wait(self.app.users.by_id(id)).expect("the store answers").expect("the person is there")
    }

    /// How somebody arrives in a browser that was here before; for so long a first factor may be added.
    pub(crate) fn arrival(&self, enrols: Option<Duration>) -> Arrival<'static> {
        Arrival {
            address: None,
            user_agent: None,
            is_known: true,
            keep: false,
            enrol_until: enrols.map(|span| self.now().plus(span)),
            replaces: None,
        }
    }

    /// A session of `user` in which `methods` were shown just now, as doors open one that know already who it
    /// is; for so long a first factor may be added in it.
    pub(crate) fn admit(&self, user: UserId, methods: &[Method], enrols: Option<Duration>) -> Admitted {
        let account = (user, self.user(user).epoch);
        let arrival = self.arrival(enrols);
        let admitted = self.app.sign_in.admit(Write::new(), account, methods, arrival, self.now());
        let session = self.wait(admitted).expect("a session").session;
        let cookie = session.cookie.expect("a session of a browser has a cookie");
        Admitted { session: session.id, cookie: format!("__Host-aegis_session={}", cookie.reveal()) }
    }

    /// Ends while as many wait by this poll as may, and sees that each of them is answered. Starts again.
    pub(crate) fn ends_with_four_who_wait(&mut self, poll: &Ask) {
        let at = self.at;
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..5).map(|_| scope.spawn(|| poll.send(at))).collect();
            // The fifth is sent away only when four wait.
            until("one of five is sent away", || all.iter().any(ScopedJoinHandle::is_finished));
            self.restart();
            let mut answered: Vec<u16> =
                all.into_iter().map(|one| one.join().expect("an answer").status).collect();
            answered.sort_unstable();
            assert_eq!(answered, [200, 200, 200, 200, 429], "let go at the end: {poll}");
        });
    }

    /// A hash of [`PASSWORD`], computed once.
    fn hash(&self) -> StoredHash {
        static HASH: OnceLock<StoredHash> = OnceLock::new();
        HASH.get_or_init(|| {
            self.wait(self.app.sign_in.new_password(Secret::new(PASSWORD), Vec::new()))
                .expect("the password of the tests is good enough")
        })
        .clone()
    }

    /// Sends it.
    pub(crate) fn send(&self, ask: &Ask) -> Answer {
        ask.send(self.at)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Feed {
    fn end(self) {
        drop(self.wake);
        self.thread.join().expect("the feed does not panic");
    }
}

fn read(folder: &Path, memory: Memory) -> Result<Settings, Faults> {
    let environment = [("AEGIS__LIMITS__REMEMBERED".to_owned(), memory.remembered().to_string())];
    config::read(&Sources {
        file: Some(folder.join("aegis.toml")),
        data_dir: Some(folder.join("data")),
        listen: vec!["127.0.0.1:0".to_owned()],
        environment: environment.into(),
        directory: folder.to_path_buf(),
    })
}

/// Opens everything as `aegis serve` does, but for the clock, the signals and background tasks other than
/// those of the bot.
fn start(
    runtime: &Runtime,
    clock: &Clock,
    settings: &Settings,
    at: &[SocketAddr],
) -> (Arc<App>, SocketAddr, Running) {
    let prepared = App::prepare(settings).expect("the settings of this test");
    let app = App::open(prepared, settings, clock.clone()).expect("the house opens");
    let addresses: Vec<_> = at.iter().map(|address| listen::Address::Tcp(*address)).collect();
    let listeners = Listener::bind(&addresses).expect("a port");
    let at = listeners[0].tcp_address().expect("a port");
    let routes = Arc::new(Routes::new(&app, Arc::new(Vec::new)));
    let tasks = Tasks::new(clock.clone());
    {
        let _entered = runtime.enter();
        // A test that has no Telegram of its own asks nobody: prompts stay due.
        let api = settings.telegram.as_ref().map(|telegram| telegram.value.api_url.value.as_str());
        if api.is_some_and(|api| api.starts_with("http://127.")) {
            start_telegram(&tasks, &routes);
        }
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let server = runtime.spawn(serve::run(listeners, routes, Limits::default(), async {
        let _ = stopped.await;
    }));
    let watcher = app.store.watcher().expect("a watcher");
    let (wake, woken) = mpsc::channel();
    let feed = app.changes.tune_in(watcher).expect("the feed is heard");
    let thread = std::thread::spawn(move || feed.listen(&woken));
    (app, at, Running { stop, server, feed: Some(Feed { wake, thread }), tasks })
}

/// Waits until it is so. Fails only if it never is.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came so far that {what}");
        std::thread::yield_now();
    }
}
