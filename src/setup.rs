//! The door that single-use links open: the first administrator, a password of one's own, and the first
//! second factor.
//!
//! Promises: looking at a page spends nothing; the code is spent by the very write that does what it
//! was for, once; a code that does not count says nothing of why; a link signs nobody in who has a second
//! factor. Never: takes a code from a URL, or a word of the form for whose device it is.

mod factor;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use crate::authenticate::tailnet::Sighted;
use crate::browser::Browser;
use crate::clock::{Now, Wall};
use crate::error::{Error, Kind};
use crate::forwarded::Came;
use crate::identity::{Actor, Email, Person, UserId, Username};
use crate::links::{Link, Purpose};
use crate::second_factor::SecondFactor;
use crate::sign_in::{self, Arrival};
use crate::state::App;
use crate::store::{StoreError, Write, WriteError};
use crate::users::{ChangeError, NewUser, Users};
use crate::web::forms::{self, Form};
use crate::web::pages::{self, Offer, Said, Setup};
use crate::web::{self, Response, urls};

/// The door's own parts.
pub struct Door {
    app: Arc<App>,
    browser: Browser,
}

/// A request to a page behind a link, or the form sent from it.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a [u8],
    /// Where it comes from.
    pub came: Came<'a>,
    /// When.
    pub now: Now,
}

/// The field that is there if the person whose device it is shall be linked.
const LINKS: &str = "tailnet";

/// How long the first factor may be added in the session that a link has opened.
const ENROLS: Duration = Duration::from_mins(30);

/// What a link was for, ready to happen.
struct Change {
    write: Write,
    /// Whose account it is, and the epoch it then has.
    user: (UserId, i64),
    /// The steps that link somebody of the tailnet.
    linking: Range<usize>,
}

/// Why a form behind a link was not done.
enum NotDone {
    /// The code does not count (any more).
    Used,
    /// Something can be mended: the form again, with this.
    Again(Error),
}

impl From<Error> for NotDone {
    fn from(error: Error) -> Self {
        Self::Again(error)
    }
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        Self::Again(error.into())
    }
}

impl Door {
    /// The door of this house.
    pub fn new(app: &Arc<App>) -> Self {
        Self { app: app.clone(), browser: Browser::new(app.keys.clone(), app.sessions.clone()) }
    }

    /// `GET /link/setup`.
    pub async fn setup_page(&self, sent: Sent<'_>) -> Response {
        let stranger = self.stranger(&sent).await;
        let offer = offer(stranger.as_ref(), true);
        pages::link_setup(&self.app.current.load().site, &Setup { offer, ..Default::default() })
    }

    /// `POST /link/setup`: makes the first administrator.
    pub async fn setup(&self, sent: Sent<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        forms::same_origin(sent.headers, current.site.public_url())?;
        let form = Form::read(sent.headers, sent.body)?;
        let stranger = self.stranger(&sent).await;
        match self.make_administrator(&form, &sent, stranger.as_ref()).await {
            Ok(response) => Ok(response),
            Err(NotDone::Used) => Ok(pages::link_used(&current.site)),
            Err(NotDone::Again(error)) => {
                let page = Setup {
                    code: form.text("code"),
                    username: form.text("username"),
                    email: form.text("email"),
                    name: form.text("name"),
                    offer: offer(stranger.as_ref(), form.has(LINKS)),
                    said: Said::Refused(&error),
                };
                Ok(pages::link_setup(&current.site, &page))
            }
        }
    }

    async fn make_administrator(
        &self,
        form: &Form,
        sent: &Sent<'_>,
        stranger: Option<&Person>,
    ) -> Result<Response, NotDone> {
        let link = self.link(Purpose::SetUp, form, sent.now).await?;
        let person = to_link(form, stranger)?;
        // One that was made before somebody else became administrator is void with that.
        if self.app.users.has_administrator().await? {
            return Err(NotDone::Used);
        }
        let refused = |error: crate::identity::NotAccepted| {
            NotDone::Again(Error::said(Kind::Unprocessable, capitalised(error.0)))
        };
        let username: Username = form.text("username").trim().to_lowercase().parse().map_err(refused)?;
        self.leaves_open(&username, person)?;
        let email = Some(form.text("email").trim()).filter(|text| !text.is_empty());
        let email: Option<Email> = email.map(str::parse).transpose().map_err(refused)?;
        let own = [username.as_str(), form.text("email"), form.text("name")];
        let own_words = std::iter::once("aegis").chain(own).map(str::to_owned).collect();
        let hash = self.app.sign_in.new_password(form.secret("password"), own_words).await?;
        let now = self.app.clock.now().wall;
        let new = NewUser {
            username,
            email,
            name: form.text("name").to_owned(),
            roles: Vec::new(),
            administrator: true,
            active: true,
            password: Some(hash),
        };
        let base = Users::while_nobody_administers(link.spend(now));
        let (user, write) = Users::adding(base, &new, Actor::Visitor, now).map_err(Error::from)?;
        // Whatever was not as it should be: somebody else was faster, with this link or without.
        let change = Change::new(write, user, 0, person, now);
        self.admitted(change, |_| true, sent, now).await
    }

    /// `GET /link/password`.
    pub async fn password_page(&self, sent: Sent<'_>) -> Response {
        let stranger = self.stranger(&sent).await;
        let offer = offer(stranger.as_ref(), true);
        pages::link_password(&self.app.current.load().site, "", offer, Said::Nothing)
    }

    /// `POST /link/password`: chooses the password of the link's account.
    pub async fn password(&self, sent: Sent<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        forms::same_origin(sent.headers, current.site.public_url())?;
        let form = Form::read(sent.headers, sent.body)?;
        let stranger = self.stranger(&sent).await;
        match self.choose_password(&form, &sent, stranger.as_ref()).await {
            Ok(response) => Ok(response),
            Err(NotDone::Used) => Ok(pages::link_used(&current.site)),
            Err(NotDone::Again(error)) => {
                let offer = offer(stranger.as_ref(), form.has(LINKS));
                Ok(pages::link_password(&current.site, form.text("code"), offer, Said::Refused(&error)))
            }
        }
    }

    async fn choose_password(
        &self,
        form: &Form,
        sent: &Sent<'_>,
        stranger: Option<&Person>,
    ) -> Result<Response, NotDone> {
        let link = self.link(Purpose::Password, form, sent.now).await?;
        let person = to_link(form, stranger)?;
        let id = link.user.ok_or(NotDone::Used)?;
        let user = self.app.users.by_id(id).await?;
        let user = user.filter(|user| user.active).ok_or(NotDone::Used)?;
        self.leaves_open(&user.username, person)?;
        let mut own_words = vec!["aegis".to_owned(), user.username.to_string(), user.name.clone()];
        own_words.extend(user.email.as_ref().map(ToString::to_string));
        let hash = self.app.sign_in.new_password(form.secret("password"), own_words).await?;
        let now = self.app.clock.now().wall;
        let actor = Actor::User(user.id);
        let write = Users::setting_password(link.spend(now), &user, &hash, actor, now);
        if self.app.second_factor.of(user.id).await?.any() {
            // A device that is linked counts as two factors: a link alone gives it to nobody who has one.
            return if person.is_some() {
                Err(not_to_be_linked())
            } else {
                self.done_without_session(write).await
            };
        }
        // The spending is the second step of the write, behind the question whether there is a factor now;
        // elsewhere it is the account that has changed.
        let change = Change::new(write, user.id, user.epoch + 1, person, now).while_no_factor();
        self.admitted(change, |step| step == 1, sent, now).await
    }

    /// Does what the link was for, and signs nobody in: there is a factor, and a link is none.
    async fn done_without_session(&self, write: Write) -> Result<Response, NotDone> {
        match self.app.store.write(write).await {
            Ok(_) => Ok(pages::link_done(&self.app.current.load().site, true)),
            Err(WriteError::Unexpected(0)) => Err(NotDone::Used),
            Err(error) => Err(NotDone::Again(ChangeError::from(error).into())),
        }
    }

    /// Whose device it is, where that is nobody's here, and the settings do not say whose it will be.
    async fn stranger(&self, sent: &Sent<'_>) -> Option<Person> {
        let Sent { headers, came, now, .. } = sent;
        let current = self.app.current.load();
        match self.app.sighted(&current, came, headers, *now).await {
            Ok(Sighted::Stranger(person)) => {
                current.tailnet.as_ref().is_some_and(|rules| !rules.names(&person.login)).then_some(person)
            }
            Ok(Sighted::Known(_) | Sighted::Disabled(_) | Sighted::Unusable(_) | Sighted::Unanswered(_))
            | Err(_) => None,
        }
    }

    /// That the settings do not say who `username` is on the tailnet, where somebody is to be linked.
    fn leaves_open(&self, username: &Username, person: Option<&Person>) -> Result<(), NotDone> {
        let current = self.app.current.load();
        match (person, &current.tailnet) {
            (Some(_), Some(rules)) if rules.keeps(username) => Err(not_to_be_linked()),
            (Some(_) | None, _) => Ok(()),
        }
    }

    async fn link(&self, purpose: Purpose, form: &Form, now: Now) -> Result<Link, NotDone> {
        let found = self.app.links.find(purpose, form.text("code"), now.wall).await?;
        found.ok_or(NotDone::Used)
    }

    /// Does what the link was for, and signs the browser in that did it. Where a step that `spends` meets
    /// another state, the link is used.
    async fn admitted(
        &self,
        change: Change,
        spends: impl Fn(usize) -> bool,
        sent: &Sent<'_>,
        now: Wall,
    ) -> Result<Response, NotDone> {
        let current = self.app.current.load();
        let arrival = Arrival {
            address: sent.came.address,
            user_agent: sent.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()),
            is_known: false,
            keep: false,
            enrol_until: Some(now.plus(ENROLS)),
            replaces: self.browser.seen(sent.headers, now).await?.session(),
        };
        let Change { write, user, linking } = change;
        let signed = self.app.sign_in.admit(write, user, sign_in::METHODS, arrival, now).await;
        let signed = signed.map_err(|error| match error {
            ChangeError::Elsewhere(step) if linking.contains(&step) => not_to_be_linked(),
            ChangeError::Elsewhere(step) if spends(step) => NotDone::Used,
            other => NotDone::Again(other.into()),
        })?;
        let mut response = web::redirect(&current.site, HeaderValue::from_static(urls::ACCOUNT_ENROL));
        self.browser.welcome(&mut response, &signed, false, current.cookie_domain.as_ref(), now)?;
        Ok(response)
    }
}

impl Change {
    /// What `write` does to the account of `user`, and that `person` is linked to it. After `write` it has
    /// this epoch.
    fn new(write: Write, user: UserId, epoch: i64, person: Option<&Person>, now: Wall) -> Self {
        let before = write.steps.len();
        let write = match person {
            Some(person) => Users::linking(write, user, person, Actor::User(user), now),
            None => write,
        };
        Self { linking: before..write.steps.len(), write, user: (user, epoch) }
    }

    /// The same, which happens only if the account has no factor.
    fn while_no_factor(self) -> Self {
        let Self { write, user, linking } = self;
        let write = SecondFactor::while_none(write, user.0);
        Self { write, user, linking: linking.start + 1..linking.end + 1 }
    }
}

fn not_to_be_linked() -> NotDone {
    NotDone::Again(Error::said(
        Kind::Conflict,
        "This device cannot be linked to this account. Untick the box to go on without.",
    ))
}

/// Whom the form links, if it links anybody.
fn to_link<'a>(form: &Form, stranger: Option<&'a Person>) -> Result<Option<&'a Person>, NotDone> {
    if form.has(LINKS) && stranger.is_none() {
        return Err(NotDone::Again(Error::said(
            Kind::Conflict,
            "The tailnet does not tell whose device this is any more. Send this again to go on without.",
        )));
    }
    Ok(stranger.filter(|_| form.has(LINKS)))
}

fn offer(stranger: Option<&Person>, ticked: bool) -> Option<Offer<'_>> {
    stranger.map(|person| Offer { login: &person.login, ticked })
}

/// A sentence made of a clause.
fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
