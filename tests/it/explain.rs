//! `aegis explain`: beside the running server, and where none runs.

use std::process::{Command, Output};

use serde_json::Value as Json;

use crate::demo::Demo;
use crate::lab::aegis::{Aegis, run, serve};
use crate::lab::client::Ask;
use crate::lab::{AEGIS_PORT, PORTAL, address};

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn json(output: &Output) -> Json {
    assert_eq!(output.status.code(), Some(0), "{output:#?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:#?}"))
}

#[test]
fn a_reference_is_explained_by_the_server_that_gave_it() {
    let demo = Demo::start(None);
    let explain = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aegis"));
        command.arg("explain").args(arguments).arg("--config").arg(demo.config());
        command.output().unwrap()
    };
    let app = demo.host("arlo");
    let ask = Ask::navigation(&app, "/admin/keys?token=x").header("Cookie", &demo.sign_in());
    let answer = demo.send(&ask);
    assert_eq!(answer.status, 403, "asked: {ask}\ncame back: {answer}");
    let reference = answer.header("x-aegis-ref").unwrap();

    let told = json(&explain(&[reference, "--json"]));
    for (field, expected) in [
        ("reference", reference),
        ("judged_by", "server"),
        ("asked", "GET arlo.aegis.localhost/admin/keys"),
        ("by", "sam"),
        ("from", "127.0.0.1"),
        ("rule", "app.arlo rule 1 (path /admin/*)"),
        ("verdict", "refused with 403"),
        ("why", "the rule does not let this account in: it is for the role admin"),
        ("advice", "aegis user roles sam --add admin"),
    ] {
        assert_eq!(told[field], expected, "`{field}` of {told:#}");
    }
    let place = told["place"].as_str().unwrap_or_default();
    assert!(place.starts_with(&demo.config().display().to_string()), "the rule's place in {told:#}");
    assert_eq!(json(&explain(&["--last", "--json"])), told, "the last refusal is this one");
    assert_eq!(json(&explain(&["--last", &app, "--json"])), told, "the last refusal of {app}");
    assert_eq!(json(&explain(&[&reference.to_lowercase(), "--json"])), told, "as people type it");

    let output = explain(&[reference]);
    let (said, _) = text(&output);
    for part in [reference, "sam, from 127.0.0.1", "app.arlo rule 1", "aegis user roles sam --add admin"] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
    assert!(!said.contains("token=x"), "the query is the visitor's own business:\n{said}");

    // The same judgement for a request that nobody made.
    let url = |path: &str| format!("http://{app}{path}");
    let cases: &[(&str, &[&str], bool, &str)] = &[
        ("/admin", &["--as", "sam"], false, "refused with 403"),
        ("/admin", &["--as", "SAM@example.com"], false, "refused with 403"),
        (
            "/",
            &["--as", "sam", "--from", "192.0.2.7"],
            false,
            "sent to sign in (a page that is opened), or refused with 401",
        ),
        ("/", &[], false, "sent to sign in (a page that is opened), or refused with 401"),
        ("/public/x#part", &["--method", "POST"], true, "allowed"),
    ];
    for (path, arguments, allowed, verdict) in cases {
        let url = url(path);
        let told = json(&explain(&[&["--url", &url, "--json"], *arguments].concat()));
        assert_eq!(told["allowed"], *allowed, "{url} {arguments:?}: {told:#}");
        assert_eq!(told["verdict"], *verdict, "{url} {arguments:?}: {told:#}");
        assert_eq!(told["judged_by"], "server", "{url} {arguments:?}: {told:#}");
    }

    let wrong: &[(&[&str], &str)] = &[
        (&["0000-0000"], "no refusal \"0000-0000\" is known"),
        (&["--last", "elsewhere.example"], "no refusal of \"elsewhere.example\" is known"),
        (&["--url", "arlo.aegis.localhost"], "cannot be judged"),
        (&["--url", "http://arlo.aegis.localhost/", "--as", "nobody"], "there is no user \"nobody\""),
        (&["--url", "http://arlo.aegis.localhost/", "--method", "get"], "\"get\" is no method"),
    ];
    for (arguments, expected) in wrong {
        let output = explain(arguments);
        let (_, said) = text(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:#?}");
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
    demo.interrupt();
}

#[test]
fn nobody_but_its_own_user_can_ask_it_and_no_door_leads_there() {
    use std::os::unix::fs::PermissionsExt as _;

    let at = address::take();
    let aegis = Aegis::start(at, address::folder());
    let socket = aegis.folder.join("data/control.sock");
    let mode = socket.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{} has the mode {mode:o}", socket.display());
    let answer = Ask::get(PORTAL, "/explain?last").send((at, AEGIS_PORT).into());
    assert_eq!(answer.status, 404, "GET /explain?last at the server's own listener: {answer}");
    assert_eq!(aegis.process.end(), Some(0), "{}", aegis.process.log());
    assert!(!socket.exists(), "{} is left behind", socket.display());
}

#[test]
fn without_a_server_the_configuration_is_judged_and_that_is_said() {
    let aegis = Aegis::start(address::take(), address::folder());
    let host = "case.closed.aegis.localhost:8080";
    aegis.add_user("ann", &["operator"]);
    assert_eq!(aegis.process.end(), Some(0), "{}", aegis.process.log());

    let explain = |arguments: &[&str]| run(&aegis.folder, &[&["explain"], arguments].concat(), "");
    let url = format!("http://{host}/pub/x");
    let told = json(&explain(&["--url", &url, "--json"]));
    assert_eq!((&told["allowed"], &told["judged_by"]), (&true.into(), &"command".into()), "{url}: {told:#}");
    let (said, _) = text(&explain(&["--url", &url]));
    assert!(said.starts_with("no server answers at "), "it says who judged:\n{said}");
    for (url, why) in [
        ("http://case.closed.aegis.localhost/", "the app of this host is not served on this port"),
        ("http://elsewhere.example/", "no app has this host"),
        ("http://case.shut.aegis.localhost:8080/", "the rule lets in nobody"),
        ("http://case.closed.aegis.localhost:8080/", "nobody is signed in"),
    ] {
        let told = json(&explain(&["--url", url, "--json"]));
        assert_eq!((&told["allowed"], &told["why"]), (&false.into(), &why.into()), "{url}: {told:#}");
    }
    let url = format!("http://{host}/admin/x");
    let told = json(&explain(&["--url", &url, "--as", "ann@example.test", "--json"]));
    assert_eq!((&told["by"], &told["verdict"]), (&"ann".into(), &"refused with 403".into()), "{told:#}");
    for arguments in [&["--last"] as &[_], &["0000-0000"]] {
        let output = explain(arguments);
        let (_, said) = text(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:#?}");
        assert!(said.contains("no server answers at ") && said.contains("hint:"), "{arguments:?}:\n{said}");
    }
}

#[test]
fn nothing_is_made_by_asking() {
    let folder = address::folder();
    std::fs::write(folder.join("aegis.toml"), "").unwrap();
    let output = run(&folder, &["explain", "--url", "http://localhost/", "--as", "sam"], "");
    assert_eq!(output.status.code(), Some(1), "{output:#?}");
    assert!(!folder.join("data").exists(), "a data directory was made: {output:#?}");
}

#[test]
fn a_rule_that_was_passed_over_is_named_with_what_was_missing() {
    let (at, folder) = (address::take(), address::folder());
    let settings = format!(
        "public_url = \"http://auth.aegis.localhost\"\nlisten = [\"{at}:{AEGIS_PORT}\"]\n\
         [cookie]\ndomain = \"aegis.localhost\"\n[app.x]\nhosts = [\"x.aegis.localhost\"]\n\
         [[app.x.rule]]\nmethods = [\"GET\"]\nrequire = \"public\"\n\
         [[app.x.rule]]\npath = \"/other/*\"\nrequire = \"public\"\n\
         [[app.x.rule]]\npath_regex = '^/api/.*$'\nnetworks = [\"10.0.0.0/8\"]\nrequire = \"public\"\n"
    );
    std::fs::write(folder.join("aegis.toml"), settings).unwrap();
    let aegis = Aegis { process: serve(&folder), folder };
    for (from, method, status, passed) in [
        (Some("10.1.2.3"), "POST", 200, None),
        (Some("10.1.2.3"), "PUT", 200, None),
        (Some("192.0.2.7"), "GET", 200, None),
        (
            Some("192.0.2.7"),
            "POST",
            401,
            Some([
                "app.x rule 1 (path /*, methods GET): not for POST",
                "app.x rule 3 (path_regex ^/api/.*$, networks 10.0.0.0/8): not from 192.0.2.7",
            ]),
        ),
        (
            None,
            "PUT",
            401,
            Some([
                "app.x rule 1 (path /*, methods GET): not for PUT",
                "app.x rule 3 (path_regex ^/api/.*$, networks 10.0.0.0/8): the address is not known",
            ]),
        ),
    ] {
        let ask = Ask::get("127.0.0.1", "/auth/forward-auth")
            .header("X-Forwarded-Method", method)
            .header("X-Forwarded-Proto", "http")
            .header("X-Forwarded-Host", "x.aegis.localhost")
            .header("X-Forwarded-Uri", "/api/v1?token=x");
        let ask = from.into_iter().fold(ask, |ask, from| ask.header("X-Forwarded-For", from));
        let answer = ask.send((at, AEGIS_PORT).into());
        assert_eq!(answer.status, status, "asked: {ask}\ncame back: {answer}");
        let Some(passed) = passed else { continue };
        let reference = answer.header("x-aegis-ref").unwrap_or_else(|| panic!("no reference in {answer}"));
        let told = json(&aegis.command(&["explain", reference, "--json"], ""));
        assert_eq!(told["passed_over"], serde_json::json!(passed), "{told:#}");
        assert_eq!(
            (&told["rule"], &told["answer"]),
            (&"app.x (whole app)".into(), &"sign_in".into()),
            "{told:#}"
        );
        assert_eq!(json(&aegis.command(&["explain", "--last", "x.aegis.localhost", "--json"], "")), told);
        let (said, _) = text(&aegis.command(&["explain", reference], ""));
        assert!(said.contains(&format!("not        {}", passed.join("; "))), "{said}");
    }
}
