//! Users that are made at first sight.

use super::*;

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
