//! What a new server says: the way in for the first administrator, and what is next.
//! Never writes the link's code into a log.

use std::io::{IsTerminal as _, stderr};
use std::path::PathBuf;

use super::{Failure, out};
use crate::error::Fault;
use crate::policy::Policy;
use crate::state::App;
use crate::web::urls;

/// The file that holds the link where nobody watches a terminal.
const FILE: &str = "setup-link";

/// Says what is next, if there is anything to say.
pub(super) async fn tell(app: &App) -> Result<(), Failure> {
    let current = app.current.load();
    if let Some(code) = app.first_link().await? {
        let url = current.site.absolute(urls::LINK_SETUP);
        let link = format!("{url}#{}", code.reveal());
        if stderr().is_terminal() {
            out::boxed(&[
                "First administrator (60 minutes, one use; a new one: aegis setup-link):",
                &link,
                "",
                "Then:  aegis print caddy    the lines for your proxy",
                "       aegis check          what the configuration comes to",
            ]);
        } else {
            let path = keep(app, &link)?;
            tracing::info!(
                event = "setup.link",
                path = %path.display(),
                "there is no administrator yet; the link that makes the first one is in this file"
            );
        }
    }
    tell_of_no_apps(&current.policy);
    Ok(())
}

/// Says so if nobody can be let in anywhere.
pub(super) fn tell_of_no_apps(policy: &Policy) {
    if policy.apps().is_empty() {
        tracing::warn!(event = "configuration.note", "no apps yet: every check is answered 403");
    }
}

/// Writes the link where only the owner of the data can read it.
fn keep(app: &App, link: &str) -> Result<PathBuf, Fault> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = app.fixed.data_dir.join(FILE);
    let fault = |error: std::io::Error| {
        Fault::new(format!("the link for the first administrator cannot be written: {error}"))
            .hint("check the disk: space, permissions, mount options")
            .at(&path, None)
    };
    // Made anew, so that it never has the mode of a file that was there.
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(fault(error)),
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(fault)?;
    writeln!(file, "{link}").map_err(fault)?;
    Ok(path)
}
