//! Changing the password. The new one ends every session but the one it is changed in.

use super::{Door, Owner, Visit};
use crate::error::Error;
use crate::secret::Secret;
use crate::sign_in::Arrival;
use crate::users::{User, Users};
use crate::web::pages::Said;
use crate::web::{Response, urls};

impl Door {
    /// `POST /account/password`.
    pub async fn change_password(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        if let Err(why) = self.may_change(&owner, visit.now.wall) {
            return Ok(self.not_yet(why, urls::ACCOUNT));
        }
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
        // A link from before would choose another password over this one.
        let void = owner.still(self.app.links.void(owner.user.id, now));
        let mut response = self.to(urls::ACCOUNT);
        // Every session is over with that; a browser that had one gets a new one, in which no factor is newer
        // than it was.
        let Some(session) = &owner.session else {
            self.app.users.set_password(void, &owner.user, &hash, owner.actor(), now).await?;
            return Ok(response);
        };
        let write = Users::setting_password(void, &owner.user, &hash, owner.actor(), now);
        let stays = self.staying(visit, session).await?;
        let arrival = Arrival { enrol_until: session.enrol_until, replaces: None, ..stays };
        let signed = sign_in.replace(write, owner.user.epoch + 1, session, arrival, now).await?;
        let domain = &self.app.current.load().cookie_domain;
        self.browser.welcome(&mut response, &signed, session.keep, domain.as_ref(), now)?;
        Ok(response)
    }
}

/// Words that a password of this user must not be made of.
fn own_words(user: &User) -> Vec<String> {
    let mut words = vec!["aegis".to_owned(), user.username.to_string()];
    words.extend(user.email.as_ref().map(ToString::to_string));
    words.extend(user.name.split_whitespace().map(str::to_owned));
    words
}
