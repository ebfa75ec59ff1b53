//! `aegis doctor --url`: what it says of proxies that are set up as they should be, and of others.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::lab::aegis::{run_with, serve};
use crate::lab::app::App;
use crate::lab::process::Process;
use crate::lab::proxy::{self, Kind};
use crate::lab::{AEGIS_PORT, APP_PORT, Lab, PROXY_PORT, address};

/// The findings about what is seen from out there: how it is, and in which words.
fn outside(folder: &Path, url: &str, at: Ipv4Addr) -> Vec<(String, String)> {
    let at = format!("{at}:{PROXY_PORT}");
    // Whom a lab trusts that speaks TLS: itself.
    let certificate = folder.join("certificate.pem").display().to_string();
    let trusted = [("SSL_CERT_FILE", certificate.as_str())];
    let output = run_with(folder, &["doctor", "--json", "--url", url, "--connect", &at], "", &trusted);
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("aegis doctor --url {url}: {error}: {output:#?}"));
    let findings = told["findings"].as_array().expect("findings").iter();
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    findings
        .filter(|finding| finding["about"] == "outside")
        .map(|finding| (text(finding, "state"), text(finding, "what") + "; " + &text(finding, "hint")))
        .collect()
}

/// One of them is so, with this in its words.
#[track_caller]
fn says(findings: &[(String, String)], state: &str, part: &str) {
    let found = findings.iter().filter(|(is, words)| is == state && words.contains(part)).count();
    assert_eq!(found, 1, "{state} with {part:?} in {findings:#?}");
}

#[test]
fn proxies_with_the_shipped_files_withstand_it() {
    for kind in Kind::ALL {
        let lab = Lab::shared(kind);
        let url = format!("http://{}/admin", lab.host("closed"));
        let findings = outside(&lab.folder, &url, lab.address);
        for part in [
            "leads nobody in but to the sign-in page",
            "what a visitor claims in headers opens nothing",
            "other spellings of closed paths open nothing",
            "Aegis sees this machine as 127.",
            "the check endpoints are not reached",
        ] {
            says(&findings, "ok", part);
        }
        // Debian's is the Caddy of the PATH.
        let about_caddy = usize::from(kind.program_name().0 == "Caddy");
        let notes =
            findings.iter().filter(|(is, words)| is == "note" && words.contains("the Caddy of this machine"));
        assert_eq!((notes.count(), findings.len()), (about_caddy, 5 + about_caddy), "{kind}: {findings:#?}");
    }
}

/// Aegis, an app that repeats what it is told, and a Caddy with a file of this test's.
struct Held {
    folder: PathBuf,
    address: Ipv4Addr,
    // Held: they end with the test.
    _aegis: Process,
    _app: App,
    _caddy: Process,
}

/// The lines that ask Aegis, as they stand in `caddy/aegis.caddy`, without its care.
const ASK: &str = "forward_auth unix/{folder}/aegis.sock {
	uri /auth/forward-auth
	copy_headers Remote-User Remote-Groups
}
";
const APP: &str = "reverse_proxy {address}:{app}
";
const PORTAL: &str = "reverse_proxy unix/{folder}/aegis.sock
";

impl Held {
    /// With these settings, and these lines of Caddy at the app and at Aegis's own site.
    fn by(more: &str, app: &str, portal: &str) -> Self {
        Self::speaking("http", more, app, portal)
    }

    fn speaking(scheme: &str, more: &str, app: &str, portal: &str) -> Self {
        let (address, folder) = (address::take(), address::folder());
        let tls = if scheme == "https" { certificate(&folder) } else { String::new() };
        let public_url = format!("{scheme}://auth.aegis.localhost:{PROXY_PORT}");
        let settings = format!(
            "public_url = \"{public_url}\"\nlisten = [\"unix:{}\", \"{address}:{AEGIS_PORT}\"]\n{more}\n\
             [cookie]\ndomain = \"aegis.localhost\"\n\
             [app.arlo]\nhosts = [\"arlo.aegis.localhost:{PROXY_PORT}\"]\npublic = [\"/hooks\"]\n\
             [[app.arlo.rule]]\npath = \"/admin/*\"\nroles = [\"admin\"]\n",
            folder.join("aegis.sock").display()
        );
        fs::write(folder.join("aegis.toml"), settings).unwrap();
        let aegis = serve(&folder);
        let upstream = App::start((address, APP_PORT).into());
        let caddyfile = format!(
            "{{\nadmin off\nauto_https off\n}}\n\
             {scheme}://auth.aegis.localhost:{PROXY_PORT} {{\nbind {{address}}\n{tls}{portal}}}\n\
             {scheme}://arlo.aegis.localhost:{PROXY_PORT} {{\nbind {{address}}\n{tls}{app}}}\n"
        );
        let caddyfile = caddyfile
            .replace("{folder}", &folder.display().to_string())
            .replace("{address}", &address.to_string())
            .replace("{app}", &APP_PORT.to_string())
            .replace("{aegis}", &AEGIS_PORT.to_string());
        let file = folder.join("Caddyfile");
        fs::write(&file, caddyfile).unwrap();
        let words = ["run", "--adapter", "caddyfile", "--config"].map(Into::into);
        let caddy = proxy::run(Kind::Caddy, &folder, &[&words[..], &[file.into()]].concat());
        let caddy = caddy.wait_for((address, PROXY_PORT).into());
        Self { folder, address, _aegis: aegis, _app: upstream, _caddy: caddy }
    }

    fn findings(&self, path: &str) -> Vec<(String, String)> {
        outside(&self.folder, &format!("http://arlo.aegis.localhost:{PROXY_PORT}{path}"), self.address)
    }
}

/// Makes a certificate for both sites, and gives the line that has Caddy show it.
fn certificate(folder: &Path) -> String {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem"];
    let names = ["-addext", "subjectAltName=DNS:*.aegis.localhost", "-addext", "basicConstraints=CA:FALSE"];
    let output = Command::new("openssl")
        .args(["req", "-x509", "-subj", "/CN=the lab", "-out", "certificate.pem"])
        .args(key)
        .args(names)
        .current_dir(folder)
        .output()
        .expect("openssl");
    assert!(output.status.success(), "{output:#?}");
    format!("tls {0}/certificate.pem {0}/key.pem\n", folder.display())
}

#[test]
fn a_proxy_that_tells_of_http_behind_a_tunnel_is_found() {
    let ask = |scheme| ASK.replace("uri ", &format!("header_up X-Forwarded-Proto {scheme}\n\turi "));
    let url = format!("https://arlo.aegis.localhost:{PROXY_PORT}/x");
    let findings = |held: &Held| outside(&held.folder, &url, held.address);
    let held = Held::speaking("https", "", &[ask("http").as_str(), APP].concat(), PORTAL);
    says(&findings(&held), "wrong", "asks Aegis in the name of somebody who came by http");
    let held = Held::speaking("https", "", &[ask("https").as_str(), APP].concat(), PORTAL);
    says(&findings(&held), "ok", "leads nobody in but to the sign-in page");
    std::fs::remove_file(held.folder.join("certificate.pem")).unwrap();
    says(&findings(&held), "wrong", "arlo.aegis.localhost:8080/x: TLS: ");
}

#[test]
fn an_app_that_nobody_guards_is_found() {
    let held = Held::by("", APP, PORTAL);
    says(&held.findings("/x"), "wrong", "/x is served to everybody (200): nobody asks Aegis");
}

#[test]
fn an_app_that_guards_itself_is_none_that_aegis_guards() {
    for (answer, words) in [
        ("respond 401", "/x is answered 401, and not by Aegis"),
        ("redir * /login", "/x leads nobody to the sign-in page, but to /login (302)"),
    ] {
        let findings = Held::by("", &format!("{answer}\n"), PORTAL).findings("/x");
        says(&findings, "wrong", words);
        assert_eq!(findings.len(), 2, "nothing else is tried: {findings:#?}");
    }
}

#[test]
fn an_address_that_visitors_choose_is_found() {
    let ask = ASK.replace("uri ", "header_up X-Forwarded-For {http.request.header.X-Forwarded-For}\n\turi ");
    let held = Held::by("", &[ask.as_str(), APP].concat(), PORTAL);
    let findings = held.findings("/x");
    says(&findings, "wrong", "a visitor chooses the address that Aegis sees");
    says(&findings, "wrong", "Aegis does not learn the addresses of visitors");
}

#[test]
fn a_bridge_that_hides_who_visitors_are_is_found() {
    let ask = ASK.replace("uri ", "header_up X-Forwarded-For 172.18.0.1\n\turi ");
    let held = Held::by("", &[ask.as_str(), APP].concat(), PORTAL);
    says(&held.findings("/x"), "note", "as 172.18.0.1: something between hides who visitors are");
}

#[test]
fn a_path_that_gets_past_is_found() {
    // A hook that the proxy opens by itself, in another reading of paths than the app's.
    let hook = "@hook path_regexp ^/hooks/\nhandle @hook {\nreverse_proxy {address}:{app}\n}\n";
    let held = Held::by("", &format!("{hook}handle {{\n{ASK}{APP}}}\n"), PORTAL);
    says(&held.findings("/admin"), "wrong", "gets past Aegis, though the path it stands for is closed");
}

#[test]
fn who_somebody_is_at_an_open_path_is_found_where_the_visitor_says_it() {
    let open = "@open path /hooks*\nhandle @open {\nheader >X-Told {http.request.header.Remote-User}\n\
                respond \"told {http.request.header.Remote-User}\"\n}\n";
    let held = Held::by("", &format!("{open}handle {{\n{ASK}{APP}}}\n"), PORTAL);
    says(
        &held.findings("/admin"),
        "wrong",
        "at the open path /hooks the app is told who somebody is by the visitor",
    );
}

#[test]
fn check_endpoints_that_everybody_reaches_are_found() {
    let portal = "reverse_proxy unix/{folder}/aegis.sock {\nheader_up Host localhost\n}\n";
    let held = Held::by("", &[ASK, APP].concat(), portal);
    says(&held.findings("/x"), "wrong", "/auth/forward-auth, /api/authz/forward-auth");
}

#[test]
fn a_proxy_that_is_not_believed_is_found() {
    let ask = ASK.replace("unix/{folder}/aegis.sock", "{address}:{aegis}");
    let held = Held::by("trusted_proxies = [\"192.0.2.1\"]", &[ask.as_str(), APP].concat(), PORTAL);
    says(&held.findings("/x"), "wrong", "/x asks by a proxy that Aegis does not believe");
}

#[test]
fn what_cannot_be_tried_is_said() {
    let held = Held::by("", &[ASK, APP].concat(), PORTAL);
    says(&held.findings("/hooks/x"), "note", "is open to everybody by the rules");
    let url = format!("http://other.aegis.localhost:{PROXY_PORT}/");
    says(&outside(&held.folder, &url, held.address), "wrong", "no app has this host");
    let url = format!("http://arlo.aegis.localhost:{PROXY_PORT}/");
    says(
        &outside(&held.folder, &url, address::take()),
        "wrong",
        "arlo.aegis.localhost:8080/: nothing answers at",
    );
}
