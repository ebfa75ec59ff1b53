//! The door for people: the start page, the way in and the way out.
//!
//! Promises: works without JavaScript; success is 303 to an address of ours or of an app, nowhere
//! else; every kind of wrong looks the same; a visitor who is sent round in a circle learns why, and
//! nobody is sent where they would be sent back from.
//! Never: judges a password itself, or opens a session without one.

mod ahead;
mod astray;
mod circles;
mod passkey;
mod second_factor;
mod tailnet;

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};

use crate::audit::Event;
use crate::browser::{Browser, Seen};
use crate::clock::Now;
use crate::error::Error;
use crate::forwarded::Came;
use crate::identity::{Actor, ChallengeId};
use crate::policy::Verdict;
use crate::sessions::Session;
use crate::sign_in::{Outcome, Shown, SignIn, Wanted};
use crate::state::{App, Current};
use crate::users::Users;
use crate::web::forms::{self, Form};
use crate::web::pages::{self, CameFrom, Circle, Home, SecondFactor, SignInState, TooMany};
use crate::web::polls::Polls;
use crate::web::{self, Response, ReturnTo, urls};

use ahead::Here;
use circles::Circles;
use second_factor::destination;

/// The door's own parts.
pub struct Door {
    app: Arc<App>,
    browser: Browser,
    sign_in: SignIn,
    users: Users,
    circles: Circles,
    polls: Polls<ChallengeId>,
}

/// A request to one of our own pages.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its query.
    pub query: Option<&'a str>,
    /// Where it comes from.
    pub came: Came<'a>,
    /// When.
    pub now: Now,
}

impl Door {
    /// The door of this house.
    pub fn new(app: &Arc<App>) -> Self {
        Self {
            app: app.clone(),
            browser: Browser::new(app.keys.clone(), app.sessions.clone()),
            sign_in: app.sign_in.clone(),
            users: app.users.clone(),
            circles: Circles::default(),
            polls: Polls::default(),
        }
    }

    /// `GET /`: the apps one may open, or the way to sign in.
    pub async fn home(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        let seen = self.browser.seen(visit.headers, visit.now.wall).await?;
        let sighted = self.app.sighted(&current, &visit.came, visit.headers, visit.now).await;
        let here = Here::new(&current, &seen, &sighted, visit.came.address);
        let Some((username, by)) = here.known() else {
            let administrator = self.users.has_administrator().await;
            let ready = administrator?;
            let to = if ready { urls::LOGIN } else { urls::LINK_SETUP };
            return Ok(web::redirect(&current.site, HeaderValue::from_static(to)));
        };
        if current.policy.apps().is_empty() {
            return Ok(pages::no_apps(&current.site, username, by));
        }
        let tiles = here.tiles(&current, visit.now.wall);
        Ok(pages::home(&current.site, &Home { username, by, tiles: &tiles }))
    }

    /// `GET /login`.
    pub async fn page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        // A query that cannot be read names no return address; the page is still good for signing in.
        let return_to =
            Form::from_query(visit.query).ok().and_then(|query| wanted(&current, query.text("rd")));
        let seen = self.browser.seen(visit.headers, visit.now.wall).await?;
        let sighted = self.app.sighted(&current, &visit.came, visit.headers, visit.now).await;
        let here = Here::new(&current, &seen, &sighted, visit.came.address);
        let from = tailnet::came_from(&visit.came, &sighted);
        let ahead =
            return_to.as_ref().and_then(|return_to| here.verdict_at(&current, return_to, visit.now.wall));
        if let Some(session) = here.session {
            return self.again(&current, session, (return_to, ahead), from, &visit).await;
        }
        let is_back = || return_to.as_ref().is_some_and(|return_to| self.is_back(return_to, &visit));
        let state = match (here.guest, ahead) {
            (Some(_), Some(Verdict::StepUp)) => SignInState::OneFactor,
            (Some(_), Some(Verdict::Forbidden(_))) => SignInState::NoAccess,
            (Some(guest), None | Some(Verdict::Allow | Verdict::AllowAsNobody)) => {
                return Ok(self.pass(&current, guest, return_to.as_ref(), &visit));
            }
            (Some(_), Some(Verdict::SignIn | Verdict::Refused(_) | Verdict::Unavailable(_))) => {
                SignInState::Form
            }
            (None, _) => match seen {
                Seen::Ended => SignInState::SessionEnded,
                Seen::Nobody if is_back() => SignInState::NotKept,
                Seen::Nobody | Seen::Somebody(_) => SignInState::Form,
            },
        };
        let page = pages::SignIn { state, return_to: return_to.as_ref(), from, ..Default::default() };
        Ok(pages::sign_in(&current.site, &page))
    }

    /// Somebody who is signed in already: a new token for the app, unless that did not help just now, or
    /// cannot help.
    async fn again(
        &self,
        current: &Current,
        session: &Session,
        (return_to, ahead): (Option<ReturnTo>, Option<Verdict>),
        from: CameFrom<'_>,
        visit: &Visit<'_>,
    ) -> Result<Response, Error> {
        let now = visit.now;
        let Some(return_to) = return_to else {
            return Ok(web::redirect(&current.site, HeaderValue::from_static(urls::HOME)));
        };
        if ahead == Some(Verdict::StepUp) {
            if self.sign_in.second_factor.of(session.identity.user).await?.any() {
                let to = HeaderValue::try_from(urls::step_up(Some(return_to.as_str())))
                    .map_err(|_| Error::internal("the way back fits no header"))?;
                return Ok(web::redirect(&current.site, to));
            }
            let username = session.identity.username.as_str();
            let page = SecondFactor { username, return_to: Some(&return_to), from };
            return Ok(pages::second_factor(&current.site, &page));
        }
        let domain = current.cookie_domain.as_ref();
        if self.circles.closes(session.id, return_to.as_str(), now.mono) {
            let why = self.astray(current, session, &return_to, visit);
            return Ok(pages::looping(&current.site, &return_to, Circle::Session(why)));
        }
        let mut response = web::redirect(&current.site, return_to.location());
        self.browser.renew(&mut response, session, domain, now.wall)?;
        Ok(response)
    }

    /// `POST /login`.
    pub async fn submit(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let current = self.app.current.load();
        forms::same_origin(visit.headers, current.site.public_url())?;
        let form = Form::read(visit.headers, body)?;
        let return_to = wanted(&current, form.text("rd"));
        let login = if form.has("email") { form.text("email") } else { form.text("username") };
        let keep = form.has("keep");
        let replaces = self.browser.seen(visit.headers, visit.now.wall).await?.session();
        let shown = Shown {
            login,
            password: form.secret("password"),
            device: Browser::device(visit.headers),
            address: visit.came.address,
            user_agent: visit.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()),
            wanted: Wanted::Session { keep, replaces, return_to: return_to.as_ref().map(ReturnTo::as_str) },
        };
        let return_to = return_to.as_ref();
        let page = pages::SignIn { return_to, email: login, keep, ..Default::default() };
        match self.sign_in.with_password(shown, visit.now.wall).await? {
            Outcome::Signed(signed) => {
                let to = return_to.map_or(HeaderValue::from_static(urls::HOME), ReturnTo::location);
                let mut response = web::redirect(&current.site, to);
                let now = self.app.clock.now().wall;
                let domain = current.cookie_domain.as_ref();
                self.browser.welcome(&mut response, &signed, keep, domain, now)?;
                self.sends(return_to, &visit);
                Ok(response)
            }
            Outcome::FactorDue(due) => self.begin_waiting(&current, &due, &visit).await,
            Outcome::AnotherWaits => {
                Ok(pages::another_waits(&current.site, &destination(&current, form.text("rd"))))
            }
            Outcome::Wrong => Ok(self.refused(&current, &visit, page, SignInState::Wrong).await),
            Outcome::Busy(wait) => Ok(self.refused(&current, &visit, page, SignInState::Busy(wait)).await),
            Outcome::TooMany(until) => {
                let sighted = self.app.sighted(&current, &visit.came, visit.headers, visit.now).await;
                let from = tailnet::came_from(&visit.came, &sighted);
                Ok(pages::too_many(&current.site, &TooMany { until, now: visit.now.wall, return_to, from }))
            }
        }
    }

    /// The page for somebody whose account has no second factor.
    async fn without_factor(
        &self,
        current: &Current,
        session: &Session,
        return_to: Option<&ReturnTo>,
        visit: &Visit<'_>,
    ) -> Response {
        let sighted = self.app.sighted(current, &visit.came, visit.headers, visit.now).await;
        let from = tailnet::came_from(&visit.came, &sighted);
        let username = session.identity.username.as_str();
        pages::second_factor(&current.site, &SecondFactor { username, return_to, from })
    }

    /// The form once more. Only now somebody asks where the visitor is: a sign-in does not wait for that.
    async fn refused(
        &self,
        current: &Current,
        visit: &Visit<'_>,
        page: pages::SignIn<'_>,
        state: SignInState,
    ) -> Response {
        let sighted = self.app.sighted(current, &visit.came, visit.headers, visit.now).await;
        let from = tailnet::came_from(&visit.came, &sighted);
        pages::sign_in(&current.site, &pages::SignIn { state, from, ..page })
    }

    /// `GET /logout`: one button.
    pub async fn leave_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        let seen = self.browser.seen(visit.headers, visit.now.wall).await?;
        let sighted = self.app.sighted(&current, &visit.came, visit.headers, visit.now).await;
        let here = Here::new(&current, &seen, &sighted, visit.came.address);
        let username = here.session.map(|session| session.identity.username.as_str());
        let device = here.guest.map(|guest| &*guest.login);
        Ok(pages::sign_out(&current.site, username, device))
    }

    /// `POST /logout`: ends the session, here and at every app, and keeps the tailnet from signing this
    /// browser in again at once.
    pub async fn leave(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        forms::same_origin(visit.headers, current.site.public_url())?;
        let Visit { headers, came, now, .. } = visit;
        let seen = self.browser.seen(headers, now.wall).await?;
        let sighted = self.app.sighted(&current, &came, headers, now).await;
        let mut ended = None;
        if let Seen::Somebody(session) = seen {
            let user = session.identity.user;
            let (event, actor) = (Event::SignedOut, Actor::User(user));
            self.app.sessions.end(user, session.id, event, actor, came.address, now.wall).await?;
            ended = Some(user);
        }
        self.record_leaving(&sighted, ended, &visit).await?;
        let knows = tailnet::knows(&sighted);
        let waiting = self.waiting(&current, &visit).await?;
        if let Some(waiting) = waiting.filter(|waiting| waiting.challenge.state.is_open()) {
            // Nobody who comes after at this browser goes on with it.
            self.sign_in.second_factor.challenges.cancel(&waiting.challenge, now.wall).await?;
        }
        let mut response = pages::signed_out(&current.site, knows);
        let domain = current.cookie_domain.as_ref();
        Browser::farewell(&mut response, domain)?;
        Browser::waits_no_more(&mut response)?;
        if knows {
            Browser::leave_tailnet(&mut response, domain)?;
        }
        Ok(response)
    }
}

/// The return address, if it leads to an app of ours.
fn wanted(current: &Current, raw: &str) -> Option<ReturnTo> {
    if raw.is_empty() {
        return None;
    }
    ReturnTo::parse(raw, &|host, port, scheme| current.is_app(host, port, scheme))
}
