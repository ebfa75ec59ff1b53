//! A person of the tailnet, straight through, at the app and at no cost of a login.

use super::{SETTINGS, becomes, check, is, lab, laptop, ready, refused, sign_in_page};
use crate::lab::client::Ask;
use crate::lab::proxy::Kind;
use crate::lab::tailnet::Runs;
use crate::lab::way::Way;
use crate::lab::{IDENTITY, Lab};

/// Over WireGuard, through the proxy, to the app: as sam, without a cookie, and nothing of it stays.
fn straight_through(kind: Kind, runs: Runs) {
    let lab = ready(kind, runs);
    for (app, ask) in [
        ("closed", Ask::navigation("", "/")),
        ("strong", Ask::get("", "/")),
        ("device", Ask::fetch("", "/")),
        ("welcome", Ask::get("", "/")),
        ("closed", Ask::new("HEAD", "", "/")),
        ("closed", Ask::fetch("", "/form").method("POST").body("a=b")),
    ] {
        let host = lab.host(app);
        let ask = ask.host(&host);
        let answer = lab.send_from("laptop", &ask);
        assert_eq!(answer.status, 200, "{kind}\nasked: {ask}\ncame back: {answer}");
        assert!(answer.cookies().is_empty(), "{kind}: a cookie\nasked: {ask}\ncame back: {answer}");
        let seen = lab.app.seen(&host);
        let seen = &seen[0];
        for (header, value) in [
            ("remote-user", "sam"),
            ("remote-email", "sam@example.test"),
            ("remote-groups", "users"),
            ("remote-auth-method", "tailnet"),
        ] {
            assert_eq!(seen.all(header), [value], "{kind}: `{header}`\nasked: {ask}\nthe app saw: {seen:#?}");
        }
        assert_eq!(seen.all("x-aegis-assertion").len(), 1, "{kind}\nthe app saw: {seen:#?}");
    }
    // A role that sam does not have, and a door for nobody.
    for app in ["operators", "shut"] {
        let host = lab.host(app);
        let ask = Ask::navigation(&host, "/");
        let answer = lab.send_from("laptop", &ask);
        assert_eq!(answer.status, 403, "{kind}\nasked: {ask}\ncame back: {answer}");
        lab.app_heard_nothing(&host, &ask, &answer);
    }
    // The same machine, by loopback and from nowhere in the tailnet.
    for (app, status) in [("closed", 302), ("device", 403)] {
        let host = lab.host(app);
        let ask = Ask::navigation(&host, "/");
        let answer = lab.send(&ask);
        assert_eq!(answer.status, status, "{kind}\nasked: {ask}\ncame back: {answer}");
        lab.app_heard_nothing(&host, &ask, &answer);
    }
}

#[test]
fn straight_through_caddy() {
    straight_through(Kind::Caddy, Runs::Node);
}

#[test]
fn straight_through_caddy_with_the_real_daemon() {
    straight_through(Kind::Caddy, Runs::Daemon);
}

#[test]
fn straight_through_nginx() {
    straight_through(Kind::Nginx, Runs::Node);
}

#[test]
fn both_families_of_addresses_are_one_person() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let host = lab.host("closed");
    let answer = check(&lab, lab.tailnet().address6_of("laptop"), &host, &[]);
    assert!(is("sam")(&answer), "by IPv6: {answer}");
}

#[test]
fn somebody_without_an_account_is_nobody_and_told_who_the_tailnet_says_they_are() {
    let lab = ready(Kind::Caddy, Runs::Node);
    lab.tailnet().join("phone");
    let phone = lab.tailnet().address_of("phone");
    let host = lab.host("closed");
    let answer = check(&lab, phone, &host, &[]);
    assert_eq!(answer.status, 401, "{answer}");
    assert_eq!(check(&lab, phone, &lab.host("device"), &[]).status, 403);
    let page = sign_in_page(&lab, "phone");
    assert!(
        page.body.contains("user-3@fake-control.example.net") && page.body.contains("name=\"password\""),
        "the sign-in page from the phone: {page}"
    );
    // An account of that very name is not theirs.
    lab.aegis().add_user("user-3", &[]);
    let answer = check(&lab, phone, &host, &[]);
    assert_eq!(answer.status, 401, "equal text links nobody: {answer}");

    // The operator says whose they are, beside the running server.
    let linked =
        lab.aegis().command(&["user", "link", "user-3", "--tailnet", "user-3@fake-control.example.net"], "");
    assert!(linked.status.success(), "{linked:#?}");
    becomes("user-3 is known", || (check(&lab, phone, &host, &[]), is("user-3")));
    let unlinked = lab.aegis().command(&["user", "unlink", "user-3"], "");
    assert!(unlinked.status.success(), "{unlinked:#?}");
    becomes("user-3 is nobody again", || (check(&lab, phone, &host, &[]), refused(401)));
}

#[test]
fn a_disabled_account_is_refused_by_its_device_too() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let host = lab.host("closed");
    let disabled = lab.aegis().command(&["user", "disable", "sam"], "");
    assert!(disabled.status.success(), "{disabled:#?}");
    becomes("sam is refused", || (check(&lab, laptop(&lab), &host, &[]), refused(401)));
    let enabled = lab.aegis().command(&["user", "enable", "sam"], "");
    assert!(enabled.status.success(), "{enabled:#?}");
    becomes("sam is back", || (check(&lab, laptop(&lab), &host, &[]), is("sam")));
}

#[test]
fn a_role_given_or_taken_is_there_within_the_next_moments() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let host = lab.host("operators");
    assert_eq!(check(&lab, laptop(&lab), &host, &[]).status, 403);
    let given = lab.aegis().command(&["user", "roles", "sam", "--add", "operator"], "");
    assert!(given.status.success(), "{given:#?}");
    let answer = becomes("sam is an operator", || (check(&lab, laptop(&lab), &host, &[]), is("sam")));
    assert_eq!(answer.header("remote-groups"), Some("users,operator"), "{answer}");
    let taken = lab.aegis().command(&["user", "roles", "sam", "--remove", "operator"], "");
    assert!(taken.status.success(), "{taken:#?}");
    becomes("sam is none", || (check(&lab, laptop(&lab), &host, &[]), refused(403)));
}

#[test]
fn a_cookie_goes_before_the_device_and_the_device_helps_where_it_falls_short() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (ann, here) = (lab.person(&[]), laptop(&lab));
    let (anns, sams) = (lab.sign_in(&ann), lab.sign_in("sam"));
    let asked = |app: &str, cookie: &str| check(&lab, here, &lab.host(app), &[("Cookie", cookie)]);

    // Ann signed in on sam's laptop: she is ann, and does not become sam where she may not go.
    let answer = asked("closed", &anns);
    assert_eq!(answer.header("remote-user"), Some(ann.as_str()), "{answer}");
    assert_eq!(answer.header("remote-auth-method"), Some("password"), "{answer}");
    assert_eq!(asked("strong", &anns).status, 401);
    // Sam signed in on his own: his password alone is one factor, his device makes it enough.
    let answer = asked("closed", &sams);
    assert_eq!(answer.header("remote-auth-method"), Some("password"), "{answer}");
    for _ in 0..3 {
        let answer = asked("strong", &sams);
        assert!(is("sam")(&answer), "{answer}");
    }
    // Where only the device counts, it is the device's owner whatever the cookie says.
    for cookie in [&anns, &sams] {
        let answer = asked("device", cookie);
        assert!(is("sam")(&answer), "{answer}");
    }
    // A cookie that is over counts as none.
    assert!(is("sam")(&asked("closed", "aegis_token=nonsense")));
}

#[test]
fn roles_come_from_grants_for_the_apps_they_name() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (host, here) = (lab.host("operators"), laptop(&lab));
    let elsewhere =
        serde_json::json!([{ "roles": ["operator"], "apps": ["closed"] }, { "roles": "operator" }]);
    lab.tailnet().capability("example.com/cap/aegis", &elsewhere);
    let closed = lab.host("closed");
    becomes("the role is there where it is granted", || {
        let granted =
            |answer: &crate::lab::client::Answer| answer.header("remote-groups") == Some("users,operator");
        (check(&lab, here, &closed, &[]), Box::new(granted))
    });
    assert_eq!(check(&lab, here, &host, &[]).status, 403, "and nowhere else");

    let here_too = serde_json::json!([{ "roles": ["operator"], "apps": ["op*"] }]);
    lab.tailnet().capability("example.com/cap/aegis", &here_too);
    becomes("sam is an operator by grant", || (check(&lab, here, &host, &[]), is("sam")));
    lab.tailnet().grants(&serde_json::json!([]));
    becomes("the grant is gone", || (check(&lab, here, &host, &[]), refused(403)));
}

#[test]
fn who_signs_out_is_not_signed_in_by_the_device_for_a_while() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let portal = lab.way.portal();
    let left = Ask::new("POST", &portal, "/logout")
        .header("Origin", &lab.way.public_url())
        .header("Sec-Fetch-Site", "same-origin")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("");
    let answer = lab.send_from("laptop", &left);
    let cookies = answer.cookies();
    let mark = cookies.iter().find(|cookie| cookie.starts_with("aegis_signed_out="));
    let mark = mark.unwrap_or_else(|| panic!("no mark\nasked: {left}\ncame back: {answer}"));
    let host = lab.host("closed");
    let answer = lab.send_from("laptop", &Ask::navigation(&host, "/").header("Cookie", mark));
    assert_eq!(answer.status, 302, "with the mark: {answer}");
    let answer = lab.send_from("laptop", &Ask::navigation(&host, "/").header("Cookie", "own=1"));
    assert_eq!(answer.status, 200, "in another browser: {answer}");
    assert_eq!(lab.app.seen(&host)[0].all("cookie"), ["own=1"]);
}

#[test]
fn without_the_section_the_tailnet_says_nothing() {
    let settings = SETTINGS.split("[app.").next().unwrap();
    assert!(settings.starts_with("[tailscale]"));
    let way = Way { settings: "", ..Way::TAILNET };
    let lab = Lab::standing(Kind::Caddy, way);
    let host = lab.host("closed");
    let answer = lab.send_from("laptop", &Ask::navigation(&host, "/"));
    assert_eq!(answer.status, 302, "{answer}");
    assert!(lab.app.seen(&host).is_empty());
}

#[test]
fn nobody_is_told_of_an_identity_on_a_refusal() {
    let lab = lab(Kind::Caddy, Runs::Node);
    let host = lab.host("operators");
    let answer = becomes("sam has no access", || (check(&lab, laptop(&lab), &host, &[]), refused(403)));
    for header in IDENTITY {
        assert_eq!(answer.header(header), None, "`{header}`: {answer}");
    }
}

#[test]
fn whoever_comes_first_becomes_a_user_where_that_is_wanted() {
    let settings = "[tailscale]\nsocket = \"{folder}/tailnet/tailscaled.sock\"\nauto_create = true\nroles = [\"family\"]\n\
                    counts_as = \"signed_in\"\n";
    let lab = Lab::standing(Kind::Caddy, Way { settings, ..Way::TAILNET });
    let (host, here) = (lab.host("closed"), laptop(&lab));
    let answer = becomes("there is an account", || (check(&lab, here, &host, &[]), is("user-2")));
    assert_eq!(answer.header("remote-groups"), Some("users,family"), "{answer}");
    assert_eq!(answer.header("remote-email"), Some("user-2@fake-control.example.net"), "{answer}");
    let shown = lab.aegis().command(&["user", "show", "user-2", "--json"], "");
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["administrator"], false, "{shown}");

    // Deleted, they are not made anew.
    let deleted = lab.aegis().command(&["user", "delete", "user-2", "--yes"], "");
    assert!(deleted.status.success(), "{deleted:#?}");
    for _ in 0..3 {
        becomes("nobody", || (check(&lab, here, &host, &[]), refused(401)));
    }
    let listed = lab.aegis().command(&["user", "list", "--json"], "");
    assert!(!String::from_utf8_lossy(&listed.stdout).contains("user-2"), "{listed:#?}");
}

#[test]
fn a_username_that_the_settings_keep_for_somebody_is_not_taken_by_who_comes_first() {
    let settings = "[tailscale]\nsocket = \"{folder}/tailnet/tailscaled.sock\"\nauto_create = true\n\
                    [tailscale.users]\n\"owner@elsewhere.example\" = \"user-2\"\n";
    let lab = Lab::standing(Kind::Caddy, Way { settings, ..Way::TAILNET });
    let (host, here) = (lab.host("closed"), laptop(&lab));
    becomes("there is an account", || (check(&lab, here, &host, &[]), is("user-22")));
}

#[test]
fn who_is_only_explained_is_not_bound_and_not_made_a_user() {
    let settings = "[tailscale]\nsocket = \"{folder}/tailnet/tailscaled.sock\"\nauto_create = true\n\
                    [tailscale.users]\n\"user-2@fake-control.example.net\" = \"sam\"\n";
    let lab = Lab::standing(Kind::Caddy, Way { settings, ..Way::TAILNET });
    lab.aegis().add_user("sam", &[]);
    lab.tailnet().join("phone");
    let (host, laptop, phone) = (lab.host("closed"), laptop(&lab), lab.tailnet().address_of("phone"));
    let explained = |from: std::net::IpAddr| {
        let (url, from) = (format!("http://{host}/"), from.to_string());
        let output = lab.aegis().command(&["explain", "--url", &url, "--from", &from, "--json"], "");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let recorded = || {
        let output = lab.aegis().command(&["audit", "tail", "--json"], "");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let before = recorded();
    // Sam comes for the first time; nobody knows yet whose the phone is, and a visit would make them a user.
    becomes("sam would be let in", || {
        let told = explained(laptop);
        let is_told = told.contains("the rule lets sam in");
        (check(&lab, phone, &lab.host("shut"), &[]), Box::new(move |_| is_told))
    });
    assert!(!explained(phone).contains("\"allowed\":true"), "{}", explained(phone));
    assert_eq!(recorded(), before, "looking has changed something");
    becomes("the visitor is made a user", || (check(&lab, phone, &host, &[]), is("user-3")));
    assert!(explained(phone).contains("the rule lets user-3 in"), "{}", explained(phone));
}

#[test]
fn a_reload_takes_a_person_or_the_whole_tailnet_away_and_gives_it_back() {
    let section = "[tailscale]\nsocket = \"{folder}/tailnet/tailscaled.sock\"\n";
    let line = "[tailscale.users]\n\"user-2@fake-control.example.net\" = \"sam\"\n";
    let settings: &'static str = format!("{section}{line}").leak();
    let lab = Lab::standing(Kind::Caddy, Way { settings, ..Way::TAILNET });
    lab.aegis().add_user("sam", &[]);
    let (host, here, file) = (lab.host("closed"), laptop(&lab), lab.folder.join("aegis.toml"));
    let whole = std::fs::read_to_string(&file).unwrap();
    let section = section.replace("{folder}", &lab.folder.display().to_string());
    assert!(whole.contains(&format!("{section}{line}")), "{whole}");
    becomes("sam is known", || (check(&lab, here, &host, &[]), is("sam")));
    for (what, written) in [
        ("the line is gone", whole.replace(line, "")),
        ("the section is gone", whole.replace(&format!("{section}{line}"), "")),
    ] {
        std::fs::write(&file, written).unwrap();
        lab.aegis().process.reload();
        becomes(what, || (check(&lab, here, &host, &[]), refused(401)));
        std::fs::write(&file, &whole).unwrap();
        lab.aegis().process.reload();
        becomes("it is back", || (check(&lab, here, &host, &[]), is("sam")));
    }
}
