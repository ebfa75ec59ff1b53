//! What identity headers are called. Owns [`HeaderNames`]: a known set, or the operator's own.
//! Never lets two of them share a name, or take one that means something else.

use http::HeaderName;

use crate::config::{self, Placed};
use crate::error::Fault;

/// The names of the identity headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderNames {
    /// The username (or what the app chose instead).
    pub user: HeaderName,
    /// The e-mail.
    pub email: HeaderName,
    /// The display name.
    pub name: HeaderName,
    /// The roles.
    pub groups: HeaderName,
    /// How somebody signed in.
    pub method: HeaderName,
}

/// The signed assertion; its name is not configurable, because it is ours alone.
pub const ASSERTION: HeaderName = HeaderName::from_static("x-aegis-assertion");

/// Headers that mean something to a proxy, a browser or an app, and can carry no identity.
const RESERVED: [&str; 22] = [
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "forwarded",
    "host",
    "keep-alive",
    "location",
    "proxy-authorization",
    "retry-after",
    "server",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "www-authenticate",
];

impl HeaderNames {
    /// The names as the settings have them.
    pub fn compile(written: &Placed<config::HeaderNames>) -> Result<Self, Fault> {
        match &written.value {
            config::HeaderNames::Set(set) => match set.as_str() {
                "remote" => Ok(Self::remote()),
                "x-auth-request" => Ok(Self {
                    user: HeaderName::from_static("x-auth-request-user"),
                    email: HeaderName::from_static("x-auth-request-email"),
                    name: HeaderName::from_static("x-auth-request-preferred-username"),
                    groups: HeaderName::from_static("x-auth-request-groups"),
                    method: HeaderName::from_static("x-auth-request-auth-method"),
                }),
                "tailscale" => Ok(Self {
                    user: HeaderName::from_static("tailscale-user-login"),
                    name: HeaderName::from_static("tailscale-user-name"),
                    ..Self::remote()
                }),
                other => Err(written.fault(Fault::new(format!("headers = {other:?} is not known")).hint(
                    "\"remote\", \"x-auth-request\", \"tailscale\", or a map such as { user = \"X-User\" }",
                ))),
            },
            config::HeaderNames::Map(map) => {
                let mut names = Self::remote();
                for (key, text) in map {
                    let place = match key.as_str() {
                        "user" => &mut names.user,
                        "email" => &mut names.email,
                        "name" => &mut names.name,
                        "groups" => &mut names.groups,
                        "method" => &mut names.method,
                        other => {
                            return Err(written.fault(
                                Fault::new(format!("headers.{other} is not known"))
                                    .hint("user, email, name, groups or method"),
                            ));
                        }
                    };
                    *place = header_name(text).map_err(|fault| written.fault(fault))?;
                }
                names.distinct().map_err(|fault| written.fault(fault))
            }
        }
    }

    /// `Remote-User` and its sisters.
    pub fn remote() -> Self {
        Self {
            user: HeaderName::from_static("remote-user"),
            email: HeaderName::from_static("remote-email"),
            name: HeaderName::from_static("remote-name"),
            groups: HeaderName::from_static("remote-groups"),
            method: HeaderName::from_static("remote-auth-method"),
        }
    }

    /// All of them, in the order of the fields.
    pub fn all(&self) -> [&HeaderName; 5] {
        [&self.user, &self.email, &self.name, &self.groups, &self.method]
    }

    fn distinct(self) -> Result<Self, Fault> {
        let all = self.all();
        for (position, name) in all.iter().enumerate() {
            if all.iter().skip(position + 1).any(|other| other == name) {
                return Err(Fault::new(format!("two identity headers are called {name}"))
                    .hint("give each a name of its own"));
            }
        }
        Ok(self)
    }
}

fn header_name(text: &str) -> Result<HeaderName, Fault> {
    let name = text.to_ascii_lowercase();
    let plain = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !plain {
        return Err(Fault::new(format!("{text:?} cannot be an identity header")).hint(
            "letters, digits and dashes only: other spellings are read differently by different programs",
        ));
    }
    if RESERVED.contains(&name.as_str())
        || name.starts_with("x-aegis-")
        || name.starts_with("x-forwarded-")
        || name.starts_with("x-original-")
        || name.starts_with("sec-")
    {
        return Err(Fault::new(format!("{text:?} means something else already"))
            .hint("a name that no proxy, browser or Aegis itself uses, such as `X-User`"));
    }
    HeaderName::try_from(name).map_err(|_| Fault::new(format!("{text:?} is not a header name")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn compiled(pairs: &[(&str, &str)]) -> Result<HeaderNames, Fault> {
        let map: BTreeMap<_, _> =
            pairs.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect();
        HeaderNames::compile(&Placed::of(config::HeaderNames::Map(map)))
    }

    #[test]
    fn a_map_replaces_what_it_names() {
        let names = compiled(&[("user", "X-User")]).unwrap();
        assert_eq!(names.user, "x-user");
        assert_eq!(names.email, "remote-email");
    }

    #[test]
    fn the_known_sets_have_their_names() {
        let set = |name: &str| HeaderNames::compile(&Placed::of(config::HeaderNames::Set(name.to_owned())));
        for (name, expected) in [
            ("remote", ["remote-user", "remote-email", "remote-name"]),
            (
                "x-auth-request",
                ["x-auth-request-user", "x-auth-request-email", "x-auth-request-preferred-username"],
            ),
            ("tailscale", ["tailscale-user-login", "remote-email", "tailscale-user-name"]),
        ] {
            let names = set(name).unwrap();
            assert_eq!([&names.user, &names.email, &names.name].map(HeaderName::as_str), expected, "{name}");
            assert!(names.distinct().is_ok(), "{name}");
        }
        assert!(set("tail-scale").is_err());
    }

    #[test]
    fn names_that_are_taken_or_doubtful_are_refused() {
        for (key, name) in [
            ("user", "X_User"),
            ("user", "Cookie"),
            ("user", "X-Forwarded-User"),
            ("user", ""),
            ("user", "remote-email"),
            ("who", "x-who"),
            ("user", "x.user"),
            ("email", "X-Aegis-Assertion"),
            ("email", "X-Aegis-Proxy-Secret"),
        ] {
            assert!(compiled(&[(key, name)]).is_err(), "{key} = {name:?} was accepted");
        }
    }
}
