//! A file for `/etc/nginx/conf.d` out of the parts in `examples/nginx/`. Never changes more of a part than
//! the names of identity headers.

use std::fmt::Write as _;

use super::{Aegis, Places, Site, UPSTREAM};
use crate::place::Scheme;

/// The parts, as they are shipped.
const HTTP: &str = include_str!("../../../examples/nginx/aegis-http.conf");
const PORTAL: &str = include_str!("../../../examples/nginx/aegis-portal.conf");
const SERVER: &str = include_str!("../../../examples/nginx/aegis-server.conf");
const LOCATION: &str = include_str!("../../../examples/nginx/aegis-location.conf");

/// The file.
pub(super) fn file(places: &Places) -> String {
    let aegis = match &places.aegis {
        Aegis::Socket(path) => format!("unix:{}", path.display()),
        Aegis::Tcp(address) => address.to_string(),
    };
    let mut file = format!(
        "# Made by `aegis print nginx`, for /etc/nginx/conf.d/aegis.conf.

# nginx's user must be allowed to open a unix socket.
upstream aegis {{
    server {aegis};
    keepalive 16;
}}

{}",
        body(HTTP)
    );
    let everywhere: Vec<&Site> =
        std::iter::once(&places.portal).chain(places.apps.iter().flat_map(|app| &app.sites)).collect();
    if places.scheme == Scheme::Https {
        let _infallible = write!(
            file,
            "
# Write where your certificate is.
ssl_certificate     /etc/ssl/certs/aegis.pem;
ssl_certificate_key /etc/ssl/private/aegis.key;

server {{
    listen 80;
    server_name {};
    return 301 https://$host$request_uri;
}}
",
            names(&everywhere)
        );
    }
    server(&mut file, places, &[&places.portal], &indented(body(PORTAL), 1));
    let location =
        places.renamed.iter().fold(body(LOCATION).to_owned(), |part, (from, to)| rename(&part, from, to));
    for app in &places.apps {
        let inside = format!(
            "{}\n    location / {{\n{}\n        # Write where {} listens.\n        proxy_pass http://{UPSTREAM};\n    }}\n",
            indented(body(SERVER), 1),
            indented(&location, 2),
            app.title
        );
        let mut sites: Vec<&Site> = app.sites.iter().collect();
        // A server hears all its names at all its ports; a name belongs to its own port alone.
        sites.sort_by_key(|site| site.port);
        for sites in sites.chunk_by(|one, other| one.port == other.port) {
            server(&mut file, places, sites, &inside);
        }
    }
    file
}

/// The variable of an answer's header.
fn answered(name: &str) -> String {
    format!("$upstream_http_{};", name.to_ascii_lowercase().replace('-', "_"))
}

/// The part with another name for an identity header: read from the answer under it, and set under it.
/// What the visitor sends under the shipped name is taken away as before.
fn rename(part: &str, from: &str, to: &str) -> String {
    let sets = format!("proxy_set_header {from} ");
    let line = |line: &str| match line.strip_prefix(&sets) {
        Some(value) => format!("proxy_set_header {to} {}\n{sets}\"\";\n", value.trim_start()),
        // The new name may be one that is taken away otherwise.
        None if line.starts_with(&format!("proxy_set_header {to} ")) => String::new(),
        None => format!("{}\n", line.replace(&answered(from), &answered(to))),
    };
    part.lines().map(line).collect()
}

/// A server for sites at the same port.
fn server(file: &mut String, places: &Places, sites: &[&Site], inside: &str) {
    let port = sites.first().and_then(|site| site.port).unwrap_or(places.scheme.default_port());
    let tls = if places.scheme == Scheme::Https { " ssl http2" } else { "" };
    let names = names(sites);
    let _infallible =
        write!(file, "\nserver {{\n    listen {port}{tls};\n    server_name {names};\n\n{inside}}}\n");
}

fn names(sites: &[&Site]) -> String {
    let mut names: Vec<&str> = sites.iter().map(|site| site.host.as_str()).collect();
    names.dedup();
    names.join(" ")
}

/// A part without its first words, which say where to include it.
fn body(part: &str) -> &str {
    part.split_once("\n\n").map_or(part, |(_, body)| body)
}

fn indented(text: &str, levels: usize) -> String {
    let margin = "    ".repeat(levels);
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{margin}{line}\n") };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_with_another_name_is_read_and_set_under_it_once() {
        let part = rename(LOCATION, "Remote-User", "Tailscale-User-Login");
        let lines: Vec<&str> = part.lines().filter(|line| line.contains("Tailscale-User-Login")).collect();
        assert_eq!(lines, ["proxy_set_header Tailscale-User-Login $aegis_user;"], "{part}");
        assert!(part.contains("proxy_set_header Remote-User \"\";"), "{part}");
        assert!(part.contains("$aegis_user          $upstream_http_tailscale_user_login;"), "{part}");
        assert!(!part.contains("$upstream_http_remote_user;"), "{part}");
    }
}
