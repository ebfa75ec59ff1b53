//! Child processes that end with the test, whatever happens to it.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// A running program and its log.
pub(crate) struct Process {
    name: String,
    child: Mutex<Child>,
    log: PathBuf,
}

type Order = (Command, Sender<io::Result<Child>>);

/// Starts all children. `PR_SET_PDEATHSIG` is sent when the *thread* that started the child ends,
/// and a test's thread ends with its test.
static STARTER: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
    let (orders, waiting) = channel::<Order>();
    thread::spawn(move || {
        for (mut command, answer) in waiting {
            let _ = answer.send(command.spawn());
        }
    });
    Mutex::new(orders)
});

impl Process {
    /// Starts `program`; what it prints goes to `NAME.log` in `folder`.
    pub(crate) fn start(
        name: &str,
        folder: &Path,
        program: &Path,
        set_up: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Self {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        set_up(&mut command);
        let (answer, started) = channel();
        STARTER.lock().send((command, answer)).unwrap();
        let child = started
            .recv()
            .unwrap()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}; run ./test", program.display()));
        Self { name: name.to_owned(), child: Mutex::new(child), log }
    }

    /// Returns once `address` accepts a connection.
    pub(crate) fn wait_for(self, address: SocketAddr) -> Self {
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            self.still_there();
            assert!(Instant::now() < deadline, "{} does not listen on {address}\n{}", self.name, self.log());
            thread::sleep(Duration::from_millis(10));
        }
        self
    }

    /// Panics, with the log, if it has ended.
    pub(crate) fn still_there(&self) {
        if let Some(status) = self.child.lock().try_wait().unwrap() {
            panic!("{} has ended: {status}\n{}", self.name, self.log());
        }
    }

    /// What it printed.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its number among the processes of this machine.
    pub(crate) fn id(&self) -> u32 {
        self.child.lock().id()
    }

    /// It stops answering, with its sockets open; every thread of it has stopped when this returns.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        let id = Pid::from_child(&self.child.lock());
        let status = waitpid(Some(id), WaitOptions::UNTRACED).unwrap();
        assert!(status.is_some_and(|(_, status)| status.stopped()), "{} did not stop", self.name);
    }

    /// It goes on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks it to read its settings anew.
    pub(crate) fn reload(&self) {
        self.signal(Signal::HUP);
    }

    /// It ends at once, and has ended when this returns.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock();
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Asks it to end, waits, and gives its exit code.
    pub(crate) fn end(&self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.lock().wait().unwrap().code()
    }

    fn signal(&self, signal: Signal) {
        let id = Pid::from_child(&self.child.lock());
        kill_process(id, signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
