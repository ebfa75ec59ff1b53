//! Visitors from a tailnet: real nodes, their real LocalAPI, a real proxy, Aegis and an app.

mod changes;
mod daemon;
mod devices;
mod enrolling;
mod facts;
mod forged;
mod people;
mod site;

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::client::{Answer, Ask};
use crate::lab::proxy::Kind;
use crate::lab::tailnet::Runs;
use crate::lab::way::Way;
use crate::lab::{Lab, PROXY_PORT};

/// The settings of a lab on a tailnet: one person is named, one tag is a machine.
const SETTINGS: &str = "[tailscale]
socket = \"{folder}/tailnet/tailscaled.sock\"
capability = \"example.com/cap/aegis\"
[tailscale.users]
\"user-2@fake-control.example.net\" = \"sam\"
[tailscale.shared]
\"guest@elsewhere.example\" = \"guest\"
[tailscale.tags]
\"tag:ci\" = { user = \"ci\", roles = [\"robot\"] }

[app.device]
hosts = [\"*.device.aegis.localhost:8080\"]
require = \"tailnet\"

[app.strong]
hosts = [\"*.strong.aegis.localhost:8080\"]
require = \"two_factor\"

[app.robots]
hosts = [\"*.robots.aegis.localhost:8080\"]
require = \"signed_in\"
roles = [\"robot\"]

[app.native]
hosts = [\"*.native.aegis.localhost:8080\"]
require = \"signed_in\"
cross_site = \"allow\"

[app.tile]
title = \"For two factors\"
hosts = [\"tile.aegis.localhost:8080\"]
require = \"two_factor\"

[app.granted]
title = \"For operators\"
hosts = [\"granted.aegis.localhost:8080\"]
require = \"signed_in\"
roles = [\"operator\"]
";

/// What must have happened by then; nothing is measured with it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A lab whose proxy is entered over a tailnet too, and `sam`, who owns the laptop.
fn lab(kind: Kind, runs: Runs) -> Lab {
    let lab = Lab::standing(kind, Way { tailnet: Some(runs), settings: SETTINGS, ..Way::TAILNET });
    lab.aegis().add_user("sam", &[]);
    lab
}

/// The same, once Aegis has heard of the tailnet.
pub(crate) fn ready(kind: Kind, runs: Runs) -> Lab {
    let lab = lab(kind, runs);
    let host = lab.host("closed");
    becomes("sam is known", || (check(&lab, laptop(&lab), &host, &[]), is("sam")));
    lab
}

fn laptop(lab: &Lab) -> IpAddr {
    lab.tailnet().address_of("laptop")
}

/// What a proxy is answered over the unix socket about a GET of `/` at `host` from that address.
fn check(lab: &Lab, from: IpAddr, host: &str, headers: &[(&str, &str)]) -> Answer {
    let mut ask = Ask::new("GET", "aegis", "/auth/forward-auth")
        .header("X-Forwarded-Method", "GET")
        .header("X-Forwarded-Proto", "http")
        .header("X-Forwarded-Host", host)
        .header("X-Forwarded-Uri", "/")
        .header("X-Forwarded-For", &from.to_string());
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    Answer::read(&mut ask.open_unix(&lab.folder.join("aegis.sock")).unwrap(), "GET")
}

/// A judgement on an answer.
type Judge<'a> = Box<dyn Fn(&Answer) -> bool + 'a>;

/// Allowed, as that user, by the tailnet.
fn is(username: &str) -> Judge<'_> {
    Box::new(move |answer| {
        answer.status == 200
            && answer.header("remote-user") == Some(username)
            && answer.header("remote-auth-method") == Some("tailnet")
    })
}

/// Refused with this status.
fn refused<'a>(status: u16) -> Judge<'a> {
    Box::new(move |answer| answer.status == status && answer.header("remote-user").is_none())
}

/// Asks until the answer is as it should be, and gives it. What it was before may only be what it was
/// before the change: see [`becomes_by`].
#[track_caller]
fn becomes<'a>(what: &str, ask: impl Fn() -> (Answer, Judge<'a>)) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (answer, is_right) = ask();
        if is_right(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "never: {what}\ncame back last: {answer}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// What the page of the sign-in says, asked for from this node through the proxy.
fn sign_in_page(lab: &Lab, node: &str) -> Answer {
    lab.send_from(node, &Ask::navigation(&format!("auth.aegis.localhost:{PROXY_PORT}"), "/login"))
}
