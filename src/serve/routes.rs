//! The route table: which door answers what.
//!
//! Promises: every path of `web::urls` is here once; a check goes to its door before anything else
//! is looked at; every answer of our own host carries the usual headers, errors too.
//! Never: decides anything but which door.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;

use super::{Answer, notify};
use crate::clock::{Now, Seldom};
use crate::error::{Error, Kind};
use crate::forwarded::{Came, Dialect, Peer};
use crate::state::{App, Current};
use crate::web::{self, Response, forms, headers, pages, urls};
use crate::{account, bot, forward_auth, login, setup, status, token};

/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// How often the log says why our own site cannot answer.
const TOLD_AGAIN: Duration = Duration::from_secs(1);

/// Every door of the house.
pub struct Routes {
    app: Arc<App>,
    /// The checks.
    pub forward_auth: forward_auth::Door,
    login: login::Door,
    setup: setup::Door,
    account: account::Door,
    token: token::Door,
    /// The bot on Telegram, where there is one.
    pub bot: Option<Arc<bot::Bot>>,
    /// `/health`.
    pub status: status::Door,
    failed_told: Seldom,
}

/// A request to our own site, read as far as its door needs.
struct Arrived<'a> {
    method: Method,
    path: &'a str,
    query: Option<&'a str>,
    headers: &'a HeaderMap,
    body: Bytes,
    came: Came<'a>,
    now: Now,
}

impl Routes {
    /// The doors of this house.
    pub fn new(app: &Arc<App>, tasks: status::Tasks) -> Self {
        Self {
            app: app.clone(),
            forward_auth: forward_auth::Door::new(app),
            login: login::Door::new(app),
            setup: setup::Door::new(app),
            account: account::Door::new(app),
            token: token::Door::new(app),
            bot: bot::Bot::new(app),
            status: status::Door::new(app, tasks),
            failed_told: Seldom::default(),
        }
    }

    /// A request to our own site.
    async fn own(&self, peer: Peer, request: Request<Incoming>) -> Response {
        let now = self.app.clock.now();
        let current = self.app.current.load_full();
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        let body = match body_of(body).await {
            Ok(body) => body,
            Err(error) => return self.failed(&current, path, &error),
        };
        let came = Came::read(peer, &parts.method, &parts.headers, &current.proxies);
        let arrived = Arrived {
            method: if parts.method == Method::HEAD { Method::GET } else { parts.method.clone() },
            path,
            query: parts.uri.query(),
            headers: &parts.headers,
            body,
            came,
            now,
        };
        let mut response = match self.dispatch(&current, &arrived).await {
            Ok(response) => response,
            Err(error) => self.failed(&current, path, &error),
        };
        headers::complete(&current.site, response.headers_mut());
        response
    }

    async fn dispatch(&self, current: &Current, arrived: &Arrived<'_>) -> Result<Response, Error> {
        let Arrived { method, path, query, headers, body, came, now } = arrived;
        let (came, now) = (*came, *now);
        let address = came.address;
        let visit = login::Visit { headers, query: *query, came, now };
        let own = account::Visit { headers, query: *query, came, now };
        let sent = setup::Sent { headers, body, came, now };
        match (*path, method) {
            (urls::HOME, &Method::GET) => self.login.home(visit).await,
            (urls::LOGIN, &Method::GET) => self.login.page(visit).await,
            (urls::LOGIN, &Method::POST) => self.login.submit(visit, body).await,
            (urls::LOGIN_TAILNET, &Method::POST) => self.login.use_tailnet(visit, body),
            (urls::LOGIN_APPROVE, &Method::GET) => self.login.approve_page(visit).await,
            (urls::LOGIN_WAIT, &Method::GET) => self.login.wait(visit).await,
            (urls::LOGIN_CONTINUE, &Method::POST) => self.login.go_on(visit, body).await,
            (urls::LOGIN_CODE, &Method::GET) => self.login.code_page(visit).await,
            (urls::LOGIN_CODE, &Method::POST) => self.login.enter_code(visit, body).await,
            (urls::LOGIN_RECOVERY, &Method::GET) => self.login.recovery_page(visit).await,
            (urls::LOGIN_RECOVERY, &Method::POST) => self.login.enter_recovery(visit, body).await,
            (urls::LOGIN_KEY, &Method::GET) => self.login.passkey_page(visit).await,
            (urls::LOGIN_AGAIN, &Method::POST) => self.login.ask_again(visit).await,
            (urls::LOGIN_CANCEL, &Method::POST) => self.login.cancel(visit).await,
            (urls::LOGIN_STEP_UP, &Method::GET) => self.login.step_up_page(visit).await,
            (urls::LOGIN_STEP_UP, &Method::POST) => self.login.step_up(visit, body).await,
            (urls::LOGIN_PASSKEY_OPTIONS, &Method::POST) => self.login.passkey_options(visit),
            (urls::LOGIN_PASSKEY, &Method::POST) => self.login.passkey(visit, body).await,
            (urls::LOGOUT, &Method::GET) => self.login.leave_page(visit).await,
            (urls::LOGOUT, &Method::POST) => self.login.leave(visit).await,
            (urls::ACCOUNT, &Method::GET) => self.account.page(own).await,
            (urls::ACCOUNT_NAME, &Method::POST) => self.account.rename(own, body).await,
            (urls::ACCOUNT_PASSWORD, &Method::POST) => self.account.change_password(own, body).await,
            (urls::ACCOUNT_TAILNET, &Method::POST) => self.account.link(own, body).await,
            (urls::ACCOUNT_PASSKEY_OPTIONS, &Method::POST) => self.account.passkey_options(own).await,
            (urls::ACCOUNT_PASSKEY, &Method::POST) => self.account.add_passkey(own, body).await,
            (urls::ACCOUNT_ENROL, &Method::GET) => self.account.enrol_page(own).await,
            (urls::ACCOUNT_ENROL, &Method::POST) => self.account.begin_enrolment(own, body).await,
            (urls::ACCOUNT_TOTP, &Method::GET) => self.account.totp_page(own).await,
            (urls::ACCOUNT_TOTP, &Method::POST) => self.account.add_totp(own, body).await,
            (urls::ACCOUNT_TELEGRAM, &Method::GET) => self.account.telegram_page(own).await,
            (urls::ACCOUNT_TELEGRAM, &Method::POST) => self.account.begin_telegram(own, body).await,
            (urls::ACCOUNT_TELEGRAM_WAIT, &Method::GET) => self.account.wait_for_telegram(own).await,
            (urls::ACCOUNT_TELEGRAM_CONFIRM, &Method::POST) => self.account.confirm_telegram(own, body).await,
            (urls::ACCOUNT_TELEGRAM_REFUSE, &Method::POST) => self.account.refuse_telegram(own, body).await,
            (urls::ACCOUNT_FACTOR_PASSKEY, &Method::GET) => self.account.passkey_page(own).await,
            (urls::ACCOUNT_FACTOR_PASSKEY, &Method::POST) => self.account.rename_passkey(own, body).await,
            (urls::ACCOUNT_RECOVERY, &Method::GET) => self.account.recovery_page(own).await,
            (urls::ACCOUNT_RECOVERY, &Method::POST) => self.account.make_recovery_codes(own, body).await,
            (urls::ACCOUNT_REMOVE, &Method::GET) => self.account.removal_page(own).await,
            (urls::ACCOUNT_REMOVE, &Method::POST) => self.account.remove(own, body).await,
            (urls::ACCOUNT_FORGET_DEVICE, &Method::POST) => self.account.forget_device(own, body).await,
            (urls::ACCOUNT_FORGET_DEVICES, &Method::POST) => self.account.forget_devices(own, body).await,
            (urls::ACCOUNT_TOKENS, &Method::GET) => self.account.tokens_page(own).await,
            (urls::ACCOUNT_TOKENS, &Method::POST) => self.account.make_token(own, body).await,
            (urls::ACCOUNT_REVOKE_TOKEN, &Method::POST) => self.account.revoke_token(own, body).await,
            (urls::ACCOUNT_END_SESSION, &Method::POST) => self.account.end_session(own, body).await,
            (urls::ACCOUNT_END_OTHERS, &Method::POST) => self.account.end_others(own, body).await,
            (urls::LINK_SETUP, &Method::GET) => Ok(self.setup.setup_page(sent).await),
            (urls::LINK_SETUP, &Method::POST) => self.setup.setup(sent).await,
            (urls::LINK_PASSWORD, &Method::GET) => Ok(self.setup.password_page(sent).await),
            (urls::LINK_PASSWORD, &Method::POST) => self.setup.password(sent).await,
            (urls::LINK_FACTOR, &Method::GET) => Ok(self.setup.factor_page()),
            (urls::LINK_FACTOR, &Method::POST) => self.setup.factor(sent).await,
            (urls::TOKEN, &Method::POST) => Ok(self.token.token(headers, body, address, now).await),
            (urls::VALIDATE, &Method::POST) => Ok(self.token.validate(headers, body, now).await),
            (urls::JWKS, &Method::GET) => Ok(self.token.jwks()),
            (urls::TELEGRAM_WEBHOOK, _) => self.called(arrived).await,
            (urls::HEALTH, &Method::GET) => Ok(self.status.health(now)),
            (urls::ROBOTS, &Method::GET) => Ok(web::robots()),
            (
                urls::JWKS | urls::HEALTH | urls::ROBOTS | urls::LOGIN_WAIT | urls::ACCOUNT_TELEGRAM_WAIT,
                _,
            ) => Ok(not_this_way("GET, HEAD")),
            (
                urls::TOKEN
                | urls::VALIDATE
                | urls::LOGIN_PASSKEY
                | urls::LOGIN_PASSKEY_OPTIONS
                | urls::ACCOUNT_PASSKEY
                | urls::ACCOUNT_PASSKEY_OPTIONS,
                _,
            ) => Ok(not_this_way("POST")),
            (urls::HOME | urls::ACCOUNT | urls::LOGIN_APPROVE | urls::LOGIN_KEY, _) => {
                Ok(pages::method_not_allowed(&current.site, "GET, HEAD"))
            }
            (
                urls::LOGIN
                | urls::LOGIN_CODE
                | urls::LOGIN_RECOVERY
                | urls::LOGIN_STEP_UP
                | urls::LOGOUT
                | urls::LINK_SETUP
                | urls::LINK_PASSWORD
                | urls::LINK_FACTOR
                | urls::ACCOUNT_TOKENS
                | urls::ACCOUNT_ENROL
                | urls::ACCOUNT_TOTP
                | urls::ACCOUNT_TELEGRAM
                | urls::ACCOUNT_FACTOR_PASSKEY
                | urls::ACCOUNT_RECOVERY
                | urls::ACCOUNT_REMOVE,
                _,
            ) => Ok(pages::method_not_allowed(&current.site, "GET, HEAD, POST")),
            (
                urls::LOGIN_TAILNET
                | urls::LOGIN_CONTINUE
                | urls::LOGIN_AGAIN
                | urls::LOGIN_CANCEL
                | urls::ACCOUNT_NAME
                | urls::ACCOUNT_PASSWORD
                | urls::ACCOUNT_TAILNET
                | urls::ACCOUNT_TELEGRAM_CONFIRM
                | urls::ACCOUNT_TELEGRAM_REFUSE
                | urls::ACCOUNT_FORGET_DEVICE
                | urls::ACCOUNT_FORGET_DEVICES
                | urls::ACCOUNT_END_SESSION
                | urls::ACCOUNT_END_OTHERS,
                _,
            ) => Ok(pages::method_not_allowed(&current.site, "POST")),
            (path, &Method::GET) if path.starts_with(urls::ASSETS) => {
                Ok(web::asset(&current.site, path).unwrap_or_else(|| pages::not_found(&current.site)))
            }
            _ => Ok(pages::not_found(&current.site)),
        }
    }

    /// Telegram delivers an update; where it does not, there is nothing.
    async fn called(&self, arrived: &Arrived<'_>) -> Result<Response, Error> {
        match self.bot.as_ref().filter(|bot| bot.is_called()) {
            Some(bot) if arrived.method == Method::POST => {
                bot.called(arrived.headers, &arrived.body, arrived.now).await
            }
            Some(_) => Ok(not_this_way("POST")),
            None => Err(Error::said(Kind::NotFound, "There is nothing here.")),
        }
    }

    /// A failure, as whoever stands at `path` reads it.
    fn failed(&self, current: &Current, path: &str, error: &Error) -> Response {
        match error.kind {
            Kind::Internal => tracing::error!(event = "request.failed", path, reason = %error),
            // Whoever asks can cause it for as long as something is away.
            Kind::Unavailable(_) if self.failed_told.again(TOLD_AGAIN, self.app.clock.now().mono) => {
                tracing::warn!(event = "request.failed", path, reason = %error);
            }
            _ => tracing::debug!(event = "request.refused", path, reason = %error),
        }
        let mut response = match path {
            urls::TOKEN
            | urls::VALIDATE
            | urls::JWKS
            | urls::HEALTH
            | urls::LOGIN_WAIT
            | urls::TELEGRAM_WEBHOOK
            | urls::LOGIN_PASSKEY
            | urls::LOGIN_PASSKEY_OPTIONS
            | urls::ACCOUNT_PASSKEY
            | urls::ACCOUNT_PASSKEY_OPTIONS => web::problem(error, None),
            _ => pages::error(&current.site, error, None),
        };
        if web::status(error.kind) == StatusCode::PAYLOAD_TOO_LARGE {
            response.headers_mut().insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
        }
        headers::complete(&current.site, response.headers_mut());
        response
    }
}

impl Answer for Routes {
    fn at_once(&self, peer: Peer, request: &Request<Incoming>) -> Option<Response> {
        let dialect = dialect(request.uri().path())?;
        self.forward_auth.at_once(dialect, peer, request)
    }

    async fn answer(&self, peer: Peer, request: Request<Incoming>) -> Response {
        match dialect(request.uri().path()) {
            Some(dialect) => self.forward_auth.answer(dialect, peer, request).await,
            None => self.own(peer, request).await,
        }
    }

    fn panicked(&self, path: &str) -> Response {
        let error = Error::internal("a panic");
        match dialect(path) {
            Some(dialect) => forward_auth::Door::closed(dialect, &error),
            None => self.failed(&self.app.current.load(), path, &error),
        }
    }

    fn too_large(&self, path: &str) -> Response {
        let error = Error::said(Kind::TooLarge, "The request is too large.");
        match dialect(path) {
            Some(dialect) => forward_auth::Door::closed(dialect, &error),
            None => self.failed(&self.app.current.load(), path, &error),
        }
    }

    fn draining(&self) {
        notify::stopping();
        self.status.end();
        self.login.end();
        self.account.end();
    }
}

/// The dialect of a check, by the path it came to.
fn dialect(path: &str) -> Option<Dialect> {
    if urls::FORWARD_AUTH.contains(&path) {
        Some(Dialect::Forward)
    } else if urls::NGINX.contains(&path) {
        Some(Dialect::Nginx)
    } else if urls::envoy(path).is_some() {
        Some(Dialect::Envoy)
    } else {
        None
    }
}

/// A method that an endpoint for programs does not have (RFC 9110, section 15.5.6).
fn not_this_way(allow: &'static str) -> Response {
    let error = Error::said(Kind::MethodNotAllowed, "This address is used in another way.");
    let mut response = web::problem(&error, None);
    response.headers_mut().insert(http::header::ALLOW, http::HeaderValue::from_static(allow));
    response
}

/// A whole body, of at most 64 KiB and within ten seconds: one that trickles would hold its
/// connection for ever.
async fn body_of(body: Incoming) -> Result<Bytes, Error> {
    tokio::time::timeout(BODY_PATIENCE, forms::body(body, forms::LONGEST))
        .await
        .unwrap_or_else(|_late| Err(Error::said(Kind::Malformed, "The request took too long to arrive.")))
}
