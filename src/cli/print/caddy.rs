//! A whole Caddyfile out of `caddy/aegis.caddy`. Never changes more of that file than an address.

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
}
