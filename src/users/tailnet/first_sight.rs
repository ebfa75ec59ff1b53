//! The first sight of a person of the tailnet: whose account they are from then on. Each outcome is one
//! write; who loses a race reads what the winner did. Never changes a link that counts, but for one whose
//! login an explicit link has given to somebody else.

use super::super::change::{ChangeError, NewUser};
use super::super::{User, Users};
use super::{AWAITED, How, TailnetLink, about, binding};
use crate::audit::{Event, Recorded as _};
use crate::clock::Wall;
use crate::identity::{Actor, Person, Role, TailnetLogin, UserId, Username};
use crate::store::{Row, Rows, Statement, StoreError, Write, WriteError, values};

/// How often a first sight is looked at again that met another one.
const TRIES: usize = 8;

static CONSUME: Statement =
    Statement::new("delete from tailnet_wish where login = $1 and account_id = $2 and ended_at is null");
pub(super) static CONFIGURED: Statement =
    Statement::new("select person from tailnet_link where tailnet = $1 and configured_login = $2");
static BIND_CONFIGURED: Statement = Statement::new(
    "insert into tailnet_link (tailnet, person, login, seen_login, configured_login, how, created_at) \
     values ($1, $2, $3, $3, $3, $4, $5)",
);

/// A person at first sight.
#[derive(Clone, Copy)]
struct Seen<'a> {
    person: &'a Person,
    login: &'a TailnetLogin,
    /// Whether explicit links are about such a person.
    is_awaited: bool,
    now: Wall,
}

impl Users {
    /// Whose account a person is who has no link, or one that has ended: the user that an explicit link
    /// waits for under this login; else `mapped`, the username that `[tailscale.users]` names for it; else
    /// with `auto_create` a new user with these roles, whose username is none that is `reserved`; else
    /// nobody.
    ///
    /// `person` is one of the own tailnet: an explicit link names a login there. A link that has ended is passed by an explicit one
    /// alone. Where `mapped` does not exist, or the login was bound by configuration to another person,
    /// this one is nobody and stays unknown.
    pub async fn first_sight(
        &self,
        person: &Person,
        mapped: Option<&Username>,
        auto_create: Option<&[Role]>,
        reserved: impl Fn(&Username) -> bool,
        now: Wall,
    ) -> Result<Option<UserId>, ChangeError> {
        let Ok(login) = person.login.parse::<TailnetLogin>() else { return Ok(None) };
        let seen = Seen { person, login: &login, is_awaited: true, now };
        self.settle(seen, mapped, auto_create, &reserved).await
    }

    /// The same of a person of another tailnet whom `[tailscale.shared]` names `mapped`. No explicit link
    /// is about them, and no user is made of them.
    pub async fn first_sight_of_shared(
        &self,
        person: &Person,
        mapped: &Username,
        now: Wall,
    ) -> Result<Option<UserId>, ChangeError> {
        let Ok(login) = person.login.parse::<TailnetLogin>() else { return Ok(None) };
        let seen = Seen { person, login: &login, is_awaited: false, now };
        self.settle(seen, Some(mapped), None, &|_| true).await
    }

    async fn settle(
        &self,
        seen: Seen<'_>,
        mapped: Option<&Username>,
        auto_create: Option<&[Role]>,
        reserved: &impl Fn(&Username) -> bool,
    ) -> Result<Option<UserId>, ChangeError> {
        for _ in 0..TRIES {
            match self.look(seen, mapped, auto_create, reserved).await {
                // Somebody was faster: what they did is there to be read.
                Err(ChangeError::Elsewhere(_)) => {}
                looked => return looked,
            }
        }
        Err(ChangeError::Elsewhere(0))
    }

    async fn look(
        &self,
        seen: Seen<'_>,
        mapped: Option<&Username>,
        auto_create: Option<&[Role]>,
        reserved: &impl Fn(&Username) -> bool,
    ) -> Result<Option<UserId>, ChangeError> {
        let link = self.tailnet_link(seen.person, seen.now).await?;
        if let Some(link) = link.as_ref().filter(|link| !link.ended) {
            return Ok(self.bound_already(link, seen.login, mapped).await?);
        }
        let wish = if seen.is_awaited { self.wish(seen.login).await? } else { None };
        if let Some(Awaiting { user, ended: false }) = wish {
            return self.consume(seen, user).await.map(Some);
        }
        if link.is_some() {
            return Ok(None);
        }
        if let Some(mapped) = mapped {
            return match self.named(mapped).await? {
                Some(user) => self.bind_configured(seen, &user).await,
                None => Ok(None),
            };
        }
        match auto_create {
            // Whom somebody took a link away from, or deleted, before they came, is not made anew.
            Some(roles) if wish.is_none() => self.make(seen, roles, reserved).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn bound_already(
        &self,
        link: &TailnetLink,
        login: &TailnetLogin,
        mapped: Option<&Username>,
    ) -> Result<Option<UserId>, StoreError> {
        match (link.account, mapped) {
            (Some(account), _) => Ok(Some(account)),
            (None, Some(mapped)) if link.login == login.as_str() => {
                Ok(self.named(mapped).await?.map(|user| user.id))
            }
            (None, _) => Ok(None),
        }
    }

    async fn named(&self, username: &Username) -> Result<Option<User>, StoreError> {
        self.by_login(username.as_str()).await
    }

    async fn consume(&self, seen: Seen<'_>, user: UserId) -> Result<UserId, ChangeError> {
        let Seen { person, login, now, .. } = seen;
        let write = Write::new().exec(&CONSUME, values![login.as_str(), user.to_string()]).expect(Rows::One);
        let mut write = binding(write, user, person, login.as_str(), How::Command, Actor::Aegis, now);
        for other in self.bound_under(login).await? {
            // Whoever had this login, and was not seen with another one since: it is somebody else's now.
            let had = other.login == login.as_str() && other.is_now(login);
            if had && *other.tailnet == *person.tailnet && other.person != person.id {
                write = other.ending(write, Actor::Aegis, now);
            }
        }
        self.store.write(write).await.map_err(raced)?;
        Ok(user)
    }

    async fn bind_configured(&self, seen: Seen<'_>, user: &User) -> Result<Option<UserId>, ChangeError> {
        let Seen { person, login, now, .. } = seen;
        if !self.store.get(&CONFIGURED, values![&*person.tailnet, login.as_str()]).await?.is_empty() {
            return Ok(None);
        }
        let how = How::Configuration.name();
        let entry = about(&person.tailnet, person.id, Event::TailnetLinked, Actor::Aegis, Some(user.id))
            .with("login", login.as_str())
            .with("how", how);
        let write = Write::new()
            .exec(&BIND_CONFIGURED, values![&*person.tailnet, person.id, login.as_str(), how, now])
            .expect(Rows::One)
            .audit(entry, now)
            .changed("user", user.id);
        self.store.write(write).await.map_err(raced)?;
        Ok(Some(user.id))
    }

    async fn make(
        &self,
        seen: Seen<'_>,
        roles: &[Role],
        reserved: &impl Fn(&Username) -> bool,
    ) -> Result<UserId, ChangeError> {
        let Seen { person, login, now, .. } = seen;
        let email = match login.email() {
            Some(email) if self.by_login(email.as_str()).await?.is_none() => Some(email),
            _ => None,
        };
        let new = NewUser {
            username: self.free(Username::from_login(login), reserved).await?,
            email,
            name: person.name.to_string(),
            roles: roles.to_vec(),
            administrator: false,
            active: true,
            password: None,
        };
        let (user, write) = Self::adding(Write::new(), &new, Actor::Aegis, now)?;
        let write = binding(write, user, person, login.as_str(), How::AutoCreate, Actor::Aegis, now);
        self.store.write(write).await.map_err(raced)?;
        Ok(user)
    }

    /// `wished`, or that with a number at its end, which nobody has or had.
    async fn free(
        &self,
        wished: Username,
        reserved: &impl Fn(&Username) -> bool,
    ) -> Result<Username, ChangeError> {
        let mut username = wished.clone();
        for number in 2..100 {
            if !reserved(&username) && !self.is_taken(&username).await? {
                return Ok(username);
            }
            username = wished.numbered(number);
        }
        Err(ChangeError::Taken)
    }

    /// Whom an explicit link waits for, or waited for, under that login.
    pub(super) async fn wish(&self, login: &TailnetLogin) -> Result<Option<Awaiting>, StoreError> {
        let rows = self.store.get(&AWAITED, values![login.as_str()]).await?;
        let awaiting =
            |row: &Row| Ok(Awaiting { user: row.parsed(0)?, ended: row.optional(1, Row::wall)?.is_some() });
        rows.first().map(awaiting).transpose()
    }
}

/// A login that is waited for, or is so no more.
#[derive(Clone, Copy)]
pub(super) struct Awaiting {
    pub(super) user: UserId,
    pub(super) ended: bool,
}

/// What is taken or otherwise than it was read was so by somebody faster.
fn raced(error: WriteError) -> ChangeError {
    match error {
        WriteError::Taken(step) | WriteError::Unexpected(step) => ChangeError::Elsewhere(step),
        other => ChangeError::Store(other),
    }
}
