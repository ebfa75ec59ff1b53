//! haproxy.cfg and its Lua out of those in `examples/haproxy/`. Never changes more of them than names,
//! addresses and ports.

use super::{Aegis, EXAMPLE, Places, Shown, UPSTREAM, for_each_block, made_by, renamed_in_lua};
use crate::place::Scheme;

/// The configuration, as it is shipped.
const FILE: &str = include_str!("../../../examples/haproxy/haproxy.cfg");
/// The Lua, as it is shipped.
const LUA: &str = include_str!("../../../examples/haproxy/aegis.lua");
const AEGIS: &str = "127.0.0.1:8009";
const PLAIN: &str = "    bind :80\n";
const TLS: &str = "    bind :443 ssl crt /etc/haproxy/certs/example.com.pem alpn h2,http/1.1\n";
const ONWARD: &str = "    http-request redirect scheme https code 301 unless { ssl_fc }\n";

/// The configuration.
pub(super) fn file(places: &Places) -> String {
    let aegis = match &places.aegis {
        Aegis::Socket(path) => format!("unix@{}", path.display()),
        Aegis::Tcp(address) => address.to_string(),
    };
    let binds: String =
        places.ports().into_iter().map(|port| TLS.replace(":443", &format!(":{port}"))).collect();
    let binds = if places.scheme == Scheme::Https {
        format!("{PLAIN}    # Write where your certificate and its key are, in one file.\n{binds}")
    } else {
        let (_, options) = TLS.split_once(":443").unwrap_or_default();
        binds.replace(options, "\n")
    };
    let file = made_by("haproxy", FILE).replace(&[PLAIN, TLS].concat(), &binds);
    let file = if places.scheme == Scheme::Http { file.replace(ONWARD, "") } else { file };
    let file = file.replace(AEGIS, &aegis).replace("auth.example.com", &places.portal.host);
    let file = for_each_block(&file, |lines| {
        if lines.contains(UPSTREAM) {
            places.apps.iter().map(|app| backend(app, lines)).collect()
        } else {
            places.routes.iter().map(|route| uses(route, lines)).collect()
        }
    });
    format!("{}\n", file.trim_end())
}

/// The Lua.
pub(super) fn lua(places: &Places) -> String {
    renamed_in_lua(places, LUA)
}

/// Which hosts are an app's: those that are named, or those that end like a wildcard.
fn uses(route: &Shown, line: &str) -> String {
    let hosts: Vec<&str> =
        route.sites.iter().map(|site| site.suffix().unwrap_or(site.host.as_str())).collect();
    let how = if route.sites.iter().any(|site| site.suffix().is_some()) { "-m end " } else { "" };
    line.replace(&format!("use_backend {EXAMPLE} "), &format!("use_backend {} ", route.name))
        .replace("-i arlo.example.com", &format!("{how}-i {}", hosts.join(" ")))
}

fn backend(app: &Shown, lines: &str) -> String {
    let server = format!("    server {EXAMPLE} ");
    lines
        .replace(&format!("backend {EXAMPLE}\n"), &format!("backend {}\n", app.name))
        .replace(&server, &format!("    # Write where {} listens.\n    server {} ", app.title, app.name))
        + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::HeaderNames;

    #[test]
    fn the_shipped_files_have_what_is_replaced() {
        let binds = [PLAIN, TLS].concat();
        for text in [binds.as_str(), ONWARD, AEGIS, UPSTREAM, "auth.example.com", "-i arlo.example.com"] {
            assert!(FILE.contains(text), "no {text:?} in\n{FILE}");
        }
        for name in HeaderNames::remote().all() {
            let times = LUA.matches(&format!("\"{name}\"")).count();
            assert_eq!(times, 1, "{name} stands in the list of the Lua, and nowhere else");
        }
    }
}
