//! What has to be shown before what proves who somebody is may change.

use http::HeaderValue;

use super::{Door, Owner, Visit};
use crate::browser::Browser;
use crate::clock::Wall;
use crate::error::{Error, Kind};
use crate::identity::Assurance;
use crate::secret::Secret;
use crate::sessions::Session;
use crate::sign_in::Confirmed;
use crate::web::{self, Response, urls};

/// Why somebody may not change what they came to change, as things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotYet {
    /// They have a factor, and have not shown it just now.
    StepUp,
    /// They have none, and nothing but a link (or their own device on the tailnet) lets them add one.
    NoWay,
}

impl Door {
    /// Whether what proves who `owner` is may be changed: where there is a factor, only in a session in which
    /// one was shown just now. Where there is none this says yes, and the caller asks for the password.
    pub(super) fn may_change(&self, owner: &Owner, now: Wall) -> Result<(), NotYet> {
        if !owner.factors.any() || self.has_just_shown_two(owner, now) { Ok(()) } else { Err(NotYet::StepUp) }
    }

    /// The session in which `owner` may add a factor: two were shown in it, one just now; or there is no
    /// factor yet, and what opened the session lets the first be added. A password alone is neither.
    pub(super) fn may_enrol<'a>(&self, owner: &'a Owner, now: Wall) -> Result<&'a Session, NotYet> {
        match &owner.session {
            Some(session) if self.is_fresh(session, now) => Ok(session),
            _ if owner.factors.any() => Err(NotYet::StepUp),
            Some(session) if session.enrol_until.is_some_and(|until| until > now) => Ok(session),
            Some(_) | None => Err(NotYet::NoWay),
        }
    }

    /// Whether `owner` acts in a session in which two factors were shown, the last of them just now.
    pub(super) fn has_just_shown_two(&self, owner: &Owner, now: Wall) -> bool {
        owner.session.as_ref().is_some_and(|session| self.is_fresh(session, now))
    }

    /// Whether two factors were shown in `session`, the last of them just now.
    fn is_fresh(&self, session: &Session, now: Wall) -> bool {
        let identity = &session.identity;
        identity.assurance == Assurance::TwoFactor
            && identity
                .authenticated_at
                .is_some_and(|at| at <= now && at.plus(self.app.current.load().fresh) > now)
    }

    /// The way on for who may not yet, and from there to the page `back`.
    pub(super) fn not_yet(&self, why: NotYet, back: &'static str) -> Response {
        let site = &self.app.current.load().site;
        let to = match why {
            NotYet::StepUp => urls::step_up(Some(back)),
            NotYet::NoWay => urls::ACCOUNT_ENROL.to_owned(),
        };
        web::redirect(site, HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static(urls::ACCOUNT)))
    }

    /// That whoever asks knows the account's password.
    pub(super) async fn confirm(
        &self,
        owner: &Owner,
        visit: &Visit<'_>,
        password: Secret,
    ) -> Result<(), Error> {
        let device = Browser::device(visit.headers);
        let (sign_in, address, now) = (&self.app.sign_in, visit.came.address, visit.now.wall);
        match sign_in.confirm(&owner.user, password, device, address, now).await? {
            Confirmed::Yes => Ok(()),
            Confirmed::No => Err(Error::said(Kind::Unprocessable, "The current password is not right.")),
            Confirmed::TooMany(until) => Err(Error::said(
                Kind::TooMany(now.until(until)),
                "Too many attempts from this address. Try again later.",
            )),
            Confirmed::Busy(wait) => Err(Error::said(
                Kind::Unavailable(wait),
                "Many people are signing in right now. Please try again in a moment.",
            )),
        }
    }
}

/// What a page's script is told, which sends nobody anywhere.
impl From<NotYet> for Error {
    fn from(why: NotYet) -> Self {
        Self::said(
            Kind::Forbidden,
            match why {
                NotYet::StepUp => "Show your second factor again first, and come back to this page.",
                NotYet::NoWay => {
                    "A password alone adds no second factor. Ask whoever looks after Aegis for a link."
                }
            },
        )
    }
}
