//! Who is found, how long that counts, and who is never asked about.

use std::net::IpAddr;

use serde_json::json;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_person_is_found_by_the_bare_address() {
    let lab = Lab::new().await;
    let answer = lab.whois(LAPTOP).await.unwrap();
    assert_eq!(login(&answer), SAM);
    assert_eq!(answer.until, lab.clock.now().mono.plus(LIFETIME));
    assert_eq!(answer.generation, lab.tailscale.generation());
    let [question] = &lab.daemon.questions(WHOIS)[..] else { panic!("{:?}", lab.daemon.questions("")) };
    assert_eq!(question.target, "/localapi/v0/whois?addr=100.64.0.2");
    assert_eq!(question.headers, [("host".to_owned(), "local-tailscaled.sock".to_owned())], "and no more");
    assert!(lab.tailscale.node().heard == Heard::Now, "{:?}", lab.tailscale.node());
}

#[tokio::test]
async fn a_person_is_found_by_an_ipv6_address() {
    let lab = Lab::new().await;
    let address = "fd7a:115c:a1e0:ab12:4843:cd96:6240:7";
    lab.daemon.put_quietly(&somebody(address, 7, "bob"));
    assert_eq!(login(&lab.whois(address).await.unwrap()), "bob");
    assert_eq!(
        lab.daemon.questions(WHOIS)[0].target,
        "/localapi/v0/whois?addr=fd7a%3A115c%3Aa1e0%3Aab12%3A4843%3Acd96%3A6240%3A7"
    );
    assert_eq!(login(&lab.whois("::ffff:100.64.0.2").await.unwrap()), SAM, "one address has one form");
    assert_eq!(lab.daemon.questions(WHOIS)[1].target, "/localapi/v0/whois?addr=100.64.0.2");
}

#[tokio::test]
async fn an_answer_counts_for_five_seconds_of_our_clock() {
    let lab = Lab::new().await;
    let first = lab.whois(LAPTOP).await.unwrap();
    lab.hand.advance(LIFETIME.checked_sub(Duration::from_nanos(1)).unwrap());
    let second = lab.whois(LAPTOP).await.unwrap();
    assert!(
        Arc::ptr_eq(&first, &second) && lab.questions() == 1,
        "remembered; {} questions",
        lab.questions()
    );
    lab.hand.advance(Duration::from_nanos(1));
    let third = lab.whois(LAPTOP).await.unwrap();
    assert!(
        !Arc::ptr_eq(&first, &third) && lab.questions() == 2,
        "asked anew; {} questions",
        lab.questions()
    );
}

#[tokio::test]
async fn that_nobody_is_there_counts_for_one_second() {
    let lab = Lab::new().await;
    let address = "100.64.0.9";
    let nobody = lab.whois(address).await.unwrap();
    assert_eq!(unusable(&nobody), Some(Unusable::NotThere));
    lab.daemon.put_quietly(&somebody(address, 9, "new@github"));
    lab.hand.advance(SECOND.checked_sub(Duration::from_nanos(1)).unwrap());
    assert_eq!(unusable(&lab.whois(address).await.unwrap()), Some(Unusable::NotThere));
    lab.hand.advance(Duration::from_nanos(1));
    assert_eq!(login(&lab.whois(address).await.unwrap()), "new@github");
    assert_eq!(lab.questions(), 2);
}

#[tokio::test]
async fn grants_of_which_the_bus_is_silent_are_seen_in_five_seconds() {
    let lab = Lab::new().await;
    let granted =
        |answer: &Answer| answer.who.as_ref().unwrap().grants.of("example.com/cap/aegis").len() == 1;
    assert!(!granted(&lab.whois(LAPTOP).await.unwrap()));
    let mut whois = somebody(LAPTOP, 2, SAM);
    whois["CapMap"] = json!({ "example.com/cap/aegis": [{ "roles": ["admin"] }] });
    lab.daemon.put_quietly(&whois);
    lab.hand.advance(LIFETIME);
    assert!(granted(&lab.whois(LAPTOP).await.unwrap()));
}

#[tokio::test]
async fn an_answer_does_not_outlive_the_key() {
    let lab = Lab::new().await;
    let mut whois = somebody(LAPTOP, 2, SAM);
    whois["Node"]["KeyExpiry"] = "2026-11-21T09:12:56Z".into();
    lab.daemon.put_quietly(&whois);
    let answer = lab.whois(LAPTOP).await.unwrap();
    assert_eq!(answer.until, lab.clock.now().mono.plus(2 * SECOND), "it is 09:12:54");
    // The wall clock was set: it shows the moment before the other does.
    let set = Now { wall: Wall(lab.clock.now().wall.0 + 2000), ..lab.clock.now() };
    let answer = lab.tailscale.whois(at(LAPTOP), set).await.unwrap();
    assert_eq!(unusable(&answer), Some(Unusable::Expired));
    lab.hand.advance(2 * SECOND);
    assert_eq!(unusable(&lab.whois(LAPTOP).await.unwrap()), Some(Unusable::Expired));
    assert_eq!(lab.questions(), 2);
    lab.hand.advance(2 * SECOND);
    assert_eq!(unusable(&lab.whois(LAPTOP).await.unwrap()), Some(Unusable::Expired));
    assert_eq!(lab.questions(), 2, "that it has expired is remembered as anything else");
}

#[tokio::test]
async fn a_change_on_the_tailnet_is_seen_at_once() {
    let lab = Lab::new().await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
    let before = lab.tailscale.generation();
    // The address is another's from one moment to the next.
    lab.daemon.put(&somebody(LAPTOP, 7, "bob"));
    until("the change", || lab.tailscale.generation() > before).await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), "bob");
    let before = lab.tailscale.generation();
    lab.daemon.remove(LAPTOP);
    until("the removal", || lab.tailscale.generation() > before).await;
    assert_eq!(unusable(&lab.whois(LAPTOP).await.unwrap()), Some(Unusable::NotThere));
}

#[tokio::test]
async fn a_change_between_question_and_answer_leaves_nothing_remembered() {
    let lab = Lab::new().await;
    lab.daemon.meet(WHOIS, Manner::Held);
    let mut asking = Asking::new();
    lab.ask(&mut asking, LAPTOP);
    lab.daemon.asked(WHOIS, 1).await;
    let before = lab.tailscale.generation();
    lab.daemon.put(&somebody(LAPTOP, 7, "bob"));
    until("the change", || lab.tailscale.generation() > before).await;
    lab.daemon.meet_as_usual();
    let late = asking.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(login(&late), SAM, "what the daemon said before the change");
    assert!(late.generation < lab.tailscale.generation(), "dead on arrival");
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), "bob");
    assert_eq!(lab.questions(), 2);
}

#[tokio::test]
async fn a_change_of_the_own_node_is_known_before_anybody_is_judged() {
    let lab = Lab::new().await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
    let doubts = lab.tailscale.seen.doubts();
    // This node takes over the address of the laptop, as when a profile is switched.
    lab.daemon.set_status(|status| {
        status["TailscaleIPs"] = json!([LAPTOP]);
        status["Self"]["TailscaleIPs"] = json!([LAPTOP]);
    });
    lab.daemon.meet("/status", Manner::Held);
    lab.daemon.say(&json!({ "SelfChange": { "ID": 1 } }));
    until("the doubt", || lab.tailscale.seen.doubts() > doubts).await;
    let mut asking = Asking::new();
    lab.ask(&mut asking, LAPTOP);
    lab.daemon.asked("/status", 1).await;
    lab.daemon.meet_as_usual();
    let answer = asking.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(unusable(&answer), Some(Unusable::ThisNode));
    assert_eq!(lab.questions(), 1, "nobody asked with the old node in mind");
}

#[tokio::test]
async fn this_node_is_nobody() {
    let lab = Lab::new().await;
    for own in ["100.64.0.1", "fd7a:115c:a1e0:ab12:4843:cd96:6240:1"] {
        assert_eq!(unusable(&lab.whois(own).await.unwrap()), Some(Unusable::ThisNode), "{own}");
    }
    assert_eq!(lab.questions(), 0, "the own addresses are not asked about");
    let mut own = somebody("100.64.0.8", 8, SAM);
    own["Node"]["StableID"] = "TESTCTRL00000001".into();
    lab.daemon.put_quietly(&own);
    let answer = lab.whois("100.64.0.8").await.unwrap();
    assert_eq!(unusable(&answer), Some(Unusable::ThisNode), "by its id, at an address that is new");
}

#[tokio::test]
async fn what_cannot_be_a_node_is_never_asked_about() {
    let lab = Lab::new().await;
    for address in ["192.168.1.7", "127.0.0.1", "100.100.100.100", "fd7a:115c:a1e0:b1a::1", "203.0.113.7"] {
        assert_eq!(unusable(&lab.whois(address).await.unwrap()), Some(Unusable::NotThere), "{address}");
    }
    for outside in ["192.168.1.7:443", "100.64.0.2:443", "[fd7a:115c:a1e0::7]:443"] {
        let place = Place::Loopback(outside.parse().unwrap());
        let answer = lab.tailscale.whois(place, lab.clock.now()).await.unwrap();
        assert_eq!(unusable(&answer), Some(Unusable::NotThere), "{outside} is not on this machine");
    }
    assert_eq!(lab.questions(), 0);
}

#[tokio::test]
async fn a_connection_is_asked_about_with_its_port_and_never_remembered() {
    let lab = Lab::new().await;
    let port = "127.0.0.1:50588".parse().unwrap();
    lab.daemon.connect(port, &somebody(LAPTOP, 2, SAM));
    let ask = async || lab.tailscale.whois(Place::Loopback(port), lab.clock.now()).await;
    let answer = ask().await.unwrap();
    assert_eq!(login(&answer), SAM);
    assert_eq!(answer.until, lab.clock.now().mono, "the port may be another's in a moment");
    assert_eq!(lab.daemon.questions(WHOIS)[0].target, "/localapi/v0/whois?addr=127.0.0.1%3A50588&proto=tcp");
    lab.daemon.connect(port, &somebody("100.64.0.7", 7, "bob"));
    assert_eq!(login(&ask().await.unwrap()), "bob", "the next connection at this port is another's");

    let nobody: SocketAddr = "[::1]:50589".parse().unwrap();
    for _ in 0..3 {
        let answer = lab.tailscale.whois(Place::Loopback(nobody), lab.clock.now()).await.unwrap();
        assert_eq!(unusable(&answer), Some(Unusable::NotThere));
    }
    assert_eq!(
        lab.daemon.questions("50589").len(),
        1,
        "an unknown port costs the daemon dear: it is remembered"
    );
}

#[tokio::test]
async fn a_connection_is_asked_about_only_without_a_tun_device() {
    for tun in [json!(true), json!(null)] {
        let lab = Lab::before_listening(Duration::from_mins(5));
        lab.daemon.set_status(|status| status["TUN"] = tun.clone());
        let port = "127.0.0.1:50588".parse().unwrap();
        lab.daemon.connect(port, &somebody(LAPTOP, 2, SAM));
        let mut lab = lab;
        lab.listen();
        lab.is_calm(2).await;
        let answer = lab.tailscale.whois(Place::Loopback(port), lab.clock.now()).await.unwrap();
        assert_eq!(unusable(&answer), Some(Unusable::NotThere), "TUN is {tun}");
        assert_eq!(lab.questions(), 0, "TUN is {tun}");
    }
}

#[tokio::test]
async fn a_question_before_anything_was_heard_waits_for_the_first_word() {
    let mut lab = Lab::before_listening(Duration::from_mins(5));
    let mut asking = Asking::new();
    lab.ask(&mut asking, LAPTOP);
    tokio::task::yield_now().await;
    lab.listen();
    assert_eq!(login(&asking.join_next().await.unwrap().unwrap().unwrap()), SAM);
}

#[tokio::test]
async fn the_status_can_be_asked_without_listening() {
    let lab = Lab::before_listening(Duration::from_mins(5));
    let node = lab.tailscale.status().await.unwrap();
    assert_eq!((node.state, node.heard), (BackendState::Running, Heard::NotYet));
    assert_eq!(node.addresses[0], "100.64.0.1".parse::<IpAddr>().unwrap());
    assert_eq!(
        lab.tailscale.node().state,
        BackendState::Unknown,
        "what is asked afresh is not what was heard"
    );
}
