//! What a rule matches: paths and methods. Owns their one way of matching and the faults of
//! patterns. Never reads a request's path: that is [`CanonicalPath`]'s.

mod expression;

use std::fmt;

use http::Method;

use crate::config::{Placed, nearest};
use crate::error::Fault;
use crate::place::CanonicalPath;
use expression::Expression;

/// The paths a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathPattern {
    /// `/x`: that path alone. `/x/` is another one.
    Exact(Box<str>),
    /// `/x/*`: `/x`, `/x/` and all below. Kept without its last slash; empty for every path.
    Within(Box<str>),
    /// `path_regex`: what fits it as a whole.
    Fits(Box<Expression>),
}

impl PathPattern {
    /// Whether it may have been written for one path, and not for all below one.
    pub(super) fn is_of_few(&self) -> bool {
        match self {
            Self::Exact(_) | Self::Fits(_) => true,
            Self::Within(_) => false,
        }
    }

    /// Reads `/x` or `/x/*`.
    pub(super) fn rule(written: &Placed<String>) -> Result<Self, Fault> {
        match written.value.strip_suffix("/*") {
            Some("") => Ok(Self::Within("".into())),
            Some(prefix) => canonical(prefix, written).map(|()| Self::Within(prefix.into())),
            None => canonical(&written.value, written).map(|()| Self::Exact(written.value.as_str().into())),
        }
    }

    /// Reads a regular expression.
    pub(super) fn expression(written: &Placed<String>) -> Result<Self, Fault> {
        Expression::read(written).map(|expression| Self::Fits(expression.into()))
    }

    /// Reads an entry of `public`: that path and all below.
    pub(super) fn prefix(written: &Placed<String>) -> Result<Self, Fault> {
        if let Some(prefix) = written.value.strip_suffix("/*") {
            let fault = Fault::new(format!("`{}` has a star", written.value.escape_debug()))
                .hint(format!("write `{}/`: what is below is meant anyway", prefix.trim_end_matches('/')));
            return Err(written.fault(fault));
        }
        canonical(&written.value, written)?;
        let prefix = written.value.strip_suffix('/').unwrap_or(&written.value);
        Ok(Self::Within(prefix.into()))
    }

    /// Its length, in bytes. Regular expressions are no part of what is counted.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Exact(path) | Self::Within(path) => path.len(),
            Self::Fits(_) => 0,
        }
    }

    /// Whether it is for every path that `other` is for. Never says so wrongly; of two regular expressions
    /// it may not see it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Within(prefix), _) if prefix.is_empty() => true,
            (_, Self::Exact(path)) => self.matches(path),
            (Self::Within(_), Self::Within(narrow)) => self.matches(narrow),
            (Self::Within(prefix), Self::Fits(expression)) => expression.is_within(prefix),
            (Self::Fits(_), Self::Fits(_)) => self == other,
            (Self::Exact(_), Self::Within(_) | Self::Fits(_)) | (Self::Fits(_), Self::Within(_)) => false,
        }
    }

    /// The same without regard to capitals: for a path [`without_capitals`].
    pub(super) fn in_any_case(&self) -> Self {
        match self {
            Self::Exact(path) => Self::Exact(without_capitals(path).into()),
            Self::Within(prefix) => Self::Within(without_capitals(prefix).into()),
            Self::Fits(expression) => Self::Fits(expression.in_any_case().into()),
        }
    }

    /// Whether capitals can make a difference to it: none of a path, and none of its own.
    pub(super) fn heeds_case(&self) -> bool {
        match self {
            Self::Exact(path) | Self::Within(path) => {
                path.bytes().any(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii())
            }
            Self::Fits(_) => true,
        }
    }

    /// Whether it may be written with capitals, so that a path without any may fit it in another case.
    pub(super) fn has_capitals(&self) -> bool {
        let written = match self {
            Self::Exact(path) | Self::Within(path) => path,
            Self::Fits(expression) => expression.as_str(),
        };
        may_have_capitals(written)
    }

    /// Whether `path`, in its one reading, is meant.
    #[expect(clippy::inline_always, reason = "measured: a check passes by rules in half the instructions")]
    #[inline(always)]
    pub(super) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *path,
            Self::Within(prefix) => {
                path.strip_prefix(&**prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            Self::Fits(expression) => expression.fits(path),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => formatter.write_str(path),
            Self::Within(prefix) => write!(formatter, "{prefix}/*"),
            Self::Fits(expression) => expression.fmt(formatter),
        }
    }
}

/// That `path` is written as paths are compared, for one written otherwise would never match.
fn canonical(path: &str, written: &Placed<String>) -> Result<(), Fault> {
    let fault = |message: &str, hint: &str| {
        let message = format!("`{}` {message}", written.value.escape_debug());
        Err(written.fault(Fault::new(message).hint(hint)))
    };
    if !path.starts_with('/') {
        return fault("is not a path", "a path starts with a slash");
    }
    if path.contains('*') {
        return fault("has a star in it", "a star stands at the end alone: `/x/*` is `/x` and all below");
    }
    if path.contains(';') {
        return fault("has a semicolon", "paths are matched without their parameters");
    }
    // A space stands in a request as `%20`, and in a pattern as itself.
    match CanonicalPath::parse(&path.replace(' ', "%20")) {
        Ok(parsed) if parsed.as_str() == path => Ok(()),
        Ok(parsed) => fault("would never match", &format!("write `{}`", parsed.as_str())),
        Err(_) => fault(
            "would never match",
            "a path here has no `..`, no escapes, no backslash, and neither query nor fragment",
        ),
    }
}

/// The methods a rule is for; none listed means every one. HEAD follows GET.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Methods(Box<[Method]>);

/// RFC 9110, RFC 5789 (PATCH), and those of `WebDAV` and `CalDAV` (RFC 4918, 3253, 3744, 4791, 5323).
const METHODS: [&str; 22] = [
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "ACL",
    "MKCALENDAR",
    "CHECKOUT",
    "CHECKIN",
    "VERSION-CONTROL",
];

impl Methods {
    /// Reads the list; what cannot be read is told through `fault`.
    pub(super) fn read(written: &[Placed<String>], mut fault: impl FnMut(Fault)) -> Self {
        let mut methods = Vec::with_capacity(written.len());
        for name in written {
            let text = name.value.as_str();
            match METHODS.iter().find(|known| **known == text).and_then(|known| known.parse().ok()) {
                Some(method) => methods.push(method),
                None if text == "HEAD" => fault(name.fault(
                    Fault::new("HEAD follows GET and cannot be listed").hint("write `GET`: it means both"),
                )),
                None => {
                    let said = Fault::new(format!("`{}` is not a known method", text.escape_debug()));
                    let upper = text.to_ascii_uppercase();
                    fault(name.fault(match nearest(&upper, METHODS.into_iter()) {
                        Some(near) => said.hint(format!("did you mean `{near}`?")),
                        None => said.hint(format!("known are {}", METHODS.join(", "))),
                    }));
                }
            }
        }
        Self(methods.into())
    }

    /// Whether `method` is meant.
    #[expect(clippy::inline_always, reason = "measured: a check passes by rules in half the instructions")]
    #[inline(always)]
    pub(super) fn contain(&self, method: &Method) -> bool {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.0.is_empty() || self.0.contains(method)
    }

    /// Each of them, or of those that are known where every one is meant.
    pub(super) fn each(&self) -> impl Iterator<Item = Method> {
        let known = METHODS.iter().filter(|_| self.0.is_empty()).filter_map(|name| name.parse().ok());
        self.0.iter().cloned().chain(known)
    }

    /// Whether some method is meant by both.
    pub(super) fn overlap(&self, other: &Self) -> bool {
        self.each().any(|method| other.contain(&method))
    }

    /// One of them, to try a rule with.
    pub(super) fn any(&self) -> &Method {
        self.0.first().unwrap_or(&Method::GET)
    }

    /// `GET, POST`; nothing for every method.
    pub(super) fn names(&self) -> String {
        self.0.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// Whether [`without_capitals`] may be another text than this.
pub(super) fn may_have_capitals(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii())
}

/// `text` as it reads to whoever makes no difference between capitals and small letters. What is so to any
/// program is so here: to Go, and so to Caddy, `İ` is `i` and the sign of Kelvin `k`; to others `ı` is `i` and
/// `ſ` is `s`.
pub(super) fn without_capitals(text: &str) -> String {
    let one = |letter: char| {
        if letter.is_ascii() {
            return letter.to_ascii_lowercase();
        }
        let mut capitals = letter.to_uppercase();
        let capital = match (capitals.next(), capitals.next()) {
            (Some(capital), None) => capital,
            _ => letter,
        };
        // Of several the first: what follows the `i` of `İ` is a dot that most programs leave out.
        capital.to_lowercase().next().unwrap_or(letter)
    };
    text.chars().map(one).collect()
}

/// Whether browsers ask for `path` without cookies: manifest, icons, robots.txt.
pub(super) fn is_asset(path: &str) -> bool {
    match path {
        "/manifest.json" | "/manifest.webmanifest" | "/site.webmanifest" | "/favicon.ico" | "/robots.txt" => {
            true
        }
        // `/apple-touch-icon-120x120-precomposed.png`, and nothing that could be more than a name.
        _ => path
            .strip_prefix("/apple-touch-icon")
            .and_then(|rest| rest.strip_suffix(".png"))
            .is_some_and(|size| size.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')),
    }
}
