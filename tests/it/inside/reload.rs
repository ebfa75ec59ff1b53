//! Reading the settings anew: all at once, or nothing.

use aegis::forwarded::Dialect;

use super::house::{APPS, House, Memory, PORTAL};
use super::visit::Visit;
use crate::lab::client::Ask;

with_and_without_memory!(
    rules_change_at_once_for_whoever_is_remembered,
    a_wrong_file_changes_nothing_and_is_told,
    what_needs_a_restart_is_named,
    whoever_asks_meanwhile_is_answered_by_the_one_or_by_the_other,
);

fn rules_change_at_once_for_whoever_is_remembered(memory: Memory) {
    let house = House::open(memory, APPS);
    let person = house.person(&["admin"]);
    let user = house.sign_in(person.username.as_str());
    let visit = |host: &str, path: &str| Visit::new(&format!("{host}.example.com"), path).cookie(&user.token);
    let statuses = || {
        [("closed", "/"), ("closed", "/admin"), ("open", "/"), ("new", "/"), ("other", "/")]
            .map(|(host, path)| house.status(Dialect::Forward, &visit(host, path)))
    };
    assert_eq!(statuses(), [200, 200, 200, 403, 200], "at first");
    for (what, settings, expected) in [
        (
            "a role that nobody has",
            APPS.replace("roles = [\"admin\"]", "roles = [\"nobody\"]"),
            [200, 403, 200, 403, 200],
        ),
        ("as it was", APPS.to_owned(), [200, 200, 200, 403, 200]),
        (
            "an app that is closed to all",
            APPS.replace(
                "other.example.com\"]\nrequire = \"signed_in\"",
                "other.example.com\"]\nrequire = \"deny\"",
            ),
            [200, 200, 200, 403, 403],
        ),
        ("another host", APPS.replace("other.example.com", "new.example.com"), [200, 200, 200, 200, 403]),
        ("a public app that is closed", APPS.replace("\"public\"", "\"deny\""), [200, 200, 403, 403, 200]),
    ] {
        house.reload(&settings).unwrap_or_else(|faults| panic!("{what}: {faults}"));
        assert_eq!(statuses(), expected, "after a reload: {what}, memory {memory:?}");
    }
    house.reload(&format!("headers = \"x-auth-request\"\n{APPS}")).expect("other names of headers");
    let answer = house.check(Dialect::Forward, &visit("closed", "/"));
    assert_eq!(
        (answer.header("x-auth-request-user"), answer.header("remote-user")),
        (Some(person.username.as_str()), None),
        "other names of headers: {answer}"
    );
    house.reload(&format!("trusted_proxies = [\"10.9.8.7\"]\n{APPS}")).expect("other proxies");
    assert_eq!(statuses(), [403; 5], "this proxy is not known any more");
}

fn a_wrong_file_changes_nothing_and_is_told(memory: Memory) {
    let house = House::open(memory, APPS);
    let user = house.sign_in(house.person(&[]).username.as_str());
    let configuration = || house.send(&Ask::get(PORTAL, "/health")).json()["parts"]["configuration"].clone();
    for (what, settings) in [
        ("no TOML", "public_url = ".to_owned()),
        ("a key that is none", format!("nonsense = 1\n{APPS}")),
        ("a wrong rule", APPS.replace("\"signed_in\"", "\"signed_inn\"")),
        ("one host twice", APPS.replace("other.example.com", "closed.example.com")),
        ("http", APPS.replace("https://", "http://")),
        ("everybody as a proxy", format!("trusted_proxies = [\"0.0.0.0/0\"]\n{APPS}")),
        ("no app's rule", format!("{APPS}\n[[app.nothing.rule]]\npath = \"/\"\n")),
    ] {
        let settings = settings.replace("\"public\"", "\"deny\"");
        let faults = house.reload(&settings).expect_err(what);
        assert!(!faults.0.is_empty(), "{what}");
        assert!(house.opens(&user.token), "{what}: the rules before it hold");
        let open = house.status(Dialect::Forward, &Visit::new("open.example.com", "/"));
        assert_eq!(open, 200, "{what}: nothing of it was taken over");
        assert!(configuration().is_string(), "{what}: /health tells of it");
    }
    house.reload(APPS).expect("the settings as they were");
    assert!(configuration().is_null(), "/health has nothing more to tell");
}

fn what_needs_a_restart_is_named(memory: Memory) {
    let house = House::open(memory, APPS);
    for (settings, named) in [
        (APPS.to_owned(), vec![]),
        (format!("{APPS}\n[session]\nidle = \"1h\"\n"), vec!["session"]),
        (format!("{APPS}\n[token]\nissuer = \"other\"\n"), vec!["token.issuer"]),
        (format!("{APPS}\n[token]\nalgorithm = \"EdDSA\"\n"), vec!["token.algorithm"]),
        (format!("{APPS}\n[token]\njwt_secret = \"{}\"\n", "0123456789".repeat(4)), vec!["token.jwt_secret"]),
        (format!("{APPS}\n[log]\nlevel = \"debug\"\n"), vec!["log"]),
        (format!("{APPS}\n[limits]\nconnections = 100\n"), vec!["limits"]),
        (APPS.to_owned(), vec![]),
    ] {
        assert_eq!(house.reload(&settings).expect("good settings"), named, "for {settings}");
    }
}

/// Between two sets of rules there is no moment with none, nor one with a part of each.
fn whoever_asks_meanwhile_is_answered_by_the_one_or_by_the_other(memory: Memory) {
    let open = APPS.to_owned();
    let shut = format!(
        "headers = \"x-auth-request\"\n{}",
        APPS.replace("\"public\"", "\"signed_in\"").replace("roles = [\"admin\"]", "require = \"public\"")
    );
    let house = House::open(memory, &open);
    let user = house.sign_in(house.person(&[]).username.as_str());
    let visits = [
        Visit::new("open.example.com", "/"),
        Visit::new("closed.example.com", "/admin"),
        Visit::new("closed.example.com", "/admin").cookie(&user.token),
        Visit::new("closed.example.com", "/").cookie(&user.token),
        Visit::new("shut.example.com", "/").cookie(&user.token),
    ];
    let ask = |visit: &Visit| {
        let answer = house.send(&visit.through(Dialect::Forward));
        let names = ["remote-user", "x-auth-request-user"].map(|name| answer.header(name).map(str::to_owned));
        (answer.status, names)
    };
    let all = || visits.iter().map(ask).collect::<Vec<_>>();
    let by_open = all();
    house.reload(&shut).expect("good settings");
    let by_shut = all();
    assert_eq!(by_open.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [200, 401, 403, 200, 403]);
    assert_eq!(by_shut.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [401, 200, 200, 200, 403]);
    std::thread::scope(|scope| {
        let reloading = scope.spawn(|| {
            for round in 0..100 {
                let settings = if round % 2 == 0 { &open } else { &shut };
                house.reload(settings).expect("good settings");
                all();
            }
        });
        while !reloading.is_finished() {
            for (position, visit) in visits.iter().enumerate() {
                let came = ask(visit);
                let known = [&by_open[position], &by_shut[position]];
                assert!(known.contains(&&came), "{visit:?}\ncame back: {came:?}\nknown: {known:?}");
            }
        }
    });
}
