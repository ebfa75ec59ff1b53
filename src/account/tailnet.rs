//! Linking the person of the tailnet whose device somebody uses to their account. Never takes a word of
//! the form for who that is: the tailnet says it of the very request.

use super::{Door, Owner, Visit};
use crate::error::{Error, Kind};
use crate::identity::Person;
use crate::secret::Secret;
use crate::store::Write;
use crate::users::{ChangeError, TailnetLinks};
use crate::web::pages::Said;
use crate::web::{Response, urls};

/// The person who could be linked: of a device that is nobody's, in a session, to an account that has no
/// link yet and waits for no other person. A further link would let a password make a second factor.
pub(super) fn offer<'a>(owner: &'a Owner, links: &TailnetLinks) -> Option<&'a Person> {
    let can = owner.session.is_some() && owner.user.password.is_some() && links.bound.is_empty();
    let waits_for_other =
        |person: &Person| links.awaited.iter().any(|one| !one.login.eq_ignore_ascii_case(&person.login));
    owner.stranger.as_ref().filter(|person| can && !waits_for_other(person))
}

impl Door {
    /// `POST /account/tailnet`.
    pub async fn link(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        // A device that is linked counts as two factors, so a password alone links none.
        if let Err(why) = self.may_enrol(&owner, visit.now.wall) {
            return Ok(self.not_yet(why, urls::ACCOUNT));
        }
        match self.link_device(&owner, &visit, form.secret("password")).await {
            Ok(person) => {
                // It is known by its device now, too.
                let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
                let said = format!("On the tailnet, {} is recognised as you from now on.", person.login);
                self.show(&owner, visit.now, Said::Done(&said)).await
            }
            Err(error) => self.show(&owner, visit.now, Said::Refused(&error)).await,
        }
    }

    async fn link_device<'a>(
        &self,
        owner: &'a Owner,
        visit: &Visit<'_>,
        password: Secret,
    ) -> Result<&'a Person, Error> {
        let (id, users) = (owner.user.id, &self.app.users);
        let Some(person) = offer(owner, &users.tailnet_links_of(id).await?) else {
            return Err(Error::said(Kind::Conflict, "This device cannot be linked to this account now."));
        };
        self.confirm(owner, visit, password).await?;
        let now = self.app.clock.now().wall;
        match users.link_person(owner.still(Write::new()), id, person, owner.actor(), now).await {
            Ok(()) => Ok(person),
            Err(ChangeError::Elsewhere(_)) => Err(Error::said(
                Kind::Conflict,
                "This device cannot be linked to this account. Ask whoever looks after Aegis.",
            )),
            Err(error) => Err(error.into()),
        }
    }
}
