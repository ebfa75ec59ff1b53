//! The link that leads to the first second factor: good for whoever knows the account's password, too; or sets
//! it, where there is none.

use super::{Change, Door, NotDone, Sent};
use crate::browser::Browser;
use crate::error::{Error, Kind};
use crate::links::Purpose;
use crate::sign_in::Confirmed;
use crate::users::{User, Users};
use crate::web::Response;
use crate::web::forms::{self, Form};
use crate::web::pages::{self, Said};

impl Door {
    /// `GET /link/factor`.
    pub fn factor_page(&self) -> Response {
        pages::link_factor(&self.app.current.load().site, "", Said::Nothing)
    }

    /// `POST /link/factor`: the code and the password, for a session in which a factor may be added.
    pub async fn factor(&self, sent: Sent<'_>) -> Result<Response, Error> {
        let current = self.app.current.load();
        forms::same_origin(sent.headers, current.site.public_url())?;
        let form = Form::read(sent.headers, sent.body)?;
        match self.open_enrolment(&form, &sent).await {
            Ok(response) => Ok(response),
            Err(NotDone::Used) => Ok(pages::link_used(&current.site)),
            Err(NotDone::Again(error)) => {
                Ok(pages::link_factor(&current.site, form.text("code"), Said::Refused(&error)))
            }
        }
    }

    async fn open_enrolment(&self, form: &Form, sent: &Sent<'_>) -> Result<Response, NotDone> {
        let link = self.link(Purpose::Factor, form, sent.now).await?;
        let id = link.user.ok_or(NotDone::Used)?;
        let user = self.app.users.by_id(id).await?;
        let user = user.filter(|user| user.active).ok_or(NotDone::Used)?;
        // Said to whoever holds a link that counts, and to nobody else; the link stays good for later.
        if self.app.second_factor.of(id).await?.any() {
            return Ok(pages::link_done(&self.app.current.load().site, false));
        }
        let hash = if user.password.is_some() {
            self.confirm(&user, form, sent).await?;
            None
        } else {
            let mut own_words = vec!["aegis".to_owned(), user.username.to_string(), user.name.clone()];
            own_words.extend(user.email.as_ref().map(ToString::to_string));
            Some(self.app.sign_in.new_password(form.secret("password"), own_words).await?)
        };
        let now = self.app.clock.now().wall;
        let spent = link.spend(now);
        let (write, epoch) = match hash {
            Some(hash) => {
                let actor = crate::identity::Actor::User(id);
                (Users::setting_password(spent, &user, &hash, actor, now), user.epoch + 1)
            }
            None => (spent, user.epoch),
        };
        let change = Change::new(write, id, epoch, None, now).while_no_factor();
        self.admitted(change, |step| step == 1, sent, now).await
    }

    /// That whoever holds the link knows the password, too. A wrong one spends nothing but a guess.
    async fn confirm(&self, user: &User, form: &Form, sent: &Sent<'_>) -> Result<(), NotDone> {
        let (device, address, now) = (Browser::device(sent.headers), sent.came.address, sent.now.wall);
        let password = form.secret("password");
        let error = match self.app.sign_in.confirm(user, password, device, address, now).await? {
            Confirmed::Yes => return Ok(()),
            Confirmed::No => Error::said(Kind::Unprocessable, "That is not the password of this account."),
            Confirmed::TooMany(until) => Error::said(
                Kind::TooMany(now.until(until)),
                "Too many attempts from this address. Try again later.",
            ),
            Confirmed::Busy(wait) => Error::said(
                Kind::Unavailable(wait),
                "Many people are signing in right now. Please try again in a moment.",
            ),
        };
        Err(NotDone::Again(error))
    }
}
