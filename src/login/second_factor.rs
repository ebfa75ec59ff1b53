//! A sign-in that waits for a second factor, in the browser that began it: its pages, and what is posted
//! from them. Owns which page shows which state. Never judges a factor, and takes nothing out of the
//! challenge's row on trust.

mod begin;
mod codes;
mod wait;

use http::{HeaderValue, header};

use super::{Door, Visit, wanted};
use crate::browser::{Browser, Seen};
use crate::error::Error;
use crate::identity::UserId;
use crate::second_factor::Factors;
use crate::second_factor::challenge::{AGAIN_AFTER, Asker, Challenge, Prompt, State};
use crate::second_factor::prompting::Mode;
use crate::sign_in::{Arrival, FactorDue, Finished, Remember, Signed};
use crate::state::Current;
use crate::web::forms::{self, Form};
use crate::web::pages::{self, Asks, Ended, OnTelegram, Others, Step, Tried};
use crate::web::{self, Destination, Response, urls};

/// The sign-in of a browser that waits, or waited, and where it leads.
pub(super) struct Waiting {
    pub(super) challenge: Challenge,
    pub(super) to: Destination,
}

/// What a page says of it.
struct Facts {
    telegram: OnTelegram,
    others: Others,
    bot: Option<String>,
}

impl Door {
    /// The browser has a sign-in that waits: to the first page of what it may be finished with.
    pub(super) async fn begin_waiting(
        &self,
        current: &Current,
        due: &FactorDue,
        visit: &Visit<'_>,
    ) -> Result<Response, Error> {
        let facts = self.facts(current, &due.waiting.challenge, &due.factors, visit).await?;
        let to = HeaderValue::from_static(facts.first_page());
        let mut response = web::redirect(&current.site, to);
        Browser::waits(&mut response, &due.waiting.secret)?;
        Ok(response)
    }

    /// `GET /login/approve`.
    pub async fn approve_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        match self.still_waits(&current, &visit).await? {
            Ok(waiting) => self.approving(&current, &waiting, Tried::Nothing, &visit).await,
            Err(instead) => Ok(instead),
        }
    }

    /// `POST /login/continue`: somebody has approved; perhaps.
    pub async fn go_on(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let current = self.app.current.load();
        forms::same_origin(visit.headers, current.site.public_url())?;
        let form = Form::read(visit.headers, body)?;
        let waiting = match self.still_waits(&current, &visit).await? {
            Ok(waiting) => waiting,
            Err(instead) => return Ok(instead),
        };
        let Some(proof) = waiting.challenge.approval() else {
            return self.approving(&current, &waiting, Tried::TooSoon, &visit).await;
        };
        let arrival = self.arrival(waiting.challenge.user, &visit).await?;
        let remember = self.remember(&form, &visit);
        match self.sign_in.finish(&waiting.challenge, proof, arrival, remember, visit.now.wall).await? {
            Finished::Signed(signed) => self.let_in(&current, &waiting, &signed, &visit),
            Finished::Over | Finished::Used => self.over(&current, &visit).await,
        }
    }

    /// The page of a sign-in that waits for Telegram, or of why it does not.
    async fn approving(
        &self,
        current: &Current,
        waiting: &Waiting,
        tried: Tried,
        visit: &Visit<'_>,
    ) -> Result<Response, Error> {
        let facts = self.facts_of(current, waiting, visit).await?;
        if waiting.challenge.state == State::Approved {
            return Ok(pages::approved(&current.site, &self.step(waiting, &facts, visit)));
        }
        if facts.telegram == OnTelegram::Unused && facts.others.first().is_some() {
            return Ok(web::redirect(&current.site, HeaderValue::from_static(facts.first_page())));
        }
        Ok(pages::approve(&current.site, &self.step(waiting, &facts, visit), tried))
    }

    /// The sign-in of this browser, if it is open still; else the page of what became of it.
    async fn still_waits(
        &self,
        current: &Current,
        visit: &Visit<'_>,
    ) -> Result<Result<Waiting, Response>, Error> {
        let Some(waiting) = self.waiting(current, visit).await? else {
            let to = if self.is_signed_in(visit).await? { urls::HOME } else { urls::LOGIN };
            return Ok(Err(web::redirect(&current.site, HeaderValue::from_static(to))));
        };
        let how = match waiting.challenge.state {
            State::Pending | State::Approved => return Ok(Ok(waiting)),
            State::Finished | State::Cancelled => {
                // Where the answer that brought the session is still under way, the sign-in page leads on.
                let to = if self.is_signed_in(visit).await? {
                    waiting.to.location()
                } else {
                    way_in(&waiting.to)?
                };
                let mut response = web::redirect(&current.site, to);
                Browser::waits_no_more(&mut response)?;
                return Ok(Err(response));
            }
            State::Denied => Ended::Denied,
            State::WrongNumber => Ended::WrongNumber,
            State::Expired => Ended::Expired {
                at: waiting.challenge.expires_at,
                approved: waiting.challenge.approved_at.is_some(),
            },
            State::Superseded => Ended::Superseded,
        };
        Ok(Err(pages::ended(&current.site, &waiting.to, how)))
    }

    /// The sign-in that the cookie of this browser names. That of a script is none of a browser's.
    pub(super) async fn waiting(
        &self,
        current: &Current,
        visit: &Visit<'_>,
    ) -> Result<Option<Waiting>, Error> {
        let Some(secret) = Browser::challenge(visit.headers) else { return Ok(None) };
        let challenges = &self.sign_in.second_factor.challenges;
        let found = challenges.by_secret(secret, visit.now.wall).await?;
        Ok(found.filter(|challenge| challenge.asker == Asker::Browser).map(|challenge| {
            let to = destination(current, challenge.return_to.as_deref().unwrap_or_default());
            Waiting { challenge, to }
        }))
    }

    /// What was shown opened nothing: the page of what became of the sign-in meanwhile.
    async fn over(&self, current: &Current, visit: &Visit<'_>) -> Result<Response, Error> {
        Ok(match self.still_waits(current, visit).await? {
            Ok(waiting) => pages::ended(&current.site, &waiting.to, Ended::Over),
            Err(instead) => instead,
        })
    }

    /// Signed in: the cookies, and on.
    fn let_in(
        &self,
        current: &Current,
        waiting: &Waiting,
        signed: &Signed,
        visit: &Visit<'_>,
    ) -> Result<Response, Error> {
        let mut response = web::redirect(&current.site, waiting.to.location());
        let now = self.app.clock.now().wall;
        let domain = current.cookie_domain.as_ref();
        self.browser.welcome(&mut response, signed, waiting.challenge.keep, domain, now)?;
        Browser::waits_no_more(&mut response)?;
        self.sends(waiting.to.app(), visit);
        Ok(response)
    }

    /// Whoever comes to finish the sign-in of `user`.
    pub(super) async fn arrival<'a>(&self, user: UserId, visit: &Visit<'a>) -> Result<Arrival<'a>, Error> {
        let Visit { headers, came, now, .. } = visit;
        Ok(Arrival {
            address: came.address,
            user_agent: headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()),
            is_known: self.sign_in.attempts.is_known(user, Browser::device(headers)).await?,
            keep: false, // the sign-in that waits says so itself
            enrol_until: None,
            replaces: self.browser.seen(headers, now.wall).await?.session(),
        })
    }

    /// Whether the browser is to be remembered, which is asked only where it makes a difference.
    fn remember<'a>(&self, form: &Form, visit: &Visit<'a>) -> Remember<'a> {
        if self.may_remember() && form.has("remember") {
            Remember::Yes(Browser::device(visit.headers))
        } else {
            Remember::No
        }
    }

    fn may_remember(&self) -> bool {
        self.sign_in.asks == Some(Mode::Plain)
    }

    async fn is_signed_in(&self, visit: &Visit<'_>) -> Result<bool, Error> {
        Ok(matches!(self.browser.seen(visit.headers, visit.now.wall).await?, Seen::Somebody(_)))
    }

    async fn facts_of(
        &self,
        current: &Current,
        waiting: &Waiting,
        visit: &Visit<'_>,
    ) -> Result<Facts, Error> {
        let factors = self.sign_in.second_factor.of(waiting.challenge.user).await?;
        self.facts(current, &waiting.challenge, &factors, visit).await
    }

    async fn facts(
        &self,
        current: &Current,
        challenge: &Challenge,
        factors: &Factors,
        visit: &Visit<'_>,
    ) -> Result<Facts, Error> {
        let telegram = match &challenge.prompt {
            Prompt::Due | Prompt::Sent => asked(challenge),
            Prompt::Failed(why) if matches!(&**why, "blocked" | "no_chat") => OnTelegram::Blocked,
            Prompt::Failed(_) => OnTelegram::Unreachable,
            Prompt::None => match &factors.telegram {
                Some(link) if self.sign_in.asks.is_some() => {
                    let challenges = &self.sign_in.second_factor.challenges;
                    match challenges.pause(challenge.user, visit.now.wall).await? {
                        _ if link.broken.is_some() => OnTelegram::Blocked,
                        Some(pause) => OnTelegram::Paused { until: pause.until, denied: pause.denied },
                        None => OnTelegram::NotAsked,
                    }
                }
                Some(_) | None => OnTelegram::Unused,
            },
        };
        let others = Others {
            totp: factors.totp.is_some(),
            passkeys: !factors.passkeys.is_empty() && current.site.has_passkeys(),
            recovery: factors.recovery_codes > 0,
        };
        Ok(Facts { telegram, others, bot: self.app.bot_name() })
    }

    fn step<'a>(&self, waiting: &'a Waiting, facts: &'a Facts, visit: &Visit<'_>) -> Step<'a> {
        Step {
            id: waiting.challenge.id,
            to: &waiting.to,
            telegram: facts.telegram,
            bot: facts.bot.as_deref(),
            others: facts.others,
            keep: waiting.challenge.keep,
            remember: self.may_remember(),
            ends: waiting.challenge.expires_at,
            again_at: waiting.challenge.created_at.plus(AGAIN_AFTER),
            now: visit.now.wall,
        }
    }
}

impl Facts {
    /// Where to begin: Telegram, if somebody is asked there, else the first of the others.
    fn first_page(&self) -> &'static str {
        match (self.telegram, self.others.first()) {
            (OnTelegram::Unused, Some((path, _))) => path,
            (OnTelegram::Asked(_), _) | (_, None | Some((urls::LOGIN_RECOVERY, _))) => urls::LOGIN_APPROVE,
            (_, Some((path, _))) => path,
        }
    }
}

fn asked(challenge: &Challenge) -> OnTelegram {
    match (challenge.mode, challenge.number) {
        (Some(Mode::Pick), Some(number)) => OnTelegram::Asked(Asks::Pick(number)),
        (Some(Mode::Type), Some(number)) => OnTelegram::Asked(Asks::Type(number)),
        (Some(Mode::Plain), _) => OnTelegram::Asked(Asks::Plain),
        (Some(Mode::Pick | Mode::Type) | None, _) => OnTelegram::Unused,
    }
}

/// Where a sign-in leads, out of what anybody may have written.
pub(super) fn destination(current: &Current, raw: &str) -> Destination {
    Destination::read(raw, |raw| wanted(current, raw))
}

/// The sign-in page that leads there, too.
pub(super) fn way_in(to: &Destination) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(urls::login(to.written()))
        .map_err(|_| Error::internal("the way back fits no header"))
}
