//! `aegis check`: the whole configuration, judged as a start would judge it; opens nothing.

use super::log::Log;
use super::{Common, Failure, Outcome, out, settings};
use crate::error::Faults;
use crate::serve::{Limits, listen};
use crate::state::App;

/// All faults at once, or what the configuration comes to.
pub(super) fn run(common: &Common) -> Outcome {
    let settings = settings::read(common, &[])?;
    let mut faults = Faults::default();
    faults.extend(listen::parse(&settings.listen).err().unwrap_or_default());
    faults.extend(Limits::from_settings(&settings.limits).err().unwrap_or_default());
    faults.extend(Log::from_settings(&settings.log).err().unwrap_or_default());
    let prepared = App::prepare(&settings).map_err(|more| faults.extend(more)).ok();
    let Some(prepared) = prepared.filter(|_| faults.0.is_empty()) else {
        return Err(Failure::Configuration(faults));
    };
    let apps = prepared.current.policy.apps().len();
    let site = prepared.current.site.public_url();
    out::line(&format!("ok: {apps} {} behind {site}", if apps == 1 { "app" } else { "apps" }));
    for warning in &settings.warnings {
        out::line(&format!("warning: {}", out::tame_lines(&warning.to_string())));
    }
    for note in prepared.current.policy.notes() {
        out::line(&format!("note: {}", out::tame_lines(&note.to_string())));
    }
    if apps == 0 {
        out::line("note: no apps yet: every check is answered 403");
    }
    Ok(())
}
