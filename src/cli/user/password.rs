//! How commands come by a password, and what they do with it. Never prints one.

use std::io::{BufRead as _, Read as _, stdin};

use zeroize::Zeroizing;

use crate::cli::desk::Desk;
use crate::cli::{Failure, Outcome, out};
use crate::error::Fault;
use crate::identity::Actor;
use crate::password::{Busy, LONGEST, Passwords, StoredHash};
use crate::secret::Secret;
use crate::users::User;

/// The first line of standard input, without its end.
pub(super) fn from_stdin() -> Result<Secret, Failure> {
    // One byte more than can be accepted, and the line's end: a longer one is seen to be too long.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST + 3));
    stdin()
        .lock()
        .take(LONGEST as u64 + 3)
        .read_until(b'\n', &mut line)
        .map_err(|error| Failure::said(format!("standard input cannot be read: {error}")))?;
    let text = line.strip_suffix(b"\n").unwrap_or(&line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.is_empty() {
        return Err(Fault::new("there is no password on standard input")
            .hint("one line, such as `pass show aegis/sam | aegis user passwd sam --password-stdin`")
            .into());
    }
    std::str::from_utf8(text).map(Secret::new).map_err(|_| {
        Fault::new("the password on standard input is not UTF-8").hint("send it as UTF-8").into()
    })
}

/// The hash of a password that is good enough, also against who knows these words.
pub(super) async fn accept<'a>(
    desk: &Desk,
    password: Secret,
    own_words: impl Iterator<Item = &'a str>,
) -> Result<StoredHash, Failure> {
    let busy = |_: Busy| Failure::said("the password could not be hashed: there is too little memory");
    let passwords = Passwords::start(1, desk.clock.clone())?;
    let words = std::iter::once("aegis").chain(own_words).map(str::to_owned).collect();
    match passwords.judge(&password, words).await.map_err(busy)? {
        Ok(accepted) => passwords.hash(accepted).await.map_err(busy),
        Err(weak) => Err(Fault::new("the password is not taken").hint(weak.to_string()).into()),
    }
}

/// Sets somebody's password. Their sessions end, and a link on which to choose one is void.
pub(super) async fn set(desk: &Desk, user: &User, hash: &StoredHash) -> Outcome {
    let now = desk.now();
    desk.users.set_password(desk.links.void(user.id, now), user, hash, Actor::Command, now).await?;
    Ok(())
}

/// Prints a link on which somebody chooses a password.
pub(in crate::cli) fn show_link(link: &str) {
    out::line("Give them this link to choose a password (7 days, one use):");
    out::line(link);
}
