//! The control socket: what commands on this machine ask the running server.
//!
//! Promises: only its own user (and root) can connect: the socket is 0600 in the data directory, which
//! is 0700; no proxy leads there, and it answers nothing that is not asked for by a command.
//! Never: changes anything.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;

use super::listen::Address;
use super::routes::Routes;
use super::{Answer, Limits, Listener};
use crate::authenticate::tailnet::Occasion;
use crate::error::{Error, Kind};
use crate::forward_auth::explain::{Explanation, Supposed, judge};
use crate::forwarded::Peer;
use crate::identity::Found;
use crate::place::Authority;
use crate::state::{App, Current};
use crate::tailscale::Place;
use crate::web::{self, Response};

/// `GET`: why a check was refused (`reference`, or `last` with perhaps a `host`), or what one would be
/// answered (`url`, `method`, and perhaps `as` and `from`).
pub const EXPLAIN: &str = "/explain";

/// The socket of a server with this data.
pub fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// Opens it. Without it the server serves all the same, and says so.
pub(super) fn listen(app: &App) -> Option<Listener> {
    let path = socket(&app.fixed.data_dir);
    match Listener::bind(&[Address::Unix { path, mode: 0o600 }]) {
        Ok(mut listeners) => listeners.pop(),
        Err(faults) => {
            tracing::warn!(event = "control.failed", reason = %faults, "`aegis explain` cannot ask this server");
            None
        }
    }
}

/// What a command may cost.
pub(super) fn limits() -> Limits {
    Limits { connections: 16, drain: Duration::from_secs(1), ..Limits::default() }
}

/// What answers there.
pub(super) struct Control {
    app: Arc<App>,
    routes: Arc<Routes>,
}

impl Control {
    pub(super) fn new(app: &Arc<App>, routes: &Arc<Routes>) -> Self {
        Self { app: app.clone(), routes: routes.clone() }
    }

    async fn explain(&self, query: &str) -> Result<Explanation, Error> {
        let given: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let given = |name: &str| given.get(name).map(String::as_str);
        let malformed = |why: String| Error::said(Kind::Malformed, why);
        let refusals = &self.routes.forward_auth.refusals;
        let current = self.app.current.load();
        let told = |refusal| Explanation::of_refusal(&current, refusal);
        if let Some(reference) = given("reference") {
            return refusals
                .find(reference)
                .map(told)
                .ok_or_else(|| Error::said(Kind::NotFound, format!("no refusal {reference:?} is known")));
        }
        if given("last").is_some() {
            let host = given("host");
            // As it stands in an address bar: with a port, in any case of letters.
            let read = host.map(Authority::parse).transpose();
            let read = read.map_err(|why| malformed(format!("the host cannot be read: {why}")))?;
            return refusals.last(read.as_ref().map(|read| &*read.host)).map(told).ok_or_else(|| {
                let of = host.map(|host| format!(" of {host:?}")).unwrap_or_default();
                Error::said(Kind::NotFound, format!("no refusal{of} is known"))
            });
        }
        let url = given("url").ok_or_else(|| malformed("nothing was asked".to_owned()))?;
        let mut supposed = Supposed::parse(given("method").unwrap_or("GET"), url).map_err(malformed)?;
        supposed.from = given("from")
            .map(|from| from.parse().map_err(|_| malformed(format!("{from:?} is no address"))))
            .transpose()?;
        let user = match given("as") {
            None => None,
            Some(login) => {
                let read = self.app.users.by_login(login).await;
                let read = read.map_err(|error| Error::unavailable(error.to_string()))?;
                Some(read.ok_or_else(|| Error::said(Kind::NotFound, format!("there is no user {login:?}")))?)
            }
        };
        supposed.user = user.as_ref();
        supposed.on_device = self.on_device(&current, &supposed).await;
        Ok(judge(&current, &supposed, self.app.clock.now().wall))
    }

    /// What the tailnet says of the address that is supposed, where no user is.
    async fn on_device(&self, current: &Current, supposed: &Supposed<'_>) -> Option<Found> {
        let (None, Some(from), Ok(app)) = (supposed.user, supposed.from, supposed.app(current)) else {
            return None;
        };
        let authenticate = &self.app.authenticate;
        let rules = current.tailnet.as_ref();
        authenticate.tailnet.as_ref().filter(|tailnet| tailnet.tailscale.may_be_there(from))?;
        let (device, now) = ((Place::Address(from), Occasion::Look), self.app.clock.now());
        Some(authenticate.find_device(rules, device, app.name(), now).await.found)
    }
}

impl Answer for Control {
    async fn answer(&self, _peer: Peer, request: Request<Incoming>) -> Response {
        let uri = request.uri();
        let explained = match (request.method(), uri.path()) {
            (&Method::GET, EXPLAIN) => self.explain(uri.query().unwrap_or_default()).await,
            _ => Err(Error::said(Kind::NotFound, "there is nothing here")),
        };
        match explained {
            Ok(explanation) => web::json(StatusCode::OK, &explanation),
            Err(error) => web::problem(&error, None),
        }
    }

    fn panicked(&self, _path: &str) -> Response {
        web::problem(&Error::internal("a panic"), None)
    }
}
