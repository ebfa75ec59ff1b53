//! A store with two accounts and keys, for the tests of the factors.

use std::sync::Arc;

use crate::clock::Wall;
use crate::config::{Placed, TokenSettings};
use crate::identity::UserId;
use crate::keys::Keys;
use crate::store::{Rows, Statement, Store, Write, values};

pub(super) const NOW: Wall = Wall(1_795_252_374_000);

static ADD: Statement = Statement::new(
    "insert into account (id, username, name, roles, administrator, active, epoch, created_at) \
     values ($1, $2, '', '', 0, 1, 1, $3)",
);
static NOTICE: Statement = Statement::new("select kind, detail from notice order by id desc limit 1");

/// A data directory, and who has an account in it.
pub(super) struct House {
    directory: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) keys: Arc<Keys>,
    pub(super) sam: UserId,
    pub(super) ann: UserId,
}

/// A write that needs no entry of the record, since it is a test's.
pub(super) fn recorded() -> Write {
    Write { recorded: true, ..Write::new() }
}

pub(super) async fn house() -> House {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Arc::new(|_: &[_]| {})).unwrap();
    let settings =
        TokenSettings { issuer: Placed::of("aegis-auth".into()), algorithm: None, jwt_secret: None };
    let keys = Arc::new(Keys::open(directory.path(), &settings, NOW).unwrap());
    let (sam, ann) = (UserId::new(), UserId::new());
    for (user, name) in [(sam, "sam"), (ann, "ann")] {
        let write = recorded().exec(&ADD, values![user.to_string(), name, NOW]).expect(Rows::One);
        store.write(write).await.unwrap();
    }
    House { directory, store, keys, sam, ann }
}

impl House {
    /// Writes all of these at once: how many of them happened.
    pub(super) async fn happened(&self, writes: Vec<Write>) -> usize {
        let mut tasks = tokio::task::JoinSet::new();
        for write in writes {
            let store = self.store.clone();
            tasks.spawn(async move { store.write(Write { recorded: true, ..write }).await });
        }
        tasks.join_all().await.iter().map(|done| usize::from(done.is_ok())).sum()
    }

    /// The newest notice.
    pub(super) async fn notice(&self) -> String {
        let rows = self.store.get(&NOTICE, values![]).await.unwrap();
        let row = rows.first().expect("a notice");
        format!("{} {}", row.text(0).unwrap(), row.text(1).unwrap())
    }

    /// All bytes of the database.
    pub(super) async fn bytes(&self) -> Vec<u8> {
        self.store.close().await;
        std::fs::read(crate::store::database_in(self.directory.path())).unwrap()
    }
}
