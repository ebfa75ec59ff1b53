//! Which Caddy answers, where one does and it is this machine's. Nothing that it answers says so: the program
//! of the PATH is asked.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::super::finding::Finding;
use super::ABOUT;
use super::probe::Answered;

/// How long `caddy version` may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first that takes a visitor's identity headers away by itself, in both spellings.
const CAREFUL: [u32; 3] = [2, 11, 4];

/// What is to know of the Caddy that gave this answer, if one did.
pub(super) async fn look(answered: &Answered) -> Option<Finding> {
    if !answered.header("server").is_some_and(|server| server.starts_with("Caddy")) {
        return None;
    }
    let mut version = Command::new("caddy");
    let version = version.arg("version").stdin(Stdio::null()).kill_on_drop(true).output();
    let said = timeout(PATIENCE, version).await.ok()?.ok()?;
    judge(&String::from_utf8_lossy(&said.stdout))
}

/// What is to know of a Caddy of this version: `v2.6.2 h1:…`, or `2.6.2`.
fn judge(version: &str) -> Option<Finding> {
    let version = version.split_whitespace().next()?.trim_start_matches('v');
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    let read = [numbers.next()??, numbers.next()??, numbers.next()??];
    (read < CAREFUL).then(|| {
        let what = format!(
            "the Caddy of this machine is {version}: before 2.11.4, `copy_headers` lets through what a visitor \
             says of who it is, under some names or where Aegis says nobody"
        );
        Finding::note(ABOUT, what)
            .hint("the files of caddy/ do without `copy_headers` and are safe with it; other ways are not: renew Caddy")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_caddy_is_noticed() {
        for (version, is_old) in [
            ("2.6.2\n", true),
            ("v2.10.2 h1:abc=\n", true),
            ("v2.11.3 h1:abc=", true),
            ("v2.11.4 h1:abc=", false),
            ("v2.12.0", false),
            ("v3.0.0", false),
            ("(devel)", false),
            ("", false),
        ] {
            assert_eq!(judge(version).is_some(), is_old, "{version:?}");
        }
    }
}
