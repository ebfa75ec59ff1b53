//! `aegis doctor`: what it says of things that are as they should be, and of things that are not.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Output;

use aegis::clock::Clock;
use aegis::demo::bot_api::Misbehaviour;
use serde_json::{Value, json};

use super::Place;
use crate::inside::house::until;
use crate::inside::telegram::{TOKEN, world};
use crate::lab::aegis::{run, serve};
use crate::lab::tailnet::Tailnet;
use crate::lab::{PASSWORD, address};

/// What it found, and whether it called anything wrong.
struct Told {
    findings: Vec<Value>,
    output: Output,
}

impl Told {
    #[track_caller]
    fn of(folder: &Path, arguments: &[&str]) -> Self {
        let output = run(folder, &[&["doctor", "--json"], arguments].concat(), "");
        let told: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("aegis doctor {arguments:?}: {error}: {output:#?}"));
        let findings = told["findings"].as_array().unwrap().clone();
        let wrong = findings.iter().filter(|finding| finding["state"] == "wrong").count();
        assert_eq!(told["wrong"], wrong, "{told:#}");
        assert_eq!(output.status.code(), Some(i32::from(wrong > 0)), "{output:#?}");
        Self { findings, output }
    }

    /// One finding is about that, in that state, with this in what it says or advises.
    #[track_caller]
    fn says(&self, about: &str, state: &str, part: &str) -> &Self {
        let is = |finding: &&Value| {
            let has = |field: &str| finding[field].as_str().is_some_and(|text| text.contains(part));
            finding["about"] == about && finding["state"] == state && (has("what") || has("hint"))
        };
        let found = self.findings.iter().filter(is).count();
        assert_eq!(found, 1, "{state} of {about} with {part:?} in {:#?}", self.findings);
        self
    }

    /// None of the findings about that is in that state.
    #[track_caller]
    fn has_no(&self, about: &str, state: &str) -> &Self {
        let is = |finding: &Value| finding["about"] == about && finding["state"] == state;
        assert!(!self.findings.iter().any(is), "{state} of {about} in {:#?}", self.findings);
        self
    }
}

/// A folder with these settings.
fn settings(text: &str) -> Place {
    let folder = address::folder();
    fs::write(folder.join("aegis.toml"), text).unwrap();
    Place { folder }
}

/// Settings with a tailnet, and a unix socket for the proxy.
fn on(tailnet: &Tailnet, host: &str, more: &str) -> Place {
    let folder = address::folder();
    let text = format!(
        "public_url = \"http://{host}:8009\"\nlisten = [\"unix:{}\"]\n\
         [tailscale]\nsocket = \"{}\"\n{more}",
        folder.join("aegis.sock").display(),
        tailnet.socket().display(),
    );
    fs::write(folder.join("aegis.toml"), text).unwrap();
    Place { folder }
}

fn add(place: &Place, user: &str) {
    place.done_with(&["user", "add", user, "--password-stdin"], PASSWORD);
}

#[test]
fn without_a_tailnet_it_says_so_and_nothing_is_wrong() {
    let place = settings("public_url = \"http://localhost:8009\"\n");
    let told = Told::of(&place.folder, &["--from", "100.64.0.2"]);
    told.says("settings", "note", "every check is answered 403")
        .says("clock", "ok", "20")
        .says("tailscale", "note", "no [tailscale]")
        .says("names", "ok", "localhost resolves")
        .says("server", "note", "is it running")
        .has_no("data", "wrong");
    assert!(!place.folder.join("data").exists(), "it made a data directory: {:#?}", told.output);

    let printed = place.done("doctor");
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("note   tailscale  ")), "{printed}");
    assert!(lines.iter().any(|line| line.trim_start().starts_with("hint: ")), "{printed}");
}

#[test]
fn a_configuration_that_is_wrong_is_told_as_by_check() {
    let place = settings("public_url = \"http://localhost:8009\"\nlissten = []\n");
    let output = run(&place.folder, &["doctor"], "");
    let checked = run(&place.folder, &["check"], "");
    assert_eq!(output.status.code(), Some(64), "{output:#?}");
    assert_eq!(output.stderr, checked.stderr, "{output:#?}");
}

#[test]
fn names_that_lead_nowhere_are_wrong() {
    let place = settings(
        "public_url = \"https://auth.aegis.invalid\"\n[cookie]\ndomain = \"aegis.invalid\"\n\
         [app.arlo]\nhosts = [\"arlo.aegis.invalid\", \"*.below.aegis.invalid\"]\nrequire = \"signed_in\"\n",
    );
    // `.invalid` is in no DNS (RFC 6761); a machine without any may also say nothing at all.
    Told::of(&place.folder, &[]).says("names", "wrong", "arlo.aegis.invalid and auth.aegis.invalid");
}

#[test]
fn a_running_server_is_asked_and_a_clock_before_the_record_is_wrong() {
    let place = Place::with(&["sam"]);
    let told = Told::of(&place.folder, &[]);
    told.has_no("clock", "wrong").has_no("data", "wrong").says("server", "note", "no server answers");

    let socket = place.folder.join("aegis.sock");
    let text = format!("public_url = \"http://localhost:8009\"\nlisten = [\"unix:{}\"]\n", socket.display());
    fs::write(place.folder.join("aegis.toml"), text).unwrap();
    let server = serve(&place.folder);
    Told::of(&place.folder, &[]).says("server", "ok", "it answers, and is well");
    assert_eq!(server.end(), Some(0), "{}", server.log());

    let database = rusqlite::Connection::open(place.folder.join("data/aegis.db")).unwrap();
    database.execute("update audit set at = at + 3600000", []).unwrap();
    drop(database);
    Told::of(&place.folder, &[]).says("clock", "wrong", "the clock went back");
}

#[test]
fn each_way_not_to_reach_tailscaled_has_its_own_advice() {
    let folder = address::folder();
    let socket = folder.join("closed/tailscaled.sock");
    fs::create_dir(folder.join("closed")).unwrap();
    let text = format!("[tailscale]\nsocket = \"{}\"\n", socket.display());
    fs::write(folder.join("aegis.toml"), text).unwrap();
    let told = || Told::of(&folder, &["--from", "100.64.0.2"]);

    told()
        .says("tailscale", "wrong", "there is no socket")
        .says("tailscale", "wrong", "mount the directory")
        .says("from", "note", "cannot be asked");
    drop(UnixListener::bind(&socket).unwrap());
    told().says("tailscale", "wrong", "nobody answers at").says("tailscale", "wrong", "systemctl start");
    fs::remove_file(&socket).unwrap();
    fs::write(&socket, "").unwrap();
    told().says("tailscale", "wrong", "tailscaled.sock");
    fs::remove_file(&socket).unwrap();
}

#[test]
fn a_tailnet_that_is_up_is_told_of_and_one_that_is_not_is_wrong() {
    let tailnet = Tailnet::start();
    let place = on(&tailnet, "localhost", "");
    let told = Told::of(&place.folder, &[]);
    told.says("tailscale", "ok", &format!("answers at {}", tailnet.socket().display()))
        .says("tailscale", "ok", "this is proxy of tail-scale.ts.net")
        .says("tailscale", "note", "has no tag")
        .says("tailscale", "ok", "unix socket")
        .says("names", "note", "localhost leads past the tailnet")
        .has_no("tailscale", "wrong");

    tailnet.tag("proxy", &["tag:proxy"]);
    tailnet.status_until("tagged", |answer| answer.body.contains("tag:proxy"));
    Told::of(&place.folder, &[]).says("tailscale", "ok", "tagged tag:proxy");

    tailnet.want_running("proxy", false);
    tailnet.status_until("stopped", |answer| answer.body.contains("\"BackendState\": \"Stopped\""));
    Told::of(&place.folder, &["--from", "100.64.0.2"])
        .says("tailscale", "wrong", "not up here (Stopped)")
        .says("tailscale", "wrong", "`tailscale up`");
    tailnet.want_running("proxy", true);
    tailnet.status_until("running", |answer| answer.body.contains("\"BackendState\": \"Running\""));

    tailnet.log_out("proxy");
    tailnet.status_until("logged out", |answer| answer.body.contains("\"BackendState\": \"NeedsLogin\""));
    Told::of(&place.folder, &[]).says("tailscale", "wrong", "and log in");

    tailnet.api_fault("hang");
    Told::of(&place.folder, &[]).says("tailscale", "wrong", "did not answer in time");
    tailnet.api_fault("refuse");
    Told::of(&place.folder, &[]).says("tailscale", "wrong", "nobody answers at");
    tailnet.api_fault("gone");
    Told::of(&place.folder, &[]).says("tailscale", "wrong", "there is no socket");
}

#[test]
fn a_control_server_out_of_reach_is_wrong() {
    let tailnet = Tailnet::start();
    let place = on(&tailnet, "localhost", "");
    tailnet.cut_control(true);
    tailnet.status_until("offline", |answer| answer.json()["Self"]["Online"] == false);
    Told::of(&place.folder, &[]).says("tailscale", "wrong", "does not reach its control server");
}

#[test]
fn loopback_that_every_device_reaches_is_no_proof() {
    let tailnet = Tailnet::start();
    let place = on(&tailnet, "localhost", "trust_loopback = true\n");
    Told::of(&place.folder, &[]).says("tailscale", "ok", "unix socket");
    let over_tcp = &["--listen", "127.0.0.1:8009"];
    Told::of(&place.folder, over_tcp).says("tailscale", "wrong", "`trust_loopback = true`");
    let place = on(&tailnet, "localhost", "");
    Told::of(&place.folder, over_tcp).says("tailscale", "note", "nobody is known by the tailnet");
}

#[test]
fn who_an_address_is_is_told_with_the_reason() {
    let tailnet = Tailnet::start();
    let laptop = tailnet.address_of("laptop").to_string();
    let place = on(
        &tailnet,
        "auth.aegis.localhost",
        "capability = \"example.com/cap/aegis\"\n\
         [tailscale.tags]\n\"tag:ci\" = { user = \"ci\", roles = [\"robot\"] }\n\
         [cookie]\ndomain = \"aegis.localhost\"\n\
         [app.arlo]\nhosts = [\"arlo.aegis.localhost\"]\nrequire = \"signed_in\"\n",
    );
    let told = |from: &str| Told::of(&place.folder, &["--from", from]);

    told(&laptop).says("from", "note", "there are no data yet");
    add(&place, "sam");
    told("192.0.2.7").says("from", "note", "no address of a device of the tailnet");
    told("100.64.9.9").says("from", "note", "not on the tailnet");
    told(&tailnet.address_of("proxy").to_string()).says(
        "from",
        "note",
        "what comes from this machine itself",
    );
    let login = "user-2@fake-control.example.net";
    told(&laptop).says("from", "ok", &format!("{laptop} is laptop, of {login}")).says(
        "from",
        "note",
        &format!("aegis user link USER --tailnet {login}"),
    );

    // It only looks: nobody is bound, however often it is asked.
    place.done(&format!("user link sam --tailnet {login}"));
    let record = place.done("audit tail");
    for _ in 0..2 {
        told(&laptop).says("from", "ok", "that is sam here, from the first visit on").says(
            "from",
            "ok",
            "counts as two_factor",
        );
    }
    assert_eq!(place.done("audit tail"), record, "something was written down");
    place.done("user disable sam --force");
    told(&laptop).says("from", "note", "whose account is disabled");
    place.done("user enable sam");

    tailnet.capability(
        "example.com/cap/aegis",
        &json!([{ "roles": ["admin", "viewer"], "apps": ["arlo"] }, { "roles": "admin" }]),
    );
    let who = tailnet.address_of("laptop");
    tailnet.whois_until(who, "granted", |answer| answer.body.contains("viewer"));
    told(&laptop).says("from", "ok", "at arlo: the roles admin and viewer").says(
        "from",
        "note",
        "1 of 2 elements",
    );

    let own = json!([format!("{laptop}/32"), "10.7.0.0/16"]);
    tailnet.change_node("laptop", &json!({ "AllowedIPs": own }));
    tailnet.whois_until(who, "routing", |answer| answer.body.contains("10.7.0.0/16"));
    told(&laptop).says("from", "note", "signed_in at most");

    tailnet.tag("laptop", &["tag:other"]);
    tailnet.whois_until(who, "tagged", |answer| answer.body.contains("tag:other"));
    told(&laptop).says("from", "ok", "tagged tag:other").says("from", "note", "name no machine");
    tailnet.tag("laptop", &["tag:ci"]);
    tailnet.whois_until(who, "tagged", |answer| answer.body.contains("tag:ci"));
    told(&laptop).says("from", "ok", "the machine ci, with the role robot");

    tailnet.change_node("laptop", &json!({ "Hostinfo": { "ShareeNode": true } }));
    tailnet.whois_until(who, "shared", |answer| answer.body.contains("ShareeNode"));
    told(&laptop).says("from", "note", "[tailscale.shared]");
}

/// What Telegram says to whoever asks for updates while somebody else does.
const CONFLICT: &str =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";

#[test]
fn a_bot_that_cannot_be_asked_is_wrong_and_its_token_is_in_no_finding() {
    let (api, at, _runtime) = world(Clock::system());
    let at_telegram = |url: &str| {
        settings(&format!(
            "public_url = \"http://localhost:8009\"\n[telegram]\ntoken = \"{TOKEN}\"\napi_url = \"{url}\"\n"
        ))
    };
    let place = at_telegram(&format!("http://{at}"));
    let told = |place: &Place| {
        let told = Told::of(&place.folder, &[]);
        let (_, secret) = TOKEN.split_once(':').unwrap();
        let said = format!("{:?}{:?}", told.findings, told.output);
        assert!(!said.contains(secret), "the bot's token: {said}");
        told
    };
    told(&place).says("telegram", "ok", "the bot is @example_bot, and asks for updates");
    for (how, times, what, advice) in [
        (Misbehaviour::Refuse(401, "Unauthorized"), 1, "does not know the bot's token", "@BotFather"),
        (
            Misbehaviour::Refuse(409, CONFLICT),
            1,
            "another program uses the bot's token",
            "stop the other program",
        ),
        (Misbehaviour::Garbage, 1, "what answers is not the Bot API", "telegram.api_url"),
        (Misbehaviour::BadGateway, 2, "Telegram cannot be reached", "telegram.api_url"),
        (Misbehaviour::Break, 2, "Telegram cannot be reached", "telegram.api_url"),
        (Misbehaviour::Hang, 2, "Telegram cannot be reached", "telegram.api_url"),
    ] {
        api.misbehave("getMe", times, how);
        told(&place).says("telegram", "wrong", what).says("telegram", "wrong", advice);
        // A try that was not made is not left for the next.
        until("the Bot API answers as it should", || {
            Told::of(&place.folder, &[])
                .findings
                .iter()
                .any(|one| one["about"] == "telegram" && one["state"] == "ok")
        });
    }
    // Another program hears the bot while a server runs: that is the server's to say.
    let socket = place.folder.join("aegis.sock");
    let file = place.folder.join("aegis.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("listen = [\"unix:{}\"]\n{text}", socket.display())).unwrap();
    api.misbehave("getUpdates", 1_000_000, Misbehaviour::Refuse(409, CONFLICT));
    let server = serve(&place.folder);
    until("the server is told of the other program", || {
        let told = Told::of(&place.folder, &[]);
        told.findings.iter().any(|one| {
            one["about"] == "server"
                && one["what"].as_str().is_some_and(|what| what.contains("another program hears the bot"))
        })
    });
    told(&place).says("server", "note", "telegram: another program hears the bot").says(
        "telegram",
        "ok",
        "@example_bot",
    );
    let (_, secret) = TOKEN.split_once(':').unwrap();
    assert!(!server.log().contains(secret), "the bot's token: {}", server.log());

    api.revoke();
    told(&place).says("telegram", "wrong", "does not know the bot's token").says(
        "telegram",
        "wrong",
        "after /revoke",
    );
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    told(&at_telegram(&format!("http://{nowhere}")))
        .says("telegram", "wrong", "Telegram cannot be reached")
        .says("telegram", "wrong", "can this machine reach");
    told(&settings("public_url = \"http://localhost:8009\"\n")).says("telegram", "note", "no [telegram]");
}
