//! An account as it is shown. Never shows a password's hash.

use serde::Serialize;

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
    created_at: String,
}

impl<'a> Shown<'a> {
    pub(super) fn of(user: &'a User) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username.as_str(),
            email: user.email.as_ref().map(crate::identity::Email::as_str),
            name: &user.name,
            roles: user.roles.iter().map(crate::identity::Role::as_str).collect(),
            administrator: user.administrator,
            active: user.active,
            has_password: user.password.is_some(),
            created_at: user.created_at.rfc3339(),
        }
    }
}
