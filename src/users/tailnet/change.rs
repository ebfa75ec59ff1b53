//! What people decide about links to the tailnet: made, waited for, ended.

use super::super::Users;
use super::super::change::ChangeError;
use super::{ACCOUNT, Awaited, Bound, How, TailnetLinks, binding};
use crate::audit::{Entry, Event, Recorded as _};
use crate::clock::Wall;
use crate::identity::{Actor, Person, TailnetLogin, UserId};
use crate::store::{Rows, Statement, Write, values};

/// What became of the wish that a login be a user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Whoever is seen next with that login is bound. These had it before, and are so no more.
    Waits(Vec<Bound>),
    /// Nothing was changed: this person, last seen with that login, is the user already.
    Bound(Bound),
    /// Nothing was changed: whoever was last seen with that login is another user, or it is waited for
    /// on behalf of another user.
    Theirs(UserId),
}

static AWAIT: Statement = Statement::new(
    "insert into tailnet_wish (login, account_id, created_at) values ($1, $2, $3) \
     on conflict (login) do update set account_id = excluded.account_id, created_at = excluded.created_at, \
     ended_at = null where tailnet_wish.ended_at is not null",
);
static AWAITED_FOR_ANOTHER: Statement = Statement::new(
    "select login from tailnet_wish where login = $1 and account_id <> $2 and ended_at is null",
);
// Who of the tailnet a user is, is a second factor: beside one that is there, no password makes another.
static ANOTHER: Statement = Statement::new(
    "select person from tailnet_link where account_id = $1 and ended_at is null \
     and not (tailnet = $2 and person = $3)",
);
static ANOTHER_AWAITED: Statement = Statement::new(
    "select login from tailnet_wish where account_id = $1 and ended_at is null and login <> $2",
);
static COME: Statement = Statement::new("delete from tailnet_wish where login = $1 and account_id = $2");
static END_WISH: Statement = Statement::new(
    "update tailnet_wish set ended_at = $3 where login = $1 and account_id = $2 and ended_at is null",
);
static END_ALL: Statement =
    Statement::new("update tailnet_link set ended_at = $2 where account_id = $1 and ended_at is null");
static END_WISHES: Statement =
    Statement::new("update tailnet_wish set ended_at = $2 where account_id = $1 and ended_at is null");

impl Users {
    /// The write that binds this very person to the user who is signed in on their device, to go with
    /// another. Like every explicit link it passes one that has ended; not one that counts for anybody
    /// else, by configuration too, nor a login that is waited for on behalf of another user. Only for a
    /// user whom nobody else of the tailnet is, or is waited for to be.
    pub fn linking(base: Write, user: UserId, person: &Person, actor: Actor, now: Wall) -> Write {
        let login = person.login.to_ascii_lowercase();
        let write = base
            .exec(&ACCOUNT, values![user.to_string()])
            .expect(Rows::One)
            .exec(&AWAITED_FOR_ANOTHER, values![login.as_str(), user.to_string()])
            .expect(Rows::None)
            .exec(&ANOTHER, values![user.to_string(), &*person.tailnet, person.id])
            .expect(Rows::None)
            .exec(&ANOTHER_AWAITED, values![user.to_string(), login.as_str()])
            .expect(Rows::None)
            .exec(&COME, values![login.as_str(), user.to_string()]);
        binding(write, user, person, &login, How::Own, actor, now)
    }

    /// Does what [`linking`](Self::linking) says; [`ChangeError::Elsewhere`] where it must not be.
    pub async fn link_person(
        &self,
        base: Write,
        user: UserId,
        person: &Person,
        actor: Actor,
        now: Wall,
    ) -> Result<(), ChangeError> {
        self.store.write(Self::linking(base, user, person, actor, now)).await?;
        Ok(())
    }

    /// Has whoever is seen next with `login` bound to the user. A link by configuration under that login
    /// ends now, so that the next who comes is bound anew, be it the same person or another.
    pub async fn wish_link(
        &self,
        user: UserId,
        login: &TailnetLogin,
        actor: Actor,
        now: Wall,
    ) -> Result<Wish, ChangeError> {
        let before = self.bound_under(login).await?;
        if let Some(bound) = before.iter().find(|bound| bound.is_now(login))
            && let Some(account) = bound.account
        {
            return Ok(if account == user { Wish::Bound(bound.clone()) } else { Wish::Theirs(account) });
        }
        match self.wish(login).await?.filter(|wish| !wish.ended) {
            Some(wish) if wish.user == user => return Ok(Wish::Waits(before)),
            Some(wish) => return Ok(Wish::Theirs(wish.user)),
            None => {}
        }
        let entry = Entry::new(Event::TailnetAwaited, actor).about(user).with("login", login.as_str());
        let mut write = Write::new()
            .exec(&ACCOUNT, values![user.to_string()])
            .expect(Rows::One)
            .exec(&AWAIT, values![login.as_str(), user.to_string(), now])
            .expect(Rows::One)
            .audit(entry, now)
            .changed("user", user);
        for bound in before.iter().filter(|bound| bound.is_now(login)) {
            write = bound.ending(write, actor, now);
        }
        self.store.write(write).await?;
        Ok(Wish::Waits(before))
    }

    /// Ends what the user has on the tailnet under `login`, or all of it, and says what that was.
    pub async fn unlink(
        &self,
        base: Write,
        user: UserId,
        login: Option<&TailnetLogin>,
        actor: Actor,
        now: Wall,
    ) -> Result<TailnetLinks, ChangeError> {
        let mut ended = self.tailnet_links_of(user).await?;
        if let Some(login) = login {
            let login = login.as_str();
            ended.bound.retain(|bound| bound.login == login || bound.seen_login == login);
            ended.awaited.retain(|awaited| awaited.login == login);
        }
        if ended == TailnetLinks::default() {
            return Ok(ended);
        }
        let mut write = base.changed("user", user);
        for bound in &ended.bound {
            write = bound.ending(write, actor, now);
        }
        for awaited in &ended.awaited {
            write = awaited.ending(write, user, actor, now);
        }
        self.store.write(write).await?;
        Ok(ended)
    }

    /// Adds to `write` that everything ends which the user has on the tailnet, for a user who is deleted:
    /// the entry of that says it.
    pub(in crate::users) fn ending_links(write: Write, user: UserId, now: Wall) -> Write {
        write.exec(&END_ALL, values![user.to_string(), now]).exec(&END_WISHES, values![user.to_string(), now])
    }
}

impl Awaited {
    fn ending(&self, write: Write, user: UserId, actor: Actor, now: Wall) -> Write {
        let entry = Entry::new(Event::TailnetUnlinked, actor).about(user).with("login", self.login.as_str());
        write
            .exec(&END_WISH, values![self.login.as_str(), user.to_string(), now])
            .expect(Rows::One)
            .audit(entry, now)
    }
}
