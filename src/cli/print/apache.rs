//! A file for Apache, and its Lua, out of those in `examples/apache/`. Never changes more of them than names,
//! addresses and ports.

use std::net::SocketAddr;

use super::{Places, Shown, Site, for_each_app, made_by, renamed_in_lua};
use crate::place::Scheme;

/// The sites, as they are shipped.
const FILE: &str = include_str!("../../../examples/apache/aegis.conf");
/// The Lua, as it is shipped.
const LUA: &str = include_str!("../../../examples/apache/aegis.lua");
const AEGIS: &str = "127.0.0.1:8009";
const PORTAL: &str = "Use AegisPortal auth.example.com 443\n";
const ARLO: &str = "Use AegisApp arlo \"arlo.example.com\" 443 ";
/// What stands about TLS: how, and that it is used.
const TLS: &str = "<Macro AegisTls>\n";
const AFTER: &str = "# For both kinds of sites.\n";
const USED: &str = "        Use AegisTls\n";

/// The sites. Aegis listens at `aegis`.
pub(super) fn file(places: &Places, aegis: SocketAddr) -> String {
    let file = made_by("apache", FILE);
    let (head, rest) = file.split_once(TLS).unwrap_or((&file, ""));
    let (tls, rest) = rest.split_once(AFTER).unwrap_or(("", rest));
    let https = places.scheme == Scheme::Https;
    let tls = if https { format!("# Write where your certificate is.\n{TLS}{tls}") } else { String::new() };
    let rest = if https { rest.to_owned() } else { rest.replace(USED, "") };
    let own = places.scheme.default_port();
    let ports = places.ports().into_iter().filter(|port| *port != own);
    let listens: Vec<String> = ports.map(|port| format!("Listen {port}\n")).collect();
    let listens = listens.concat();
    let portal =
        format!("{listens}Use AegisPortal {} {}\n", places.portal.host, port(places, &places.portal));
    let file =
        format!("{head}{tls}{AFTER}{rest}").replace(AEGIS, &aegis.to_string()).replace(PORTAL, &portal);
    for_each_app(&file, &places.routes, |route, line| uses(places, route, line))
}

/// The Lua.
pub(super) fn lua(places: &Places, aegis: SocketAddr) -> String {
    renamed_in_lua(places, &LUA.replace(AEGIS, &aegis.to_string()))
}

/// A site for each port of an app.
fn uses(places: &Places, app: &Shown, line: &str) -> String {
    let mut sites: Vec<&Site> = app.sites.iter().collect();
    sites.sort_by_key(|site| site.port);
    let one = |sites: &[&Site]| {
        let hosts: Vec<&str> = sites.iter().map(|site| site.host.as_str()).collect();
        let port = sites.first().map_or(places.scheme.default_port(), |site| port(places, site));
        line.replace(ARLO, &format!("Use AegisApp {} \"{}\" {port} ", app.name, hosts.join(" ")))
    };
    let lines: String = sites.chunk_by(|one, next| one.port == next.port).map(one).collect();
    format!("# Write where {} listens.\n{lines}", app.title)
}

fn port(places: &Places, site: &Site) -> u16 {
    site.port.unwrap_or(places.scheme.default_port())
}

#[cfg(test)]
mod tests {
    use super::super::EXAMPLE;
    use super::*;
    use crate::state::HeaderNames;

    #[test]
    fn the_shipped_files_have_what_is_replaced() {
        for text in [TLS, AFTER, PORTAL, ARLO] {
            assert_eq!(FILE.matches(text).count(), 1, "{text:?} in\n{FILE}");
        }
        assert!(FILE.contains(USED) && FILE.contains(AEGIS), "{FILE}");
        let lines: Vec<&str> = FILE.lines().filter(|line| line.contains(EXAMPLE)).collect();
        assert_eq!(lines, [format!("{ARLO}127.0.0.1:8080")], "the app stands in one line");
        assert_eq!(LUA.matches(AEGIS).count(), 1, "{LUA}");
        for name in HeaderNames::remote().all() {
            let times = LUA.matches(&format!("\"{name}\"")).count();
            assert_eq!(times, 1, "{name} stands in the list of the Lua, and nowhere else");
        }
    }
}
