//! Changes to people. Owns [`NewUser`] and every write to an account; each is recorded and heard.
//! Never lets a change pass that met another state than it was made for.

use std::fmt;

use super::{User, Users};
use crate::audit::{Entry, Event, Recorded};
use crate::clock::Wall;
use crate::error::Error;
use crate::identity::{Actor, Email, Role, UserId, Username};
use crate::notices::{Notice, Noticed};
use crate::password::StoredHash;
use crate::store::{Rows, Statement, StoreError, Write, WriteError, values};
use crate::text::one_line;

/// Somebody to be added.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The name apps will know; must be free, also among the deleted.
    pub username: Username,
    /// Must be free where there is one.
    pub email: Option<Email>,
    /// The display name; may be empty.
    pub name: String,
    /// Roles for apps.
    pub roles: Vec<Role>,
    /// Administers Aegis.
    pub administrator: bool,
    /// May come in.
    pub active: bool,
    /// The hash of the password, where one is set already.
    pub password: Option<StoredHash>,
}

/// What a change must leave behind that takes somebody's way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// An active administrator, if the change takes one away.
    AnAdministrator,
    /// Perhaps nobody who administers Aegis.
    Perhaps,
}

/// Why a change did not happen. Nothing of it did.
#[derive(Debug)]
pub enum ChangeError {
    /// The username or e-mail belongs to somebody (or did).
    Taken,
    /// The roles take more room than a token has for them.
    TooManyRoles,
    /// It would have left no active administrator.
    LastAdministrator,
    /// Somebody else changed it first, or what was to be spent is spent. Carries the step's index.
    Elsewhere(usize),
    /// The store could not write.
    Store(WriteError),
}

impl fmt::Display for ChangeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => formatter.write_str("that username or e-mail is taken"),
            Self::TooManyRoles => write!(
                formatter,
                "so many roles fit no token: together they may have {ROLES_MOST} characters, three more for each"
            ),
            Self::LastAdministrator => formatter.write_str("nobody else is an active administrator"),
            Self::Elsewhere(_) => formatter.write_str("it was changed elsewhere in the meantime"),
            Self::Store(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for ChangeError {}

impl From<WriteError> for ChangeError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Taken(_) => Self::Taken,
            WriteError::Unexpected(step) => Self::Elsewhere(step),
            other => Self::Store(other),
        }
    }
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Store(match error {
            StoreError::Unavailable(why) => WriteError::Unavailable(why),
            StoreError::Broken(why) => WriteError::Broken(why),
        })
    }
}

impl From<ChangeError> for Error {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Taken => {
                Self::said(crate::error::Kind::Unprocessable, "That username or e-mail is taken.")
            }
            ChangeError::TooManyRoles => {
                Self::said(crate::error::Kind::Unprocessable, "So many roles fit no token.")
            }
            ChangeError::LastAdministrator => Self::said(
                crate::error::Kind::Conflict,
                "Nobody else is an active administrator. Make somebody one first.",
            ),
            ChangeError::Elsewhere(_) => Self::said(
                crate::error::Kind::Conflict,
                "This was changed elsewhere in the meantime. Load the page again.",
            ),
            ChangeError::Store(error) => Self::unavailable(error.to_string()),
        }
    }
}

static ADD: Statement = Statement::new(
    "insert into account (id, username, email, name, roles, administrator, active, epoch, password, \
     password_changed_at, created_at) values ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10)",
);
static SET_PASSWORD: Statement = Statement::new(
    "update account set password = $2, password_changed_at = $3, epoch = epoch + 1 \
     where id = $1 and epoch = $4 and deleted_at is null",
);
static SET_ROLES: Statement =
    Statement::new("update account set roles = $2 where id = $1 and roles = $3 and deleted_at is null");
static SET_EMAIL: Statement =
    Statement::new("update account set email = $2 where id = $1 and deleted_at is null");
static SET_NAME: Statement =
    Statement::new("update account set name = $2 where id = $1 and deleted_at is null");
static SET_ADMINISTRATOR: Statement = Statement::new(
    "update account set administrator = $2, epoch = epoch + 1 where id = $1 and deleted_at is null",
);
static SET_ACTIVE: Statement =
    Statement::new("update account set active = $2, epoch = epoch + 1 where id = $1 and deleted_at is null");
static DELETE: Statement = Statement::new(
    "update account set deleted_at = $2, active = false, administrator = false, epoch = epoch + 1, \
     email = null, password = null, name = '', roles = '' where id = $1 and deleted_at is null",
);
static AT_EPOCH: Statement = Statement::new(
    "select id from account where id = $1 and epoch = $2 and active = true and deleted_at is null",
);
static NEW_EPOCH: Statement =
    Statement::new("update account set epoch = epoch + 1 where id = $1 and deleted_at is null");
static NEW_EPOCHS: Statement =
    Statement::new("update account set epoch = epoch + 1 where deleted_at is null");
static ADMINISTRATOR_LEFT: Statement = Statement::new(
    "select id from account where deleted_at is null and case when id = $1 \
     then administrator = false or active = false else administrator = true and active = true end limit 1",
);

impl Users {
    /// Adds somebody. What `base` holds happens with it or not at all.
    pub async fn add(
        &self,
        base: Write,
        new: NewUser,
        actor: Actor,
        now: Wall,
    ) -> Result<UserId, ChangeError> {
        let (id, write) = Self::adding(base, &new, actor, now)?;
        self.store.write(write).await?;
        Ok(id)
    }

    /// The write that [`add`](Self::add)s somebody, to go with another; their epoch is then 0.
    pub fn adding(
        base: Write,
        new: &NewUser,
        actor: Actor,
        now: Wall,
    ) -> Result<(UserId, Write), ChangeError> {
        fit(&new.roles)?;
        let id = UserId::new();
        let entry = Entry::new(Event::UserAdded, actor)
            .about(id)
            .with("username", new.username.as_str())
            .with("administrator", new.administrator)
            .with("roles", joined(&new.roles));
        let has_password = new.password.is_some();
        let write = base
            .exec(
                &ADD,
                values![
                    id.to_string(),
                    new.username.as_str(),
                    new.email.as_ref().map(Email::as_str),
                    display_name(&new.name),
                    joined(&new.roles),
                    new.administrator,
                    new.active,
                    new.password.as_ref().map(StoredHash::as_str),
                    has_password.then_some(now),
                    now,
                ],
            )
            .expect(Rows::One)
            .audit(entry, now)
            .changed("user", id);
        Ok((id, write))
    }

    /// Adds to `base` that it happens only while nothing ended what was opened for `user`, as they were read.
    pub fn while_unchanged(base: Write, user: &User) -> Write {
        base.exec(&AT_EPOCH, values![user.id.to_string(), user.epoch]).expect(Rows::One)
    }

    /// Adds to `base` that nobody may be an active administrator when it happens.
    pub fn while_nobody_administers(base: Write) -> Write {
        base.exec(&super::ADMINISTRATORS, values![]).expect(Rows::None)
    }

    /// Adds somebody whose username is made from the e-mail: with a digit at its end if it is taken.
    pub async fn add_numbered(
        &self,
        mut new: NewUser,
        actor: Actor,
        now: Wall,
    ) -> Result<(UserId, Username), ChangeError> {
        let wished = new.username.clone();
        for number in 2..100 {
            match self.add(Write::new(), new.clone(), actor, now).await {
                Ok(id) => return Ok((id, new.username)),
                Err(ChangeError::Taken) => new.username = wished.numbered(number),
                Err(other) => return Err(other),
            }
        }
        Err(ChangeError::Taken)
    }

    /// Sets the password and ends every session. The user must still be as it was read.
    pub async fn set_password(
        &self,
        base: Write,
        user: &User,
        hash: &StoredHash,
        actor: Actor,
        now: Wall,
    ) -> Result<(), ChangeError> {
        self.store.write(Self::setting_password(base, user, hash, actor, now)).await?;
        Ok(())
    }

    /// The write that [`set_password`](Self::set_password) does, to go with another; the user's epoch is
    /// then one more than it was read.
    pub fn setting_password(base: Write, user: &User, hash: &StoredHash, actor: Actor, now: Wall) -> Write {
        base.exec(&SET_PASSWORD, values![user.id.to_string(), hash.as_str(), now, user.epoch])
            .expect(Rows::One)
            .audit(Entry::new(Event::PasswordChanged, actor).about(user.id), now)
            .notice(user.id, &Notice::PasswordChanged, now)
            .changed("user", user.id)
    }

    /// Replaces the roles. They must still be as they were read with `user`.
    pub async fn set_roles(
        &self,
        user: &User,
        roles: &[Role],
        actor: Actor,
        now: Wall,
    ) -> Result<(), ChangeError> {
        fit(roles)?;
        let entry = Entry::new(Event::RolesChanged, actor).about(user.id).with("roles", joined(roles));
        let write =
            Write::new().exec(&SET_ROLES, values![user.id.to_string(), joined(roles), joined(&user.roles)]);
        self.change(write, user.id, entry, now).await
    }

    /// Sets the e-mail, which must be free.
    pub async fn set_email(
        &self,
        user: UserId,
        email: &Email,
        actor: Actor,
        now: Wall,
    ) -> Result<(), ChangeError> {
        let entry = Entry::new(Event::EmailChanged, actor).about(user).with("email", email.as_str());
        let write = Write::new().exec(&SET_EMAIL, values![user.to_string(), email.as_str()]);
        self.change(write, user, entry, now).await
    }

    /// Sets the display name; empty takes it away.
    pub async fn set_name(
        &self,
        base: Write,
        user: UserId,
        name: &str,
        actor: Actor,
        now: Wall,
    ) -> Result<(), ChangeError> {
        let entry = Entry::new(Event::UserRenamed, actor).about(user);
        let write = base
            .notice(user, &Notice::NameChanged, now)
            .exec(&SET_NAME, values![user.to_string(), display_name(name)]);
        self.change(write, user, entry, now).await
    }

    /// Makes somebody an administrator, or not any more. Ends the user's sessions.
    pub async fn set_administrator(
        &self,
        user: UserId,
        administrator: bool,
        leaves: Leaves,
        actor: Actor,
        now: Wall,
    ) -> Result<(), ChangeError> {
        let entry =
            Entry::new(Event::AdministratorChanged, actor).about(user).with("administrator", administrator);
        let leaves = if administrator { Leaves::Perhaps } else { leaves };
        let write =
            Self::leaving(leaves, user).exec(&SET_ADMINISTRATOR, values![user.to_string(), administrator]);
        self.take_away(write, user, leaves, entry, now).await
    }

    /// Lets somebody in again, or no more. Ends the user's sessions.
    pub async fn set_active(
        &self,
        user: UserId,
        active: bool,
        leaves: Leaves,
        actor: Actor,
        now: Wall,
    ) -> Result<(), ChangeError> {
        let event = if active { Event::UserEnabled } else { Event::UserDisabled };
        let entry = Entry::new(event, actor).about(user);
        let leaves = if active { Leaves::Perhaps } else { leaves };
        let write = Self::leaving(leaves, user).exec(&SET_ACTIVE, values![user.to_string(), active]);
        self.take_away(write, user, leaves, entry, now).await
    }

    /// Takes everything of somebody away but the id and the username, which stay as a tombstone, as do
    /// the links to the tailnet. What other rooms keep of them goes by `also`, with it or not at all.
    pub async fn delete(
        &self,
        user: UserId,
        leaves: Leaves,
        also: impl FnOnce(Write) -> Write,
        actor: Actor,
        now: Wall,
    ) -> Result<(), ChangeError> {
        let entry = Entry::new(Event::UserDeleted, actor).about(user);
        let write = also(Self::ending_links(Self::leaving(leaves, user), user, now));
        self.take_away(write.exec(&DELETE, values![user.to_string(), now]), user, leaves, entry, now).await
    }

    /// Ends every session of somebody.
    pub async fn end_sessions(&self, user: UserId, actor: Actor, now: Wall) -> Result<(), ChangeError> {
        self.store.write(Self::ending_sessions(Write::new(), user, actor, now)).await?;
        Ok(())
    }

    /// Adds to `base` that every session of somebody ends, and every sign-in that waits.
    pub fn ending_sessions(base: Write, user: UserId, actor: Actor, now: Wall) -> Write {
        base.exec(&NEW_EPOCH, values![user.to_string()])
            .expect(Rows::One)
            .audit(Entry::new(Event::SessionsEnded, actor).about(user), now)
            .changed("user", user)
    }

    /// Ends every session of everybody.
    pub async fn end_all_sessions(&self, actor: Actor, now: Wall) -> Result<(), ChangeError> {
        // A kind that the feed does not know voids all that is remembered, which is what is meant.
        let write = Write::new()
            .exec(&NEW_EPOCHS, values![])
            .audit(Entry::new(Event::SessionsEnded, actor).with("of", "everybody"), now)
            .changed("everybody", "");
        self.store.write(write).await?;
        Ok(())
    }

    /// The beginning of a write that may end somebody's administration. What it must leave behind is asked
    /// in the same write, so that two of these at once cannot take the last two administrators.
    fn leaving(leaves: Leaves, user: UserId) -> Write {
        match leaves {
            Leaves::Perhaps => Write::new(),
            Leaves::AnAdministrator => {
                Write::new().exec(&ADMINISTRATOR_LEFT, values![user.to_string()]).expect(Rows::One)
            }
        }
    }

    /// Does a `write` that began with [`leaving`](Self::leaving).
    async fn take_away(
        &self,
        write: Write,
        user: UserId,
        leaves: Leaves,
        entry: Entry,
        now: Wall,
    ) -> Result<(), ChangeError> {
        match self.change(write, user, entry, now).await {
            Err(ChangeError::Elsewhere(0)) if leaves == Leaves::AnAdministrator => {
                Err(ChangeError::LastAdministrator)
            }
            changed => changed,
        }
    }

    async fn change(&self, write: Write, user: UserId, entry: Entry, now: Wall) -> Result<(), ChangeError> {
        let write = write.expect(Rows::One).audit(entry, now).changed("user", user);
        self.store.write(write).await?;
        Ok(())
    }
}

/// Roles as they are stored: sorted, once each, with commas between.
fn joined(roles: &[Role]) -> String {
    let mut names: Vec<&str> = roles.iter().map(Role::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.join(",")
}

/// The most characters that all roles of one account have, with three more for each: a token with
/// them stays below 4 KiB, which is all that a cookie holds.
const ROLES_MOST: usize = 1_250;

fn fit(roles: &[Role]) -> Result<(), ChangeError> {
    let size: usize = roles.iter().map(|role| role.as_str().len() + 3).sum();
    if size <= ROLES_MOST { Ok(()) } else { Err(ChangeError::TooManyRoles) }
}

/// The most characters of a display name.
pub const NAME_MOST: usize = 100;

/// A display name as it is stored: one line, at most [`NAME_MOST`] characters.
fn display_name(name: &str) -> String {
    one_line(name.trim(), NAME_MOST)
}

/// Whether nothing of a display name is lost when it is stored.
pub fn is_display_name(name: &str) -> bool {
    display_name(name) == name.trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    async fn added(users: &Users, username: &str) -> UserId {
        let new = NewUser {
            username: username.parse().unwrap(),
            email: None,
            name: String::new(),
            roles: Vec::new(),
            administrator: true,
            active: true,
            password: None,
        };
        users.add(Write::new(), new, Actor::Command, Wall(0)).await.unwrap()
    }

    #[tokio::test]
    async fn of_the_last_two_administrators_at_once_one_stays() {
        let place = tempfile::tempdir().unwrap();
        let users = Users::new(Store::open_beside(place.path()).unwrap());
        let (ann, bob) = (added(&users, "ann").await, added(&users, "bob").await);
        let (leaves, actor) = (Leaves::AnAdministrator, Actor::Command);
        let (one, other) = tokio::join!(
            users.set_active(ann, false, leaves, actor, Wall(1)),
            users.set_administrator(bob, false, leaves, actor, Wall(1)),
        );
        assert!(one.is_ok(), "the first: {one:?}");
        assert!(matches!(other, Err(ChangeError::LastAdministrator)), "the second: {other:?}");
        assert!(users.has_administrator().await.unwrap());
    }

    #[tokio::test]
    async fn roles_changed_meanwhile_are_not_overwritten() {
        let place = tempfile::tempdir().unwrap();
        let users = Users::new(Store::open_beside(place.path()).unwrap());
        let id = added(&users, "ann").await;
        let read = users.by_id(id).await.unwrap().unwrap();
        let (one, other) = (["a".parse().unwrap()], ["b".parse().unwrap()]);
        users.set_roles(&read, &one, Actor::Command, Wall(1)).await.unwrap();
        let late = users.set_roles(&read, &other, Actor::Command, Wall(2)).await;
        assert!(matches!(late, Err(ChangeError::Elsewhere(0))), "{late:?}");
    }
}
