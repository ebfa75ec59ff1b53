//! A stand-in for tailscaled, as its socket shows it: whois, status and bus of its `LocalAPI`, with the
//! headers, bodies and refusals of 1.102.5, out of recorded answers. And on command everything that goes
//! wrong with such a daemon.
//!
//! It uses nothing of Aegis, and is compiled into the tests of the library and into those over the wire.

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

/// `State` on the bus.
fn number_of(state: &str) -> Value {
    let states =
        ["NoState", "InUseOtherUser", "NeedsLogin", "NeedsMachineAuth", "Stopped", "Starting", "Running"];
    states.iter().position(|known| *known == state).expect("a state of the backend").into()
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        let number = shared.change(|mind| {
            if mind.is_stopping {
                return None;
            }
            mind.connections += 1;
            mind.open.insert(mind.connections, stream.try_clone().unwrap());
            Some(mind.connections)
        });
        let Some(number) = number else { return };
        let shared = shared.clone();
        thread::spawn(move || {
            let _ended = serve(stream, number, &shared);
            shared.change(|mind| {
                if !mind.buses.contains(&number) {
                    mind.open.remove(&number);
                }
            });
        });
    }
}

/// Answers one connection until it ends, or becomes a bus.
fn serve(mut stream: UnixStream, number: usize, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(question) = read(&mut reader)? {
        let is_whois = question.target.starts_with("/localapi/v0/whois");
        let (answer, manner) = shared.change(|mind| {
            mind.questions.push(question.clone());
            mind.whois_now += usize::from(is_whois);
            mind.whois_at_most = mind.whois_at_most.max(mind.whois_now);
            (answer(mind, &question), mind.manner(&question))
        });
        if manner == Some(Manner::Held) {
            let mut mind = shared.mind.lock();
            while mind.manner(&question) == Some(Manner::Held) && mind.open.contains_key(&number) {
                shared.changed.wait(&mut mind);
            }
        }
        shared.change(|mind| mind.whois_now -= usize::from(is_whois));
        match manner {
            None | Some(Manner::Held) => match answer {
                Answer::Bus(first) => return hear(stream, number, &first, shared),
                Answer::Json(body) => stream.write_all(&json_answer(&body))?,
                Answer::Text(status, text) => stream.write_all(&text_answer(status, &text))?,
            },
            Some(Manner::Refused(status, text)) => stream.write_all(&text_answer(status, &text))?,
            Some(Manner::Body(body)) => stream.write_all(&json_answer(&body))?,
            Some(Manner::Garbage) => stream.write_all(b"\x15\x03\x01 tailscale, not HTTP\r\n\r\n")?,
            Some(Manner::Huge) => stream.write_all(&json_answer(&" ".repeat(50 << 20)))?,
            Some(Manner::HungUp) => return stream.shutdown(Shutdown::Both),
            Some(Manner::HungUpMidway) => {
                let whole = json_answer(&recorded("whois-user").to_string());
                stream.write_all(&whole[..whole.len() / 2])?;
                return stream.shutdown(Shutdown::Both);
            }
        }
    }
    Ok(())
}

/// Lets the connection hear the bus.
fn hear(mut stream: UnixStream, number: usize, first: &str, shared: &Shared) -> std::io::Result<()> {
    let head = format!("{}Transfer-Encoding: chunked\r\n\r\n", head(200, "application/json"));
    // In one piece with the register: nothing that is said in between is missed.
    shared.change(|mind| {
        stream.write_all(head.as_bytes())?;
        chunk(&mut stream, first.as_bytes())?;
        mind.buses.push(number);
        Ok(())
    })
}

fn chunk(stream: &mut UnixStream, bytes: &[u8]) -> std::io::Result<()> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    stream.write_all(&chunk)
}

/// Reads a question; nothing once there are no more.
fn read(reader: &mut BufReader<UnixStream>) -> std::io::Result<Option<Question>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut lines = lines.into_iter();
    let target = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
    let headers =
        lines.filter_map(|line| line.split_once(": ").map(|(name, value)| (name.into(), value.into())));
    Ok(Some(Question { target, headers: headers.collect() }))
}

impl Mind {
    fn manner(&self, question: &Question) -> Option<Manner> {
        let about = |(part, _): &&(String, Manner)| question.target.contains(part.as_str());
        self.manners.iter().rfind(about).map(|(_, manner)| manner.clone())
    }
}

enum Answer {
    /// Tab-indented.
    Json(String),
    /// With a line's end behind it.
    Text(u16, String),
    /// The line that a bus begins with.
    Bus(String),
}

impl Answer {
    fn text(status: u16, text: &str) -> Self {
        Self::Text(status, text.to_owned())
    }
}

fn answer(mind: &Mind, question: &Question) -> Answer {
    let header = |wanted: &str| {
        let own = question.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        own.map(|(_, value)| value.as_str())
    };
    let host = header("host").unwrap_or_default();
    if !["", "local-tailscaled.sock"].contains(&host) || header("origin").or(header("referer")).is_some() {
        return Answer::text(403, "invalid localapi request");
    }
    let (path, query) = question.target.split_once('?').unwrap_or((&question.target, ""));
    let query: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
    match path {
        "/" => Answer::text(200, "tailscaled"),
        "/localapi/v0/status" => Answer::Json(indented(&mind.status)),
        "/localapi/v0/watch-ipn-bus" => {
            let state = mind.status["BackendState"].as_str().unwrap();
            let line = json!({
                "Version": "1.102.5-ERR-BuildInfo", "SessionID": "dfbf07f3bcc0b0a7", "ErrMessage": null,
                "LoginFinished": null, "State": number_of(state), "Prefs": null, "NetMap": null,
                "Engine": null, "BrowseToURL": null, "DriveShares": null,
            });
            Answer::Bus(format!("{line}\n"))
        }
        "/localapi/v0/whois" => match query.get("addr").map(AsRef::as_ref) {
            None | Some("") => Answer::text(400, "missing 'addr' parameter"),
            Some(address) if address.parse::<IpAddr>().is_err() && address.parse::<SocketAddr>().is_err() => {
                Answer::text(400, "invalid 'addr' parameter")
            }
            Some(address) => match mind.devices.get(address) {
                Some(whois) if mind.status["BackendState"] != "NoState" => Answer::Json(indented(whois)),
                Some(_) | None => Answer::text(404, "no match for IP:port"),
            },
        },
        _ => Answer::text(404, "404 page not found"),
    }
}

fn indented(value: &Value) -> String {
    let mut text = Vec::new();
    let tabs = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, tabs);
    serde::Serialize::serialize(value, &mut writer).unwrap();
    String::from_utf8(text).unwrap()
}

fn head(status: u16, kind: &str) -> String {
    let reason = http::StatusCode::from_u16(status).unwrap().canonical_reason().unwrap_or("Unknown");
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'; \
         script-src 'none'; script-src-elem 'none'; script-src-attr 'none'\r\nContent-Type: {kind}\r\n\
         Tailscale-Cap: 142\r\nTailscale-Version: 1.102.5-ERR-BuildInfo\r\nX-Content-Type-Options: nosniff\r\n\
         X-Frame-Options: DENY\r\nDate: Sat, 21 Nov 2026 07:27:37 GMT\r\n"
    )
}

/// As Go writes a body: in chunks if it is longer than its buffer of 2048 bytes.
fn json_answer(body: &str) -> Vec<u8> {
    let head = head(200, "application/json");
    if body.len() <= 2048 {
        return format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
    }
    format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes()
}

fn text_answer(status: u16, text: &str) -> Vec<u8> {
    let kind = "text/plain; charset=utf-8";
    let head = if text == "invalid localapi request" {
        // Refused before the rest is looked at.
        format!("HTTP/1.1 {status} Forbidden\r\nContent-Type: {kind}\r\nX-Content-Type-Options: nosniff\r\n")
    } else {
        head(status, kind)
    };
    format!("{head}Content-Length: {}\r\n\r\n{text}\n", text.len() + 1).into_bytes()
}
