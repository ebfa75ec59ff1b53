//! A real tailnet: the program of `tests/tailnet/`, whose README says what it is.
//!
//! The node `proxy` stands where the reverse proxy stands, and its LocalAPI is at [`Tailnet::socket`].
//! Visitors come from other nodes: `laptop` is there from the start, [`Tailnet::join`] adds more. The
//! control server has a change when the method returns, and the nodes soon after: wait with
//! [`Tailnet::whois_until`] or [`Tailnet::status_until`].

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::address;
use super::client::{Answer, Ask, PATIENCE};
use super::process::Process;
use super::proxy::repository;

/// Who runs the node `proxy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// The process that runs the other nodes. Its LocalAPI can fail as told: [`Tailnet::api_fault`].
    Node,
    /// The real `tailscaled`, which can be stopped and killed: [`Tailnet::daemon`].
    Daemon,
}

/// A running tailnet.
pub(crate) struct Tailnet {
    process: Process,
    folder: PathBuf,
    /// Where loopback leads into the tailnet, by node and by where it leads to.
    ways: Mutex<HashMap<(String, SocketAddr), SocketAddr>>,
}

impl Tailnet {
    /// Starts one; its nodes are Running when this returns.
    pub(crate) fn start() -> Self {
        Self::within(&address::folder(), Runs::Node)
    }

    /// The same with the real `tailscaled` as the node `proxy`.
    pub(crate) fn with_real_daemon() -> Self {
        Self::within(&address::folder(), Runs::Daemon)
    }

    /// Starts one in the folder `tailnet` of this one.
    pub(super) fn within(folder: &Path, runs: Runs) -> Self {
        let folder = folder.join("tailnet");
        std::fs::create_dir(&folder).unwrap();
        let programs = repository().join(".cache/tailnet");
        let process = Process::start("tailnet", &folder, &programs.join("tailnet"), |command| {
            if runs == Runs::Daemon {
                command.arg("-daemon").arg(programs.join("tailscaled"));
            }
            command.arg("-dir").arg(&folder)
        });
        let admin = folder.join("admin.sock");
        let deadline = Instant::now() + 2 * PATIENCE;
        while UnixStream::connect(&admin).is_err() {
            process.still_there();
            assert!(Instant::now() < deadline, "the tailnet is not ready:\n{}", process.log());
            thread::sleep(Duration::from_millis(10));
        }
        Self { process, folder, ways: Mutex::default() }
    }

    /// The socket of the LocalAPI.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("tailscaled.sock")
    }

    // Who is there, and how they reach the proxy.

    /// Another node joins, with a user of its own.
    pub(crate) fn join(&self, name: &str) {
        self.wish(&format!("join?name={name}"), &Value::Null);
    }

    /// The IPv4 address of a node.
    pub(crate) fn address_of(&self, name: &str) -> IpAddr {
        self.address(name, IpAddr::is_ipv4)
    }

    /// The IPv6 address of a node.
    pub(crate) fn address6_of(&self, name: &str) -> IpAddr {
        self.address(name, IpAddr::is_ipv6)
    }

    fn address(&self, name: &str, of_family: impl Fn(&IpAddr) -> bool) -> IpAddr {
        let nodes = self.admin("GET", "nodes", "");
        let nodes: HashMap<String, Vec<IpAddr>> = serde_json::from_str(&nodes.body).unwrap();
        let own = nodes.get(name).and_then(|own| own.iter().copied().find(of_family));
        own.unwrap_or_else(|| panic!("no address of {name:?} in {nodes:?}"))
    }

    /// A port of the node `proxy` leads to this server, which hears of the visitor's address by the
    /// PROXY protocol, version 2: `tailscale serve --tcp=PORT --proxy-protocol=2`.
    pub(crate) fn serve(&self, port: u16, to: SocketAddr) {
        self.wish(&format!("serve?name=proxy&port={port}&to={to}&proxy=2"), &Value::Null);
    }

    /// An address of loopback: what connects to it connects from this node, over WireGuard, to `to`.
    pub(crate) fn way(&self, from: &str, to: SocketAddr) -> SocketAddr {
        let mut ways = self.ways.lock();
        *ways.entry((from.to_owned(), to)).or_insert_with(|| {
            let way = self.wish(&format!("carry?name={from}&to={to}"), &Value::Null);
            way.as_str().unwrap().parse().unwrap()
        })
    }

    // What the control server tells the nodes.

    /// These grants and no others: `[{"src": ["100.64.0.2"], "dst": [], "app": {…}}]`.
    pub(crate) fn grants(&self, grants: &Value) {
        self.wish("grants", grants);
    }

    /// Everybody has this capability with these values, and there is no other grant.
    pub(crate) fn capability(&self, name: &str, values: &Value) {
        self.grants(&json!([{ "src": ["*"], "app": { name: values } }]));
    }

    /// Fields of a node (`tailcfg.Node`) are these instead of its own; those of an earlier call are not.
    pub(crate) fn change_node(&self, name: &str, fields: &Value) {
        self.wish(&format!("node?name={name}"), fields);
    }

    /// Gives a node tags and, as in production, the user of all tagged nodes.
    pub(crate) fn tag(&self, name: &str, tags: &[&str]) {
        self.user(&json!({ "ID": 9000, "LoginName": "tagged-devices", "DisplayName": "Tagged Devices" }));
        self.change_node(name, &json!({ "Tags": tags, "User": 9000 }));
    }

    /// A user's profile (`tailcfg.UserProfile`), found by its `ID`.
    pub(crate) fn user(&self, profile: &Value) {
        self.wish("user", profile);
    }

    /// A node is gone from the tailnet.
    pub(crate) fn remove(&self, name: &str) {
        self.wish(&format!("remove?name={name}"), &Value::Null);
    }

    /// A removed node is back.
    pub(crate) fn restore(&self, name: &str) {
        self.wish(&format!("restore?name={name}"), &Value::Null);
    }

    /// A peer that nobody runs: for an address that goes to another.
    pub(crate) fn fake_peer(&self, name: &str, id: i64, user: i64, addresses: &[IpAddr]) {
        let peer = json!({ "ID": id, "User": user, "Addresses": addresses });
        self.wish(&format!("fake?name={name}"), &peer);
    }

    /// The control server cannot be reached, or can again.
    pub(crate) fn cut_control(&self, cut: bool) {
        self.wish(&format!("control?cut={cut}"), &Value::Null);
    }

    // What a node does, and how its LocalAPI fails.

    /// `tailscale up` and `tailscale down`.
    pub(crate) fn want_running(&self, name: &str, running: bool) {
        self.wish(&format!("want?name={name}&running={running}"), &Value::Null);
    }

    /// `tailscale logout`
    pub(crate) fn log_out(&self, name: &str) {
        self.wish(&format!("logout?name={name}"), &Value::Null);
    }

    /// How the socket behaves from now on: `ok`, `hang`, `reset`, `refuse` or `gone`.
    pub(crate) fn api_fault(&self, mode: &str) {
        self.wish(&format!("api?mode={mode}"), &Value::Null);
    }

    /// What becomes of the daemon: `stop`, `cont`, `kill`, `term` or `start`. It has happened when this
    /// returns, but a daemon that was started does not answer yet.
    pub(crate) fn daemon(&self, what: &str) {
        self.wish(&format!("daemon?do={what}"), &Value::Null);
    }

    // The LocalAPI, asked directly.

    /// Sends `GET /localapi/v0/TARGET` and gives the connection.
    pub(crate) fn open(&self, target: &str) -> io::Result<BufReader<UnixStream>> {
        Ask::new("GET", "local-tailscaled.sock", &format!("/localapi/v0/{target}")).open_unix(&self.socket())
    }

    /// Asks who an address is.
    pub(crate) fn whois(&self, who: IpAddr) -> Answer {
        self.ask(&format!("whois?addr={who}"))
    }

    /// Asks how the node is.
    pub(crate) fn status(&self) -> Answer {
        self.ask("status?peers=false")
    }

    fn ask(&self, target: &str) -> Answer {
        let connection = self.open(target);
        Answer::read(&mut connection.unwrap_or_else(|error| panic!("GET {target}: {error}")), "GET")
    }

    /// Asks who an address is until the answer is as it should be, and gives it. A LocalAPI that does
    /// not answer is asked again.
    #[track_caller]
    pub(crate) fn whois_until(&self, who: IpAddr, what: &str, is: impl Fn(&Answer) -> bool) -> Answer {
        self.until(&format!("whois?addr={who}"), what, is)
    }

    /// Asks how the node is until the answer is as it should be, and gives it.
    #[track_caller]
    pub(crate) fn status_until(&self, what: &str, is: impl Fn(&Answer) -> bool) -> Answer {
        self.until("status?peers=false", what, is)
    }

    #[track_caller]
    fn until(&self, target: &str, what: &str, is: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let last = self.open(target).map(|mut connection| Answer::read(&mut connection, "GET"));
            match last {
                Ok(answer) if is(&answer) => return answer,
                _ if Instant::now() < deadline => thread::sleep(Duration::from_millis(2)),
                Ok(answer) => panic!("never {what}\nasked: GET {target}\ncame back last: {answer}\n{self}"),
                Err(error) => panic!("never {what}\nasked: GET {target}\nfailed last: {error}\n{self}"),
            }
        }
    }

    /// Watches the bus for changes of state and of peers; all that is said from now on is heard.
    pub(crate) fn bus(&self) -> Bus {
        // Bits 2 and 4096: the state at the start, and changes of peers. HTTP/1.0 has no chunks.
        let ask = "GET /localapi/v0/watch-ipn-bus?mask=4098 HTTP/1.0\r\nHost: local-tailscaled.sock\r\n\r\n";
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(ask.as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = stream.read_line(&mut head);
            assert!(matches!(read, Ok(1..)), "asked: {ask}came back: {head} ({read:?})");
        }
        assert!(head.starts_with("HTTP/1.0 200 "), "asked: {ask}came back: {head}");
        let mut bus = Bus(stream);
        // The first line is the state; whoever has it is among the listeners.
        bus.until("the state", |line| line["State"].is_number());
        bus
    }

    // The wishes.

    #[track_caller]
    fn wish(&self, what: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.admin("POST", what, &body).json()
    }

    #[track_caller]
    fn admin(&self, method: &str, what: &str, body: &str) -> Answer {
        let ask = Ask::new(method, "tailnet", &format!("/{what}")).body(body);
        let mut connection = ask.open_unix(&self.folder.join("admin.sock")).unwrap();
        let answer = Answer::read(&mut connection, method);
        assert_eq!(answer.status, 200, "asked of the tailnet: {ask}\ncame back: {answer}\n{self}");
        answer
    }
}

/// The bus of the LocalAPI, as it is heard.
pub(crate) struct Bus(BufReader<UnixStream>);

impl Bus {
    /// The next line; none when the bus has ended.
    pub(crate) fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).unwrap_or_else(|error| panic!("the bus: {error}"));
        (read > 0).then(|| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// Listens for a line like this, and gives all that were heard until then, this one last.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut heard = Vec::new();
        while let Some(line) = self.next() {
            heard.push(line);
            if heard.last().is_some_and(&is) {
                return heard;
            }
        }
        panic!("the bus ended before it said {what}; it said {heard:#?}");
    }
}

impl fmt::Display for Tailnet {
    /// The logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let daemon = std::fs::read_to_string(self.folder.join("node-proxy/log")).unwrap_or_default();
        let start = daemon.len().saturating_sub(4000);
        let end = daemon.get(start..).unwrap_or(&daemon);
        write!(formatter, "log of the tailnet:\n{}\nend of the daemon's log:\n{end}", self.process.log())
    }
}
