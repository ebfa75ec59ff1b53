//! The long poll of a page that waits. Owns how many may wait at once, and that all are let go when the
//! server ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::watch;

use super::super::{Door, Visit};
use crate::browser::Browser;
use crate::error::{Error, Kind};
use crate::identity::ChallengeId;
use crate::second_factor::challenge::{Asker, Challenge, Prompt, State};
use crate::web::{self, Response, forms, urls};

/// How long one may take: proxies give up after half a minute.
const PATIENCE: Duration = Duration::from_secs(25);
/// How many may wait at once.
const MOST: usize = 256;
/// How many for one sign-in: a page, its copies, and what a browser left behind.
const MOST_OF_ONE: usize = 4;
/// When who was sent away may come again.
const COME_AGAIN: Duration = Duration::from_secs(5);

/// The polls that wait.
pub(in super::super) struct Polls {
    waiting: Arc<Mutex<HashMap<ChallengeId, usize>>>,
    ending: watch::Sender<bool>,
}

/// A place among them, given up when it is dropped.
struct Place {
    waiting: Arc<Mutex<HashMap<ChallengeId, usize>>>,
    id: ChallengeId,
}

impl Default for Polls {
    fn default() -> Self {
        Self { waiting: Arc::default(), ending: watch::Sender::new(false) }
    }
}

impl Polls {
    /// Lets all go who wait, and nobody wait any more.
    pub(in super::super) fn end(&self) {
        self.ending.send_replace(true);
    }

    fn place(&self, id: ChallengeId) -> Option<Place> {
        let mut waiting = self.waiting.lock();
        if waiting.values().sum::<usize>() >= MOST {
            return None;
        }
        let own = waiting.entry(id).or_default();
        if *own >= MOST_OF_ONE {
            return None;
        }
        *own += 1;
        drop(waiting);
        Some(Place { waiting: self.waiting.clone(), id })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock();
        if let Some(own) = waiting.get_mut(&self.id) {
            *own -= 1;
            if *own == 0 {
                waiting.remove(&self.id);
            }
        }
    }
}

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
        let Some(_place) = self.polls.place(challenge.id) else {
            return Err(Error::said(Kind::TooMany(COME_AGAIN), "Too many pages wait at once."));
        };
        let mut ending = self.polls.ending.subscribe();
        tokio::select! {
            settled = challenges.settled(secret, &self.app.clock, PATIENCE) => Ok(told(settled?.as_ref())),
            _ends = ending.wait_for(|ends| *ends) => Ok(told(Some(&challenge))),
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
