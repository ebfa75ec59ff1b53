use super::*;

struct Place {
    store: Store,
    tokens: ApiTokens,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_beside(folder.path()).unwrap();
        Self { tokens: ApiTokens::new(store.clone()), store, folder }
    }

    async fn user(&self, username: &str) -> UserId {
        let id = UserId::new();
        let write = Write::unrecorded("a test").exec(&ADD, values![id.to_string(), username]);
        self.store.write(write).await.unwrap();
        id
    }

    async fn delete(&self, user: UserId, now: Wall) {
        let write = Write::unrecorded("a test").exec(&DELETE, values![user.to_string(), now]);
        self.store.write(write).await.unwrap();
    }

    async fn make(&self, user: UserId, name: &str) -> Result<Made, ApiTokenError> {
        let scope = Scope::new(
            vec!["immich".parse().unwrap(), "arlo".parse().unwrap()],
            vec![Allow::parse("GET /api/*").unwrap(), Allow::parse("* /dav/my files").unwrap()],
        );
        let expires_at = Some(HOUR);
        let new = NewApiToken { user, name, scope: scope.unwrap(), expires_at };
        self.tokens.create(Write::new(), new, Actor::User(user), Wall(0)).await
    }

    async fn counts(&self, made: &Made, now: Wall) -> bool {
        let fingerprint = Fingerprint::of(made.token.reveal()).expect("what was made has the shape");
        self.tokens.by_fingerprint(&fingerprint, now).await.unwrap().is_some()
    }
}

const HOUR: Wall = Wall(3_600_000);

static ADD: Statement = Statement::new(
    "insert into account (id, username, name, roles, administrator, active, epoch, created_at) \
     values ($1, $2, '', '', false, true, 0, 0)",
);
static DELETE: Statement = Statement::new("update account set deleted_at = $2, active = false where id = $1");

#[tokio::test]
async fn a_token_is_found_by_what_it_is_kept_by_and_says_what_it_is_for() {
    let place = Place::new();
    let ann = place.user("ann").await;
    let made = place.make(ann, " backup of the photos ").await.unwrap();
    let fingerprint = Fingerprint::of(made.token.reveal()).unwrap();
    let found = place.tokens.by_fingerprint(&fingerprint, Wall(1)).await.unwrap().expect("it counts");
    assert_eq!((found.id, found.user, found.expires_at), (made.id, ann, Some(HOUR)));
    let [listed] = &place.tokens.list(Some(ann)).await.unwrap()[..] else { panic!("one token") };
    assert_eq!((listed.name.as_str(), listed.username.as_str()), ("backup of the photos", "ann"));
    assert_eq!(listed.scope, *found.scope);
    let allow: Vec<String> = listed.scope.allow().iter().map(ToString::to_string).collect();
    assert_eq!(allow, ["GET /api/*", "* /dav/my files"]);
    let apps: Vec<&str> = listed.scope.apps().iter().map(crate::identity::AppName::as_str).collect();
    assert_eq!(apps, ["immich", "arlo"]);
}

#[tokio::test]
async fn the_store_holds_no_token_that_could_be_shown() {
    let place = Place::new();
    let made = place.make(place.user("ann").await, "backup").await.unwrap();
    place.store.close().await;
    let token = made.token.reveal();
    for entry in std::fs::read_dir(place.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        // Any 16 characters of the random part would be too much.
        let random = &token.as_bytes()[PREFIX.len()..];
        for part in random.windows(16) {
            assert!(!bytes.windows(16).any(|window| window == part), "{token} in {}", path.display());
        }
    }
}

#[tokio::test]
async fn it_counts_until_it_runs_out_or_its_owner_revokes_it() {
    let place = Place::new();
    let (ann, bob) = (place.user("ann").await, place.user("bob").await);
    let made = place.make(ann, "backup").await.unwrap();
    assert!(place.counts(&made, Wall(HOUR.0 - 1)).await, "a moment before");
    assert!(!place.counts(&made, HOUR).await, "at its end");
    let revoke = |user| place.tokens.revoke(user, made.id, Actor::User(user), None, Wall(2));
    assert!(!revoke(bob).await.unwrap(), "by somebody else");
    assert!(place.counts(&made, Wall(3)).await, "somebody else revoked it");
    assert!(revoke(ann).await.unwrap(), "by its owner");
    assert!(!place.counts(&made, Wall(3)).await, "revoked");
    assert!(!revoke(ann).await.unwrap(), "once more");
    assert!(place.tokens.list(None).await.unwrap().is_empty(), "it is in the list still");
    assert!(place.tokens.by_id(made.id).await.unwrap().is_none(), "it is found by its id still");
}

#[tokio::test]
async fn all_of_one_user_are_revoked_with_what_goes_before_or_not_at_all() {
    static NEVER: Statement = Statement::new("select id from account where username = 'nobody'");
    let place = Place::new();
    let (ann, bob) = (place.user("ann").await, place.user("bob").await);
    let (one, two) = (place.make(ann, "one").await.unwrap(), place.make(ann, "two").await.unwrap());
    let other = place.make(bob, "other").await.unwrap();
    let base = Write::new().exec(&NEVER, values![]).expect(Rows::One);
    let refused = place.store.write(ApiTokens::end_all(base, ann, Actor::Command, Wall(1))).await;
    assert_eq!(refused, Err(WriteError::Unexpected(0)));
    assert!(place.counts(&one, Wall(2)).await, "nothing happened");
    place.tokens.revoke_all(ann, Actor::Command, Wall(1)).await.unwrap();
    assert!(!place.counts(&one, Wall(2)).await && !place.counts(&two, Wall(2)).await, "both of ann");
    assert!(place.counts(&other, Wall(2)).await, "that of bob");
    place.tokens.revoke_all(ann, Actor::Command, Wall(3)).await.expect("none left is no failure");
}

#[tokio::test]
async fn of_many_made_at_once_no_more_stay_than_one_may_have() {
    let place = Place::new();
    let ann = place.user("ann").await;
    let names: Vec<String> = (0..MOST + 20).map(|number| format!("number {number}")).collect();
    let mut made = tokio::task::JoinSet::new();
    for name in names {
        let (tokens, scope) = (place.tokens.clone(), Scope::default());
        made.spawn(async move {
            let new = NewApiToken { user: ann, name: &name, scope, expires_at: Some(HOUR) };
            tokens.create(Write::new(), new, Actor::User(ann), Wall(0)).await
        });
    }
    let outcomes = made.join_all().await;
    let too_many = outcomes.iter().filter(|made| matches!(made, Err(ApiTokenError::TooMany))).count();
    assert_eq!((outcomes.iter().filter(|made| made.is_ok()).count(), too_many), (100, 20));
    assert_eq!(place.tokens.list(Some(ann)).await.unwrap().len(), 100);
    // Those that have run out leave room.
    let new = NewApiToken { user: ann, name: "later", scope: Scope::default(), expires_at: None };
    place.tokens.create(Write::new(), new, Actor::User(ann), HOUR).await.expect("there is room again");
}

#[tokio::test]
async fn what_is_no_name_and_nobodys_token_are_refused() {
    let place = Place::new();
    let ann = place.user("ann").await;
    for name in ["", "  ", "two\nlines", "\u{1b}[2J", &"x".repeat(65)] {
        let refused = place.make(ann, name).await;
        assert!(matches!(refused, Err(ApiTokenError::Name)), "{name:?}: {refused:?}");
    }
    place.make(ann, &"é".repeat(64)).await.expect("64 characters");
    let nobody = place.make(UserId::new(), "backup").await;
    assert!(matches!(nobody, Err(ApiTokenError::NoAccount)), "{nobody:?}");
    place.delete(ann, Wall(1)).await;
    let gone = place.make(ann, "backup").await;
    assert!(matches!(gone, Err(ApiTokenError::NoAccount)), "{gone:?}");
    assert!(place.tokens.list(None).await.unwrap().is_empty(), "a deleted account's token is listed");
}

#[tokio::test]
async fn the_last_use_is_gathered_and_what_is_long_over_is_forgotten() {
    static COUNT: Statement = Statement::new("select id from api_token");
    let place = Place::new();
    let (ann, bob) = (place.user("ann").await, place.user("bob").await);
    let (one, two) = (place.make(ann, "one").await.unwrap(), place.make(ann, "two").await.unwrap());
    place.make(bob, "of somebody who goes").await.unwrap();
    place.tokens.touch(one.id, Wall(5));
    place.tokens.touch(one.id, Wall(7));
    place.tokens.flush().await.unwrap();
    let used = async |id| place.tokens.by_id(id).await.unwrap().expect("it is there").used_at;
    assert_eq!((used(one.id).await, used(two.id).await), (Some(Wall(7)), None));
    place.tokens.flush().await.unwrap();

    place.tokens.revoke(ann, two.id, Actor::User(ann), None, Wall(10)).await.unwrap();
    place.delete(bob, Wall(10)).await;
    let left = async |now: Wall| {
        place.tokens.forget_old(now).await.unwrap();
        place.store.get(&COUNT, values![]).await.unwrap().len()
    };
    assert_eq!(left(Wall(10).plus(REMEMBERED)).await, 3, "a month after, to the moment");
    assert_eq!(left(Wall(11).plus(REMEMBERED)).await, 1, "the revoked one and the deleted account's");
    assert_eq!(left(Wall(HOUR.0 + 1).plus(REMEMBERED)).await, 0, "the one that ran out");
}
