//! `aegis user show USER`.

use clap::Args;
use serde::Serialize;

use super::shown::Shown;
use super::{link, roles};
use crate::cli::desk::{self, Desk};
use crate::cli::{Common, Failure, Outcome, out};
use crate::clock::Wall;
use crate::second_factor::{Held, held_by_all};
use crate::users::User;

#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A username or an e-mail
    user: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is known of one account besides its own record.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    shown: Shown<'a>,
    password_changed_at: Option<String>,
    locked_until: Option<String>,
    sessions: usize,
    tailnet: Vec<OnTailnet>,
}

/// A login of the tailnet that is the account's.
#[derive(Serialize)]
struct OnTailnet {
    login: String,
    /// `bound` to a person, `awaited`, or `configured` in `[tailscale.users]`.
    state: &'static str,
    tailnet: Option<String>,
    person: Option<i64>,
    since: Option<String>,
}

/// Shows one account.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    desk::existing(common, async |desk| {
        let (user, now) = (desk.user(&arguments.user).await?, desk.now());
        let locked_until = desk.attempts.locked_until(user.id, now).await?.map(Wall::rfc3339);
        let sessions = desk.sessions.list(user.id, now).await?.len();
        let held = held_by_all(&desk.store).await?.remove(&user.id).unwrap_or_default();
        let password_changed_at = user.password_changed_at.map(Wall::rfc3339);
        let tailnet = logins(desk, &user).await?;
        let shown = Shown::of(&user, held);
        let whole = Whole { shown, password_changed_at, locked_until, sessions, tailnet };
        if arguments.json {
            return out::json(&whole);
        }
        for (label, text) in in_words(&user, held, &whole) {
            out::line(&format!("{label:<15}{}", out::tame(&text)));
        }
        Ok(())
    })
}

async fn logins(desk: &Desk, user: &User) -> Result<Vec<OnTailnet>, Failure> {
    let links = desk.users.tailnet_links_of(user.id).await?;
    let bound = links.bound.into_iter().map(|bound| OnTailnet {
        login: bound.seen_login,
        state: "bound",
        tailnet: Some(bound.tailnet),
        person: Some(bound.person),
        since: Some(bound.since.rfc3339()),
    });
    let awaited = links.awaited.into_iter().map(|awaited| OnTailnet {
        login: awaited.login,
        state: "awaited",
        tailnet: None,
        person: None,
        since: Some(awaited.since.rfc3339()),
    });
    let configured = link::configured_for(desk, user).into_iter().map(|login| OnTailnet {
        login: login.to_string(),
        state: "configured",
        tailnet: None,
        person: None,
        since: None,
    });
    Ok(bound.chain(awaited).chain(configured).collect())
}

impl OnTailnet {
    fn in_words(&self) -> String {
        let how = match (&self.tailnet, self.person) {
            (Some(tailnet), Some(person)) => format!("person {person} of {tailnet}"),
            _ if self.state == "awaited" => "not seen yet".to_owned(),
            _ => "by the configuration".to_owned(),
        };
        format!("{} ({how})", self.login)
    }
}

fn in_words(user: &User, held: Held, whole: &Whole<'_>) -> [(&'static str, String); 11] {
    let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    let may_sign_in = match (user.active, &whole.locked_until) {
        (false, _) => "no: disabled".to_owned(),
        (true, Some(until)) => format!("not before {until}, except from a known browser (too many failures)"),
        // A passkey is enough by itself.
        (true, None) if user.password.is_some() || held.passkeys > 0 => "yes".to_owned(),
        (true, None) if !whole.tailnet.is_empty() => "from the tailnet only: no password yet".to_owned(),
        (true, None) => "no: no password yet".to_owned(),
    };
    [
        ("username", user.username.to_string()),
        ("id", user.id.to_string()),
        ("e-mail", user.email.as_ref().map_or("none".to_owned(), ToString::to_string)),
        ("name", or_none(&user.name)),
        ("roles", roles::joined(&user.roles)),
        ("administrator", if user.administrator { "yes" } else { "no" }.to_owned()),
        ("may sign in", may_sign_in),
        ("factors", or_none(&factors(user, held, whole.password_changed_at.as_deref()))),
        ("tailnet", or_none(&whole.tailnet.iter().map(OnTailnet::in_words).collect::<Vec<_>>().join(", "))),
        ("sessions", whole.sessions.to_string()),
        ("made", user.created_at.rfc3339()),
    ]
}

/// What the account can show.
fn factors(user: &User, held: Held, set_at: Option<&str>) -> String {
    let several = |count: u32, one: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {one}s")),
    };
    let all = [
        user.password.as_ref().map(|_| format!("password, set {}", set_at.unwrap_or("never"))),
        held.telegram.then(|| "Telegram".to_owned()),
        held.totp.then(|| "authenticator app".to_owned()),
        several(held.passkeys, "passkey"),
        several(held.recovery_codes, "recovery code"),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
