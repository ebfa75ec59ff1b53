//! Where commands work: the data, opened beside a server that may be running, which hears of every
//! change within a second.

use std::path::Path;

use super::{Common, Failure, Outcome, settings};
use crate::api_tokens::ApiTokens;
use crate::attempts::Attempts;
use crate::clock::{Clock, Wall};
use crate::config::Settings;
use crate::error::Fault;
use crate::identity::{Actor, UserId};
use crate::links::{Links, Purpose};
use crate::sessions::Sessions;
use crate::state::App;
use crate::store::Store;
use crate::telegram;
use crate::users::{User, Users};
use crate::web::{Site, urls};

/// What a command has before it.
pub(super) struct Desk {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) users: Users,
    pub(super) sessions: Sessions,
    pub(super) api_tokens: ApiTokens,
    pub(super) attempts: Attempts,
    pub(super) links: Links,
    /// The bot on Telegram, where there is one.
    pub(super) telegram: Option<telegram::Options>,
    site: Site,
}

/// Works on the data that are there; where there never were any, that is said and nothing is made.
pub(super) fn existing(common: &Common, work: impl AsyncFnOnce(&Desk) -> Outcome) -> Outcome {
    if_there(common, async |desk| match desk {
        Ok(desk) => work(desk).await,
        Err(fault) => Err(fault.into()),
    })
}

/// Works on the data that are there, or gets the fault that says there never were any.
pub(super) fn if_there(common: &Common, work: impl AsyncFnOnce(Result<&Desk, Fault>) -> Outcome) -> Outcome {
    open(common, Store::open_existing, work)
}

/// Works on the data; the first command of all begins them.
pub(super) fn begun(common: &Common, work: impl AsyncFnOnce(&Desk) -> Outcome) -> Outcome {
    open(
        common,
        |data_dir| Store::open_beside(data_dir).map(Some),
        async |desk| match desk {
            Ok(desk) => work(desk).await,
            Err(fault) => Err(fault.into()),
        },
    )
}

fn open(
    common: &Common,
    open: impl FnOnce(&Path) -> Result<Option<Store>, Fault>,
    work: impl AsyncFnOnce(Result<&Desk, Fault>) -> Outcome,
) -> Outcome {
    let settings = settings::read(common, &[])?;
    let prepared = App::prepare(&settings).map_err(Failure::Configuration)?;
    let data_dir = &prepared.fixed.data_dir;
    let desk = match open(data_dir)? {
        None => Err(Fault::new("there are no data of Aegis here yet")
            .hint("is it the right directory? see --data-dir; `aegis serve` or `aegis user add` begins new data")
            .at(data_dir, None)),
        Some(store) => Ok(Desk {
            clock: Clock::system(),
            users: Users::new(store.clone()),
            sessions: Sessions::new(store.clone(), prepared.fixed.session_lifetimes()),
            api_tokens: ApiTokens::new(store.clone()),
            attempts: Attempts::new(store.clone()),
            links: Links::new(store.clone()),
            store,
            telegram: prepared.fixed.telegram.map(|(options, _mode)| options),
            site: prepared.current.site,
            settings,
        }),
    };
    runtime()?.block_on(async {
        let outcome = work(desk.as_ref().map_err(Clone::clone)).await;
        if let Ok(desk) = &desk {
            desk.store.close().await;
        }
        outcome
    })
}

/// That there is nobody of that username or e-mail.
pub(super) fn nobody(login: &str) -> Fault {
    Fault::new(format!("there is no user {login:?}")).hint("`aegis user list` shows them all")
}

/// What a command waits with.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::said(format!("cannot start: {error}")))
}

impl Desk {
    /// The time of day.
    pub(super) fn now(&self) -> Wall {
        self.clock.now().wall
    }

    /// Our own site.
    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// The user of that username or e-mail.
    pub(super) async fn user(&self, login: &str) -> Result<User, Failure> {
        let user = self.users.by_login(login).await?;
        user.ok_or_else(|| nobody(login).into())
    }

    /// A new link on which somebody chooses a password. One from before is void.
    pub(super) async fn password_link(&self, user: UserId) -> Result<String, Failure> {
        self.link(Purpose::Password, Some(user), urls::LINK_PASSWORD).await
    }

    /// A new link on which somebody adds their first second factor. One from before is void.
    pub(super) async fn factor_link(&self, user: UserId) -> Result<String, Failure> {
        self.link(Purpose::Factor, Some(user), urls::LINK_FACTOR).await
    }

    /// A new link on which the first administrator is made. One from before is void.
    pub(super) async fn setup_link(&self) -> Result<String, Failure> {
        self.link(Purpose::SetUp, None, urls::LINK_SETUP).await
    }

    async fn link(&self, purpose: Purpose, user: Option<UserId>, page: &str) -> Result<String, Failure> {
        let code = self.links.make(purpose, user, Actor::Command, self.now()).await?;
        Ok(format!("{}#{}", self.site.absolute(page), code.reveal()))
    }
}
