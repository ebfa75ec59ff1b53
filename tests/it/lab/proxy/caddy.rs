//! Caddy with `caddy/aegis.caddy`.

use std::fs;

use super::{Setting, Start, repository};
use crate::lab::{APP_PORT, PROXY_PORT};

/// Writes the Caddyfile and gives what starts Caddy with it.
pub(super) fn set_up(setting: &Setting<'_>) -> Start {
    let Setting { way, address, folder, .. } = *setting;
    let file = folder.join("Caddyfile");
    fs::write(&file, caddyfile(setting)).unwrap();
    let folder = folder.as_os_str();
    Start {
        arguments: ["run", "--adapter", "caddyfile", "--config"]
            .into_iter()
            .map(Into::into)
            .chain([file.into()])
            .collect(),
        variables: vec![
            ("HOME", folder.into()),
            ("XDG_DATA_HOME", folder.into()),
            ("XDG_CONFIG_HOME", folder.into()),
            ("AEGIS_SOCKET", way.socket(address, setting.folder).into()),
        ],
    }
}

fn caddyfile(setting: &Setting<'_>) -> String {
    let Setting { way, address, entrance, folder } = *setting;
    let fragment = repository().join("caddy/aegis.caddy");
    let (fragment, folder, portal) = (fragment.display(), folder.display(), way.portal());
    let (scheme, tls) = if way.tls {
        ("https", format!("tls {folder}/certificate.pem {folder}/key.pem"))
    } else {
        ("http", String::new())
    };
    // From 2.7 on. `allow` believes the header where there is one; without one the peer is the visitor.
    let servers = entrance.map_or("", |_| {
        "servers {
		listener_wrappers {
			proxy_protocol {
				allow 127.0.0.1/32
			}
			tls
		}
	}"
    });
    let entrance = entrance.map(|entrance| entrance.to_string()).unwrap_or_default();
    format!(
        "{{
	admin off
	auto_https off
	{servers}
}}
import {fragment}
{scheme}://{portal} {{
	bind {address} {entrance}
	{tls}
	import aegis_portal
}}
{scheme}://:{PROXY_PORT} {{
	bind {address} {entrance}
	{tls}
	import aegis
	handle /handled/* {{
		reverse_proxy {address}:{APP_PORT}
	}}
	@admin path /admin /admin/*
	handle @admin {{
		reverse_proxy {address}:{APP_PORT} {{
			header_up X-Lab-Route admin
		}}
	}}
	@pub path /pub /pub/*
	handle @pub {{
		reverse_proxy {address}:{APP_PORT} {{
			header_up X-Lab-Route pub
		}}
	}}
	reverse_proxy {address}:{APP_PORT}
}}
"
    )
}
