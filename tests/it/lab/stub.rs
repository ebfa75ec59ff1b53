//! A stand-in for Aegis that speaks just enough of its contract to try the proxy files by themselves.
//!
//! It believes every proxy and knows the lab's apps by the second label of their host. Its tokens
//! are `stub.NAME.token`; nothing here is a model for the real thing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use aegis::place::CanonicalPath;

use super::proxy::Dialect;
use super::way::APPS;
use super::{IDENTITY, PASSWORD, PORTAL};

/// A request that a proxy made: target and headers.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
}

#[derive(Default)]
struct Mind {
    users: HashMap<String, Vec<String>>,
    questions: Vec<Question>,
}

/// The running stub. It ends with the test process.
pub(crate) struct Stub {
    mind: Arc<Mutex<Mind>>,
}

impl Stub {
    /// Starts it on a unix socket and over TCP; it accepts when this returns.
    pub(crate) fn start(socket: &Path, address: SocketAddr) -> Self {
        let mind = Arc::<Mutex<Mind>>::default();
        let unix = std::os::unix::net::UnixListener::bind(socket).unwrap();
        let tcp = std::net::TcpListener::bind(address).unwrap();
        unix.set_nonblocking(true).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let own = mind.clone();
        thread::spawn(move || serve(unix, tcp, &own));
        Self { mind }
    }

    /// Makes somebody with the lab's password.
    pub(crate) fn add_user(&self, name: &str, roles: &[&str]) {
        let roles = roles.iter().map(ToString::to_string).collect();
        self.mind.lock().users.insert(name.to_owned(), roles);
    }

    /// The requests in which this text stands in a header.
    pub(crate) fn questions(&self, text: &str) -> Vec<Question> {
        let mind = self.mind.lock();
        let about = |question: &&Question| question.headers.iter().any(|(_, value)| value.contains(text));
        mind.questions.iter().filter(about).cloned().collect()
    }
}

fn serve(unix: std::os::unix::net::UnixListener, tcp: std::net::TcpListener, mind: &Arc<Mutex<Mind>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let unix = UnixListener::from_std(unix).unwrap();
        let tcp = TcpListener::from_std(tcp).unwrap();
        loop {
            tokio::select! {
                Ok((stream, _)) = unix.accept() => converse(stream, mind),
                Ok((stream, _)) = tcp.accept() => converse(stream, mind),
            }
        }
    });
}

fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, mind: &Arc<Mutex<Mind>>) {
    let mind = mind.clone();
    let service = service_fn(move |request| handle(request, mind.clone()));
    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
}

type Reply = Response<Full<Bytes>>;

async fn handle(request: Request<Incoming>, mind: Arc<Mutex<Mind>>) -> Result<Reply, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut mind = mind.lock();
    let value = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, own)| (name.to_string(), value(own))).collect();
    mind.questions.push(Question { target: head.uri.to_string(), headers });
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(match head.uri.path() {
        "/auth/forward-auth" => {
            let url = format!("http://{}{}", text("x-forwarded-host"), text("x-forwarded-uri"));
            check(&mind, &head.headers, Dialect::Forward, text("x-forwarded-method"), &url)
        }
        "/auth/nginx" => {
            let url = text("x-original-url");
            check(&mind, &head.headers, Dialect::Nginx, text("x-original-method"), url)
        }
        path if path.starts_with("/auth/envoy/") => {
            let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
            let url = format!("http://{}{}", text("host"), target.trim_start_matches("/auth/envoy"));
            check(&mind, &head.headers, Dialect::Envoy, head.method.as_str(), &url)
        }
        "/login" if head.method == "POST" => sign_in(&mind, &head.headers, &body),
        "/login" => reply(200, &[("content-type", "text/html")], "<h1>Sign in</h1>"),
        _ => reply(404, &[], "no such page"),
    })
}

fn sign_in(mind: &Mind, headers: &HeaderMap, body: &[u8]) -> Reply {
    if headers.get("sec-fetch-site").is_none_or(|site| site != "same-origin") {
        return reply(403, &[], "a form from elsewhere");
    }
    let fields: HashMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    if !mind.users.contains_key(field("email")) || field("password") != PASSWORD {
        return reply(422, &[("content-type", "text/html")], field("email"));
    }
    let cookie = format!(
        "aegis_token=stub.{}.token; Domain=aegis.localhost; Path=/; Secure; HttpOnly; SameSite=Lax",
        field("email")
    );
    let to = if field("rd").is_empty() { "/" } else { field("rd") };
    let session = "__Host-aegis_session=stub; Path=/; Secure; HttpOnly; SameSite=Lax";
    reply(303, &[("location", to), ("set-cookie", &cookie), ("set-cookie", session)], "")
}

fn check(mind: &Mind, headers: &HeaderMap, dialect: Dialect, method: &str, url: &str) -> Reply {
    let nginx = dialect == Dialect::Nginx;
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if headers
        .keys()
        .any(|name| name.as_str().starts_with("x_forwarded") || name.as_str().contains("forwarded_"))
    {
        return reply(400, &[], "malformed");
    }
    let closed = if nginx { 403 } else { 400 };
    let rest = url.strip_prefix("http://").unwrap_or_default();
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Ok(path) = CanonicalPath::parse(path.split('?').next().unwrap_or_default()) else {
        return reply(closed, &[], "malformed");
    };
    let app = host.split('.').nth(1).unwrap_or_default();
    if host.contains(',') {
        return reply(closed, &[], "malformed");
    }
    if !host.ends_with(".aegis.localhost:8080") || !APPS.contains(&app) {
        return reply(403, &[("x-aegis-ref", "stub")], "no such app");
    }

    let mut cookies: Vec<&str> = headers
        .get_all("cookie")
        .iter()
        .flat_map(|line| line.to_str().unwrap_or_default().split("; "))
        .collect();
    let tokens =
        cookies.iter().filter_map(|cookie| cookie.strip_prefix("aegis_token=stub.")?.strip_suffix(".token"));
    let tokens: Vec<&str> = tokens.collect();
    let user = tokens
        .first()
        .copied()
        .filter(|_| tokens.len() == 1)
        .filter(|name| mind.users.contains_key(*name))
        .map(str::to_owned);
    cookies
        .retain(|cookie| !cookie.starts_with("aegis_token=") && !cookie.starts_with("__Host-aegis_session="));
    let cookies = cookies.join("; ");
    let authorization = value("authorization");
    let authorization = if authorization.contains("aegis_pat_") { "" } else { authorization };

    let icon = ["ico", "json", "png", "txt"].iter().any(|end| path.as_str().ends_with(&format!(".{end}")));
    let public = app == "open" || path.is_within("/pub") || (icon && method == "GET");
    let preflight = method == "OPTIONS" && headers.contains_key("access-control-request-method");
    let roles = user.as_ref().map(|name| mind.users[name].clone()).unwrap_or_default();
    if app == "shut" {
        return reply(403, &[("x-aegis-ref", "stub")], "no");
    }
    if public || preflight && app == "passing" || user.is_none() && app == "welcome" {
        return yes(None, &cookies, authorization);
    }
    let needed = match app {
        "operators" => Some("operator"),
        "closed" if path.is_within("/admin") => Some("admin"),
        _ => None,
    };
    match user {
        Some(_) if needed.is_some_and(|role| !roles.iter().any(|own| own == role)) => {
            reply(403, &[("x-aegis-ref", "stub")], "not you")
        }
        Some(name) => yes(Some((&name, &roles)), &cookies, authorization),
        None => {
            let return_to: String = form_urlencoded::byte_serialize(url.as_bytes()).collect();
            let login = format!("http://{PORTAL}/login?rd={return_to}");
            let navigation = value("sec-fetch-mode") == "navigate" && !preflight;
            let status = match (navigation, nginx, method) {
                (true, false, "GET" | "HEAD") => 302,
                (true, false, _) => 303,
                _ => 401,
            };
            let mut headers = vec![("www-authenticate", "Bearer realm=\"Aegis\""), ("x-aegis-ref", "stub")];
            if navigation || !nginx {
                headers.push(("location", &login));
            }
            reply(status, &headers, "{\"detail\":\"sign in\"}")
        }
    }
}

fn yes(who: Option<(&str, &[String])>, cookies: &str, authorization: &str) -> Reply {
    let (name, email, groups, method, assertion) = match who {
        Some((name, roles)) => {
            let groups = [&["users".to_owned()], roles].concat().join(",");
            (name, format!("{name}@example.test"), groups, "password", "stub.assertion")
        }
        None => ("", String::new(), String::new(), "", ""),
    };
    let values = [name, email.as_str(), name, groups.as_str(), method, assertion];
    let mut headers: Vec<(&str, &str)> = IDENTITY.into_iter().zip(values).collect();
    headers.extend([("cookie", cookies), ("authorization", authorization), ("cache-control", "no-store")]);
    reply(200, &headers, "yes")
}

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut reply = Response::builder().status(status);
    for (name, value) in headers {
        reply = reply.header(*name, *value);
    }
    reply.body(Full::from(body.to_owned())).unwrap()
}
