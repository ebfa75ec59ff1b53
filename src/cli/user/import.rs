//! `aegis user import --from …`.

use std::collections::HashSet;

use clap::Args;
use serde::Serialize;

use crate::cli::desk::Desk;
use crate::cli::{Common, Failure, Outcome, desk, out};
use crate::error::Fault;
use crate::identity::{Actor, Email, Role, Username};
use crate::password::StoredHash;
use crate::store::Write;
use crate::users::NewUser;
use crate::users::import::{self, Imported};

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    #[arg(
        long,
        value_name = "SOURCE",
        help = "FILE.csv, FILE.json, postgresql://…, authelia:users_database.yml or tinyauth:.env"
    )]
    from: String,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What comes of one account.
enum Fate {
    /// It is added as this.
    New(Box<NewUser>),
    /// It is left out, because it is there already.
    There(String),
    /// It cannot be taken over.
    Refused(String),
}

/// One account in the table that is printed.
#[derive(Serialize)]
struct Shown<'a> {
    source: &'a str,
    username: Option<String>,
    email: Option<&'a str>,
    roles: Vec<&'a str>,
    active: bool,
    outcome: &'static str,
    why: Option<String>,
    notes: &'a [String],
}

/// Reads the accounts and adds those that are not there, each whole or not at all.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let from: import::From = arguments.from.parse().map_err(Failure::Failed)?;
    let accounts = desk::runtime()?.block_on(import::read(&from)).map_err(|mut faults| {
        faults.add(Fault::new("so nothing was imported").hint("mend that in the source, and import again"));
        Failure::Failed(faults)
    })?;
    if arguments.dry_run {
        // Before the first start nobody is there, and a look does not begin anything.
        return desk::if_there(common, async |desk| work(desk.ok(), &accounts, arguments).await);
    }
    desk::begun(common, async |desk| work(Some(desk), &accounts, arguments).await)
}

async fn work(desk: Option<&Desk>, accounts: &[Imported], arguments: &Arguments) -> Outcome {
    // Names that stand in the source come before names made from e-mails, whatever the order.
    let mut given: HashSet<Username> =
        accounts.iter().filter_map(|account| account.username.clone()).collect();
    let mut shown = Vec::with_capacity(accounts.len());
    for account in accounts {
        let fate = fate(desk, account, &mut given).await?;
        shown.push(match desk.filter(|_| !arguments.dry_run) {
            Some(desk) => shown_as(account, done(desk, fate).await, "added"),
            None => shown_as(account, fate, "to be added"),
        });
    }
    print(&shown, arguments.json)?;
    let refused = shown.iter().filter(|shown| shown.outcome == REFUSED).count();
    if refused == 0 {
        return Ok(());
    }
    Err(Fault::new(format!("{refused} of {} accounts cannot be imported", shown.len()))
        .hint("mend them in the source and import again: those that are there by then are left as they are")
        .into())
}

const THERE: &str = "there already";
const REFUSED: &str = "not possible";

/// What is to come of an account. `given` holds the usernames that others of this import have or get.
async fn fate(
    desk: Option<&Desk>,
    account: &Imported,
    given: &mut HashSet<Username>,
) -> Result<Fate, Failure> {
    for login in [account.email.as_ref().map(Email::as_str), account.username.as_ref().map(Username::as_str)]
    {
        if let (Some(desk), Some(login)) = (desk, login)
            && let Some(user) = desk.users.by_login(login).await?
        {
            return Ok(Fate::There(format!("as {}", user.username)));
        }
    }
    let password = match account.password.as_ref().map(|hash| StoredHash::parse(hash.reveal())).transpose() {
        Ok(password) => password,
        Err(error) => return Ok(Fate::Refused(error.to_string())),
    };
    let username = match (&account.username, &account.email) {
        (Some(username), _) if is_taken(desk, username).await? => {
            return Ok(Fate::Refused(format!("the username {username} was a deleted account's")));
        }
        (Some(username), _) => username.clone(),
        (None, Some(email)) => free(desk, &Username::from_email(email), given).await?,
        (None, None) => return Ok(Fate::Refused("it has neither a username nor an e-mail".to_owned())),
    };
    given.insert(username.clone());
    Ok(Fate::New(Box::new(NewUser {
        username,
        email: account.email.clone(),
        name: account.name.clone().unwrap_or_default(),
        roles: account.roles.clone(),
        administrator: false,
        active: account.active,
        password,
    })))
}

/// The name, with a number at its end if it is taken.
async fn free(
    desk: Option<&Desk>,
    wished: &Username,
    given: &HashSet<Username>,
) -> Result<Username, Failure> {
    let mut username = wished.clone();
    let mut number = 1;
    while given.contains(&username) || is_taken(desk, &username).await? {
        number += 1;
        username = wished.numbered(number);
    }
    Ok(username)
}

async fn is_taken(desk: Option<&Desk>, username: &Username) -> Result<bool, Failure> {
    match desk {
        Some(desk) => Ok(desk.users.is_taken(username).await?),
        None => Ok(false),
    }
}

/// Adds the account, if that is its fate. Whatever hinders it, the others have their turn.
async fn done(desk: &Desk, fate: Fate) -> Fate {
    let Fate::New(new) = fate else { return fate };
    match desk.users.add(Write::new(), (*new).clone(), Actor::Command, desk.now()).await {
        Ok(_) => Fate::New(new),
        Err(error) => Fate::Refused(error.to_string()),
    }
}

fn shown_as<'a>(account: &'a Imported, fate: Fate, added: &'static str) -> Shown<'a> {
    let named = account.username.as_ref().map(ToString::to_string);
    let (username, outcome, why) = match fate {
        Fate::New(new) => {
            let without = new.password.is_none().then(|| "it has no password yet".to_owned());
            (Some(new.username.to_string()), added, without)
        }
        Fate::There(why) => (named, THERE, Some(why)),
        Fate::Refused(why) => (named, REFUSED, Some(why)),
    };
    Shown {
        source: &account.source,
        username,
        email: account.email.as_ref().map(Email::as_str),
        roles: account.roles.iter().map(Role::as_str).collect(),
        active: account.active,
        outcome,
        why,
        notes: &account.notes,
    }
}

fn print(shown: &[Shown<'_>], json: bool) -> Outcome {
    if json {
        return out::json(&shown);
    }
    let row = |shown: &Shown<'_>| {
        let mut outcome = shown.outcome.to_owned();
        if !shown.active {
            outcome.push_str(", disabled");
        }
        if let Some(why) = &shown.why {
            outcome = format!("{outcome}: {why}");
        }
        [
            shown.source.to_owned(),
            shown.username.clone().unwrap_or_default(),
            shown.email.unwrap_or_default().to_owned(),
            shown.roles.join(","),
            outcome,
        ]
    };
    let rows: Vec<_> = shown.iter().map(row).collect();
    out::table(["from", "user", "e-mail", "roles", "outcome"], &rows);
    for shown in shown {
        for note in shown.notes {
            out::line(&out::tame(&format!("note: {}: {note}", shown.source)));
        }
    }
    Ok(())
}
