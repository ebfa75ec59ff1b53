//! The facts that Aegis rests on, told by the real thing: real nodes, and the real `tailscaled`.

use std::io::{self, Read as _};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::app::Seen;
use crate::lab::client::{Answer, Ask};
use crate::lab::proxy::Kind;
use crate::lab::tailnet::{Bus, Runs, Tailnet};
use crate::lab::way::Way;
use crate::lab::{Lab, PASSWORD, PROXY_PORT, sign_in_form};

const CAPABILITY: &str = "example.com/cap/aegis";

#[track_caller]
fn known(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "whois\ncame back: {answer}");
    answer.json()
}

fn is_nobody(answer: &Answer) -> bool {
    answer.status == 404 && answer.body.starts_with("no match for ")
}

#[test]
fn whois_says_whose_a_node_is() {
    let tailnet = Tailnet::start();
    tailnet.join("phone");
    for (name, user, who) in [
        ("laptop", 2, tailnet.address_of("laptop")),
        ("laptop", 2, tailnet.address6_of("laptop")),
        ("phone", 3, tailnet.address_of("phone")),
        // The node that is asked has an owner as well, who is not the visitor.
        ("proxy", 1, tailnet.address_of("proxy")),
    ] {
        let answer = tailnet.whois_until(who, "known", |answer| answer.status == 200);
        let told = answer.json();
        assert_eq!(told["Node"]["Name"], format!("{name}.tail-scale.ts.net."), "{who}: {answer}");
        assert_eq!(told["UserProfile"]["ID"], user, "{who}: {answer}");
        let login = format!("user-{user}@fake-control.example.net");
        assert_eq!(told["UserProfile"]["LoginName"], login, "{who}: {answer}");
        assert!(told["Node"]["Tags"].is_null(), "{who}: {answer}");
        assert!(answer.header("tailscale-version").is_some(), "{who}: {answer}");
    }
}

#[test]
fn a_tagged_node_is_nobodys_and_a_sharee_says_so() {
    let tailnet = Tailnet::start();
    let laptop = tailnet.address_of("laptop");
    tailnet.tag("laptop", &["tag:ci"]);
    let answer = tailnet.whois_until(laptop, "tagged", |answer| answer.body.contains("tag:ci"));
    let told = known(&answer);
    assert_eq!(told["Node"]["Tags"], json!(["tag:ci"]), "{answer}");
    assert_eq!(told["UserProfile"]["LoginName"], "tagged-devices", "{answer}");

    tailnet.change_node("laptop", &json!({ "Hostinfo": { "ShareeNode": true } }));
    let answer = tailnet.whois_until(laptop, "a sharee", |answer| answer.body.contains("ShareeNode"));
    let told = known(&answer);
    assert_eq!(told["Node"]["Hostinfo"]["ShareeNode"], true, "{answer}");
    assert!(told["Node"]["Tags"].is_null() && told["Node"]["User"] == 2, "the tags are undone: {answer}");
}

#[test]
fn an_unknown_address_is_no_match() {
    let tailnet = Tailnet::start();
    for who in ["100.64.0.77", "192.0.2.1", "::1", "100.100.100.100"] {
        let answer = tailnet.whois(who.parse().unwrap());
        assert!(is_nobody(&answer), "whois {who}\ncame back: {answer}");
    }
}

#[test]
fn a_grant_is_for_its_sources_and_no_bus_says_that_it_changed() {
    let tailnet = Tailnet::start();
    let mut bus = tailnet.bus();
    tailnet.join("phone");
    let (laptop, phone) = (tailnet.address_of("laptop"), tailnet.address_of("phone"));
    let mark = |bus: &mut Bus, tag: &str| {
        tailnet.change_node("phone", &json!({ "Tags": [tag] }));
        bus.until(tag, |line| line["PeersChanged"].to_string().contains(tag))
    };
    mark(&mut bus, "tag:before");

    let values = json!([{ "roles": ["admin"] }, { "roles": ["viewer"] }]);
    tailnet.grants(&json!([{ "src": [laptop], "app": { CAPABILITY: values } }]));
    let granted = |answer: &Answer| answer.body.contains(CAPABILITY);
    let answer = tailnet.whois_until(laptop, "granted", granted);
    assert_eq!(known(&answer)["CapMap"][CAPABILITY], values, "{answer}");
    let answer = tailnet.whois(phone);
    assert!(known(&answer)["CapMap"][CAPABILITY].is_null(), "it is not for the phone: {answer}");

    tailnet.capability(CAPABILITY, &Value::Null);
    tailnet.whois_until(phone, "granted", granted);

    // What is heard before the next mark is all that was said about grants. Nodes may say of themselves
    // where they can be reached.
    let heard = mark(&mut bus, "tag:after");
    let said = |line: &&Value| {
        let line = line.as_object().unwrap();
        line.iter().any(|(key, value)| !value.is_null() && key != "Version" && key != "PeersChanged")
    };
    let said: Vec<_> = heard.iter().filter(said).collect();
    assert!(said.is_empty(), "of grants the bus says nothing: {said:#?}");
}

#[test]
fn the_bus_says_who_is_gone() {
    let tailnet = Tailnet::start();
    let laptop = tailnet.address_of("laptop");
    let id = known(&tailnet.whois(laptop))["Node"]["ID"].clone();
    let mut bus = tailnet.bus();

    tailnet.remove("laptop");
    let heard = bus.until("who is gone", |line| line["PeersRemoved"].is_array());
    assert_eq!(heard.last().unwrap()["PeersRemoved"], json!([id]), "{heard:#?}");
    let answer = tailnet.whois_until(laptop, "gone", |answer| answer.status != 200);
    assert!(is_nobody(&answer), "whois {laptop}\ncame back: {answer}");

    tailnet.restore("laptop");
    let answer = tailnet.whois_until(laptop, "back", |answer| answer.status == 200);
    assert_eq!(known(&answer)["Node"]["ID"], id, "{answer}");
}

#[test]
fn an_address_can_become_somebody_elses() {
    let tailnet = Tailnet::start();
    let laptop = tailnet.address_of("laptop");
    tailnet.user(&json!({ "ID": 55, "LoginName": "bob@example.test", "DisplayName": "Bob" }));
    tailnet.remove("laptop");
    tailnet.fake_peer("other", 99, 55, &[laptop]);
    let answer = tailnet.whois_until(laptop, "Bob's", |answer| answer.body.contains("bob@example.test"));
    let told = known(&answer);
    assert_eq!((&told["Node"]["ID"], &told["UserProfile"]["ID"]), (&json!(99), &json!(55)), "{answer}");
}

/// So 200 alone does not mean that the tailnet is there.
#[test]
fn whois_answers_as_before_when_the_node_is_down_or_control_is_gone() {
    let tailnet = Tailnet::start();
    let laptop = tailnet.address_of("laptop");
    tailnet.status_until("online", |answer| answer.json()["Self"]["Online"] == true);

    tailnet.cut_control(true);
    let status = tailnet.status_until("offline", |answer| answer.json()["Self"]["Online"] == false);
    assert_eq!(status.json()["BackendState"], "Running", "{status}");
    known(&tailnet.whois(laptop));
    tailnet.cut_control(false);
    tailnet.status_until("online again", |answer| answer.json()["Self"]["Online"] == true);

    tailnet.want_running("proxy", false);
    tailnet.status_until("stopped", |answer| answer.json()["BackendState"] == "Stopped");
    known(&tailnet.whois(laptop));
    tailnet.want_running("proxy", true);
    tailnet.status_until("running", |answer| answer.json()["BackendState"] == "Running");

    tailnet.log_out("proxy");
    tailnet.status_until("logged out", |answer| answer.json()["BackendState"] == "NeedsLogin");
    let answer = tailnet.whois_until(laptop, "unknown", |answer| answer.status != 200);
    assert!(is_nobody(&answer), "whois {laptop}\ncame back: {answer}");
}

/// A connection is accepted and nothing comes; `go_on` makes the answer come on that very connection.
#[track_caller]
fn is_silent(tailnet: &Tailnet, go_on: impl FnOnce()) {
    let mut connection = tailnet.open("status?peers=false").expect("a connection is accepted");
    connection.get_ref().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let read = connection.read(&mut [0]);
    let kind = read.as_ref().map_err(io::Error::kind);
    assert!(matches!(kind, Err(io::ErrorKind::WouldBlock)), "nothing comes: {read:?}\n{tailnet}");
    go_on();
    connection.get_ref().set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let answer = Answer::read(&mut connection, "GET");
    assert_eq!(answer.status, 200, "it goes on\ncame back: {answer}\n{tailnet}");
}

#[track_caller]
fn fails_with(tailnet: &Tailnet, expected: io::ErrorKind) {
    let kind = tailnet.open("status").map(drop).map_err(|error| error.kind());
    assert_eq!(kind, Err(expected), "connecting to {}\n{tailnet}", tailnet.socket().display());
}

#[test]
fn the_socket_fails_as_told() {
    let tailnet = Tailnet::start();
    tailnet.api_fault("hang");
    is_silent(&tailnet, || tailnet.api_fault("ok"));
    tailnet.api_fault("reset");
    let mut connection = tailnet.open("status").unwrap();
    assert_eq!(Answer::read(&mut connection, "GET").status, 0, "the connection is closed");

    for (mode, expected) in [("refuse", io::ErrorKind::ConnectionRefused), ("gone", io::ErrorKind::NotFound)]
    {
        tailnet.api_fault("ok");
        let mut bus = tailnet.bus();
        tailnet.api_fault(mode);
        assert_eq!(bus.next(), None, "{mode}: the bus ends");
        fails_with(&tailnet, expected);
    }
    tailnet.api_fault("ok");
    let answer = tailnet.status();
    assert_eq!(answer.status, 200, "it answers again: {answer}");
}

#[test]
fn a_real_daemon_is_stopped_killed_and_started() {
    let tailnet = Tailnet::with_real_daemon();
    let laptop = tailnet.address_of("laptop");
    known(&tailnet.whois(laptop));
    let mode = tailnet.socket().metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o666, "everybody may ask it: {mode:o}");

    tailnet.daemon("stop");
    is_silent(&tailnet, || tailnet.daemon("cont"));

    for (end, expected) in [("kill", io::ErrorKind::ConnectionRefused), ("term", io::ErrorKind::NotFound)] {
        let mut bus = tailnet.bus();
        tailnet.daemon(end);
        while bus.next().is_some() {}
        fails_with(&tailnet, expected);
        // On its way up it says 404 of everybody.
        tailnet.daemon("start");
        tailnet.whois_until(laptop, "known again", |answer| answer.status == 200);
        tailnet.status_until("running again", |answer| answer.json()["BackendState"] == "Running");
    }
}

/// The one request for `/` that the app received under this host.
#[track_caller]
fn seen(lab: &Lab, host: &str, ask: &Ask, answer: &Answer) -> Seen {
    assert_eq!(answer.status, 200, "{}\nasked: {ask}\ncame back: {answer}", lab.kind);
    let seen = lab.app.seen(host);
    assert_eq!(seen.len(), 1, "{}\nasked: {ask}\nthe app saw: {seen:#?}", lab.kind);
    seen.into_iter().next().unwrap()
}

/// Laptop, WireGuard, the proxy with its files, Aegis, app.
fn the_way_over_the_tailnet(kind: Kind, runs: Runs) {
    let lab = Lab::standing(kind, Way { tailnet: Some(runs), ..Way::TAILNET });
    let tailnet = lab.tailnet();
    tailnet.join("phone");

    // Nobody is signed in yet. Aegis heard from whom the request came.
    let (host, laptop) = (lab.host("closed"), tailnet.address_of("laptop").to_string());
    let ask = Ask::get(&host, "/");
    let answer = lab.send_from("laptop", &ask);
    assert_eq!(answer.status, 401, "{kind}\nasked: {ask}\ncame back: {answer}");
    lab.app_heard_nothing(&host, &ask, &answer);
    let told = lab.aegis().command(&["explain", "--last", &host, "--json"], "");
    let told: Value =
        serde_json::from_slice(&told.stdout).unwrap_or_else(|error| panic!("{error}: {told:#?}"));
    assert_eq!(told["from"], laptop, "{kind}: {told:#}");

    // Aegis's own site is reached the same way.
    let form = sign_in_form(&lab.person(&[]), PASSWORD, "");
    let answer = lab.send_from("laptop", &form);
    assert_eq!(answer.status, 303, "{kind}\nasked: {form}\ncame back: {answer}");
    let cookie = answer.cookies().into_iter().find(|cookie| cookie.starts_with("aegis_token=")).unwrap();

    // The app sees the node's address, whatever the visitor claims.
    for node in ["laptop", "phone"] {
        let (host, from) = (lab.host("closed"), tailnet.address_of(node).to_string());
        let ask = Ask::get(&host, "/").header("Cookie", &cookie).header("X-Forwarded-For", "100.64.0.9");
        let answer = lab.send_from(node, &ask);
        let seen = seen(&lab, &host, &ask, &answer);
        assert_eq!(seen.one("x-forwarded-for"), Some(&*from), "{kind}, from {node}: {seen:#?}");
    }
    let (host, to) = (lab.host("closed"), (tailnet.address6_of("proxy"), PROXY_PORT).into());
    let ask = Ask::get(&host, "/").header("Cookie", &cookie);
    let answer = ask.send(tailnet.way("laptop", to));
    let over6 = seen(&lab, &host, &ask, &answer);
    let from = over6.one("x-forwarded-for").and_then(|from| from.parse::<IpAddr>().ok());
    assert_eq!(from, Some(tailnet.address6_of("laptop")), "{kind}: {over6:#?}");

    // The ordinary entrance is still there, and nobody on it is of the tailnet.
    let host = lab.host("closed");
    let ask = Ask::get(&host, "/").header("Cookie", &cookie).header("X-Forwarded-For", &laptop);
    let answer = lab.send(&ask);
    let seen = seen(&lab, &host, &ask, &answer);
    assert_eq!(seen.one("x-forwarded-for"), Some("127.0.0.1"), "{kind}: {seen:#?}");
}

#[test]
fn through_caddy() {
    the_way_over_the_tailnet(Kind::Caddy, Runs::Node);
}

#[test]
fn through_caddy_behind_a_real_daemon() {
    the_way_over_the_tailnet(Kind::Caddy, Runs::Daemon);
}

#[test]
fn through_nginx() {
    the_way_over_the_tailnet(Kind::Nginx, Runs::Node);
}
