//! The tailnet: whose device a request comes from. Owns when the local tailscaled is asked at all, and
//! who its answer is among our users.
//!
//! Promises: an identity rests on an address that a proxy told who is more than an address itself, on a
//! request that this site or the visitor caused, and on an answer of at most five seconds; a person is
//! known by tailnet and id, never by a name; a machine is never a person.
//! Never: makes a session, or is a fresh factor.

mod rules;
mod sighted;

use std::sync::Arc;

use http::HeaderMap;
use uuid::Uuid;

use super::{Authenticate, Basis, Credential, Handles, Recognised};
use crate::clock::{Mono, Now, Seldom, Wall};
use crate::error::Error;
use crate::forwarded::Vouched;
use crate::identity::{AppName, Assurance, Found, Identity, Method, Part, Person, UserId, Username, Why};
use crate::place::ClientAddress;
use crate::secret::fingerprint;
use crate::tailscale::{Answer, Device, Owner, Place, Tailscale};
use crate::users::{Foreseen, Standing, User, Users};
use crate::web::cookies::{self, Cookie};

pub use rules::{Machine, Rules};
pub use sighted::{Guest, Reason, Sighted, Unasked};

/// What people and machines of the tailnet are known with.
pub struct Tailnet {
    /// The local tailscaled.
    pub tailscale: Arc<Tailscale>,
    users: Users,
    told: Seldom,
}

/// What is ambient about a request: it says something of the device, and nothing of who caused it.
#[derive(Clone, Copy, Debug)]
pub struct Ambient<'a> {
    /// The visitor's address.
    pub address: Option<ClientAddress>,
    /// What speaks for the proxy that told it.
    pub vouched: Option<Vouched>,
    /// Whether it came over Tailscale Funnel.
    pub funnel: bool,
    /// Whether it reaches as far as a cookie with `SameSite=Lax`.
    pub lax: bool,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

/// Why the tailnet is not asked about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// There is no tailnet here.
    NoTailnet,
    /// The address is unknown, or none of the tailnet's, or came over Funnel: the internet.
    NotFromThere,
    /// Nothing but an address speaks for the proxy that told the address.
    Unvouched,
    /// Another site caused it.
    Foreign,
    /// The person signed out in this browser.
    SignedOut,
}

/// Why somebody asks who is on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// They come: whoever is seen for the first time is bound, or made a user.
    Visit,
    /// An operator wants to know: nothing is written.
    Look,
}

impl Tailnet {
    /// What `tailscale` knows, among `users`.
    pub fn new(tailscale: Arc<Tailscale>, users: Users) -> Self {
        Self { tailscale, users, told: Seldom::default() }
    }

    /// Which device a request comes from, if an identity may rest on that. Asks nobody.
    pub(super) fn place(&self, rules: &Rules, ambient: &Ambient<'_>, now: Mono) -> Result<Place, Elsewhere> {
        let place = match ambient.address {
            Some(address) if self.tailscale.may_be_there(address) => Place::Address(address),
            Some(address) if address.ip().is_loopback() => {
                let port = rules.client_port_header().and_then(|name| port(ambient.headers, name));
                let port = port.ok_or(Elsewhere::NotFromThere)?;
                Place::Loopback((address.ip(), port).into())
            }
            Some(_) | None => return Err(Elsewhere::NotFromThere),
        };
        if ambient.funnel {
            return Err(Elsewhere::NotFromThere);
        }
        let believed = match ambient.vouched {
            Some(Vouched::Surely) => true,
            Some(Vouched::ByLoopback) => rules.trusts_loopback() || self.tailscale.node().tun == Some(true),
            Some(Vouched::ByAddress) | None => false,
        };
        if !believed {
            self.tell_of_unvouched(ambient, now);
            return Err(Elsewhere::Unvouched);
        }
        if !ambient.lax {
            return Err(Elsewhere::Foreign);
        }
        if cookies::read(ambient.headers, Cookie::SignedOut(None).name()).next().is_some() {
            return Err(Elsewhere::SignedOut);
        }
        Ok(place)
    }

    fn tell_of_unvouched(&self, ambient: &Ambient<'_>, now: Mono) {
        if ambient.vouched.is_some() && self.told.again(super::TOLD_AGAIN, now) {
            tracing::warn!(
                event = "tailnet.unvouched",
                "a visitor from the tailnet is not recognised: anybody who can reach the port of Aegis could \
                 name that address. Let the proxy ask over the unix socket, or give it a `proxy_secret_file`"
            );
        }
    }

    pub(super) fn tell_of_unanswered(&self, unasked: &Unasked, now: Mono) {
        if self.told.again(super::TOLD_AGAIN, now) {
            tracing::warn!(event = "tailnet.unanswered", reason = %unasked);
        }
    }

    /// Who is on the device at `place`.
    pub(super) async fn sight(
        &self,
        authenticate: &Authenticate,
        rules: &Rules,
        (place, occasion): (Place, Occasion),
        now: Now,
    ) -> Sighted {
        let answer = match self.tailscale.whois(place, now).await {
            Ok(answer) => answer,
            Err(failure) => return Sighted::Unanswered(Unasked::Tailscale(failure)),
        };
        let device = match &answer.who {
            Ok(device) => device,
            Err(why) => return Sighted::Unusable(Reason::Device(*why)),
        };
        let somebody = match &device.owner {
            Owner::Person(person) => Somebody::Own(person),
            Owner::Shared(person) if rules.shared_user(&person.login).is_some() => Somebody::Shared(person),
            Owner::Shared(_) => return Sighted::Unusable(Reason::Shared),
            Owner::Tagged(tags) => {
                return match rules.machine(tags.iter().map(|tag| &**tag)) {
                    Some(machine) => self.machine(authenticate, rules, machine, device, &answer).await,
                    None => Sighted::Unusable(Reason::Tagged),
                };
            }
        };
        let person = somebody.person();
        match self.person(authenticate, rules, (somebody, occasion), now).await {
            Err(error) => Sighted::Unanswered(Unasked::Store(error)),
            Ok(None) => Sighted::Stranger(person.clone()),
            Ok(Some((user, _))) if !user.active => Sighted::Disabled(person.clone()),
            Ok(Some((user, handles))) => Sighted::Known(Box::new(Guest {
                identity: user.on_tailnet(reach(rules, device)),
                login: person.login.clone(),
                handles: Handles { tailnet: Some(answer.generation), ..handles },
                answer,
            })),
        }
    }

    /// The account of `somebody`, and what falls when it, or the link to it, changes.
    async fn person(
        &self,
        authenticate: &Authenticate,
        rules: &Rules,
        (somebody, occasion): (Somebody<'_>, Occasion),
        now: Now,
    ) -> Result<Option<(User, Handles)>, Error> {
        let linked = || async {
            match occasion {
                Occasion::Visit => self.linked(rules, somebody, now.wall).await,
                Occasion::Look => self.foreseen(rules, somebody).await,
            }
        };
        let Some(mut id) = linked().await? else { return Ok(None) };
        loop {
            let handles = Handles {
                generation: authenticate.changes.generation(),
                user: authenticate.changes.live_user(id),
                own: None,
                tailnet: None,
            };
            // Read again: what changed before the handles were taken would not be heard.
            match linked().await? {
                None => return Ok(None),
                Some(again) if again != id => id = again,
                Some(_) => return Ok(self.users.by_id(id).await?.map(|user| (user, handles))),
            }
        }
    }

    /// Whose account `somebody` is linked to, now or from this moment on.
    async fn linked(
        &self,
        rules: &Rules,
        somebody: Somebody<'_>,
        now: Wall,
    ) -> Result<Option<UserId>, Error> {
        let person = somebody.person();
        let link = self.users.tailnet_link(person, now).await?;
        if let Some(link) = link.filter(|link| !link.ended) {
            // Bound by the settings under that login; they say today whose it is, or nobody's.
            return Ok(match (link.account, somebody.named(rules, &link.login)) {
                (Some(account), _) => Some(account),
                (None, Some(username)) => self.users.by_login(username.as_str()).await?.map(|user| user.id),
                (None, None) => None,
            });
        }
        let mapped = somebody.named(rules, &person.login);
        let reserved = |username: &Username| rules.keeps(username);
        Ok(match (somebody, mapped) {
            (Somebody::Own(_), Some(_)) => {
                self.users.first_sight(person, mapped, None, reserved, now).await?
            }
            (Somebody::Own(_), None) => {
                self.users.first_sight(person, None, rules.auto_create(), reserved, now).await?
            }
            (Somebody::Shared(_), Some(username)) => {
                self.users.first_sight_of_shared(person, username, now).await?
            }
            (Somebody::Shared(_), None) => None,
        })
    }

    /// The same for somebody who only looks; a user who is yet to be made is nobody.
    async fn foreseen(&self, rules: &Rules, somebody: Somebody<'_>) -> Result<Option<UserId>, Error> {
        let standing = match somebody {
            Somebody::Own(_) => Standing::Own { creates: rules.auto_create().is_some() },
            Somebody::Shared(_) => Standing::Shared,
        };
        let named = |login: &str| somebody.named(rules, login);
        Ok(match self.users.foresee(somebody.person(), standing, named).await? {
            Foreseen::Is(user) | Foreseen::Becomes(user) => Some(user),
            Foreseen::Made
            | Foreseen::NamesNobody
            | Foreseen::WasAnothers
            | Foreseen::Ended
            | Foreseen::Stranger => None,
        })
    }

    /// A device with a tag, as the machine that the settings say it is.
    async fn machine(
        &self,
        authenticate: &Authenticate,
        rules: &Rules,
        machine: Machine,
        device: &Device,
        answer: &Arc<Answer>,
    ) -> Sighted {
        let user = id_of_machine(&machine.name);
        let handles = Handles {
            generation: authenticate.changes.generation(),
            user: authenticate.changes.live_user(user),
            own: None,
            tailnet: Some(answer.generation),
        };
        match self.users.is_taken(&machine.name).await {
            Err(error) => return Sighted::Unanswered(Unasked::Store(error.into())),
            Ok(true) => {
                tracing::debug!(event = "tailnet.machine_is_a_person", name = %machine.name);
                return Sighted::Unusable(Reason::Tagged);
            }
            Ok(false) => {}
        }
        let identity = Identity {
            user,
            email: None,
            name: machine.name.as_str().into(),
            roles: machine.roles.into_vec().into(),
            administrator: false,
            methods: [Method::Tailnet].into(),
            assurance: reach(rules, device),
            authenticated_at: None,
            session: None,
            username: machine.name,
        };
        let login = identity.username.as_str().into();
        Sighted::Known(Box::new(Guest { identity, login, answer: answer.clone(), handles }))
    }

    /// Who is on the device at `place`, for `app`.
    pub(super) async fn find<'a>(
        &self,
        authenticate: &Authenticate,
        rules: &Rules,
        (place, occasion): (Place, Occasion),
        app: &AppName,
        now: Now,
    ) -> Recognised<'a> {
        let found = match self.sight(authenticate, rules, (place, occasion), now).await {
            Sighted::Known(guest) => {
                let unread = rules.dropped();
                let identity = Arc::new(guest.identity(rules, Some(app)));
                if rules.dropped() > unread && self.told.again(super::TOLD_AGAIN, now.mono) {
                    tracing::warn!(
                        event = "tailnet.grant_unread",
                        user = %identity.username,
                        dropped = rules.dropped(),
                        hint = "elements are {\"roles\": [\"admin\"], \"apps\": [\"arlo\", \"*\"]}; one that is not gives nothing"
                    );
                }
                let basis = Basis {
                    credential: Credential::Device(place),
                    identity: identity.clone(),
                    scope: None,
                    until: Wall(i64::MAX),
                    until_mono: Some(guest.until()),
                    session: None,
                    handles: guest.handles,
                };
                return Recognised { found: Found::Known(identity), by: Some(basis) };
            }
            Sighted::Stranger(_) | Sighted::Unusable(_) => Found::Nobody,
            Sighted::Disabled(_) => Found::Refused(Why::Disabled),
            Sighted::Unanswered(unasked) => {
                self.tell_of_unanswered(&unasked, now.mono);
                Found::Unanswered(match unasked {
                    Unasked::Tailscale(_) => Part::Tailscale,
                    Unasked::Store(_) => Part::Store,
                })
            }
        };
        Recognised { found, by: None }
    }
}

/// A person on a device: of the own tailnet, or one of another who is listed.
#[derive(Clone, Copy)]
enum Somebody<'p> {
    Own(&'p Person),
    Shared(&'p Person),
}

impl<'p> Somebody<'p> {
    fn person(self) -> &'p Person {
        match self {
            Self::Own(person) | Self::Shared(person) => person,
        }
    }

    /// The username that the settings name for such a person's login.
    fn named<'r>(self, rules: &'r Rules, login: &str) -> Option<&'r Username> {
        match self {
            Self::Own(_) => rules.user(login),
            Self::Shared(_) => rules.shared_user(login),
        }
    }
}

/// How far `device` reaches: one that routes for others may be any of them.
fn reach(rules: &Rules, device: &Device) -> Assurance {
    if device.routes { Assurance::SignedIn } else { rules.counts_as() }
}

/// The id of a machine: always the same, and that of no account (`UUIDv8`, RFC 9562, section 5.8).
fn id_of_machine(name: &Username) -> UserId {
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
        fingerprint(&format!("machine of the tailnet\0{name}"));
    UserId(Uuid::new_v8(first))
}

/// The one port that the header tells.
fn port(headers: &HeaderMap, name: &http::HeaderName) -> Option<u16> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok()?.parse().ok().filter(|port| *port != 0),
        (Some(_) | None, _) => None,
    }
}
