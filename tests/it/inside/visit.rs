//! A visitor of an app, as each proxy dialect tells of them, and a browser on Aegis's own site.

use aegis::forwarded::Dialect;

use super::house::{House, PASSWORD, PORTAL};
use crate::lab::client::{Answer, Ask};

pub(crate) const DIALECTS: [Dialect; 3] = [Dialect::Forward, Dialect::Nginx, Dialect::Envoy];

/// A request that a visitor makes to an app.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) method: String,
    pub(crate) scheme: String,
    pub(crate) host: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Visit {
    /// A program that says nothing of itself.
    pub(crate) fn new(host: &str, target: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            scheme: "https".to_owned(),
            host: host.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
        }
    }

    /// A browser that goes there.
    pub(crate) fn navigation(host: &str, target: &str) -> Self {
        Self::new(host, target)
            .header("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
            .header("Sec-Fetch-Site", "none")
            .header("Sec-Fetch-Mode", "navigate")
            .header("Sec-Fetch-Dest", "document")
    }

    /// A page's script that asks.
    pub(crate) fn fetch(host: &str, target: &str) -> Self {
        Self::new(host, target)
            .header("Accept", "*/*")
            .header("Sec-Fetch-Site", "same-origin")
            .header("Sec-Fetch-Mode", "cors")
            .header("Sec-Fetch-Dest", "empty")
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    pub(crate) fn scheme(mut self, scheme: &str) -> Self {
        scheme.clone_into(&mut self.scheme);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn cookie(self, cookie: &str) -> Self {
        self.header("Cookie", cookie)
    }

    /// The check that a proxy of this dialect makes of it.
    pub(crate) fn through(&self, dialect: Dialect) -> Ask {
        let Self { method, scheme, host, target, headers } = self;
        let ask = match dialect {
            Dialect::Forward => Ask::new("GET", "127.0.0.1", "/auth/forward-auth")
                .header("X-Forwarded-Method", method)
                .header("X-Forwarded-Proto", scheme)
                .header("X-Forwarded-Host", host)
                .header("X-Forwarded-Uri", target),
            Dialect::Nginx => Ask::new("GET", "127.0.0.1", "/auth/nginx")
                .header("X-Original-Method", method)
                .header("X-Original-URL", &format!("{scheme}://{host}{target}")),
            Dialect::Envoy => {
                Ask::new(method, host, &format!("/auth/envoy{target}")).header("X-Forwarded-Proto", scheme)
            }
        };
        let ask = ask.header("X-Forwarded-For", "198.51.100.7");
        headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
    }
}

/// The cookies of a browser that has signed in, each as `name=value`.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    pub(crate) session: String,
    pub(crate) token: String,
    pub(crate) device: Option<String>,
}

impl Browser {
    /// The cookies that an answer sets.
    pub(crate) fn of(answer: &Answer) -> Self {
        let cookies = answer.cookies();
        let find = |name: &str| cookies.iter().find(|cookie| cookie.starts_with(name)).cloned();
        Self {
            session: find("__Host-aegis_session=").unwrap_or_else(|| panic!("no session in {answer}")),
            token: find("aegis_token=").unwrap_or_else(|| panic!("no token in {answer}")),
            device: find("__Host-aegis_device="),
        }
    }

    /// The token alone.
    pub(crate) fn jwt(&self) -> &str {
        self.token.split_once('=').expect("name=value").1
    }
}

/// A form of ours as a browser posts it.
pub(crate) fn form(path: &str, fields: &[(&str, &str)]) -> Ask {
    Ask::new("POST", PORTAL, path)
        .header("Origin", &format!("https://{PORTAL}"))
        .header("Sec-Fetch-Site", "same-origin")
        .header("Accept", "text/html")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(&form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
}

/// `Authorization: Basic` with the password of everybody here.
pub(crate) fn basic(name: &str) -> String {
    use base64::Engine as _;
    let pair = format!("{name}:{PASSWORD}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

/// A JSON document posted by a program.
pub(crate) fn json(path: &str, body: &serde_json::Value) -> Ask {
    Ask::new("POST", PORTAL, path).header("Content-Type", "application/json").body(&body.to_string())
}

impl House {
    /// What a check says. It is asked twice, and the second time, perhaps from memory, says the same.
    #[track_caller]
    pub(crate) fn check(&self, dialect: Dialect, visit: &Visit) -> Answer {
        let ask = visit.through(dialect);
        let (first, second) = (self.send(&ask), self.send(&ask));
        assert_eq!(
            (first.status, lasting(&first)),
            (second.status, lasting(&second)),
            "{dialect:?}, memory {:?}: the second answer differs from the first\nasked: {ask}\nfirst: {first}\nsecond: {second}",
            self.memory
        );
        second
    }

    /// The status of a check, asked twice.
    #[track_caller]
    pub(crate) fn status(&self, dialect: Dialect, visit: &Visit) -> u16 {
        self.check(dialect, visit).status
    }

    /// Whether this cookie opens the closed app.
    #[track_caller]
    pub(crate) fn opens(&self, cookie: &str) -> bool {
        let visit = Visit::new("closed.example.com", "/").cookie(cookie);
        let answer = self.check(Dialect::Forward, &visit);
        assert!([200, 401].contains(&answer.status), "200 or 401 for {visit:?}\ncame back: {answer}");
        answer.status == 200
    }

    /// Signs in by the form, in a browser that never did before.
    #[track_caller]
    pub(crate) fn sign_in(&self, name: &str) -> Browser {
        self.sign_in_with(&form("/login", &[("email", name), ("password", PASSWORD)]))
    }

    /// Signs in by this very form.
    #[track_caller]
    pub(crate) fn sign_in_with(&self, form: &Ask) -> Browser {
        let answer = self.send(form);
        assert_eq!(answer.status, 303, "signing in\nasked: {form}\ncame back: {answer}");
        Browser::of(&answer)
    }

    /// A token of `POST /auth/token`, for one app or for all.
    #[track_caller]
    pub(crate) fn script_token(&self, name: &str, audience: Option<&str>) -> String {
        let mut body = serde_json::json!({ "email": name, "password": PASSWORD });
        if let Some(audience) = audience {
            body["audience"] = audience.into();
        }
        let answer = self.send(&json("/auth/token", &body));
        assert_eq!(answer.status, 200, "POST /auth/token for {name}\ncame back: {answer}");
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }
}

/// What of an answer's headers is the same each time. Two assertions differ in their `jti`.
fn lasting(answer: &Answer) -> Vec<(&str, &str)> {
    let own = ["x-aegis-ref", "date", "content-length"];
    let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let mut headers: Vec<_> = headers
        .map(|(name, value)| match name.as_str() {
            "x-aegis-assertion" if !value.is_empty() => (name.as_str(), "a JWT"),
            _ => (name.as_str(), value.as_str()),
        })
        .collect();
    headers.sort_unstable();
    headers
}
