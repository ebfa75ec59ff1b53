//! API tokens, wherever they are shown. Owns what a well-formed one is worth: whose it is, and what it is
//! for. Never judges a method or a path: what a token is for goes along with who it is.

use super::{Authenticate, Basis, Credential, Handles, Scheme};
use crate::api_tokens::{ApiToken, Fingerprint};
use crate::clock::{Now, Wall};
use crate::identity::{AppName, Part, Why};
use crate::store::StoreError;
use crate::users::User;

pub(super) async fn find<'a>(
    authenticate: &Authenticate,
    fingerprint: Fingerprint,
    app: &AppName,
    now: Now,
) -> Scheme<'a> {
    let (token, owner, handles) = match named(authenticate, &fingerprint, now.wall).await {
        Ok(Some(named)) => named,
        Ok(None) => return Scheme::Refused(Why::Invalid),
        Err(error) => {
            authenticate.tell_of_unanswered(&error, now.mono);
            return Scheme::Unanswered(Part::Store);
        }
    };
    if !owner.active {
        return Scheme::Refused(Why::Disabled);
    }
    if !token.scope.is_for(app) {
        return Scheme::Refused(Why::Audience);
    }
    authenticate.api_tokens.touch(token.id, now.wall);
    Scheme::Known(Box::new(Basis {
        credential: Credential::ApiToken(fingerprint),
        identity: owner.by_token().into(),
        scope: Some(token.scope),
        until: token.expires_at.unwrap_or(Wall(i64::MAX)),
        until_mono: None,
        session: None,
        handles,
    }))
}

/// The token, if it is one that was not revoked and has not run out, and its owner.
async fn named(
    authenticate: &Authenticate,
    fingerprint: &Fingerprint,
    now: Wall,
) -> Result<Option<(ApiToken, User, Handles)>, StoreError> {
    let Authenticate { api_tokens, users, changes, .. } = authenticate;
    let generation = changes.generation();
    // Whose it is and what it is called never changes. Once that is known the flags can be taken, and only
    // what is read after them counts.
    let Some(ApiToken { id, user, .. }) = api_tokens.by_fingerprint(fingerprint, now).await? else {
        return Ok(None);
    };
    let handles = Handles {
        generation,
        user: changes.live_user(user),
        own: Some(changes.live_api_token(id)),
        tailnet: None,
    };
    let (token, owner) = (api_tokens.by_fingerprint(fingerprint, now).await?, users.by_id(user).await?);
    Ok(token.zip(owner).map(|(token, owner)| (token, owner, handles)))
}
