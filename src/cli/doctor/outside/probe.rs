//! One request as anybody out there can send it: the target as it is written, whatever headers, and no
//! redirect followed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::Empty;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::cli::ask::exchange;
use crate::place::{Origin, Scheme};

/// How long one may take, with its connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// As much of an answer is read.
const LARGEST: usize = 256 * 1024;

/// A site out there.
pub(super) struct Place {
    origin: Origin,
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// As text; of a longer one, nothing.
    pub(super) body: String,
    /// The address of this machine that it was sent from.
    pub(super) local: IpAddr,
}

impl Answered {
    /// A header's value, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Probe {
    /// A program asks for this.
    pub(super) fn fetch(target: &str) -> Self {
        Self { target: target.to_owned(), headers: Vec::new() }.with(header::ACCEPT.as_str(), "*/*")
    }

    /// Somebody goes there with a browser.
    pub(super) fn navigation(target: &str) -> Self {
        Self { target: target.to_owned(), headers: Vec::new() }
            .with(header::ACCEPT.as_str(), "text/html")
            .with("sec-fetch-mode", "navigate")
            .with("sec-fetch-dest", "document")
    }

    /// With this header, too.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Place {
    /// The site of `origin`, where its name leads to or `at` this address; or why it cannot be reached.
    pub(super) async fn find(origin: &Origin, at: Option<SocketAddr>) -> Result<Self, String> {
        let (host, port) = (origin.host().as_str(), origin.port());
        let address = match at {
            Some(at) => at,
            None => timeout(PATIENCE, tokio::net::lookup_host((host.trim_matches(['[', ']']), port)))
                .await
                .map_err(|_late| format!("the resolver says nothing of {host}"))?
                .ok()
                .and_then(|mut found| found.next())
                .ok_or_else(|| format!("{host} leads nowhere"))?,
        };
        let tls = match origin.scheme() {
            Scheme::Http => None,
            Scheme::Https => Some(connector()?),
        };
        Ok(Self { origin: origin.clone(), address, tls })
    }

    /// What it answers, or why nothing came back.
    pub(super) async fn ask(&self, probe: &Probe) -> Result<Answered, String> {
        timeout(PATIENCE, self.exchange(probe))
            .await
            .unwrap_or_else(|_late| Err(format!("no answer within {} s", PATIENCE.as_secs())))
    }

    async fn exchange(&self, probe: &Probe) -> Result<Answered, String> {
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(|error| format!("nothing answers at {}: {error}", self.address))?;
        let local = stream.local_addr().map_err(|error| error.to_string())?.ip();
        match &self.tls {
            None => self.send(stream, probe, local).await,
            Some(tls) => {
                let host = self.origin.host().as_str().trim_matches(['[', ']']).to_owned();
                let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
                let stream = tls.connect(name, stream).await.map_err(|error| format!("TLS: {error}"))?;
                self.send(stream, probe, local).await
            }
        }
    }

    async fn send(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        probe: &Probe,
        local: IpAddr,
    ) -> Result<Answered, String> {
        let origin = self.origin.to_string();
        let authority = origin.split_once("://").map_or(origin.as_str(), |(_, authority)| authority);
        let mut request = Request::get(&*probe.target)
            .header(header::HOST, authority)
            .header(header::USER_AGENT, "aegis-doctor")
            .header(header::CONNECTION, "close");
        for (name, value) in &probe.headers {
            request = request.header(name, value);
        }
        let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        let (head, body) = exchange(stream, request, LARGEST).await.map_err(|error| error.to_string())?;
        let body = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
        Ok(Answered { status: head.status, headers: head.headers, body, local })
    }
}

/// TLS that trusts whom this system trusts.
fn connector() -> Result<TlsConnector, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|error| format!("TLS: {error}"))?;
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}
