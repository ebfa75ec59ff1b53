//! Bare hyper: answers every request with the same bytes and asks nothing. The limit, the stub behind
//! Caddy, and the app behind Caddy; a process of its own, so that its CPU can be told apart.
//!
//! Promises: the answer has the status, headers and body of the one it was given.
//! Never: looks at a request beyond what hyper does by itself.

use std::convert::Infallible;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};

use crate::exchange::Answer;
use crate::process::{Cores, Process};

/// An answer of the size Aegis's have, for measuring the method itself.
pub(crate) const SAMPLE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    cache-control: no-store\r\n\
    remote-user: sam\r\n\
    remote-email: sam@example.com\r\n\
    remote-name: Sam Sample\r\n\
    remote-groups: operator,users,viewer\r\n\
    remote-auth-method: password\r\n\
    x-aegis-assertion: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n\
    cookie: aegis=none\r\n\
    authorization: \r\n\
    content-length: 2\r\n\r\nok";

/// The app behind Caddy.
pub(crate) const HELLO: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello";

/// A running bare hyper.
pub(crate) struct Bare {
    pub(crate) process: Process,
    /// Where it listens; nowhere in particular over a unix socket.
    pub(crate) address: SocketAddr,
    socket: PathBuf,
    _directory: TempDir,
}

impl Bare {
    /// One that gives `answer` over TCP.
    pub(crate) fn tcp(cores: Cores, answer: &Answer) -> Self {
        Self::start(cores, answer, false)
    }

    /// One that gives `answer` over a unix socket.
    pub(crate) fn unix(cores: Cores, answer: &Answer) -> Self {
        Self::start(cores, answer, true)
    }

    /// Its unix socket, as Caddy writes it.
    pub(crate) fn caddy_address(&self) -> String {
        format!("unix/{}", self.socket.display())
    }

    fn start(cores: Cores, answer: &Answer, unix: bool) -> Self {
        let directory = tempfile::tempdir().expect("a directory for a while");
        let socket = directory.path().join("bare.sock");
        let place = if unix { socket.display().to_string() } else { "tcp".to_owned() };
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["bare", &place]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(cores, &mut command);
        process.0.stdin.take().expect("its input").write_all(answer.bytes()).expect("it takes its answer");
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("it says where it listens");
        let address = line.trim().parse().expect("an address");
        Self { process, address, socket, _directory: directory }
    }
}

/// The program itself: `bare tcp` or `bare /path/of/a.sock`, with the answer on its input.
pub(crate) fn run(place: &str) {
    let mut raw = Vec::new();
    std::io::stdin().read_to_end(&mut raw).expect("an answer on the input");
    let answer = Answer::of(&raw).expect("a whole answer");
    // The kind of runtime is the one a server of several cores uses; here it has one worker.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(serve(place, &answer));
}

async fn serve(place: &str, answer: &Answer) {
    let headers: HeaderMap = answer
        .headers
        .iter()
        // hyper writes these two by itself.
        .filter(|(name, _)| name != "date" && name != "content-length")
        .map(|(name, value)| {
            (name.parse::<HeaderName>().expect("a name"), value.parse::<HeaderValue>().expect("a value"))
        })
        .collect();
    let body = Bytes::copy_from_slice(answer.body());
    let status = StatusCode::from_u16(answer.status).expect("a status");
    let respond = move || {
        let mut response = Response::new(Full::new(body.clone()));
        *response.status_mut() = status;
        *response.headers_mut() = headers.clone();
        response
    };
    if place == "tcp" {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("its address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            tokio::spawn(connection(TokioIo::new(stream), respond.clone()));
        }
    }
    let listener = UnixListener::bind(place).expect("a socket");
    std::fs::set_permissions(place, Permissions::from_mode(0o666)).expect("a socket for all");
    println!("127.0.0.1:0");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        tokio::spawn(connection(TokioIo::new(stream), respond.clone()));
    }
}

async fn connection(
    io: impl hyper::rt::Read + hyper::rt::Write + Unpin,
    respond: impl Fn() -> Response<Full<Bytes>>,
) {
    let service = service_fn(|_| std::future::ready(Ok::<_, Infallible>(respond())));
    // A broken connection is the other side's affair.
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(io, service).await;
}
