//! Aegis's judgement against each proxy's own router and against every reading an app may have: no
//! spelling is served where the rule forbade what was served.

use std::thread;

use aegis::place::CanonicalPath;

use crate::lab::app::Seen;
use crate::lab::client::Ask;
use crate::lab::proxy::Kind;
use crate::lab::{Lab, readings};

/// How one gets from a public place to `/admin`, if somebody follows.
fn spellings() -> Vec<String> {
    let ups = [
        "..",
        "%2e%2e",
        ".%2E",
        "..;",
        "..;a=b",
        "%2e%2e;",
        "..%00",
        "%252e%252e",
        "%c0%ae%c0%ae",
        ".",
        "%2e",
        "",
    ];
    let slashes = ["/", "//", "%2f", "%2F", "%5c", "\\", ";/", "/./", "%252f", "/%00/"];
    let names = [
        "admin",
        "%61dmin",
        "%2561dmin",
        "admin;a=b",
        "admin%00",
        "admin%20",
        "admin.",
        "admin%2e",
        "%41dmin",
        "adm%C4%B0n",
        "adm%C4%B1n",
    ];
    let mut all = Vec::new();
    for slash in slashes {
        for up in ups {
            all.push(format!("/pub{slash}{up}{slash}admin/x"));
            all.push(format!("/pub/x{slash}{up}{slash}{up}/admin/x"));
            all.push(format!("{slash}{up}/admin{slash}x"));
        }
        for name in names {
            all.push(format!("/{name}{slash}x"));
            all.push(format!("/pub/..{slash}{name}/x"));
            all.push(format!("/x{slash}{name}"));
        }
    }
    for end in [
        "?/pub/x",
        "#/pub/x",
        "%23/pub",
        "%3f/pub",
        "%3F/../pub",
        "%0a",
        "%0d%0a",
        "%09",
        "%ff",
        "%",
        "%zz",
        "%u002f",
        ".",
        "%20",
        "%2e%20.",
    ] {
        all.push(format!("/admin{end}"));
        all.push(format!("/admin/x{end}"));
        all.push(format!("/pub{end}"));
    }
    all.into_iter().map(|path| if path.starts_with('/') { path } else { format!("/{path}") }).collect()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// May see `/pub`.
    Nobody,
    /// May see all but `/admin`.
    Guest,
}

/// Why what was served may not be.
fn fault(who: Who, seen: &Seen) -> Option<&'static str> {
    if seen.one("x-lab-route") == Some("admin") {
        return Some("the proxy's own router took it for /admin");
    }
    let path = seen.target.split('?').next().unwrap_or_default();
    let judged = CanonicalPath::parse(path);
    let allowed = judged.as_ref().is_ok_and(|path| match who {
        Who::Nobody => path.is_within("/pub"),
        Who::Guest => !path.is_within("/admin"),
    });
    match (who, judged) {
        (_, Err(_)) => Some("Aegis would have refused what the app was asked for"),
        _ if !allowed => Some("Aegis forbids what the app was asked for"),
        (Who::Nobody, _) if !readings::all_within(&seen.target, "/pub") => {
            Some("an app may read it as a path that is not public")
        }
        (Who::Guest, _) if readings::any_within(&seen.target, "/admin") => {
            Some("an app may read it as /admin")
        }
        _ => None,
    }
}

fn faults(kind: Kind) -> Vec<String> {
    let lab = Lab::shared(kind);
    let (mut faults, mut served) = (Vec::new(), 0);
    for path in spellings() {
        for who in [Who::Nobody, Who::Guest] {
            let host = lab.host("closed");
            let ask = Ask::get(&host, &path);
            let ask = if who == Who::Guest { ask.header("Cookie", &lab.guest().cookie) } else { ask };
            let answer = lab.send(&ask);
            for seen in lab.app.seen(&host) {
                served += 1;
                if let Some(fault) = fault(who, &seen) {
                    faults.push(format!("{kind}, {who:?}: `{path}` is served as `{}`: {fault}", seen.target));
                }
            }
            let said = [0, 200, 400, 401, 403, 404].contains(&answer.status);
            if !said {
                faults.push(format!("{kind}, {who:?}: `{path}` is answered {}", answer.status));
            }
        }
    }
    assert!(served > 20, "{kind}: only {served} were served: is this the right question?");
    faults
}

#[test]
fn no_proxy_and_no_app_reads_a_path_as_what_was_forbidden() {
    let faults: Vec<String> = thread::scope(|scope| {
        let started: Vec<_> = Kind::ALL.into_iter().map(|kind| scope.spawn(move || faults(kind))).collect();
        started.into_iter().flat_map(|one| one.join().expect("the spellings of a proxy")).collect()
    });
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
