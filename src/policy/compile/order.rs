//! Rules that are never asked, or less often than they seem to be, because of what stands before them.
//! Says only what is sure, and is never a reason to refuse.

use http::Method;
use ipnet::IpNet;

use super::super::app::App;
use super::super::matched::Matched;
use super::super::pattern::PathPattern;
use super::{Compiler, place_of};
use crate::config::{AppSettings, Placed};
use crate::place::NetworkList;

/// An entry of `public` or a rule, and where it is written.
struct Entry<'a> {
    matched: &'a Matched,
    place: Placed<()>,
}

impl Entry<'_> {
    /// `app.x rule 1 (path /*), at aegis.toml:12`.
    fn named(&self) -> String {
        let name = self.matched.rule.name();
        place_of(&self.place).map_or_else(|| name.to_owned(), |place| format!("{name}, at {place}"))
    }

    /// Whether it is for every request of `method` from `network` that `other` is for; without a network,
    /// from anywhere.
    fn covers(&self, other: &Matched, method: &Method, network: Option<&IpNet>) -> bool {
        let from = match (&self.matched.networks, network) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(networks), Some(network)) => networks.covers(network),
        };
        from && self.matched.methods.contain(method) && self.matched.path.covers(&other.path)
    }

    /// Whether it is for some requests that `other` is for, though `other` was written for fewer paths.
    fn is_wider_than(&self, other: &Matched) -> bool {
        let networks = match (&self.matched.networks, &other.networks) {
            (Some(one), Some(other)) => one.overlaps(other),
            (None, _) | (_, None) => true,
        };
        networks
            && self.matched.path.covers(&other.path)
            && !other.path.covers(&self.matched.path)
            && self.matched.methods.overlap(&other.methods)
    }
}

impl Compiler<'_> {
    /// Notes on the order of the rules of `app`.
    pub(super) fn notes_on_order(&mut self, app: &App, written: &AppSettings) {
        let here = |source, line| Placed { value: (), source, line };
        let public = app.public.iter().zip(&written.public);
        let public = public.map(|(matched, at)| Entry { matched, place: here(at.source.clone(), at.line) });
        let rules = app.rules.iter().zip(&written.rules);
        let rules = rules.map(|(matched, at)| Entry { matched, place: here(at.source.clone(), at.line) });
        let entries: Vec<Entry<'_>> = public.chain(rules).collect();
        for (position, entry) in entries.iter().enumerate() {
            let before = entries.get(..position).unwrap_or_default();
            let name = entry.matched.rule.name();
            if let Some(instead) = asked_instead(entry.matched, before) {
                let instead: Vec<String> = instead.into_iter().map(Entry::named).collect();
                let message = format!("{name} is never asked: before it comes {}", instead.join(", and "));
                self.note(&entry.place, message, "put it before that, or take it out");
                continue;
            }
            let laxer = before.iter().find(|other| {
                other.is_wider_than(entry.matched)
                    && !other.matched.rule.is_at_least_as_strict_as(&entry.matched.rule)
            });
            if let Some(other) = laxer {
                let message = format!(
                    "{name} is not asked where a rule before it is, which is less strict: {}",
                    other.named()
                );
                self.note(&entry.place, message, "put it before that, if that is not meant");
            }
            self.note_on_strangers(app, entry);
            self.note_on_proxies(entry);
        }
    }

    /// That a rule is for a network that proxies ask from: one that hides who comes makes everybody come from
    /// there.
    fn note_on_proxies(&mut self, entry: &Entry<'_>) {
        let networks = entry.matched.networks.as_ref();
        if networks.is_some_and(|networks| networks.overlaps(&self.proxies)) {
            let message =
                format!("{} is for a network that `trusted_proxies` is in", entry.matched.rule.name());
            let hint = "if the proxy sees a bridge’s address instead of the visitor’s, everybody comes from there: \
                        `aegis explain --last` says what arrives";
            self.note(&entry.place, message, hint);
        }
    }

    /// That a rule for some networks keeps out more than what holds for an address nobody knows.
    fn note_on_strangers(&mut self, app: &App, entry: &Entry<'_>) {
        let path = match (&entry.matched.networks, &entry.matched.path) {
            (None, _) | (Some(_), PathPattern::Fits(_)) => return,
            (Some(_), PathPattern::Within(prefix)) if prefix.is_empty() => "/",
            (Some(_), PathPattern::Exact(path) | PathPattern::Within(path)) => path,
        };
        let rule = &entry.matched.rule;
        let otherwise = app.rule_of(entry.matched.methods.any(), path, None);
        if !otherwise.is_at_least_as_strict_as(rule) {
            let message = format!(
                "{} keeps out more than {}, which is asked where the address is not known",
                rule.name(),
                otherwise.name()
            );
            let hint = "close it for everybody, and open it by a rule for the networks that may come in";
            self.note(&entry.place, message, hint);
        }
    }
}

/// Those before it that are asked wherever a rule is for, if they are asked everywhere: one for each method
/// and network, each named once.
fn asked_instead<'e, 'a>(matched: &Matched, before: &'e [Entry<'a>]) -> Option<Vec<&'e Entry<'a>>> {
    let networks: Vec<Option<&IpNet>> = match &matched.networks {
        None => vec![None],
        Some(networks) => NetworkList::networks(networks).iter().map(Some).collect(),
    };
    let mut instead: Vec<&Entry<'_>> = Vec::new();
    for method in matched.methods.each() {
        for network in &networks {
            let first = before.iter().find(|entry| entry.covers(matched, &method, *network))?;
            if !instead.iter().any(|known| std::ptr::eq(*known, first)) {
                instead.push(first);
            }
        }
    }
    Some(instead)
}
