//! The accept loop, one for each listener.
//!
//! Promises: a failure to accept never ends it and never spins; at the drain the socket's own file
//! goes first, then whoever has knocked is let in, then it closes.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Answer;
use super::connection::Connections;
use super::drain::Phase;
use super::socket::Listener;

/// The pause after a failure that will not pass by itself, such as having no file descriptor left.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Lets clients in until the server begins to end.
pub(super) async fn accept<A: Answer>(listener: Listener, connections: Arc<Connections<A>>) {
    let ending = connections.ending();
    let draining = ending.reached(Phase::Draining);
    tokio::pin!(draining);
    let name = listener.to_string();
    let mut open = match listener.open() {
        Ok(open) => open,
        Err(error) => {
            tracing::error!(event = "listener.failed", on = name, %error);
            return;
        }
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut draining => break,
            accepted = open.accept() => accepted,
        };
        match accepted {
            Ok(stream) => {
                pause = FIRST_PAUSE;
                connections.admit(stream, false);
            }
            // The client left before it was let in; the next one may be there.
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                tracing::warn!(event = "listener.accept", on = name, %error, "cannot let anybody in");
                if timeout(pause, &mut draining).await.is_ok() {
                    break;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
    for stream in open.close() {
        connections.admit(stream, true);
    }
}
