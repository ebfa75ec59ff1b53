//! What this door does about the tailnet: says where somebody came from, lets them through, and keeps it
//! out of a browser for a while where they signed out. Never makes a session of it.

use http::HeaderValue;

use super::{Door, Visit, wanted};
use crate::audit::{Entry, Event, Recorded};
use crate::authenticate::tailnet::{Elsewhere, Guest, Reason, Sighted, Unasked};
use crate::browser::Browser;
use crate::error::Error;
use crate::forwarded::Came;
use crate::identity::{Actor, UserId};
use crate::state::Current;
use crate::store::Write;
use crate::tailscale::Unusable;
use crate::web::forms::{self, Form};
use crate::web::pages::{self, CameFrom, Circle, OnTailnet};
use crate::web::{self, Response, ReturnTo, urls};

impl Door {
    /// Somebody whom the tailnet knows, and who may go there: on they go, unless that did not help just now.
    pub(super) fn pass(
        &self,
        current: &Current,
        guest: &Guest,
        return_to: Option<&ReturnTo>,
        visit: &Visit<'_>,
    ) -> Response {
        let Some(return_to) = return_to else {
            return web::redirect(&current.site, HeaderValue::from_static(urls::HOME));
        };
        // One person has many devices.
        let address = visit.came.address.map(|address| address.to_string()).unwrap_or_default();
        let who = format_args!("{} {address}", guest.user());
        if self.circles.closes(who, return_to.as_str(), visit.now.mono) {
            return pages::looping(&current.site, return_to, Circle::Device(&guest.login));
        }
        web::redirect(&current.site, return_to.location())
    }

    /// `POST /login/tailnet`: takes a sign-out on the tailnet back.
    pub fn use_tailnet(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let current = self.app.current.load();
        forms::same_origin(visit.headers, current.site.public_url())?;
        let form = Form::read(visit.headers, body)?;
        // Not straight there: whether it lets them in is judged on the way.
        let to = match wanted(&current, form.text("rd")) {
            Some(return_to) => HeaderValue::try_from(urls::login(Some(return_to.as_str())))
                .map_err(|_| Error::internal("the way back fits no header"))?,
            None => HeaderValue::from_static(urls::HOME),
        };
        let mut response = web::redirect(&current.site, to);
        Browser::use_tailnet(&mut response, current.cookie_domain.as_ref())?;
        Ok(response)
    }

    /// Records that somebody signed out whom the tailnet knows, unless `ended` says that of the same account.
    pub(super) async fn record_leaving(
        &self,
        sighted: &Result<Sighted, Elsewhere>,
        ended: Option<UserId>,
        visit: &Visit<'_>,
    ) -> Result<(), Error> {
        let Ok(Sighted::Known(guest)) = sighted else { return Ok(()) };
        let Some(user) = guest.account().filter(|user| Some(*user) != ended) else { return Ok(()) };
        let entry = Entry::new(Event::SignedOut, Actor::User(user))
            .about(user)
            .from(visit.came.address)
            .with("tailnet", &*guest.login);
        self.app.store.write(Write::new().audit(entry, visit.now.wall)).await?;
        Ok(())
    }
}

/// Whether the tailnet would, now or in a moment, sign this browser in again.
pub(super) fn knows(sighted: &Result<Sighted, Elsewhere>) -> bool {
    match sighted {
        Ok(Sighted::Known(_) | Sighted::Unanswered(_)) | Err(Elsewhere::SignedOut) => true,
        Ok(Sighted::Stranger(_) | Sighted::Disabled(_) | Sighted::Unusable(_))
        | Err(Elsewhere::NoTailnet | Elsewhere::NotFromThere | Elsewhere::Unvouched | Elsewhere::Foreign) => {
            false
        }
    }
}

/// Where somebody came from, as they are told.
pub(super) fn came_from<'a>(came: &Came<'_>, sighted: &'a Result<Sighted, Elsewhere>) -> CameFrom<'a> {
    let tailnet = match sighted {
        // Others use such addresses, too.
        Ok(Sighted::Unusable(Reason::Device(Unusable::NotThere)))
        | Err(Elsewhere::NoTailnet | Elsewhere::NotFromThere) => OnTailnet::Elsewhere,
        Ok(Sighted::Known(guest)) => OnTailnet::Known(&guest.login),
        // That an account is there, and disabled, is nobody's business.
        Ok(Sighted::Stranger(person) | Sighted::Disabled(person)) => OnTailnet::Stranger(&person.login),
        Ok(Sighted::Unusable(reason)) => OnTailnet::Unusable(reason.words()),
        Ok(Sighted::Unanswered(Unasked::Tailscale(_))) => {
            OnTailnet::Unanswered("Tailscale does not answer here")
        }
        Ok(Sighted::Unanswered(Unasked::Store(_))) => {
            OnTailnet::Unanswered("Aegis cannot look up whose device this is")
        }
        Err(Elsewhere::Unvouched) => OnTailnet::Unvouched,
        Err(Elsewhere::Foreign) => OnTailnet::Foreign,
        Err(Elsewhere::SignedOut) => OnTailnet::SignedOut,
    };
    CameFrom { address: came.address, tailnet }
}
