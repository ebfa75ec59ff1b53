//! One question to the running server, over a connection that is there. Never follows a redirect.

use bytes::Bytes;
use http::response::Parts;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Collected, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// The largest answer that is read.
const LARGEST: usize = 64 * 1024;

/// Status and body.
pub(super) type Answered = (StatusCode, Bytes);

/// Why there is no answer.
pub(super) type Unheard = Box<dyn std::error::Error + Send + Sync>;

/// Asks for `target`.
pub(super) async fn get(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    target: &str,
) -> Result<Answered, Unheard> {
    let request = Request::get(target)
        .header(header::HOST, "localhost")
        .header(header::CONNECTION, "close")
        .body(Empty::new())?;
    let (head, body) = exchange(stream, request, LARGEST).await?;
    Ok((head.status, body?))
}

/// Sends `request` and reads what comes back; of the body at most `largest` bytes, or why there is none.
pub(super) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
    largest: usize,
) -> Result<(Parts, Result<Bytes, Unheard>), Unheard> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let answered = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, largest).collect().await.map(Collected::to_bytes);
        Ok((head, body))
    };
    let driven = async {
        let _closed = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answered = answered => answered,
        () = driven => Err("the connection was closed".into()),
    }
}
