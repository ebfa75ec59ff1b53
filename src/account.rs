//! The door to one's own account: name, password, and where one is signed in.
//!
//! Promises: every change comes from a form of ours, by somebody who is signed in; a password is
//! changed only by who knows it, and ends every other session. Never: touches another's account.

use std::sync::Arc;

use http::{HeaderValue, header};

use crate::audit::Event;
use crate::browser::{Browser, Seen};
use crate::clock::Now;
use crate::error::{Error, Kind};
use crate::identity::{Actor, SessionId};
use crate::place::ClientAddress;
use crate::secret::Secret;
use crate::sessions::{Listed, Purpose, Session};
use crate::sign_in::{Arrival, Confirmed};
use crate::state::App;
use crate::users::{User, Users};
use crate::web::forms::{self, Form};
use crate::web::pages::{self, Said, SessionLine};
use crate::web::{self, Response, urls};

/// The door's own parts.
pub struct Door {
    app: Arc<App>,
    browser: Browser,
}

/// A request to a page of the account.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// Its headers.
    pub headers: &'a http::HeaderMap,
    /// Where it comes from.
    pub address: Option<ClientAddress>,
    /// When.
    pub now: Now,
}

impl Visit<'_> {
    fn user_agent(&self) -> Option<&str> {
        self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok())
    }
}

/// Who changes something, in which session.
struct Owner {
    user: User,
    session: Session,
}

impl Door {
    /// The door of this house.
    pub fn new(app: &Arc<App>) -> Self {
        Self { app: app.clone(), browser: Browser::new(app.keys.clone(), app.sessions.clone()) }
    }

    /// `GET /account`.
    pub async fn page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        match self.owner(&visit).await? {
            Some(owner) => self.show(&owner, visit.now, Said::Nothing).await,
            None => Ok(self.to_sign_in()),
        }
    }

    /// `POST /account/name`.
    pub async fn rename(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(mut owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let (id, now) = (owner.user.id, visit.now.wall);
        self.app.users.set_name(id, form.text("name"), Actor::User(id), now).await?;
        if let Some(user) = self.app.users.by_id(id).await? {
            owner.user = user;
        }
        self.show(&owner, visit.now, Said::Done("Your name was saved.")).await
    }

    /// `POST /account/password`.
    pub async fn change_password(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        match self.replace_password(&owner, &visit, form.secret("current"), form.secret("new")).await {
            Ok(response) => Ok(response),
            Err(error) => self.show(&owner, visit.now, Said::Refused(&error)).await,
        }
    }

    async fn replace_password(
        &self,
        owner: &Owner,
        visit: &Visit<'_>,
        current: Secret,
        new: Secret,
    ) -> Result<Response, Error> {
        let sign_in = &self.app.sign_in;
        let device = Browser::device(visit.headers);
        match sign_in.confirm(&owner.user, current, device, visit.address, visit.now.wall).await? {
            Confirmed::Yes => {}
            Confirmed::No => {
                return Err(Error::said(Kind::Unprocessable, "The current password is not right."));
            }
            Confirmed::TooMany(until) => {
                return Err(Error::said(
                    Kind::TooMany(visit.now.wall.until(until)),
                    "Too many attempts from this address. Try again later.",
                ));
            }
            Confirmed::Busy(wait) => {
                return Err(Error::said(
                    Kind::Unavailable(wait),
                    "Many people are signing in right now. Please try again in a moment.",
                ));
            }
        }
        let hash = sign_in.new_password(new, own_words(&owner.user)).await?;
        let now = self.app.clock.now().wall;
        let actor = Actor::User(owner.user.id);
        // A link from before would choose another password over this one.
        let void = self.app.links.void(owner.user.id, now);
        // Every session is over with that; this browser gets a new one.
        let write = Users::setting_password(void, &owner.user, &hash, actor, now);
        let keep = owner.session.keep;
        let arrival = Arrival {
            address: visit.address,
            user_agent: visit.user_agent(),
            is_known: device.is_some(),
            keep,
            replaces: None,
        };
        let signed = sign_in.admit(write, (owner.user.id, owner.user.epoch + 1), arrival, now).await?;
        let site = self.app.current.load();
        let mut response = web::redirect(&site.site, HeaderValue::from_static(urls::ACCOUNT));
        self.browser.welcome(&mut response, &signed, keep, site.cookie_domain.as_ref(), now)?;
        Ok(response)
    }

    /// `POST /account/sessions/end`.
    pub async fn end_session(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let id: SessionId = form
            .text("id")
            .parse()
            .map_err(|_| Error::said(Kind::Unprocessable, "That is not a session."))?;
        let (user, now) = (owner.user.id, visit.now.wall);
        let actor = Actor::User(user);
        let ended = self.app.sessions.end(user, id, Event::SessionEnded, actor, visit.address, now).await?;
        let said = if ended { "That session was ended." } else { "That session had ended already." };
        self.show(&owner, visit.now, Said::Done(said)).await
    }

    /// `POST /account/sessions/end-others`.
    pub async fn end_others(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let (user, kept, now) = (owner.user.id, owner.session.id, visit.now.wall);
        self.app.sessions.end_others(user, kept, Actor::User(user), now).await?;
        self.show(&owner, visit.now, Said::Done("All other sessions were ended.")).await
    }

    fn form(&self, visit: &Visit<'_>, body: &[u8]) -> Result<Form, Error> {
        forms::same_origin(visit.headers, self.app.current.load().site.public_url())?;
        Form::read(visit.headers, body)
    }

    async fn owner(&self, visit: &Visit<'_>) -> Result<Option<Owner>, Error> {
        let Seen::Somebody(session) = self.browser.seen(visit.headers, visit.now.wall).await? else {
            return Ok(None);
        };
        let user = self.app.users.by_id(session.identity.user).await?;
        Ok(user.map(|user| Owner { user, session: *session }))
    }

    fn to_sign_in(&self) -> Response {
        web::redirect(&self.app.current.load().site, HeaderValue::from_static(urls::LOGIN))
    }

    async fn show(&self, owner: &Owner, now: Now, said: Said<'_>) -> Result<Response, Error> {
        let listed = self.app.sessions.list(owner.user.id, now.wall).await?;
        let sessions: Vec<SessionLine<'_>> = listed.iter().map(|one| line(one, &owner.session)).collect();
        let page = pages::Account {
            username: owner.user.username.as_str(),
            email: owner.user.email.as_ref().map(crate::identity::Email::as_str),
            name: &owner.user.name,
            password_changed_at: owner.user.password_changed_at,
            sessions: &sessions,
            now: now.wall,
            said,
        };
        Ok(pages::account(&self.app.current.load().site, &page))
    }
}

fn line<'a>(listed: &'a Listed, own: &Session) -> SessionLine<'a> {
    let program = match listed.purpose {
        Purpose::Web => "",
        Purpose::Token => "a token for a script",
    };
    SessionLine {
        id: listed.id,
        user_agent: listed.user_agent.as_deref().unwrap_or(program),
        address: listed.address.as_deref(),
        methods: &listed.methods,
        used_at: listed.used_at,
        this: listed.id == own.id,
    }
}

/// Words that a password of this user must not be made of.
fn own_words(user: &User) -> Vec<String> {
    let mut words = vec!["aegis".to_owned(), user.username.to_string()];
    words.extend(user.email.as_ref().map(ToString::to_string));
    words.extend(user.name.split_whitespace().map(str::to_owned));
    words
}
