//! Refusals, so that they can be explained. Owns the reference of each and the last few thousand of them.
//! Never keeps a query, a cookie or a token.

use std::collections::VecDeque;

use aws_lc_rs::rand;
use parking_lot::Mutex;

use super::reason::{self, Reason};
use crate::clock::{Now, Wall};
use crate::forwarded::{Asked, Unread};
use crate::identity::Role;
use crate::policy::{Needs, Rule};

/// How many refusals are kept.
const KEPT: usize = 4096;

/// How many refusals a second are written to the log; the rest are only kept.
const LOGGED_A_SECOND: u32 = 20;

/// Why a check was refused, and of what.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What the visitor was shown: eight characters and a dash.
    pub reference: String,
    /// When.
    pub at: Wall,
    /// The answer's status.
    pub status: u16,
    /// The host asked for.
    pub host: String,
    /// The method asked with.
    pub method: String,
    /// The path asked for, without its query.
    pub path: String,
    /// The visitor's address, if known; the proxy's own where it could not be read.
    pub address: Option<String>,
    /// The name of the rule that decided, if one did.
    pub rule: Option<String>,
    /// Where that is written.
    pub place: Option<String>,
    /// Whom it lets in, where that is why, and a role that would have been enough.
    pub lets_in: Option<(String, Option<Role>)>,
    /// The username, if somebody was known.
    pub username: Option<String>,
    /// Why.
    pub why: Reason,
}

/// The last refusals.
#[derive(Default)]
pub struct Refusals {
    kept: Mutex<VecDeque<Refusal>>,
    logged: Mutex<(i64, u32)>,
}

impl Refusals {
    /// Keeps the refusal of a request that was read, and says its reference.
    pub(super) fn keep(
        &self,
        asked: &Asked<'_>,
        status: u16,
        rule: Option<&Rule>,
        username: Option<String>,
        why: Reason,
        now: Now,
    ) -> String {
        let membership = why == Reason::Forbidden(Needs::Membership);
        let refusal = Refusal {
            reference: reference(),
            at: now.wall,
            status,
            host: asked.host.to_string(),
            method: asked.method.to_string(),
            path: asked.path.as_str().chars().take(200).collect(),
            address: asked.client.map(|address| address.to_string()),
            rule: rule.map(|rule| rule.name().to_owned()),
            place: rule.and_then(Rule::place).map(str::to_owned),
            lets_in: rule
                .filter(|_| membership)
                .and_then(|rule| Some((reason::lets_in(rule)?, rule.roles().first().cloned()))),
            username,
            why,
        };
        self.add(refusal, now)
    }

    /// Keeps the refusal of a request that could not be read or whose proxy is not believed.
    pub(super) fn keep_unread(&self, peer: String, status: u16, unread: Unread, now: Now) -> String {
        let refusal = Refusal {
            reference: reference(),
            at: now.wall,
            status,
            host: String::new(),
            method: String::new(),
            path: String::new(),
            address: Some(peer),
            rule: None,
            place: None,
            lets_in: None,
            username: None,
            why: Reason::Unread(unread),
        };
        self.add(refusal, now)
    }

    fn add(&self, refusal: Refusal, now: Now) -> String {
        let reference = refusal.reference.clone();
        if self.may_log(now) {
            tracing::info!(
                event = "check.refused",
                reference = %refusal.reference,
                status = refusal.status,
                host = %refusal.host,
                method = %refusal.method,
                path = %refusal.path,
                ip = refusal.address.as_deref().unwrap_or("unknown"),
                rule = refusal.rule.as_deref().unwrap_or("none"),
                why = %refusal.why.words(),
            );
        }
        let mut kept = self.kept.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(refusal);
        reference
    }

    /// The refusal of that reference, in any case of letters.
    pub fn find(&self, reference: &str) -> Option<Refusal> {
        let reference = reference.trim().to_ascii_uppercase();
        self.kept.lock().iter().rev().find(|refusal| refusal.reference == reference).cloned()
    }

    /// The last refusal, of that host if one is named.
    pub fn last(&self, host: Option<&str>) -> Option<Refusal> {
        self.kept.lock().iter().rev().find(|refusal| host.is_none_or(|host| refusal.host == host)).cloned()
    }

    fn may_log(&self, now: Now) -> bool {
        let mut logged = self.logged.lock();
        let second = now.wall.seconds();
        if logged.0 != second {
            *logged = (second, 0);
        }
        logged.1 += 1;
        logged.1 <= LOGGED_A_SECOND
    }
}

/// Eight characters that can be read out: no I, L, O, U, so none is taken for another.
fn reference() -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut bytes = [0u8; 8];
    // A reference that could be guessed gives nothing away; one of zeros is only less useful.
    let _ = rand::fill(&mut bytes);
    let mut text = String::with_capacity(9);
    for (position, byte) in bytes.iter().enumerate() {
        if position == 4 {
            text.push('-');
        }
        text.push(LETTERS.get(usize::from(byte % 32)).copied().map_or('0', char::from));
    }
    text
}
