//! The door to one's own account: name, password, factors, the tailnet, and where one is signed in.
//!
//! Promises: every change comes from a form of ours, by somebody who is signed in or whose device the
//! tailnet knows; a password alone never adds a factor; beside a factor, what proves who somebody is
//! changes only where one was shown just now; a new password ends every other session.
//! Never: touches another's account, or a machine's.

mod devices;
mod enrol;
mod factors;
mod gate;
mod passkey;
mod password;
mod recovery;
mod removal;
mod sessions;
mod tailnet;
mod telegram;
mod tokens;
mod totp;

use std::sync::Arc;

use http::{HeaderValue, header};

use crate::authenticate::tailnet::{Rules, Sighted};
use crate::browser::{Browser, Seen};
use crate::clock::Now;
use crate::error::{Error, Kind};
use crate::forwarded::Came;
use crate::identity::{Actor, Assurance, Person, UserId};
use crate::notices;
use crate::second_factor::Factors;
use crate::sessions::{Session, Sessions};
use crate::sign_in::Arrival;
use crate::state::App;
use crate::store::Write;
use crate::users::{User, Users};
use crate::web::forms::{self, Form};
use crate::web::pages::{self, KnownBy, NoticeLine, Said};
use crate::web::polls::Polls;
use crate::web::{self, Response, urls};

/// How many notices the page shows.
const NOTICES: u8 = 10;

/// The door's own parts.
pub struct Door {
    app: Arc<App>,
    browser: Browser,
    polls: Polls<UserId>,
}

/// A request to a page of the account.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// Its headers.
    pub headers: &'a http::HeaderMap,
    /// What stands behind the question mark.
    pub query: Option<&'a str>,
    /// Where it comes from.
    pub came: Came<'a>,
    /// When.
    pub now: Now,
}

impl<'a> Visit<'a> {
    fn user_agent(&self) -> Option<&'a str> {
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
    /// Whether that device counts as two factors. One that routes for others may be anybody's behind it.
    device_counts: bool,
    /// Whose device it is, where that is nobody's here, and the settings leave it open who both are.
    stranger: Option<Person>,
    /// What more than a password they have.
    factors: Factors,
}

impl Owner {
    fn known_by(&self) -> KnownBy<'_> {
        match (&self.session, &self.device) {
            (Some(_), None) => KnownBy::Session,
            (Some(_), Some(login)) => KnownBy::Both(login),
            (None, login) => KnownBy::Device(login.as_deref().unwrap_or_default()),
        }
    }

    fn actor(&self) -> Actor {
        Actor::User(self.user.id)
    }

    /// Adds to `write` that it happens only while they still are who they were judged to be.
    fn still(&self, write: Write) -> Write {
        match &self.session {
            Some(session) => Sessions::while_live(write, session.id),
            None => Users::while_unchanged(write, &self.user),
        }
    }
}

impl Door {
    /// The door of this house.
    pub fn new(app: &Arc<App>) -> Self {
        Self {
            app: app.clone(),
            browser: Browser::new(app.keys.clone(), app.sessions.clone()),
            polls: Polls::default(),
        }
    }

    /// From now on nobody waits here.
    pub fn end(&self) {
        self.polls.end();
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
        if let Err(why) = self.may_change(&owner, visit.now.wall) {
            return Ok(self.not_yet(why, urls::ACCOUNT));
        }
        let id = owner.user.id;
        let (name, base) = (form.text("name"), owner.still(Write::new()));
        if name.trim() != owner.user.name {
            self.app.users.set_name(base, id, name, owner.actor(), visit.now.wall).await?;
        }
        if let Some(user) = self.app.users.by_id(id).await? {
            owner.user = user;
        }
        self.show(&owner, visit.now, Said::Done("Your name was saved.")).await
    }

    /// The browser of `visit` as the one of `session`, which it stays.
    async fn staying<'a>(&self, visit: &Visit<'a>, session: &Session) -> Result<Arrival<'a>, Error> {
        let (user, device) = (session.identity.user, Browser::device(visit.headers));
        Ok(Arrival {
            address: visit.came.address,
            user_agent: visit.user_agent(),
            is_known: self.app.attempts.is_known(user, device).await?,
            keep: session.keep,
            enrol_until: None,
            replaces: Some(session.id),
        })
    }

    fn form(&self, visit: &Visit<'_>, body: &[u8]) -> Result<Form, Error> {
        forms::same_origin(visit.headers, self.app.current.load().site.public_url())?;
        Form::read(visit.headers, body)
    }

    /// Whose account this is: the session's, else the device's.
    async fn owner(&self, visit: &Visit<'_>) -> Result<Option<Owner>, Error> {
        let Visit { headers, came, now, .. } = visit;
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
        let own = guest.filter(|guest| guest.user() == id);
        let device_counts = own.as_ref().is_some_and(|guest| guest.assurance() == Assurance::TwoFactor);
        let device = own.map(|guest| guest.login);
        let Some(user) = self.app.users.by_id(id).await? else { return Ok(None) };
        let is_said = |rules: &Rules, login: &str| rules.names(login) || rules.keeps(&user.username);
        let stranger = stranger
            .filter(|person| current.tailnet.as_ref().is_some_and(|rules| !is_said(rules, &person.login)));
        let factors = self.app.second_factor.of(id).await?;
        Ok(Some(Owner { user, session, device, device_counts, stranger, factors }))
    }

    fn to_sign_in(&self) -> Response {
        self.to(urls::LOGIN)
    }

    fn to(&self, path: &'static str) -> Response {
        web::redirect(&self.app.current.load().site, HeaderValue::from_static(path))
    }

    async fn show(&self, owner: &Owner, now: Now, said: Said<'_>) -> Result<Response, Error> {
        let id = owner.user.id;
        let listed = self.app.sessions.list(id, now.wall).await?;
        let own = owner.session.as_ref().map(|session| session.id);
        let sessions: Vec<_> = listed.iter().map(|one| sessions::line(one, own)).collect();
        let links = self.app.users.tailnet_links_of(id).await?;
        let linked: Vec<&str> = links.bound.iter().map(|bound| bound.seen_login.as_str()).collect();
        let remembered = self.app.attempts.remembered(id).await?;
        let devices: Vec<_> = remembered.iter().map(devices::line).collect();
        let told = notices::last(&self.app.store, id, NOTICES).await?;
        let notices: Vec<_> = told
            .iter()
            .filter_map(|told| Some(NoticeLine { at: told.at, sentence: told.notice.as_ref()?.sentence() }))
            .collect();
        let passkeys: Vec<_> = owner.factors.passkeys.iter().map(factors::passkey_line).collect();
        let page = pages::Account {
            username: owner.user.username.as_str(),
            email: owner.user.email.as_ref().map(crate::identity::Email::as_str),
            name: &owner.user.name,
            by: owner.known_by(),
            factors: factors::lines(&owner.factors, &passkeys),
            offers: self.offers(owner),
            may_enrol: self.may_enrol(owner, now.wall).is_ok(),
            password_changed_at: owner.user.password_changed_at,
            linked: &linked,
            offer: tailnet::offer(owner, &links)
                .filter(|_| self.may_enrol(owner, now.wall).is_ok())
                .map(|person| &*person.login),
            devices: &devices,
            sessions: &sessions,
            notices: &notices,
            now: now.wall,
            said,
        };
        Ok(pages::account(&self.app.current.load().site, &page))
    }
}
