//! One connection: its limits, its requests, its end.
//!
//! Promises: a slow, large or silent client is cut by [`Limits`]; a panic while answering is the
//! closed answer of its door; at the drain an idle connection goes at once and a request in flight is
//! answered with `Connection: close`.
//! Never: sets hyper's `pipeline_flush`, which swallows its 400 and 431.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::caught::{caught, caught_at_once};
use super::drain::{Ending, Phase};
use super::patience::Patience;
use super::socket::Stream;
use super::{Answer, Limits};
use crate::forwarded::Peer;
use crate::place::ClientAddress;

/// Connections over the limit that are told so at once; more are closed without a word.
const TOLD: usize = 32;
/// What they are told. A proxy passes it on as the failure it is.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n\
    Cache-Control: no-store\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n\r\n\
    Too many are here already.";
/// How long a goodbye may take: to one over the limit, to one who knocked as we closed.
const GOODBYE: Duration = Duration::from_secs(1);

/// Every connection of one server.
pub(super) struct Connections<A> {
    answer: Arc<A>,
    limits: Limits,
    places: Arc<Semaphore>,
    goodbyes: Arc<Semaphore>,
    ending: Ending,
}

impl<A: Answer> Connections<A> {
    pub(super) fn new(answer: Arc<A>, limits: Limits) -> Self {
        Self {
            answer,
            places: Arc::new(Semaphore::new(usize::try_from(limits.connections).unwrap_or(usize::MAX))),
            goodbyes: Arc::new(Semaphore::new(TOLD)),
            limits,
            ending: Ending::new(),
        }
    }

    pub(super) fn answer(&self) -> &A {
        &self.answer
    }

    pub(super) fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Takes a connection in if there is a place for it, else sends it away. One that knocked while
    /// the server began to end is `late`: it gets a moment for the one request it is here for.
    #[expect(clippy::disallowed_methods, reason = "the accept loop starts one task a connection")]
    pub(super) fn admit(self: &Arc<Self>, stream: Stream, late: bool) {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            if let Ok(goodbye) = self.goodbyes.clone().try_acquire_owned() {
                tokio::spawn(async move {
                    let _over = timeout(GOODBYE, send_away(stream)).await;
                    drop(goodbye);
                });
            }
            return;
        };
        let connections = self.clone();
        tokio::spawn(async move {
            if late {
                let _silent = timeout(GOODBYE, stream.readable()).await;
            }
            match stream {
                Stream::Unix(stream) => {
                    connections.serve(stream, Peer::Unix, connections.limits.patience_near).await;
                }
                Stream::Tcp(stream, address) => {
                    let (peer, patience) = connections.judge(&stream, address);
                    connections.serve(stream, peer, patience).await;
                }
            }
            drop(place);
        });
    }

    /// Who is there, and how patient we are with them.
    fn judge(&self, stream: &TcpStream, address: SocketAddr) -> (Peer, Duration) {
        // Each fails only if the client is gone already, which the first read tells.
        let _gone = stream.set_nodelay(true);
        let unread = u32::try_from(self.limits.unread.as_millis()).unwrap_or(u32::MAX);
        let _gone = rustix::net::sockopt::set_tcp_user_timeout(stream, unread);
        let client = ClientAddress::from(address.ip());
        let near = client.ip().is_loopback();
        (Peer::Tcp(client), if near { self.limits.patience_near } else { self.limits.patience })
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: Peer, patience: Duration) {
        let patience = &Patience::new(patience);
        let service = service_fn(|request| self.answer_one(peer, patience, request));
        let mut connection = pin!(
            http1::Builder::new()
                // `patience` does that.
                .header_read_timeout(None)
                .max_header_size(self.limits.header)
                .max_buf_size(self.limits.header.max(32 * 1024) * 2)
                .half_close(false)
                // Answers are small: written as one piece they cost the kernel less than in two.
                .writev(false)
                .serve_connection(TokioIo::new(stream), service)
        );
        let mut over = pin!(patience.over());
        // The connection comes first, so that a request that is there already is begun.
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            () = self.ending.reached(Phase::Draining) => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    biased;
                    ended = connection.as_mut() => ended,
                    () = self.ending.reached(Phase::Cut) => return,
                    () = over.as_mut() => return,
                }
            }
            () = over.as_mut() => return,
        };
        if let Err(error) = ended {
            tracing::debug!(event = "connection.ended", ?peer, %error);
        }
    }

    /// Answers at once if that can be done, so that most requests have no future of their own.
    fn answer_one(
        &self,
        peer: Peer,
        patience: &Patience,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> {
        patience.step();
        let announced = request.body().size_hint().exact();
        let at_once = if announced.is_some_and(|length| length > self.limits.body) {
            let mut answer = self.answer.too_large(request.uri().path());
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            Some(answer)
        } else {
            match caught_at_once(|| self.answer.at_once(peer, &request)) {
                Ok(answer) => answer,
                Err(_panicked) => Some(self.panicked(request.uri().path())),
            }
        };
        let answer = at_once.ok_or_else(|| Box::pin(self.answer_later(peer, request)));
        async move {
            let answer = match answer {
                Ok(answer) => answer,
                Err(later) => later.await,
            };
            patience.step();
            Ok(answer)
        }
    }

    async fn answer_later(&self, peer: Peer, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let in_flight = self.ending.in_flight(request.method(), request.uri());
        // Called inside, so that a panic before its first await is caught too.
        let answer = match caught(async { self.answer.answer(peer, request).await }).await {
            Ok(answer) => answer,
            Err(_panicked) => self.panicked(in_flight.path()),
        };
        in_flight.answered();
        answer
    }

    fn panicked(&self, path: &str) -> Response<Full<Bytes>> {
        tracing::error!(event = "request.panicked", path, "answered closed");
        self.answer.panicked(path)
    }

    /// Gives those who are still being answered their time, then cuts them, and names them.
    pub(super) async fn finish(&self) -> Vec<String> {
        if timeout(self.limits.drain, self.nobody()).await.is_err() {
            self.ending.cut();
            let _stuck = timeout(GOODBYE, self.nobody()).await;
        }
        self.ending.names()
    }

    /// Waits until no connection is left: every place is free.
    fn nobody(&self) -> impl Future<Output = ()> {
        let places = self.places.clone();
        let all = self.limits.connections;
        async move {
            let _never_closed = places.acquire_many(all).await;
        }
    }
}

/// Says that it is full here, and waits for the client to have read it: closing with its request
/// unread would take the answer back (a reset).
async fn send_away(stream: Stream) {
    match stream {
        Stream::Unix(stream) => tell(stream).await,
        Stream::Tcp(stream, _) => tell(stream).await,
    }
}

async fn tell(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    if stream.write_all(FULL).await.is_ok() && stream.shutdown().await.is_ok() {
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await.is_ok_and(|read| read > 0) {}
    }
}
