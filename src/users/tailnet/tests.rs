//! People of the tailnet, with a real store.

mod explicit;
mod made;
mod properties;

use std::sync::Arc;

use parking_lot::Mutex;

use super::super::{ChangeError, Leaves, NewUser};
use super::*;
use crate::audit;
use crate::identity::{Role, Username};
use crate::store::{Change, Store};

struct Place {
    _folder: tempfile::TempDir,
    store: Store,
    users: Users,
    heard: Arc<Mutex<Vec<(String, String)>>>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = heard.clone();
        let on_commit = move |changes: &[Change]| {
            hears.lock().extend(changes.iter().map(|change| (change.kind.clone(), change.subject.clone())));
        };
        let store = Store::open(folder.path(), Arc::new(on_commit)).unwrap();
        Self { _folder: folder, users: Users::new(store.clone()), store, heard }
    }

    async fn with(usernames: &[&str]) -> Self {
        let place = Self::new();
        for username in usernames {
            place.add(username, None).await;
        }
        place
    }

    async fn add(&self, username: &str, email: Option<&str>) -> UserId {
        let new = NewUser {
            username: username.parse().unwrap(),
            email: email.map(|email| email.parse().unwrap()),
            name: String::new(),
            roles: Vec::new(),
            administrator: false,
            active: true,
            password: None,
        };
        self.users.add(Write::new(), new, Actor::Command, Wall(0)).await.unwrap()
    }

    async fn id(&self, username: &str) -> UserId {
        self.users.by_login(username).await.unwrap().unwrap_or_else(|| panic!("{username} is there")).id
    }

    async fn delete(&self, username: &str) {
        let id = self.id(username).await;
        self.users.delete(id, Leaves::Perhaps, |write| write, Actor::Command, Wall(50)).await.unwrap();
    }

    /// First sight without any setting.
    async fn seen(&self, person: &Person) -> Option<UserId> {
        self.users.first_sight(person, None, None, |_| false, Wall(10)).await.unwrap()
    }

    /// First sight where the configuration names `username` for the person's login.
    async fn mapped(&self, person: &Person, username: &str) -> Option<UserId> {
        let username: Username = username.parse().unwrap();
        self.users.first_sight(person, Some(&username), None, |_| false, Wall(10)).await.unwrap()
    }

    /// First sight with `auto_create`.
    async fn made(&self, person: &Person) -> Option<UserId> {
        self.users.first_sight(person, None, Some(&[]), |_| false, Wall(10)).await.unwrap()
    }

    async fn username(&self, id: Option<UserId>) -> Option<String> {
        let user = self.users.by_id(id?).await.unwrap()?;
        Some(user.username.to_string())
    }

    async fn link(&self, person: &Person) -> Option<TailnetLink> {
        self.users.tailnet_link(person, Wall(11)).await.unwrap()
    }

    async fn wish(&self, username: &str, login: &str) -> Wish {
        let id = self.id(username).await;
        self.users.wish_link(id, &named(login), Actor::Command, Wall(20)).await.unwrap()
    }

    /// A command links the person to the user.
    async fn bind(&self, username: &str, person: &Person) {
        self.wish(username, &person.login).await;
        assert_eq!(self.seen(person).await, Some(self.id(username).await), "{person:?}");
    }

    async fn unlink(&self, username: &str, login: Option<&str>) -> TailnetLinks {
        let (id, login) = (self.id(username).await, login.map(named));
        self.users.unlink(Write::new(), id, login.as_ref(), Actor::Command, Wall(30)).await.unwrap()
    }

    async fn own(&self, username: &str, person: &Person) -> Result<(), ChangeError> {
        let id = self.id(username).await;
        self.users.link_person(Write::new(), id, person, Actor::User(id), Wall(40)).await
    }

    /// The events of the record so far, users that were added by hand aside.
    async fn record(&self) -> Vec<String> {
        let lines = audit::newest(&self.store, 0, 1_000).await.unwrap();
        lines.into_iter().filter(|line| line.actor != "command").map(|line| line.event).collect()
    }

    fn has_heard(&self, user: UserId) -> bool {
        self.heard.lock().drain(..).any(|change| change == ("user".to_owned(), user.to_string()))
    }
}

fn named(login: &str) -> TailnetLogin {
    login.parse().unwrap()
}

fn person(id: i64, login: &str) -> Person {
    Person { tailnet: "tail1.ts.net".into(), id, login: login.into(), name: "Somebody".into() }
}

fn by_configuration(login: &str) -> TailnetLink {
    TailnetLink { account: None, login: login.to_owned(), ended: false }
}

#[tokio::test]
async fn a_line_of_the_configuration_binds_the_first_person_seen_with_its_login() {
    let place = Place::with(&["sam"]).await;
    let sam = place.id("sam").await;
    place.heard.lock().clear();
    assert_eq!(place.mapped(&person(1, "Sam@GitHub"), "sam").await, Some(sam));
    assert!(place.has_heard(sam), "what is remembered of sam is void");
    assert_eq!(place.link(&person(1, "sam@github")).await, Some(by_configuration("sam@github")));
    assert_eq!(place.record().await, ["tailnet.linked"]);

    for stranger in [person(2, "sam@github"), person(2, "SAM@github")] {
        assert_eq!(place.mapped(&stranger, "sam").await, None, "the login is another person's now");
        assert_eq!(place.link(&stranger).await, None);
    }
    let elsewhere = Person { tailnet: "tail2.ts.net".into(), ..person(1, "sam@github") };
    assert_eq!(place.link(&elsewhere).await, None, "the same number in another tailnet is another person");
}

#[tokio::test]
async fn a_line_counts_as_long_as_it_is_there() {
    let place = Place::with(&["sam", "ann"]).await;
    let one = person(1, "sam@github");
    place.mapped(&one, "sam").await;
    assert_eq!(place.seen(&one).await, None, "the line was taken out");
    assert_eq!(place.made(&one).await, None, "and nobody is made in their place");
    assert_eq!(
        place.mapped(&person(2, "sam@github"), "sam").await,
        None,
        "put back, it is not anybody else's"
    );
    assert_eq!(place.mapped(&one, "sam").await, Some(place.id("sam").await), "put back");
    assert_eq!(place.mapped(&one, "ann").await, Some(place.id("ann").await), "with another name");
}

#[tokio::test]
async fn equal_texts_link_nobody() {
    let place = Place::new();
    place.add("sam", Some("sam@example.com")).await;
    let stranger = person(1, "sam@example.com");
    assert_eq!(place.seen(&stranger).await, None);
    let made = place.made(&stranger).await;
    assert_eq!(place.username(made).await.as_deref(), Some("sam2"));
    assert_eq!(place.users.by_id(made.unwrap()).await.unwrap().unwrap().email, None, "it is sam's");
}

#[tokio::test]
async fn a_line_that_names_nobody_binds_nobody() {
    let place = Place::with(&["sam"]).await;
    let (one, sam) = (person(1, "sam@github"), "sam".parse().unwrap());
    place.delete("sam").await;
    let looked = place.users.first_sight(&one, Some(&sam), Some(&[]), |_| false, Wall(1)).await.unwrap();
    assert_eq!(looked, None, "and nobody is made whom the operator meant to be somebody");
    assert_eq!(place.link(&one).await, None);
}

#[tokio::test]
async fn a_disabled_account_is_bound_too() {
    let place = Place::with(&["sam"]).await;
    let sam = place.id("sam").await;
    place.users.set_active(sam, false, Leaves::Perhaps, Actor::Command, Wall(1)).await.unwrap();
    assert_eq!(place.mapped(&person(1, "sam@github"), "sam").await, Some(sam));
    assert_eq!(place.link(&person(1, "sam@github")).await, Some(by_configuration("sam@github")));
}

#[tokio::test]
async fn another_login_of_the_same_person_keeps_the_link_and_is_recorded_once() {
    let place = Place::with(&["sam", "ann"]).await;
    place.mapped(&person(1, "sam@github"), "sam").await;
    for login in ["sam@github", "SAM@github", "samuel@github", "Samuel@GitHub", "samuel@github"] {
        assert_eq!(place.link(&person(1, login)).await, Some(by_configuration("sam@github")), "as {login}");
    }
    assert_eq!(place.record().await, ["tailnet.linked", "tailnet.renamed"]);
    let told = audit::newest(&place.store, 0, 1).await.unwrap();
    assert!(told[0].detail.contains(r#""login":"samuel@github""#), "{}", told[0].detail);

    // Nor does the new login lead to another account, whatever the configuration says of it.
    assert_eq!(place.mapped(&person(1, "samuel@github"), "ann").await, None);

    // A login that nobody has any more does not become free by that.
    assert_eq!(place.mapped(&person(2, "sam@github"), "sam").await, None);
}

#[tokio::test]
async fn the_store_itself_lets_configuration_bind_a_login_once() {
    static SNEAK: Statement = Statement::new(
        "insert into tailnet_link (tailnet, person, login, seen_login, configured_login, how, created_at, ended_at) \
         values ('tail1.ts.net', $1, 'sam@github', 'sam@github', 'sam@github', 'configuration', 0, $2)",
    );
    let place = Place::new();
    let sneak = |person: i64, ended: Option<Wall>| {
        place.store.write(Write::unrecorded("a test").exec(&SNEAK, values![person, ended]))
    };
    sneak(1, Some(Wall(1))).await.unwrap();
    assert_eq!(sneak(2, None).await, Err(WriteError::Taken(0)), "a link that has ended counts too");
}
