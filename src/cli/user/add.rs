//! `aegis user add USER`.

use clap::Args;

use super::{password, roles};
use crate::cli::desk::{self, Desk};
use crate::cli::{Common, Failure, Outcome, out};
use crate::error::Fault;
use crate::identity::{Actor, Email, Role, Username};
use crate::password::StoredHash;
use crate::store::Write;
use crate::users::{ChangeError, Leaves, NAME_MOST, NewUser, User, is_display_name};

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A username or an e-mail; of an e-mail the username is made
    user: String,
    /// The e-mail
    #[arg(long)]
    email: Option<String>,
    /// The name that people read
    #[arg(long)]
    name: Option<String>,
    /// Roles for apps, by comma
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    roles: Option<Vec<String>>,
    /// Make them an administrator of Aegis
    #[arg(long)]
    admin: bool,
    /// Change the account if it is there already
    #[arg(long)]
    upsert: bool,
    #[arg(
        long,
        help = "Read the password from standard input, one line [default: $AEGIS_NEW_USER_PASSWORD; without either a link is printed]"
    )]
    password_stdin: bool,
}

/// What the account is to be.
struct Wanted<'a> {
    username: Username,
    /// The username was made from the e-mail: with a number at its end it is as good.
    is_made: bool,
    email: Option<Email>,
    roles: Option<Vec<Role>>,
    name: Option<&'a str>,
    admin: bool,
}

/// Makes the account, or with `--upsert` changes the one that is there.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let wanted = Wanted::read(arguments)?;
    let typed = if arguments.password_stdin { Some(password::from_stdin()?) } else { None };
    desk::begun(common, async |desk| {
        let there = desk.users.by_login(&arguments.user).await?;
        if let Some(user) = there.as_ref().filter(|_| !arguments.upsert) {
            let name = &user.username;
            return Err(Fault::new(format!("there is a user {name} already"))
                .hint(format!("`aegis user passwd {name}` sets a new password; --upsert changes the account"))
                .into());
        }
        if let Some(email) = &wanted.email
            && let Some(owner) = desk.users.by_login(email.as_str()).await?
            && there.as_ref().is_none_or(|user| user.id != owner.id)
        {
            return Err(Fault::new(format!("{email} is the e-mail of {}", owner.username))
                .hint("an e-mail belongs to one account")
                .into());
        }
        let given = typed.or_else(|| desk.settings.new_user_password.as_ref().map(|set| set.value.clone()));
        let hash = match given {
            None => None,
            Some(given) => {
                let username = there.as_ref().map_or(&wanted.username, |user| &user.username);
                let words = [username.as_str(), wanted.name.unwrap_or_default(), &arguments.user];
                let email = wanted.email.as_ref().map(Email::as_str);
                Some(password::accept(desk, given, words.into_iter().chain(email)).await?)
            }
        };
        match there {
            None => wanted.add(desk, hash).await,
            Some(user) => wanted.put(desk, user, hash).await,
        }
    })
}

impl<'a> Wanted<'a> {
    fn read(arguments: &'a Arguments) -> Result<Self, Failure> {
        let email = |text: &str| {
            text.parse::<Email>()
                .map_err(|error| Fault::new(format!("{text:?} is no e-mail")).hint(error.to_string()))
        };
        let mut address = arguments.email.as_deref().map(email).transpose()?;
        let is_made = arguments.user.contains('@');
        let username = if is_made {
            let own = email(&arguments.user)?;
            if address.as_ref().is_some_and(|other| *other != own) {
                return Err(Fault::new(format!("USER is {own} and --email is another"))
                    .hint("`aegis user add NAME --email E` names the username by itself")
                    .into());
            }
            let username = Username::from_email(&own);
            address = Some(own);
            username
        } else {
            arguments.user.parse().map_err(|error| {
                Fault::new(format!("{:?} is neither a username nor an e-mail", arguments.user))
                    .hint(format!("{error}"))
            })?
        };
        let roles = arguments.roles.as_deref().map(roles::read).transpose()?;
        let (name, admin) = (arguments.name.as_deref(), arguments.admin);
        if let Some(name) = name.filter(|name| !is_display_name(name)) {
            return Err(Fault::new(format!("the name {name:?} cannot be taken"))
                .hint(format!("one line of at most {NAME_MOST} characters"))
                .into());
        }
        Ok(Self { username, is_made, email: address, roles, name, admin })
    }

    /// Makes the account, and without a password the link.
    async fn add(self, desk: &Desk, hash: Option<StoredHash>) -> Outcome {
        let has_password = hash.is_some();
        let new = NewUser {
            username: self.username.clone(),
            email: self.email.clone(),
            name: self.name.unwrap_or_default().to_owned(),
            roles: self.roles.unwrap_or_default(),
            administrator: self.admin,
            active: true,
            password: hash,
        };
        let now = desk.now();
        let added = if self.is_made {
            desk.users.add_numbered(new, Actor::Command, now).await
        } else {
            let added = desk.users.add(Write::new(), new, Actor::Command, now).await;
            added.map(|id| (id, self.username.clone()))
        };
        let (id, username) = match added {
            Err(ChangeError::Taken) if desk.users.is_taken(&self.username).await? => {
                return Err(Fault::new(format!("the username {} was a deleted account's", self.username))
                    .hint("a username is never given to another account: choose a new one")
                    .into());
            }
            other => other?,
        };
        let email = self.email.map(|email| format!(" ({})", out::tame(email.as_str()))).unwrap_or_default();
        out::line(&format!("added {username}{email}"));
        if !has_password {
            password::show_link(&desk.password_link(id).await?);
        }
        Ok(())
    }

    /// Changes what is asked for of the account that is there. Each change is whole by itself; cut off
    /// between two, the same command again does the rest.
    async fn put(self, desk: &Desk, user: User, hash: Option<StoredHash>) -> Outcome {
        let (id, username) = (user.id, user.username.clone());
        let mut changed = Vec::new();
        if let Some(email) = self.email.filter(|email| user.email.as_ref() != Some(email)) {
            desk.users.set_email(id, &email, Actor::Command, desk.now()).await?;
            changed.push("e-mail");
        }
        if let Some(name) = self.name.filter(|name| *name != user.name) {
            desk.users.set_name(Write::new(), id, name, Actor::Command, desk.now()).await?;
            changed.push("name");
        }
        if let Some(mut wanted) = self.roles {
            wanted.sort();
            wanted.dedup();
            if *wanted != *user.roles {
                desk.users.set_roles(&user, &wanted, Actor::Command, desk.now()).await?;
                changed.push("roles");
            }
        }
        if let Some(hash) = hash {
            password::set(desk, &user, &hash).await?;
            changed.push("password");
        }
        if self.admin && !user.administrator {
            desk.users.set_administrator(id, true, Leaves::Perhaps, Actor::Command, desk.now()).await?;
            changed.push("administrator");
        }
        let what = if changed.is_empty() { "nothing".to_owned() } else { changed.join(", ") };
        let state = if user.active { "" } else { " (disabled)" };
        out::line(&format!("changed of {username}{state}: {what}"));
        Ok(())
    }
}
