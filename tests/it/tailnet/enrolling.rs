//! The first factor, added on one's own device of the tailnet together with the password: there and so, and
//! nowhere else and never a second one.

use aegis::clock::Clock;
use serde_json::json;

use super::site::{SAM, page, record, says, send, session};
use super::{becomes, check, is, laptop, ready, refused};
use crate::inside::second_factor::Offered;
use crate::lab::client::{Answer, Ask};
use crate::lab::proxy::Kind;
use crate::lab::tailnet::Runs;
use crate::lab::{Lab, PASSWORD, PORTAL};

/// What the page says to whoever may show the password here, and to whoever needs a link.
const ON_THIS_DEVICE: &str = "name=\"password\"";
const BY_LINK: &str = "aegis user link-factor";

/// Every door that adds a factor, by a form.
const DOORS: [&str; 3] =
    ["/account/factors/totp", "/account/factors/telegram", "/account/factors/telegram/confirm"];

fn shows_the_password(lab: &Lab, node: &str, password: &str, cookie: &str) -> Answer {
    send(lab, node, "/account/enrol", &[("password", password)], cookie)
}

/// The cookie of the session that an answer opened.
#[track_caller]
fn opened(answer: &Answer) -> String {
    let cookies = answer.cookies();
    let session = cookies.into_iter().find(|cookie| cookie.starts_with("__Host-aegis_session="));
    session.unwrap_or_else(|| panic!("no session in {answer}"))
}

#[track_caller]
fn is_refused(what: &str, answer: &Answer) {
    assert_eq!((answer.status, answer.cookies().len()), (403, 0), "{what}: {answer}");
    assert!(answer.body.contains(BY_LINK), "{what}: how it is done instead: {answer}");
}

/// Where it leads back to is not what these tests are about.
#[track_caller]
fn is_sent(what: &str, answer: &Answer, to: &str) {
    let leads = answer.header("location").is_some_and(|location| location.starts_with(to));
    assert!(answer.status == 303 && leads, "{what}: sent to {to}: {answer}");
}

#[track_caller]
fn adds_nothing(lab: &Lab, what: &str, cookie: &str, leads: &str) {
    for door in DOORS {
        let answer =
            send(lab, "laptop", door, &[("offer", "x"), ("totp", "000000"), ("person", "7")], cookie);
        is_sent(&format!("{what}, {door}"), &answer, leads);
    }
}

fn factors(lab: &Lab) -> serde_json::Value {
    let output = lab.aegis().command(&["user", "show", "sam", "--json"], "");
    let shown: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:#?}"));
    shown["factors"].clone()
}

#[test]
fn the_password_on_ones_own_device_adds_the_first_factor_and_no_second() {
    let lab = ready(Kind::Caddy, Runs::Node);
    lab.tailnet().join("phone");
    let cookie = session(&lab, "sam");
    adds_nothing(&lab, "a password alone, on the own device", &cookie, "/account/enrol");
    says(&page(&lab, "laptop", "/account/enrol", &cookie), 200, &[ON_THIS_DEVICE, SAM]);

    // Not on another's device, not on none, and not by a device without the password.
    for node in ["phone", "proxy's own machine"] {
        let answer = if node == "phone" {
            shows_the_password(&lab, node, PASSWORD, &cookie)
        } else {
            let ask = Ask::new("POST", PORTAL, "/account/enrol")
                .header("Sec-Fetch-Site", "same-origin")
                .header("Accept", "text/html")
                .header("Content-Type", "application/x-www-form-urlencoded")
                .header("X-Forwarded-For", &laptop(&lab).to_string())
                .header("Cookie", &cookie)
                .body(
                    &form_urlencoded::Serializer::new(String::new())
                        .append_pair("password", PASSWORD)
                        .finish(),
                );
            lab.send(&ask)
        };
        is_refused(node, &answer);
    }
    for wrong in ["", "not the password"] {
        let answer = shows_the_password(&lab, "laptop", wrong, &cookie);
        assert_eq!((answer.status, answer.cookies().len()), (422, 0), "the password {wrong:?}: {answer}");
    }
    adds_nothing(&lab, "after all that", &cookie, "/account/enrol");
    assert_eq!(factors(&lab), json!(["password"]), "nothing was added");

    // In two browsers; the device alone has no session, and gets one.
    let (one, other) = (
        shows_the_password(&lab, "laptop", PASSWORD, &cookie),
        shows_the_password(&lab, "laptop", PASSWORD, ""),
    );
    for answer in [&one, &other] {
        assert_eq!((answer.status, answer.header("location")), (303, Some("/account/enrol")), "{answer}");
    }
    let (one, other) = (opened(&one), opened(&other));
    let noted = record(&lab).into_iter().filter(|entry| entry["event"] == "factor.enrolment_opened").count();
    assert_eq!(noted, 2, "it is in the record: {:#?}", record(&lab));

    let set_up = page(&lab, "laptop", "/account/factors/totp", &one);
    says(&set_up, 200, &[]);
    let offered = Offered::on(&set_up);
    let late = Offered::on(&page(&lab, "laptop", "/account/factors/totp", &other));
    let now = Clock::system().now().wall;
    let added = send(&lab, "laptop", "/account/factors/totp", &offered.fields(now), &one);
    assert_eq!((added.status, added.header("location")), (303, Some("/account/factors/recovery")), "{added}");
    assert_eq!(factors(&lab), json!(["password", "totp"]), "what was added");

    // From here on the factor is asked for, in the other browser too, and the way is closed.
    let second = send(&lab, "laptop", "/account/factors/totp", &late.fields(now), &other);
    let step_up = "/login/step-up?rd=%2Faccount";
    is_sent("a second one", &second, step_up);
    adds_nothing(&lab, "in the other browser", &other, step_up);
    for cookie in ["", other.as_str()] {
        let again = shows_the_password(&lab, "laptop", PASSWORD, cookie);
        assert_eq!((again.status, again.header("location")), (303, Some("/account")), "once more: {again}");
        assert!(again.cookies().is_empty(), "once more: {again}");
    }
    assert_eq!(factors(&lab), json!(["password", "totp"]), "and no other");
}

#[test]
fn a_device_that_routes_for_others_or_is_tagged_adds_no_factor() {
    let lab = ready(Kind::Caddy, Runs::Node);
    let (cookie, here) = (session(&lab, "sam"), laptop(&lab));
    let (strong, closed) = (lab.host("strong"), lab.host("closed"));
    let own = [format!("{here}/32"), format!("{}/128", lab.tailnet().address6_of("laptop"))];
    lab.tailnet().change_node("laptop", &json!({ "AllowedIPs": [own[0], own[1], "10.0.0.0/24"] }));
    becomes("it routes", || (check(&lab, here, &strong, &[]), refused(401)));
    assert!(is("sam")(&check(&lab, here, &closed, &[])), "it is sam's all the same");
    for cookie in [cookie.as_str(), ""] {
        is_refused("it routes for others", &shows_the_password(&lab, "laptop", PASSWORD, cookie));
        let shown = page(&lab, "laptop", "/account/enrol", cookie);
        says(&shown, 200, &[BY_LINK]);
        assert!(!shown.body.contains(ON_THIS_DEVICE), "the password is not asked for: {shown}");
    }
    adds_nothing(&lab, "it routes for others", &cookie, "/account/enrol");

    lab.tailnet().tag("laptop", &["tag:other"]);
    becomes("it is tagged", || (check(&lab, here, &closed, &[]), refused(401)));
    is_refused("it is tagged", &shows_the_password(&lab, "laptop", PASSWORD, &cookie));
    adds_nothing(&lab, "it is tagged", &cookie, "/account/enrol");
    assert_eq!(factors(&lab), json!(["password"]), "nothing was added");

    lab.tailnet().change_node("laptop", &json!({}));
    becomes("it is sam's alone", || (check(&lab, here, &strong, &[]), is("sam")));
    let opened = shows_the_password(&lab, "laptop", PASSWORD, &cookie);
    assert_eq!((opened.status, opened.header("location")), (303, Some("/account/enrol")), "{opened}");
}
