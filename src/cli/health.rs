//! `aegis health`: asks the running server, at the first of its own addresses that answers. With `--listen` it
//! reads no configuration: a slip in the file is no illness of a server that runs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use http::StatusCode;
use tokio::net::{TcpStream, UnixStream};

use super::ask::{Answered, Unheard, get};
use super::{Common, Failure, Listen, Outcome, out, settings};
use crate::config::Placed;
use crate::error::Fault;
use crate::serve::listen::{self, Address};
use crate::web::urls;

/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    at: Listen,
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
}

/// Done if the server says that it can serve, else failed.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let given = &arguments.at.listen;
    let listen = if given.is_empty() {
        settings::read(common, given)?.listen
    } else {
        given.iter().cloned().map(Placed::of).collect()
    };
    let addresses = listen::parse(&listen).map_err(Failure::Configuration)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::said(format!("cannot start: {error}")))?;
    let (status, body) = runtime.block_on(ask_any(&addresses, PATIENCE))?;
    if arguments.json {
        out::raw(&body);
        out::raw(b"\n");
    } else {
        out::line(&in_words(&body));
    }
    if status == StatusCode::OK {
        Ok(())
    } else {
        Err(Failure::said(format!("the server cannot serve ({})", status.as_u16())))
    }
}

/// The answer of the first of these addresses that gives one, each within `patience`.
pub(super) async fn ask_any(addresses: &[Address], patience: Duration) -> Result<Answered, Fault> {
    let mut why = String::from("a socket of systemd has no address here");
    for address in addresses {
        match tokio::time::timeout(patience, ask(address)).await {
            Ok(Some(Ok(answered))) => return Ok(answered),
            Ok(Some(Err(error))) => why = format!("{address}: {error}"),
            Ok(None) => {}
            Err(_late) => why = format!("{address}: no answer within {} s", patience.as_secs()),
        }
    }
    Err(Fault::new(format!("no server answers ({why})"))
        .hint("is it running, and with the same configuration? give `--config` as it was started with"))
}

/// The server's answer; nothing for an address that only the server itself knows.
async fn ask(address: &Address) -> Option<Result<Answered, Unheard>> {
    Some(match address {
        Address::Systemd => return None,
        Address::Unix { path, .. } => match UnixStream::connect(path).await {
            Ok(stream) => get(stream, urls::HEALTH).await,
            Err(error) => Err(error.into()),
        },
        Address::Tcp(address) => match TcpStream::connect(near(*address)).await {
            Ok(stream) => get(stream, urls::HEALTH).await,
            Err(error) => Err(error.into()),
        },
    })
}

/// Whom to call where a server listens on every address.
pub(super) fn near(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// `ok`, and then each part that says something of itself.
fn in_words(body: &[u8]) -> String {
    let Ok(serde_json::Value::Object(parts)) = serde_json::from_slice(body) else {
        return out::tame(&String::from_utf8_lossy(body));
    };
    let mut lines =
        vec![parts.get("status").and_then(|status| status.as_str()).unwrap_or("unknown").to_owned()];
    for (name, value) in parts.iter().filter(|(name, _)| *name != "status") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        lines.push(format!("  {name}: {value}"));
    }
    lines.iter().map(|line| out::tame(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_called_on_this_machine() {
        for (listens, called) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("192.0.2.1:80", "192.0.2.1:80")]
        {
            assert_eq!(near(listens.parse().unwrap()).to_string(), called);
        }
    }

    #[test]
    fn health_is_told_in_words() {
        let body = br#"{"status":"degraded","store":"ok","tasks":{"feed":"running"}}"#;
        assert_eq!(in_words(body), "degraded\n  store: ok\n  tasks: {\"feed\":\"running\"}");
        assert_eq!(in_words(b"\x1b[2J"), "\\u{1b}[2J");
    }
}
