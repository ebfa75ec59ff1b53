//! Apache with `examples/apache/aegis.conf` and its Lua. Modules, ports and user are the system's matter,
//! and stand in the file around it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::{Example, Setting, Start};
use crate::lab::{AEGIS_PORT, APP_PORT, PROXY_PORT};

const MODULES: [&str; 11] = [
    "mpm_event",
    "authz_core",
    "alias",
    "headers",
    "macro",
    "proxy",
    "proxy_http",
    "http2",
    "ssl",
    "lua",
    "socache_shmcb",
];

/// Writes apache.conf and gives what starts Apache with it.
pub(super) fn set_up(setting: &Setting<'_>) -> Start {
    let Setting { way, address, folder, .. } = *setting;
    let (file, lua) = (folder.join("apache.conf"), folder.join("aegis.lua"));
    let aegis = format!("{address}:{AEGIS_PORT}");
    fs::write(&lua, Example::read("examples/apache/aegis.lua").put("127.0.0.1:8009", &aegis).text).unwrap();

    let routes = ["admin", "pub"].map(|route| {
        format!(
            "        <LocationMatch \"^/{route}(/|$)\">\n            RequestHeader set X-Lab-Route {route}\n        </LocationMatch>\n"
        )
    });
    let passes = "        ProxyPass / http://$app/ upgrade=websocket nocanon\n";
    let example = Example::read("examples/apache/aegis.conf")
        .put("*:$port", &format!("{address}:$port"))
        .put(" 443", &format!(" {PROXY_PORT}"))
        .put("/etc/apache2/aegis.lua", &lua.display().to_string())
        .put("127.0.0.1:8009", &aegis)
        .put("127.0.0.1:8080", &format!("{address}:{APP_PORT}"))
        .put("auth.example.com", &format!("auth.{}", way.domain))
        .put("\"arlo.example.com\"", "\"*\"")
        .put(passes, &format!("{}{passes}", routes.concat()));
    let example = if way.tls {
        example
            .put("/etc/ssl/certs/example.com.pem", &folder.join("certificate.pem").display().to_string())
            .put("/etc/ssl/private/example.com.key", &folder.join("key.pem").display().to_string())
    } else {
        example.put("        Use AegisTls\n", "")
    };

    let text = format!("{}Listen {address}:{PROXY_PORT}\n{}", around(folder), example.text);
    fs::write(&file, text).unwrap();
    Start { arguments: vec!["-X".into(), "-f".into(), file.into()], variables: Vec::new() }
}

/// What the system's own files say: modules, user, places.
pub(crate) fn around(folder: &Path) -> String {
    let mut text = String::new();
    for module in MODULES {
        let _ = writeln!(text, "LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so");
    }
    if rustix::process::getuid().is_root() {
        text.push_str("User www-data\nGroup www-data\n");
    }
    let folder = folder.display();
    let _ = writeln!(
        text,
        "ServerName lab.invalid\nPidFile {folder}/apache.pid\nDefaultRuntimeDir {folder}\nErrorLog /dev/stderr"
    );
    text
}
