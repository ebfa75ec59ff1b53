//! Taking away what proves who somebody is, after a page that says what that means; and what a passkey is
//! called.

use super::{Door, Owner, Visit};
use crate::audit::{Entry, Event, Recorded};
use crate::error::{Error, Kind};
use crate::identity::{Method, TailnetLogin};
use crate::notices::{Notice, Noticed};
use crate::second_factor::SecondFactor;
use crate::second_factor::passkeys::{Passkey, Passkeys};
use crate::second_factor::telegram::TelegramLinks;
use crate::second_factor::totp::Totp;
use crate::secret::Secret;
use crate::store::{Write, WriteError};
use crate::web::forms::Form;
use crate::web::pages::{self, Removal, Said};
use crate::web::{Response, urls};

/// What is to be taken away, found among what the account has.
enum Thing<'a> {
    Telegram(&'a str),
    Totp,
    Passkey(&'a Passkey),
    Tailnet(TailnetLogin),
}

impl<'a> Thing<'a> {
    /// As a form or a link says it: `totp`, `telegram`, `passkey:ID`, `tailnet:LOGIN`.
    fn of(owner: &'a Owner, text: &str) -> Option<Self> {
        let factors = &owner.factors;
        match text.split_once(':') {
            None if text == Method::Telegram.name() => {
                factors.telegram.as_ref().map(|link| Self::Telegram(&link.name))
            }
            None if text == Method::Totp.name() => factors.totp.map(|_| Self::Totp),
            Some(("passkey", id)) => {
                factors.passkeys.iter().find(|passkey| passkey.id == id).map(Self::Passkey)
            }
            Some(("tailnet", login)) => login.parse().ok().map(Self::Tailnet),
            _ => None,
        }
    }

    fn method(&self) -> Method {
        match self {
            Self::Telegram(_) => Method::Telegram,
            Self::Totp => Method::Totp,
            Self::Passkey(_) => Method::Passkey,
            Self::Tailnet(_) => Method::Tailnet,
        }
    }

    /// Its name, where it has one.
    fn name(&self) -> &str {
        match self {
            Self::Telegram(name) => name,
            Self::Totp => "",
            Self::Passkey(passkey) => &passkey.name,
            Self::Tailnet(login) => login.as_str(),
        }
    }
}

impl Door {
    /// `GET /account/factors/remove?factor=…`: what it means.
    pub async fn removal_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let query = Form::from_query(visit.query)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let asked = query.text("factor");
        let Some(thing) = Thing::of(&owner, asked) else { return Ok(self.to(urls::ACCOUNT)) };
        if let Err(why) = self.may_change(&owner, visit.now.wall) {
            return Ok(self.not_yet(why, urls::ACCOUNT));
        }
        Ok(self.removal(&owner, &thing, asked, Said::Nothing))
    }

    /// `POST /account/factors/remove`.
    pub async fn remove(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let asked = form.text("factor");
        let Some(thing) = Thing::of(&owner, asked) else { return Ok(self.to(urls::ACCOUNT)) };
        if let Err(why) = self.may_change(&owner, visit.now.wall) {
            return Ok(self.not_yet(why, urls::ACCOUNT));
        }
        match self.take_away(&owner, &visit, &thing, form.secret("password")).await {
            Ok(()) => Ok(self.to(urls::ACCOUNT)),
            Err(error) => Ok(self.removal(&owner, &thing, asked, Said::Refused(&error))),
        }
    }

    async fn take_away(
        &self,
        owner: &Owner,
        visit: &Visit<'_>,
        thing: &Thing<'_>,
        password: Secret,
    ) -> Result<(), Error> {
        let (user, now) = (owner.user.id, visit.now.wall);
        if asks_for_password(owner) {
            self.confirm(owner, visit, password).await?;
        }
        let (method, name) = (thing.method(), thing.name());
        let noticed =
            || owner.still(Write::new()).notice(user, &Notice::FactorRemoved(method, name.to_owned()), now);
        let write = match thing {
            Thing::Tailnet(login) => {
                let still = owner.still(Write::new());
                self.app.users.unlink(still, user, Some(login), owner.actor(), now).await?;
                return Ok(());
            }
            // The chat that is unlinked is told by this itself.
            Thing::Telegram(_) => TelegramLinks::unlink(owner.still(Write::new()), user, now),
            Thing::Totp => Totp::remove(noticed(), user),
            Thing::Passkey(passkey) => Passkeys::remove(noticed(), user, &passkey.id),
        };
        let entry = Entry::new(Event::FactorRemoved, owner.actor())
            .about(user)
            .from(visit.came.address)
            .with("method", method.name())
            .with("name", name);
        let write = SecondFactor::without_idle_codes(write, user).audit(entry, now);
        match self.app.store.write(write).await {
            // Somebody was faster: it is gone, or whoever asked is signed out.
            Ok(_) | Err(WriteError::Unexpected(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn removal(&self, owner: &Owner, thing: &Thing<'_>, asked: &str, said: Said<'_>) -> Response {
        let factors = &owner.factors;
        let count = usize::from(factors.telegram.is_some())
            + usize::from(factors.totp.is_some())
            + factors.passkeys.len();
        let page = Removal {
            username: owner.user.username.as_str(),
            method: thing.method(),
            name: thing.name(),
            asked,
            is_last: count == 1 && thing.method() != Method::Tailnet,
            asks_for_password: asks_for_password(owner),
            said,
        };
        pages::removal(&self.app.current.load().site, &page)
    }

    /// `GET /account/factors/passkey?id=…`: what it is called.
    pub async fn passkey_page(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let query = Form::from_query(visit.query)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let id = query.text("id");
        let passkey = owner.factors.passkeys.iter().find(|passkey| passkey.id == id);
        let Some(passkey) = passkey else { return Ok(self.to(urls::ACCOUNT)) };
        if let Err(why) = self.may_change(&owner, visit.now.wall) {
            return Ok(self.not_yet(why, urls::ACCOUNT));
        }
        let site = &self.app.current.load().site;
        Ok(pages::rename_passkey(site, &passkey.id, &passkey.name))
    }

    /// `POST /account/factors/passkey`: `id`, `name`.
    pub async fn rename_passkey(&self, visit: Visit<'_>, body: &[u8]) -> Result<Response, Error> {
        let form = self.form(&visit, body)?;
        let Some(owner) = self.owner(&visit).await? else { return Ok(self.to_sign_in()) };
        let (id, user, now) = (form.text("id"), owner.user.id, visit.now.wall);
        if let Err(why) = self.may_change(&owner, now) {
            return Ok(self.not_yet(why, urls::ACCOUNT));
        }
        let gone = Error::said(Kind::Conflict, "That passkey is not there any more.");
        if !owner.factors.passkeys.iter().any(|passkey| passkey.id == id) {
            return self.show(&owner, visit.now, Said::Refused(&gone)).await;
        }
        let entry = Entry::new(Event::FactorRenamed, owner.actor())
            .about(user)
            .from(visit.came.address)
            .with("method", Method::Passkey.name())
            .with("name", form.text("name"));
        let write =
            Passkeys::rename(owner.still(Write::new()), user, id, form.text("name")).audit(entry, now);
        match self.app.store.write(write).await {
            Ok(_) => Ok(self.to(urls::ACCOUNT)),
            Err(WriteError::Unexpected(_)) => self.show(&owner, visit.now, Said::Refused(&gone)).await,
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the password stands in for a factor, which there is none of.
fn asks_for_password(owner: &Owner) -> bool {
    !owner.factors.any() && owner.user.password.is_some()
}
