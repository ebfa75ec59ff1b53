//! What somebody reads who has the database and nothing else: after a full tour through the house, none of the
//! secrets, codes and tokens that were seen in clear on the way stands in any column or file of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use aegis::clock::Clock;
use aegis::demo::bot_api::{Phone, Posted};
use aegis::identity::Actor;
use aegis::links::Purpose;
use aegis::users::User;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Value, json};

use super::house::{APPS, House, Memory, PASSWORD, PORTAL, START, until};
use super::second_factor::{App, Offered};
use super::telegram::{TOKEN, world};
use super::visit::{form, json as post};
use crate::lab::authenticator::Passkey;
use crate::lab::client::{Answer, Ask};

const ORIGIN: &str = "https://auth.example.com";
/// The password of the administrator, a new one of the other, and one that was typed into the wrong field.
const CHIEFS: &str = "forty geese beyond the quarry";
const NEW: &str = "a kettle beneath nine umbrellas";
const MISTYPED: &str = "eleven clocks under the stairway";

/// Everything that was seen in clear, and what it is.
#[derive(Default)]
struct Loot(RefCell<BTreeMap<Vec<u8>, &'static str>>);

impl Loot {
    fn take(&self, what: &'static str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        assert!(value.len() >= 6, "{what} of {} bytes would be found by chance", value.len());
        self.0.borrow_mut().insert(value.to_vec(), what);
    }

    /// What people may leave out or write otherwise, too.
    fn take_code(&self, what: &'static str, code: &str) {
        let bare = code.replace(['-', ' '], "");
        for written in [code, &bare, &bare.to_lowercase(), &bare.to_uppercase()] {
            self.take(what, written);
        }
    }

    fn kinds(&self) -> BTreeSet<&'static str> {
        self.0.borrow().values().copied().collect()
    }
}

/// A browser whose every cookie is noted.
struct Browser<'t> {
    tour: &'t Tour,
    jar: Vec<(String, String)>,
}

impl Browser<'_> {
    fn with(&self, ask: Ask) -> Ask {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if cookies.is_empty() { ask } else { ask.header("Cookie", &cookies.join("; ")) }
    }

    fn sends(&mut self, ask: Ask) -> Answer {
        let answer = self.tour.house.send(&self.with(ask));
        for cookie in answer.cookies() {
            let (name, value) = cookie.split_once('=').expect("name=value");
            self.jar.retain(|(kept, _)| kept != name);
            if value.is_empty() {
                continue;
            }
            self.jar.push((name.to_owned(), value.to_owned()));
            self.tour.loot.take(
                match name {
                    "__Host-aegis_session" => "the cookie of a session",
                    "__Host-aegis_device" => "the mark of a browser",
                    "__Host-aegis_challenge" => "the cookie of a sign-in that waits",
                    "aegis_token" => "the token for the apps",
                    _ => panic!("a cookie that this test does not know: {cookie}"),
                },
                value,
            );
        }
        answer
    }

    #[track_caller]
    fn gets(&mut self, path: &str) -> Answer {
        let answer = self.sends(Ask::navigation(PORTAL, path));
        assert_eq!(answer.status, 200, "GET {path}: {answer}");
        answer
    }

    /// Posts a form that leads on (303) or shows a page (200).
    #[track_caller]
    fn posts(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.sends(form(path, fields));
        assert!([200, 303].contains(&answer.status), "POST {path} {fields:?}: {answer}");
        answer
    }

    #[track_caller]
    fn script(&mut self, path: &str, body: &Value) -> Value {
        let answer = self.sends(post(path, body).header("Sec-Fetch-Site", "same-origin"));
        assert_eq!(answer.status, 200, "POST {path}: {answer}");
        answer.json()
    }

    /// The password of `user`, as far as the second factor.
    #[track_caller]
    fn begins(&mut self, user: &User, password: &str) {
        let answer = self.posts("/login", &[("email", user.username.as_str()), ("password", password)]);
        assert!(answer.header("location").is_some_and(|to| to.starts_with("/login/")), "{answer}");
    }

    #[track_caller]
    fn shows_a_code(&mut self, app: &App) {
        let code = self.tour.code(app);
        let answer = self.posts("/login/code", &[("totp", &code)]);
        assert_eq!(answer.status, 303, "a code: {answer}");
    }
}

struct Tour {
    house: House,
    loot: Loot,
}

impl Tour {
    fn browser(&self) -> Browser<'_> {
        Browser { tour: self, jar: Vec::new() }
    }

    /// The next code of an app.
    fn code(&self, app: &App) -> String {
        self.house.advance(Duration::from_secs(30));
        let code = app.code(self.house.now());
        self.loot.take("a code of an authenticator app", &code);
        code
    }

    fn link(&self, purpose: Purpose, user: Option<&User>) -> String {
        let made =
            self.house.app.links.make(purpose, user.map(|user| user.id), Actor::Command, self.house.now());
        let code = self.house.wait(made).expect("a link").reveal().to_owned();
        self.loot.take("the code of a link", &code);
        code
    }

    /// Set-up, and everything that an account can have.
    fn enrols(
        &self,
        phone: &Phone,
        read: &dyn Fn(&Phone, &str) -> Posted,
    ) -> (User, App, Vec<String>, Passkey) {
        let (house, loot) = (&self.house, &self.loot);
        let setup = self.link(Purpose::SetUp, None);
        let fields = [
            ("code", setup.as_str()),
            ("username", "chief"),
            ("email", "chief@example.test"),
            ("password", CHIEFS),
        ];
        self.browser().posts("/link/setup", &fields);

        let user = house.person(&[]);
        let mut browser = self.browser();
        let link = self.link(Purpose::Factor, Some(&user));
        browser.posts("/link/factor", &[("code", &link), ("password", PASSWORD)]);
        let offered = Offered::on(&browser.gets("/account/factors/totp"));
        loot.take_code("the key of an authenticator app", &offered.letters);
        loot.take("the key of an authenticator app", offered.app.key());
        loot.take("an offer of such a key", &offered.sealed);
        let code = self.code(&offered.app);
        browser.posts("/account/factors/totp", &[("offer", &offered.sealed), ("totp", &code)]);

        let page = browser.posts("/account/factors/recovery", &[]);
        let codes = between(&page, "id=\"codes\">", "</pre>");
        let codes: Vec<String> = codes.lines().map(str::to_owned).collect();
        assert_eq!(codes.len(), 10, "recovery codes on {page}");
        for code in &codes {
            loot.take_code("a recovery code", code);
        }

        until("the bot knows who it is", || house.app.bot_name().is_some());
        let page = browser.posts("/account/factors/telegram", &[]);
        let (payload, short) = (between(&page, "?start=", "\""), between(&page, "/link ", "<"));
        loot.take("what a link to the bot carries", &payload);
        loot.take_code("what is typed to the bot", &short);
        phone.say(&format!("/start {payload}"));
        read(phone, "Now confirm in the browser");
        let answer = browser.posts("/account/factors/telegram/confirm", &[("person", "7")]);
        assert_eq!(answer.status, 303, "Telegram is linked: {answer}");

        let begun = browser.script("/account/passkey/options", &json!({}));
        let (passkey, response) = Passkey::make(&begun["options"], ORIGIN, |_| {});
        let ceremony = begun["ceremony"].as_str().expect("a ceremony");
        loot.take("the name of a ceremony", ceremony);
        browser.script("/account/passkey", &json!({ "ceremony": ceremony, "response": response }));

        let fields = [("name", "backup"), ("app-closed", "on"), ("expires", "30d")];
        let page = browser.posts("/account/tokens", &fields);
        let token = format!("aegis_pat_{}", between(&page, "aegis_pat_", "\""));
        loot.take("an API token", token.trim_start_matches("aegis_pat_"));
        loot.take("an API token", &token);
        let used = super::visit::Visit::new("closed.example.com", "/").header("X-Aegis-Key", &token);
        assert_eq!(house.status(aegis::forwarded::Dialect::Forward, &used), 200, "the token opens its app");

        house.advance(Duration::from_mins(20));
        browser.posts("/login/step-up", &[("rd", "/account")]);
        browser.shows_a_code(&offered.app);
        browser.posts("/account/password", &[("current", PASSWORD), ("new", NEW)]);
        for (what, password) in [("a former password", PASSWORD), ("a password", CHIEFS), ("a password", NEW)]
        {
            loot.take(what, password);
        }
        (user, offered.app, codes, passkey)
    }

    /// Every way in.
    fn signs_in(
        &self,
        (user, app, codes, mut passkey): (User, App, Vec<String>, Passkey),
        taps: &dyn Fn(&str),
    ) {
        let (house, loot) = (&self.house, &self.loot);
        // By Telegram, and remembered.
        let mut browser = self.browser();
        browser.begins(&user, NEW);
        let number = between(&browser.gets("/login/approve"), "<b aria-hidden=\"true\">", "</b>");
        taps(&number);
        until("the approval is heard", || browser.gets("/login/approve").body.contains("Approved"));
        browser.posts("/login/continue", &[("remember", "on")]);
        assert!(!house.wait(house.app.attempts.remembered(user.id)).unwrap().is_empty(), "it is remembered");

        let mut browser = self.browser();
        browser.begins(&user, NEW);
        browser.shows_a_code(&app);
        let mut browser = self.browser();
        browser.begins(&user, NEW);
        browser.posts("/login/recovery", &[("recovery_code", &codes[0])]);

        let mut browser = self.browser();
        let begun = browser.script("/login/passkey/options", &json!({}));
        let ceremony = begun["ceremony"].as_str().expect("a ceremony");
        loot.take("the name of a ceremony", ceremony);
        let response = passkey.show(&begun["options"], ORIGIN, |_| {});
        browser
            .script("/login/passkey", &json!({ "ceremony": ceremony, "response": response, "keep": true }));

        let script = |body: &Value| house.send(&post("/auth/token", body)).json();
        let began = script(&json!({ "email": user.username.as_str(), "password": NEW }));
        let challenge = began["challenge"].as_str().unwrap_or_else(|| panic!("no challenge: {began}"));
        loot.take("the challenge of a script", challenge);
        let got = script(&json!({ "challenge": challenge, "totp": self.code(&app) }));
        let token = got["access_token"].as_str().unwrap_or_else(|| panic!("no token: {got}"));
        loot.take("the token of a script", token);
        loot.take("the token of a script", token.rsplit('.').next().expect("a signature"));
    }

    /// What fails, or waits.
    fn leaves_behind(&self, user: &User, phone: &Phone, read: &dyn Fn(&Phone, &str) -> Posted) {
        let (house, loot) = (&self.house, &self.loot);
        loot.take("a password in the wrong field", MISTYPED);
        for (name, password) in [(MISTYPED, "x"), (user.username.as_str(), MISTYPED)] {
            let answer = house.send(&form("/login", &[("email", name), ("password", password)]));
            assert_eq!(answer.status, 422, "{answer}");
        }
        self.link(Purpose::Password, Some(user));
        phone.say("/link WXYZ-2345");
        read(phone, "This code is not known");
        loot.take_code("what is typed to the bot", "WXYZ-2345");
        let begun = self.browser().script("/login/passkey/options", &json!({}));
        loot.take("the name of a ceremony", begun["ceremony"].as_str().expect("a ceremony"));
        self.browser().begins(user, NEW);
        loot.take("the token of the bot", TOKEN);
        loot.take("the token of the bot", TOKEN.split_once(':').expect("its secret").1);
        // The keys are files of their own.
        for file in ["keys.json", "sealing.json"] {
            let text = fs::read_to_string(house.data().join("keys").join(file)).expect("a file of keys");
            let before = loot.0.borrow().len();
            take_keys(&serde_json::from_str(&text).expect("JSON"), loot);
            assert!(loot.0.borrow().len() > before, "no key in {file}");
        }
    }
}

fn take_keys(value: &Value, loot: &Loot) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| take_keys(one, loot)),
        Value::Object(all) => {
            for (name, one) in all {
                match (name.as_str(), one.as_str()) {
                    ("key", Some(text)) => {
                        loot.take("a key", text);
                        loot.take("a key", URL_SAFE_NO_PAD.decode(text).expect("base64url"));
                    }
                    ("private", Some(pem)) => {
                        pem.lines()
                            .filter(|line| !line.starts_with('-'))
                            .for_each(|line| loot.take("a key", line));
                    }
                    _ => take_keys(one, loot),
                }
            }
        }
        _ => {}
    }
}

#[track_caller]
fn between(page: &Answer, open: &str, close: &str) -> String {
    let found = page.body.split_once(open).and_then(|(_, rest)| rest.split_once(close));
    found.unwrap_or_else(|| panic!("nothing between {open} and {close} on {page}")).0.to_owned()
}

/// What must not be there, in every form in which it can still be read.
struct Needles {
    all: Vec<(Vec<u8>, String)>,
    by_start: HashMap<[u8; 6], Vec<usize>>,
}

impl Needles {
    fn of<'l>(loot: impl IntoIterator<Item = (&'l [u8], &'l str)>) -> Self {
        let mut needles = Self { all: Vec::new(), by_start: HashMap::new() };
        for (value, what) in loot {
            for (form, bytes) in forms(value) {
                let Some(start) = bytes.first_chunk::<6>() else {
                    panic!("{what} {form} is too short to look for")
                };
                needles.by_start.entry(*start).or_default().push(needles.all.len());
                needles.all.push((bytes, format!("{what} {form}")));
            }
        }
        needles
    }

    /// What of it is in there.
    fn found_in(&self, hay: &[u8]) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        for (at, start) in hay.windows(6).enumerate() {
            let start: &[u8; 6] = start.try_into().expect("six bytes");
            for number in self.by_start.get(start).into_iter().flatten() {
                let (bytes, what) = &self.all[*number];
                let end = at + bytes.len();
                // Six digits are in many a longer number.
                let stands_alone = || {
                    let around = [at.checked_sub(1).and_then(|before| hay.get(before)), hay.get(end)];
                    !around.into_iter().flatten().any(u8::is_ascii_alphanumeric)
                };
                if hay[at..].starts_with(bytes) && (bytes.len() > 6 || stands_alone()) {
                    found.insert(what.as_str());
                }
            }
        }
        found
    }
}

/// As it is, as hex and as base64, wherever in a longer text of base64 it begins.
fn forms(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex = value.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let mut forms = vec![
        ("in clear", value.to_vec()),
        ("as hex", hex.to_uppercase().into_bytes()),
        ("as hex", hex.into_bytes()),
    ];
    for (before, cut) in [(0, 0), (1, 2), (2, 3)] {
        let shifted = [&vec![0; before][..], value].concat();
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let mut text = engine.encode(&shifted).into_bytes();
            if shifted.len() % 3 != 0 {
                text.pop();
            }
            forms.push(("as base64", text.split_off(cut)));
        }
    }
    forms
}

/// Where of the database something was found: by table and column, and in the bytes of its files.
fn scan(house: &House, needles: &Needles) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let database = Connection::open(house.data().join("aegis.db")).unwrap();
    for table in tables(&database) {
        let mut rows = database.prepare(&format!("select * from \"{table}\"")).unwrap();
        let columns: Vec<String> = rows.column_names().map(str::to_owned).collect();
        let mut rows = rows.query(()).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for (place, column) in columns.iter().enumerate() {
                let cell = match row.get_ref(place).unwrap() {
                    ValueRef::Null => continue,
                    ValueRef::Integer(number) => number.to_string().into_bytes(),
                    ValueRef::Real(number) => number.to_string().into_bytes(),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
                };
                found.extend(
                    needles.found_in(&cell).into_iter().map(|what| format!("{table}.{column}: {what}")),
                );
            }
        }
    }
    for file in files(house) {
        let bytes = fs::read(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        found.extend(needles.found_in(&bytes).into_iter().map(|what| format!("{name}: {what}")));
    }
    found
}

fn tables(database: &Connection) -> Vec<String> {
    let mut tables = database.prepare("select name from sqlite_master where type = 'table'").unwrap();
    tables.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Every file of the data directory but the keys.
fn files(house: &House) -> Vec<PathBuf> {
    let entries = fs::read_dir(house.data()).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    assert!(files.iter().any(|file| file.ends_with("aegis.db")), "the database is among {files:?}");
    files
}

#[test]
fn nothing_that_was_secret_can_be_read_from_a_lost_database() {
    let (clock, hand) = Clock::manual(START);
    let (api, at, runtime) = world(clock.clone());
    let settings = format!(
        "{APPS}\n[tailscale]\nsocket = \"/nonexistent/tailscaled.sock\"\n\
         [telegram]\ntoken = \"{TOKEN}\"\napi_url = \"http://{at}\"\nmode = \"plain\"\n"
    );
    let house = House::open_by((clock, hand), Memory::On, &settings, &[]);
    let mut tour = Tour { house, loot: Loot::default() };
    let phone = api.person(7, "Sam H");
    let waits = |future: std::pin::Pin<Box<dyn Future<Output = Posted> + '_>>| {
        runtime
            .block_on(async { tokio::time::timeout(Duration::from_mins(1), future).await })
            .expect("within a minute")
    };
    let read = |phone: &Phone, text: &str| {
        waits(Box::pin(phone.wait_for_message(|message| message.text.contains(text))))
    };
    let taps = |number: &str| {
        let has = |message: &Posted| message.buttons.iter().flatten().any(|key| key.text == number);
        let asked = waits(Box::pin(phone.wait_for_message(has)));
        phone.tap_on(&asked, number).expect("the number on a button");
    };
    let enrolled = tour.enrols(&phone, &read);
    let user = enrolled.0.clone();
    tour.signs_in(enrolled, &taps);
    tour.leaves_behind(&user, &phone, &read);

    let kinds = tour.loot.kinds();
    assert_eq!(kinds.len(), 20, "the kinds of secrets that the tour saw: {kinds:#?}");
    let database = Connection::open(tour.house.data().join("aegis.db")).unwrap();
    let is_empty = |table: &String| {
        database
            .query_row(&format!("select not exists (select 1 from \"{table}\")"), [], |row| row.get(0))
            .unwrap()
    };
    let empty: Vec<String> = tables(&database).into_iter().filter(is_empty).collect();
    assert_eq!(empty, ["tailnet_link", "tailnet_wish"], "tables of which the tour says nothing");
    drop(database);

    let loot = tour.loot.0.take();
    let needles = Needles::of(loot.iter().map(|(value, what)| (value.as_slice(), *what)));
    assert_eq!(scan(&tour.house, &needles), BTreeSet::new(), "secrets that a lost database gives away");
    tour.house.restart();
    assert_eq!(scan(&tour.house, &needles), BTreeSet::new(), "the same after a restart");

    // The same scan finds what is there: an e-mail address, in its column and in a file.
    let email = user.email.as_ref().expect("an e-mail").to_string();
    let found = scan(&tour.house, &Needles::of([(email.as_bytes(), "the e-mail")]));
    for place in ["account.email: the e-mail in clear", "aegis.db: the e-mail in clear"] {
        assert!(found.contains(place), "{place} is not in {found:#?}");
    }
    // And each of the secrets in each of its forms, once it is written down somewhere.
    for (value, what) in &loot {
        for (form, bytes) in forms(value) {
            let within = [b"{\"", &bytes[..], b"\"}"].concat();
            let found = needles.found_in(&within);
            assert!(found.iter().any(|one| one.ends_with(form)), "{what} {form}, in {within:?}: {found:?}");
        }
    }
    let database = Connection::open(tour.house.data().join("aegis.db")).unwrap();
    let (value, what) = loot.iter().find(|(_, what)| **what == "a recovery code").expect("a recovery code");
    database
        .execute("update account set name = hex(?1) where id = ?2", (value, user.id.to_string()))
        .unwrap();
    drop(database);
    let found = scan(&tour.house, &needles);
    assert!(found.contains(&format!("account.name: {what} as hex")), "what was planted is not in {found:#?}");
}
