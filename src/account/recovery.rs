//! Recovery codes: shown once, in the answer to the form that makes them.

use super::{Door, Visit};
use crate::audit::{Entry, Event, Recorded};
use crate::error::{Error, Kind};
use crate::notices::{Notice, Noticed};
use crate::second_factor::SecondFactor;
use crate::second_factor::recovery::RecoveryCodes;
use crate::store::{Write, WriteError};
use crate::web::pages::{self, Said};
use crate::web::{Response, urls};

impl Door {
    /// `GET /account/factors/recovery`: what they are, and the button that makes them.
    pub async fn recovery_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        if !owner.factors.any() {
            return Ok(self.to(urls::ACCOUNT_ENROL));
        }
        if let Err(why) = self.may_change(&owner, visit.now.wall) {
            return Ok(self.not_yet(why, urls::ACCOUNT_RECOVERY));
        }
        let site = &self.app.current.load().site;
        Ok(pages::new_recovery_codes(site, owner.user.username.as_str(), owner.factors.recovery_codes))
    }

    /// `POST /account/factors/recovery`: new ones in place of all there were.
    pub async fn make_recovery_codes(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        if !owner.factors.any() {
            return Ok(self.to(urls::ACCOUNT_ENROL));
        }
        if let Err(why) = self.may_change(&owner, visit.now.wall) {
            return Ok(self.not_yet(why, urls::ACCOUNT_RECOVERY));
        }
        let (user, now) = (owner.user.id, visit.now.wall);
        let entry = Entry::new(Event::RecoveryCodesMade, owner.actor()).about(user).from(visit.came.address);
        let (codes, write) = RecoveryCodes::make(owner.still(Write::new()), user, now);
        let write = SecondFactor::while_some(write, user).audit(entry, now);
        match self.app.store.write(write.notice(user, &Notice::RecoveryCodesMade, now)).await {
            Ok(_) => {}
            Err(WriteError::Unexpected(_)) => {
                let error = Error::said(
                    Kind::Conflict,
                    "Your account was changed at the same moment, so there are no new recovery codes. Look at what is there now.",
                );
                return self.show(&owner, visit.now, Said::Refused(&error)).await;
            }
            Err(error) => return Err(error.into()),
        }
        let codes: Vec<&str> = codes.iter().map(crate::secret::Secret::reveal).collect();
        let site = &self.app.current.load().site;
        Ok(pages::recovery_codes(site, owner.user.username.as_str(), &codes, now))
    }
}
