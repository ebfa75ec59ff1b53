//! The long poll of a page that waits. Owns what it is told.

use http::StatusCode;
use serde_json::{Value, json};

use super::super::{Door, Visit};
use crate::browser::Browser;
use crate::error::Error;
use crate::second_factor::challenge::{Asker, Challenge, Prompt, State};
use crate::web::forms::{self, Form};
use crate::web::{self, Response, polls, urls};

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
        if !is_of(&challenge, visit.query) {
            return Ok(web::json(StatusCode::OK, &elsewhere(State::Superseded.name())));
        }
        let mut place = self.polls.place(challenge.id)?;
        tokio::select! {
            settled = challenges.settled(secret, &self.app.clock, polls::PATIENCE) => Ok(told(settled?.as_ref())),
            () = place.let_go() => Ok(told(Some(&challenge))),
        }
    }
}

/// Whether the page that asks shows this sign-in, and not the number of one that was begun before it in another
/// window of its browser. One that does not say is believed.
fn is_of(challenge: &Challenge, query: Option<&str>) -> bool {
    Form::from_query(query)
        .is_ok_and(|query| !query.has("of") || query.text("of") == challenge.id.to_string())
}

fn elsewhere(state: &str) -> Value {
    json!({ "state": state, "to": urls::LOGIN_APPROVE })
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
        None => elsewhere(state),
    };
    web::json(StatusCode::OK, &answer)
}
