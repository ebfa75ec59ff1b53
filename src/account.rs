//! The door to one's own account: name, password, the tailnet, and where one is signed in.
//!
//! Promises: every change comes from a form of ours, by somebody who is signed in or whose device the
//! tailnet knows; a password is changed, and a device linked, only by who knows the password, and a new
//! password ends every other session. Never: touches another's account, or a machine's.

mod passkey;
mod tailnet;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, header};

use crate::audit::Event;
use crate::authenticate::tailnet::{Rules, Sighted};
use crate::browser::{Browser, Seen};
use crate::clock::{Now, Wall};
use crate::error::{Error, Kind};
use crate::forwarded::Came;
use crate::identity::{Actor, Assurance, Person, SessionId};
use crate::secret::Secret;
use crate::sessions::{Listed, Purpose, Session};
use crate::sign_in::{Arrival, Confirmed};
use crate::state::App;
use crate::users::{User, Users};
use crate::web::forms::{self, Form};
use crate::web::pages::{self, KnownBy, Said, SessionLine};
use crate::web::{self, Response, urls};

/// How long after factors were shown their account may be changed.
const FRESH: Duration = Duration::from_mins(10);

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
    pub came: Came<'a>,
    /// When.
    pub now: Now,
}

impl Visit<'_> {
    fn user_agent(&self) -> Option<&str> {
        self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok())
    }
}

/// Whose account it is.
struct Owner {
    user: User,
    /// The session they act in; none: their device alone says who they are.
    session: Option<Box<Session>>,
    /// The login of their device, where it is theirs.
    device: Option<Box<str>>,
    /// Whose device it is, where that is nobody's here, and the settings leave it open who both are.
    stranger: Option<Person>,
}

impl Owner {
    fn known_by(&self) -> KnownBy<'_> {
        match (&self.session, &self.device) {
            (Some(_), None) => KnownBy::Session,
            (Some(_), Some(login)) => KnownBy::Both(login),
            (None, login) => KnownBy::Device(login.as_deref().unwrap_or_default()),
        }
    }
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
        self.confirm(owner, visit, current).await?;
        let sign_in = &self.app.sign_in;
        let hash = sign_in.new_password(new, own_words(&owner.user)).await?;
        let now = self.app.clock.now().wall;
        let actor = Actor::User(owner.user.id);
        // A link from before would choose another password over this one.
        let void = self.app.links.void(owner.user.id, now);
        let site = self.app.current.load();
        let mut response = web::redirect(&site.site, HeaderValue::from_static(urls::ACCOUNT));
        // Every session is over with that; a browser that had one gets a new one.
        let Some(session) = &owner.session else {
            self.app.users.set_password(void, &owner.user, &hash, actor, now).await?;
            return Ok(response);
        };
        let write = Users::setting_password(void, &owner.user, &hash, actor, now);
        let keep = session.keep;
        let arrival = Arrival {
            address: visit.came.address,
            user_agent: visit.user_agent(),
            is_known: Browser::device(visit.headers).is_some(),
            keep,
            enrol_until: None,
            replaces: None,
        };
        let account = (owner.user.id, owner.user.epoch + 1);
        let signed = sign_in.admit(write, account, &session.identity.methods, arrival, now).await?;
        self.browser.welcome(&mut response, &signed, keep, site.cookie_domain.as_ref(), now)?;
        Ok(response)
    }

    /// That whoever asks knows the account's password.
    async fn confirm(&self, owner: &Owner, visit: &Visit<'_>, password: Secret) -> Result<(), Error> {
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

    /// `POST /account/sessions/end`.
    pub async fn end_session(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let id: SessionId = form
            .text("id")
            .parse()
            .map_err(|_| Error::said(Kind::Unprocessable, "That is not a session."))?;
        let (user, now) = (owner.user.id, visit.now.wall);
        let (event, actor, address) = (Event::SessionEnded, Actor::User(user), visit.came.address);
        let ended = self.app.sessions.end(user, id, event, actor, address, now).await?;
        let said = if ended { "That session was ended." } else { "That session had ended already." };
        self.show(&owner, visit.now, Said::Done(said)).await
    }

    /// `POST /account/sessions/end-others`.
    pub async fn end_others(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let (user, now) = (owner.user.id, visit.now.wall);
        let actor = Actor::User(user);
        let said = if let Some(kept) = &owner.session {
            self.app.sessions.end_others(user, kept.id, actor, now).await?;
            "All other sessions were ended."
        } else {
            self.app.users.end_sessions(user, actor, now).await?;
            "All sessions were ended."
        };
        self.show(&owner, visit.now, Said::Done(said)).await
    }

    /// That whoever acts has shown two factors just now, or comes by a link that lets them add the first.
    fn may_change(owner: &Owner, now: Now) -> Result<(), Error> {
        let may = owner.session.as_ref().is_some_and(|session| {
            let identity = &session.identity;
            let is_fresh = |at: Wall| at.plus(FRESH) > now.wall;
            session.enrol_until.is_some_and(|until| until > now.wall)
                || (identity.assurance == Assurance::TwoFactor
                    && identity.authenticated_at.is_some_and(is_fresh))
        });
        if may { Ok(()) } else { Err(Error::said(Kind::Forbidden, "Show your second factor again first.")) }
    }

    fn form(&self, visit: &Visit<'_>, body: &[u8]) -> Result<Form, Error> {
        forms::same_origin(visit.headers, self.app.current.load().site.public_url())?;
        Form::read(visit.headers, body)
    }

    /// Whose account this is: the session's, else the device's.
    async fn owner(&self, visit: &Visit<'_>) -> Result<Option<Owner>, Error> {
        let Visit { headers, came, now } = visit;
        let seen = self.browser.seen(headers, now.wall).await?;
        let current = self.app.current.load();
        let sighted = self.app.sighted(&current, came, headers, *now).await;
        let (guest, stranger) = match sighted {
            Ok(Sighted::Known(guest)) => (Some(guest), None),
            Ok(Sighted::Stranger(person)) => (None, Some(person)),
            Ok(Sighted::Disabled(_) | Sighted::Unusable(_) | Sighted::Unanswered(_)) | Err(_) => (None, None),
        };
        let (id, session) = match (seen, &guest) {
            (Seen::Somebody(session), _) => (session.identity.user, Some(session)),
            (Seen::Ended | Seen::Nobody, None) => return Ok(None),
            (Seen::Ended | Seen::Nobody, Some(guest)) => match guest.account() {
                Some(id) => (id, None),
                None => return Err(Error::said(Kind::Forbidden, "A machine has no account here.")),
            },
        };
        let device = guest.filter(|guest| guest.user() == id).map(|guest| guest.login);
        let Some(user) = self.app.users.by_id(id).await? else { return Ok(None) };
        let is_said = |rules: &Rules, login: &str| rules.names(login) || rules.keeps(&user.username);
        let stranger = stranger
            .filter(|person| current.tailnet.as_ref().is_some_and(|rules| !is_said(rules, &person.login)));
        Ok(Some(Owner { user, session, device, stranger }))
    }

    fn to_sign_in(&self) -> Response {
        web::redirect(&self.app.current.load().site, HeaderValue::from_static(urls::LOGIN))
    }

    async fn show(&self, owner: &Owner, now: Now, said: Said<'_>) -> Result<Response, Error> {
        let listed = self.app.sessions.list(owner.user.id, now.wall).await?;
        let own = owner.session.as_ref().map(|session| session.id);
        let sessions: Vec<SessionLine<'_>> = listed.iter().map(|one| line(one, own)).collect();
        let links = self.app.users.tailnet_links_of(owner.user.id).await?;
        let linked: Vec<&str> = links.bound.iter().map(|bound| bound.seen_login.as_str()).collect();
        let page = pages::Account {
            username: owner.user.username.as_str(),
            email: owner.user.email.as_ref().map(crate::identity::Email::as_str),
            name: &owner.user.name,
            by: owner.known_by(),
            password_changed_at: owner.user.password_changed_at,
            linked: &linked,
            offer: tailnet::offer(owner, &links).map(|person| &*person.login),
            sessions: &sessions,
            now: now.wall,
            said,
        };
        Ok(pages::account(&self.app.current.load().site, &page))
    }
}

fn line(listed: &Listed, own: Option<SessionId>) -> SessionLine<'_> {
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
        this: Some(listed.id) == own,
    }
}

/// Words that a password of this user must not be made of.
fn own_words(user: &User) -> Vec<String> {
    let mut words = vec!["aegis".to_owned(), user.username.to_string()];
    words.extend(user.email.as_ref().map(ToString::to_string));
    words.extend(user.name.split_whitespace().map(str::to_owned));
    words
}
