//! Linking Telegram: begun here, answered in Telegram, confirmed here. Never links whom the page did not show.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::{Door, Owner, Visit};
use crate::clock::Mono;
use crate::error::{Error, Kind};
use crate::second_factor::telegram::OfferState;
use crate::store::Write;
use crate::web::pages::{self, Said, TelegramAnswer, TelegramOffer};
use crate::web::{self, Response, forms, polls, urls};

/// How often it is looked whether somebody has answered.
const LOOK: Duration = Duration::from_secs(1);

impl Door {
    /// `POST /account/factors/telegram`: begins, and shows the codes, this once.
    pub async fn begin_telegram(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let session = match self.may_enrol(&owner, visit.now.wall) {
            Ok(session) => session,
            Err(why) => return Ok(self.not_yet(why, urls::ACCOUNT)),
        };
        let Some(bot) = self.app.bot_name().filter(|_| owner.factors.telegram.is_none()) else {
            return Ok(self.to(urls::ACCOUNT));
        };
        let (links, now) = (&self.app.second_factor.telegram, visit.now.wall);
        let codes = links.offer(owner.user.id, session.id, now).await?;
        let page = TelegramOffer {
            username: owner.user.username.as_str(),
            bot: &bot,
            payload: codes.payload.reveal(),
            short: codes.short.reveal(),
            expires_at: now.plus(crate::second_factor::telegram::OFFER_LIFE),
        };
        Ok(pages::telegram_offer(&self.app.current.load().site, &page))
    }

    /// `GET /account/factors/telegram`: how far it has come.
    pub async fn telegram_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        if let Err(why) = self.may_enrol(&owner, visit.now.wall) {
            return Ok(self.not_yet(why, urls::ACCOUNT_TELEGRAM));
        }
        self.telegram(&owner, Said::Nothing).await
    }

    /// `GET /account/factors/telegram/wait`, by script: where `to` go as soon as somebody has answered; after a
    /// while, nowhere.
    pub async fn wait_for_telegram(&self, visit: Visit<'_>) -> Result<Response, Error> {
        forms::same_origin(visit.headers, self.app.current.load().site.public_url())?;
        let is_over = match self.owner(&visit).await? {
            None => true,
            Some(owner) => {
                let mut place = self.polls.place(owner.user.id)?;
                tokio::select! {
                    answered = self.is_answered(&owner, visit.now.mono.plus(polls::PATIENCE)) => answered?,
                    () = place.let_go() => false,
                }
            }
        };
        let to = is_over.then_some(urls::ACCOUNT_TELEGRAM);
        Ok(web::json(StatusCode::OK, &json!({ "to": to })))
    }

    /// Waits until the link that is under way is answered, or over: true; or too long: false.
    async fn is_answered(&self, owner: &Owner, until: Mono) -> Result<bool, Error> {
        loop {
            let state = self.offer_of(owner).await?;
            let is_over = state.as_ref().is_none_or(|state| state.answerer.is_some());
            if is_over || self.app.clock.now().mono >= until {
                return Ok(is_over);
            }
            self.app.clock.wait(LOOK).await;
        }
    }

    /// `POST /account/factors/telegram/confirm`: `person`, whom the page showed.
    pub async fn confirm_telegram(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let session = match self.may_enrol(&owner, visit.now.wall) {
            Ok(session) => session,
            Err(why) => return Ok(self.not_yet(why, urls::ACCOUNT_TELEGRAM)),
        };
        let links = &self.app.second_factor.telegram;
        let ids = (owner.user.id, session.id);
        let proof = match form.text("person").parse() {
            Ok(person) if owner.factors.telegram.is_none() => {
                links.confirm(Write::new(), ids, person, visit.now.wall).await?
            }
            Ok(_) | Err(_) => None,
        };
        let Some(proof) = proof else {
            let error = Error::said(Kind::Gone, "That cannot be confirmed any more. Begin again.");
            return self.telegram(&owner, Said::Refused(&error)).await;
        };
        let after = self.to(Self::after_enrolment(&owner));
        match self.enrol(&owner, session, &visit, (proof, ""), after).await {
            Err(error) if error.kind == Kind::Conflict => {
                self.show(&owner, visit.now, Said::Refused(&error)).await
            }
            answered => answered,
        }
    }

    /// `POST /account/factors/telegram/refuse`.
    pub async fn refuse_telegram(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        if let Some(session) = &owner.session {
            self.app.second_factor.telegram.refuse(owner.user.id, session.id, visit.now.wall).await?;
        }
        self.show(&owner, visit.now, Said::Done("Nobody was linked.")).await
    }

    async fn telegram(&self, owner: &Owner, said: Said<'_>) -> Result<Response, Error> {
        let state = self.offer_of(owner).await?;
        let answerer = state.as_ref().and_then(|state| state.answerer.as_ref());
        let page = TelegramAnswer {
            username: owner.user.username.as_str(),
            answerer: answerer.map(|one| (one.person, one.name.as_str())),
            expires_at: state.as_ref().map(|state| state.expires_at),
            said,
        };
        Ok(pages::telegram_answer(&self.app.current.load().site, &page))
    }

    async fn offer_of(&self, owner: &Owner) -> Result<Option<OfferState>, Error> {
        let Some(session) = &owner.session else { return Ok(None) };
        let now = self.app.clock.now().wall;
        Ok(self.app.second_factor.telegram.offer_of(owner.user.id, session.id, now).await?)
    }
}
