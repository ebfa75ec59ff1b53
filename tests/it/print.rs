//! `aegis print`: what it prints is what the proxies take.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::inside::house::until;
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
# Before the others by its name, and after them by how little it says.
[app.any]
hosts = ["*.example.com"]
require = "two_factor"
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
            assert_eq!(
                times, 5,
                "{kind}: {asked} of the portal, the two wildcards and arlo at its two ports: {read}"
            );
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

/// A certificate for nobody, and its key.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
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
    (certificate, key)
}

#[test]
fn nginx_takes_what_is_printed() {
    let folder = address::folder();
    let (certificate, key) = certificate(&folder);
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
fn haproxy_takes_what_is_printed() {
    let folder = address::folder();
    let (certificate, key) = certificate(&folder);
    let (both, lua) = (folder.join("both.pem"), folder.join("aegis.lua"));
    fs::write(&both, fs::read_to_string(certificate).unwrap() + &fs::read_to_string(key).unwrap()).unwrap();
    for (top, _, upstream) in listens(&folder) {
        let printed = print(&folder, &top, "haproxy");
        let asks = format!("http-request lua.aegis {} unless", upstream.replace("unix:", "unix@"));
        for line in [
            asks.as_str(),
            "bind :443 ssl",
            "bind :8443 ssl",
            "use_backend arlo if { req.fhdr(host),host_only -i arlo.example.com old.example.com arlo2.example.com }\n",
            // In this order: the first that fits counts.
            "-i arlo.example.com old.example.com arlo2.example.com }\n    \
             use_backend lab if { req.fhdr(host),host_only -m end -i .lab.example.com }\n    \
             use_backend any if { req.fhdr(host),host_only -m end -i .example.com }\n",
            "backend lab\n",
        ] {
            assert!(printed.contains(line), "{line} is not in\n{printed}");
        }
        let script = print(&folder, &top, "haproxy-lua");
        let renamed = top.contains("headers = ");
        assert_eq!(
            script.contains("\"tailscale-user-login\""),
            renamed,
            "aegis print haproxy-lua:\n{script}"
        );
        fs::write(&lua, script).unwrap();
        let printed = printed
            .replace("/etc/haproxy/certs/example.com.pem", &both.display().to_string())
            .replace("/etc/haproxy/aegis.lua", &lua.display().to_string());
        let file = folder.join("haproxy.cfg");
        fs::write(&file, &printed).unwrap();
        for kind in [Kind::Haproxy, Kind::OldHaproxy] {
            let output = proxy::command(kind).arg("-c").arg("-f").arg(&file).output().unwrap();
            assert!(output.status.success(), "{kind}: -c: {output:#?}\nof\n{printed}");
        }
    }
}

#[test]
fn envoy_takes_what_is_printed() {
    let folder = address::folder();
    let (certificate, key) = certificate(&folder);
    for (top, _, upstream) in listens(&folder) {
        let printed = print(&folder, &top, "envoy");
        let asks = if let Some(path) = upstream.strip_prefix("unix:") {
            format!("{{pipe: {{path: {path}}}}}")
        } else {
            let (address, port) = upstream.rsplit_once(':').unwrap();
            let address = address.trim_matches(['[', ']']);
            format!("{{socket_address: {{address: \"{address}\", port_value: {port}}}}}")
        };
        let renamed = top.contains("headers = ");
        assert_eq!(printed.contains("{exact: tailscale-user-login}"), renamed, "{printed}");
        for line in [
            asks.as_str(),
            "additional_addresses: [{address: {socket_address: {address: \"0.0.0.0\", port_value: 8443}}}]",
            "domains: [\"arlo.example.com\", \"old.example.com:8443\", \"arlo2.example.com\"]",
            "domains: [\"*.lab.example.com\"]",
            "domains: [\"auth.example.com\"]",
        ] {
            assert!(printed.contains(line), "{line} is not in\n{printed}");
        }
        let printed = printed
            .replace("/etc/envoy/example.com.pem", &certificate.display().to_string())
            .replace("/etc/envoy/example.com.key", &key.display().to_string());
        let file = folder.join("envoy.yaml");
        fs::write(&file, &printed).unwrap();
        let output =
            proxy::command(Kind::Envoy).args(["--mode", "validate", "-c"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "envoy --mode validate: {output:#?}\nof\n{printed}");
    }
}

#[test]
fn apache_takes_what_is_printed() {
    let folder = address::folder();
    let (certificate, key) = certificate(&folder);
    for (top, _, upstream) in listens(&folder) {
        let asked = if top.contains("127.0.0.1:8009") { "127.0.0.1:8009" } else { upstream.as_str() };
        if asked.starts_with("unix:") {
            over_tcp_only(&folder, &top, "apache");
            continue;
        }
        let script = print(&folder, &top, "apache-lua");
        assert!(script.contains(&format!("local AEGIS = \"{asked}\"\n")), "{script}");
        let printed = print(&folder, &top, "apache");
        for line in [
            format!("        ProxyPass / http://{asked}/ nocanon\n"),
            "Listen 8443\nUse AegisPortal auth.example.com 443\n".to_owned(),
            "\nUse AegisApp arlo \"arlo.example.com arlo2.example.com\" 443 127.0.0.1:8080\n".to_owned(),
            "\nUse AegisApp arlo \"old.example.com\" 8443 127.0.0.1:8080\n".to_owned(),
            // In this order: the first that fits counts.
            "\nUse AegisApp lab \"*.lab.example.com\" 443 127.0.0.1:8080\n\
             # Write where any listens.\n\
             Use AegisApp any \"*.example.com\" 443 127.0.0.1:8080\n"
                .to_owned(),
        ] {
            assert!(printed.contains(&line), "{line} is not in\n{printed}");
        }
        let printed = printed
            .replace("/etc/ssl/certs/example.com.pem", &certificate.display().to_string())
            .replace("/etc/ssl/private/example.com.key", &key.display().to_string());
        let around = proxy::apache::around(&folder);
        let file = folder.join("apache.conf");
        fs::write(&file, format!("{around}{printed}")).unwrap();
        let output = proxy::command(Kind::Apache).args(["-t", "-f"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "apache2 -t: {output:#?}\nof\n{printed}");
    }
}

/// That nothing is printed for a proxy that could not ask, and that it is said what to do.
fn over_tcp_only(folder: &Path, top: &str, proxy: &str) {
    let config = folder.join("aegis.toml");
    fs::write(&config, format!("{top}\n{APPS}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_aegis"));
    let output = command.args(["print", proxy, "--config"]).arg(&config).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "aegis print {proxy}: {output:#?}");
    assert!(said.contains("over TCP only") && said.contains("hint: add"), "aegis print {proxy}: {said}");
}

/// Traefik judges nothing beforehand: it is started, and has to know the sites.
#[test]
fn traefik_takes_what_is_printed() {
    let folder = address::folder();
    for (top, _, upstream) in listens(&folder) {
        let asked = if top.contains("127.0.0.1:8009") { "127.0.0.1:8009" } else { upstream.as_str() };
        if asked.starts_with("unix:") {
            over_tcp_only(&folder, &top, "traefik");
            continue;
        }
        let own = address::take();
        let routes = print(&folder, &top, "traefik");
        for line in [
            format!("address: \"http://{asked}/auth/forward-auth\""),
            "arlo: {rule: \"Host(`arlo.example.com`) || Host(`arlo2.example.com`)\", entryPoints: [ websecure ],"
                .to_owned(),
            "arlo-8443: {rule: \"Host(`old.example.com`)\", entryPoints: [ websecure-8443 ],".to_owned(),
            "lab-any-1: {rule: \"HostRegexp(`^.+\\\\.lab\\\\.example\\\\.com$`)\", priority: 16, entry".to_owned(),
            "any-any-2: {rule: \"HostRegexp(`^.+\\\\.example\\\\.com$`)\", priority: 12, entry".to_owned(),
        ] {
            assert!(routes.contains(&line), "{line} is not in\n{routes}");
        }
        let file = folder.join("aegis.yml");
        // Nobody listens there.
        let routes = routes.replace(asked, &format!("{}:1", address::take()));
        fs::write(&file, &routes).unwrap();
        let fixed = print(&folder, &top, "traefik-static")
            .replace("\":", &format!("\"{own}:"))
            .replace("/etc/traefik/aegis.yml", &file.display().to_string());
        let file = folder.join("traefik.yml");
        fs::write(&file, &fixed).unwrap();
        let process = proxy::run(Kind::Traefik, &folder, &["--configFile".into(), file.into()]);
        let process = process.wait_for((own, 443).into()).wait_for((own, 8443).into());
        let status = |port: u16, host: &str, path: &str| {
            let output = Command::new("curl")
                .args(["-sk", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", "--resolve"])
                .arg(format!("{host}:{port}:{own}"))
                .arg(format!("https://{host}:{port}{path}"))
                .output()
                .unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        // Nobody is behind it: 404 is who has no route, and 500 or 502 who has one.
        until("Traefik knows its routes", || status(443, "auth.example.com", "/login") == "502");
        for (port, host, path, expected) in [
            (443, "auth.example.com", "/login", "502"),
            (443, "auth.example.com", "/auth/forward-auth", "404"),
            (443, "arlo.example.com", "/", "500"),
            (443, "arlo2.example.com", "/", "500"),
            (443, "x.lab.example.com", "/", "500"),
            (8443, "old.example.com", "/", "500"),
            (443, "old.example.com", "/", "500"),
            (443, "other.example.com", "/", "500"),
            (443, "elsewhere.example.org", "/", "404"),
        ] {
            let came = status(port, host, path);
            assert_eq!(came, expected, "{host}:{port}{path}\nof\n{fixed}\n{routes}\n{}", process.log());
        }
        let log = process.log();
        let faults: Vec<&str> =
            log.lines().filter(|line| line.contains("ERR") && !line.contains("Error calling")).collect();
        assert!(faults.is_empty(), "{faults:#?}\nof\n{fixed}\n{routes}");
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
        ("traefik-static", "\n  web-8080:\n    address: \":8080\"\n"),
        ("traefik", "entryPoints: [web-8080], service: aegis}"),
        ("haproxy", "\n    bind :8080\n"),
        ("apache", "\nListen 8080\nUse AegisPortal auth.aegis.localhost 8080\n"),
        (
            "envoy",
            "\n    address: {socket_address: {address: \"0.0.0.0\", port_value: 8080}}\n    filter_chains:\n    - filters:\n",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aegis"));
        let output = command.args(["print", proxy, "--config"]).arg(&config).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains(site), "aegis print {proxy}: {site:?} is not in\n{printed}");
        for word in [" ssl", "tls", "https"] {
            assert!(!printed.contains(word), "aegis print {proxy}:\n{printed}");
        }
    }
}
