//! Aegis stopped, slow, and back: what cannot be asked is not allowed.

use crate::lab::client::Ask;
use crate::lab::proxy::Kind;
use crate::lab::{Lab, PORTAL};

for_every_proxy!(std::convert::identity; what_cannot_be_asked_is_not_allowed);

/// Nobody in, not even to what is public: the proxy cannot know that it is.
fn nobody_gets_in(lab: &Lab, cookie: &str, when: &str) {
    // All at once: each waits for as long as the proxy does.
    std::thread::scope(|scope| {
        for (app, path) in [("closed", "/"), ("closed", "/pub/x"), ("open", "/"), ("welcome", "/")] {
            scope.spawn(move || {
                let host = lab.host(app);
                let ask = Ask::get(&host, path).header("Cookie", cookie).header("Remote-User", "root");
                let answer = lab.send(&ask);
                assert!(answer.status >= 500, "{}, {when}\nasked: {ask}\ncame back: {answer}", lab.kind);
                lab.app_heard_nothing(&host, &ask, &answer);
            });
        }
    });
    let ask = Ask::navigation(PORTAL, "/login");
    if when == "stopped" {
        let answer = lab.send(&ask);
        assert!(answer.status >= 500, "{}, {when}\nasked: {ask}\ncame back: {answer}", lab.kind);
    }
}

fn what_cannot_be_asked_is_not_allowed(kind: Kind) {
    let lab = Lab::start(kind);
    let cookie = lab.sign_in(&lab.person(&[]));
    let get_in = |when: &str| {
        let host = lab.host("closed");
        let ask = Ask::get(&host, "/").header("Cookie", &cookie);
        let answer = lab.send(&ask);
        assert_eq!(answer.status, 200, "{kind}, {when}\nasked: {ask}\ncame back: {answer}");
    };
    get_in("before");

    lab.aegis().process.pause();
    nobody_gets_in(&lab, &cookie, "slow");
    lab.aegis().process.resume();
    get_in("after it went on");

    lab.aegis().process.kill();
    nobody_gets_in(&lab, &cookie, "stopped");
}
