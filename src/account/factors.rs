//! What every factor has in common that is added: the one write, and the session after it.

use super::{Door, Owner, Visit};
use crate::audit::{Entry, Event, Recorded};
use crate::error::{Error, Kind};
use crate::identity::Method;
use crate::notices::{Notice, Noticed};
use crate::second_factor::passkeys::Passkey;
use crate::second_factor::{Factors, Proof, SecondFactor};
use crate::sessions::{Session, Sessions};
use crate::users::ChangeError;
use crate::web::Response;
use crate::web::pages::{FactorLines, Offers, PasskeyLine, SinceLine};
use crate::web::urls;

/// What the page shows of them.
pub(super) fn lines<'a>(factors: &'a Factors, passkeys: &'a [PasskeyLine<'a>]) -> FactorLines<'a> {
    let telegram = factors.telegram.as_ref().map(|link| {
        (SinceLine { name: &link.name, since: link.created_at, used_at: None }, link.broken.is_some())
    });
    let totp = factors.totp.map(|app| SinceLine { name: "", since: app.created_at, used_at: app.used_at });
    FactorLines { telegram, totp, passkeys, recovery_codes: factors.recovery_codes }
}

pub(super) fn passkey_line(passkey: &Passkey) -> PasskeyLine<'_> {
    let Passkey { id, name, created_at, used_at } = passkey;
    PasskeyLine { id, line: SinceLine { name, since: *created_at, used_at: *used_at } }
}

impl Door {
    /// Which kinds of factor `owner` could add here.
    pub(super) fn offers(&self, owner: &Owner) -> Offers {
        Offers {
            telegram: self.app.bot_name().is_some() && owner.factors.telegram.is_none(),
            passkey: self.app.second_factor.passkeys.is_offered(),
            totp: owner.factors.totp.is_none(),
        }
    }

    /// Adds the factor that `proof` shows, which is called `name`. With the same write a session in which it
    /// was shown takes the place of this one; `response` carries its cookies.
    pub(super) async fn enrol(
        &self,
        owner: &Owner,
        session: &Session,
        visit: &Visit<'_>,
        (proof, name): (Proof, &str),
        mut response: Response,
    ) -> Result<Response, Error> {
        let (user, now, method) = (&owner.user, self.app.clock.now().wall, proof.method);
        let entry = Entry::new(Event::FactorAdded, owner.actor())
            .about(user.id)
            .from(visit.came.address)
            .with("method", method.name())
            .with("name", name);
        let write = Sessions::while_live(proof.write, session.id);
        let write = if owner.factors.any() {
            write
        } else {
            // What lets the first one be added lets no second one be, whatever comes at the same moment.
            SecondFactor::while_none(write, user.id)
        };
        let write = write.audit(entry, now);
        let write = match method {
            // The proof itself tells both chats, the one that was linked before and the one that is.
            Method::Telegram => write,
            _ => write.notice(user.id, &Notice::FactorAdded(method, name.to_owned()), now),
        };
        let methods = method.after(&session.identity.methods);
        let arrival = self.staying(visit, session).await?;
        let account = (user.id, user.epoch);
        let signed = match self.app.sign_in.admit(write, account, &methods, arrival, now).await {
            Ok(signed) => signed,
            Err(ChangeError::Elsewhere(_) | ChangeError::Taken) => {
                return Err(Error::said(
                    Kind::Conflict,
                    "Your account was changed at the same moment, and this was not added. Look at what is there now.",
                ));
            }
            Err(error) => return Err(error.into()),
        };
        let domain = &self.app.current.load().cookie_domain;
        self.browser.welcome(&mut response, &signed, session.keep, domain.as_ref(), now)?;
        Ok(response)
    }

    /// Where somebody goes who has just added a factor: to their recovery codes, if they have none.
    pub(super) fn after_enrolment(owner: &Owner) -> &'static str {
        if owner.factors.recovery_codes == 0 { urls::ACCOUNT_RECOVERY } else { urls::ACCOUNT }
    }
}
