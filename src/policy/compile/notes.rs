//! What should be known about an app that has no fault: where it is open, and where a rule reaches
//! less far than it seems to. Never a reason to refuse.

use super::super::app::{App, Rule};
use super::super::pattern::PathPattern;
use super::Compiler;
use crate::config::{AppSettings, Placed};
use crate::identity::Require;

impl Compiler<'_> {
    /// Notes on `app`.
    pub(super) fn notes_on(&mut self, app: &App, written: &Placed<AppSettings>) {
        if let Some((open, hint)) = open(&app.whole) {
            self.note(written, format!("app.{} {open}", app.name), hint);
        }
        for (matched, place) in app.rules.iter().zip(&written.value.rules) {
            let rule = &matched.rule;
            if let Some((open, hint)) = open(rule)
                && !rule.is_at_least_as_strict_as(&app.whole)
            {
                self.note(place, format!("{} {open}", rule.name), hint);
            }
            let PathPattern::Exact(path) = &matched.path else { continue };
            let other = path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
            let chosen = app.rule_of(matched.methods.any(), &other, matched.any_address());
            if !other.is_empty() && !chosen.is_at_least_as_strict_as(rule) {
                let message = format!("{} is not for `{other}`, which is less protected", rule.name);
                let both = path.trim_end_matches('/');
                self.note(place, message, format!("write `path = \"{both}/*\"` for both and all below"));
            }
        }
        self.notes_on_order(app, &written.value);
        for (matched, place) in app.public.iter().zip(&written.value.public) {
            if matched.path == PathPattern::Within("".into()) {
                let message = format!("{} is the whole app: its rules are never asked", matched.rule.name);
                self.note(place, message, "write `require = \"public\"` if that is meant");
            }
        }
    }
}

/// How `rule` is open, and how it would not be.
fn open(rule: &Rule) -> Option<(&'static str, &'static str)> {
    match rule.require {
        Require::Public => {
            Some(("is open to everybody, as nobody", "write `require = \"signed_in\"` to close it"))
        }
        Require::Optional => Some(("is open to everybody", "write `require = \"signed_in\"` to close it")),
        Require::SignedIn | Require::TwoFactor | Require::Tailnet => rule
            .is_for_every_user()
            .then_some(("is open to every user", "name `users` or `roles` to let in fewer")),
        Require::Deny => None,
    }
}
