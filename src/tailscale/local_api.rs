//! The socket of the daemon. Owns the connections to its `LocalAPI` and the form of a question.
//!
//! Promises: a question is asked again only where a kept connection had ended before it answered; of an
//! answer no more than 1 MiB is read; nothing of a visitor's request reaches the daemon but an address.

use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::UnixStream;

use super::failure::{Broken, Failure};
use super::options::Socket;

/// The one host the daemon answers for. With a port, or another, it refuses.
const HOST: &str = "local-tailscaled.sock";
/// The largest answer that is read.
const LARGEST: usize = 1024 * 1024;
/// The most bytes that are read at once, and of a head at all.
const BUFFER: usize = 64 * 1024;
/// How many connections are kept.
const KEPT: usize = 4;

/// Where the daemon's socket can be, the usual place first: most systems, Synology (two versions),
/// Gokrazy, QNAP, and the container image. And whether anybody could put a file there.
const PLACES: [(&str, bool); 6] = [
    ("/var/run/tailscale/tailscaled.sock", false),
    ("/var/packages/Tailscale/var/tailscaled.sock", false),
    ("/var/packages/Tailscale/etc/tailscaled.sock", false),
    ("/perm/tailscaled/tailscaled.sock", false),
    ("/tmp/tailscale/tailscaled.sock", true),
    ("/tmp/tailscaled.sock", true),
];

/// `future`'s answer within `limit`.
pub(super) async fn within<T>(
    limit: Duration,
    future: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(limit, future).await.unwrap_or(Err(Failure::Slow))
}

/// The daemon's socket, and the connections that are kept to it.
pub(super) struct LocalApi {
    socket: Socket,
    kept: Mutex<Vec<Conversation>>,
}

/// Status and body.
pub(super) type Answered = (StatusCode, Bytes);

impl LocalApi {
    /// No connection yet.
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, kept: Mutex::default() }
    }

    /// Where the socket is looked for, in this order.
    pub(super) fn sockets(&self) -> Vec<PathBuf> {
        match &self.socket {
            Socket::At(path) => vec![path.clone()],
            Socket::Auto => PLACES.iter().map(|(place, _)| PathBuf::from(place)).collect(),
        }
    }

    /// Asks for `target`.
    pub(super) async fn get(&self, target: &str) -> Result<Answered, Failure> {
        let kept = self.kept.lock().pop();
        if let Some(kept) = kept {
            match self.ask(kept, target).await {
                Err(Unheard::Ended) => {}
                Err(Unheard::Failed(why)) => return Err(Failure::Broken(why)),
                Ok(answered) => return Ok(answered),
            }
        }
        let new = self.connect().await?;
        self.ask(new, target).await.map_err(|unheard| Failure::Broken(unheard.why()))
    }

    /// Asks for `target`, whose answer has no end.
    pub(super) async fn stream(&self, target: &str) -> Result<Stream, Failure> {
        let mut conversation = self.connect().await?;
        let answer = conversation.head(target).await.map_err(|unheard| Failure::Broken(unheard.why()))?;
        match answer.status() {
            StatusCode::OK => Ok(Stream { conversation, body: answer.into_body() }),
            status => Err(refused(status)),
        }
    }

    /// Lets go of the connections that are kept: who was at their other end may be gone.
    pub(super) fn forget(&self) {
        self.kept.lock().clear();
    }

    async fn ask(&self, mut conversation: Conversation, target: &str) -> Result<Answered, Unheard> {
        let answer = conversation.head(target).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST).collect();
        let body = driven(&mut conversation.connection, body).await.map_err(|error| {
            let is_too_long = error.downcast_ref::<LengthLimitError>().is_some();
            Unheard::Failed(if is_too_long { Broken::TooLong } else { Broken::Cut })
        })?;
        let mut kept = self.kept.lock();
        if conversation.connection.is_some() && kept.len() < KEPT {
            kept.push(conversation);
        }
        Ok((status, body.to_bytes()))
    }

    /// A new connection, each time looked for anew: the daemon makes the file again when it starts.
    async fn connect(&self) -> Result<Conversation, Failure> {
        let stream = match &self.socket {
            Socket::At(path) => open(path).await?,
            Socket::Auto => find().await?,
        };
        let (sender, connection) = Builder::new()
            .max_buf_size(BUFFER)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Failure::Broken(Broken::Cut))?;
        Ok(Conversation { sender, connection: Some(connection) })
    }
}

/// What an answer means that has another status than was hoped for.
pub(super) fn refused(status: StatusCode) -> Failure {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Denied,
        StatusCode::SERVICE_UNAVAILABLE => Failure::Starting,
        other => Failure::Broken(Broken::Status(other.as_u16())),
    }
}

async fn open(path: &Path) -> Result<UnixStream, Failure> {
    UnixStream::connect(path).await.map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => Failure::Denied,
        // The queue of a daemon that has stopped taking connections is full.
        ErrorKind::WouldBlock => Failure::Slow,
        _ => Failure::Down,
    })
}

/// The first place where a daemon answers. Where anybody could have put the socket, only one of root's
/// or of our own user's is believed.
async fn find() -> Result<UnixStream, Failure> {
    let mut why = Failure::Down;
    for (place, is_anybodys) in PLACES {
        match open(Path::new(place)).await {
            Ok(stream) if is_anybodys && !is_trusted(&stream) => why = Failure::Denied,
            Ok(stream) => return Ok(stream),
            Err(Failure::Down) => {}
            Err(failure) => why = failure,
        }
    }
    Err(why)
}

fn is_trusted(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == rustix::process::geteuid().as_raw())
}

type Open = Connection<TokioIo<UnixStream>, Empty<Bytes>>;

/// One connection. It moves only while somebody asks: nothing runs beside the questions.
struct Conversation {
    sender: SendRequest<Empty<Bytes>>,
    /// Nothing once it has ended.
    connection: Option<Open>,
}

/// Why a conversation gave no answer.
enum Unheard {
    /// It ended before there was one.
    Ended,
    /// What came is none.
    Failed(Broken),
}

impl Unheard {
    fn why(self) -> Broken {
        match self {
            Self::Ended => Broken::Cut,
            Self::Failed(why) => why,
        }
    }
}

impl Conversation {
    /// Asks, and hears the head of the answer.
    async fn head(&mut self, target: &str) -> Result<http::Response<Incoming>, Unheard> {
        let request = Request::get(target)
            .header(header::HOST, HOST)
            .body(Empty::<Bytes>::new())
            .map_err(|_| Unheard::Failed(Broken::Value))?;
        let Self { sender, connection } = self;
        let asked = async {
            sender.ready().await?;
            sender.send_request(request).await
        };
        driven(connection, asked).await.map_err(|error| {
            if error.is_parse_too_large() {
                Unheard::Failed(Broken::TooLong)
            } else if error.is_parse() {
                Unheard::Failed(Broken::Cut)
            } else {
                Unheard::Ended
            }
        })
    }
}

/// Awaits `work` on a connection, and moves the connection meanwhile.
async fn driven<T>(connection: &mut Option<Open>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Some(open) = connection
            && Pin::new(open).poll(context).is_ready()
        {
            *connection = None;
        }
        work.as_mut().poll(context)
    })
    .await
}

/// An answer without an end.
pub(super) struct Stream {
    conversation: Conversation,
    body: Incoming,
}

impl Stream {
    /// The next bytes; nothing once it has ended, in whatever way.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            let frame = driven(&mut self.conversation.connection, self.body.frame()).await?.ok()?;
            if let Ok(bytes) = frame.into_data() {
                return Some(bytes);
            }
        }
    }
}
