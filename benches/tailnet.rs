//! Visitors of a tailnet: a real LocalAPI answers, of nodes that the control server of the tests makes up.
//!
//! Never: counts as asked anew what was remembered: each address is asked about once.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::aegis::{Aegis, Expect, REMEMBERED};
use crate::exchange::{self, Answer};
use crate::figures::percentile;
use crate::process::Process;
use crate::{Plan, bare, judge, row};

/// Addresses that are asked about once each, by the daemon's own socket and by a check.
const ONCE: u16 = 200;

/// The tailnet of the tests, as `./test` built it.
struct Tailnet {
    _process: Process,
    directory: TempDir,
}

impl Tailnet {
    fn start(plan: &Plan, program: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a directory for a while");
        let log = fs::File::create(directory.path().join("log")).expect("a log");
        let mut command = Command::new(program);
        command.arg("-dir").arg(directory.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        // With what asks: the daemon is not what is measured.
        let process = Process::beside(plan.cores, &mut command);
        let tailnet = Self { _process: process, directory };
        let end = Instant::now() + Duration::from_secs(20);
        while UnixStream::connect(tailnet.directory.path().join("admin.sock")).is_err() {
            assert!(Instant::now() < end, "the tailnet is not ready after 20 s");
            std::thread::sleep(Duration::from_millis(5));
        }
        tailnet
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("tailscaled.sock")
    }

    /// Another device of the laptop's owner.
    fn add(&self, number: u16, address: IpAddr) {
        let body = format!("{{\"ID\":{},\"User\":2,\"Addresses\":[\"{address}\"]}}", 1000 + number);
        let request = format!(
            "POST /fake?name=device{number} HTTP/1.1\r\nHost: tailnet\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = UnixStream::connect(self.directory.path().join("admin.sock")).expect("the tailnet");
        let mut answer = String::new();
        stream
            .write_all(request.as_bytes())
            .and_then(|()| stream.read_to_string(&mut answer))
            .expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{request}\n{answer}");
    }

    /// A kept connection to the LocalAPI.
    fn connect(&self) -> LocalApi {
        LocalApi(UnixStream::connect(self.socket()).expect("the LocalAPI"))
    }
}

struct LocalApi(UnixStream);

impl LocalApi {
    /// Asks whose device that is; the status.
    fn whois(&mut self, address: IpAddr) -> u16 {
        let request =
            format!("GET /localapi/v0/whois?addr={address} HTTP/1.1\r\nHost: local-tailscaled.sock\r\n\r\n");
        self.0.write_all(request.as_bytes()).expect("it is asked");
        let mut buffer = Vec::new();
        let mut part = [0; 16 * 1024];
        loop {
            let read = self.0.read(&mut part).expect("it answers");
            assert!(read > 0, "the LocalAPI ended the connection");
            buffer.extend_from_slice(&part[..read]);
            if let Some(status) = whole(&buffer) {
                return status;
            }
        }
    }
}

/// The status of an answer that is complete: by its length, or by its last chunk.
fn whole(buffer: &[u8]) -> Option<u16> {
    if let Some(size) = exchange::size(buffer).filter(|size| buffer.len() >= size.whole) {
        let head = String::from_utf8_lossy(&buffer[..size.head]).to_ascii_lowercase();
        if !head.contains("transfer-encoding: chunked") {
            return Some(size.status);
        }
    }
    let text = String::from_utf8_lossy(buffer);
    let chunked = text.to_ascii_lowercase().contains("transfer-encoding: chunked");
    (chunked && text.ends_with("\r\n0\r\n\r\n")).then(|| text.get(9..12)?.parse().ok()).flatten()
}

pub(crate) fn rows(plan: &Plan) {
    if !plan.wants("tailnet") {
        return;
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/tailnet/tailnet");
    if !program.exists() {
        return println!(
            "No {}: `./test` builds it; the rows of the tailnet are left out.\n",
            program.display()
        );
    }
    let tailnet = Tailnet::start(plan, &program);
    let settings = format!(
        "[tailscale]\nsocket = \"{}\"\ntrust_loopback = true\n[tailscale.users]\n\
         \"user-2@fake-control.example.net\" = \"bench0\"\n",
        tailnet.socket().display()
    );
    let aegis = Aegis::start_with(plan.cores, REMEMBERED, &settings);
    let expect = |answer: &Answer| Expect::AllowedByTailnet.check(answer, &aegis);
    let device = |third: u8, number: u16| {
        IpAddr::V4(Ipv4Addr::new(
            100,
            70,
            third + u8::try_from(number / 200).unwrap_or(0),
            (number % 200) as u8 + 1,
        ))
    };
    for number in 0..=ONCE {
        tailnet.add(number, device(0, number));
        tailnet.add(1000 + number, device(100, number));
    }
    let request = aegis.allowed_from(device(0, 0));
    let end = Instant::now() + Duration::from_secs(20);
    let answer = loop {
        let answer = exchange::ask(aegis.address, &request).expect("an answer");
        if answer.status == 200 || Instant::now() > end {
            break answer;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    judge("on the tailnet", &request, &answer, &expect);
    // What the last change dropped is heard of by now: nothing changes while it is measured.
    std::thread::sleep(Duration::from_secs(1));

    println!("{}", crate::figures::Figures::HEADER);
    let bare = bare::Bare::tcp(plan.cores, &answer);
    let name = "on the tailnet, remembered";
    row(plan, name, &request, &expect, &bare.process, bare.address, &aegis.process, aegis.address);

    let mut api = tailnet.connect();
    let (mut whois, mut checks, mut bares) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=ONCE {
        let began = Instant::now();
        assert_eq!(api.whois(device(100, number)), 200, "whois of {}", device(100, number));
        whois.push(began.elapsed().as_secs_f64() * 1000.0);

        let request = aegis.allowed_from(device(0, number));
        let began = Instant::now();
        let answer = exchange::ask(aegis.address, &request).expect("an answer");
        checks.push(began.elapsed().as_secs_f64() * 1000.0);
        judge("on the tailnet, asked anew", &request, &answer, &expect);

        let began = Instant::now();
        exchange::ask(bare.address, &request).expect("an answer");
        bares.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    println!("\n| one at a time, {ONCE} devices once each | p50 ms | p99 ms |\n|---|--:|--:|");
    for (name, mut times) in [
        ("whois at the daemon itself, kept connection", whois),
        ("check of a device that is asked about anew, new connection", checks),
        ("bare hyper, new connection", bares),
    ] {
        times.sort_by(f64::total_cmp);
        println!("| {name} | {:.3} | {:.3} |", percentile(&times, 0.5), percentile(&times, 0.99));
    }
    println!();
}
