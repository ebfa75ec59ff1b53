//! Whose account a person of the tailnet is, or would be at first sight, for somebody who only looks.
//! Never writes: the first sight itself is beside this.

use super::first_sight::CONFIGURED;
use super::{PERSON, Users};
use crate::identity::{Person, TailnetLogin, UserId, Username};
use crate::store::{Row, StoreError, values};

/// What a person of the tailnet is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreseen {
    /// This user.
    Is(UserId),
    /// This user, from the moment they come.
    Becomes(UserId),
    /// A new user, from the moment they come.
    Made,
    /// Nobody: whom the settings name does not exist.
    NamesNobody,
    /// Nobody: the settings name their login, which was another person's first.
    WasAnothers,
    /// Nobody: their link was ended.
    Ended,
    /// Nobody.
    Stranger,
}

/// Of which tailnet a person is, and what that means for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Of the own: explicit links are about them.
    Own {
        /// Whether a new user is made of one whom nobody names.
        creates: bool,
    },
    /// Of another: only the settings are.
    Shared,
}

impl Users {
    /// What a look at the links, and then the first sight of this person, would come to. `named` is whom
    /// the settings name for a login.
    pub async fn foresee<'n>(
        &self,
        person: &Person,
        standing: Standing,
        named: impl Fn(&str) -> Option<&'n Username>,
    ) -> Result<Foreseen, StoreError> {
        let Ok(login) = person.login.parse::<TailnetLogin>() else { return Ok(Foreseen::Stranger) };
        let rows = self.store.get(&PERSON, values![&*person.tailnet, person.id]).await?;
        let mut has_ended = false;
        if let Some(row) = rows.first() {
            has_ended = row.optional(3, Row::wall)?.is_some();
            if !has_ended {
                return self.already(row, named).await;
            }
        }
        let wish = match standing {
            Standing::Own { .. } => self.wish(&login).await?,
            Standing::Shared => None,
        };
        if let Some(wish) = wish.filter(|wish| !wish.ended) {
            return Ok(Foreseen::Becomes(wish.user));
        }
        if has_ended {
            return Ok(Foreseen::Ended);
        }
        if let Some(username) = named(login.as_str()) {
            let Some(user) = self.by_login(username.as_str()).await? else {
                return Ok(Foreseen::NamesNobody);
            };
            let before = self.store.get(&CONFIGURED, values![&*person.tailnet, login.as_str()]).await?;
            return Ok(if before.is_empty() { Foreseen::Becomes(user.id) } else { Foreseen::WasAnothers });
        }
        let is_made = wish.is_none() && standing == Standing::Own { creates: true };
        Ok(if is_made { Foreseen::Made } else { Foreseen::Stranger })
    }

    async fn already<'n>(
        &self,
        row: &Row,
        named: impl Fn(&str) -> Option<&'n Username>,
    ) -> Result<Foreseen, StoreError> {
        if let Some(account) = row.optional(2, Row::parsed)? {
            return Ok(Foreseen::Is(account));
        }
        let Some(username) = named(row.text(0)?) else { return Ok(Foreseen::Stranger) };
        let user = self.by_login(username.as_str()).await?;
        Ok(user.map_or(Foreseen::NamesNobody, |user| Foreseen::Is(user.id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Wall;
    use crate::identity::Actor;
    use crate::store::{Store, Write};
    use crate::users::NewUser;

    const OWN: Standing = Standing::Own { creates: false };

    #[tokio::test]
    async fn what_is_foreseen_is_what_comes() {
        let place = tempfile::tempdir().unwrap();
        let users = Users::new(Store::open_beside(place.path()).unwrap());
        let sam: Username = "sam".parse().unwrap();
        let new = NewUser {
            username: sam.clone(),
            email: None,
            name: String::new(),
            roles: Vec::new(),
            administrator: false,
            active: true,
            password: None,
        };
        let id = users.add(Write::new(), new, Actor::Command, Wall(0)).await.unwrap();
        let nobody: Username = "nobody".parse().unwrap();
        let person = |number: i64| Person {
            tailnet: "tail-scale.ts.net".into(),
            id: number,
            login: "sam@github".into(),
            name: "".into(),
        };
        let (one, other) = (person(1), person(2));
        let unnamed = |_: &str| None;
        let named = |_: &str| Some(&sam);

        // Nothing is written by looking, so that each of these comes to the same twice.
        for _ in 0..2 {
            for (standing, foreseen) in [
                (OWN, Foreseen::Stranger),
                (Standing::Shared, Foreseen::Stranger),
                (Standing::Own { creates: true }, Foreseen::Made),
            ] {
                assert_eq!(users.foresee(&one, standing, unnamed).await.unwrap(), foreseen, "{standing:?}");
            }
            let told = users.foresee(&one, OWN, |_| Some(&nobody)).await.unwrap();
            assert_eq!(told, Foreseen::NamesNobody);
            assert_eq!(users.foresee(&one, OWN, named).await.unwrap(), Foreseen::Becomes(id));
        }
        let came = users.first_sight(&one, Some(&sam), None, |_| false, Wall(1)).await.unwrap();
        assert_eq!(came, Some(id), "the first with that login");
        assert_eq!(users.foresee(&one, OWN, named).await.unwrap(), Foreseen::Is(id));
        assert_eq!(users.foresee(&one, OWN, unnamed).await.unwrap(), Foreseen::Stranger, "the line is gone");
        assert_eq!(users.foresee(&other, OWN, named).await.unwrap(), Foreseen::WasAnothers);
        let came = users.first_sight(&other, Some(&sam), None, |_| false, Wall(2)).await.unwrap();
        assert_eq!(came, None, "another person with that login");

        let login = "sam@github".parse().unwrap();
        users.wish_link(id, &login, Actor::Command, Wall(3)).await.unwrap();
        assert_eq!(users.foresee(&other, OWN, unnamed).await.unwrap(), Foreseen::Becomes(id));
        assert_eq!(users.foresee(&other, Standing::Shared, unnamed).await.unwrap(), Foreseen::Stranger);
        let came = users.first_sight(&other, None, None, |_| false, Wall(4)).await.unwrap();
        assert_eq!(came, Some(id), "whom the link waited for");
        users.unlink(Write::new(), id, None, Actor::Command, Wall(5)).await.unwrap();
        assert_eq!(users.foresee(&other, OWN, named).await.unwrap(), Foreseen::Ended);
        let came = users.first_sight(&other, Some(&sam), None, |_| false, Wall(6)).await.unwrap();
        assert_eq!(came, None, "whose link was ended");
    }
}
