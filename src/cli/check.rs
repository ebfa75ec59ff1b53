//! `aegis check`: the whole configuration, judged as a start would judge it, and who of those that are
//! there already it asks for a second factor they do not have. Changes nothing.

use super::log::Log;
use super::{Common, Failure, Outcome, desk, out, settings};
use crate::clock::Clock;
use crate::config::Settings;
use crate::error::{Fault, Faults};
use crate::identity::{Method, SessionId};
use crate::second_factor::held_by_all;
use crate::serve::{Limits, listen};
use crate::state::{App, Prepared};
use crate::store::{Store, StoreError};
use crate::users::Users;

/// How many names are told of many.
const NAMED: usize = 20;

/// All faults at once, or what the configuration comes to.
pub(super) fn run(common: &Common) -> Outcome {
    let settings = settings::read(common, &[])?;
    let prepared = judge(&settings).map_err(Failure::Configuration)?;
    out::line(&format!("ok: {}", comes_to(&prepared)));
    for warning in &settings.warnings {
        out::line(&format!("warning: {}", out::tame_lines(&warning.to_string())));
    }
    for note in prepared.current.policy.notes() {
        tell(note);
    }
    by_default(&settings).iter().for_each(tell);
    without_a_factor(&settings, &prepared)?.iter().for_each(tell);
    if prepared.current.policy.apps().is_empty() {
        out::line("note: no apps yet: every check is answered 403");
    }
    Ok(())
}

/// What a start would judge, all of it.
pub(super) fn judge(settings: &Settings) -> Result<Prepared, Faults> {
    let mut faults = Faults::default();
    faults.extend(listen::parse(&settings.listen).err().unwrap_or_default());
    faults.extend(Limits::from_settings(&settings.limits).err().unwrap_or_default());
    faults.extend(Log::from_settings(&settings.log).err().unwrap_or_default());
    let prepared = App::prepare(settings).map_err(|more| faults.extend(more)).ok();
    prepared.filter(|_| faults.0.is_empty()).ok_or(faults)
}

/// `1 app behind https://auth.example.com`.
pub(super) fn comes_to(prepared: &Prepared) -> String {
    let apps = prepared.current.policy.apps().len();
    let site = prepared.current.site.public_url();
    format!("{apps} {} behind {site}", if apps == 1 { "app" } else { "apps" })
}

fn tell(note: &Fault) {
    out::line(&format!("note: {}", out::tame_lines(&note.to_string())));
}

/// That apps ask for two factors though nobody wrote so.
fn by_default(settings: &Settings) -> Option<Fault> {
    let apps = settings.apps.iter().filter(|(_, app)| app.value.require.is_none());
    let apps: Vec<_> = apps.map(|(name, _)| format!("app.{name}")).collect();
    (!apps.is_empty()).then(|| {
        Fault::new(format!("without `require` an app asks for two factors: {}", some_of(&apps)))
            .hint("where a password is enough, write `require = \"signed_in\"`")
    })
}

/// That people who are there already would be asked for a second factor, and have none.
fn without_a_factor(settings: &Settings, prepared: &Prepared) -> Result<Option<Fault>, Failure> {
    let unread = |why: Fault| {
        let message = format!("who has no second factor was not looked up: {}", why.message);
        Some(Fault { message, ..why })
    };
    let store = match Store::open_existing(&prepared.fixed.data_dir) {
        Ok(None) => return Ok(None),
        Ok(Some(store)) => store,
        Err(why) => return Ok(unread(why)),
    };
    let names = desk::runtime()?.block_on(async {
        let names = asked_for_more(&store, prepared).await;
        store.close().await;
        names
    });
    let names = match names {
        Ok(names) if names.is_empty() => return Ok(None),
        Ok(names) => names,
        Err(why) => return Ok(unread(Fault::new(why.to_string()))),
    };
    let (count, are) = (names.len(), if names.len() == 1 { "user is" } else { "users are" });
    let fault =
        Fault::new(format!("{count} {are} asked for a second factor and without one: {}", some_of(&names)));
    let device = if settings.tailscale.is_some() { "; a device of the tailnet may be one" } else { "" };
    Ok(Some(fault.hint(format!("after their password they are told how to get one{device}"))))
}

/// Active users whom some rule asks for more than a password, and who have no more.
async fn asked_for_more(store: &Store, prepared: &Prepared) -> Result<Vec<String>, StoreError> {
    let users = Users::new(store.clone()).list().await?;
    let held = held_by_all(store).await?;
    let now = Clock::system().now().wall;
    let mut names = Vec::new();
    for user in users.iter().filter(|user| user.active) {
        let has_one = held.get(&user.id).is_some_and(|held| held.any());
        let identity = user.identity(SessionId::new(), &[Method::Password], now);
        if !has_one && prepared.current.policy.asks_more_of(&identity.into(), now) {
            names.push(user.username.to_string());
        }
    }
    Ok(names)
}

/// The first names, and how many more there are.
fn some_of(names: &[String]) -> String {
    let said: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let more = names.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", said.join(", "))
}
