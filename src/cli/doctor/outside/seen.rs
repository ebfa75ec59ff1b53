//! What an answer from out there is: who gave it, and what that means. Pure.

use std::net::IpAddr;

use super::super::finding::Finding;
use super::ABOUT;
use super::probe::Answered;
use crate::forward_auth::{TOLD_HTTP, UNKNOWN_PROXY};
use crate::place::Origin;
use crate::web::urls;

/// Who answered, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Led to the sign-in page.
    SignIn,
    /// Refused by Aegis: it gives a reference with every refusal.
    Refused,
    /// Refused by the proxy, which cannot read it.
    Unreadable,
    /// Refused, for Aegis does not know the proxy.
    UnknownProxy,
    /// Led to the very address that was asked for, or told that the proxy says http.
    Loop,
    /// Led elsewhere.
    Elsewhere(String),
    /// The proxy has no answer.
    Broken,
    /// Anything else: not by Aegis, so by what stands behind.
    Served,
}

impl Seen {
    /// What `answered` is for a visitor of `target` at `origin`, where Aegis is at `portal`.
    pub(super) fn of(answered: &Answered, origin: &Origin, target: &str, portal: &Origin) -> Self {
        let status = answered.status;
        if status.is_redirection() {
            let to = answered.header("location").unwrap_or_default();
            let is_at = |site: &Origin, path: &str| {
                to.strip_prefix(&site.to_string()).is_some_and(|rest| rest.starts_with(path))
            };
            return if is_at(portal, urls::LOGIN) {
                Self::SignIn
            } else if to == format!("{origin}{target}") || to == target {
                Self::Loop
            } else {
                Self::Elsewhere(to.to_owned())
            };
        }
        match status.as_u16() {
            403 if answered.body.contains(UNKNOWN_PROXY) => Self::UnknownProxy,
            403 if answered.body.contains(TOLD_HTTP) => Self::Loop,
            _ if answered.header(REFERENCE).is_some() => Self::Refused,
            400 | 405 | 414 | 421 | 431 => Self::Unreadable,
            500.. => Self::Broken,
            _ => Self::Served,
        }
    }

    /// Whether Aegis was asked, and let nobody in.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::SignIn | Self::Refused)
    }

    /// Whether this reached what stands behind Aegis, as far as can be told: a redirect may be the app's own.
    pub(super) fn lets_in(&self) -> bool {
        matches!(self, Self::Served | Self::Elsewhere(_))
    }
}

/// The header of a refusal's reference.
pub(super) const REFERENCE: &str = "x-aegis-ref";

/// What it means that Aegis saw this machine, whose address there is `local`, under that one.
pub(super) fn address(seen: Option<&str>, local: IpAddr) -> Finding {
    // Of a proxy on a unix socket that tells no address, `unix` is what there is.
    let Some(seen) = seen.and_then(|seen| seen.parse::<IpAddr>().ok()) else {
        return Finding::wrong(ABOUT, "Aegis does not learn the addresses of visitors").hint(
            "the proxy has to send `X-Forwarded-For`: without it nobody is known by the tailnet, no rule for a \
             network fits, and guesses are counted against the proxy",
        );
    };
    // From the host into its own container, too: then local is loopback, and what is seen is the bridge.
    let hidden = seen != local && is_private(seen) && !(seen.is_loopback() && local.is_loopback());
    if hidden {
        let what =
            format!("Aegis sees this machine ({local}) as {seen}: something between hides who visitors are");
        return Finding::note(ABOUT, what).hint(
            "if every visitor has that address, it is a bridge of containers or a tunnel: use the host's network, \
             or have it tell the address and name it in `trusted_hops` (docs/proxies.md)",
        );
    }
    Finding::ok(ABOUT, format!("Aegis sees this machine as {seen}"))
}

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::super::super::finding::State;
    use super::*;

    fn answered(status: u16, location: Option<&'static str>, body: &str) -> Answered {
        let mut headers = HeaderMap::new();
        if let Some(location) = location {
            headers.insert("location", HeaderValue::from_static(location));
        }
        let status = StatusCode::from_u16(status).unwrap();
        Answered { status, headers, body: body.to_owned(), local: IpAddr::from([192, 0, 2, 1]) }
    }

    #[test]
    fn answers_are_told_apart() {
        let (app, portal): (Origin, Origin) =
            ("https://arlo.example.com".parse().unwrap(), "https://auth.example.com".parse().unwrap());
        let seen = |answered: &Answered| Seen::of(answered, &app, "/a?b", &portal);
        for (status, location, body, expected) in [
            (302, Some("https://auth.example.com/login?rd=x"), "", Seen::SignIn),
            (303, Some("https://auth.example.com/login/step-up"), "", Seen::SignIn),
            (
                302,
                Some("https://auth.example.com.evil.test/login"),
                "",
                Seen::Elsewhere("https://auth.example.com.evil.test/login".to_owned()),
            ),
            (302, Some("https://arlo.example.com/a?b"), "", Seen::Loop),
            (
                308,
                Some("https://arlo.example.com/c"),
                "",
                Seen::Elsewhere("https://arlo.example.com/c".to_owned()),
            ),
            (401, None, "", Seen::Served),
            (429, None, "", Seen::Served),
            (403, None, "{\"detail\":\"Aegis does not know this proxy.\"}", Seen::UnknownProxy),
            (403, None, "no", Seen::Served),
            (403, None, TOLD_HTTP, Seen::Loop),
            (400, None, "", Seen::Unreadable),
            (502, None, "", Seen::Broken),
            (200, None, "hello", Seen::Served),
            (204, None, "", Seen::Served),
            (404, None, "", Seen::Served),
        ] {
            assert_eq!(seen(&answered(status, location, body)), expected, "{status} {location:?} {body}");
        }
        for status in [400, 401, 403, 503] {
            let mut ours = answered(status, None, "");
            ours.headers.insert(REFERENCE, HeaderValue::from_static("abc"));
            assert_eq!(seen(&ours), Seen::Refused, "{status} with a reference");
        }
    }

    #[test]
    fn a_bridge_between_is_noticed_and_a_public_address_is_not() {
        let local: IpAddr = "192.168.1.5".parse().unwrap();
        let state = |seen| address(seen, local).state;
        assert_eq!(state(Some("192.168.1.5")), State::Ok, "itself");
        assert_eq!(state(Some("203.0.113.7")), State::Ok, "by the router's address");
        assert_eq!(state(Some("172.18.0.1")), State::Note, "a bridge");
        assert_eq!(state(Some("127.0.0.1")), State::Note, "a tunnel that ends on this machine");
        let on_loopback = |seen| address(Some(seen), "127.0.0.1".parse().unwrap()).state;
        assert_eq!(on_loopback("127.0.0.2"), State::Ok, "this machine by another of its own");
        assert_eq!(on_loopback("172.18.0.1"), State::Note, "a port that a container publishes");
        assert_eq!(state(None), State::Wrong, "nothing");
        assert_eq!(state(Some("unix")), State::Wrong, "the socket alone");
    }
}
