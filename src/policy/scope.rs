//! What an API token reaches: its apps, methods and paths. Owns their one way of being written, read and
//! judged. Pure. Never widens what a rule allows: it only takes away.

use std::fmt;

use http::Method;

use super::pattern::{Methods, PathPattern};
use crate::config::Placed;
use crate::error::Fault;
use crate::identity::AppName;
use crate::place::CanonicalPath;

/// The most apps and the most methods with paths that one token names.
const MOST: usize = 64;

/// The longest method with a path, in bytes.
const LONGEST: usize = 500;

/// What a text costs beside its characters, in bytes.
const A_TEXT: usize = 32;

/// What a token may be used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    apps: Box<[AppName]>,
    allow: Box<[Allow]>,
}

/// A method, or every one, and the paths it is for: `GET /api/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    methods: Methods,
    path: PathPattern,
}

impl Allow {
    /// Reads `GET /api/*`, `POST /upload`, `* /dav/*`. The path is written as in a rule.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let said = |what: &str| Fault::new(format!("`{}` {what}", text.escape_debug()));
        if text.len() > LONGEST {
            return Err(Fault::new(format!("a method with a path has more than {LONGEST} characters")));
        }
        let Some((method, path)) = text.trim().split_once(' ') else {
            return Err(
                said("is not a method and a path").hint("write `GET /api/*`, or `* /api/*` for every method")
            );
        };
        let methods = if method == "*" { Methods::default() } else { methods(method)? };
        let path = PathPattern::rule(&Placed::of(path.trim_start().to_owned()))?;
        Ok(Self { methods, path })
    }

    fn covers(&self, method: &Method, path: &str) -> bool {
        self.methods.contain(method) && self.path.matches(path)
    }
}

fn methods(name: &str) -> Result<Methods, Fault> {
    let mut fault = None;
    let methods = Methods::read(&[Placed::of(name.to_owned())], |found| fault = Some(found));
    fault.map_or(Ok(methods), Err)
}

impl fmt::Display for Allow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = self.methods.names();
        write!(formatter, "{} {}", if methods.is_empty() { "*" } else { &methods }, self.path)
    }
}

impl Scope {
    /// `apps`, none named: all; and there `allow`, none named: everything.
    pub fn new(apps: Vec<AppName>, allow: Vec<Allow>) -> Result<Self, Fault> {
        if apps.len() > MOST || allow.len() > MOST {
            return Err(Fault::new(format!(
                "a token names at most {MOST} apps and {MOST} methods with paths"
            )));
        }
        Ok(Self { apps: apps.into(), allow: allow.into() })
    }

    /// The apps it is for; none: all.
    pub fn apps(&self) -> &[AppName] {
        &self.apps
    }

    /// What it is for there; none: everything.
    pub fn allow(&self) -> &[Allow] {
        &self.allow
    }

    /// What it takes in memory, in bytes.
    pub fn size(&self) -> usize {
        let apps: usize = self.apps.iter().map(|app| app.as_str().len() + A_TEXT).sum();
        let allow: usize =
            self.allow.iter().map(|allow| allow.path.len() + size_of::<Allow>() + A_TEXT).sum();
        size_of::<Self>() + apps + allow
    }

    /// Whether it is for `app` at all.
    pub fn is_for(&self, app: &AppName) -> bool {
        self.apps.is_empty() || self.apps.contains(app)
    }

    /// Whether it is for a request of `method` for `path`. A path that some servers read in another way
    /// (see [`rule_for`](super::App::rule_for)) has to be covered in both.
    pub fn covers(&self, method: &Method, path: &CanonicalPath<'_>) -> bool {
        let covers =
            |path: &CanonicalPath<'_>| self.allow.iter().any(|allow| allow.covers(method, path.as_str()));
        let both = |path: &CanonicalPath<'_>| {
            covers(path) && path.without_end().is_none_or(|shorter| covers(&shorter))
        };
        self.allow.is_empty() || both(path) && path.without_parameters().is_none_or(|plain| both(&plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(allow: &[&str]) -> Scope {
        let allow = allow.iter().map(|text| Allow::parse(text).expect(text)).collect();
        Scope::new(Vec::new(), allow).expect("a scope")
    }

    #[test]
    fn a_request_is_covered_by_method_and_path_in_every_spelling() {
        let scope = scope(&["GET /api/*", "POST /upload", "* /dav/my files/*"]);
        for (method, path, covered) in [
            ("GET", "/api", true),
            ("GET", "/api/", true),
            ("HEAD", "/api/albums", true),
            ("GET", "//api//albums", true),
            ("GET", "/%61pi/albums", true),
            ("POST", "/api/albums", false),
            ("GET", "/apis", false),
            ("GET", "/API/albums", false),
            ("GET", "/", false),
            ("POST", "/upload", true),
            ("POST", "/upload/", false),
            ("GET", "/upload", false),
            ("PROPFIND", "/dav/my%20files/a", true),
            ("DELETE", "/dav/my%20files", true),
            // To one server this is `/api/x`, to another `/api`; to one `/admin`, to another neither.
            ("GET", "/api;v=1/x", false),
            ("GET", "/api/x;v=1", true),
            ("GET", "/admin;/api/x", false),
            ("GET", "/api/;/x", true),
            ("POST", "/upload;x=1", false),
        ] {
            let parsed = CanonicalPath::parse(path).expect(path);
            let method: Method = method.parse().unwrap();
            assert_eq!(scope.covers(&method, &parsed), covered, "{method} {path}");
        }
    }

    #[test]
    fn what_names_nothing_is_for_everything() {
        let all = Scope::default();
        assert!(all.is_for(&"immich".parse().unwrap()));
        assert!(all.covers(&Method::DELETE, &CanonicalPath::ROOT));
        let one = Scope::new(vec!["immich".parse().unwrap()], Vec::new()).unwrap();
        assert!(one.is_for(&"immich".parse().unwrap()) && !one.is_for(&"arlo".parse().unwrap()));
    }

    #[test]
    fn what_could_never_match_is_refused_with_what_to_write() {
        for (text, hint) in [
            ("/api/*", "write `GET /api/*`, or `* /api/*` for every method"),
            ("GET", "write `GET /api/*`, or `* /api/*` for every method"),
            ("get /api/*", "did you mean `GET`?"),
            ("HEAD /api/*", "write `GET`: it means both"),
            ("GET api", "a path starts with a slash"),
            ("GET /a/*/b", "a star stands at the end alone: `/x/*` is `/x` and all below"),
            (
                "GET /a/../b",
                "a path here has no `..`, no escapes, no backslash, and neither query nor fragment",
            ),
            ("GET /a;b", "paths are matched without their parameters"),
        ] {
            let fault = Allow::parse(text).expect_err(text);
            assert_eq!(fault.hint.as_deref(), Some(hint), "{text}: {fault}");
        }
        assert!(Allow::parse(&format!("GET /{}", "a".repeat(LONGEST))).is_err());
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["GET /api/*", "* /*", "POST /upload", "PROPFIND /dav/my files/*"] {
            let allow = Allow::parse(text).expect(text);
            assert_eq!(allow.to_string(), text);
            assert_eq!(Allow::parse(&allow.to_string()), Ok(allow));
        }
    }
}
