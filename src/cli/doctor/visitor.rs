//! Who it is that comes from an address of the tailnet, here and now, and why nobody if nobody. Asks the
//! daemon and reads the record; the first sight of a person is left to when they come.

use std::sync::Arc;

use super::finding::{Finding, State, listed};
use crate::authenticate::tailnet::Rules;
use crate::clock::Now;
use crate::identity::{Assurance, Person, Role};
use crate::place::ClientAddress;
use crate::policy::App;
use crate::store::{Store, StoreError};
use crate::tailscale::{Device, Failure, Owner, Place, Tailscale, Unusable};
use crate::users::{Foreseen, Standing, Users};

const ABOUT: &str = "from";

/// What a visitor is judged by.
pub(super) struct House<'a> {
    pub(super) tailscale: &'a Tailscale,
    pub(super) rules: &'a Rules,
    pub(super) apps: &'a [Arc<App>],
    pub(super) store: Option<&'a Store>,
}

impl House<'_> {
    /// Everything that decides what somebody at `from` may do by that.
    pub(super) async fn look(&self, from: ClientAddress, now: Now) -> Vec<Finding> {
        if !self.tailscale.may_be_there(from) {
            let what = format!("{from} is no address of a device of the tailnet: it is the internet's");
            let hint = "which addresses are the tailnet's, `tailscale.networks` says";
            return vec![Finding::note(ABOUT, what).hint(hint)];
        }
        // Nothing is answered but what the daemon is heard about.
        let asked = tokio::select! {
            asked = self.tailscale.whois(Place::Address(from), now) => asked,
            Err(_) = self.tailscale.listen() => Err(Failure::Down),
        };
        let answer = match asked {
            Ok(answer) => answer,
            Err(failure) => return vec![Finding::wrong(ABOUT, failure.to_string()).hint(failure.hint())],
        };
        match &answer.who {
            Ok(device) => self.device(from, device).await,
            Err(why) => {
                let finding = Finding::note(ABOUT, format!("{from}: {}", why.words()));
                vec![finding.hint(advice(*why))]
            }
        }
    }

    async fn device(&self, from: ClientAddress, device: &Device) -> Vec<Finding> {
        let name_of_it = if device.name.is_empty() { "a device without a name" } else { &*device.name };
        let mut findings = Vec::new();
        let person = |person: &Person| {
            let name = if person.name.is_empty() { String::new() } else { format!(" ({})", person.name) };
            format!("{from} is {name_of_it}, of {}{name}", person.login)
        };
        let whose = match &device.owner {
            Owner::Person(owner) => {
                findings.push(Finding::ok(ABOUT, person(owner)));
                self.account(owner, self.own()).await
            }
            Owner::Shared(owner) => {
                findings.push(Finding::ok(ABOUT, format!("{}, of another tailnet", person(owner))));
                if self.rules.shared_user(&owner.login).is_some() {
                    self.account(owner, Standing::Shared).await
                } else {
                    Finding::note(ABOUT, "people of other tailnets are nobody here unless they are listed")
                        .hint(format!("in [tailscale.shared]: \"{}\" = \"USERNAME\"", owner.login))
                }
            }
            Owner::Tagged(tags) => {
                let tags: Vec<&str> = tags.iter().map(|tag| &**tag).collect();
                findings
                    .push(Finding::ok(ABOUT, format!("{from} is {name_of_it}, tagged {}", listed(&tags))));
                self.machine(&tags).await
            }
        };
        let is_somebody = whose.state == State::Ok;
        findings.push(whose);
        if is_somebody {
            findings.push(self.reach(device));
            findings.extend(self.grants(device));
        }
        findings
    }

    fn own(&self) -> Standing {
        Standing::Own { creates: self.rules.auto_create().is_some() }
    }

    /// Whose account a person is.
    async fn account(&self, person: &Person, standing: Standing) -> Finding {
        let Some(store) = self.store else {
            return Finding::note(ABOUT, "there are no data yet, and so no account that it could be");
        };
        let users = Users::new(store.clone());
        let login = &person.login;
        let (foreseen, section, link) = match standing {
            Standing::Own { .. } => (
                users.foresee(person, standing, |login| self.rules.user(login)).await,
                "tailscale.users",
                format!("`aegis user link USER --tailnet {login}`"),
            ),
            Standing::Shared => (
                users.foresee(person, standing, |login| self.rules.shared_user(login)).await,
                "tailscale.shared",
                "people of other tailnets can sign in with a password".to_owned(),
            ),
        };
        let foreseen = match foreseen {
            Ok(foreseen) => foreseen,
            Err(error) => return unread(&error),
        };
        match foreseen {
            Foreseen::Is(user) | Foreseen::Becomes(user) => {
                let user = match users.by_id(user).await {
                    Ok(user) => user,
                    Err(error) => return unread(&error),
                };
                match user {
                    Some(user) if !user.active => {
                        Finding::note(ABOUT, format!("that is {}, whose account is disabled", user.username))
                            .hint(format!("`aegis user enable {}`", user.username))
                    }
                    Some(user) if matches!(foreseen, Foreseen::Is(_)) => {
                        Finding::ok(ABOUT, format!("that is {} here", user.username))
                    }
                    Some(user) => {
                        Finding::ok(ABOUT, format!("that is {} here, from the first visit on", user.username))
                    }
                    None => Finding::note(ABOUT, "the account that it was linked to is deleted").hint(link),
                }
            }
            Foreseen::Made => Finding::ok(ABOUT, "becomes a new user at the first visit (`auto_create`)"),
            Foreseen::NamesNobody => Finding::note(
                ABOUT,
                format!("the username that [{section}] names for {login} does not exist"),
            )
            .hint("`aegis user add`, or mend the line"),
            Foreseen::WasAnothers => {
                let what = format!(
                    "[{section}] names {login}, and that login was another person's before: this one is nobody"
                );
                Finding::note(ABOUT, what).hint(format!("if it is the right one: {link}"))
            }
            Foreseen::Ended => Finding::note(ABOUT, "was linked here, and that was ended").hint(link),
            Foreseen::Stranger => Finding::note(ABOUT, format!("{login} is linked to no account here"))
                .hint(format!("{link}, or a line in [{section}]")),
        }
    }

    /// Which machine a device with these tags is.
    async fn machine(&self, tags: &[&str]) -> Finding {
        let Some(machine) = self.rules.machine(tags.iter().copied()) else {
            let what = "its tags name no machine, or several: it is nobody here";
            let hint = "in [tailscale.tags]: \"tag:ci\" = { user = \"ci\", roles = [\"robot\"] }";
            return Finding::note(ABOUT, what).hint(hint);
        };
        let name = &machine.name;
        let taken = match self.store {
            Some(store) => Users::new(store.clone()).is_taken(name).await,
            None => Ok(false),
        };
        match taken {
            Err(error) => unread(&error),
            Ok(true) => {
                let what = format!("[tailscale.tags] names it {name}, which is a person here, now or once");
                Finding::note(ABOUT, what).hint("give it a name that no person had")
            }
            Ok(false) => {
                Finding::ok(ABOUT, format!("that is the machine {name}, with {}", roles(&machine.roles)))
            }
        }
    }

    /// How far it reaches.
    fn reach(&self, device: &Device) -> Finding {
        match (device.routes, self.rules.counts_as()) {
            (true, _) => Finding::note(
                ABOUT,
                "it routes for others, who would all be this one: it counts as signed_in at most",
            )
            .hint("apps with `require = \"two_factor\"` are closed to it; a node that only routes may have a tag"),
            (false, Assurance::TwoFactor) => Finding::ok(ABOUT, "it counts as two_factor"),
            (false, _) => Finding::ok(ABOUT, "it counts as signed_in (`counts_as`)"),
        }
    }

    /// What the policy of the tailnet gives it, app by app.
    fn grants(&self, device: &Device) -> Vec<Finding> {
        let Some(capability) = self.rules.capability() else { return Vec::new() };
        let elements = device.grants.of(capability);
        let mut findings = Vec::new();
        for app in self.apps {
            let granted = self.rules.granted(elements, app.name());
            if !granted.is_empty() {
                findings
                    .push(Finding::ok(ABOUT, format!("at {}: {} by grants", app.name(), roles(&granted))));
            }
        }
        let unreadable = Rules::unreadable(elements);
        if unreadable > 0 {
            let what = format!(
                "{unreadable} of {} elements of {capability} cannot be read, and give nothing",
                elements.len()
            );
            let hint =
                "an element is {\"roles\": [\"admin\"], \"apps\": [\"arlo\"]}; without `apps` it is for all";
            findings.push(Finding::note(ABOUT, what).hint(hint));
        } else if findings.is_empty() {
            let what = format!("no grant of {capability} gives it a role at an app");
            findings.push(Finding::ok(ABOUT, what));
        }
        findings
    }
}

fn roles(roles: &[Role]) -> String {
    let names: Vec<&str> = roles.iter().map(Role::as_str).collect();
    match names.as_slice() {
        [] => "no role".to_owned(),
        [one] => format!("the role {one}"),
        several => format!("the roles {}", listed(several)),
    }
}

fn unread(error: &StoreError) -> Finding {
    Finding::wrong(ABOUT, format!("whose account that is could not be read: {error}"))
}

/// What to do about a device that says nothing of who uses it.
fn advice(why: Unusable) -> &'static str {
    match why {
        Unusable::NotThere => "`tailscale status` on this machine lists the devices that it sees",
        Unusable::ThisNode => {
            "what comes from this machine itself is nobody, because anything that runs here could"
        }
        Unusable::Expired => "log in to Tailscale on it again, or extend its key in the admin console",
        Unusable::Jailed => {
            "a device that is shared with this tailnet does not come in by that; invite its owner"
        }
        Unusable::Unsigned => "sign it: `tailscale lock sign`",
        Unusable::WireGuardOnly => "nothing says who uses it; sign in with a password there",
        Unusable::NotAuthorized => "approve it in the admin console",
        Unusable::OtherTailnet => {
            "only people with whom this machine is shared can be listed in [tailscale.shared]"
        }
    }
}
