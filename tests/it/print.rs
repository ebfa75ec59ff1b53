//! `aegis print`: what it prints is what the proxies take.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::lab::address;
use crate::lab::proxy::{self, Kind};

/// What a self-hoster has; the wildcard, the second port and the title are for the printer.
const APPS: &str = r#"
[cookie]
domain = "example.com"
[app.arlo]
title = "Arlo { # }"
hosts = ["arlo.example.com", "old.example.com:8443", "arlo2.example.com"]
require = "signed_in"
[app.lab]
hosts = ["*.lab.example.com"]
require = "public"
"#;

fn print(folder: &Path, top: &str, proxy: &str) -> String {
    let config = folder.join("aegis.toml");
    fs::write(&config, format!("{top}\n{APPS}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_aegis"));
    let output = command.args(["print", proxy, "--config"]).arg(&config).output().unwrap();
    assert!(output.status.success(), "aegis print {proxy} for\n{top}\n{output:#?}");
    String::from_utf8(output.stdout).unwrap()
}

/// How Aegis may listen, and what the proxies then have to ask.
fn listens(folder: &Path) -> [(String, String, String); 5] {
    let socket = folder.join("aegis.sock").display().to_string();
    let usual = "/run/aegis/aegis.sock";
    let case = |listen: &str, caddy: &str, nginx: &str| {
        let top = format!("public_url = \"https://auth.example.com\"\nlisten = [{listen}]");
        (top, caddy.to_owned(), nginx.to_owned())
    };
    [
        case(
            &format!("\"127.0.0.1:8009\", \"unix:{socket}\""),
            &format!("unix/{socket}"),
            &format!("unix:{socket}"),
        ),
        case(
            "\"systemd\"]\nheaders = \"tailscale\"\ntrusted_hops = [",
            &format!("unix/{usual}"),
            &format!("unix:{usual}"),
        ),
        case("\"systemd\"", &format!("unix/{usual}"), &format!("unix:{usual}")),
        case("\"0.0.0.0:8010\"", "127.0.0.1:8010", "127.0.0.1:8010"),
        case("\"[::1]:8009\"", "[::1]:8009", "[::1]:8009"),
    ]
}

#[test]
fn caddy_takes_what_is_printed() {
    for kind in [Kind::Caddy, Kind::OldCaddy] {
        let folder = address::folder();
        for (top, upstream, _) in listens(&folder) {
            let file = folder.join("Caddyfile");
            fs::write(&file, print(&folder, &top, "caddy")).unwrap();
            let adapted = caddy(kind, &folder, "adapt", &file);
            let read: serde_json::Value = serde_json::from_slice(&adapted.stdout).unwrap();
            let read = read.to_string();
            let asked = format!("\"dial\":\"{upstream}\"");
            let times = read.matches(&asked).count();
            assert_eq!(times, 4, "{kind}: {asked} of the portal, the lab and arlo at its two ports: {read}");
            for host in ["auth", "arlo", "old", "arlo2", "*.lab"] {
                let host = format!("\"{host}.example.com\"");
                assert!(read.contains(&host), "{kind}: {host} is not in {read}");
            }
            assert!(read.contains("\":8443\""), "{kind}: the port of its own is not in {read}");
            caddy(kind, &folder, "validate", &file);
        }
    }
}

fn caddy(kind: Kind, folder: &Path, command: &str, file: &Path) -> Output {
    let output = proxy::command(kind)
        .args([command, "--adapter", "caddyfile", "--config"])
        .arg(file)
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .env_remove("AEGIS_SOCKET")
        .output()
        .unwrap();
    let printed = fs::read_to_string(file).unwrap();
    assert!(output.status.success(), "{kind}: caddy {command}: {output:#?}\nof\n{printed}");
    output
}

#[test]
fn nginx_takes_what_is_printed() {
    let folder = address::folder();
    let (certificate, key) = (folder.join("aegis.pem"), folder.join("aegis.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=example.com", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:#?}");
    for (top, _, upstream) in listens(&folder) {
        let printed = print(&folder, &top, "nginx");
        let server = format!("server {upstream};");
        assert!(printed.contains(&server), "{server} is not in\n{printed}");
        for line in ["server_name arlo.example.com arlo2.example.com;", "server_name *.lab.example.com;"] {
            assert!(printed.contains(line), "{line} is not in\n{printed}");
        }
        let at_its_port = "listen 8443 ssl http2;\n    server_name old.example.com;";
        assert!(printed.contains(at_its_port), "{at_its_port} is not in\n{printed}");
        let printed = printed
            .replace("/etc/ssl/certs/aegis.pem", &certificate.display().to_string())
            .replace("/etc/ssl/private/aegis.key", &key.display().to_string());
        fs::write(folder.join("aegis.conf"), &printed).unwrap();
        let file = folder.join("nginx.conf");
        let folder = folder.display();
        fs::write(
            &file,
            format!("pid {folder}/pid;\nevents {{}}\nhttp {{ include {folder}/aegis.conf; }}\n"),
        )
        .unwrap();
        let output = proxy::command(Kind::Nginx).arg("-t").arg("-c").arg(&file).output().unwrap();
        assert!(output.status.success(), "nginx -t: {output:#?}\nof\n{printed}");
    }
}

#[test]
fn without_tls_nothing_speaks_of_it() {
    let folder = address::folder();
    let config = folder.join("aegis.toml");
    fs::write(&config, "public_url = \"http://auth.aegis.localhost:8080\"\n").unwrap();
    for (proxy, site) in [
        ("caddy", "\nhttp://auth.aegis.localhost:8080 {\n"),
        ("nginx", "listen 8080;\n    server_name auth.aegis.localhost;"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aegis"));
        let output = command.args(["print", proxy, "--config"]).arg(&config).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains(site), "aegis print {proxy}: {site:?} is not in\n{printed}");
        assert!(!printed.contains("ssl"), "aegis print {proxy}:\n{printed}");
    }
}
