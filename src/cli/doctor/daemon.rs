//! The local tailscaled: whether it can be asked, whether its tailnet is up, and what it says of itself.

use std::io::ErrorKind;
use std::path::Path;

use tokio::net::UnixStream;
use tokio::time::timeout;

use super::PATIENCE;
use super::finding::{Finding, listed};
use super::ways::Ways;
use crate::clock::Wall;
use crate::tailscale::{BackendState, Failure, Node, Tailscale};

const ABOUT: &str = "tailscale";

const MOUNT: &str = "in a container, mount the directory /var/run/tailscale of the host, not the socket in it, and \
                     start the container again if systemd made that anew (docs/tailnet.md, \"The socket\"); \
                     Tailscale's own image has the socket at /tmp/tailscaled.sock";

/// Asks it, and judges what it says; gives the node if its tailnet is up.
pub(super) async fn look(tailscale: &Tailscale, ways: Ways, now: Wall) -> (Vec<Finding>, Option<Node>) {
    let socket = match socket(tailscale).await {
        Ok(socket) => socket,
        Err(finding) => return (vec![finding], None),
    };
    let node = match timeout(PATIENCE, tailscale.status()).await.unwrap_or(Err(Failure::Slow)) {
        Ok(node) => node,
        Err(failure) => return (vec![failed(failure)], None),
    };
    let findings = judge(&socket, &node, ways, now);
    let is_up = node.state == BackendState::Running;
    (findings, is_up.then_some(node))
}

/// The socket at which the daemon answers, of all places where it can be.
async fn socket(tailscale: &Tailscale) -> Result<String, Finding> {
    let places = tailscale.sockets();
    let mut why = None;
    for place in &places {
        match timeout(PATIENCE, UnixStream::connect(place)).await {
            Ok(Ok(_stream)) => return Ok(place.display().to_string()),
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound => {}
            Ok(Err(error)) => {
                why.get_or_insert_with(|| unreachable(place, error.kind(), &error.to_string()));
            }
            Err(_late) => return Err(failed(Failure::Slow)),
        }
    }
    Err(why.unwrap_or_else(|| {
        let places: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        Finding::wrong(ABOUT, format!("there is no socket of tailscaled: not {}", listed(&places)))
            .hint(format!("is tailscaled installed and running, `systemctl status tailscaled`? {MOUNT}"))
    }))
}

fn unreachable(place: &Path, kind: ErrorKind, error: &str) -> Finding {
    let place = place.display();
    match kind {
        ErrorKind::PermissionDenied => {
            Finding::wrong(ABOUT, format!("{place} may not be opened by this user")).hint(
                "the socket itself is open to everybody: is a folder above it closed, or does a sandbox \
             (systemd, AppArmor, SELinux) keep Aegis from it?",
            )
        }
        ErrorKind::ConnectionRefused => Finding::wrong(ABOUT, format!("nobody answers at {place}"))
            .hint(format!("tailscaled is not running: `systemctl start tailscaled`; {MOUNT}")),
        _ => Finding::wrong(ABOUT, format!("{place} cannot be asked: {error}")).hint(MOUNT),
    }
}

/// A question without an answer.
fn failed(failure: Failure) -> Finding {
    match failure {
        Failure::NotRunning(state) => not_up(state),
        other => Finding::wrong(ABOUT, other.to_string()).hint(other.hint()),
    }
}

fn not_up(state: BackendState) -> Finding {
    let hint = match state {
        BackendState::NeedsLogin => {
            "`tailscale up`, and log in: it never was, was logged out, or its key has expired"
        }
        BackendState::NeedsMachineAuth => "approve this machine in the admin console",
        BackendState::Stopped => "`tailscale up`",
        BackendState::InUseOtherUser => "another user of this machine has it",
        BackendState::Unknown | BackendState::NoState | BackendState::Starting | BackendState::Running => {
            "wait a moment; if it stays so, `tailscale status` says why"
        }
    };
    let what =
        format!("Tailscale is not up here ({state}): nobody is known by it, whatever it still remembers");
    Finding::wrong(ABOUT, what).hint(hint)
}

fn judge(socket: &str, node: &Node, ways: Ways, now: Wall) -> Vec<Finding> {
    let version = node.version.as_deref().map(|version| format!(", version {version}")).unwrap_or_default();
    let mut findings = vec![Finding::ok(ABOUT, format!("tailscaled answers at {socket}{version}"))];
    if node.state == BackendState::Running {
        findings.push(up(node));
        findings.push(whose(node, now));
        findings.push(ways.judge(node.tun));
    } else {
        findings.push(not_up(node.state));
    }
    let complaints = node.health.iter();
    findings.extend(complaints.map(|said| Finding::note(ABOUT, format!("tailscaled itself says: {said}"))));
    findings
}

/// That it is up, and as which node of which tailnet.
fn up(node: &Node) -> Finding {
    let addresses: Vec<String> = node.addresses.iter().map(ToString::to_string).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let name = node.name.as_deref().unwrap_or("a node without a name");
    let tailnet = node.tailnet.as_deref().unwrap_or("a tailnet without a name");
    let what = format!("this is {name} of {tailnet}, {}", listed(&addresses));
    if node.online == Some(false) {
        let what = format!(
            "{what}; it does not reach its control server: all that was known stays so, and nobody's removal is heard of"
        );
        return Finding::wrong(ABOUT, what)
            .hint("`tailscale netcheck`; is the way out of this machine open?");
    }
    Finding::ok(ABOUT, what)
}

/// That it is nobody's device, as is right for one that stands before apps.
fn whose(node: &Node, now: Wall) -> Finding {
    let tags: Vec<&str> = node.tags.iter().map(|tag| &**tag).collect();
    if !tags.is_empty() {
        let what =
            format!("this node is tagged {}: it is nobody's, and its key does not expire", listed(&tags));
        return Finding::ok(ABOUT, what);
    }
    let key = match node.expires {
        Some(expires) if expires < now => format!("its key expired at {}", expires.rfc3339()),
        Some(expires) => format!(
            "its key expires at {}, and then nobody is known by the tailnet until somebody logs in again",
            expires.rfc3339()
        ),
        None => "its key does not expire".to_owned(),
    };
    let what = format!("this node has no tag, so to other nodes all that runs on it is its owner; {key}");
    let hint = "`tailscale up --advertise-tags=tag:proxy`, where the policy has that tag: then it is nobody's, and its \
                key does not expire";
    Finding::note(ABOUT, what).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_own_advice() {
        let place = Path::new("/var/run/tailscale/tailscaled.sock");
        for (kind, part) in [
            (ErrorKind::PermissionDenied, "keep Aegis from it"),
            (ErrorKind::ConnectionRefused, "systemctl start tailscaled"),
            (ErrorKind::Other, "mount the directory"),
        ] {
            let told = unreachable(place, kind, "why").in_words();
            assert!(told.starts_with("wrong") && told.contains(part), "{kind:?}: {told}");
        }
        for (state, part) in [
            (BackendState::NeedsLogin, "log in"),
            (BackendState::NeedsMachineAuth, "approve"),
            (BackendState::Stopped, "`tailscale up`"),
            (BackendState::NoState, "wait a moment"),
        ] {
            let told = failed(Failure::NotRunning(state)).in_words();
            assert!(told.starts_with("wrong") && told.contains(part), "{state}: {told}");
        }
        let told = failed(Failure::Denied);
        assert_eq!(told.state, State::Wrong, "{told:?}");
    }
}
