//! The bot: the whole server, a stand-in for Telegram over HTTP, and phones in people's hands.

mod command;
mod deciding;
mod failing;
mod hearing;
mod linking;

use std::net::SocketAddr;
use std::time::Duration;

use aegis::audit::{Entry, Event, Recorded as _, newest};
use aegis::clock::Clock;
use aegis::demo::bot_api::{BotApi, Phone, Posted};
use aegis::identity::{Actor, SessionId};
use aegis::second_factor::challenge::{Challenge, Opened, Prompt};
use aegis::secret::Secret;
use aegis::serve::Listener;
use aegis::serve::listen::Address;
use aegis::sign_in::{Arrival, Finished, Outcome, Remember, Shown, Signed, Wanted};
use aegis::store::Write;
use aegis::users::User;
use tokio::runtime::Runtime;

use super::house::{House, Memory, PASSWORD, START};

/// The token of the bot.
pub(crate) const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-";
const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:153.0) Gecko/20100101 Firefox/153.0";
const SECOND: Duration = Duration::from_secs(1);

/// A house with a bot, and the world it speaks to.
struct Stage {
    house: House,
    api: BotApi,
    runtime: Runtime,
}

impl Stage {
    /// The bot asks for updates, and people as `mode` says.
    fn open(mode: &str) -> Self {
        Self::open_with(&format!("mode = \"{mode}\""))
    }

    /// With these lines in `[telegram]`.
    fn open_with(lines: &str) -> Self {
        let (clock, hand) = Clock::manual(START);
        let (api, at, runtime) = world(clock.clone());
        let settings = format!(
            "public_url = \"https://auth.example.com\"\n[cookie]\ndomain = \"example.com\"\n\
             [app.closed]\nhosts = [\"closed.example.com\"]\nrequire = \"signed_in\"\n\
             [telegram]\ntoken = \"{TOKEN}\"\napi_url = \"http://{at}\"\n{lines}\n"
        );
        let house = House::open_by((clock, hand), Memory::On, &settings, &[]);
        Self { house, api, runtime }
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let waiting = async { tokio::time::timeout(Duration::from_mins(1), future).await };
        self.runtime.block_on(waiting).expect("it comes within a minute")
    }

    /// Somebody who is linked.
    fn person(&self, id: i64, name: &str) -> (User, Phone) {
        let (user, phone) = (self.house.person(&[]), self.api.person(id, name));
        self.link(&user, &phone);
        (user, phone)
    }

    fn link(&self, user: &User, phone: &Phone) {
        let (session, telegram) = (SessionId::new(), &self.house.app.second_factor.telegram);
        let codes = self.wait(telegram.offer(user.id, session, self.house.now())).expect("an offer");
        phone.say(&format!("/start {}", codes.payload.reveal()));
        self.read(phone, "Now confirm in the browser");
        assert!(self.confirm(user, session, phone.id()), "{} is confirmed", phone.id());
    }

    /// Confirms the link that is under way, as a page does that showed this person.
    fn confirm(&self, user: &User, session: SessionId, person: i64) -> bool {
        let (now, telegram) = (self.house.now(), &self.house.app.second_factor.telegram);
        let proof = self.wait(telegram.confirm(Write::new(), (user.id, session), person, now));
        let Some(proof) = proof.expect("the store answers") else { return false };
        let entry = Entry::new(Event::FactorAdded, Actor::User(user.id)).about(user.id);
        self.wait(self.house.app.store.write(proof.write.audit(entry, now))).is_ok()
    }

    /// Waits for a message of the bot's that says this.
    fn read(&self, phone: &Phone, text: &str) -> Posted {
        self.wait(phone.wait_for_message(|message| message.text.contains(text)))
    }

    /// Shows the right password, in a browser that is new.
    fn begin(&self, user: &User) -> Opened {
        let shown = Shown {
            login: user.username.as_str(),
            password: Secret::new(PASSWORD),
            device: None,
            address: Some("203.0.113.7".parse().unwrap()),
            user_agent: Some(FIREFOX),
            wanted: Wanted::Session {
                keep: false,
                replaces: None,
                return_to: Some("https://closed.example.com/a?b"),
            },
        };
        match self.wait(self.house.app.sign_in.with_password(shown, self.house.now())) {
            Ok(Outcome::FactorDue(due)) => due.waiting,
            other => panic!("a second factor is due for {}: {other:?}", user.username),
        }
    }

    /// The same, and the message that asks.
    fn ask(&self, user: &User, phone: &Phone) -> (Opened, Posted) {
        let opened = self.begin(user);
        let tap = opened.challenge.tap.clone().expect("somebody is asked");
        let asked = self.wait(phone.wait_for_message(|message| carries(message, &tap)));
        self.prompt(&opened, |prompt| *prompt == Prompt::Sent);
        (opened, asked)
    }

    /// Waits until the prompt is so.
    fn prompt(&self, opened: &Opened, is_so: impl Fn(&Prompt) -> bool) -> Prompt {
        self.wait(async {
            let mut moves = self.house.app.second_factor.challenges.moves();
            loop {
                let challenge = self.challenge(opened).await;
                if is_so(&challenge.prompt) {
                    return challenge.prompt;
                }
                moves.changed().await.expect("the house stands");
            }
        })
    }

    async fn challenge(&self, opened: &Opened) -> Challenge {
        let challenges = &self.house.app.second_factor.challenges;
        let found = challenges.by_secret(opened.secret.reveal(), self.house.now()).await;
        found.expect("the store answers").expect("the challenge is there")
    }

    /// The browser comes for its session.
    fn finish(&self, opened: &Opened) -> Option<Signed> {
        let arrival = Arrival { user_agent: Some(FIREFOX), ..self.house.arrival(None) };
        let challenge = self.wait(self.challenge(opened));
        let proof = challenge.approval()?;
        let finishing =
            self.house.app.sign_in.finish(&challenge, proof, arrival, Remember::No, self.house.now());
        match self.wait(finishing).expect("the store answers") {
            Finished::Signed(signed) => Some(*signed),
            Finished::Over | Finished::Used => None,
        }
    }

    /// What stands in the message of that prompt from now on, once it says this.
    fn becomes(&self, phone: &Phone, asked: &Posted, text: &str) -> Posted {
        self.wait(phone.wait_for_message(|message| message.id == asked.id && message.text.contains(text)))
    }

    /// Taps, and gives what is shown for it.
    fn tap(&self, phone: &Phone, message: &Posted, button: &str) -> String {
        let query = phone.tap_on(message, button).unwrap_or_else(|| panic!("no `{button}` on {message:?}"));
        self.wait(phone.wait_for_toast(&query)).text
    }

    /// How often that is in the record.
    fn recorded(&self, event: Event) -> usize {
        let lines = self.wait(newest(&self.house.app.store, 0, 1_000)).expect("the record");
        lines.iter().filter(|line| line.event == event.name()).count()
    }
}

/// A stand-in for Telegram by that clock, where it answers, and what it runs in.
pub(crate) fn world(clock: Clock) -> (BotApi, SocketAddr, Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let api = BotApi::new(&Secret::new(TOKEN), "example_bot", clock).expect("a stand-in");
    let at = {
        let _entered = runtime.enter();
        let listeners = Listener::bind(&[Address::Tcp("127.0.0.1:0".parse().unwrap())]).expect("a port");
        let at = listeners[0].tcp_address().expect("a port");
        let api = api.clone();
        runtime.spawn(async move { api.serve(listeners, std::future::pending()).await });
        at
    };
    (api, at, runtime)
}

/// Whether a button of the message belongs to that sign-in.
fn carries(message: &Posted, tap: &str) -> bool {
    message.buttons.iter().flatten().any(|key| key.data.as_ref().is_some_and(|data| data.contains(tap)))
}

/// The number that the page shows, and another that the message offers.
fn numbers(opened: &Opened) -> (String, String) {
    let number = opened.challenge.number.expect("a number");
    let wrong = opened.challenge.choices.iter().find(|choice| **choice != number).expect("another");
    (number.to_string(), wrong.to_string())
}
