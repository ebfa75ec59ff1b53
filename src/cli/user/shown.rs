//! An account as it is shown. Never shows a password's hash.

use serde::Serialize;

use crate::identity::Method;
use crate::second_factor::Held;
use crate::users::User;

/// What `user list` and `user show` say of an account in JSON.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    id: String,
    username: &'a str,
    email: Option<&'a str>,
    name: &'a str,
    roles: Vec<&'a str>,
    administrator: bool,
    active: bool,
    has_password: bool,
    factors: Vec<&'static str>,
    recovery_codes: u32,
    created_at: String,
}

impl<'a> Shown<'a> {
    pub(super) fn of(user: &'a User, held: Held) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username.as_str(),
            email: user.email.as_ref().map(crate::identity::Email::as_str),
            name: &user.name,
            roles: user.roles.iter().map(crate::identity::Role::as_str).collect(),
            administrator: user.administrator,
            active: user.active,
            has_password: user.password.is_some(),
            factors: factors(user, held).map(Method::name).collect(),
            recovery_codes: held.recovery_codes,
            created_at: user.created_at.rfc3339(),
        }
    }
}

/// What `user` can show, the password first.
pub(super) fn factors(user: &User, held: Held) -> impl Iterator<Item = Method> {
    user.password.iter().map(|_| Method::Password).chain(held.methods())
}
