//! `aegis user passwd USER`.

use clap::Args;

use super::password;
use crate::cli::{Common, Outcome, desk, out};
use crate::identity::Email;

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A username or an e-mail
    user: String,
    /// Read the password from standard input, one line; without it a link is printed
    #[arg(long)]
    password_stdin: bool,
}

/// Sets the password, or prints a link.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let typed = if arguments.password_stdin { Some(password::from_stdin()?) } else { None };
    desk::existing(common, async |desk| {
        let user = desk.user(&arguments.user).await?;
        let name = &user.username;
        match typed {
            Some(typed) => {
                let words = [name.as_str(), &user.name].into_iter();
                let words = words.chain(user.email.as_ref().map(Email::as_str));
                let hash = password::accept(desk, typed, words).await?;
                password::set(desk, &user, &hash).await?;
                out::line(&format!("the password of {name} is set; {name} is signed out everywhere"));
            }
            None => password::show_link(&desk.password_link(user.id).await?),
        }
        if !user.active {
            out::line(&format!("{name} is disabled: nothing opens before `aegis user enable {name}`"));
        }
        Ok(())
    })
}
