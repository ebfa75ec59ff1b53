//! The door that proxies ask about each request.
//!
//! Promises: what is remembered is answered by a plain function that cannot await; what is not is
//! read from the store; both judge host, path, method, rule and liveness of this very request and
//! say the same. Never: allows because something could not be asked.

mod answers;
pub mod explain;
mod identity_headers;
mod passes;
mod reason;
mod refusals;
mod who;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, header};

use crate::authenticate::{Authenticate, authorization_is_ours};
use crate::changes::Changes;
use crate::clock::{Clock, Now, Seldom};
use crate::error::{Error, Kind};
use crate::forwarded::{Asked, Dialect, Peer, Unread};
use crate::identity::{Email, Found, Identity, Part, Require, Role, Why};
use crate::place::Authority;
use crate::policy::{self, App, Needs, NoApp, Preflight, Rule, Verdict};
use crate::state::{self, Current};
use crate::web::{self, Response};

use passes::Passes;
pub use reason::Reason;
pub use refusals::{Refusal, Refusals};
use who::Who;

/// How often the log says that a proxy is not believed.
const TOLD_AGAIN: Duration = Duration::from_mins(1);

/// What a proxy that is not believed is told.
pub const UNKNOWN_PROXY: &str = "Aegis does not know this proxy.";

/// What somebody is told who came with https, of whom the proxy says that they came without.
pub const TOLD_HTTP: &str =
    "You came with https, and the proxy tells Aegis that you did not. Ask whoever looks after this site.";

/// The door's own state.
pub struct Door {
    clock: Clock,
    app: Arc<state::App>,
    changes: Arc<Changes>,
    authenticate: Authenticate,
    passes: Passes,
    /// The last refusals, for `aegis explain`.
    pub refusals: Refusals,
    unknown_told: Seldom,
    wrong_told: Seldom,
}

impl Door {
    /// The door of this house.
    pub fn new(app: &Arc<state::App>) -> Self {
        Self {
            clock: app.clock.clone(),
            app: app.clone(),
            changes: app.changes.clone(),
            authenticate: app.authenticate.clone(),
            passes: Passes::new(app.fixed.remembered),
            refusals: Refusals::default(),
            unknown_told: Seldom::default(),
            wrong_told: Seldom::default(),
        }
    }

    /// Answers a check from memory, if it can.
    pub fn at_once<B>(&self, dialect: Dialect, peer: Peer, request: &Request<B>) -> Option<Response> {
        let now = self.clock.lately();
        let current = self.app.current.load();
        Some(match self.read(dialect, peer, &current, request, now) {
            Err(answer) => *answer,
            Ok((asked, app, rule)) => {
                let who = self.remembered(&current, app, rule, &asked, request.headers(), now)?;
                self.verdict(dialect, &current, &asked, (app, rule), &who, now)
            }
        })
    }

    /// Answers a check by asking: signature, store, the local tailscaled. Remembers who it was.
    pub async fn answer<B>(&self, dialect: Dialect, peer: Peer, request: Request<B>) -> Response {
        let now = self.clock.now();
        let current = self.app.current.load();
        match self.read(dialect, peer, &current, &request, now) {
            Err(answer) => *answer,
            Ok((asked, app, rule)) => {
                match self.find_out(&current, app, rule, &asked, request.headers(), now).await {
                    Ok(who) => self.verdict(dialect, &current, &asked, (app, rule), &who, now),
                    Err(error) => {
                        tracing::error!(event = "check.failed", reason = %error);
                        answers::refused(dialect, &current, &asked, &error, |status| {
                            self.refusals.keep(&asked, status, Some(rule), None, Reason::Failed, now)
                        })
                    }
                }
            }
        }
    }

    /// The closed answer of this dialect, when answering itself failed.
    pub fn closed(dialect: Dialect, error: &Error) -> Response {
        answers::closed(dialect, error)
    }

    /// What is asked, and the app and the rule it falls under, or the answer if there is none.
    fn read<'a, B>(
        &self,
        dialect: Dialect,
        peer: Peer,
        current: &'a Current,
        request: &'a Request<B>,
        now: Now,
    ) -> Result<(Asked<'a>, &'a App, &'a Rule), Box<Response>> {
        let headers = request.headers();
        // First of all: such a request is a visitor's own, and no proxy's, however it reads.
        if is_own_site(current, headers) && !current.proxies.secret_is_in(headers) {
            let error = Error::said(Kind::NotFound, "There is nothing here.");
            return Err(Box::new(web::problem(&error, None)));
        }
        let asked = Asked::read(dialect, peer, request.method(), request.uri(), headers, &current.proxies)
            .map_err(|unread| Box::new(self.unread(dialect, peer, unread, now)))?;
        let (app, rule) = self.choose(dialect, current, &asked, now)?;
        Ok((asked, app, rule))
    }

    /// The app and the rule that a request falls under, or the answer if there is none.
    fn choose<'a>(
        &self,
        dialect: Dialect,
        current: &'a Current,
        asked: &Asked<'_>,
        now: Now,
    ) -> Result<(&'a App, &'a Rule), Box<Response>> {
        let refuse = |why: NoApp| {
            let error = Error::said(Kind::Forbidden, "There is no app at this address.");
            Err(Box::new(answers::refused(dialect, current, asked, &error, |status| {
                self.refusals.keep(asked, status, None, None, Reason::NoApp(why), now)
            })))
        };
        let app = match current.policy.app_for(&asked.host, asked.port, asked.scheme) {
            Ok(app) => app,
            Err(why) => return refuse(why),
        };
        let rule = app.rule_for(&asked.method, &asked.path, asked.client);
        if answers::lacks_tls(current, asked) {
            return Err(Box::new(answers::to_https(dialect, current, asked, |status| {
                self.refusals.keep(asked, status, Some(rule), None, Reason::PlainHttp, now)
            })));
        }
        Ok((app, rule))
    }

    /// Judges, and answers.
    fn verdict(
        &self,
        dialect: Dialect,
        current: &Current,
        asked: &Asked<'_>,
        (app, rule): (&App, &Rule),
        who: &Who,
        now: Now,
    ) -> Response {
        let (found, ready) = (who.found(), who.ready());
        let allowed = |ready| {
            let is_ours = |value: &HeaderValue| authorization_is_ours(value, &self.authenticate.keys);
            answers::allowed(ready, &asked.credentials, is_ours)
        };
        let nobody = || current.for_nobody.get_or_init(|| identity_headers::of_nobody(&current.header_names));
        let keep = |status: u16, why: Reason| {
            let username = who.identity().map(|identity| identity.username.to_string());
            self.refusals.keep(asked, status, Some(rule), username, why, now)
        };
        let verdict =
            if asked.preflight && app.preflight() == Preflight::Pass && rule.require() != Require::Deny {
                Verdict::AllowAsNobody
            } else {
                policy::decide(rule, found, now.wall)
            };
        match verdict {
            Verdict::Allow => match (found, ready) {
                (Found::Known(_), Some(ready)) => allowed(ready),
                (Found::Nobody | Found::Refused(_) | Found::Unanswered(_), None) => allowed(nobody()),
                // Somebody without headers, or headers without somebody: a mistake of ours.
                (Found::Known(_), None) | (_, Some(_)) => {
                    let error = Error::internal("identity and headers do not match");
                    answers::refused(dialect, current, asked, &error, |status| keep(status, Reason::Failed))
                }
            },
            Verdict::AllowAsNobody => allowed(nobody()),
            Verdict::SignIn => answers::sign_in(dialect, current, asked, rule, None, |status| {
                keep(status, Reason::NobodySignedIn)
            }),
            Verdict::Refused(Why::Scope) => answers::beyond_scope(dialect, current, asked, |status| {
                keep(status, Reason::Refused(Why::Scope))
            }),
            Verdict::Refused(why) => answers::sign_in(dialect, current, asked, rule, None, |status| {
                keep(status, Reason::Refused(why))
            }),
            Verdict::StepUp => {
                let lack = known(found).and_then(|identity| rule.lack(identity, now.wall));
                answers::sign_in(dialect, current, asked, rule, lack, |status| {
                    keep(status, Reason::StepUp(lack))
                })
            }
            Verdict::Forbidden(needs) => {
                let reference = keep(403, Reason::Forbidden(needs));
                if let Some(identity) = known(found) {
                    let name = identity.email.as_ref().map_or(identity.username.as_str(), Email::as_str);
                    let partly = match policy::decide(app.whole(), found, now.wall) {
                        Verdict::Allow | Verdict::AllowAsNobody => true,
                        Verdict::SignIn
                        | Verdict::StepUp
                        | Verdict::Forbidden(_)
                        | Verdict::Unavailable(_)
                        | Verdict::Refused(_) => false,
                    };
                    let needed = in_words(needs, rule);
                    answers::no_access(current, asked, name, partly, needed.as_deref(), &reference)
                } else {
                    let error = Error::said(Kind::Forbidden, "Nobody may open this.");
                    answers::refused(dialect, current, asked, &error, |_| reference)
                }
            }
            // The sign-in page helps whoever the local tailscaled cannot tell of.
            Verdict::Unavailable(Part::Tailscale)
                if asked.navigation && rule.require() != Require::Tailnet =>
            {
                answers::sign_in(dialect, current, asked, rule, None, |status| {
                    keep(status, Reason::Unanswered)
                })
            }
            Verdict::Unavailable(part) => {
                let error = Error::unavailable(format!("{part:?} did not answer"));
                answers::refused(dialect, current, asked, &error, |status| keep(status, Reason::Unanswered))
            }
        }
    }

    fn unread(&self, dialect: Dialect, peer: Peer, unread: Unread, now: Now) -> Response {
        let error = match unread {
            Unread::UnknownProxy => {
                self.tell_of_unknown_proxy(peer, now);
                Error::new(Kind::Forbidden, UNKNOWN_PROXY, unread.to_string())
            }
            Unread::WrongSecret => {
                if self.wrong_told.again(TOLD_AGAIN, now.mono) {
                    tracing::warn!(event = "proxy.wrong_secret", peer = %peer_name(peer));
                }
                Error::new(Kind::Forbidden, UNKNOWN_PROXY, unread.to_string())
            }
            Unread::Malformed(what) => {
                tracing::debug!(event = "check.malformed", %what);
                Error::new(Kind::Malformed, "Aegis cannot read what the proxy asked.", what.to_string())
            }
        };
        answers::unread(dialect, &error, |status| {
            self.refusals.keep_unread(peer_name(peer), status, unread, now)
        })
    }

    /// Says once a minute which line would let a proxy be believed.
    fn tell_of_unknown_proxy(&self, peer: Peer, now: Now) {
        if self.unknown_told.again(TOLD_AGAIN, now.mono) {
            let peer = peer_name(peer);
            tracing::warn!(
                event = "proxy.unknown",
                peer = %peer,
                hint = %format!("if this is your proxy, add \"{peer}\" to trusted_proxies"),
            );
        }
    }
}

/// Whether the check was asked under our own public name: then it is no proxy that asks.
fn is_own_site(current: &Current, headers: &HeaderMap) -> bool {
    let own = current.site.public_url().host().as_str();
    let Some(host) = headers.get(header::HOST) else { return false };
    // The cheap half first: nearly every check names another host.
    let begins =
        host.as_bytes().get(..own.len()).is_some_and(|start| start.eq_ignore_ascii_case(own.as_bytes()));
    begins
        && host
            .to_str()
            .ok()
            .and_then(|host| Authority::parse(host).ok())
            .is_some_and(|authority| authority.host == own)
}

fn known(found: &Found) -> Option<&Identity> {
    match found {
        Found::Known(identity) => Some(identity),
        Found::Nobody | Found::Refused(_) | Found::Unanswered(_) => None,
    }
}

/// What would let somebody in, where they may know it.
fn in_words(needs: Needs, rule: &Rule) -> Option<String> {
    match needs {
        Needs::Nothing => None,
        Needs::Membership => {
            let roles: Vec<&str> = rule.roles().iter().map(Role::as_str).collect();
            (!roles.is_empty()).then(|| format!("role {}", roles.join(" or ")))
        }
        Needs::Tailnet => Some("a device on the tailnet".to_owned()),
    }
}

fn peer_name(peer: Peer) -> String {
    match peer {
        Peer::Unix => "unix".to_owned(),
        Peer::Tcp(address) => address.to_string(),
    }
}
