//! Traefik's two files out of those in `examples/traefik/`: the entry points, and the routes. Never changes
//! more of them than names, addresses and ports.

use std::net::SocketAddr;

use super::{EXAMPLE, Places, Shown, Site, UPSTREAM, for_each_block, made_by};
use crate::place::Scheme;

/// The static configuration, as it is shipped.
const ENTRY_POINTS: &str = include_str!("../../../examples/traefik/traefik.yml");
/// The routes, as they are shipped.
const ROUTES: &str = include_str!("../../../examples/traefik/aegis.yml");
/// Its entry point for people, and where it listens.
const ENTRY: &str = "websecure";
/// The lines that send people on to https.
const PLAIN: &str =
    "  web:\n    address: \":80\"\n    http: {redirections: {entryPoint: {to: websecure, scheme: https}}}\n";
/// How the portal and the app of the example are found.
const PORTAL: &str = "Host(`auth.example.com`)";
const ARLO: &str = "Host(`arlo.example.com`)";
const AEGIS: &str = "http://127.0.0.1:8009";
const TLS: &str = "      tls: {}\n";

/// The static configuration: one entry point a port.
pub(super) fn entry_points(places: &Places) -> String {
    let file = made_by("traefik-static", ENTRY_POINTS);
    let file = if places.scheme == Scheme::Http { file.replace(PLAIN, "").replace(TLS, "") } else { file };
    let start = file.find(&format!("  {ENTRY}:\n")).unwrap_or_default();
    let end = file.find("\nproviders:").unwrap_or(file.len());
    let (Some(head), Some(entry), Some(rest)) = (file.get(..start), file.get(start..end), file.get(end..))
    else {
        return file;
    };
    let entries = places.ports().into_iter().map(|port| {
        let named = entry.replace(&format!("  {ENTRY}:\n"), &format!("  {}:\n", name(places, port)));
        named.replace(":443", &format!(":{port}"))
    });
    [head, &entries.collect::<String>(), rest].concat()
}

/// The routes. Aegis listens at `aegis`.
pub(super) fn routes(places: &Places, aegis: SocketAddr) -> String {
    let file = for_each_block(&made_by("traefik", ROUTES), |lines| {
        if lines.contains(UPSTREAM) {
            places.apps.iter().map(|app| service(app, lines)).collect()
        } else {
            let routers = places.routes.iter().enumerate();
            routers.map(|(number, route)| routers_of(places, number, route, lines)).collect()
        }
    });
    let portal = format!("Host(`{}`)", places.portal.host);
    let file = file
        .replace(AEGIS, &format!("http://{aegis}"))
        .replace(PORTAL, &portal)
        .replace(&format!("[{ENTRY}]"), &format!("[{}]", name(places, port(places, &places.portal))));
    places.renamed.iter().fold(file, |file, (from, to)| rename(&file, from, to))
}

/// A router for each port of a route. Traefik asks the one with the longest rule first, unless it is told: a
/// wildcard has to come after every name below it, and its end is shorter than any rule that has such a name.
fn routers_of(places: &Places, number: usize, app: &Shown, line: &str) -> String {
    let mut sites: Vec<&Site> = app.sites.iter().collect();
    sites.sort_by_key(|site| site.port);
    let router = |sites: &[&Site]| {
        let rules: Vec<String> = sites.iter().map(|site| rule(site)).collect();
        let own = sites.first().and_then(|site| site.port);
        let wildcard = sites.iter().find_map(|site| site.suffix());
        let called = match wildcard {
            Some(_) => format!("{}-any-{number}", app.name),
            None => app.name.clone(),
        };
        let called = own.map_or_else(|| called.clone(), |port| format!("{called}-{port}"));
        let rules = rules.join(" || ");
        let rule = match wildcard {
            Some(suffix) => format!("{rules}\", priority: {}, ", suffix.len()),
            None => format!("{rules}\", "),
        };
        let entry = name(places, own.unwrap_or(places.scheme.default_port()));
        line.replace(&format!(" {EXAMPLE}:"), &format!(" {called}:"))
            .replace(&format!("service: {EXAMPLE}"), &format!("service: {}", app.name))
            // Marked, so that it is not taken for the portal's.
            .replace(&format!("[{ENTRY}]"), &format!("[ {entry} ]"))
            .replace(&format!("{ARLO}\", "), &rule)
    };
    sites.chunk_by(|one, next| one.port == next.port).map(router).collect()
}

fn service(app: &Shown, line: &str) -> String {
    let line = line.replace(&format!(" {EXAMPLE}:"), &format!(" {}:", app.name));
    format!("    # Write where {} listens.\n{line}", app.title)
}

fn rule(site: &Site) -> String {
    match site.suffix() {
        None => format!("Host(`{}`)", site.host),
        Some(suffix) => format!("HostRegexp(`^.+{}$`)", suffix.replace('.', r"\\.")),
    }
}

fn port(places: &Places, site: &Site) -> u16 {
    site.port.unwrap_or(places.scheme.default_port())
}

/// What the entry point of a port is called.
fn name(places: &Places, port: u16) -> String {
    let own = if places.scheme == Scheme::Https { ENTRY } else { "web" };
    if port == places.scheme.default_port() { own.to_owned() } else { format!("{own}-{port}") }
}

/// The routes with another name for an identity header. What the visitor sends under the shipped name
/// goes as before: it is in the list, and no answer has it.
fn rename(file: &str, from: &str, to: &str) -> String {
    let strip = |name: &str| format!("          {name}: \"\"\n");
    let (listed, both) = (format!("{from}, "), format!("{from}, {to}, "));
    let file =
        file.replace(&format!("authResponseHeaders: [{listed}"), &format!("authResponseHeaders: [{both}"));
    let file = file.replace(&format!(", {listed}"), &format!(", {both}"));
    // The new name may be one that is taken away otherwise.
    let file = file.replace(&strip(to), "");
    let last = strip("Remote.Groups");
    let spellings = ['_', '.'].map(|dash| strip(&to.replace('-', &dash.to_string())));
    file.replace(&last, &[last.as_str(), &spellings.concat()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_files_have_what_is_replaced() {
        for (file, text) in [
            (ENTRY_POINTS, PLAIN),
            (ENTRY_POINTS, TLS),
            (ENTRY_POINTS, "  websecure:\n    address: \":443\"\n"),
            (ENTRY_POINTS, "\nproviders:"),
            (ROUTES, PORTAL),
            (ROUTES, ARLO),
            (ROUTES, AEGIS),
            (ROUTES, UPSTREAM),
            (ROUTES, "          Remote.Groups: \"\"\n"),
        ] {
            assert!(file.contains(text), "no {text:?} in\n{file}");
        }
    }

    #[test]
    fn a_header_with_another_name_is_taken_from_the_answer_and_not_taken_away() {
        let file = rename(ROUTES, "Remote-User", "Tailscale-User-Login");
        assert!(
            file.contains("authResponseHeaders: [Remote-User, Tailscale-User-Login, Remote-Email,"),
            "{file}"
        );
        assert!(!file.contains("          Tailscale-User-Login: \"\"\n"), "{file}");
        assert!(file.contains("          Tailscale_User_Login: \"\"\n"), "{file}");
    }
}
