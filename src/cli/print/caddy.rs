//! A whole Caddyfile out of `caddy/aegis.caddy`. Never changes more of that file than an address, and the
//! names of identity headers.

use std::fmt::Write as _;

use super::{Aegis, Places, Site, UPSTREAM, USUAL};
use crate::place::Scheme;

/// What users import, as it is shipped.
const FRAGMENT: &str = include_str!("../../../caddy/aegis.caddy");

/// The file.
pub(super) fn file(places: &Places) -> String {
    let aegis = match &places.aegis {
        Aegis::Socket(path) => format!("unix/{}", path.display()),
        Aegis::Tcp(address) => address.to_string(),
    };
    let shipped = format!("{{$AEGIS_SOCKET:unix/{USUAL}}}");
    let fragment = FRAGMENT.replace(&shipped, &format!("{{$AEGIS_SOCKET:{aegis}}}"));
    let fragment = places.renamed.iter().fold(fragment, |fragment, (from, to)| rename(&fragment, from, to));
    let mut file = format!(
        "# Made by `aegis print caddy`: what is asked at {aegis}, and the sites of its configuration.\n\n"
    );
    file.push_str(&fragment);
    let address = |site: &Site| {
        let scheme = if places.scheme == Scheme::Http { "http://" } else { "" };
        let port = site.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}{}{port}", site.host)
    };
    let _infallible = write!(file, "\n{} {{\n\timport aegis_portal\n}}\n", address(&places.portal));
    for app in &places.apps {
        let sites: Vec<String> = app.sites.iter().map(address).collect();
        let _infallible = write!(
            file,
            "\n{} {{\n\timport aegis\n\t# Write where {} listens.\n\treverse_proxy {UPSTREAM}\n}}\n",
            sites.join(", "),
            app.title
        );
    }
    file
}

/// The line that sets the identity header `from`, as it stands in the file.
fn setting(name: &str) -> String {
    format!("\trequest_header {name} {{rp.header.{name}}}\n")
}

/// The file with another name for an identity header. What the visitor sends under it goes too, in every
/// spelling that some app reads as the same name; the shipped name goes as before.
fn rename(fragment: &str, from: &str, to: &str) -> String {
    let mut lines = String::new();
    for (dash, _) in to.match_indices('-') {
        for separator in ['_', '.'] {
            let _infallible =
                writeln!(lines, "\trequest_header -{}{separator}*", to.get(..dash).unwrap_or_default());
        }
    }
    lines.push_str(&setting(to));
    fragment.replace(&setting(from), &lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_has_the_address_that_is_replaced() {
        let shipped = format!("{{$AEGIS_SOCKET:unix/{USUAL}}}");
        assert_eq!(
            FRAGMENT.matches("AEGIS_SOCKET:").count(),
            FRAGMENT.matches(&shipped).count(),
            "{FRAGMENT}"
        );
        assert!(FRAGMENT.contains(&shipped), "no {shipped} in {FRAGMENT}");
    }

    #[test]
    fn a_header_with_another_name_is_set_under_it_and_stripped_in_its_other_spellings() {
        let fragment = rename(FRAGMENT, "Remote-User", "X-Some-User");
        assert!(FRAGMENT.contains(&setting("Remote-User")) && !fragment.contains(&setting("Remote-User")));
        assert!(fragment.contains(
            "\trequest_header -X_*\n\trequest_header -X.*\n\trequest_header -X-Some_*\n\trequest_header -X-Some.*\n\
             \trequest_header X-Some-User {rp.header.X-Some-User}\n"
        ));
        assert!(fragment.contains("\trequest_header -Remote-*\n"), "{fragment}");
    }
}
