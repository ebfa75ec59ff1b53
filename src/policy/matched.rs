//! Which requests a rule is for: by path, method and address, and without regard to capitals.
//! Never says which of several rules counts: see [`App`](super::App).

use http::Method;

use super::app::Rule;
use super::pattern::{Methods, PathPattern};
use crate::place::{ClientAddress, NetworkList};

/// A rule and the requests it is for.
#[derive(Clone, Debug)]
pub(super) struct Matched {
    pub(super) path: PathPattern,
    pub(super) methods: Methods,
    /// Where the visitor comes from; without one that makes no difference.
    pub(super) networks: Option<NetworkList>,
    pub(super) rule: Rule,
}

impl Matched {
    /// Whether a request is one of those. An address that is not known is in no network. For every rule that
    /// a check passes by, this is what it costs.
    #[expect(clippy::inline_always, reason = "measured: a check passes by rules in half the instructions")]
    #[inline(always)]
    pub(super) fn is_for(&self, method: &Method, path: &str, from: Option<&ClientAddress>) -> bool {
        self.methods.contain(method)
            && self.path.matches(path)
            && self.networks.as_ref().is_none_or(|networks| is_from(networks, from))
    }

    /// An address from which it is for somebody, where that matters.
    pub(super) fn any_address(&self) -> Option<ClientAddress> {
        let networks = self.networks.as_ref()?.networks();
        networks.first().map(|network| network.addr().into())
    }
}

#[inline(never)]
fn is_from(networks: &NetworkList, from: Option<&ClientAddress>) -> bool {
    from.is_some_and(|address| networks.contains(*address))
}

/// Why a request is none of those that a rule is for, though its path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The rule is for other methods.
    Method,
    /// The rule is for other networks.
    Network,
}

/// The rules of an app without regard to capitals, in their order.
#[derive(Clone, Debug)]
pub(super) struct AnyCase {
    pub(super) public: Vec<Matched>,
    pub(super) rules: Vec<Matched>,
    /// Whether one of them is written with capitals.
    pub(super) has_capitals: bool,
}

impl AnyCase {
    /// Of these; nothing where capitals make no difference to any.
    pub(super) fn of(public: &[Matched], rules: &[Matched]) -> Option<Self> {
        let paths = || public.iter().chain(rules).map(|matched| &matched.path);
        let fold = |all: &[Matched]| {
            all.iter().map(|one| Matched { path: one.path.in_any_case(), ..one.clone() }).collect()
        };
        paths().any(PathPattern::heeds_case).then(|| Self {
            public: fold(public),
            rules: fold(rules),
            has_capitals: paths().any(PathPattern::has_capitals),
        })
    }
}
