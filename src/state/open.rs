//! Opening the house: the data directory, the store, the keys, and the first administrator.
//! Never starts a thread that answers anybody; that is the server's.

use std::sync::Arc;

use super::{App, Prepared};
use crate::changes::Changes;
use crate::clock::Clock;
use crate::config::Settings;
use crate::error::{Error, Fault};
use crate::identity::{Actor, Email, Username};
use crate::keys::Keys;
use crate::links::Purpose;
use crate::secret::Secret;
use crate::store::{DataDirectory, Store};
use crate::users::{ChangeError, NewUser};

impl App {
    /// Opens everything that `prepared` was checked for. Nobody else may serve from the same directory.
    pub fn open(prepared: Prepared, settings: &Settings, clock: Clock) -> Result<Arc<Self>, Fault> {
        let directory = DataDirectory::claim(&prepared.fixed.data_dir)?;
        let changes = Changes::new(clock.clone());
        let heard = changes.clone();
        let store = Store::open_claimed(directory, Arc::new(move |rows| heard.apply(rows)))?;
        let keys = Keys::open(&prepared.fixed.data_dir, &settings.token, clock.now().wall)?;
        Self::build(prepared, clock, store, changes, keys)
    }

    /// Adds the administrator of `BOOTSTRAP_ADMIN_EMAIL`, unless somebody has that address already.
    pub async fn seed(&self, settings: &Settings) -> Result<(), Error> {
        let Some(first) = &settings.bootstrap_admin else { return Ok(()) };
        let told = |text: String| Error::said(crate::error::Kind::Unprocessable, text);
        let email: Email = first
            .email
            .value
            .parse()
            .map_err(|error| told(format!("BOOTSTRAP_ADMIN_EMAIL {:?}: {error}", first.email.value)))?;
        let there = self.users.by_login(email.as_str()).await;
        if there?.is_some() {
            return Ok(());
        }
        let words = vec!["aegis".to_owned(), email.to_string()];
        let password = first.password.value.clone();
        let hash = self
            .sign_in
            .new_password(password, words)
            .await
            .map_err(|error| told(format!("BOOTSTRAP_ADMIN_PASSWORD: {}", error.visitor)))?;
        let new = NewUser {
            username: Username::from_email(&email),
            email: Some(email),
            name: String::new(),
            roles: Vec::new(),
            administrator: true,
            active: true,
            password: Some(hash),
        };
        let now = self.clock.now().wall;
        match self.users.add_numbered(new, Actor::Aegis, now).await {
            Ok((_, username)) => {
                tracing::info!(
                    event = "user.seeded",
                    username = %username,
                    "the first administrator was added; `aegis user link-factor {username}` prints the link on which they add a second factor"
                );
                Ok(())
            }
            Err(ChangeError::Taken) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The code of a new set-up link, if no active administrator exists.
    pub async fn first_link(&self) -> Result<Option<Secret>, Error> {
        let there = self.users.has_administrator().await;
        if there? {
            return Ok(None);
        }
        let now = self.clock.now().wall;
        Ok(Some(self.links.make(Purpose::SetUp, None, Actor::Aegis, now).await?))
    }
}
