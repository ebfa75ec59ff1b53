//! A browser on our own site: the cookies by which it is known, given, read and taken away.
//!
//! Promises: a session is read from exactly one cookie of ours, or there is none; the token for apps
//! lives as long as the session it names. Never: judges a password, opens a session.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use crate::attempts::DEVICE_LIFETIME;
use crate::clock::Wall;
use crate::error::Error;
use crate::identity::SessionId;
use crate::keys::{AccessClaims, Keys};
use crate::place::Host;
use crate::secret::Secret;
use crate::sessions::{Purpose, Session, Sessions, State};
use crate::sign_in::Signed;
use crate::web::Response;
use crate::web::cookies::{self, Cookie};

/// How long a sign-out on the tailnet lasts, as the pages say.
const OFF_THE_TAILNET: Duration = Duration::from_hours(1);

/// How long a browser keeps the cookie of a sign-in that waits: longer than the sign-in does, so that it can
/// still be told what became of it.
const CHALLENGE_LIFETIME: Duration = Duration::from_mins(10);

/// What a browser's session cookie says.
#[derive(Debug)]
pub enum Seen {
    /// There is none of ours, or more than one.
    Nobody,
    /// There is one, and its session is over.
    Ended,
    /// Somebody who is signed in.
    Somebody(Box<Session>),
}

impl Seen {
    /// The live session this browser is in.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Somebody(session) => Some(session.id),
            Self::Ended | Self::Nobody => None,
        }
    }
}

/// The parts that cookies are read and made with.
#[derive(Clone)]
pub struct Browser {
    keys: Arc<Keys>,
    sessions: Sessions,
}

impl Browser {
    /// With these keys and sessions.
    pub fn new(keys: Arc<Keys>, sessions: Sessions) -> Self {
        Self { keys, sessions }
    }

    /// Who this browser is signed in as.
    pub async fn seen(&self, headers: &HeaderMap, now: Wall) -> Result<Seen, Error> {
        let mut values = cookies::read(headers, Cookie::Session.name());
        let (Some(secret), None) = (values.next(), values.next()) else { return Ok(Seen::Nobody) };
        let session = self.sessions.by_secret(secret, now).await?;
        Ok(match session {
            None => Seen::Nobody,
            Some(session) => match (session.purpose, session.state) {
                (Purpose::Web, State::Live) => {
                    self.sessions.touch(session.id, now);
                    Seen::Somebody(Box::new(session))
                }
                (Purpose::Web, State::Over | State::Disabled) => Seen::Ended,
                (Purpose::Token, State::Live | State::Over | State::Disabled) => Seen::Nobody,
            },
        })
    }

    /// The mark of a browser that has signed in before, if it shows exactly one.
    pub fn device(headers: &HeaderMap) -> Option<&str> {
        one(headers, Cookie::Device)
    }

    /// What names the sign-in of this browser that waits, if it shows exactly one.
    pub fn challenge(headers: &HeaderMap) -> Option<&str> {
        one(headers, Cookie::Challenge)
    }

    /// The browser has a sign-in that waits.
    pub fn waits(response: &mut Response, secret: &Secret) -> Result<(), Error> {
        append(response, Cookie::Challenge.set(secret, Some(CHALLENGE_LIFETIME))?);
        Ok(())
    }

    /// It has none any more.
    pub fn waits_no_more(response: &mut Response) -> Result<(), Error> {
        append(response, Cookie::Challenge.clear()?);
        Ok(())
    }

    /// Gives the browser the cookies of a session that was just opened.
    pub fn welcome(
        &self,
        response: &mut Response,
        signed: &Signed,
        keep: bool,
        domain: Option<&Host>,
        now: Wall,
    ) -> Result<(), Error> {
        let lasts = keep.then(|| now.until(signed.session.expires_at));
        if let Some(cookie) = &signed.session.cookie {
            append(response, Cookie::Session.set(cookie, lasts)?);
        }
        if let Some(mark) = &signed.device {
            append(response, Cookie::Device.set(mark, Some(DEVICE_LIFETIME))?);
        }
        let ends = signed.session.expires_at;
        let claims = AccessClaims::of(&signed.identity, signed.session.id, None, now, ends);
        self.token(response, &claims, lasts, domain)
    }

    /// Gives the browser a new token for apps, of the session it is in.
    pub fn renew(
        &self,
        response: &mut Response,
        session: &Session,
        domain: Option<&Host>,
        now: Wall,
    ) -> Result<(), Error> {
        let claims = AccessClaims::of(&session.identity, session.id, None, now, session.expires_at);
        let lasts = session.keep.then(|| now.until(session.expires_at));
        self.token(response, &claims, lasts, domain)
    }

    fn token(
        &self,
        response: &mut Response,
        claims: &AccessClaims,
        lasts: Option<Duration>,
        domain: Option<&Host>,
    ) -> Result<(), Error> {
        let token: Secret = self.keys.sign_access(claims)?;
        append(response, Cookie::Token(domain).set(&token, lasts)?);
        Ok(())
    }

    /// Marks the browser: for a while, the tailnet says nothing of who uses it.
    pub fn leave_tailnet(response: &mut Response, domain: Option<&Host>) -> Result<(), Error> {
        append(response, Cookie::SignedOut(domain).set(&Secret::new("1"), Some(OFF_THE_TAILNET))?);
        Ok(())
    }

    /// Takes that mark away.
    pub fn use_tailnet(response: &mut Response, domain: Option<&Host>) -> Result<(), Error> {
        append(response, Cookie::SignedOut(domain).clear()?);
        Ok(())
    }

    /// Takes the session and the token away; the mark of a known browser stays.
    pub fn farewell(response: &mut Response, domain: Option<&Host>) -> Result<(), Error> {
        append(response, Cookie::Session.clear()?);
        append(response, Cookie::Token(domain).clear()?);
        Ok(())
    }
}

/// The value of a cookie, if it is there once.
fn one<'a>(headers: &'a HeaderMap, cookie: Cookie<'static>) -> Option<&'a str> {
    let mut values = cookies::read(headers, cookie.name());
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        (Some(_) | None, _) => None,
    }
}

fn append(response: &mut Response, cookie: HeaderValue) {
    response.headers_mut().append(header::SET_COOKIE, cookie);
}
