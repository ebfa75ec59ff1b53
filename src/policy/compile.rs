//! From settings to a [`Policy`]. Owns every check of what apps, hosts and rules say, and tells all
//! that is wrong at once. Never lets a doubtful app pass: one fault, and there is no policy.

mod apps;
mod notes;
mod order;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::str::FromStr;
use std::sync::Arc;

use super::app::{App, Site};
use super::{Listed, Policy};
use crate::config::{Placed, Settings, nearest};
use crate::error::{Fault, Faults};
use crate::identity::{NotAccepted, Role};
use crate::place::{Host, HostPattern, NetworkList, Origin, Scheme};

/// Where people reach Aegis: `public_url`, or `http://localhost` with the port of the first listener.
pub fn public_url(settings: &Settings) -> Result<Origin, Fault> {
    const HINT: &str = "such as `public_url = \"https://auth.example.com\"`";
    if let Some(written) = &settings.public_url {
        return written
            .value
            .parse()
            .map_err(|why| written.fault(Fault::new(format!("`public_url` is wrong: {why}")).hint(HINT)));
    }
    let port = settings.listen.iter().find_map(|listen| {
        let (_, port) = listen.value.rsplit_once(':')?;
        port.parse::<u16>().ok().filter(|port| *port != 0)
    });
    let origin = port.and_then(|port| format!("http://localhost:{port}").parse().ok());
    origin.ok_or_else(|| {
        Fault::new("`public_url` is missing, and no listener has a port to guess it from").hint(HINT)
    })
}

/// `cookie.domain`, as a host. Whether it may be one is checked by [`Policy::compile`].
pub fn cookie_domain(settings: &Settings) -> Result<Option<Host>, Fault> {
    let Some(written) = &settings.cookie.domain else { return Ok(None) };
    // A leading dot is how older servers write it.
    let text = written.value.strip_prefix('.').unwrap_or(&written.value);
    text.parse().map(Some).map_err(|why| {
        let message = format!("`cookie.domain` is wrong: `{}` is {why}", written.value.escape_debug());
        written.fault(Fault::new(message).hint("such as `domain = \"example.com\"`"))
    })
}

/// Compiles everything.
pub(super) fn policy(
    settings: &Settings,
    public_url: &Origin,
    cookie_domain: Option<&Host>,
) -> Result<Policy, Faults> {
    let mut compiler = Compiler {
        public_url,
        domain: Domain::Unknown,
        is_on_tailnet: settings.tailscale.is_some(),
        stricter_for: Arc::default(),
        proxies: proxies(settings),
        faults: Faults::default(),
        notes: Vec::new(),
    };
    compiler.domain = compiler.domain(settings, cookie_domain);
    compiler.stricter_for = Arc::from(compiler.names(&settings.second_factor.roles));
    let mut hosts = Hosts::default();
    let mut apps = Vec::with_capacity(settings.apps.len());
    for (name, written) in &settings.apps {
        let (app, sites) = compiler.app(name, written, settings);
        let app = app.map(Arc::new);
        for (site, place) in sites {
            hosts.add(name, site, place, app.as_ref(), &mut compiler.faults);
        }
        apps.extend(app);
    }
    let policy = Policy {
        apps,
        own: public_url.host().clone(),
        exact: hosts.exact.into_iter().filter_map(Taken::listed).collect(),
        below: hosts.below.into_iter().filter_map(Taken::listed).collect(),
        notes: compiler.notes,
    };
    compiler.faults.or(policy)
}

/// Where proxies ask from, but for this machine itself. What is wrong with that is told elsewhere.
fn proxies(settings: &Settings) -> NetworkList {
    let read = settings.trusted_proxies.iter().filter_map(|entry| NetworkList::network(&entry.value).ok());
    NetworkList::new(read.filter(|network| !network.addr().is_loopback()).collect())
}

/// A host that is taken, for the fault when it is taken twice.
struct Taken<'s> {
    name: &'s str,
    place: &'s Placed<String>,
    listed: Option<Listed>,
}

impl Taken<'_> {
    fn listed((host, taken): (Host, Self)) -> Option<(Host, Listed)> {
        taken.listed.map(|listed| (host, listed))
    }
}

/// Which hosts are whose.
#[derive(Default)]
struct Hosts<'s> {
    exact: HashMap<Host, Taken<'s>>,
    below: HashMap<Host, Taken<'s>>,
}

impl<'s> Hosts<'s> {
    fn add(
        &mut self,
        name: &'s str,
        site: Site,
        place: &'s Placed<String>,
        app: Option<&Arc<App>>,
        faults: &mut Faults,
    ) {
        let shown = site.hosts.to_string();
        let (map, host) = match site.hosts {
            HostPattern::Exact(host) => (&mut self.exact, host),
            HostPattern::Below(domain) => (&mut self.below, domain),
        };
        match map.entry(host) {
            Entry::Vacant(entry) => {
                let listed = app.map(|app| Listed { app: app.clone(), port: site.port });
                entry.insert(Taken { name, place, listed });
            }
            Entry::Occupied(entry) => {
                let other = entry.get();
                let message = if other.name == name {
                    format!("app.{name} lists the host `{shown}` twice")
                } else {
                    format!("app.{name} lists the host `{shown}`, which is that of app.{}", other.name)
                };
                let mut hint = "one host is one app, whatever the port".to_owned();
                if let Some(place) = place_of(other.place) {
                    hint = format!("{hint}; the other is at {place}");
                }
                faults.add(place.fault(Fault::new(message).hint(hint)));
            }
        }
    }
}

/// `aegis.toml:12`.
fn place_of<T>(written: &Placed<T>) -> Option<Box<str>> {
    let source = written.source.as_deref()?.display();
    Some(written.line.map_or_else(|| source.to_string(), |line| format!("{source}:{line}")).into())
}

/// What apps are compared with.
enum Domain<'h> {
    /// There is a fault with it already.
    Unknown,
    /// None is written.
    None,
    /// Apps must be within it.
    Known(&'h Host),
}

/// Whether browsers keep no cookie for `domain`, as many people's sites are under it: a public
/// suffix, a single label, an address.
fn is_public_suffix(domain: &str) -> bool {
    let last = domain.rsplit('.').next().unwrap_or_default();
    psl::suffix_str(domain).is_none_or(|suffix| suffix == domain)
        || domain.starts_with('[')
        || last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Gathers what is wrong while compiling.
struct Compiler<'p> {
    public_url: &'p Origin,
    domain: Domain<'p>,
    /// Whether there is a tailnet whose devices could be known.
    is_on_tailnet: bool,
    /// `[second_factor] roles`.
    stricter_for: Arc<[Role]>,
    /// Where proxies ask from, but for this machine itself.
    proxies: NetworkList,
    faults: Faults,
    notes: Vec<Fault>,
}

impl<'p> Compiler<'p> {
    fn fault<T>(&mut self, place: &Placed<T>, message: impl Into<String>, hint: impl Into<String>) {
        self.faults.add(place.fault(Fault::new(message).hint(hint)));
    }

    fn note<T>(&mut self, place: &Placed<T>, message: impl Into<String>, hint: impl Into<String>) {
        self.notes.push(place.fault(Fault::new(message).hint(hint)));
    }

    /// Checks `public_url` and `cookie.domain`, alone and together.
    fn domain(&mut self, settings: &Settings, domain: Option<&'p Host>) -> Domain<'p> {
        let host = self.public_url.host();
        if self.public_url.scheme() == Scheme::Http && !host.is_localhost() {
            let fault = Fault::new(format!("`public_url` is not https: {}", self.public_url)).hint(
                "browsers keep the cookies of a sign-in only over https, or on localhost and *.localhost",
            );
            self.faults.add(settings.public_url.as_ref().map_or(fault.clone(), |url| url.fault(fault)));
        }
        let Some(domain) = domain else {
            if settings.cookie.domain.is_some() {
                return Domain::Unknown;
            }
            if let Some((name, app)) = settings.apps.iter().find(|(_, app)| !app.value.hosts.is_empty()) {
                let hint = match host.as_str().split_once('.') {
                    Some((_, parent)) if !is_public_suffix(parent) => {
                        format!("such as `domain = \"{parent}\"`")
                    }
                    _ => "give Aegis and the apps names under one domain, such as auth.aegis.localhost and \
                          arlo.aegis.localhost, and write `domain = \"aegis.localhost\"`"
                        .to_owned(),
                };
                self.fault(
                    app,
                    format!("app.{name} needs `domain` in [cookie], under which the apps are"),
                    hint,
                );
            }
            return Domain::None;
        };
        let written = settings.cookie.domain.as_ref();
        let fault = if is_public_suffix(domain.as_str()) {
            Fault::new(format!(
                "`cookie.domain` is a public suffix: no browser keeps a cookie for `{domain}`"
            ))
            .hint("write a domain of your own under it")
        } else if !host.is_within(domain) {
            Fault::new(format!("`public_url` is not within `cookie.domain`: {host} is not under {domain}"))
                .hint("Aegis and the apps share one domain")
        } else {
            return Domain::Known(domain);
        };
        self.faults.add(written.map_or(fault.clone(), |written| written.fault(fault)));
        Domain::Unknown
    }

    /// The value that a word stands for; nothing where none is written or the word is faulty.
    /// `None` beside a word: it comes in a later release.
    fn choice<T: Copy>(
        &mut self,
        key: &str,
        written: Option<&Placed<String>>,
        choices: &[(&'static str, Option<T>)],
    ) -> Option<T> {
        let written = written?;
        let word = written.value.as_str();
        let now = || choices.iter().filter(|(_, value)| value.is_some()).map(|(known, _)| *known);
        match choices.iter().find(|(known, _)| *known == word) {
            Some((_, Some(value))) => return Some(*value),
            Some((_, None)) => {
                let all: Vec<_> = now().map(|known| format!("`{known}`")).collect();
                let message = format!("`{key} = \"{word}\"` comes in a later release");
                self.fault(written, message, format!("there is {} today", all.join(", ")));
            }
            None => {
                let hint = match nearest(word, now()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write one of {}", now().collect::<Vec<_>>().join(", ")),
                };
                self.fault(written, format!("`{key}` cannot be `{}`", word.escape_debug()), hint);
            }
        }
        None
    }

    fn names<T: FromStr<Err = NotAccepted>>(&mut self, written: &[Placed<String>]) -> Box<[T]> {
        let mut names = Vec::with_capacity(written.len());
        for name in written {
            match name.value.parse() {
                Ok(parsed) => names.push(parsed),
                Err(why) => self.fault(
                    name,
                    format!("`{}`: {why}", name.value.escape_debug()),
                    "mend it, or take it out",
                ),
            }
        }
        names.into()
    }
}
