//! How a sign-in begins to wait anew, and how it is given up. Owns that nothing is sent before somebody
//! pressed a button on a page of ours.

use http::{HeaderValue, header};

use super::super::{Door, Visit};
use super::{destination, way_in};
use crate::browser::{Browser, Seen};
use crate::error::Error;
use crate::second_factor::challenge::{AGAIN_AFTER, State};
use crate::sessions::Session;
use crate::sign_in::{Arrival, Outcome};
use crate::state::Current;
use crate::web::forms::{self, Form};
use crate::web::pages::{self, Ended, Tried};
use crate::web::{self, Destination, Response, urls};

impl Door {
    /// `POST /login/again`: asks on Telegram once more, for a new challenge with a new number.
    pub async fn ask_again(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        forms::same_origin(visit.headers, current.site.public_url())?;
        let waiting = match self.still_waits(&current, &visit).await? {
            Ok(waiting) => waiting,
            Err(instead) => return Ok(instead),
        };
        let (challenge, now) = (&waiting.challenge, visit.now.wall);
        if challenge.state == State::Approved {
            return Ok(web::redirect(&current.site, HeaderValue::from_static(urls::LOGIN_APPROVE)));
        }
        if now < challenge.created_at.plus(AGAIN_AFTER) {
            return self.approving(&current, &waiting, Tried::AgainTooSoon, &visit).await;
        }
        let device = Browser::device(visit.headers);
        match self.sign_in.again(challenge, visit.came.address, device, now).await? {
            Outcome::FactorDue(due) => self.begin_waiting(&current, &due, &visit).await,
            Outcome::AnotherWaits => Ok(pages::another_waits(&current.site, &waiting.to)),
            Outcome::Signed(_) | Outcome::Wrong | Outcome::TooMany(_) | Outcome::Busy(_) => {
                self.over(&current, &visit).await
            }
        }
    }

    /// `POST /login/cancel`.
    pub async fn cancel(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        forms::same_origin(visit.headers, current.site.public_url())?;
        let mut to = Destination::Home;
        if let Some(waiting) = self.waiting(&current, &visit).await? {
            if waiting.challenge.state.is_open() {
                let challenges = &self.sign_in.second_factor.challenges;
                challenges.cancel(&waiting.challenge, visit.now.wall).await?;
            }
            to = waiting.to;
        }
        // Back to where more is asked for would be a circle.
        let location = if self.is_signed_in(&visit).await? {
            HeaderValue::from_static(urls::HOME)
        } else {
            way_in(&to)?
        };
        let mut response = web::redirect(&current.site, location);
        Browser::waits_no_more(&mut response)?;
        Ok(response)
    }

    /// `GET /login/step-up`: one button, so that no link of another site sends a message.
    pub async fn step_up_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        let query = Form::from_query(visit.query).unwrap_or_default();
        let to = destination(&current, query.text("rd"));
        match self.browser.seen(visit.headers, visit.now.wall).await? {
            Seen::Somebody(session) => self.stepping_up(&current, &session, &to, &visit).await,
            Seen::Ended | Seen::Nobody => Ok(web::redirect(&current.site, way_in(&to)?)),
        }
    }

    /// The page with that button, if the account has what it asks for.
    async fn stepping_up(
        &self,
        current: &Current,
        session: &Session,
        to: &Destination,
        visit: &Visit<'_>,
    ) -> Result<Response, Error> {
        if self.sign_in.second_factor.of(session.identity.user).await?.any() {
            return Ok(pages::step_up(&current.site, to));
        }
        Ok(self.without_factor(current, session, to.app(), visit).await)
    }

    /// `POST /login/step-up`: lets somebody who is signed in show a second factor.
    pub async fn step_up(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let current = self.app.current.load();
        let Visit { headers, came, now, .. } = visit;
        forms::same_origin(headers, current.site.public_url())?;
        let form = Form::read(headers, body)?;
        let to = destination(&current, form.text("rd"));
        let Seen::Somebody(session) = self.browser.seen(headers, now.wall).await? else {
            return Ok(web::redirect(&current.site, way_in(&to)?));
        };
        if !self.sign_in.second_factor.of(session.identity.user).await?.any() {
            return Ok(self.without_factor(&current, &session, to.app(), &visit).await);
        }
        let arrival = Arrival {
            address: came.address,
            user_agent: headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()),
            is_known: true,
            keep: session.keep,
            enrol_until: None,
            replaces: Some(session.id),
        };
        let device = Browser::device(headers);
        match self.sign_in.step_up(&session, to.written(), arrival, device, now.wall).await? {
            Outcome::FactorDue(due) => self.begin_waiting(&current, &due, &visit).await,
            Outcome::AnotherWaits => Ok(pages::another_waits(&current.site, &to)),
            Outcome::Signed(_) | Outcome::Wrong | Outcome::TooMany(_) | Outcome::Busy(_) => {
                Ok(pages::ended(&current.site, &to, Ended::Over))
            }
        }
    }
}
