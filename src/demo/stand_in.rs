//! A reverse proxy for who has no Caddy: as much of `forward_auth` as the show needs.
//! Never passes on what a visitor claims to be. Not for use: it knows no TLS, no upgrade, no stream.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::{APP, IDENTITY, PHONE, PORTAL};
use crate::forwarded::Peer;
use crate::serve::Answer;

/// Where proxies ask; no visitor's business.
const CHECKS: [&str; 5] = ["/auth/forward-auth", "/auth/nginx", "/auth/envoy", "/api/authz", "/api/auth/"];
/// About the connection, and what a visitor could claim of the request.
const NOT_THEIRS: [&str; 7] = [
    "connection",
    "upgrade",
    "transfer-encoding",
    "content-length",
    "forwarded",
    "x-forwarded",
    "x-original",
];
/// The largest body that is passed on.
const LARGEST: usize = 1024 * 1024;

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Reply = Response<Full<Bytes>>;

/// The proxy, and the folder with the sockets behind it.
pub(super) struct StandIn(PathBuf);

impl StandIn {
    /// Between visitors and the sockets in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_path_buf())
    }

    async fn pass(&self, peer: Peer, request: Request<Incoming>) -> Result<Reply, Failed> {
        let [aegis, app, phone] = ["aegis.sock", "app.sock", "phone.sock"].map(|name| self.0.join(name));
        let (mut head, body) = request.into_parts();
        let body = Limited::new(body, LARGEST).collect().await?.to_bytes();
        let target = head.uri.path_and_query().ok_or("no target")?.to_string();
        head.uri = Uri::try_from(&target)?;
        let host = head.headers.get(header::HOST).ok_or("no host")?.clone();
        drop_all(&mut head.headers, &NOT_THEIRS);
        if let Peer::Tcp(address) = peer {
            head.headers.insert("x-forwarded-for", address.to_string().parse()?);
        }
        head.headers.insert("x-forwarded-proto", "http".parse()?);
        head.headers.insert("x-forwarded-host", host.clone());
        let name = host.to_str()?.split(':').next().unwrap_or_default();
        if name == PORTAL && !CHECKS.iter().any(|check| target.starts_with(check)) {
            return ask(&aegis, Request::from_parts(head, body.into())).await;
        } else if name == PHONE {
            return ask(&phone, Request::from_parts(head, body.into())).await;
        } else if name != APP {
            return Ok(empty(StatusCode::NOT_FOUND));
        }
        let mut question = Request::get("/auth/forward-auth").body(Full::default())?;
        question.headers_mut().clone_from(&head.headers);
        question.headers_mut().insert("x-forwarded-method", head.method.as_str().parse()?);
        question.headers_mut().insert("x-forwarded-uri", target.parse()?);
        let answer = ask(&aegis, question).await?;
        if answer.status() != StatusCode::OK {
            return Ok(answer);
        }
        drop_all(&mut head.headers, &["remote", "x-aegis"]);
        for name in IDENTITY.iter().copied().chain(["cookie", "authorization"]) {
            let value = answer.headers().get(name).ok_or("an answer without identity")?;
            head.headers.insert(HeaderName::try_from(name)?, value.clone());
        }
        ask(&app, Request::from_parts(head, body.into())).await
    }
}

impl Answer for StandIn {
    async fn answer(&self, peer: Peer, request: Request<Incoming>) -> Reply {
        self.pass(peer, request).await.unwrap_or_else(|_failed| empty(StatusCode::BAD_GATEWAY))
    }
    fn panicked(&self, _path: &str) -> Reply {
        empty(StatusCode::BAD_GATEWAY)
    }
}

/// Removes the headers that begin so, in every spelling that some app takes for the same.
fn drop_all(headers: &mut HeaderMap, beginnings: &[&str]) {
    let begins = |name: &&HeaderName| {
        let name = name.as_str().replace(['_', '.'], "-");
        beginnings.iter().any(|beginning| name.starts_with(beginning))
    };
    for name in headers.keys().filter(begins).cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
}

/// Asks whoever listens at `socket`, on a connection of its own.
async fn ask(socket: &Path, request: Request<Full<Bytes>>) -> Result<Reply, Failed> {
    let (mut sender, connection) = handshake(TokioIo::new(UnixStream::connect(socket).await?)).await?;
    // It takes the sender with it, so that the connection ends when it is done.
    let answered = async move {
        let is_head = request.method() == Method::HEAD;
        let (mut head, body) = sender.send_request(request).await?.into_parts();
        drop_all(&mut head.headers, &["connection", "transfer-encoding"]);
        let body = Limited::new(body, if is_head { 0 } else { LARGEST }).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body.into()))
    };
    tokio::join!(answered, connection).0
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = status;
    reply
}
