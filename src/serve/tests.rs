//! The server on real sockets. What waits here waits for an event; the deadline only ends a test that hangs.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::listen::Address;
use super::*;

/// Answers `ok` and who asked; panics and waits where the path says so.
#[derive(Default)]
struct Echo {
    begun: Notify,
    go_on: Notify,
    let_go: Notify,
    answered: AtomicUsize,
}

impl Answer for Echo {
    fn at_once(&self, _peer: Peer, request: &Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        assert!(request.uri().path() != "/panic-at-once", "as asked");
        None
    }

    async fn answer(&self, peer: Peer, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match request.uri().path() {
            "/panic" => panic!("as asked"),
            "/wait" => {
                self.begun.notify_one();
                self.go_on.notified().await;
            }
            "/poll" => {
                self.begun.notify_one();
                self.let_go.notified().await;
            }
            "/read" => {
                let read = request.into_body().collect().await.map(|body| body.to_bytes().len());
                return Response::new(format!("read {read:?}").into());
            }
            _ => {}
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        Response::new(format!("ok for {peer:?}").into())
    }

    fn panicked(&self, path: &str) -> Response<Full<Bytes>> {
        Response::builder().status(503).body(format!("closed at {path}").into()).unwrap()
    }

    fn draining(&self) {
        self.let_go.notify_one();
    }
}

/// A running server.
struct Server {
    echo: Arc<Echo>,
    tcp: Option<SocketAddr>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Drained>,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "a test may start a task")]
    fn start(listen: &[Address], limits: Limits) -> Self {
        let listeners = Listener::bind(listen).unwrap();
        let tcp = listeners.iter().find_map(Listener::tcp_address);
        let (stop, stopped) = oneshot::channel();
        let echo = Arc::new(Echo::default());
        let server = run(listeners, echo.clone(), limits, async { stopped.await.unwrap_or_default() });
        Self { echo, tcp, stop, running: tokio::spawn(server) }
    }

    fn tcp(limits: Limits) -> Self {
        Self::start(&[Address::Tcp("127.0.0.1:0".parse().unwrap())], limits)
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.tcp.unwrap()).await.unwrap()
    }

    async fn stop(self) -> Drained {
        self.stop.send(()).unwrap();
        within(self.running).await.unwrap()
    }
}

fn unix(path: &Path) -> Address {
    Address::Unix { path: path.into(), mode: 0o660 }
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(30), future).await.expect("nothing happened for 30 s")
}

/// Sends `request`, reads all there is until the server closes.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    // The server may answer and close before it has read everything.
    let _closed = stream.write_all(request.as_bytes()).await;
    rest(stream).await
}

async fn rest(mut stream: impl AsyncRead + Unpin) -> String {
    let mut answer = Vec::new();
    match within(stream.read_to_end(&mut answer)).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

#[tokio::test]
async fn it_answers_over_tcp_and_over_a_unix_socket_and_says_who_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aegis.sock");
    let server =
        Server::start(&[Address::Tcp("127.0.0.1:0".parse().unwrap()), unix(&path)], Limits::default());
    let over_tcp = ask(server.connect().await, &get("/")).await;
    assert!(over_tcp.ends_with("ok for Tcp(ClientAddress(127.0.0.1))"), "{over_tcp}");
    assert!(over_tcp.contains("\r\ndate: "), "an answer has a date: {over_tcp}");
    let over_unix = ask(UnixStream::connect(&path).await.unwrap(), &get("/")).await;
    assert!(over_unix.ends_with("ok for Unix"), "{over_unix}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let drained = server.stop().await;
    assert!(drained.cut.is_empty() && drained.fault.is_none(), "{drained:?}");
    assert!(!path.exists(), "the socket's file goes with the server");
}

#[tokio::test]
async fn a_header_that_does_not_come_to_an_end_is_cut() {
    let brief = Duration::from_millis(50);
    let server = Server::tcp(Limits { patience: brief, patience_near: brief, ..Limits::default() });
    for begun in ["", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "] {
        let answer = ask(server.connect().await, begun).await;
        assert_eq!(answer, "", "after {begun:?} the connection is closed without an answer");
    }
    let kept = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answer = ask(server.connect().await, kept).await;
    assert_eq!(status(&answer), "200", "an idle connection is closed after its answer: {answer}");
}

#[tokio::test]
async fn too_many_and_too_large_headers_are_431() {
    let server = Server::tcp(Limits { header: 16 * 1024, ..Limits::default() });
    let many = "X-Filler: 1\r\n".repeat(150);
    let large = format!("X-Filler: {}\r\n", "x".repeat(16 * 1024));
    let endless = "x".repeat(1024 * 1024);
    for (what, headers) in
        [("150 headers", &many), ("over 16 KiB", &large), ("1 MiB without an end", &endless)]
    {
        let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        let answer = ask(server.connect().await, &request).await;
        // With so much left unread, a reset may overtake the answer.
        let overtaken = answer.is_empty() && request.len() > 1024 * 1024;
        assert!(status(&answer) == "431" || overtaken, "{what}: {answer}");
    }
    let fits = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Filler: {}\r\n\r\n",
        "x".repeat(15 * 1024)
    );
    let answer = ask(server.connect().await, &fits).await;
    assert_eq!(status(&answer), "200", "15 KiB: {answer}");
    assert_eq!(server.echo.answered.load(Ordering::Relaxed), 1, "only what fits is answered");
}

#[tokio::test]
async fn a_body_announced_too_large_is_413_and_the_connection_ends() {
    let server = Server::tcp(Limits { body: 10, ..Limits::default() });
    let request =
        |length: usize| format!("POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    let answer = ask(server.connect().await, &request(11)).await;
    assert_eq!(status(&answer), "413", "11 bytes announced, none sent: {answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    let mut stream = server.connect().await;
    stream.write_all(format!("{}0123456789{}", request(10), get("/")).as_bytes()).await.unwrap();
    let answers = rest(stream).await;
    assert!(answers.contains("read Ok(10)"), "10 bytes fit: {answers}");
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "and the next request is answered: {answers}");
}

#[tokio::test]
async fn a_panic_is_a_closed_answer_and_the_next_request_is_answered() {
    let server = Server::tcp(Limits::default());
    for path in ["/panic", "/panic-at-once"] {
        let both = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n{}", get("/"));
        let answers = ask(server.connect().await, &both).await;
        let closed = format!("closed at {path}");
        assert!(answers.starts_with("HTTP/1.1 503") && answers.contains(&closed), "asked {path}: {answers}");
        assert!(answers.contains("HTTP/1.1 200"), "asked {path}, the same connection goes on: {answers}");
    }
}

#[tokio::test]
async fn the_drain_finishes_what_is_in_flight_and_takes_nobody_new() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aegis.sock");
    let server = Server::start(&[unix(&path)], Limits::default());
    let idle = UnixStream::connect(&path).await.unwrap();
    let mut waiting = UnixStream::connect(&path).await.unwrap();
    waiting.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    within(server.echo.begun.notified()).await;
    server.stop.send(()).unwrap();
    assert_eq!(rest(idle).await, "", "a connection that asks nothing is closed at once");
    let refused = UnixStream::connect(&path).await;
    assert!(refused.is_err(), "nobody new is let in");
    assert!(!path.exists(), "the socket's file is gone");
    assert!(!server.running.is_finished(), "one is still being answered");
    server.echo.go_on.notify_one();
    let answer = rest(waiting).await;
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    let drained = within(server.running).await.unwrap();
    assert!(drained.cut.is_empty(), "{drained:?}");
}

#[tokio::test]
async fn who_knocked_before_the_drain_is_still_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aegis.sock");
    let listener = Listener::bind(&[unix(&path)]).unwrap().remove(0);
    // Nobody accepts yet: the request waits in the queue until the listener closes.
    let mut early = UnixStream::connect(&path).await.unwrap();
    early.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let drained = run(vec![listener], Arc::new(Echo::default()), Limits::default(), async {}).await;
    let answer = rest(early).await;
    assert_eq!(status(&answer), "200", "{answer} {drained:?}");
}

#[tokio::test]
async fn what_takes_longer_than_the_drain_is_cut_and_named() {
    let server = Server::tcp(Limits { drain: Duration::from_millis(50), ..Limits::default() });
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /wait?token=secret HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    within(server.echo.begun.notified()).await;
    let drained = server.stop().await;
    assert_eq!(drained.cut, ["GET /wait"], "named without its query");
    assert_eq!(rest(waiting).await, "", "no answer, and certainly no yes");
}

#[tokio::test]
async fn who_waits_for_something_is_let_go_by_the_drain() {
    let server = Server::tcp(Limits::default());
    let mut poll = server.connect().await;
    poll.write_all(b"GET /poll HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    within(server.echo.begun.notified()).await;
    let drained = server.stop().await;
    assert!(drained.cut.is_empty(), "{drained:?}");
    assert_eq!(status(&rest(poll).await), "200");
}

#[tokio::test]
async fn one_connection_too_many_is_503_until_another_leaves() {
    let server = Server::tcp(Limits { connections: 2, ..Limits::default() });
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        within(stream.read_exact(&mut first)).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        held.push(stream);
    }
    let answer = ask(server.connect().await, &get("/")).await;
    assert_eq!(status(&answer), "503", "the third: {answer}");
    assert!(answer.ends_with("Too many are here already."), "its length is as announced: {answer}");
    held.pop();
    // The server learns of it in its own time.
    let answer = within(async {
        loop {
            let answer = ask(server.connect().await, &get("/")).await;
            if status(&answer) == "200" {
                break answer;
            }
        }
    });
    assert_eq!(status(&answer.await), "200", "one left, one may come");
}

#[tokio::test]
async fn the_socket_of_a_living_server_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aegis.sock");
    let server = Server::start(&[unix(&path)], Limits::default());
    let faults = Listener::bind(&[unix(&path)]).unwrap_err();
    assert!(faults.to_string().contains("a server listens there"), "{faults}");
    let answer = ask(UnixStream::connect(&path).await.unwrap(), &get("/")).await;
    assert_eq!(status(&answer), "200", "the first goes on: {answer}");
    server.stop().await;
}

#[tokio::test]
async fn the_socket_of_a_dead_server_is_replaced_and_other_files_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aegis.sock");
    // The standard library leaves the file behind, as a server that was killed does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a dead socket is there");
    let server = Server::start(&[unix(&path)], Limits::default());
    let answer = ask(UnixStream::connect(&path).await.unwrap(), &get("/")).await;
    assert_eq!(status(&answer), "200", "{answer}");
    server.stop().await;

    std::fs::write(&path, "precious").unwrap();
    let faults = Listener::bind(&[unix(&path)]).unwrap_err();
    assert!(faults.to_string().contains("no socket"), "{faults}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn only_its_own_socket_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aegis.sock");
    let server = Server::start(&[unix(&path)], Limits::default());
    let ours = std::fs::metadata(&path).unwrap().ino();
    let another = folder.path().join("another.sock");
    let theirs = std::os::unix::net::UnixListener::bind(&another).unwrap();
    std::fs::rename(&another, &path).unwrap();
    assert_ne!(std::fs::metadata(&path).unwrap().ino(), ours);
    server.stop().await;
    assert!(path.exists(), "another server's socket stays");
    drop(theirs);
}

#[test]
fn what_cannot_be_bound_is_told_with_a_hint_and_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let faults = Listener::bind(&[
        Address::Tcp(taken.local_addr().unwrap()),
        Address::Tcp("192.0.2.1:0".parse().unwrap()),
        unix(&folder.path().join("missing/aegis.sock")),
        Address::Systemd,
    ])
    .unwrap_err();
    assert_eq!(faults.0.len(), 4, "{faults}");
    assert!(faults.0.iter().all(|fault| fault.hint.is_some()), "{faults}");
    assert!(faults.0[2].message.contains("there is no folder"), "{faults}");
}

#[test]
fn the_limit_of_connections_has_bounds() {
    use crate::config::Placed;
    let limits = |connections| {
        Limits::from_settings(&LimitSettings {
            connections: Placed::of(connections),
            hash_threads: Placed::of(1),
            remembered: Placed::of(32),
        })
    };
    assert_eq!(limits(2000).unwrap().connections, 2000);
    for wrong in [i64::MIN, -1, 0, 15, 100_001, i64::MAX] {
        assert!(limits(wrong).is_err(), "{wrong} was taken");
    }
}
