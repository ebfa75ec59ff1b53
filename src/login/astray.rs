//! Why somebody who has signed in is not recognised at an app: told by what their browser shows here of
//! what it was given a moment ago. Never keeps anything, and shows nothing of a cookie.

use std::fmt;

use http::header;

use super::{Door, Visit};
use crate::keys::NotVerified;
use crate::place::ClientAddress;
use crate::sessions::Session;
use crate::state::Current;
use crate::web::ReturnTo;
use crate::web::cookies::{self, Cookie};
use crate::web::pages::Astray;

impl Door {
    /// What keeps the sign-in of `session` from the app at `return_to`. The browser was given a token for it
    /// a moment ago, and shows here what it kept.
    pub(super) fn astray<'c>(
        &self,
        current: &'c Current,
        session: &Session,
        return_to: &ReturnTo,
        visit: &Visit<'_>,
    ) -> Astray<'c> {
        let domain = current.cookie_domain.as_ref();
        let Some(domain) = domain.filter(|domain| return_to.host().is_within(domain)) else {
            return Astray::Domain(domain);
        };
        let mut tokens = cookies::read(visit.headers, Cookie::Token(None).name());
        let token = match (tokens.next(), tokens.next()) {
            (None, _) if !current.site.is_https() => return Astray::Http,
            (None, _) => return Astray::NotKept(domain),
            (Some(_), Some(_)) => return Astray::Several(domain),
            (Some(token), None) => token,
        };
        match self.app.keys.verify_access(token, visit.now.wall) {
            Ok(token) if token.claims().sid == session.id => Astray::NotPassed,
            // Of an earlier session: the new one did not take its place.
            Ok(_) => Astray::Several(domain),
            Err(NotVerified::NotYet | NotVerified::Expired) => Astray::Clock,
            Err(
                NotVerified::Shape
                | NotVerified::Header
                | NotVerified::Key
                | NotVerified::Signature
                | NotVerified::Claims,
            ) => Astray::Foreign(domain),
        }
    }

    /// Notes that whoever signed in just now is sent to an app.
    pub(super) fn sends(&self, return_to: Option<&ReturnTo>, visit: &Visit<'_>) {
        if let (Some(who), Some(return_to)) = (Visitor::of(visit), return_to) {
            self.circles.leaves(who, return_to.as_str(), visit.now.mono);
        }
    }

    /// Whether somebody who looks like this visitor signed in a moment ago, and was sent there. Not who typed
    /// the address: a browser says of a circle that a page of ours began it, and of two people at one address
    /// that is what tells them apart.
    pub(super) fn is_back(&self, return_to: &ReturnTo, visit: &Visit<'_>) -> bool {
        let was_typed = visit.headers.get("sec-fetch-site").is_some_and(|site| site == "none");
        let who = Visitor::of(visit).filter(|_| !was_typed);
        who.is_some_and(|who| self.circles.is_back(who, return_to.as_str(), visit.now.mono))
    }
}

/// A browser without a cookie, as far as it can be told from others.
struct Visitor<'a> {
    address: ClientAddress,
    user_agent: &'a [u8],
}

impl<'a> Visitor<'a> {
    fn of(visit: &Visit<'a>) -> Option<Self> {
        let user_agent = visit.headers.get(header::USER_AGENT);
        let user_agent = user_agent.map_or(&[][..], |value| value.as_bytes());
        visit.came.address.map(|address| Self { address, user_agent })
    }
}

impl fmt::Display for Visitor<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.address, self.user_agent.escape_ascii())
    }
}
