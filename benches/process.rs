//! Processes under measurement: on which core they run, what they use, that they end.
//!
//! Promises: a server starts on the server's core, because a child inherits it, and is killed when dropped.
//! Never: measures by anything but the kernel's own figures in `/proc`.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two cores that are used.
#[derive(Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) asker: usize,
}

impl Cores {
    /// The first and the last core this process may use.
    pub(crate) fn pick() -> Self {
        let may = sched_getaffinity(None).expect("the cores of this process");
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| may.is_set(*core)).collect();
        match (cores.first(), cores.last()) {
            (Some(&server), Some(&asker)) if server != asker => Self { server, asker },
            _ => panic!("two cores are needed: one for the server, one for the load"),
        }
    }

    /// Puts this thread on the asker's core.
    pub(crate) fn ask(self) {
        pin(self.asker);
    }
}

fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).expect("a thread may be put on a core");
}

/// A child process, killed when dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Starts `command` on the server's core.
    pub(crate) fn start(cores: Cores, command: &mut Command) -> Self {
        pin(cores.server);
        let child = command.spawn();
        cores.ask();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Starts `command` on the asker's core: what a server asks, and is not measured.
    pub(crate) fn beside(cores: Cores, command: &mut Command) -> Self {
        cores.ask();
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// User and system time so far, in seconds (`proc_pid_stat(5)`, fields 14 and 15).
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = self.read("stat");
        let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
        let ticks: f64 = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<f64>().expect("ticks"))
            .sum();
        ticks / rustix::param::clock_ticks_per_second() as f64
    }

    /// Resident memory now, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// What of it is its own, in bytes: without the pages of its program and libraries, which the kernel maps as it
    /// finds them in its cache, shares, and takes back when it needs room.
    pub(crate) fn own(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// The most resident memory there has been, in bytes.
    pub(crate) fn resident_peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, field: &str) -> u64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field of status");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("kibibytes") * 1024
    }

    fn read(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.0.id());
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(&mut self) {
        let id = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("a signal is taken");
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            if self.0.try_wait().expect("a child can be waited for").is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the server did not end within 20 s of SIGTERM");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// What the figures hold for.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let information = read("/proc/cpuinfo");
    let model = information
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned()))
        .unwrap_or_else(|| "unknown processor".into());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{model}, {cores} cores, Linux {}", read("/proc/sys/kernel/osrelease"))
}
