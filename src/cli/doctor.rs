//! `aegis doctor`: looks at everything that Aegis needs from outside, and says of each thing whether it
//! is as it should be, and what to do if not.
//!
//! Promises: changes nothing, works beside a running server, and no question takes longer than two
//! seconds; those that `--url` asks, five. Never: judges a request; that is `aegis explain`.

mod clock;
mod daemon;
mod finding;
mod names;
mod outside;
mod server;
mod telegram;
mod visitor;
mod ways;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::time::timeout;

use super::{Common, Failure, Listen, Outcome, check, desk, out, settings};
use crate::audit;
use crate::clock::{Clock, Wall};
use crate::config::Settings;
use crate::serve::{control, listen};
use crate::state::Prepared;
use crate::store::Store;
use crate::tailscale::Tailscale;

use finding::{Finding, State};
use outside::Outside;
use visitor::House;
use ways::Ways;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    at: Listen,
    /// Say also who it is that comes from this address of the tailnet, and why
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// Ask for this address of an app, through its proxy, as an attacker would
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// With --url: where to connect to, in place of what the names lead to
    #[arg(long, value_name = "IP:PORT", requires = "url")]
    connect: Option<SocketAddr>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Told<'a> {
    wrong: usize,
    findings: &'a [Finding],
}

/// Done if nothing is wrong, else failed.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let settings = settings::read(common, &arguments.at.listen)?;
    let prepared = check::judge(&settings).map_err(Failure::Configuration)?;
    let runtime = desk::runtime()?;
    let findings = runtime.block_on(look(&settings, &prepared, arguments));
    // A resolver that still waits for an answer is not waited for.
    runtime.shutdown_background();
    let wrong = findings.iter().filter(|finding| finding.state == State::Wrong).count();
    if arguments.json {
        out::json(&Told { wrong, findings: &findings })?;
    } else {
        for finding in &findings {
            out::line(&finding.in_words());
        }
    }
    match wrong {
        0 => Ok(()),
        1 => Err(Failure::said("one thing is wrong")),
        _ => Err(Failure::said(format!("{wrong} things are wrong"))),
    }
}

async fn look(settings: &Settings, prepared: &Prepared, arguments: &Arguments) -> Vec<Finding> {
    let clock = Clock::system();
    let now = clock.now();
    let current = &prepared.current;
    let mut findings = vec![of_settings(settings, prepared)];

    let store = match Store::open_existing(&prepared.fixed.data_dir) {
        Ok(store) => store,
        Err(fault) => {
            findings.push(Finding::fault("data", fault));
            None
        }
    };
    let newest = match &store {
        Some(store) => newest(store).await.unwrap_or_else(|finding| {
            findings.push(finding);
            None
        }),
        None => None,
    };
    findings.extend(clock::judge(now.wall, newest, clock::Timesync::look()));

    // `check` has read it already.
    let addresses = listen::parse(&settings.listen).unwrap_or_default();
    let tailscale = prepared.fixed.tailscale.clone().map(|options| {
        // Patient, to tell what is slow from what is not there.
        Tailscale::new(options.with_limit(PATIENCE), clock)
    });
    let node = if let (Some(tailscale), Some(written)) = (&tailscale, &settings.tailscale) {
        let ways = Ways::of(settings, &addresses, written.value.trust_loopback.value);
        let (found, node) = daemon::look(tailscale, ways, now.wall).await;
        findings.extend(found);
        node
    } else {
        let what = "the configuration has no [tailscale]: nobody is known by the tailnet";
        findings.push(Finding::note("tailscale", what).hint("docs/tailnet.md says what it would do"));
        None
    };
    findings.extend(names::look(current, node.as_ref().map(|node| node.addresses.as_slice())).await);
    let options = prepared.fixed.telegram.clone().map(|(options, _mode)| options);
    findings.push(telegram::look(options).await);
    findings.push(server::look(&addresses, &prepared.fixed.data_dir).await);
    if let (Some(from), Some(tailscale), Some(rules)) = (arguments.from, &tailscale, &current.tailnet) {
        let house = House { tailscale, rules, apps: current.policy.apps(), store: store.as_ref() };
        findings.extend(match node {
            Some(_) => house.look(from.into(), now).await,
            None => vec![Finding::note("from", format!("tailscaled cannot be asked about {from} now"))],
        });
    }
    if let Some(store) = store {
        store.close().await;
    }
    if let Some(url) = &arguments.url {
        let control = control::socket(&prepared.fixed.data_dir);
        let at = arguments.connect;
        let outside = Outside { url, at, current, settings, control: &control, now: now.wall };
        findings.extend(outside.look().await);
    }
    findings
}

/// What `aegis check` says, in one line.
fn of_settings(settings: &Settings, prepared: &Prepared) -> Finding {
    let comes_to = check::comes_to(prepared);
    let remarks = settings.warnings.len() + prepared.current.policy.notes().len();
    if prepared.current.policy.apps().is_empty() {
        Finding::note("settings", format!("{comes_to}: every check is answered 403"))
            .hint("an app is a section `[app.NAME]` with its `hosts`")
    } else if remarks > 0 {
        Finding::note("settings", format!("{comes_to}, and something to know"))
            .hint("`aegis check` says what that is")
    } else {
        Finding::ok("settings", comes_to)
    }
}

/// When the record was last written.
async fn newest(store: &Store) -> Result<Option<Wall>, Finding> {
    match timeout(PATIENCE, audit::newest(store, 0, 1)).await {
        Ok(Ok(lines)) => Ok(lines.last().map(|line| line.at)),
        Ok(Err(error)) => Err(Finding::wrong("data", error.to_string())
            .hint("the log of the server may say more; `aegis restore` takes a backup back")),
        Err(_late) => {
            let what = format!("the record was not read within {} s", PATIENCE.as_secs());
            Err(Finding::wrong("data", what).hint("is the disk full, or slow?"))
        }
    }
}
