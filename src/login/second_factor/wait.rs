//! The long poll of a page that waits. Owns what it is told.

use http::StatusCode;
use serde_json::json;

use super::super::{Door, Visit};
use crate::browser::Browser;
use crate::error::Error;
use crate::second_factor::challenge::{Asker, Challenge, Prompt, State};
use crate::web::{self, Response, forms, polls, urls};

impl Door {
    /// From now on nobody waits here.
    pub fn end(&self) {
        self.polls.end();
    }

    /// `GET /login/wait`: how far the sign-in of this browser has come, as soon as it has come further.
    pub async fn wait(&self, visit: Visit<'_>) -> Result<Response, Error> {
        let current = self.app.current.load_full();
        forms::same_origin(visit.headers, current.site.public_url())?;
        let Some(secret) = Browser::challenge(visit.headers) else { return Ok(told(None)) };
        let challenges = &self.sign_in.second_factor.challenges;
        let found = challenges.by_secret(secret, visit.now.wall).await?;
        let Some(challenge) = found.filter(|challenge| challenge.asker == Asker::Browser) else {
            return Ok(told(None));
        };
        let mut place = self.polls.place(challenge.id)?;
        tokio::select! {
            settled = challenges.settled(secret, &self.app.clock, polls::PATIENCE) => Ok(told(settled?.as_ref())),
            () = place.let_go() => Ok(told(Some(&challenge))),
        }
    }
}

/// What the page is told: the state, and where it goes if there is nothing to wait for any more. Somebody
/// who was approved presses the button, or lets script press it.
fn told(challenge: Option<&Challenge>) -> Response {
    let waits = |challenge: &&Challenge| {
        let is_asked = matches!(challenge.prompt, Prompt::Due | Prompt::Sent);
        challenge.state == State::Approved || (challenge.state == State::Pending && is_asked)
    };
    let state = challenge.map_or("over", |challenge| challenge.state.name());
    let answer = match challenge.filter(waits) {
        Some(_) => json!({ "state": state }),
        None => json!({ "state": state, "to": urls::LOGIN_APPROVE }),
    };
    web::json(StatusCode::OK, &answer)
}
