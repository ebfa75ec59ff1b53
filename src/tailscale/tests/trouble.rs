//! A daemon that is slow, broken, gone, or back.

use serde_json::json;

use super::*;

fn refused(status: u16, text: &str) -> Manner {
    Manner::Refused(status, text.to_owned())
}

fn body(text: &str) -> Manner {
    Manner::Body(text.to_owned())
}

#[tokio::test]
async fn every_kind_of_failure_is_told_apart_and_none_is_remembered() {
    let lab = Lab::new().await;
    for (manner, failure) in [
        (refused(401, "unauthorized"), Failure::Denied),
        (refused(403, "invalid localapi request"), Failure::Denied),
        (refused(403, "whois access denied"), Failure::Denied),
        (refused(400, "invalid 'addr' parameter"), Failure::Broken(Broken::Status(400))),
        (refused(404, "404 page not found"), Failure::Broken(Broken::Status(404))),
        (refused(404, ""), Failure::Broken(Broken::Status(404))),
        (refused(500, "server has no local backend"), Failure::Broken(Broken::Status(500))),
        (refused(500, "no match for IP:port"), Failure::Broken(Broken::Status(500))),
        (refused(204, ""), Failure::Broken(Broken::Status(204))),
        (refused(302, ""), Failure::Broken(Broken::Status(302))),
        (refused(503, "no backend"), Failure::Starting),
        (Manner::Garbage, Failure::Broken(Broken::Cut)),
        (Manner::HungUp, Failure::Broken(Broken::Cut)),
        (Manner::HungUpMidway, Failure::Broken(Broken::Cut)),
        (Manner::Huge, Failure::Broken(Broken::TooLong)),
        (body(""), Failure::Broken(Broken::Shape)),
        (body("{\"Node\":{}}"), Failure::Broken(Broken::Shape)),
        (body("no match for IP:port"), Failure::Broken(Broken::Shape)),
        (body(&somebody("100.64.0.3", 3, "eve").to_string()), Failure::Broken(Broken::Address)),
    ] {
        lab.daemon.meet(WHOIS, manner.clone());
        assert_eq!(lab.whois(LAPTOP).await.err(), Some(failure), "{manner:?}");
        lab.daemon.meet_as_usual();
        assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM, "after {manner:?}");
        lab.hand.advance(LIFETIME);
    }
}

#[tokio::test]
async fn a_daemon_that_does_not_answer_is_slow() {
    let lab = Lab::before_listening(Duration::from_millis(1));
    lab.daemon.meet("/localapi", Manner::Held);
    assert_eq!(lab.tailscale.status().await.err(), Some(Failure::Slow));
    assert_eq!(lab.whois(LAPTOP).await.err(), Some(Failure::Slow), "nobody listens: nothing is known");
}

#[tokio::test]
async fn a_daemon_that_falls_silent_is_noticed_by_its_missing_heartbeat() {
    let lab = Lab::with_limit(Duration::from_millis(200)).await;
    lab.moving("up", || lab.tailscale.node().state == BackendState::Running).await;
    let before = lab.tailscale.generation();
    lab.daemon.meet("/localapi", Manner::Held);
    lab.moving("silence", || lab.tailscale.node().state == BackendState::Unknown).await;
    assert!(lab.tailscale.generation() > before, "nothing that was answered counts");
    let questions = lab.questions();
    assert_eq!(lab.whois(LAPTOP).await.err(), Some(Failure::Slow));
    assert_eq!(lab.questions(), questions, "known to be silent, it is not asked");
    lab.daemon.meet_as_usual();
    lab.moving("back", || lab.tailscale.node().state == BackendState::Running).await;
}

#[tokio::test]
async fn a_tailnet_that_is_down_proves_nothing() {
    let lab = Lab::new().await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
    for (state, failure) in [
        ("Stopped", Failure::NotRunning(BackendState::Stopped)),
        ("NeedsLogin", Failure::NotRunning(BackendState::NeedsLogin)),
        ("NeedsMachineAuth", Failure::NotRunning(BackendState::NeedsMachineAuth)),
        ("InUseOtherUser", Failure::NotRunning(BackendState::InUseOtherUser)),
        ("NoState", Failure::Starting),
        ("Starting", Failure::Starting),
    ] {
        let (questions, doubts) = (lab.questions(), lab.tailscale.seen.doubts());
        lab.daemon.set_state(state);
        until("the state", || lab.tailscale.seen.doubts() > doubts).await;
        assert_eq!(lab.whois(LAPTOP).await.err(), Some(failure), "{state}");
        assert_eq!(lab.questions(), questions, "{state}: not asked, though the daemon would answer");
        let doubts = lab.tailscale.seen.doubts();
        lab.daemon.set_state("Running");
        until("the state", || lab.tailscale.seen.doubts() > doubts).await;
        assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM, "after {state}");
        assert_eq!(lab.questions(), questions + 1, "after {state} nothing is remembered");
    }
}

#[tokio::test]
async fn a_state_that_the_bus_kept_quiet_is_seen_at_the_next_heartbeat() {
    let lab = Lab::new().await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
    let before = lab.tailscale.generation();
    lab.daemon.set_status(|status| status["BackendState"] = "Stopped".into());
    lab.moving("stopped", || lab.tailscale.node().state == BackendState::Stopped).await;
    assert!(lab.tailscale.generation() > before);
    assert_eq!(lab.whois(LAPTOP).await.err(), Some(Failure::NotRunning(BackendState::Stopped)));
}

#[tokio::test]
async fn a_status_from_before_a_change_settles_nothing() {
    let lab = Lab::new().await;
    // In this order: one that is on its way may be the one that is held.
    let asked = lab.daemon.questions("/status").len();
    lab.daemon.meet("/status", Manner::Held);
    lab.moving("the heartbeat", || lab.daemon.questions("/status").len() > asked).await;
    let doubts = lab.tailscale.seen.doubts();
    lab.daemon.set_state("Stopped");
    until("the state", || lab.tailscale.seen.doubts() > doubts).await;
    // What is held says Running.
    lab.daemon.meet_as_usual();
    assert_eq!(lab.whois(LAPTOP).await.err(), Some(Failure::NotRunning(BackendState::Stopped)));
    assert_eq!(lab.questions(), 0);
}

#[tokio::test]
async fn a_control_server_out_of_reach_is_told_and_stops_nobody() {
    let lab = Lab::new().await;
    let before = lab.tailscale.generation();
    lab.daemon.set_status(|status| {
        status["Self"]["Online"] = false.into();
        status["Health"] = json!(["Unable to connect to the Tailscale coordination server."]);
    });
    lab.moving("offline", || lab.tailscale.node().online == Some(false)).await;
    assert_eq!(lab.tailscale.node().health.len(), 1);
    assert_eq!(lab.tailscale.generation(), before, "nobody is somebody else by that");
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
}

#[tokio::test]
async fn a_kept_connection_that_has_ended_costs_no_answer() {
    let lab = Lab::new().await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
    for _ in 0..20 {
        lab.hand.advance(LIFETIME);
        assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
    }
    let connections = lab.daemon.connections();
    assert!(connections <= 3, "{connections} connections for the bus, the heartbeat and twenty questions");
    lab.daemon.hang_up_idle();
    lab.hand.advance(LIFETIME);
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM, "on another one");
}

#[tokio::test]
async fn a_new_connection_that_ends_is_not_tried_again() {
    let lab = Lab::new().await;
    lab.daemon.hang_up_idle();
    lab.daemon.meet(WHOIS, Manner::HungUp);
    assert_eq!(lab.whois(LAPTOP).await.err(), Some(Failure::Broken(Broken::Cut)));
    assert_eq!(lab.questions(), 1);
}

#[tokio::test]
async fn when_the_daemon_is_killed_nothing_counts_until_it_is_back() {
    let mut lab = Lab::new().await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
    let before = lab.tailscale.generation();
    lab.daemon.kill();
    until("the end of the bus", || lab.tailscale.generation() > before).await;
    assert_eq!(lab.whois(LAPTOP).await.err(), Some(Failure::Down), "its socket's file is still there");
    until("deaf", || lab.tailscale.node().heard == Heard::Not(Failure::Down)).await;
    assert_eq!(lab.tailscale.node().state, BackendState::Unknown);

    lab.daemon.set_status(|status| status["BackendState"] = "NoState".into());
    lab.daemon.start_again();
    lab.moving("the new daemon", || lab.tailscale.node().heard == Heard::Now).await;
    lab.moving("its state", || lab.tailscale.node().state == BackendState::NoState).await;
    let questions = lab.questions();
    assert_eq!(lab.whois(LAPTOP).await.err(), Some(Failure::Starting), "it knows nobody yet");
    assert_eq!(lab.questions(), questions);

    lab.daemon.set_state("Running");
    until("up", || lab.tailscale.node().state == BackendState::Running).await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
}

#[tokio::test]
async fn a_daemon_that_stops_takes_its_socket_and_brings_another() {
    let mut lab = Lab::new().await;
    lab.daemon.stop();
    until("gone", || lab.tailscale.node().state == BackendState::Unknown).await;
    assert_eq!(lab.whois(LAPTOP).await.err(), Some(Failure::Down));
    lab.daemon.start_again();
    lab.moving("back", || lab.tailscale.node().heard == Heard::Now).await;
    lab.moving("up", || lab.tailscale.node().state == BackendState::Running).await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
}

#[tokio::test]
async fn a_bus_that_ends_voids_everything_and_is_heard_again() {
    let lab = Lab::new().await;
    let first = lab.whois(LAPTOP).await.unwrap();
    lab.daemon.say_bytes(b"{\"Version\":\"1.102.5\",\"PeersCha");
    lab.daemon.hang_up_bus();
    until("the end", || lab.tailscale.generation() > first.generation).await;
    // Changes go unheard now; the daemon itself answers.
    lab.daemon.put_quietly(&somebody(LAPTOP, 7, "bob"));
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), "bob");
    let questions = lab.questions();
    lab.moving("heard again", || lab.tailscale.node().heard == Heard::Now).await;
    lab.is_calm(5).await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), "bob");
    assert_eq!(lab.questions(), questions + 1, "what was answered while nothing was heard does not count");
}

#[tokio::test]
async fn a_bus_that_refuses_the_mask_is_heard_with_another() {
    let mut lab = Lab::before_listening(Duration::from_mins(5));
    lab.daemon.meet("mask=4098", refused(400, "mask has incompatible bits"));
    lab.listen();
    lab.is_calm(2).await;
    assert_eq!(lab.tailscale.node().heard, Heard::Now);
    let masks: Vec<_> = lab.daemon.questions("ipn-bus").into_iter().map(|question| question.target).collect();
    assert_eq!(masks, ["/localapi/v0/watch-ipn-bus?mask=4098", "/localapi/v0/watch-ipn-bus?mask=2"]);
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
}

#[tokio::test]
async fn a_bus_that_is_denied_is_said_so_and_people_are_known_nonetheless() {
    let mut lab = Lab::before_listening(Duration::from_mins(5));
    lab.daemon.meet("ipn-bus", refused(403, "watch ipn bus access denied"));
    lab.listen();
    until("denied", || lab.tailscale.node().heard == Heard::Not(Failure::Denied)).await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_tailnet_in_one_line_is_a_change_and_the_next_line_counts_too() {
    let lab = Lab::new().await;
    let doubts = lab.tailscale.seen.doubts();
    let peers = "x".repeat(3 << 20);
    lab.daemon.say_bytes(format!("{{\"NetMap\":{{\"Peers\":[\"{peers}\"]}}}}\n").as_bytes());
    until("the long line", || lab.tailscale.seen.doubts() > doubts).await;
    lab.is_calm(doubts + 1).await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
    let before = lab.tailscale.generation();
    lab.daemon.put(&somebody(LAPTOP, 7, "bob"));
    until("the change", || lab.tailscale.generation() > before).await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), "bob");
}

#[tokio::test]
async fn lines_that_say_nothing_change_nothing() {
    let lab = Lab::new().await;
    let first = lab.whois(LAPTOP).await.unwrap();
    for quiet in [json!({}), json!({ "Health": { "Warnings": {} } }), json!({ "Engine": { "NumLive": 1 } })] {
        lab.daemon.say(&quiet);
    }
    // What comes after it on the bus was heard after it.
    lab.daemon.say(&json!({ "PeersRemoved": [99] }));
    until("the last line", || lab.tailscale.generation() > first.generation).await;
    assert_eq!(lab.tailscale.generation(), first.generation + 1);
}

#[tokio::test]
async fn who_does_not_listen_any_more_knows_nothing() {
    let mut lab = Lab::new().await;
    let answer = lab.whois(LAPTOP).await.unwrap();
    lab.listening.shutdown().await;
    assert!(lab.tailscale.generation() > answer.generation);
    assert_eq!(*lab.tailscale.node(), Node::unknown());
    let mut asking = Asking::new();
    lab.ask(&mut asking, LAPTOP);
    tokio::task::yield_now().await;
    assert_eq!(lab.questions(), 1, "nobody is asked about");
    lab.listen();
    assert_eq!(login(&asking.join_next().await.unwrap().unwrap().unwrap()), SAM);
}

#[tokio::test]
async fn without_a_socket_the_daemon_is_down() {
    let (clock, _hand) = Clock::manual(Wall::from_seconds(0));
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder.path().join("none.sock")).with_limit(Duration::from_mins(5));
    let tailscale = Tailscale::new(options, clock);
    assert_eq!(tailscale.status().await.err(), Some(Failure::Down));
    std::fs::write(folder.path().join("none.sock"), b"").unwrap();
    assert_eq!(tailscale.status().await.err(), Some(Failure::Down), "a file that is no socket");
}
