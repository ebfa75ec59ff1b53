//! What the proxy files decide by themselves, with a stub in Aegis's place.

use std::fs;
use std::process::Command;

use crate::lab::client::Ask;
use crate::lab::proxy::{Dialect, Kind, command, repository};
use crate::lab::{Lab, PORTAL, address};

/// What the proxy asks: once, with its own words, and without the visitor's query.
#[test]
fn the_question_is_the_proxys_own() {
    for kind in Kind::ALL {
        let lab = Lab::with_stub(kind);
        let host = lab.host("closed");
        let ask = Ask::navigation(&host, "/a?rd=http://elsewhere.example/")
            .header("X-Forwarded-For", "192.0.2.66")
            .header("X-Forwarded-Method", "OPTIONS")
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-Host", "elsewhere.example")
            .header("X-Forwarded-Uri", "/pub/x")
            .header("X-Original-Method", "OPTIONS");
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 302, "{kind}\nasked: {ask}\ncame back: {answer}");
        lab.app_heard_nothing(&host, &ask, &answer);

        let questions = lab.stub().questions(&host);
        assert_eq!(questions.len(), 1, "{kind}: one request, one question: {questions:#?}");
        let (question, url) = (&questions[0], format!("http://{host}/a?rd=http://elsewhere.example/"));
        let all = |name: &str| -> Vec<&str> {
            question.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
        };
        let (path, own, others): (&str, &[(&str, &str)], &[&str]) = match kind.dialect() {
            Dialect::Forward => (
                "/auth/forward-auth",
                &[
                    ("x-forwarded-method", "GET"),
                    ("x-forwarded-host", &host),
                    ("x-forwarded-proto", "http"),
                    ("x-forwarded-uri", "/a?rd=http://elsewhere.example/"),
                ],
                &[],
            ),
            Dialect::Nginx => (
                "/auth/nginx",
                &[("x-original-method", "GET"), ("x-original-url", &url)],
                &["x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"],
            ),
            Dialect::Envoy => (
                "/auth/envoy/a?rd=http://elsewhere.example/",
                &[("host", &host), ("x-forwarded-proto", "http")],
                &["x-forwarded-method", "x-forwarded-host", "x-forwarded-uri", "x-original-method"],
            ),
        };
        assert_eq!(question.target, path, "{kind}: what is asked of Aegis");
        for (name, value) in own.iter().chain(&[("x-forwarded-for", "127.0.0.1")]) {
            assert_eq!(all(name), [*value], "{kind}: `{name}` of the question: {question:#?}");
        }
        for name in others {
            assert!(all(name).is_empty(), "{kind}: one family only, and no `{name}`: {question:#?}");
        }
    }
}

/// A `handle` block of the site is behind the check like everything else.
#[test]
fn a_handle_block_is_protected_too() {
    for kind in [Kind::Caddy, Kind::OldCaddy] {
        let lab = Lab::with_stub(kind);
        let host = lab.host("closed");
        let ask = Ask::get(&host, "/handled/x");
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 401, "{kind}\nasked: {ask}\ncame back: {answer}");
        lab.app_heard_nothing(&host, &ask, &answer);
    }
}

/// The portal's visitors do not reach the check endpoints by way of the proxy, in any spelling.
#[test]
fn the_portal_does_not_pass_checks_on() {
    for kind in Kind::ALL {
        let lab = Lab::with_stub(kind);
        for path in [
            "/auth/forward-auth",
            "/auth/nginx",
            "//auth/nginx",
            "/auth/%6eginx",
            "/api/authz/x/../forward-auth",
        ] {
            let ask =
                Ask::get(PORTAL, path).header("X-Forwarded-Uri", "/pub/x").header("X-Original-URL", "/pub/x");
            let answer = lab.send(&ask);
            assert!([400, 404].contains(&answer.status), "{kind}\nasked: {ask}\ncame back: {answer}");
        }
        let questions = lab.stub().questions("/pub/x");
        assert!(questions.is_empty(), "{kind}: a visitor asked Aegis as if a proxy: {questions:#?}");
    }
}

/// Aegis learns from the proxy where a visitor of its own pages comes from, and from nobody else.
#[test]
fn the_portal_says_who_comes() {
    for kind in Kind::ALL {
        let lab = Lab::with_stub(kind);
        let ask = Ask::navigation(PORTAL, "/login")
            .header("X-Forwarded-For", "192.0.2.66")
            .header("X-Forwarded-Host", "elsewhere.example")
            .header("User-Agent", "portal-visitor");
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 200, "{kind}\nasked: {ask}\ncame back: {answer}");
        let questions = lab.stub().questions("portal-visitor");
        let said = |name: &str| -> Vec<String> {
            let headers = questions.iter().flat_map(|question| question.headers.clone());
            headers.filter(|(own, _)| own == name).map(|(_, value)| value).collect()
        };
        for (name, value) in
            [("host", PORTAL), ("x-forwarded-for", "127.0.0.1"), ("x-forwarded-host", PORTAL)]
        {
            assert_eq!(said(name), [value], "{kind}: `{name}` at Aegis: {questions:#?}");
        }
    }
}

/// The examples are files that their programs accept.
#[test]
fn the_examples_are_accepted() {
    for kind in [Kind::Caddy, Kind::OldCaddy] {
        let output = command(kind)
            .args(["validate", "--adapter", "caddyfile", "--config"])
            .arg(repository().join("caddy/Caddyfile"))
            .env("HOME", address::folder())
            .output()
            .unwrap();
        assert!(output.status.success(), "{kind} does not accept caddy/Caddyfile: {output:#?}");
    }

    let folder = address::folder();
    let certificate = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=example.com",
        ])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(certificate.status.success(), "a certificate for the test: {certificate:#?}");
    let files = repository().join("examples/nginx");
    let page = fs::read_to_string(files.join("nginx.conf"))
        .unwrap()
        .replace("/etc/nginx/aegis", &files.display().to_string())
        .replace("/etc/ssl/certs/example.com.pem", &folder.join("certificate.pem").display().to_string())
        .replace("/etc/ssl/private/example.com.key", &folder.join("key.pem").display().to_string());
    let page = format!("pid {}/nginx.pid;\n{page}", folder.display());
    fs::write(folder.join("nginx.conf"), page).unwrap();
    let output = command(Kind::Nginx)
        .args(["-t", "-e", "error.log", "-p"])
        .arg(&folder)
        .arg("-c")
        .arg(folder.join("nginx.conf"))
        .output()
        .unwrap();
    assert!(output.status.success(), "nginx does not accept examples/nginx/nginx.conf: {output:#?}");
}
