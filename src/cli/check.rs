//! `aegis check`: the whole configuration, judged as a start would judge it; opens nothing.

use super::log::Log;
use super::{Common, Failure, Outcome, out, settings};
use crate::config::Settings;
use crate::error::Faults;
use crate::serve::{Limits, listen};
use crate::state::{App, Prepared};

/// All faults at once, or what the configuration comes to.
pub(super) fn run(common: &Common) -> Outcome {
    let settings = settings::read(common, &[])?;
    let prepared = judge(&settings).map_err(Failure::Configuration)?;
    out::line(&format!("ok: {}", comes_to(&prepared)));
    for warning in &settings.warnings {
        out::line(&format!("warning: {}", out::tame_lines(&warning.to_string())));
    }
    for note in prepared.current.policy.notes() {
        out::line(&format!("note: {}", out::tame_lines(&note.to_string())));
    }
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
