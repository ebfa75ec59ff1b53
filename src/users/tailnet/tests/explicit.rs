//! Links that a command or the person makes, and those that end.

use super::*;

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
