//! The way to the first factor: what a link leads to, and what a device of the tailnet together with the
//! password opens.

use std::time::Duration;

use super::{Door, Owner, Visit};
use crate::audit::{Entry, Event, Recorded};
use crate::browser::Browser;
use crate::error::{Error, Kind};
use crate::identity::Method;
use crate::notices::{Notice, Noticed};
use crate::second_factor::SecondFactor;
use crate::secret::Secret;
use crate::sign_in::{self, Arrival};
use crate::store::Write;
use crate::users::ChangeError;
use crate::web::pages::{self, Enrol, EnrolState, Said};
use crate::web::{Response, urls};

/// How long the first factor may be added after a link was used, or the password shown on one's own device.
const ENROLS: Duration = Duration::from_mins(30);

impl Door {
    /// `GET /account/enrol`.
    pub async fn enrol_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        if owner.factors.any() {
            return Ok(self.to(urls::ACCOUNT));
        }
        Ok(self.enrolment(&owner, &visit, Said::Nothing))
    }

    /// `POST /account/enrol`: the `password`, on a device that the tailnet knows as the account's own.
    pub async fn begin_enrolment(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        if owner.factors.any() {
            return Ok(self.to(urls::ACCOUNT));
        }
        match self.open_enrolment(&owner, &visit, form.secret("password")).await {
            Ok(response) => Ok(response),
            Err(error) => Ok(self.enrolment(&owner, &visit, Said::Refused(&error))),
        }
    }

    async fn open_enrolment(
        &self,
        owner: &Owner,
        visit: &Visit<'_>,
        password: Secret,
    ) -> Result<Response, Error> {
        let has_password = owner.user.password.is_some();
        let Some(login) = owner.device.as_deref().filter(|_| owner.device_counts && has_password) else {
            return Err(Error::said(
                Kind::Forbidden,
                "This is no device that the tailnet knows as yours. Ask whoever looks after Aegis for a link.",
            ));
        };
        self.confirm(owner, visit, password).await?;
        let (user, now) = (&owner.user, self.app.clock.now().wall);
        let entry = Entry::new(Event::EnrolmentOpened, owner.actor())
            .about(user.id)
            .from(visit.came.address)
            .with("login", login);
        let write = Write::new().audit(entry, now);
        let write = write.notice(user.id, &Notice::EnrolmentOpened(login.to_owned()), now);
        let write = SecondFactor::while_none(write, user.id);
        let session = owner.session.as_deref();
        let arrival = Arrival {
            address: visit.came.address,
            user_agent: visit.user_agent(),
            is_known: self.app.attempts.is_known(user.id, Browser::device(visit.headers)).await?,
            keep: session.is_some_and(|session| session.keep),
            enrol_until: Some(now.plus(ENROLS)),
            replaces: session.map(|session| session.id),
        };
        let account = (user.id, user.epoch);
        let methods: &[Method] = sign_in::METHODS;
        let signed = self.app.sign_in.admit(write, account, methods, arrival, now).await;
        let signed = signed.map_err(|error| match error {
            ChangeError::Elsewhere(0) => Error::said(Kind::Conflict, "There is a second factor already."),
            other => other.into(),
        })?;
        let mut response = self.to(urls::ACCOUNT_ENROL);
        let domain = &self.app.current.load().cookie_domain;
        self.browser.welcome(&mut response, &signed, arrival.keep, domain.as_ref(), now)?;
        Ok(response)
    }

    fn enrolment(&self, owner: &Owner, visit: &Visit<'_>, said: Said<'_>) -> Response {
        let state = match (self.may_enrol(owner, visit.now.wall), &owner.device) {
            (Ok(session), _) => EnrolState::May(session.enrol_until),
            (Err(_), Some(login)) if owner.device_counts && owner.user.password.is_some() => {
                EnrolState::OwnDevice(login)
            }
            (Err(_), _) => EnrolState::NeedsLink,
        };
        let page = Enrol {
            username: owner.user.username.as_str(),
            administrator: owner.user.administrator,
            offers: self.offers(owner),
            state,
            said,
        };
        pages::enrol(&self.app.current.load().site, &page)
    }
}
