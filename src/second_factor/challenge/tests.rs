//! Sign-ins that wait, with a real store.

mod answers;
mod telling;

use std::future::Future;

use super::*;
use crate::store::{Change, Store};

/// A moment that is no round number.
const NOW: Wall = Wall(1_000_000_012_345);
/// Who answers for the account on Telegram, and their chat.
const ASKED: (i64, i64) = (7, 7);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

static ADD_ACCOUNT: Statement = Statement::new(
    "insert into account (id, username, name, roles, administrator, active, epoch, created_at) \
     values ($1, $1, '', '', false, true, 0, 0)",
);
static DISABLE: Statement =
    Statement::new("update account set active = false, epoch = epoch + 1 where id = $1");
static LINK: Statement = Statement::new(
    "insert into telegram_link (account_id, person, chat, name, created_at) values ($1, $2, $3, 'Sam', 0)",
);
static EVENTS: Statement = Statement::new("select event from audit order by id");
static NOTICES: Statement = Statement::new("select kind, chat from notice order by id");

struct Place {
    _folder: tempfile::TempDir,
    store: Store,
    challenges: Challenges,
    user: UserId,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Arc::new(|_: &[Change]| {})).unwrap();
        let user = UserId::new();
        let write = Write::unrecorded("a test")
            .exec(&ADD_ACCOUNT, values![user.to_string()])
            .exec(&LINK, values![user.to_string(), ASKED.0, ASKED.1]);
        store.write(write).await.unwrap();
        Self { _folder: folder, challenges: Challenges::new(store.clone()), store, user }
    }

    fn wanted(&self) -> NewChallenge<'static> {
        NewChallenge {
            user: self.user,
            epoch: 0,
            asker: Asker::Browser,
            audience: None,
            methods: &[Method::Password],
            session: None,
            step_up: false,
            began_at: NOW,
            keep: true,
            return_to: Some("https://arlo.example.com/a?b"),
            known: false,
            address: Some("203.0.113.7".parse().unwrap()),
            user_agent: Some("Mozilla\n/5.0"),
            ask: Some(Ask { wanted: Mode::Pick, is_administrator: false, is_remembered: false }),
        }
    }

    async fn open(&self, new: NewChallenge<'_>, now: Wall) -> Opened {
        match self.challenges.open(Write::new(), new, now).await {
            Ok(opened) => opened,
            Err(error) => panic!("{new:?} does not wait: {error:?}"),
        }
    }

    /// One whose prompt is there.
    async fn asked(&self, now: Wall) -> Opened {
        let opened = self.open(self.wanted(), now).await;
        self.challenges.sent(opened.challenge.id, (ASKED.1, 100)).await.unwrap();
        opened
    }

    async fn read(&self, opened: &Opened, now: Wall) -> Challenge {
        self.challenges.by_secret(opened.secret.reveal(), now).await.unwrap().expect("the challenge is there")
    }

    async fn state(&self, opened: &Opened, now: Wall) -> State {
        self.read(opened, now).await.state
    }

    async fn answer(&self, opened: &Opened, answer: Answer<'_>, now: Wall) -> Decided {
        let tap = opened.challenge.tap.as_deref().expect("somebody is asked");
        self.challenges.answer(tap, ASKED, answer, now).await.unwrap()
    }

    async fn finish(&self, challenge: &Challenge, now: Wall) -> bool {
        let write = Challenges::finishing(Write::unrecorded("a test"), challenge, SessionId::new(), now);
        match self.store.write(write).await {
            Ok(_) => true,
            Err(WriteError::Unexpected(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    async fn events(&self) -> Vec<String> {
        let rows = self.store.get(&EVENTS, values![]).await.unwrap();
        rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect()
    }
}

/// Where the right number is among the choices, and where a wrong one.
fn places(challenge: &Challenge) -> (usize, usize) {
    let number = challenge.number.unwrap();
    let right = challenge.choices.iter().position(|choice| *choice == number).expect("the number is offered");
    (right, (right + 1) % challenge.choices.len())
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn what_waits_is_read_again_as_it_was_opened() {
    run(async {
        let place = Place::new().await;
        let opened = place.open(place.wanted(), NOW).await;
        let read = place.read(&opened, NOW).await;
        let wanted = place.wanted();
        assert_eq!((read.user, read.epoch, read.asker), (place.user, wanted.epoch, wanted.asker));
        assert_eq!((read.methods.as_slice(), read.audience.as_deref()), (wanted.methods, wanted.audience));
        assert_eq!((read.keep, read.known, read.step_up), (wanted.keep, wanted.known, wanted.step_up));
        assert_eq!((read.session, read.return_to.as_deref()), (wanted.session, wanted.return_to));
        assert_eq!(read.address.as_deref(), Some("203.0.113.7"));
        assert_eq!((read.began_at, read.created_at, read.expires_at), (NOW, NOW, NOW.plus(WAITS)));
        assert_eq!(read.tap, opened.challenge.tap, "what the buttons carry");
        assert_eq!((read.state, &read.prompt, read.mode), (State::Pending, &Prompt::Due, Some(Mode::Pick)));
        assert_eq!(read.user_agent.as_deref(), Some("Mozilla/5.0"), "without control characters");
        let mut choices = read.choices.clone();
        choices.sort_unstable();
        choices.dedup();
        assert_eq!(choices.len(), 4, "four different numbers: {:?}", read.choices);
        assert!(choices.iter().all(|choice| (10..100).contains(choice)), "of two digits: {choices:?}");
        assert_eq!(place.challenges.by_secret("another", NOW).await.unwrap().map(|other| other.id), None);
        let rest = format!("{:?}", place.challenges.due(NOW).await.unwrap());
        assert!(!rest.contains(opened.secret.reveal()), "its secret is nowhere: {rest}");
    });
}

#[test]
fn one_of_an_account_waits_at_a_time_and_a_known_browser_is_not_pushed_aside() {
    run(async {
        let place = Place::new().await;
        let known = |known| NewChallenge { known, ..place.wanted() };
        let first = place.open(known(false), NOW).await;
        let second = place.open(known(false), NOW).await;
        assert_eq!(place.state(&first, NOW).await, State::Superseded);
        let third = place.open(known(true), NOW).await;
        assert_eq!(place.state(&second, NOW).await, State::Superseded);
        let fourth = place.challenges.open(Write::new(), known(false), NOW).await;
        assert!(matches!(fourth, Err(OpenError::AnotherWaits)), "{fourth:?}");
        assert_eq!(place.state(&third, NOW).await, State::Pending);
        let fifth = place.open(known(true), NOW).await;
        assert_eq!(place.state(&third, NOW).await, State::Superseded);
        assert!(!place.finish(&third.challenge, NOW).await, "what was superseded opens nothing");
        // Time makes room, whether or not anybody wrote down that it is over.
        place.open(known(false), NOW.plus(WAITS)).await;
        assert_eq!(place.state(&fifth, NOW.plus(WAITS)).await, State::Expired);
    });
}

#[test]
fn no_more_than_three_prompts_in_a_quarter_of_an_hour() {
    run(async {
        let place = Place::new().await;
        let mut asked = Vec::new();
        for minute in 0..40 {
            let opened = place.open(place.wanted(), NOW.plus(MINUTE * minute)).await;
            if opened.challenge.prompt == Prompt::Due {
                asked.push(minute);
            }
        }
        assert_eq!(asked, [0, 1, 2, 17, 18, 19, 34, 35, 36]);
    });
}

#[test]
fn fifty_at_once_are_one() {
    run(async {
        let place = Place::new().await;
        let opened = place.asked(NOW).await;
        let (right, _) = places(&opened.challenge);
        let tap = opened.challenge.tap.clone().unwrap();
        let answers = (0..50).map(|_| place.challenges.answer(&tap, ASKED, Answer::Picked(right), NOW));
        let now = all(answers).await.iter().filter(|decided| matches!(decided, Ok(Decided::Now(_)))).count();
        assert_eq!(now, 1, "answers that approved");

        let approved = place.read(&opened, NOW).await;
        let opens = all((0..50).map(|_| place.finish(&approved, NOW))).await;
        assert_eq!(opens.iter().filter(|opened| **opened).count(), 1, "sessions that were opened");
        assert_eq!(place.state(&opened, NOW).await, State::Finished);

        let wanted = place.wanted();
        let waits = all((0..50).map(|_| place.challenges.open(Write::new(), wanted, NOW))).await;
        let mut waiting = 0;
        for opened in waits.iter().flatten() {
            waiting += usize::from(place.state(opened, NOW).await == State::Pending);
        }
        assert_eq!(waiting, 1, "of those that were opened at once, one waits");
    });
}

/// All of them at once.
async fn all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut is_ready = true;
        for (future, output) in &mut waiting {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => is_ready = false,
                }
            }
        }
        if is_ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, output)| output).collect()
}

#[test]
fn a_disabled_account_is_not_waited_for() {
    run(async {
        let place = Place::new().await;
        let disable = Write::unrecorded("a test").exec(&DISABLE, values![place.user.to_string()]);
        place.store.write(disable).await.unwrap();
        let opened = place.challenges.open(Write::new(), place.wanted(), NOW).await;
        assert!(matches!(opened, Err(OpenError::Changed)), "{opened:?}");
    });
}
