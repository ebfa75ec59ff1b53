//! The door for people: the start page, the way in and the way out.
//!
//! Promises: works without JavaScript; success is 303 to an address of ours or of an app, nowhere
//! else; every kind of wrong looks the same; a visitor who is sent round in a circle learns why.
//! Never: judges a password itself.

mod circles;

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, header};

use crate::browser::{Browser, Seen};
use crate::clock::Now;
use crate::error::Error;
use crate::identity::Found;
use crate::place::{CanonicalPath, ClientAddress};
use crate::policy::{self, Verdict};
use crate::sessions::Session;
use crate::sign_in::{Outcome, Shown, SignIn, Wanted};
use crate::state::{App, Current};
use crate::users::Users;
use crate::web::forms::{self, Form};
use crate::web::pages::{self, SignInState, Tile, TooMany};
use crate::web::{self, Response, ReturnTo, urls};

use circles::Circles;

/// The door's own parts.
pub struct Door {
    app: Arc<App>,
    browser: Browser,
    sign_in: SignIn,
    users: Users,
    circles: Circles,
}

/// A request to one of our own pages.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its query.
    pub query: Option<&'a str>,
    /// Where it comes from.
    pub address: Option<ClientAddress>,
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
        }
    }

    /// `GET /`: the apps one may open, or the way to sign in.
    pub async fn home(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        let Seen::Somebody(session) = self.browser.seen(visit.headers, visit.now.wall).await? else {
            let administrator = self.users.has_administrator().await;
            let ready = administrator?;
            let to = if ready { urls::LOGIN } else { urls::LINK_SETUP };
            return Ok(web::redirect(&current.site, HeaderValue::from_static(to)));
        };
        let username = session.identity.username.as_str();
        let tiles = tiles(&current, &session);
        if tiles.is_empty() {
            return Ok(pages::no_apps(&current.site, username));
        }
        Ok(pages::home(&current.site, username, &tiles))
    }

    /// `GET /login`.
    pub async fn page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        // A query that cannot be read names no return address; the page is still good for signing in.
        let return_to =
            Form::from_query(visit.query).ok().and_then(|query| wanted(&current, query.text("rd")));
        let state = match self.browser.seen(visit.headers, visit.now.wall).await? {
            Seen::Somebody(session) => return self.again(&current, &session, return_to, visit.now),
            Seen::Ended => SignInState::SessionEnded,
            Seen::Nobody => SignInState::Form,
        };
        let page =
            pages::SignIn { state, return_to: return_to.as_ref(), from: visit.address, ..Default::default() };
        Ok(pages::sign_in(&current.site, &page))
    }

    /// Somebody who is signed in already: a new token for the app, unless that did not help just now.
    fn again(
        &self,
        current: &Current,
        session: &Session,
        return_to: Option<ReturnTo>,
        now: Now,
    ) -> Result<Response, Error> {
        let Some(return_to) = return_to else {
            return Ok(web::redirect(&current.site, HeaderValue::from_static(urls::HOME)));
        };
        let domain = current.cookie_domain.as_ref();
        if self.circles.closes(session.id, return_to.as_str(), now.mono) {
            return Ok(pages::looping(&current.site, &return_to, domain));
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
        let page = |state| {
            let return_to = return_to.as_ref();
            let page = pages::SignIn { state, return_to, email: login, keep, from: visit.address };
            pages::sign_in(&current.site, &page)
        };
        let replaces = self.browser.seen(visit.headers, visit.now.wall).await?.session();
        let shown = Shown {
            login,
            password: form.secret("password"),
            device: Browser::device(visit.headers),
            address: visit.address,
            user_agent: visit.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()),
            wanted: Wanted::Session { keep, replaces },
        };
        match self.sign_in.with_password(shown, visit.now.wall).await? {
            Outcome::Signed(signed) => {
                let to = return_to.as_ref().map_or(HeaderValue::from_static(urls::HOME), ReturnTo::location);
                let mut response = web::redirect(&current.site, to);
                let now = self.app.clock.now().wall;
                let domain = current.cookie_domain.as_ref();
                self.browser.welcome(&mut response, &signed, keep, domain, now)?;
                Ok(response)
            }
            Outcome::Wrong => Ok(page(SignInState::Wrong)),
            Outcome::Busy(wait) => Ok(page(SignInState::Busy(wait))),
            Outcome::TooMany(until) => {
                let return_to = return_to.as_ref();
                let page = TooMany { until, now: visit.now.wall, return_to, from: visit.address };
                Ok(pages::too_many(&current.site, &page))
            }
        }
    }

    /// `GET /logout`: one button.
    pub async fn leave_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        let seen = self.browser.seen(visit.headers, visit.now.wall).await?;
        let username = match &seen {
            Seen::Somebody(session) => Some(session.identity.username.as_str()),
            Seen::Ended | Seen::Nobody => None,
        };
        Ok(pages::sign_out(&current.site, username))
    }

    /// `POST /logout`: ends the session, here and at every app.
    pub async fn leave(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        forms::same_origin(visit.headers, current.site.public_url())?;
        if let Seen::Somebody(session) = self.browser.seen(visit.headers, visit.now.wall).await? {
            let user = session.identity.user;
            self.app
                .sessions
                .end(
                    user,
                    session.id,
                    crate::audit::Event::SignedOut,
                    crate::identity::Actor::User(user),
                    visit.address,
                    visit.now.wall,
                )
                .await?;
        }
        let mut response = pages::signed_out(&current.site);
        Browser::farewell(&mut response, current.cookie_domain.as_ref())?;
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

/// The apps whose front page this session may open.
fn tiles<'a>(current: &'a Current, session: &Session) -> Vec<Tile<'a>> {
    let Ok(front) = CanonicalPath::parse("/") else { return Vec::new() };
    let found = Found::Known(session.identity.clone());
    current
        .policy
        .apps()
        .iter()
        .filter(|app| {
            matches!(
                policy::decide(app.rule_for(&Method::GET, &front), &found),
                Verdict::Allow | Verdict::AllowAsNobody
            )
        })
        .filter_map(|app| Some(Tile { title: app.title(), origin: app.origin()? }))
        .collect()
}
