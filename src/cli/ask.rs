//! One question to the running server, over a connection that is there. Never follows a redirect.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
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
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(target)
        .header(header::HOST, "localhost")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let answered = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await?.to_bytes();
        Ok((status, body))
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
