//! Codes and passkeys shown for a sign-in that waits: their pages, and the codes that are posted from them.

use http::HeaderValue;

use super::super::{Door, Visit};
use crate::error::Error;
use crate::second_factor::challenge::State;
use crate::sign_in::{Code, Coded};
use crate::state::Current;
use crate::web::forms::{self, Form};
use crate::web::pages::{self, Step, Tried};
use crate::web::{self, Response, Site, urls};

/// The page of one way to finish a sign-in.
type Page = fn(&Site, &Step<'_>, Tried) -> Response;

impl Door {
    /// `GET /login/code`.
    pub async fn code_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        self.way(&visit, |step| step.others.totp, pages::code).await
    }

    /// `GET /login/recovery`.
    pub async fn recovery_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        self.way(&visit, |step| step.others.recovery, pages::recovery).await
    }

    /// `GET /login/key`.
    pub async fn passkey_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        self.way(&visit, |step| step.others.passkeys, |site, step, _| pages::passkey(site, step)).await
    }

    /// `POST /login/code`.
    pub async fn enter_code(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.posted(&visit, body)?;
        self.enter(&visit, &form, Code::Totp(&form.secret("totp")), pages::code).await
    }

    /// `POST /login/recovery`.
    pub async fn enter_recovery(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.posted(&visit, body)?;
        self.enter(&visit, &form, Code::Recovery(&form.secret("recovery_code")), pages::recovery).await
    }

    fn posted(&self, visit: &Visit<'_>, body: &[u8]) -> Result<Form, Error> {
        forms::same_origin(visit.headers, self.app.current.load().site.public_url())?;
        Form::read(visit.headers, body)
    }

    /// One page, if the account has what it asks for and nothing better has happened.
    async fn way(
        &self,
        visit: &Visit<'_>,
        has: impl FnOnce(&Step<'_>) -> bool,
        page: Page,
    ) -> Result<Response, Error> {
        let current = self.app.current.load();
        let waiting = match self.still_waits(&current, visit).await? {
            Ok(waiting) => waiting,
            Err(instead) => return Ok(instead),
        };
        let facts = self.facts_of(&current, &waiting, visit).await?;
        let step = self.step(&waiting, &facts, visit);
        let instead = if waiting.challenge.state == State::Approved {
            urls::LOGIN_APPROVE
        } else if has(&step) {
            return Ok(page(&current.site, &step, Tried::Nothing));
        } else {
            facts.first_page()
        };
        Ok(web::redirect(&current.site, HeaderValue::from_static(instead)))
    }

    async fn enter(
        &self,
        visit: &Visit<'_>,
        form: &Form,
        code: Code<'_>,
        page: Page,
    ) -> Result<Response, Error> {
        let current = self.app.current.load();
        let waiting = match self.still_waits(&current, visit).await? {
            Ok(waiting) => waiting,
            Err(instead) => return Ok(instead),
        };
        let arrival = self.arrival(waiting.challenge.user, visit).await?;
        let remember = self.remember(form, visit);
        match self.sign_in.with_code(&waiting.challenge, code, arrival, remember, visit.now.wall).await? {
            Coded::Signed(signed) => self.let_in(&current, &waiting, &signed, visit),
            Coded::Over => self.over(&current, visit).await,
            Coded::Wrong => {
                self.shown_in_vain(&current, visit, |step| page(&current.site, step, Tried::WrongCode)).await
            }
            Coded::Locked(until) => {
                let locked = |step: &Step<'_>| pages::codes_locked(&current.site, step, until);
                self.shown_in_vain(&current, visit, locked).await
            }
        }
    }

    /// The page again, unless the sign-in came to its end meanwhile, perhaps by the same code sent twice.
    async fn shown_in_vain(
        &self,
        current: &Current,
        visit: &Visit<'_>,
        page: impl FnOnce(&Step<'_>) -> Response,
    ) -> Result<Response, Error> {
        let waiting = match self.still_waits(current, visit).await? {
            Ok(waiting) => waiting,
            Err(instead) => return Ok(instead),
        };
        let facts = self.facts_of(current, &waiting, visit).await?;
        Ok(page(&self.step(&waiting, &facts, visit)))
    }
}
