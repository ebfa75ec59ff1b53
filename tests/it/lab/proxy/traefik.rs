//! Traefik with the two files of `examples/traefik/`.

use std::fmt::Write as _;
use std::fs;

use super::{Example, Setting, Start};
use crate::lab::{AEGIS_PORT, APP_PORT, PLAIN_PORT, PROXY_PORT};

/// Writes the files and gives what starts Traefik with them.
pub(super) fn set_up(setting: &Setting<'_>) -> Start {
    let Setting { way, address, folder, .. } = *setting;
    let (file, routes) = (folder.join("traefik.yml"), folder.join("aegis.yml"));
    let mut fixed = Example::read("examples/traefik/traefik.yml")
        .put("\":443\"", &format!("\"{address}:{PROXY_PORT}\""))
        .put("\":80\"", &format!("\"{address}:{PLAIN_PORT}\""))
        .put("/etc/traefik/aegis.yml", &routes.display().to_string());
    if !way.tls {
        fixed = fixed.put("      tls: {}\n", "");
    }
    fs::write(&file, fixed.text).unwrap();

    let arlo = "    arlo: {rule: \"Host(`arlo.example.com`)\", entryPoints: [websecure], middlewares: [aegis], service: arlo}\n";
    let app = |name: &str, rule: &str, too: &str| {
        arlo.replace("arlo:", &format!("{name}:"))
            .replace("Host(`arlo.example.com`)", rule)
            .replace("[aegis]", &format!("[aegis{too}]"))
    };
    let apps = [
        app("arlo", "PathPrefix(`/`)", ""),
        app("admin", "PathRegexp(`^/admin(/|$)`)", ", admin"),
        app("pub", "PathRegexp(`^/pub(/|$)`)", ", pub"),
    ];
    let mut dynamic = Example::read("examples/traefik/aegis.yml")
        .put("auth.example.com", &format!("auth.{}", way.domain))
        .put(arlo, &apps.concat())
        .put("http://127.0.0.1:8009", &format!("http://{address}:{AEGIS_PORT}"))
        .put("http://127.0.0.1:8080", &format!("http://{address}:{APP_PORT}"))
        .text;
    for route in ["admin", "pub"] {
        let _ =
            writeln!(dynamic, "    {route}: {{headers: {{customRequestHeaders: {{X-Lab-Route: {route}}}}}}}");
    }
    if way.tls {
        let folder = folder.display();
        let _ = writeln!(
            dynamic,
            "tls:\n  certificates: [{{certFile: {folder}/certificate.pem, keyFile: {folder}/key.pem}}]"
        );
    }
    fs::write(routes, dynamic).unwrap();
    Start { arguments: vec!["--configFile".into(), file.into()], variables: vec![("HOME", folder.into())] }
}
