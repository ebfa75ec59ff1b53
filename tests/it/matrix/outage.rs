//! Aegis slow, gone, and back: what cannot be asked is not allowed, not even what is public, because the
//! proxy cannot know that it is.

use std::thread;

use super::attempt::{Case, Try, never, open};
use crate::inside::house::until;
use crate::lab::aegis::serve;
use crate::lab::client::Ask;
use crate::lab::proxy::Kind;
use crate::lab::{Lab, PORTAL};

pub(super) const NAMES: [&str; 8] = [
    "guest, while it is slow",
    "nobody at a public path, while it is slow",
    "guest, while it is not there",
    "nobody at a public path, while it is not there",
    "identity headers, while it is not there",
    "Aegis's own site, while it is not there",
    "guest, again and again while it starts",
    "guest, when it is back",
];

/// Stops Aegis, each way, in a lab of its own.
pub(super) fn column(kind: Kind) -> Vec<String> {
    let lab = Lab::start(kind);
    let refused = |ask: Ask| {
        let cell = one(&lab, &never("an outage", |_| String::new()), ask);
        assert!(cell.starts_with('5'), "{kind}: {cell}");
        cell
    };
    let guest = || Ask::get(&lab.host("closed"), "/").header("Cookie", &lab.guest().cookie);
    let public = || Ask::get(&lab.host("open"), "/");
    assert_eq!(one(&lab, &open("before", |_| String::new()), guest()), "200 guest", "{kind}, before");

    lab.aegis().process.pause();
    // Both at once: each waits for as long as the proxy does.
    let (slow, slow_public) = thread::scope(|scope| {
        let one = scope.spawn(|| refused(guest()));
        let other = scope.spawn(|| refused(public()));
        (one.join().expect("a slow check"), other.join().expect("a slow check"))
    });
    lab.aegis().process.resume();
    until("it goes on", || lab.send(&guest()).status == 200);

    lab.aegis().process.kill();
    let gone = [
        refused(guest()),
        refused(public()),
        refused(public().header("Remote-User", "forged").header("Remote_Groups", "forged")),
        refused(Ask::navigation(PORTAL, "/login")),
    ];
    let (again, starting) = thread::scope(|scope| {
        let started = scope.spawn(|| serve(&lab.folder));
        let mut came = Vec::new();
        until("it is back", || {
            came.push(one(&lab, &open("while it starts", |_| String::new()), guest()));
            came.last().is_some_and(|cell| cell == "200 guest")
        });
        let others: Vec<&String> = came.iter().filter(|cell| *cell != "200 guest").collect();
        assert!(others.iter().all(|cell| cell.starts_with('5')), "{kind}, while it starts: {came:?}");
        (started.join().expect("it starts"), "5xx or 200 guest".to_owned())
    });
    let back = one(&lab, &open("after", |_| String::new()), guest());
    drop(again);
    [vec![slow, slow_public], gone.to_vec(), vec![starting, back]].concat()
}

fn one(lab: &Lab, case: &Case, ask: Ask) -> String {
    let attempt = Try::new(lab, case);
    let cell = attempt.ask(ask);
    attempt.keeps_the_rules();
    cell
}
