//! What changes on the tailnet is seen: at once where the daemon tells, soon where it does not.

use serde_json::json;

use super::{becomes, check, is, laptop, ready, refused};
use crate::lab::proxy::Kind;
use crate::lab::tailnet::Runs;

const LOGIN: &str = "user-2@fake-control.example.net";

#[test]
fn a_node_that_is_removed_is_nobody_and_restored_it_is_known() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (host, here) = (lab.host("closed"), laptop(&lab));
    lab.tailnet().remove("laptop");
    becomes("the laptop is nobody", || (check(&lab, here, &host, &[]), refused(401)));
    lab.tailnet().restore("laptop");
    becomes("the laptop is sam's", || (check(&lab, here, &host, &[]), is("sam")));
}

#[test]
fn an_address_that_goes_to_another_goes_without_its_identity() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (host, here) = (lab.host("closed"), laptop(&lab));
    lab.tailnet()
        .user(&json!({ "ID": 55, "LoginName": "bob@fake-control.example.net", "DisplayName": "Bob" }));
    lab.tailnet().remove("laptop");
    lab.tailnet().fake_peer("phone", 99, 55, &[here]);
    becomes("it is nobody's", || (check(&lab, here, &host, &[]), refused(401)));
    lab.aegis().add_user("bob", &[]);
    let linked =
        lab.aegis().command(&["user", "link", "bob", "--tailnet", "bob@fake-control.example.net"], "");
    assert!(linked.status.success(), "{linked:#?}");
    becomes("it is bob's", || (check(&lab, here, &host, &[]), is("bob")));
}

#[test]
fn a_login_that_is_renamed_stays_who_it_was_and_who_gets_it_is_a_stranger() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (host, here) = (lab.host("closed"), laptop(&lab));
    lab.tailnet()
        .user(&json!({ "ID": 2, "LoginName": "samuel@fake-control.example.net", "DisplayName": "Sam" }));
    lab.tailnet().whois_until(here, "renamed", |answer| answer.body.contains("samuel@"));
    for _ in 0..3 {
        let answer = check(&lab, here, &host, &[]);
        assert!(is("sam")(&answer), "the same person under another name: {answer}");
    }
    // The old name goes to somebody else, whom the settings do not mean.
    lab.tailnet().user(&json!({ "ID": 56, "LoginName": LOGIN, "DisplayName": "Another" }));
    lab.tailnet().change_node("laptop", &json!({ "User": 56 }));
    becomes("another person is nobody", || (check(&lab, here, &host, &[]), refused(401)));
    lab.tailnet().change_node("laptop", &json!({}));
    becomes("sam is sam", || (check(&lab, here, &host, &[]), is("sam")));
}

#[test]
fn while_the_control_server_is_away_people_are_known_as_before() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (host, here) = (lab.host("closed"), laptop(&lab));
    lab.tailnet().cut_control(true);
    lab.tailnet().status_until("offline", |answer| answer.json()["Self"]["Online"] != true);
    let answer = check(&lab, here, &host, &[]);
    assert!(is("sam")(&answer), "{answer}");
}

#[test]
fn down_is_nobody_and_up_again_is_as_before() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (host, here) = (lab.host("closed"), laptop(&lab));
    lab.tailnet().want_running("proxy", false);
    // Whois says 200 of everybody all the same.
    becomes("down", || (check(&lab, here, &host, &[]), refused(503)));
    assert_eq!(lab.tailnet().whois(here).status, 200);
    let page = check(&lab, here, &host, &[("Sec-Fetch-Mode", "navigate")]);
    assert_eq!(page.status, 302, "who goes there by hand can sign in: {page}");
    assert_eq!(check(&lab, here, &lab.host("device"), &[("Sec-Fetch-Mode", "navigate")]).status, 503);
    lab.tailnet().want_running("proxy", true);
    becomes("up", || (check(&lab, here, &host, &[]), is("sam")));
}

#[test]
fn logged_out_is_nobody() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (host, here) = (lab.host("closed"), laptop(&lab));
    lab.tailnet().log_out("proxy");
    becomes("logged out", || (check(&lab, here, &host, &[]), refused(503)));
}
