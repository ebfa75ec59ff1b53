//! A stand-in for tailscaled, as its socket shows it: whois, status and bus of its `LocalAPI`, with the
//! headers, bodies and refusals of 1.102.5, out of recorded answers. And on command everything that goes
//! wrong with such a daemon.
//! It uses nothing of Aegis.

mod answers;
mod connections;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};
use tokio::sync::watch;

use answers::number_of;
use connections::{accept, chunk};

/// An answer that a daemon gave, by the name of its file: `whois-user`.
pub(crate) fn recorded(name: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join(format!("tests/data/tailscale/{name}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The recorded person `whois-user` at `address`, with a device and an id of their own.
pub(crate) fn somebody(address: &str, id: i64, login: &str) -> Value {
    let mut whois = recorded("whois-user");
    let address: IpAddr = address.parse().unwrap();
    let network = json!([format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })]);
    let node = &mut whois["Node"];
    (node["ID"], node["User"]) = (id.into(), id.into());
    node["StableID"] = format!("nStandIn{id}CNTRL").into();
    node["Name"] = format!("device{id}.tail-scale.ts.net.").into();
    (node["Addresses"], node["AllowedIPs"]) = (network.clone(), network);
    let profile = &mut whois["UserProfile"];
    (profile["ID"], profile["LoginName"]) = (id.into(), login.into());
    profile["DisplayName"] = format!("Person {id}").into();
    whois
}

/// How a question is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// With its answer, as it is now; but only once the manner is another.
    Held,
    /// With this status and text.
    Refused(u16, String),
    /// With something that is not HTTP.
    Garbage,
    /// With this body, as JSON.
    Body(String),
    /// With a body of 50 MiB.
    Huge,
    /// With a closed connection.
    HungUp,
    /// With half an answer and a closed connection.
    HungUpMidway,
}

/// A question that was asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) target: String,
    /// Name and value, as they came.
    pub(crate) headers: Vec<(String, String)>,
}

struct Mind {
    /// By address, or by address and port of a connection.
    devices: HashMap<String, Value>,
    status: Value,
    /// By a part of the target; the last that fits counts.
    manners: Vec<(String, Manner)>,
    questions: Vec<Question>,
    /// Every connection that is open, by number.
    open: HashMap<usize, UnixStream>,
    /// Those of them that hear the bus.
    buses: Vec<usize>,
    connections: usize,
    whois_now: usize,
    whois_at_most: usize,
    is_stopping: bool,
}

struct Shared {
    mind: Mutex<Mind>,
    /// For those that are held.
    changed: Condvar,
    /// For tests that wait: told of everything.
    happened: watch::Sender<()>,
}

/// The stand-in. It stops when it is dropped.
pub(crate) struct Daemon {
    socket: PathBuf,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Daemon {
    /// Starts it on `socket`, up and running with no peer; it accepts when this returns.
    pub(crate) fn start(socket: &Path) -> Self {
        let mind = Mind {
            devices: HashMap::new(),
            status: recorded("status"),
            manners: Vec::new(),
            questions: Vec::new(),
            open: HashMap::new(),
            buses: Vec::new(),
            connections: 0,
            whois_now: 0,
            whois_at_most: 0,
            is_stopping: false,
        };
        let shared =
            Shared { mind: Mutex::new(mind), changed: Condvar::new(), happened: watch::Sender::new(()) };
        let mut daemon = Self { socket: socket.to_owned(), shared: Arc::new(shared), accepting: None };
        daemon.start_again();
        daemon
    }

    /// Stops as SIGTERM does: connections end, the socket's file goes.
    pub(crate) fn stop(&mut self) {
        self.kill();
        let _gone = std::fs::remove_file(&self.socket);
    }

    /// Stops as SIGKILL does: connections end, the socket's file stays.
    pub(crate) fn kill(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        self.change(|mind| {
            mind.is_stopping = true;
            mind.buses.clear();
            for (_, stream) in mind.open.drain() {
                let _ended = stream.shutdown(Shutdown::Both);
            }
        });
        let _woken = UnixStream::connect(&self.socket);
        accepting.join().unwrap();
    }

    /// Starts again, with a new file of the socket.
    pub(crate) fn start_again(&mut self) {
        let _gone = std::fs::remove_file(&self.socket);
        let listener = UnixListener::bind(&self.socket).unwrap();
        self.change(|mind| mind.is_stopping = false);
        let shared = self.shared.clone();
        self.accepting = Some(thread::spawn(move || accept(&listener, &shared)));
    }

    /// Puts a device, as whois tells it, at its addresses, and tells of it on the bus.
    pub(crate) fn put(&self, whois: &Value) {
        self.put_quietly(whois);
        let profile = &whois["UserProfile"];
        self.say(&json!({ "UserProfiles": { profile["ID"].to_string(): profile } }));
        self.say(&json!({ "PeersChanged": [whois["Node"]] }));
    }

    /// The same, without a word: as with grants, of which the bus says nothing.
    pub(crate) fn put_quietly(&self, whois: &Value) {
        self.change(|mind| {
            for network in whois["Node"]["Addresses"].as_array().unwrap() {
                let address = network.as_str().unwrap().split('/').next().unwrap();
                mind.devices.insert(address.to_owned(), whois.clone());
            }
        });
    }

    /// Makes `at` the daemon's own end of a connection from this device: userspace networking.
    pub(crate) fn connect(&self, at: SocketAddr, whois: &Value) {
        self.change(|mind| mind.devices.insert(at.to_string(), whois.clone()));
    }

    /// Takes away the device at `address`, and tells of it on the bus.
    pub(crate) fn remove(&self, address: &str) {
        let id = self.change(|mind| {
            let gone = mind.devices.remove(address).expect("a device is there");
            mind.devices.retain(|_, whois| whois["Node"]["ID"] != gone["Node"]["ID"]);
            gone["Node"]["ID"].clone()
        });
        self.say(&json!({ "PeersRemoved": [id] }));
    }

    /// Changes what `status` answers, without a word on the bus.
    pub(crate) fn set_status(&self, change: impl FnOnce(&mut Value)) {
        self.change(|mind| change(&mut mind.status));
    }

    /// Brings the backend into this state, as `tailscale down` and `up` do.
    pub(crate) fn set_state(&self, state: &str) {
        self.set_status(|status| status["BackendState"] = state.into());
        self.say(&json!({ "State": number_of(state) }));
        self.say(&json!({ "Prefs": { "WantRunning": state != "Stopped" } }));
    }

    /// Says something on the bus.
    pub(crate) fn say(&self, what: &Value) {
        let mut line = json!({
            "Version": "1.102.5-ERR-BuildInfo", "ErrMessage": null, "LoginFinished": null, "State": null,
            "Prefs": null, "NetMap": null, "Engine": null, "BrowseToURL": null, "DriveShares": null,
        });
        line.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        self.say_bytes(format!("{line}\n").as_bytes());
    }

    /// Says these bytes on the bus. Returns once they are sent: who hears much must run beside who says it.
    pub(crate) fn say_bytes(&self, bytes: &[u8]) {
        let mut mind = self.shared.mind.lock();
        let Mind { buses, open, .. } = &mut *mind;
        buses.retain(|number| open.get_mut(number).is_some_and(|stream| chunk(stream, bytes).is_ok()));
    }

    /// Ends the bus for all who hear it.
    pub(crate) fn hang_up_bus(&self) {
        self.change(|mind| {
            for number in std::mem::take(&mut mind.buses) {
                if let Some(stream) = mind.open.remove(&number) {
                    let _ended = stream.shutdown(Shutdown::Both);
                }
            }
        });
    }

    /// Ends every connection that hears no bus: those that are kept for later.
    pub(crate) fn hang_up_idle(&self) {
        self.change(|mind| {
            let Mind { open, buses, .. } = mind;
            open.retain(|number, stream| {
                let _ended = if buses.contains(number) { Ok(()) } else { stream.shutdown(Shutdown::Both) };
                buses.contains(number)
            });
        });
    }

    /// Meets every question whose target holds `part` in this manner from now on.
    pub(crate) fn meet(&self, part: &str, manner: Manner) {
        self.change(|mind| mind.manners.push((part.to_owned(), manner)));
    }

    /// Meets them all as usual again; those that are held get their answers.
    pub(crate) fn meet_as_usual(&self) {
        self.change(|mind| mind.manners.clear());
    }

    /// Every question whose target holds `part`.
    pub(crate) fn questions(&self, part: &str) -> Vec<Question> {
        let mind = self.shared.mind.lock();
        mind.questions.iter().filter(|question| question.target.contains(part)).cloned().collect()
    }

    /// Waits until there were so many questions whose target holds `part`.
    pub(crate) async fn asked(&self, part: &str, times: usize) {
        let mut happened = self.shared.happened.subscribe();
        while self.questions(part).len() < times {
            happened.changed().await.unwrap();
        }
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.shared.mind.lock().connections
    }

    /// How many questions for a whois were open at once, at most.
    pub(crate) fn whois_at_most(&self) -> usize {
        self.shared.mind.lock().whois_at_most
    }

    fn change<T>(&self, change: impl FnOnce(&mut Mind) -> T) -> T {
        self.shared.change(change)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut Mind) -> T) -> T {
        let result = change(&mut self.mind.lock());
        self.changed.notify_all();
        self.happened.send_replace(());
        result
    }
}

impl Mind {
    fn manner(&self, question: &Question) -> Option<Manner> {
        let about = |(part, _): &&(String, Manner)| question.target.contains(part.as_str());
        self.manners.iter().rfind(about).map(|(_, manner)| manner.clone())
    }
}
