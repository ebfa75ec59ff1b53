//! A whole envoy.yaml out of `examples/envoy/envoy.yaml`. Never changes more of it than names, addresses
//! and ports.

use super::{Aegis, EXAMPLE, Places, Site, for_each_app, made_by};
use crate::place::Scheme;

/// The file, as it is shipped.
const FILE: &str = include_str!("../../../examples/envoy/envoy.yaml");
const AEGIS: &str = "{pipe: {path: /run/aegis/aegis.sock}}";
const ARLO: &str = "[\"arlo.example.com\"]";
const PORTAL: &str = "[\"auth.example.com\"]";
const LISTENS: &str = "    address: {socket_address: {address: 0.0.0.0, port_value: 443}}\n";
/// Where the listener begins that sends people on to https, and where the other does.
const PLAIN: &str = "  - name: web\n";
const SECURE: &str = "  - name: websecure\n";
/// What stands about TLS.
const TLS: &str = "    - transport_socket:\n";
const FILTERS: &str = "      filters:\n";
/// The last of what is taken away before Aegis is asked.
const STRIPPED: &str = "              - remove_on_match: {key_matcher: {safe_regex: {regex: \"x-aegis-(";

/// The file.
pub(super) fn file(places: &Places) -> String {
    let aegis = match &places.aegis {
        Aegis::Socket(path) => format!("{{pipe: {{path: {}}}}}", path.display()),
        Aegis::Tcp(address) => socket(&address.ip().to_string(), address.port()),
    };
    let ports: Vec<u16> = places.ports().into_iter().collect();
    let (first, more) = ports.split_first().unwrap_or((&0, &[]));
    let others: Vec<String> =
        more.iter().map(|port| format!("{{address: {}}}", socket("0.0.0.0", *port))).collect();
    let others = match others.as_slice() {
        [] => String::new(),
        others => format!("    additional_addresses: [{}]\n", others.join(", ")),
    };
    let listens = format!("    address: {}\n{others}", socket("0.0.0.0", *first));
    let file = made_by("envoy", FILE);
    let file = if places.scheme == Scheme::Http { plain(&file) } else { file };
    let file = file
        .replace(LISTENS, &listens)
        .replace(AEGIS, &aegis)
        .replace(PORTAL, &domains(std::slice::from_ref(&places.portal)));
    let file = for_each_app(&file, &places.apps, |app, lines| {
        let own = lines.replace(&format!(": {EXAMPLE},"), &format!(": {},", app.name));
        let own = own.replace(ARLO, &domains(&app.sites));
        if lines.contains(ARLO) { own } else { format!("  # Write where {} listens.\n{own}", app.title) }
    });
    places.renamed.iter().fold(file, |file, (from, to)| rename(&file, from, to))
}

fn socket(address: &str, port: u16) -> String {
    format!("{{socket_address: {{address: \"{address}\", port_value: {port}}}}}")
}

fn domains(sites: &[Site]) -> String {
    let domain = |site: &Site| {
        let port = site.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("\"{}{port}\"", site.host)
    };
    format!("[{}]", sites.iter().map(domain).collect::<Vec<_>>().join(", "))
}

/// Without TLS, and without the listener that leads to it.
fn plain(file: &str) -> String {
    let between = |text: &str, from: &str, to: &str, instead: &str| {
        let (head, rest) = text.split_once(from)?;
        let (_, tail) = rest.split_once(to)?;
        Some([head, instead, tail].concat())
    };
    let file = between(file, PLAIN, SECURE, SECURE).unwrap_or_default();
    between(&file, TLS, FILTERS, "    - filters:\n").unwrap_or_default()
}

/// The file with another name for an identity header. What the visitor sends under it goes too, in every
/// spelling; the shipped name goes as before.
fn rename(file: &str, from: &str, to: &str) -> String {
    let exact = |name: &str| format!("{{exact: {}}}", name.to_ascii_lowercase());
    let spelled = to.to_ascii_lowercase().replace('-', "[-_.]");
    let line = format!(
        "              - remove_on_match: {{key_matcher: {{safe_regex: {{regex: \"{spelled}\"}}}}}}\n"
    );
    file.replace(&exact(from), &exact(to)).replace(STRIPPED, &[&line, STRIPPED].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::HeaderNames;

    #[test]
    fn the_shipped_file_has_what_is_replaced() {
        for text in [AEGIS, ARLO, PORTAL, LISTENS, PLAIN, SECURE, TLS, FILTERS, STRIPPED] {
            assert_eq!(FILE.matches(text).count(), 1, "{text:?} in\n{FILE}");
        }
        for name in HeaderNames::remote().all() {
            assert_eq!(
                FILE.matches(&format!("{{exact: {name}}}")).count(),
                1,
                "{name} is taken from the answer"
            );
        }
    }
}
