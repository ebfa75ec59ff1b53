//! The server on these settings: whether one runs, and what it says of itself.

use std::path::Path;

use http::StatusCode;
use serde_json::Value as Json;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::PATIENCE;
use super::finding::Finding;
use crate::cli::health;
use crate::serve::control;
use crate::serve::listen::Address;

const ABOUT: &str = "server";

/// Asks it where it listens; where only systemd knows that, whether it is there at all.
pub(super) async fn look(addresses: &[Address], data_dir: &Path) -> Finding {
    let unheard = match health::ask_any(addresses, PATIENCE).await {
        Ok((StatusCode::OK, body)) => return judge(&body),
        Ok((status, _)) => {
            return Finding::wrong(ABOUT, format!("it cannot serve ({})", status.as_u16()))
                .hint("`aegis health` names the part, and the log says why");
        }
        Err(fault) => fault,
    };
    let control = timeout(PATIENCE, UnixStream::connect(control::socket(data_dir))).await;
    if matches!(control, Ok(Ok(_))) {
        return Finding::ok(ABOUT, "it runs; where it listens, only systemd knows")
            .hint("`aegis health --listen unix:/run/aegis/aegis.sock` asks it how it is");
    }
    let mut finding = Finding::note(ABOUT, unheard.message);
    if let Some(hint) = unheard.hint {
        finding = finding.hint(hint);
    }
    finding
}

/// What a server that can serve says of its parts.
fn judge(body: &[u8]) -> Finding {
    let said: Json = serde_json::from_slice(body).unwrap_or_default();
    let parts = said.get("parts").and_then(Json::as_object);
    let others = parts.into_iter().flatten().filter(|(_, said)| said.as_str() != Some("ok"));
    let others: Vec<String> = others
        .map(|(name, said)| format!("{name}: {}", said.as_str().map_or(said.to_string(), str::to_owned)))
        .collect();
    if others.is_empty() {
        Finding::ok(ABOUT, "it answers, and is well")
    } else {
        Finding::note(ABOUT, format!("it answers, but {}", others.join("; "))).hint("its log says why")
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn parts_of_the_server_that_are_not_well_are_named() {
        let well = br#"{"status":"ok","parts":{"store":"ok","changes":"ok"}}"#;
        assert_eq!(judge(well).state, State::Ok);
        let limps = br#"{"status":"ok","parts":{"store":"ok","tailnet":"failing"}}"#;
        let told = judge(limps);
        assert_eq!(told.state, State::Note);
        assert!(told.in_words().contains("tailnet: failing"), "{told:?}");
    }
}
