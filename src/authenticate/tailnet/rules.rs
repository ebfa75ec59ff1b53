//! What the settings say of people and machines of the tailnet. A reload replaces it whole.
//! Never takes two for one: a name that a tag has is no person's.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderName;
use serde::Deserialize;

use crate::config::{Placed, TailscaleSettings};
use crate::error::{Fault, Faults};
use crate::identity::{AppName, Assurance, NotAccepted, Role, Username};

/// The longest login that is read.
const LONGEST_LOGIN: usize = 255;

/// People and machines of the tailnet, as the settings name them, and what they may.
#[derive(Debug)]
pub struct Rules {
    counts_as: Assurance,
    auto_create: Option<Box<[Role]>>,
    trust_loopback: bool,
    capability: Option<Box<str>>,
    client_port_header: Option<HeaderName>,
    users: HashMap<Box<str>, Username>,
    shared: HashMap<Box<str>, Username>,
    tags: HashMap<Box<str>, Machine>,
    /// Elements of grants that could not be read, and gave nothing.
    dropped: AtomicU64,
}

/// What a device with a tag is. Never a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: Username,
    /// Its roles, sorted.
    pub roles: Box<[Role]>,
}

/// One element of a grant: `{"roles": ["admin"], "apps": ["arlo", "*"]}`. What else stands in it is
/// for others.
#[derive(Deserialize)]
struct Element {
    roles: Vec<String>,
    apps: Option<Vec<String>>,
}

impl Rules {
    /// Reads `[tailscale]`, or tells everything that is wrong with it.
    pub fn compile(settings: &TailscaleSettings) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let mut fault = |fault: Fault| faults.add(fault);
        if settings.accept.value != "own-tailnet" {
            let message = format!("`tailscale.accept` cannot be `{}`", settings.accept.value.escape_debug());
            let hint = "there is `own-tailnet`; name people of other tailnets in [tailscale.shared]";
            fault(settings.accept.fault(Fault::new(message).hint(hint)));
        }
        let counts_as = match settings.counts_as.value.as_str() {
            "two_factor" => Assurance::TwoFactor,
            "signed_in" => Assurance::SignedIn,
            other => {
                let message = format!("`tailscale.counts_as` cannot be `{}`", other.escape_debug());
                fault(settings.counts_as.fault(Fault::new(message).hint("two_factor or signed_in")));
                Assurance::SignedIn
            }
        };
        let capability = settings.capability.as_ref();
        if let Some(written) = capability.filter(|written| !is_capability(&written.value)) {
            let message = format!("`tailscale.capability`: `{}` is none", written.value.escape_debug());
            let hint = "a domain of your own and a path, such as \"example.com/cap/aegis\"";
            fault(written.fault(Fault::new(message).hint(hint)));
        }
        let client_port_header = settings.client_port_header.as_ref().and_then(|written| {
            let name = HeaderName::try_from(written.value.as_str()).ok();
            if name.as_ref().is_none_or(|name| name.as_str().starts_with("x-forwarded-")) {
                let message =
                    format!("`tailscale.client_port_header` cannot be `{}`", written.value.escape_debug());
                let hint = "a header that your proxy sets to the client's own port, such as \"X-Client-Port\"; \
                            X-Forwarded-Port is the server's";
                fault(written.fault(Fault::new(message).hint(hint)));
            }
            name
        });
        let roles = names(&settings.roles, &mut fault);
        let users = people("users", &settings.users, &mut fault);
        let shared = people("shared", &settings.shared, &mut fault);
        let mut tags = HashMap::new();
        for (tag, written) in &settings.tags {
            if !tag.starts_with("tag:") {
                let message = format!("[tailscale.tags]: `{}` is no tag", tag.escape_debug());
                fault(written.fault(Fault::new(message).hint("such as `\"tag:ci\" = { user = \"ci\" }`")));
            }
            let Some(user) = &written.value.user else {
                let message = format!("[tailscale.tags]: `{}` has no `user`", tag.escape_debug());
                fault(
                    written
                        .fault(Fault::new(message).hint("the name such a device has, as in `user = \"ci\"`")),
                );
                continue;
            };
            let Some(name) = parsed::<Username>(user, &mut fault) else { continue };
            if users.values().chain(shared.values()).any(|person| *person == name) {
                let message =
                    format!("[tailscale.tags]: `{}` is `{name}`, who is a person", tag.escape_debug());
                fault(user.fault(
                    Fault::new(message).hint("a machine is never a person: give it a name of its own"),
                ));
            }
            let mut roles = names(&written.value.roles, &mut fault);
            roles.sort_unstable();
            roles.dedup();
            tags.insert(tag.as_str().into(), Machine { name, roles: roles.into() });
        }
        faults.or(Self {
            counts_as,
            auto_create: settings.auto_create.value.then(|| roles.into()),
            trust_loopback: settings.trust_loopback.value,
            capability: capability.map(|written| written.value.as_str().into()),
            client_port_header,
            users,
            shared,
            tags,
            dropped: AtomicU64::new(0),
        })
    }

    /// How far an identity of the tailnet reaches.
    pub fn counts_as(&self) -> Assurance {
        self.counts_as
    }

    /// Whether a proxy that only asks from loopback is believed about the tailnet.
    pub fn trusts_loopback(&self) -> bool {
        self.trust_loopback
    }

    /// The header in which the proxy tells the client's port.
    pub fn client_port_header(&self) -> Option<&HeaderName> {
        self.client_port_header.as_ref()
    }

    /// The roles of a user that is made at first sight; nothing where none is made.
    pub fn auto_create(&self) -> Option<&[Role]> {
        self.auto_create.as_deref()
    }

    /// The username of the person of the own tailnet with that login.
    pub fn user(&self, login: &str) -> Option<&Username> {
        self.users.get(folded(login).as_str())
    }

    /// The username of the person of another tailnet with that login, if they are listed.
    pub fn shared_user(&self, login: &str) -> Option<&Username> {
        self.shared.get(folded(login).as_str())
    }

    /// Whether the settings say who `username` is on the tailnet: a machine, or the person of some login.
    pub fn keeps(&self, username: &Username) -> bool {
        let people = self.users.values().chain(self.shared.values());
        people.chain(self.tags.values().map(|machine| &machine.name)).any(|kept| kept == username)
    }

    /// Whether the settings say whose account the person with that login is.
    pub fn names(&self, login: &str) -> bool {
        self.user(login).or_else(|| self.shared_user(login)).is_some()
    }

    /// What a device with these tags is; nothing if none of them is listed, or if they name several.
    pub fn machine<'t>(&self, tags: impl IntoIterator<Item = &'t str>) -> Option<Machine> {
        let mut found: Option<Machine> = None;
        for machine in tags.into_iter().filter_map(|tag| self.tags.get(tag)) {
            match &mut found {
                None => found = Some(machine.clone()),
                Some(one) if one.name == machine.name => {
                    let mut roles: Vec<Role> = one.roles.iter().chain(&machine.roles).cloned().collect();
                    roles.sort_unstable();
                    roles.dedup();
                    one.roles = roles.into();
                }
                Some(_) => return None,
            }
        }
        found
    }

    /// The capability whose grants give roles.
    pub fn capability(&self) -> Option<&str> {
        self.capability.as_deref()
    }

    /// The roles that the `elements` of a grant give at `app`: of all that are for it, together. One that
    /// cannot be read gives nothing and is counted.
    pub fn granted(&self, elements: &[serde_json::Value], app: &AppName) -> Vec<Role> {
        let mut roles = Vec::new();
        for element in elements {
            match read_element(element) {
                Some((granted, apps)) => {
                    if apps.is_none_or(|apps| apps.iter().any(|pattern| is_for(pattern, app))) {
                        roles.extend(granted);
                    }
                }
                None => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        roles
    }

    /// How many of these elements cannot be read, whichever the app.
    pub fn unreadable(elements: &[serde_json::Value]) -> usize {
        elements.iter().filter(|element| read_element(element).is_none()).count()
    }

    /// How many elements of grants could not be read since these rules were.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The most roles, and the most apps, that one element may name.
const MOST: usize = 256;

fn read_element(element: &serde_json::Value) -> Option<(Vec<Role>, Option<Vec<String>>)> {
    let Element { roles, apps } = Element::deserialize(element).ok()?;
    if roles.len() > MOST
        || apps.as_ref().is_some_and(|apps| apps.len() > MOST || !apps.iter().all(is_pattern))
    {
        return None;
    }
    let roles = roles.iter().map(|role| role.parse().ok()).collect::<Option<_>>()?;
    Some((roles, apps))
}

/// `arlo`, `*`, `arlo-*`: the name of an app, of which a star at the end stands for the rest.
#[expect(clippy::ptr_arg, reason = "it judges the items of a list of them")]
fn is_pattern(text: &String) -> bool {
    match text.strip_suffix('*') {
        Some("") => true,
        Some(start) => start.parse::<AppName>().is_ok(),
        None => text.parse::<AppName>().is_ok(),
    }
}

fn is_for(pattern: &str, app: &AppName) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => app.as_str().starts_with(start),
        None => pattern == app.as_str(),
    }
}

/// A login in the form in which logins are compared: two that differ in the case of ASCII letters are one.
fn folded(login: &str) -> String {
    login.to_ascii_lowercase()
}

fn is_capability(text: &str) -> bool {
    let Some((domain, path)) = text.split_once('/') else { return false };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'/');
    text.len() <= 200 && domain.contains('.') && !path.is_empty() && text.bytes().all(plain)
}

fn people(
    section: &str,
    written: &std::collections::BTreeMap<String, Placed<String>>,
    fault: &mut impl FnMut(Fault),
) -> HashMap<Box<str>, Username> {
    let mut people = HashMap::new();
    for (login, username) in written {
        if login.is_empty() || login.len() > LONGEST_LOGIN || login.chars().any(char::is_control) {
            let message = format!("[tailscale.{section}]: `{}` is no login", login.escape_debug());
            fault(
                username
                    .fault(Fault::new(message).hint("as `tailscale status` or the admin console shows it")),
            );
            continue;
        }
        let Some(parsed) = parsed::<Username>(username, fault) else { continue };
        if people.insert(folded(login).into(), parsed).is_some() {
            let message = format!("[tailscale.{section}] names `{}` twice", login.escape_debug());
            fault(
                username.fault(Fault::new(message).hint("logins are one whatever the case of their letters")),
            );
        }
    }
    people
}

fn names<T: std::str::FromStr<Err = NotAccepted>>(
    written: &[Placed<String>],
    fault: &mut impl FnMut(Fault),
) -> Vec<T> {
    written.iter().filter_map(|name| parsed(name, fault)).collect()
}

fn parsed<T: std::str::FromStr<Err = NotAccepted>>(
    written: &Placed<String>,
    fault: &mut impl FnMut(Fault),
) -> Option<T> {
    let parsed = written.value.parse();
    if let Err(why) = &parsed {
        let message = format!("`{}`: {why}", written.value.escape_debug());
        fault(written.fault(Fault::new(message).hint("mend it, or take it out")));
    }
    parsed.ok()
}

#[cfg(test)]
mod tests;
