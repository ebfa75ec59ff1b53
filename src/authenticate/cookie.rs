//! The cookie `aegis_token`. Owns what several of them mean: if all that count belong to one session
//! it is used, else none. Never refuses for a bad one: it counts as absent, and the visitor signs in anew.

use super::{Authenticate, Basis, Credential, Named, Scheme};
use crate::clock::Now;
use crate::forwarded::CredentialLines;
use crate::identity::{AppName, Part, Why};
use crate::web::cookies::{self, Cookie};

/// More than so many cookies of our name are nobody's honest doing.
const MOST: usize = 4;

/// Every value of our cookie, as it came, to be compared with those that are remembered.
pub(super) fn shown<'a>(lines: &CredentialLines<'a>) -> impl Iterator<Item = &'a [u8]> {
    cookies::raw(lines.cookies(), Cookie::Token(None).name())
}

/// The values of our cookie that may be tokens, in the order they came.
fn values<'a>(lines: &CredentialLines<'a>) -> impl Iterator<Item = &'a str> {
    cookies::plain(lines.cookies(), Cookie::Token(None).name())
}

pub(super) async fn find<'a>(
    authenticate: &Authenticate,
    lines: &CredentialLines<'a>,
    app: &AppName,
    now: Now,
) -> Scheme<'a> {
    if values(lines).nth(MOST).is_some() {
        return Scheme::Absent;
    }
    let mut answer = Scheme::Absent;
    for token in values(lines) {
        match authenticate.session_of(token, Some(app), now).await {
            Named::Session(session, handles, until) => {
                if let Scheme::Known(other) = &answer
                    && other.session != Some(session.id)
                {
                    return Scheme::Absent;
                }
                let credential = Credential::Cookie(token.as_bytes());
                answer = Scheme::Known(Box::new(Basis::of_session(credential, &session, handles, until)));
            }
            Named::Disabled => return Scheme::Refused(Why::Disabled),
            Named::Unanswered => return Scheme::Unanswered(Part::Store),
            Named::Nothing | Named::OtherApp => {}
        }
    }
    answer
}
