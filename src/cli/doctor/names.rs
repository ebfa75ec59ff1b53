//! The names under which people reach Aegis and the apps, as this machine's resolver reads them.

use std::net::IpAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::PATIENCE;
use super::finding::{Finding, listed};
use crate::place::{Host, HostPattern};
use crate::state::Current;

const ABOUT: &str = "names";

/// Where this system lists its network interfaces.
const INTERFACES: &str = "/proc/net/dev";

/// What became of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    Leads(Vec<IpAddr>),
    Nowhere,
    NoAnswer,
}

/// Asks for every name, all at once, and judges what comes back. `own` are this node's addresses on the
/// tailnet, where it is known.
pub(super) async fn look(current: &Current, own: Option<&[IpAddr]>) -> Vec<Finding> {
    let mut asked = JoinSet::new();
    for host in names(current) {
        asked.spawn(async move {
            let looked = resolve(&host, PATIENCE).await;
            (host, looked)
        });
    }
    let mut looked = asked.join_all().await;
    looked.sort_by(|(one, _), (other, _)| one.cmp(other));
    judge(&looked, own, has_network())
}

/// The host of `public_url` and the exact ones of the apps, each once.
fn names(current: &Current) -> Vec<Host> {
    let apps = current.policy.apps().iter().flat_map(|app| app.sites());
    let exact = apps.filter_map(|site| match &site.hosts {
        HostPattern::Exact(host) => Some(host),
        HostPattern::Below(_) => None,
    });
    let mut names: Vec<Host> = exact.chain([current.site.public_url().host()]).cloned().collect();
    names.retain(|host| !host.is_address());
    names.sort();
    names.dedup();
    names
}

async fn resolve(host: &Host, patience: Duration) -> Looked {
    match timeout(patience, tokio::net::lookup_host((host.as_str(), 443))).await {
        Ok(Ok(found)) => Looked::Leads(found.map(|address| address.ip().to_canonical()).collect()),
        Ok(Err(_)) => Looked::Nowhere,
        Err(_late) => Looked::NoAnswer,
    }
}

/// Whether there is an interface besides loopback. Where that cannot be read, there is one.
fn has_network() -> bool {
    let Ok(text) = std::fs::read_to_string(INTERFACES) else { return true };
    text.lines().skip(2).filter_map(|line| line.split(':').next()).any(|name| name.trim() != "lo")
}

fn judge(looked: &[(Host, Looked)], own: Option<&[IpAddr]>, has_network: bool) -> Vec<Finding> {
    let which = |is: &dyn Fn(&Looked) -> bool| -> Vec<&str> {
        looked.iter().filter(|(_, looked)| is(looked)).map(|(host, _)| host.as_str()).collect()
    };
    if !has_network {
        let what = "this process has no network, as in a container with none: no name can be asked for here";
        return vec![Finding::note(ABOUT, what).hint("ask on the host, with the same configuration")];
    }
    let arrives = |found: &[IpAddr]| own.is_none_or(|own| found.iter().any(|ip| own.contains(ip)));
    let leads =
        |arrived| which(&|looked| matches!(looked, Looked::Leads(found) if arrives(found) == arrived));
    let mut findings = Vec::new();
    let over = leads(true);
    if !over.is_empty() {
        let what = match own {
            Some(_) => format!("{} {} to this node of the tailnet", listed(&over), verb(&over, "lead")),
            None => format!("{} {}", listed(&over), verb(&over, "resolve")),
        };
        findings.push(Finding::ok(ABOUT, what));
    }
    let past = leads(false);
    if !past.is_empty() {
        let what = format!(
            "{} {} past the tailnet, as names are read here: so read, devices of the tailnet reach it over the \
             internet and are asked for a password",
            listed(&past),
            verb(&past, "lead")
        );
        let addresses: Vec<String> = own.unwrap_or_default().iter().map(ToString::to_string).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let hint = format!(
            "split DNS: a name server that answers {} within the tailnet (docs/tailnet.md, \"Names\")",
            listed(&addresses)
        );
        findings.push(Finding::note(ABOUT, what).hint(hint));
    }
    let nowhere = which(&|looked| *looked == Looked::Nowhere);
    if !nowhere.is_empty() {
        let what = format!("{} {} nowhere", listed(&nowhere), verb(&nowhere, "lead"));
        let hint = "make it a name in your DNS, or mend it in the configuration";
        findings.push(Finding::wrong(ABOUT, what).hint(hint));
    }
    let silent = which(&|looked| *looked == Looked::NoAnswer);
    if !silent.is_empty() {
        let what =
            format!("the resolver says nothing of {} within {} s", listed(&silent), PATIENCE.as_secs());
        findings.push(Finding::wrong(ABOUT, what).hint("which one is asked stands in /etc/resolv.conf"));
    }
    findings
}

fn verb(names: &[&str], verb: &str) -> String {
    if names.len() == 1 { format!("{verb}s") } else { verb.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn names_are_told_by_where_they_lead() {
        let leads = |ips: &[&str]| Looked::Leads(ips.iter().map(|ip| ip.parse().unwrap()).collect());
        let looked: Vec<(Host, Looked)> = [
            ("a.example.com", leads(&["192.0.2.1", "100.64.0.1"])),
            ("b.example.com", leads(&["192.0.2.1"])),
            ("c.example.com", leads(&["192.0.2.1"])),
            ("d.example.com", Looked::Nowhere),
            ("e.example.com", Looked::NoAnswer),
        ]
        .into_iter()
        .map(|(host, looked)| (host.parse().unwrap(), looked))
        .collect();
        let told = |own: Option<&[IpAddr]>, network| {
            let findings = judge(&looked, own, network);
            let lines: Vec<String> = findings.iter().map(Finding::in_words).collect();
            (findings.iter().map(|finding| finding.state).collect::<Vec<_>>(), lines.join("\n"))
        };
        let own = ["100.64.0.1".parse().unwrap()];
        let (states, lines) = told(Some(&own), true);
        assert_eq!(states, [State::Ok, State::Note, State::Wrong, State::Wrong], "{lines}");
        for part in [
            "a.example.com leads to this node of the tailnet",
            "b.example.com and c.example.com lead past the tailnet",
            "answers 100.64.0.1 within",
            "d.example.com leads nowhere",
            "nothing of e.example.com within 2 s",
        ] {
            assert!(lines.contains(part), "{part:?} is not in\n{lines}");
        }
        let (states, lines) = told(None, true);
        assert_eq!(states, [State::Ok, State::Wrong, State::Wrong], "without a tailnet:\n{lines}");
        let (states, lines) = told(Some(&own), false);
        assert_eq!(states, [State::Note], "without a network:\n{lines}");
    }
}
