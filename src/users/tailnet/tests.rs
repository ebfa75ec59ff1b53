//! People of the tailnet, with a real store.

use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;

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
async fn what_is_waited_for_is_bound_once() {
    let place = Place::with(&["sam", "ann"]).await;
    let sam = place.id("sam").await;
    assert_eq!(place.wish("sam", "Sam@GitHub").await, Wish::Waits(Vec::new()));
    place.heard.lock().clear();
    assert_eq!(place.mapped(&person(1, "sam@github"), "ann").await, Some(sam), "before the configuration");
    assert!(place.has_heard(sam));
    let bound = Some(TailnetLink { account: Some(sam), login: "sam@github".to_owned(), ended: false });
    assert_eq!(place.link(&person(1, "sam@github")).await, bound);
    assert_eq!(place.mapped(&person(1, "sam@github"), "ann").await, Some(sam), "seen again");
    assert_eq!(place.seen(&person(2, "sam@github")).await, None);
}

#[tokio::test]
async fn one_login_is_waited_for_on_behalf_of_one_user() {
    let place = Place::with(&["sam", "ann"]).await;
    place.wish("sam", "x@github").await;
    assert_eq!(place.wish("ann", "x@github").await, Wish::Theirs(place.id("sam").await));
    assert_eq!(place.wish("sam", "X@github").await, Wish::Waits(Vec::new()), "said twice");
    let awaited = place.users.tailnet_links_of(place.id("sam").await).await.unwrap();
    assert_eq!(awaited.awaited, [Awaited { login: "x@github".to_owned(), since: Wall(20) }]);

    place.unlink("sam", None).await;
    assert_eq!(place.wish("ann", "x@github").await, Wish::Waits(Vec::new()), "taken back by sam");
    assert_eq!(place.seen(&person(1, "x@github")).await, Some(place.id("ann").await));
    assert_eq!(place.wish("sam", "x@github").await, Wish::Theirs(place.id("ann").await), "bound to ann");
    let Wish::Bound(bound) = place.wish("ann", "x@github").await else { panic!("it is bound to ann") };
    assert_eq!((bound.person, bound.since), (1, Wall(10)));
    assert_eq!(place.seen(&person(2, "x@github")).await, None, "nothing waits after that");
}

#[tokio::test]
async fn an_explicit_link_follows_a_login_to_another_person() {
    let place = Place::with(&["sam"]).await;
    let (sam, old, new) = (place.id("sam").await, person(1, "sam@github"), person(2, "sam@github"));
    place.mapped(&old, "sam").await;
    assert_eq!(place.mapped(&new, "sam").await, None);

    place.heard.lock().clear();
    let Wish::Waits(before) = place.wish("sam", "sam@github").await else { panic!("it waits") };
    assert_eq!(before.iter().map(|bound| bound.person).collect::<Vec<_>>(), [1], "who had it is told");
    let voided = place.heard.lock().iter().any(|(kind, _)| kind == "everybody");
    assert!(voided, "what is remembered of whom the configuration named is void");
    assert!(place.link(&old).await.unwrap().ended);
    assert_eq!(place.mapped(&new, "sam").await, Some(sam));
    assert_eq!(place.mapped(&old, "sam").await, None, "neither the configuration");
    assert_eq!(place.made(&old).await, None, "nor auto_create passes what has ended");

    // The same with two explicit links, the first of which is ended on purpose.
    place.unlink("sam", None).await;
    place.wish("sam", "sam@github").await;
    assert_eq!(place.seen(&person(3, "sam@github")).await, Some(sam));
    assert_eq!(place.seen(&new).await, None);
}

#[tokio::test]
async fn an_explicit_link_takes_nothing_from_a_person_of_another_tailnet() {
    let place = Place::with(&["sam", "guest"]).await;
    let tailnet = Person::tailnet_of_those_shared_with("tail1.ts.net");
    let (shared, named) = (Person { tailnet, ..person(1, "x@github") }, "guest".parse().unwrap());
    let come = || place.users.first_sight_of_shared(&shared, &named, Wall(10));
    let guest = place.id("guest").await;
    assert_eq!(come().await.unwrap(), Some(guest));
    assert_eq!(place.wish("sam", "x@github").await, Wish::Waits(Vec::new()));
    assert_eq!(place.seen(&person(2, "x@github")).await, Some(place.id("sam").await));
    assert_eq!(come().await.unwrap(), Some(guest), "no command could bring them back");
}

#[tokio::test]
async fn whoever_had_a_login_loses_the_link_to_whom_an_explicit_one_waits_for() {
    let place = Place::with(&["sam", "ann"]).await;
    let (sam, ann) = (place.id("sam").await, place.id("ann").await);
    let elsewhere = |login| Person { tailnet: "tail2.ts.net".into(), ..person(1, login) };
    place.bind("ann", &person(2, "y@github")).await;
    place.bind("ann", &elsewhere("x@github")).await;
    place.link(&elsewhere("away@github")).await;
    place.bind("ann", &person(1, "x@github")).await;
    place.link(&person(1, "away@github")).await;
    assert!(matches!(place.wish("sam", "x@github").await, Wish::Waits(before) if before[0].person == 1));
    place.link(&person(1, "x@github")).await;
    place.link(&elsewhere("x@github")).await;
    place.heard.lock().clear();
    assert_eq!(place.seen(&person(3, "x@github")).await, Some(sam));
    assert!(place.has_heard(ann), "ann lost a link");
    assert!(place.link(&person(1, "x@github")).await.unwrap().ended);
    assert!(!place.link(&person(2, "y@github")).await.unwrap().ended, "another login");
    assert!(!place.link(&elsewhere("x@github")).await.unwrap().ended, "another tailnet");
}

#[tokio::test]
async fn what_has_ended_is_passed_by_an_explicit_link_alone() {
    let place = Place::with(&["sam", "ann"]).await;
    let (sam, one) = (place.id("sam").await, person(1, "sam@github"));
    place.wish("sam", "sam@github").await;
    place.seen(&one).await;
    place.heard.lock().clear();
    let ended = place.unlink("sam", Some("SAM@github")).await;
    assert_eq!(ended.bound.len(), 1, "{ended:?}");
    assert!(place.has_heard(sam), "a remembered check falls");
    assert!(place.link(&one).await.unwrap().ended);
    assert_eq!(place.unlink("sam", None).await, TailnetLinks::default(), "nothing is left");

    assert_eq!(place.mapped(&one, "sam").await, None, "the configuration");
    assert_eq!(place.made(&one).await, None, "auto_create");
    assert!(matches!(place.wish("ann", "sam@github").await, Wish::Waits(before) if before.len() == 1));
    assert_eq!(place.made(&one).await, Some(place.id("ann").await), "user link");
    place.unlink("ann", None).await;
    place.own("sam", &one).await.unwrap();
    assert_eq!(place.seen(&one).await, Some(sam), "sam, from that device");
}

#[tokio::test]
async fn a_login_that_was_taken_back_is_not_made_a_user() {
    let place = Place::with(&["sam"]).await;
    place.wish("sam", "x@github").await;
    place.unlink("sam", Some("x@github")).await;
    assert_eq!(place.made(&person(1, "x@github")).await, None);
    assert_eq!(place.mapped(&person(1, "x@github"), "sam").await, Some(place.id("sam").await));
}

#[tokio::test]
async fn unlinking_one_login_leaves_the_others() {
    let place = Place::with(&["sam"]).await;
    let (one, two) = (person(1, "one@github"), person(2, "two@github"));
    place.bind("sam", &one).await;
    place.bind("sam", &two).await;
    place.wish("sam", "three@github").await;
    place.link(&person(1, "renamed@github")).await;
    let ended = place.unlink("sam", Some("renamed@github")).await;
    assert_eq!((ended.bound.len(), ended.awaited.len()), (1, 0), "by the login as it is now: {ended:?}");
    let left = place.users.tailnet_links_of(place.id("sam").await).await.unwrap();
    assert_eq!((left.bound[0].person, left.awaited[0].login.as_str()), (2, "three@github"));
    assert_eq!(place.unlink("sam", Some("nobody@github")).await, TailnetLinks::default());
}

#[tokio::test]
async fn a_deleted_users_links_stay_as_marks() {
    let place = Place::with(&["sam", "ann"]).await;
    let (bound, waiting) = (person(1, "bound@github"), person(2, "waiting@github"));
    place.own("sam", &bound).await.unwrap();
    place.wish("sam", "waiting@github").await;
    place.delete("sam").await;
    assert!(place.link(&bound).await.unwrap().ended);
    for gone in [&bound, &waiting] {
        assert_eq!(place.seen(gone).await, None, "{}", gone.login);
        assert_eq!(place.made(gone).await, None, "{} is not made anew", gone.login);
    }
    assert_eq!(place.mapped(&bound, "ann").await, None);
    let ann = place.id("ann").await;
    assert_eq!(place.mapped(&waiting, "ann").await, Some(ann), "who was never seen is none's");
    assert_eq!(place.wish("ann", "bound@github").await, {
        let old = place.users.bound_under(&named("bound@github")).await.unwrap();
        Wish::Waits(old)
    });
    assert_eq!(place.seen(&bound).await, Some(ann));
}

#[tokio::test]
async fn one_links_oneself_only_if_one_is_nobody_else_s() {
    let place = Place::with(&["sam", "ann", "bob", "gone"]).await;
    let one = person(1, "One@GitHub");
    place.own("sam", &one).await.unwrap();
    place.own("sam", &one).await.expect("said twice");
    assert_eq!(place.link(&one).await.unwrap().login, "one@github");
    let refused = place.own("ann", &one).await;
    assert!(matches!(refused, Err(ChangeError::Elsewhere(_))), "sam's already: {refused:?}");

    place.mapped(&person(2, "two@github"), "sam").await;
    let refused = place.own("ann", &person(2, "two@github")).await;
    assert!(matches!(refused, Err(ChangeError::Elsewhere(_))), "by configuration: {refused:?}");

    place.wish("bob", "three@github").await;
    let refused = place.own("ann", &person(3, "three@github")).await;
    assert!(matches!(refused, Err(ChangeError::Elsewhere(_))), "waited for: {refused:?}");
    place.own("bob", &person(3, "three@github")).await.unwrap();
    assert_eq!(place.seen(&person(4, "three@github")).await, None, "it is waited for no more");

    let gone = place.id("gone").await;
    place.delete("gone").await;
    let refused =
        place.users.link_person(Write::new(), gone, &person(5, "x"), Actor::User(gone), Wall(60)).await;
    assert!(matches!(refused, Err(ChangeError::Elsewhere(0))), "deleted: {refused:?}");
}

#[tokio::test]
async fn nobody_links_themselves_to_a_user_who_is_somebody_else_or_waited_for() {
    let place = Place::with(&["sam", "ann"]).await;
    place.bind("sam", &person(1, "sam@github")).await;
    place.wish("ann", "ann@github").await;
    for username in ["sam", "ann"] {
        let refused = place.own(username, &person(2, "thief@github")).await;
        assert!(matches!(refused, Err(ChangeError::Elsewhere(_))), "{username}: {refused:?}");
    }
    assert_eq!(place.link(&person(2, "thief@github")).await, None);
    // Two at once, from two devices, on the same password.
    place.unlink("ann", None).await;
    let (one, other) = (person(3, "ann@github"), person(4, "thief@github"));
    let (first, second) = tokio::join!(place.own("ann", &one), place.own("ann", &other));
    assert!(first.is_ok() != second.is_ok(), "{first:?} and {second:?}");
    // What has ended is in nobody's way.
    place.unlink("sam", None).await;
    place.own("sam", &person(5, "sam@example.com")).await.unwrap();
}

#[tokio::test]
async fn a_user_made_at_first_sight_has_a_name_of_their_own_and_nothing_more() {
    let place = Place::new();
    place.add("sam", None).await;
    place.add("mail", Some("taken@example.com")).await;
    let role: Role = "family".parse().unwrap();
    let mut id = 0;
    for (login, username, email) in [
        ("alice@github", "alice", None),
        ("Sam.H@Example.com", "sam.h", Some("sam.h@example.com")),
        ("sam@github", "sam2", None),
        ("sam@passkey", "sam3", None),
        ("root@github", "root2", None),
        ("taken@example.com", "taken", None),
        ("bare", "bare", None),
        ("dot@example.", "dot", None),
        ("@github", "user", None),
        ("Ünï@example.com", "-n-", Some("ünï@example.com")),
    ] {
        id += 1;
        let reserved = |name: &Username| name.as_str() == "root";
        let roles = std::slice::from_ref(&role);
        let seen = place.users.first_sight(&person(id, login), None, Some(roles), reserved, Wall(1)).await;
        let user = place.users.by_id(seen.unwrap().expect(login)).await.unwrap().unwrap();
        let made = (user.username.as_str(), user.email.as_ref().map(ToString::to_string));
        assert_eq!(made, (username, email.map(str::to_owned)), "of {login}");
        assert!(user.active && !user.administrator && user.password.is_none(), "of {login}: {user:?}");
        assert_eq!((user.name.as_str(), &*user.roles), ("Somebody", roles), "of {login}");
        assert_eq!(place.link(&person(id, login)).await.unwrap().account, Some(user.id), "of {login}");
    }
    assert_eq!(place.record().await, ["user.added", "tailnet.linked"].repeat(10));
}

#[tokio::test]
async fn a_login_that_is_none_makes_nobody() {
    let place = Place::with(&["sam"]).await;
    for login in ["", "a b", "a\nb@github", &"a".repeat(255)] {
        assert_eq!(place.made(&person(1, login)).await, None, "{login:?}");
        assert_eq!(place.mapped(&person(1, login), "sam").await, None, "{login:?}");
    }
}

#[tokio::test]
async fn too_many_roles_make_nobody() {
    let place = Place::new();
    let roles: Vec<Role> = (0..400).map(|number| format!("role{number}").parse().unwrap()).collect();
    let refused = place.users.first_sight(&person(1, "x"), None, Some(&roles), |_| false, Wall(1)).await;
    assert!(matches!(refused, Err(ChangeError::TooManyRoles)), "{refused:?}");
}

#[tokio::test]
async fn where_no_name_is_left_nobody_is_made() {
    let place = Place::new();
    let refused = place.users.first_sight(&person(1, "x"), None, Some(&[]), |_| true, Wall(1)).await;
    assert!(matches!(refused, Err(ChangeError::Taken)), "{refused:?}");
}

#[tokio::test]
async fn of_two_first_sights_at_once_the_second_reads_what_the_first_did() {
    let place = Place::with(&["sam"]).await;
    let one = person(1, "one@github");
    let (first, second) = tokio::join!(place.made(&one), place.made(&one));
    assert!(first.is_some() && first == second, "one user is made: {first:?} and {second:?}");

    let (other, another) = (person(2, "anna@github"), person(3, "anna@example.com"));
    let (first, second) = tokio::join!(place.made(&other), place.made(&another));
    let mut names = [place.username(first).await.unwrap(), place.username(second).await.unwrap()];
    names.sort();
    assert_eq!(names, ["anna", "anna2"], "two people of one name");

    let (old, new) = (person(4, "sam@github"), person(5, "sam@github"));
    let (first, second) = tokio::join!(place.mapped(&old, "sam"), place.mapped(&new, "sam"));
    assert!(first.is_some() != second.is_some(), "by configuration: {first:?} and {second:?}");

    place.wish("sam", "x@github").await;
    let (old, new) = (person(6, "x@github"), person(7, "x@github"));
    let (first, second) = tokio::join!(place.seen(&old), place.seen(&new));
    assert!(first.is_some() != second.is_some(), "explicitly: {first:?} and {second:?}");
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

/// Something that happens to one of a few people, logins and users.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Seen { person: i64, login: usize, mapped: Option<usize>, auto_create: bool },
    Wished { user: usize, login: usize },
    Unlinked { user: usize },
    Own { user: usize, person: i64, login: usize },
}

const LOGINS: [&str; 3] = ["a@github", "b@github", "c@example.com"];
const USERS: [&str; 2] = ["sam", "ann"];

fn happens() -> impl Strategy<Value = Happens> {
    let (person, login, user) = (1..4_i64, 0..LOGINS.len(), 0..USERS.len());
    let seen = (person.clone(), login.clone(), proptest::option::of(user.clone()), any::<bool>());
    prop_oneof![
        4 => seen.prop_map(|(person, login, mapped, auto_create)| Happens::Seen {
            person, login, mapped, auto_create
        }),
        2 => (user.clone(), login.clone()).prop_map(|(user, login)| Happens::Wished { user, login }),
        1 => user.clone().prop_map(|user| Happens::Unlinked { user }),
        1 => (user, person, login).prop_map(|(user, person, login)| Happens::Own { user, person, login }),
    ]
}

/// Lets it all happen, and holds each first sight to what was there before it.
async fn hold(all: Vec<Happens>) {
    let place = Place::with(&USERS).await;
    let mut configured: std::collections::BTreeMap<String, i64> = std::collections::BTreeMap::new();
    for happens in &all {
        match *happens {
            Happens::Wished { user, login } => {
                place.wish(USERS[user], LOGINS[login]).await;
            }
            Happens::Unlinked { user } => {
                place.unlink(USERS[user], None).await;
            }
            Happens::Own { user, person: id, login } => {
                let _perhaps_refused = place.own(USERS[user], &person(id, LOGINS[login])).await;
            }
            Happens::Seen { person: id, login, mapped, auto_create } => {
                let one = person(id, LOGINS[login]);
                let before = place.link(&one).await;
                let wish = place.users.wish(&named(LOGINS[login])).await.unwrap();
                let wished = wish.filter(|wish| !wish.ended).map(|wish| wish.user);
                let mapped: Option<Username> = mapped.map(|user| USERS[user].parse().unwrap());
                let roles: Option<&[Role]> = auto_create.then_some(&[]);
                let users = &place.users;
                let who = users.first_sight(&one, mapped.as_ref(), roles, |_| false, Wall(10)).await.unwrap();
                let told = format!("{happens:?}\nof {all:?}\nfound {before:?}, waiting {wished:?}");
                let after = place.link(&one).await;
                match before {
                    Some(TailnetLink { account: Some(account), ended: false, .. }) => {
                        assert_eq!(who, Some(account), "a link that counts is what counts: {told}");
                    }
                    Some(TailnetLink { account: None, ended: false, .. }) => {
                        let named = place.username(who).await;
                        let expected = mapped.as_ref().map(ToString::to_string);
                        assert!(named.is_none() || named == expected, "{told}: {named:?}");
                    }
                    _ if wished.is_some() => assert_eq!(who, wished, "{told}"),
                    Some(_) => assert_eq!(who, None, "what has ended is not passed: {told}"),
                    None => {}
                }
                if let Some(TailnetLink { account: None, ended: false, login }) = &after {
                    let first = *configured.entry(login.clone()).or_insert(id);
                    assert_eq!(first, id, "by configuration {login} is one person's: {told}");
                }
                let counts = after.is_some_and(|link| !link.ended);
                assert!(who.is_none() || counts, "who is let in is bound: {told}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn first_sights_in_any_order_keep_what_is_promised(all in proptest::collection::vec(happens(), 1..24)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(hold(all));
    }
}
