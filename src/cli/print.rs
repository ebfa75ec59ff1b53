//! `aegis print`: configuration for a proxy: the very files that the tests load, with the addresses of
//! this configuration put in. What Aegis cannot know (where an app listens, where the certificates
//! are) stands there as an example and says so.

mod apache;
mod caddy;
mod envoy;
mod haproxy;
mod nginx;
mod traefik;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use http::HeaderName;

use super::{Common, Failure, Outcome, health, out, settings};
use crate::config::Settings;
use crate::error::Fault;
use crate::place::Scheme;
use crate::policy;
use crate::serve::listen::{self, Address};
use crate::state::{App, HeaderNames, Prepared};

/// Where the shipped files look for Aegis, and the shipped units let it listen.
const USUAL: &str = "/run/aegis/aegis.sock";
/// The app of the examples.
const EXAMPLE: &str = "arlo";
/// Where an app listens, until somebody writes it.
const UPSTREAM: &str = "127.0.0.1:8080";

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Which proxy
    #[arg(value_name = "PROXY")]
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum What {
    /// Caddy 2, a whole Caddyfile
    Caddy,
    #[value(help = "nginx with auth_request, a file for /etc/nginx/conf.d")]
    Nginx,
    /// Traefik 3.7.12, the routes: /etc/traefik/aegis.yml
    Traefik,
    /// Traefik 3.7.12, the entry points: /etc/traefik/traefik.yml
    TraefikStatic,
    #[value(help = "HAProxy 2.6, a whole haproxy.cfg")]
    Haproxy,
    /// The Lua that haproxy.cfg loads: /etc/haproxy/aegis.lua
    HaproxyLua,
    #[value(help = "Envoy with ext_authz, a whole envoy.yaml")]
    Envoy,
    #[value(help = "Apache 2.4.47 with mod_lua, a file for /etc/apache2/sites-available")]
    Apache,
    /// The Lua that it runs: /etc/apache2/aegis.lua
    ApacheLua,
}

/// Prints the file for the proxy; opens nothing.
pub(super) fn run(common: &Common, arguments: &Arguments) -> Outcome {
    let settings = settings::read(common, &[])?;
    let prepared = App::prepare(&settings).map_err(Failure::Configuration)?;
    out::raw(file(arguments.what, &settings, &prepared)?.as_bytes());
    Ok(())
}

/// The file for the proxy.
pub(super) fn file(what: What, settings: &Settings, prepared: &Prepared) -> Result<String, Failure> {
    let addresses = listen::parse(&settings.listen).map_err(Failure::Configuration)?;
    let places = Places::of(prepared, &addresses);
    Ok(match what {
        What::Caddy => caddy::file(&places),
        What::Nginx => nginx::file(&places),
        What::Traefik => traefik::routes(&places, places.over_tcp("Traefik")?),
        What::TraefikStatic => traefik::entry_points(&places),
        What::Haproxy => haproxy::file(&places),
        What::HaproxyLua => haproxy::lua(&places),
        What::Envoy => envoy::file(&places),
        What::Apache => apache::file(&places, places.over_tcp("Apache")?),
        What::ApacheLua => apache::lua(&places, places.over_tcp("Apache")?),
    })
}

/// What a proxy has to know.
struct Places {
    aegis: Aegis,
    /// Where it listens over TCP, if it does, for who can do nothing else.
    tcp: Option<SocketAddr>,
    /// How people come, to Aegis and to apps.
    scheme: Scheme,
    /// The site of `public_url`.
    portal: Site,
    apps: Vec<Shown>,
    /// Which hosts lead to which app, in the order of Aegis's own precedence, for proxies that take the first
    /// that fits: those that are named, then each wildcard, the longest first.
    routes: Vec<Shown>,
    /// Identity headers that are not called as in the shipped files: their name there, and here.
    renamed: Vec<(String, String)>,
}

/// Where Aegis listens.
enum Aegis {
    Socket(PathBuf),
    Tcp(SocketAddr),
}

/// One app.
struct Shown {
    /// In the configuration: `a-z`, `0-9` and dash.
    name: String,
    /// As people read it; cannot steer what it is printed into.
    title: String,
    sites: Vec<Site>,
}

/// One host under which people come: a name, or `*.` and a domain.
#[derive(Clone)]
struct Site {
    host: String,
    /// Where it is not the scheme's own.
    port: Option<u16>,
}

impl Places {
    fn of(prepared: &Prepared, addresses: &[Address]) -> Self {
        let public_url = prepared.current.site.public_url();
        let scheme = public_url.scheme();
        let port = Some(public_url.port()).filter(|&port| port != scheme.default_port());
        let site = |site: &policy::Site| Site { host: site.hosts.to_string(), port: site.port };
        let shown = |app: &policy::App| Shown {
            name: app.name().to_string(),
            title: out::tame(app.title()),
            sites: app.sites().iter().map(site).collect(),
        };
        let apps: Vec<Shown> = prepared.current.policy.apps().iter().map(|app| shown(app)).collect();
        Self {
            aegis: Aegis::of(addresses),
            tcp: tcp(addresses),
            scheme,
            portal: Site { host: public_url.host().to_string(), port },
            routes: routes(&apps),
            apps,
            renamed: renamed(&prepared.current.header_names),
        }
    }

    /// Where Aegis listens, for a proxy that asks over TCP only.
    fn over_tcp(&self, proxy: &str) -> Result<SocketAddr, Failure> {
        self.tcp.ok_or_else(|| {
            let fault =
                Fault::new(format!("{proxy} asks over TCP only, and `listen` names no address for it"))
                    .hint("add \"127.0.0.1:8009\" to `listen`");
            Failure::Configuration(fault.into())
        })
    }

    /// Every site: Aegis's own, and those of the apps.
    fn sites(&self) -> impl Iterator<Item = &Site> {
        std::iter::once(&self.portal).chain(self.apps.iter().flat_map(|app| &app.sites))
    }

    /// The ports at which people come, in order, each once; at least one.
    fn ports(&self) -> BTreeSet<u16> {
        self.sites().map(|site| site.port.unwrap_or(self.scheme.default_port())).collect()
    }
}

impl Site {
    /// What a wildcard's hosts end with, dot and all.
    fn suffix(&self) -> Option<&str> {
        self.host.strip_prefix('*')
    }
}

/// The hosts of `apps`, in the order of their precedence.
fn routes(apps: &[Shown]) -> Vec<Shown> {
    let route =
        |app: &Shown, sites: Vec<Site>| Shown { name: app.name.clone(), title: app.title.clone(), sites };
    let named = apps.iter().filter_map(|app| {
        let sites: Vec<Site> = app.sites.iter().filter(|site| site.suffix().is_none()).cloned().collect();
        (!sites.is_empty()).then(|| route(app, sites))
    });
    let mut wild: Vec<Shown> = apps
        .iter()
        .flat_map(|app| app.sites.iter().map(move |site| (app, site)))
        .filter(|(_, site)| site.suffix().is_some())
        .map(|(app, site)| route(app, vec![site.clone()]))
        .collect();
    wild.sort_by_key(|route| std::cmp::Reverse(route.sites.first().map_or(0, |site| site.host.len())));
    named.chain(wild).collect()
}

/// An example with what it says of its app once for each app. What stands together about it in
/// the example stays together.
fn for_each_app(example: &str, apps: &[Shown], lines: impl Fn(&Shown, &str) -> String) -> String {
    for_each_block(example, |block| apps.iter().map(|app| lines(app, block)).collect())
}

/// An example with other lines in place of each block of lines about its app.
fn for_each_block(example: &str, lines: impl Fn(&str) -> String) -> String {
    let is_about = |line: &str| line.contains(EXAMPLE);
    let all: Vec<&str> = example.split_inclusive('\n').collect();
    let blocks = all.chunk_by(|one, next| is_about(one) == is_about(next));
    let written = |block: String| if is_about(&block) { lines(&block) } else { block };
    blocks.map(|block| written(block.concat())).collect()
}

/// A Lua file with other names for identity headers. Each name stands in it once, in its list.
fn renamed_in_lua(places: &Places, lua: &str) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.to_ascii_lowercase());
    places.renamed.iter().fold(lua.to_owned(), |lua, (from, to)| lua.replace(&quoted(from), &quoted(to)))
}

/// A file that begins with what it was made by, in place of what the example says of itself.
fn made_by(command: &str, example: &str) -> String {
    let lines = example.split_inclusive('\n').skip_while(|line| line.starts_with('#'));
    format!("# Made by `aegis print {command}`.\n{}", lines.collect::<String>())
}

/// What is renamed, in the spelling of headers: each word with a capital.
fn renamed(names: &HeaderNames) -> Vec<(String, String)> {
    let spelled = |name: &HeaderName| {
        let capital = |word: &str| {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            format!("{}{rest}", first.to_ascii_uppercase())
        };
        name.as_str().split('-').map(capital).collect::<Vec<_>>().join("-")
    };
    let shipped = HeaderNames::remote();
    let pairs = shipped.all().into_iter().zip(names.all());
    pairs.filter(|(from, to)| from != to).map(|(from, to)| (spelled(from), spelled(to))).collect()
}

impl Aegis {
    /// The unix socket, if there is one: there nobody but the proxy can connect.
    fn of(addresses: &[Address]) -> Self {
        let socket = addresses.iter().find_map(|address| match address {
            Address::Unix { path, .. } => Some(path.as_path()),
            Address::Systemd => Some(Path::new(USUAL)),
            Address::Tcp(_) => None,
        });
        match (socket, tcp(addresses)) {
            (None, Some(address)) => Self::Tcp(address),
            (socket, _) => {
                let socket = socket.unwrap_or(Path::new(USUAL));
                Self::Socket(std::path::absolute(socket).unwrap_or_else(|_| socket.to_path_buf()))
            }
        }
    }
}

/// Where it listens over TCP, as somebody on this machine reaches it.
fn tcp(addresses: &[Address]) -> Option<SocketAddr> {
    addresses.iter().find_map(|address| match address {
        Address::Tcp(address) => Some(health::near(*address)),
        Address::Unix { .. } | Address::Systemd => None,
    })
}
