//! Many at once.

use super::*;

#[tokio::test]
async fn of_many_who_want_to_know_the_same_one_asks() {
    let lab = Lab::new().await;
    lab.daemon.meet(WHOIS, Manner::Held);
    let mut asking = Asking::new();
    for _ in 0..50 {
        lab.ask(&mut asking, LAPTOP);
    }
    lab.daemon.asked(WHOIS, 1).await;
    lab.daemon.meet_as_usual();
    let answers = asking.join_all().await;
    assert!(answers.iter().all(|answer| login(answer.as_ref().unwrap()) == SAM), "{answers:?}");
    assert_eq!(lab.questions(), 1);
}

#[tokio::test]
async fn who_leaves_while_asking_leaves_it_to_the_next() {
    let lab = Lab::new().await;
    lab.daemon.meet(WHOIS, Manner::Held);
    let (mut first, mut second) = (Asking::new(), Asking::new());
    lab.ask(&mut first, LAPTOP);
    lab.daemon.asked(WHOIS, 1).await;
    lab.ask(&mut second, LAPTOP);
    // The second has begun to wait for the first when this comes back.
    tokio::task::yield_now().await;
    first.shutdown().await;
    lab.daemon.asked(WHOIS, 2).await;
    lab.daemon.meet_as_usual();
    assert_eq!(login(&second.join_next().await.unwrap().unwrap().unwrap()), SAM);
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
    assert_eq!(lab.questions(), 2, "and then it is remembered");
}

#[tokio::test]
async fn who_leaves_alone_leaves_no_trace() {
    let lab = Lab::new().await;
    for round in 1..=40 {
        lab.daemon.meet(WHOIS, Manner::Held);
        let mut asking = Asking::new();
        lab.ask(&mut asking, LAPTOP);
        lab.daemon.asked(WHOIS, round).await;
        asking.shutdown().await;
        lab.daemon.meet_as_usual();
    }
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM, "every place was given back");
}

#[tokio::test]
async fn a_storm_of_strangers_is_bounded_and_holds_up_nobody_who_is_known() {
    let lab = Lab::new().await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
    lab.hand.advance(LIFETIME);

    lab.daemon.meet("addr=100.65.", Manner::Held);
    let mut storm = Asking::new();
    for number in 0..500 {
        lab.ask(&mut storm, &format!("100.65.{}.{}", number / 250, number % 250));
    }
    let mut turned_away = 0;
    while turned_away < 500 - 12 - 64 {
        match storm.join_next().await.unwrap().unwrap() {
            Err(Failure::Busy) => turned_away += 1,
            other => panic!("the daemon has answered nobody yet: {other:?}"),
        }
    }
    lab.daemon.asked("addr=100.65.", 12).await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM, "asked anew, in the middle of the storm");
    assert_eq!(lab.daemon.questions("addr=100.64.0.2").len(), 2);
    assert_eq!(lab.daemon.questions("addr=100.65.").len(), 12, "the others wait");

    lab.daemon.meet_as_usual();
    let answers = storm.join_all().await;
    assert_eq!(answers.len(), 12 + 64);
    for answer in answers {
        assert_eq!(unusable(&answer.unwrap()), Some(Unusable::NotThere));
    }
    assert!(lab.daemon.whois_at_most() <= 16, "{} questions at once", lab.daemon.whois_at_most());
}

#[tokio::test]
async fn who_was_somebody_long_ago_waits_with_the_strangers() {
    let lab = Lab::new().await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM);
    lab.hand.advance(Duration::from_mins(10));
    lab.daemon.meet("addr=100.65.", Manner::Held);
    let mut storm = Asking::new();
    for number in 0..12 + 64 {
        lab.ask(&mut storm, &format!("100.65.0.{number}"));
    }
    lab.daemon.asked("addr=100.65.", 12).await;
    assert_eq!(lab.whois(LAPTOP).await.err(), Some(Failure::Busy));
    lab.daemon.meet_as_usual();
    storm.join_all().await;
}

#[tokio::test]
async fn connections_are_asked_about_one_at_a_time() {
    let lab = Lab::new().await;
    lab.daemon.meet("proto=tcp", Manner::Held);
    let mut asking = Asking::new();
    for port in 50_000..50_065_u16 {
        let (tailscale, now) = (lab.tailscale.clone(), lab.clock.now());
        let place = Place::Loopback(([127, 0, 0, 1], port).into());
        asking.spawn(async move { tailscale.whois(place, now).await });
    }
    lab.daemon.asked("proto=tcp", 1).await;
    assert_eq!(login(&lab.whois(LAPTOP).await.unwrap()), SAM, "addresses are asked about meanwhile");
    assert_eq!(lab.daemon.questions("proto=tcp").len(), 1);
    lab.daemon.meet_as_usual();
    for answer in asking.join_all().await {
        assert_eq!(unusable(&answer.unwrap()), Some(Unusable::NotThere));
    }
    assert!(lab.daemon.whois_at_most() <= 2, "{} at once", lab.daemon.whois_at_most());
}
