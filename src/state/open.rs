//! Opening the house: the data directory, the store, the keys, and the first administrator.
//! Never starts a thread that answers anybody; that is the server's.

use std::sync::Arc;

use super::{App, Prepared};
use crate::changes::Changes;
use crate::clock::Clock;
use crate::config::{BootstrapAdmin, Settings};
use crate::error::{Error, Fault, Faults, Kind};
use crate::identity::{Actor, Email, Username};
use crate::keys::Keys;
use crate::links::Purpose;
use crate::password::Passwords;
use crate::secret::Secret;
use crate::store::{DataDirectory, Store, StoreError};
use crate::users::{ChangeError, NewUser};

/// Why the administrator of `[bootstrap_admin]` was not added.
#[derive(Debug)]
pub enum NotSeeded {
    /// The settings ask for what cannot be.
    Settings(Fault),
    /// It did not work.
    Failed(Error),
}

impl From<StoreError> for NotSeeded {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// That `[bootstrap_admin]` can be somebody. How soon the password would be guessed is judged where it is
/// used: the word lists stay in memory, and most starts find the administrator there.
pub(super) fn bootstrap_admin(settings: &Settings) -> Result<(), Faults> {
    let Some(first) = &settings.bootstrap_admin else { return Ok(()) };
    let mut faults = Faults::default();
    if let Err(fault) = email_of(first) {
        faults.add(fault);
    }
    if let Err(weak) = Passwords::fits(&first.password.value) {
        faults.add(too_weak(first, &weak.to_string()));
    }
    faults.or(())
}

fn email_of(first: &BootstrapAdmin) -> Result<Email, Fault> {
    first.email.value.parse().map_err(|error| {
        let fault = Fault::new(format!("the first administrator's e-mail cannot be {:?}", first.email.value));
        first.email.fault(fault.hint(format!("{error}")))
    })
}

fn too_weak(first: &BootstrapAdmin, why: &str) -> Fault {
    first.password.fault(Fault::new("the first administrator's password is not taken").hint(why))
}

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
    pub async fn seed(&self, settings: &Settings) -> Result<(), NotSeeded> {
        let Some(first) = &settings.bootstrap_admin else { return Ok(()) };
        let email = email_of(first).map_err(NotSeeded::Settings)?;
        let there = self.users.by_login(email.as_str()).await;
        if there?.is_some() {
            return Ok(());
        }
        let words = vec!["aegis".to_owned(), email.to_string()];
        let password = first.password.value.clone();
        let hash = self.sign_in.new_password(password, words).await.map_err(|error| match error.kind {
            Kind::Unprocessable => NotSeeded::Settings(too_weak(first, &error.visitor)),
            _ => NotSeeded::Failed(error),
        })?;
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
            Err(error) => Err(NotSeeded::Failed(error.into())),
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
