//! What must hold in whatever order people are seen, linked and unlinked.

use proptest::prelude::*;

use super::*;

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
