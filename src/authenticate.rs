//! Who a request comes from, by the credentials it carries. One file a scheme: the folder is the
//! list of what is understood.
//!
//! Promises: schemes are asked in the order of the contract (`X-Aegis-Key`, the cookie,
//! `Authorization`, the tailnet); a credential that is not ours counts as absent; user, roles and audience come
//! from the live record, never from a token; what could not be asked is never "nobody".
//! Never: judges a rule, remembers an answer.

mod api_key;
mod api_token;
mod authorization;
mod cookie;
pub mod tailnet;

use std::sync::Arc;
use std::time::Duration;

use crate::api_tokens::{ApiTokens, Fingerprint};
use crate::changes::{Changes, Live};
use crate::clock::{Mono, Now, Seldom, Wall};
use crate::forwarded::CredentialLines;
use crate::identity::{AppName, Found, Identity, Part, SessionId, Why};
use crate::keys::Keys;
use crate::policy::Scope;
use crate::sessions::{Purpose, Session, Sessions, State};
use crate::store::StoreError;
use crate::tailscale::Place;
use crate::users::Users;

use tailnet::{Ambient, Elsewhere, Occasion, Rules, Sighted, Tailnet};

pub use authorization::is_ours as authorization_is_ours;

/// How often the log says why the store does not answer.
const TOLD_AGAIN: Duration = Duration::from_secs(10);

/// The parts that credentials are judged with.
#[derive(Clone)]
pub struct Authenticate {
    /// Signatures.
    pub keys: Arc<Keys>,
    /// What tokens name.
    pub sessions: Sessions,
    /// Tokens of scripts and native apps.
    pub api_tokens: ApiTokens,
    /// Whose those are.
    pub users: Users,
    /// What has changed since it was read.
    pub changes: Arc<Changes>,
    /// Whose devices are on the tailnet, where there is one.
    pub tailnet: Option<Arc<Tailnet>>,
    /// When the log last said that the store does not answer.
    pub unanswered_told: Arc<Seldom>,
}

/// What a look at the credentials gave.
#[derive(Debug)]
pub struct Recognised<'a> {
    /// Who it is, if anybody.
    pub found: Found,
    /// What that rests on.
    pub by: Option<Basis<'a>>,
}

/// What an identity rests on: while it stands, the identity may be remembered.
#[derive(Debug)]
pub struct Basis<'a> {
    /// The credential.
    pub credential: Credential<'a>,
    /// Whose it is.
    pub identity: Arc<Identity>,
    /// What it may be used for, where that is not everything: judged on each request.
    pub scope: Option<Arc<Scope>>,
    /// When it is over at the latest.
    pub until: Wall,
    /// The same, by the other clock, where freshness counts.
    pub until_mono: Option<Mono>,
    /// The session it names, if it names one.
    pub session: Option<SessionId>,
    /// What falls when one of both changes.
    pub handles: Handles,
}

/// Flags taken before the rows were read: a change in between leaves them fallen.
#[derive(Clone, Debug)]
pub struct Handles {
    /// The user's.
    pub user: Arc<Live>,
    /// The session's or the API token's, where there is one.
    pub own: Option<Arc<Live>>,
    /// The change feed's generation.
    pub generation: u64,
    /// The tailnet's generation, where the tailnet says who it is.
    pub tailnet: Option<u64>,
}

/// A credential of ours, as it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// The value of the cookie `aegis_token`, as it came.
    Cookie(&'a [u8]),
    /// The token of `Authorization: Bearer`.
    Bearer(&'a str),
    /// An API token, however it was shown.
    ApiToken(Fingerprint),
    /// A device of the tailnet.
    Device(Place),
}

/// What a request carries, before anything is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried<'a> {
    /// No credential that could be ours.
    Nothing,
    /// Exactly one.
    One(Credential<'a>),
    /// One that is refused whatever it says, or several that must be weighed.
    Several,
}

/// What the record says of a token.
#[derive(Debug)]
pub enum Judged {
    /// It counts, and names this session.
    Counts(Box<Session>),
    /// It does not.
    DoesNot,
    /// The record could not be asked.
    Unanswered,
}

/// What one scheme said.
enum Scheme<'a> {
    /// It has nothing to go by.
    Absent,
    /// It knows.
    Known(Box<Basis<'a>>),
    /// There is a credential of ours that does not count.
    Refused(Why),
    /// It could not ask.
    Unanswered(Part),
}

impl Authenticate {
    /// What these lines carry, without judging it. Asks nobody.
    pub fn carried<'a>(&self, lines: &CredentialLines<'a>) -> Carried<'a> {
        match api_key::shown(lines.key) {
            api_key::Shown::Nothing => {}
            api_key::Shown::Token(fingerprint) => {
                return Carried::One(Credential::ApiToken(fingerprint));
            }
            api_key::Shown::Unusable => return Carried::Several,
        }
        let mut cookies = cookie::shown(lines);
        match (cookies.next(), cookies.next()) {
            (Some(token), None) => Carried::One(Credential::Cookie(token)),
            (Some(_), Some(_)) => Carried::Several,
            (None, _) => match authorization::shown(lines, &self.keys) {
                authorization::Shown::Nothing => Carried::Nothing,
                authorization::Shown::Bearer(token) => Carried::One(Credential::Bearer(token)),
                authorization::Shown::ApiToken(fingerprint) => {
                    Carried::One(Credential::ApiToken(fingerprint))
                }
                authorization::Shown::Unusable => Carried::Several,
            },
        }
    }

    /// Who the request comes from by what it carries, for `app`. Asks the store.
    pub async fn find<'a>(&self, lines: &CredentialLines<'a>, app: &AppName, now: Now) -> Recognised<'a> {
        let mut unanswered = None;
        match api_key::shown(lines.key) {
            api_key::Shown::Nothing => {}
            api_key::Shown::Unusable => return unknown(Found::Refused(Why::Invalid)),
            // Whoever shows a key is its owner or nobody, whatever else comes with it.
            api_key::Shown::Token(fingerprint) => {
                return match api_token::find(self, fingerprint, app, now).await {
                    Scheme::Known(basis) => known(*basis),
                    Scheme::Refused(why) => unknown(Found::Refused(why)),
                    Scheme::Unanswered(part) => unknown(Found::Unanswered(part)),
                    Scheme::Absent => unknown(Found::Nobody),
                };
            }
        }
        match cookie::find(self, lines, app, now).await {
            Scheme::Known(basis) => return known(*basis),
            Scheme::Refused(why) => return unknown(Found::Refused(why)),
            Scheme::Unanswered(part) => unanswered = Some(part),
            Scheme::Absent => {}
        }
        match authorization::find(self, lines, app, now).await {
            Scheme::Known(basis) => return known(*basis),
            Scheme::Refused(why) => return unknown(Found::Refused(why)),
            Scheme::Unanswered(part) => unanswered = Some(part),
            Scheme::Absent => {}
        }
        unknown(unanswered.map_or(Found::Nobody, Found::Unanswered))
    }

    /// Which device of the tailnet a request comes from, if an identity may rest on that. Asks nobody.
    pub fn device(
        &self,
        rules: Option<&Rules>,
        ambient: &Ambient<'_>,
        now: Mono,
    ) -> Result<Place, Elsewhere> {
        match (&self.tailnet, rules) {
            (Some(tailnet), Some(rules)) => tailnet.place(rules, ambient, now),
            (None, _) | (_, None) => Err(Elsewhere::NoTailnet),
        }
    }

    /// Who is on that device, for `app`. Asks the local tailscaled and the store.
    pub async fn find_device<'a>(
        &self,
        rules: Option<&Rules>,
        (device, occasion): (Place, Occasion),
        app: &AppName,
        now: Now,
    ) -> Recognised<'a> {
        match (&self.tailnet, rules) {
            (Some(tailnet), Some(rules)) => tailnet.find(self, rules, (device, occasion), app, now).await,
            (None, _) | (_, None) => unknown(Found::Nobody),
        }
    }

    /// Who is on the device that a request to a page of our own comes from, or why nobody is asked.
    pub async fn sighted(
        &self,
        rules: Option<&Rules>,
        ambient: &Ambient<'_>,
        now: Now,
    ) -> Result<Sighted, Elsewhere> {
        let (Some(tailnet), Some(rules)) = (&self.tailnet, rules) else { return Err(Elsewhere::NoTailnet) };
        let place = tailnet.place(rules, ambient, now.mono)?;
        let sighted = tailnet.sight(self, rules, (place, Occasion::Visit), now).await;
        if let Sighted::Unanswered(unasked) = &sighted {
            tailnet.tell_of_unanswered(unasked, now.mono);
        }
        Ok(sighted)
    }

    /// The generation of what the tailnet said: an answer from before counts no more.
    pub fn tailnet_generation(&self) -> Option<u64> {
        self.tailnet.as_ref().map(|tailnet| tailnet.tailscale.generation())
    }

    /// Whether a token for scripts counts now, at whichever app.
    pub async fn judge(&self, token: &str, now: Now) -> Judged {
        match self.session_of(token, None, now).await {
            Named::Session(session, ..) if may_be_bearer(session.purpose) => {
                // A program that asks us instead of a proxy uses its token, too.
                self.sessions.touch(session.id, now.wall);
                Judged::Counts(session)
            }
            Named::Session(..) | Named::Nothing | Named::Disabled | Named::OtherApp => Judged::DoesNot,
            Named::Unanswered => Judged::Unanswered,
        }
    }

    /// The session that `token` names, if its signature is ours and the session counts.
    ///
    /// The token says which session; everything else is the record's word.
    async fn session_of(&self, token: &str, app: Option<&AppName>, now: Now) -> Named {
        let Ok(verified) = self.keys.verify_access(token, now.wall) else { return Named::Nothing };
        let claims = verified.claims();
        let handles = Handles {
            generation: self.changes.generation(),
            user: self.changes.live_user(claims.sub),
            own: Some(self.changes.live_session(claims.sid)),
            tailnet: None,
        };
        match self.sessions.by_id(claims.sid, now.wall).await {
            Err(error) => {
                self.tell_of_unanswered(&error, now.mono);
                Named::Unanswered
            }
            Ok(None) => Named::Nothing,
            Ok(Some(session)) if session.identity.user != claims.sub => Named::Nothing,
            Ok(Some(session)) => match session.state {
                State::Over => Named::Nothing,
                State::Disabled => Named::Disabled,
                State::Live if !is_for(&session, app) => Named::OtherApp,
                State::Live => Named::Session(Box::new(session), handles, verified.until()),
            },
        }
    }

    /// Says now and then that the store does not answer: every check would say it, for as long as it is away.
    fn tell_of_unanswered(&self, error: &StoreError, now: Mono) {
        if self.unanswered_told.again(TOLD_AGAIN, now) {
            tracing::warn!(event = "check.unanswered", part = "store", reason = %error);
        }
    }
}

/// Whether `session` may be used at `app`; where no app is asked for, at any of its own.
fn is_for(session: &Session, app: Option<&AppName>) -> bool {
    match (session.audience.as_deref(), app) {
        (Some(only), Some(app)) => only == app.as_str(),
        (Some(_) | None, None) | (None, Some(_)) => true,
    }
}

/// What a token named.
enum Named {
    /// The session, what falls when it changes, and when the token is over.
    Session(Box<Session>, Handles, Wall),
    Nothing,
    Disabled,
    OtherApp,
    Unanswered,
}

fn unknown<'a>(found: Found) -> Recognised<'a> {
    Recognised { found, by: None }
}

fn known(basis: Basis<'_>) -> Recognised<'_> {
    Recognised { found: Found::Known(basis.identity.clone()), by: Some(basis) }
}

impl<'a> Basis<'a> {
    /// `credential` names `session`, and is itself over at `until`.
    fn of_session(credential: Credential<'a>, session: &Session, handles: Handles, until: Wall) -> Self {
        Self {
            credential,
            identity: session.identity.clone(),
            scope: None,
            until: until.min(session.expires_at),
            until_mono: None,
            session: Some(session.id),
            handles,
        }
    }
}

/// Whether a token of a session opened for `purpose` may be shown as `Authorization: Bearer`.
/// A browser's token is a cookie and nothing else.
fn may_be_bearer(purpose: Purpose) -> bool {
    match purpose {
        Purpose::Token => true,
        Purpose::Web => false,
    }
}
