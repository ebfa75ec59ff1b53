//! Browsers that their owner asked to be remembered: listed, and forgotten. Never a factor.

use super::Attempts;
use crate::audit::{Entry, Event, Recorded};
use crate::clock::Wall;
use crate::identity::{Actor, UserId};
use crate::store::{Rows, Statement, StoreError, Write, WriteError, values};

/// A browser that is remembered.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Its public id.
    pub id: String,
    /// Since when.
    pub since: Wall,
    /// What it said it was.
    pub user_agent: Option<String>,
}

static OF: Statement = Statement::new(
    "select id, remembered_at, user_agent from device where account_id = $1 and id is not null \
     and remembered_at is not null order by remembered_at desc limit 100",
);
static FORGET: Statement = Statement::new("delete from device where account_id = $1 and id = $2");
static FORGET_ALL: Statement = Statement::new("delete from device where account_id = $1");

impl Attempts {
    /// The browsers that are remembered for `user`, newest first.
    pub async fn remembered(&self, user: UserId) -> Result<Vec<Remembered>, StoreError> {
        let rows = self.store.get(&OF, values![user.to_string()]).await?;
        rows.iter()
            .map(|row| {
                Ok(Remembered {
                    id: row.text(0)?.to_owned(),
                    since: row.wall(1)?,
                    user_agent: row.optional(2, |row, column| row.text(column).map(str::to_owned))?,
                })
            })
            .collect()
    }

    /// Forgets one browser of `user`; false if it was not remembered.
    pub async fn forget_device(
        &self,
        user: UserId,
        id: &str,
        actor: Actor,
        now: Wall,
    ) -> Result<bool, WriteError> {
        let entry = Entry::new(Event::DevicesForgotten, actor).about(user).with("device", id);
        let write =
            Write::new().exec(&FORGET, values![user.to_string(), id]).expect(Rows::One).audit(entry, now);
        match self.store.write(write).await {
            Ok(_) => Ok(true),
            Err(WriteError::Unexpected(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Adds to `base` that no browser of `user` is known any more.
    pub fn forgetting_devices(base: Write, user: UserId, actor: Actor, now: Wall) -> Write {
        let entry = Entry::new(Event::DevicesForgotten, actor).about(user);
        base.exec(&FORGET_ALL, values![user.to_string()]).audit(entry, now)
    }

    /// Forgets every browser of `user`.
    pub async fn forget_devices(&self, user: UserId, actor: Actor, now: Wall) -> Result<(), WriteError> {
        self.store.write(Self::forgetting_devices(Write::new(), user, actor, now)).await.map(|_| ())
    }
}
