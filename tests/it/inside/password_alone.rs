//! Every way into the server, tried by somebody who has shown a password and nothing else: what asks for two
//! factors stays shut, and nothing of an account changes but what is listed here.
//!
//! The paths are read from `src/web/urls.rs`, and the tables from the database: a new one is in it by itself,
//! with the strictest expectation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use aegis::forwarded::Dialect;
use aegis::users::User;
use aegis::web::urls;
use base64::Engine as _;
use rusqlite::Connection;
use serde_json::json;

use super::factors::{APPS, has_a_factor, second_factor_was_shown};
use super::house::{House, Memory, PASSWORD};
use super::visit::{Browser, DIALECTS, Visit, form, json as post};
use crate::lab::IDENTITY;
use crate::lab::client::{Answer, Ask};

with_and_without_memory!(no_check_of_an_app_that_asks_for_two_factors_says_yes);

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What may change with a password alone, for who has no factor and for who has one: all of it must, so
/// that nothing stands here for longer than it is so.
struct May {
    path: &'static str,
    with_none: &'static [&'static str],
    with_one: &'static [&'static str],
}

/// A session is what a password gives, or a sign-in that waits for a factor; the rest is between its owner
/// and their account.
const MAY: &[May] = &[
    May { path: urls::LOGIN, with_none: &["device", "session"], with_one: &["challenge"] },
    May { path: urls::LOGOUT, with_none: &["session"], with_one: &["session"] },
    May { path: urls::TOKEN, with_none: &["session"], with_one: &["challenge"] },
    May { path: urls::LOGIN_STEP_UP, with_none: &[], with_one: &["challenge"] },
    May { path: urls::ACCOUNT_NAME, with_none: &["account", "notice"], with_one: &[] },
    May { path: urls::ACCOUNT_PASSWORD, with_none: PASSWORD_CHANGES, with_one: &[] },
    May { path: urls::ACCOUNT_FORGET_DEVICES, with_none: &["device"], with_one: &["device"] },
    May { path: urls::ACCOUNT_END_SESSION, with_none: &["session"], with_one: &["session"] },
    May { path: urls::ACCOUNT_END_OTHERS, with_none: &["session"], with_one: &["session"] },
];
const PASSWORD_CHANGES: &[&str] = &["account", "notice", "session"];

/// What the server writes for its own sake: the feed, the record, and guesses.
const BOOKS: [&str; 5] = ["feed", "change", "audit", "attempt", "migration"];

/// Somebody who has shown a password, in two browsers and with a script.
struct Somebody {
    user: User,
    browser: Browser,
    elsewhere: Browser,
    script: String,
}

impl Somebody {
    fn new(house: &House, has_one: bool) -> Self {
        let user = house.person(&[]);
        let name = user.username.as_str();
        let (browser, elsewhere) = (house.sign_in(name), house.sign_in(name));
        let script = house.script_token(name, None);
        if has_one {
            has_a_factor(house, &user);
        }
        Self { user, browser, elsewhere, script }
    }

    fn cookies(&self) -> String {
        let Browser { session, token, device } = &self.browser;
        let device = device.as_deref().unwrap_or("a=b");
        format!("{session}; {token}; {device}")
    }

    /// The bodies that doors of ours understand, with everything right that a password's owner can know.
    fn asks(&self, method: &str, path: &str) -> Vec<Ask> {
        let name = self.user.username.as_str();
        let other = super::factors::claim(self.elsewhere.jwt(), "sid");
        let fields = [
            ("email", name),
            ("password", PASSWORD),
            ("current", PASSWORD),
            ("new", "a kettle beneath nine umbrellas"),
            ("name", "Somebody Else"),
            ("id", &other),
            ("rd", "https://two.example.com/"),
            ("factor", "totp"),
            ("person", "1"),
            ("offer", "AAAA"),
            ("totp", "000000"),
            ("recovery_code", "0000-0000-0000-0000"),
            ("code", "00000000"),
        ];
        let as_form = form(path, &fields);
        let mut asks = vec![as_form.clone().header("Cookie", &self.cookies())];
        if method == "POST" {
            let script = format!("Bearer {}", self.script);
            asks.push(post(path, &json!({ "email": name, "password": PASSWORD })));
            asks.push(post(path, &json!({ "token": self.script })).header("Authorization", &script));
            let token = format!("aegis_token={}", self.script);
            asks.push(as_form.header("Authorization", &script).header("Cookie", &token));
        }
        asks.into_iter().map(|ask| ask.method(method)).collect()
    }
}

/// The paths of our own site that `src/web/urls.rs` names.
pub(super) fn paths() -> BTreeMap<String, String> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/urls.rs");
    let text = fs::read_to_string(source).unwrap();
    let constants =
        text.lines().filter_map(|line| line.strip_prefix("pub const ")?.split_once(": &str = \""));
    constants
        .map(|(name, rest)| {
            let path = rest.split('"').next().unwrap();
            // A folder is asked for something in it.
            let in_it = if path.len() > 1 && path.ends_with('/') { "x" } else { "" };
            (name.to_owned(), format!("{path}{in_it}"))
        })
        .collect()
}

/// What stands in every table but the books, without when something was last used.
fn record(house: &House) -> BTreeMap<String, Vec<String>> {
    let database = Connection::open(house.data().join("aegis.db")).unwrap();
    let mut tables = database.prepare("select name from sqlite_master where type = 'table'").unwrap();
    let names: Vec<String> = tables.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let kept =
        names.into_iter().filter(|name| !BOOKS.contains(&name.as_str()) && !name.starts_with("sqlite_"));
    kept.map(|name| {
        let mut rows = database.prepare(&format!("select * from {name}")).unwrap();
        let columns: Vec<String> = rows.column_names().map(ToString::to_string).collect();
        let row = |row: &rusqlite::Row<'_>| {
            let cells = columns.iter().enumerate().filter(|(_, column)| *column != "used_at");
            let cells = cells.map(|(at, column)| Ok(format!("{column}={:?}", row.get_ref(at)?)));
            cells.collect::<rusqlite::Result<Vec<_>>>().map(|cells| cells.join(" "))
        };
        let mut rows: Vec<String> = rows.query_map((), row).unwrap().map(Result::unwrap).collect();
        rows.sort_unstable();
        (name, rows)
    })
    .collect()
}

#[test]
fn the_routes_are_those_that_are_named() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/serve/routes.rs");
    let text = fs::read_to_string(source).unwrap();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for rest in text.split("urls::").skip(1) {
        let end = rest.find(|character: char| character != '_' && !character.is_ascii_uppercase());
        used.extend(end.and_then(|end| rest.get(..end)).filter(|name| !name.is_empty()));
    }
    let named = paths();
    let named: BTreeSet<&str> = named.keys().map(String::as_str).chain(["FORWARD_AUTH", "NGINX"]).collect();
    assert_eq!(used, named, "what src/serve/routes.rs routes, and src/web/urls.rs names");
    let dispatch = text.split("async fn dispatch").nth(1).unwrap().split("\n    }\n").next().unwrap();
    assert!(!dispatch.contains("(\"/"), "a route that src/web/urls.rs does not name:\n{dispatch}");
}

#[test]
fn nothing_of_an_account_without_a_factor_changes_but_what_is_listed() {
    nothing_changes_but_what_is_listed(false);
}

#[test]
fn nothing_of_an_account_with_a_factor_changes_but_what_is_listed() {
    nothing_changes_but_what_is_listed(true);
}

fn nothing_changes_but_what_is_listed(has_one: bool) {
    let house = House::open(Memory::On, APPS);
    let paths = paths();
    assert!(paths.len() > 15, "the paths of our own site: {paths:?}");
    let mut somebody = Somebody::new(&house, has_one);
    for path in paths.values() {
        let may = MAY.iter().find(|may| may.path == path);
        let may = may.map_or(&[][..], |may| if has_one { may.with_one } else { may.with_none });
        let mut changed: BTreeSet<String> = BTreeSet::new();
        for method in METHODS {
            for ask in somebody.asks(method, path) {
                let before = record(&house);
                let answer = house.send(&ask);
                let after = record(&house);
                let asked = format!("who has {} factor asked: {ask}\ncame back: {answer}", u8::from(has_one));
                assert!((100..500).contains(&answer.status), "no answer: {asked}");
                still_shut(&house, &somebody, &answer, &asked);
                let tables: Vec<_> =
                    after.into_iter().filter(|(table, rows)| before.get(table) != Some(rows)).collect();
                for (table, rows) in &tables {
                    let was = &before[table];
                    let allowed = may.contains(&table.as_str()) && method == "POST";
                    assert!(allowed, "`{table}` changed from\n{was:#?}\nto\n{rows:#?}\n{asked}");
                }
                if !tables.is_empty() {
                    changed.extend(tables.into_iter().map(|(table, _)| table));
                    somebody = Somebody::new(&house, has_one);
                }
            }
        }
        let may: BTreeSet<String> = may.iter().map(ToString::to_string).collect();
        assert_eq!(changed, may, "what {path} changed for who has {} factor", u8::from(has_one));
    }
}

/// That neither what somebody had nor what an answer gave them opens what asks for two factors.
#[track_caller]
fn still_shut(house: &House, somebody: &Somebody, answer: &Answer, asked: &str) {
    let mut cookies = vec![somebody.browser.token.clone()];
    cookies.extend(answer.cookies().into_iter().filter(|cookie| cookie.starts_with("aegis_token=")));
    for host in ["two.example.com", "fresh.example.com"] {
        for cookie in &cookies {
            let visit = Visit::new(host, "/").cookie(cookie);
            let check = house.send(&visit.through(Dialect::Forward));
            assert_eq!(check.status, 401, "{host} with {cookie}, after\n{asked}\ncame back: {check}");
        }
    }
}

fn no_check_of_an_app_that_asks_for_two_factors_says_yes(memory: Memory) {
    let house = House::open(memory, APPS);
    let aliases: [(Dialect, &[&str]); 3] = [
        (Dialect::Forward, &urls::FORWARD_AUTH),
        (Dialect::Nginx, &urls::NGINX),
        (Dialect::Envoy, &urls::ENVOY),
    ];
    assert_eq!(aliases.map(|(dialect, _)| dialect), DIALECTS);
    let both = house.sign_in(house.person(&[]).username.as_str());
    second_factor_was_shown(&house, &both);
    let mut asked = 0;
    for has_one in [false, true] {
        let somebody = Somebody::new(&house, has_one);
        let ways = ways_to_show(&somebody);
        for (dialect, paths) in aliases {
            for (path, method) in paths.iter().flat_map(|path| METHODS.map(|method| (path, method))) {
                for shape in SHAPES {
                    let ask = |host: &str, show: &dyn Fn(Visit) -> Visit| {
                        let visit = show(shape(host, "/").method(method));
                        let first = DIALECTS.iter().position(|one| *one == dialect).unwrap();
                        let own = aliases[first].1[0];
                        visit.through(dialect).target(|target| target.replacen(own, path, 1))
                    };
                    for (name, counts, show) in &ways {
                        for host in ["two.example.com", "fresh.example.com"] {
                            let ask = ask(host, show);
                            let answer = house.send(&ask);
                            let said = format!(
                                "{dialect:?}, memory {memory:?}, {name}\nasked: {ask}\ncame back: {answer}"
                            );
                            assert!([302, 303, 401].contains(&answer.status), "{said}");
                            for identity in IDENTITY {
                                assert_eq!(answer.header(identity), None, "{identity} on a refusal: {said}");
                            }
                            asked += 1;
                        }
                        // What opens the app of one factor is no broken credential.
                        let ask = ask("one.example.com", show);
                        let answer = house.send(&ask);
                        assert_eq!(
                            answer.status == 200,
                            *counts,
                            "{dialect:?}, {name}\nasked: {ask}\ncame back: {answer}"
                        );
                    }
                    let ask = ask("two.example.com", &|visit: Visit| visit.cookie(&both.token));
                    let answer = house.send(&ask);
                    assert_eq!(answer.status, 200, "two factors\nasked: {ask}\ncame back: {answer}");
                }
            }
        }
    }
    assert!(asked > 5_000, "only {asked} checks");
}

/// A browser that goes there, a page's script, the opening of a WebSocket, and a program.
const SHAPES: [fn(&str, &str) -> Visit; 4] = [Visit::navigation, Visit::fetch, websocket, Visit::new];

fn websocket(host: &str, target: &str) -> Visit {
    Visit::new(host, target)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-Fetch-Mode", "websocket")
}

type Show = Box<dyn Fn(Visit) -> Visit>;

/// Each way to show what a password gave, and whether it counts as one factor.
fn ways_to_show(somebody: &Somebody) -> Vec<(&'static str, bool, Show)> {
    let basic = |user: &str, password: &str| {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        format!("Basic {pair}")
    };
    let way = |name: &'static str, counts: bool, lines: Vec<(&'static str, String)>| {
        let show: Show = Box::new(move |visit| {
            lines.iter().fold(visit, |visit, (header, value)| visit.header(header, value))
        });
        (name, counts, show)
    };
    let name = somebody.user.username.as_str();
    let (web, script) = (somebody.browser.jwt(), somebody.script.as_str());
    vec![
        way("the cookie", true, vec![("Cookie", somebody.browser.token.clone())]),
        way("a token as the cookie", true, vec![("Cookie", format!("aegis_token={script}"))]),
        way("a token", true, vec![("Authorization", format!("Bearer {script}"))]),
        way("the cookie's token as Bearer", false, vec![("Authorization", format!("Bearer {web}"))]),
        way("the password", false, vec![("Authorization", basic(name, PASSWORD))]),
        way("a token as the password", false, vec![("Authorization", basic(name, script))]),
        way("a token as a key", false, vec![("X-Aegis-Key", script.to_owned())]),
        way(
            "all of it",
            true,
            vec![("Cookie", somebody.browser.token.clone()), ("Authorization", format!("Bearer {script}"))],
        ),
        way(
            "an identity of one's own making",
            true,
            vec![
                ("Cookie", somebody.browser.token.clone()),
                ("Remote-User", "admin".to_owned()),
                ("Remote-Auth-Method", "password+totp".to_owned()),
                ("X-Forwarded-User", "admin".to_owned()),
            ],
        ),
    ]
}
