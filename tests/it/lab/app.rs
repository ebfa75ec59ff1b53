//! The app behind the proxy: it writes down every request and answers with what it saw.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// One request as the app received it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case, every line of its own.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The trailer fields of a chunked body.
    pub(crate) trailers: Vec<(String, String)>,
}

impl Seen {
    /// Every value of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The one value of a header; nothing where it is absent or empty.
    #[track_caller]
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() < 2, "the app received several `{name}`: {self:#?}");
        values.first().copied().filter(|value| !value.is_empty())
    }
}

type Book = Arc<Mutex<Vec<Seen>>>;

/// The running app. It ends with the test process.
pub(crate) struct App {
    book: Book,
}

impl App {
    /// Starts it; it accepts when this returns.
    pub(crate) fn start(at: SocketAddr) -> Self {
        let book = Book::default();
        let listener = std::net::TcpListener::bind(at).unwrap_or_else(|error| panic!("{at}: {error}"));
        listener.set_nonblocking(true).unwrap();
        let own = book.clone();
        thread::spawn(move || serve(listener, &own));
        Self { book }
    }

    /// What was asked of this host (as it stands in `Host`), in order.
    pub(crate) fn seen(&self, host: &str) -> Vec<Seen> {
        let book = self.book.lock();
        book.iter().filter(|seen| seen.all("host").contains(&host)).cloned().collect()
    }

    /// What was asked with this value of `X-Lab-Case`.
    pub(crate) fn seen_in(&self, case: &str) -> Vec<Seen> {
        let book = self.book.lock();
        book.iter().filter(|seen| seen.all("x-lab-case").contains(&case)).cloned().collect()
    }

    /// Everything that was asked.
    pub(crate) fn everything(&self) -> Vec<Seen> {
        self.book.lock().clone()
    }
}

fn serve(listener: std::net::TcpListener, book: &Book) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            let book = book.clone();
            let service = service_fn(move |request| answer(request, book.clone()));
            tokio::spawn(
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades(),
            );
        }
    });
}

async fn answer(mut request: Request<Incoming>, book: Book) -> Result<Response<Content>, Infallible> {
    let asks = request
        .headers()
        .get(header::CONNECTION)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"upgrade"))
        && request.headers().contains_key(header::UPGRADE);
    let upgrade = asks.then(|| hyper::upgrade::on(&mut request));
    let (head, body) = request.into_parts();
    let body = body.collect().await;
    let pairs = |headers: &hyper::HeaderMap| -> Vec<(String, String)> {
        let value = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.iter().map(|(name, own)| (name.as_str().to_owned(), value(own))).collect()
    };
    let trailers = body.as_ref().ok().and_then(|body| body.trailers().map(pairs)).unwrap_or_default();
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let seen = Seen {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: pairs(&head.headers),
        body: String::from_utf8_lossy(&body).into_owned(),
        trailers,
    };
    book.lock().push(seen.clone());

    let answer = Response::builder().header("x-lab-app", "yes");
    Ok(if let Some(upgrade) = upgrade {
        tokio::spawn(async move {
            let Ok(stream) = upgrade.await else { return };
            let (mut from, mut to) = tokio::io::split(TokioIo::new(stream));
            let mut bytes = [0; 1024];
            while let Ok(length @ 1..) = from.read(&mut bytes).await {
                if to.write_all(&echo(&bytes[..length])).await.is_err() {
                    break;
                }
            }
        });
        let key = seen.one("sec-websocket-key").unwrap_or_default();
        answer
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_ACCEPT, accept(key))
            .body(Content::Whole(Full::default()))
    } else if seen.target == "/events" {
        answer.header(header::CONTENT_TYPE, "text/event-stream").body(Content::Events(Some(EVENT)))
    } else {
        let text = serde_json::json!({
            "method": seen.method,
            "target": seen.target,
            "headers": seen.headers,
            "body": seen.body,
        });
        answer
            .header(header::CONTENT_TYPE, "application/json")
            .body(Content::Whole(Full::from(text.to_string())))
    }
    .unwrap())
}

/// The first of the events, and the only one.
pub(crate) const EVENT: &str = "data: first\n\n";

/// What the app answers with.
enum Content {
    Whole(Full<Bytes>),
    /// One event, and then no end.
    Events(Option<&'static str>),
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(context),
            Self::Events(event) => match event.take() {
                Some(event) => Poll::Ready(Some(Ok(Frame::data(Bytes::from(event))))),
                None => Poll::Pending,
            },
        }
    }
}

/// What came, again; one short frame of a browser without its mask (RFC 6455, section 5.3).
fn echo(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [start, length, a, b, c, d, rest @ ..] if start & 0x80 != 0 && length & 0x80 != 0 => {
            let mask = [a, b, c, d].into_iter().cycle();
            let text = rest.iter().zip(mask).map(|(byte, mask)| byte ^ mask);
            [*start, length & 0x7f].into_iter().chain(text).collect()
        }
        _ => bytes.to_vec(),
    }
}

/// `Sec-WebSocket-Accept` for a key (RFC 6455, section 4.2.2).
fn accept(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}
