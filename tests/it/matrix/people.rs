//! Who asks: nobody, a guest, somebody whose session ended, the wrong role, a token; and what rules say.

use super::attempt::{Case, Try, never, open};
use crate::inside::house::until;
use crate::lab::client::Ask;

pub(super) const CASES: &[Case] = &[
    never("nobody, where somebody must be", |attempt| attempt.ask(get(attempt, "closed", "/"))),
    open("nobody, at a public path", |attempt| attempt.ask(get(attempt, "closed", "/pub/x"))),
    open("nobody, at a public app", |attempt| attempt.ask(get(attempt, "open", "/"))),
    open("nobody, where it is optional", |attempt| attempt.ask(get(attempt, "welcome", "/"))),
    never("nobody, where a role is needed", |attempt| attempt.ask(get(attempt, "operators", "/"))),
    open("nobody asks for the icon", |attempt| attempt.ask(get(attempt, "closed", "/favicon.ico"))),
    open("guest, where somebody must be", |attempt| attempt.ask_as_guest(get(attempt, "closed", "/"))),
    open("guest, at a public path", |attempt| attempt.ask_as_guest(get(attempt, "closed", "/pub/x"))),
    open("guest, where it is optional", |attempt| attempt.ask_as_guest(get(attempt, "welcome", "/"))),
    never("guest, where a role is needed", |attempt| {
        let ask = Ask::navigation(&attempt.lab.host("operators"), "/");
        attempt.ask_as_guest(ask)
    }),
    never("guest, at a path that needs a role", |attempt| {
        attempt.ask_as_guest(get(attempt, "closed", "/admin/x"))
    }),
    never("guest, where nobody may", |attempt| attempt.ask_as_guest(get(attempt, "shut", "/"))),
    never("guest, at a host of no app", |attempt| attempt.ask_as_guest(Ask::get("elsewhere.example", "/"))),
    open("a person with the role", |attempt| {
        let cookie = attempt.lab.sign_in(&attempt.lab.person(&["operator"]));
        attempt.ask(get(attempt, "operators", "/").header("Cookie", &cookie))
    }),
    never("a session that ended", |attempt| {
        let (lab, name) = (attempt.lab, attempt.lab.person(&[]));
        let cookie = lab.sign_in(&name);
        let output = lab.aegis().command(&["session", "revoke", "--user", &name], "");
        assert!(output.status.success(), "aegis session revoke --user {name}: {output:#?}");
        let ask = Ask::get(&lab.host("closed"), "/").header("Cookie", &cookie);
        // Another process heard of it: within a second, and not before.
        until("the session has ended", || lab.send(&ask).status == 401);
        attempt.ask(get(attempt, "closed", "/").header("Cookie", &cookie))
    }),
    never("a session that ran out", |attempt| {
        let (lab, name) = (attempt.lab, attempt.lab.person(&[]));
        let cookie = lab.sign_in(&name);
        // What the longest of its lives does, before anything of it is remembered.
        let database = rusqlite::Connection::open(lab.folder.join("data/aegis.db")).expect("the database");
        database.busy_timeout(std::time::Duration::from_secs(30)).expect("patience");
        let over = "update session set expires_at = 1 where account_id = \
                    (select id from account where username = ?1)";
        assert_eq!(database.execute(over, [&name]).expect("it is written"), 1, "the session of {name}");
        attempt.ask(get(attempt, "closed", "/").header("Cookie", &cookie))
    }),
    never("a session, cut short", |attempt| {
        let cookie = attempt.cookie();
        attempt.ask(get(attempt, "closed", "/").header("Cookie", &cookie[..cookie.len() - 1]))
    }),
    never("a token of nobody", |attempt| {
        let token = "aegis_pat_0123456789abcdef0123456789abcdef";
        attempt.ask(get(attempt, "closed", "/").header("X-Aegis-Key", token))
    }),
];

fn get(attempt: &Try<'_>, app: &str, path: &str) -> Ask {
    Ask::get(&attempt.lab.host(app), path)
}
