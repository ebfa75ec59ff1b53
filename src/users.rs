//! People: their names, roles, passwords and whether they may come in.
//!
//! Promises: each change is one write with its entry in the record and its row in the change feed;
//! a username is never given to another account, even after deletion; nothing but the record itself
//! makes an administrator. Never: opens a session, checks a password.

mod change;
pub mod import;
mod tailnet;

pub use change::{ChangeError, Leaves, NAME_MOST, NewUser, is_display_name};
pub use tailnet::{Awaited, Bound, Foreseen, Standing, TailnetLink, TailnetLinks, Wish};

use std::sync::Arc;

use crate::clock::Wall;
use crate::identity::{Assurance, Email, Identity, Method, Role, SessionId, UserId, Username};
use crate::password::StoredHash;
use crate::store::{Row, Statement, Store, StoreError, values};

/// One person, as recorded.
#[derive(Clone, Debug)]
pub struct User {
    /// For ever the same.
    pub id: UserId,
    /// Unique.
    pub username: Username,
    /// Unique where there is one.
    pub email: Option<Email>,
    /// The display name; empty where there is none.
    pub name: String,
    /// Sorted.
    pub roles: Arc<[Role]>,
    /// Administers Aegis.
    pub administrator: bool,
    /// May come in.
    pub active: bool,
    /// Sessions of an older epoch are over.
    pub epoch: i64,
    /// The stored hash, where a password was set.
    pub password: Option<StoredHash>,
    /// When that was.
    pub password_changed_at: Option<Wall>,
    /// When the account was made.
    pub created_at: Wall,
}

impl User {
    /// Who this is in a session opened `at`, by `methods`.
    pub fn identity(&self, session: SessionId, methods: &[Method], at: Wall) -> Identity {
        Identity {
            administrator: self.administrator,
            authenticated_at: Some(at),
            session: Some(session),
            ..self.recognised(methods, Assurance::of(methods))
        }
    }

    /// Who this is on a device of the tailnet: no session, no fresh factor, and no administrator by that.
    pub fn on_tailnet(&self, assurance: Assurance) -> Identity {
        self.recognised(&[Method::Tailnet], assurance)
    }

    /// Who this is by an API token of theirs: no session, no fresh factor, and no administrator by that.
    pub fn by_token(&self) -> Identity {
        self.recognised(&[Method::Token], Assurance::of(&[Method::Token]))
    }

    fn recognised(&self, methods: &[Method], assurance: Assurance) -> Identity {
        Identity {
            user: self.id,
            username: self.username.clone(),
            email: self.email.clone(),
            name: if self.name.is_empty() { self.username.as_str() } else { &self.name }.into(),
            roles: self.roles.clone(),
            administrator: false,
            methods: methods.into(),
            assurance,
            authenticated_at: None,
            session: None,
        }
    }
}

/// People, in the store.
#[derive(Clone)]
pub struct Users {
    store: Store,
}

/// How many are read at once where all are.
const PAGE: u16 = 5_000;

static BY_ID: Statement = Statement::new(
    "select id, username, email, name, roles, administrator, active, epoch, password, \
     password_changed_at, created_at from account where id = $1 and deleted_at is null",
);
static BY_USERNAME: Statement = Statement::new(
    "select id, username, email, name, roles, administrator, active, epoch, password, \
     password_changed_at, created_at from account where username = $1 and deleted_at is null",
);
static BY_EMAIL: Statement = Statement::new(
    "select id, username, email, name, roles, administrator, active, epoch, password, \
     password_changed_at, created_at from account where email = $1 and deleted_at is null",
);
static LIST: Statement = Statement::new(
    "select id, username, email, name, roles, administrator, active, epoch, password, \
     password_changed_at, created_at from account where deleted_at is null and username > $1 \
     order by username limit $2",
);
static TAKEN: Statement = Statement::new("select id from account where username = $1");
static ADMINISTRATORS: Statement = Statement::new(
    "select id from account where administrator = true and active = true and deleted_at is null limit 1",
);

impl Users {
    /// The people in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The user of that id.
    pub async fn by_id(&self, id: UserId) -> Result<Option<User>, StoreError> {
        one(&self.store.get(&BY_ID, values![id.to_string()]).await?)
    }

    /// The user of that username or e-mail, in any case of letters. A username holds no `@`, so
    /// the two cannot be confused.
    pub async fn by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        let login = login.trim();
        if let Ok(email) = login.parse::<Email>() {
            return one(&self.store.get(&BY_EMAIL, values![email.as_str()]).await?);
        }
        match login.to_lowercase().parse::<Username>() {
            Ok(username) => one(&self.store.get(&BY_USERNAME, values![username.as_str()]).await?),
            Err(_) => Ok(None),
        }
    }

    /// Everybody, by username.
    pub async fn list(&self) -> Result<Vec<User>, StoreError> {
        let mut users: Vec<User> = Vec::new();
        loop {
            let last = users.last().map_or("", |user| user.username.as_str());
            let page = self.store.scan(&LIST, values![last, i64::from(PAGE)]).await?;
            let is_last = page.len() < usize::from(PAGE);
            users.extend(page.iter().map(user).collect::<Result<Vec<_>, _>>()?);
            if is_last {
                return Ok(users);
            }
        }
    }

    /// Whether somebody has that username, or had it: it is never given again.
    pub async fn is_taken(&self, username: &Username) -> Result<bool, StoreError> {
        Ok(!self.store.get(&TAKEN, values![username.as_str()]).await?.is_empty())
    }

    /// Whether an active administrator exists.
    pub async fn has_administrator(&self) -> Result<bool, StoreError> {
        Ok(!self.store.get(&ADMINISTRATORS, values![]).await?.is_empty())
    }
}

fn one(rows: &[Row]) -> Result<Option<User>, StoreError> {
    rows.first().map(user).transpose()
}

fn user(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.parsed(0)?,
        username: row.parsed(1)?,
        email: row.optional(2, Row::parsed)?,
        name: row.text(3)?.to_owned(),
        roles: roles(row.text(4)?)?,
        administrator: row.bool(5)?,
        active: row.bool(6)?,
        epoch: row.integer(7)?,
        password: row
            .optional(8, Row::text)?
            .map(|text| {
                StoredHash::parse(text)
                    .map_err(|_| StoreError::Broken("a stored password is not a hash".to_owned()))
            })
            .transpose()?,
        password_changed_at: row.optional(9, Row::wall)?,
        created_at: row.wall(10)?,
    })
}

fn roles(text: &str) -> Result<Arc<[Role]>, StoreError> {
    text.split(',')
        .filter(|role| !role.is_empty())
        .map(|role| role.parse().map_err(|_| StoreError::Broken("a stored role is none".to_owned())))
        .collect()
}
