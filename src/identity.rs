//! The vocabulary of who: ids, names, roles, how somebody was recognised and how far that reaches.
//!
//! Promises: a value of these types is well formed; what is not is refused where it enters.
//! Never: looks anything up, decides anything.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

use crate::clock::Wall;

/// Why a name, address or role was not accepted, in a sentence an operator can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAccepted(pub &'static str);

impl fmt::Display for NotAccepted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for NotAccepted {}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one (`UUIDv7`, RFC 9562): later ones sort after earlier ones.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = NotAccepted;
            fn from_str(text: &str) -> Result<Self, NotAccepted> {
                Uuid::try_parse(text).map(Self).map_err(|_| NotAccepted("not an id"))
            }
        }
    };
}

id! {
    /// Names a user for ever.
    UserId
}
id! {
    /// Names a session in public: in tokens, lists and the record. Not the cookie's value.
    SessionId
}
id! {
    /// Names an API token in lists and in the record. Not the token itself.
    ApiTokenId
}

id! {
    /// Names a sign-in that waits for a second factor. Not what its browser holds.
    ChallengeId
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text! {
    /// The name a user is known by to apps: `[a-z0-9._-]{1,32}`, never given to another account.
    Username
}
text! {
    /// An e-mail address, in lower case: two spellings of one address are equal.
    Email
}
text! {
    /// A role for apps: `[a-z0-9][a-z0-9_.:-]{0,63}`.
    Role
}
text! {
    /// A login of a tailnet, in ASCII lower case: compared whole. No e-mail address, whatever it looks like.
    TailnetLogin
}
text! {
    /// The name of an app in the configuration: `[a-z0-9][a-z0-9-]{0,63}`. The audience of its tokens.
    AppName
}

impl FromStr for Username {
    type Err = NotAccepted;
    fn from_str(text: &str) -> Result<Self, NotAccepted> {
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(NotAccepted("a username is 1 to 32 of a-z, 0-9, dot, underscore and dash"))
        }
    }
}

impl Username {
    /// A username made from the part of `email` before the `@`: what does not fit becomes a dash.
    pub fn from_email(email: &Email) -> Self {
        Self::from_local(email.as_str())
    }

    /// A username made from the part of a tailnet's `login` before the `@`, if it has one.
    pub fn from_login(login: &TailnetLogin) -> Self {
        Self::from_local(login.as_str())
    }

    fn from_local(text: &str) -> Self {
        let local = text.split('@').next().unwrap_or_default();
        let mut name: String = local
            .chars()
            .map(|character| match character {
                'a'..='z' | '0'..='9' | '.' | '_' | '-' => character,
                _ => '-',
            })
            .collect();
        name.truncate(32);
        Self(if name.is_empty() { "user".into() } else { name.into() })
    }

    /// The same name with `number` at its end, for when it is taken.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let number = number.to_string();
        let mut name = self.0.to_string();
        name.truncate(32 - number.len());
        Self(format!("{name}{number}").into())
    }
}

impl FromStr for Email {
    type Err = NotAccepted;
    fn from_str(text: &str) -> Result<Self, NotAccepted> {
        const WRONG: NotAccepted = NotAccepted("an e-mail address has the form name@example.com");
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(WRONG)?;
        let plain = |part: &str| {
            !part.is_empty()
                && !part.chars().any(|character| {
                    character.is_control()
                        || character.is_whitespace()
                        || matches!(character, ',' | '<' | '>' | '"' | '@' | '(' | ')' | ';' | ':' | '\\')
                })
        };
        if text.len() > 254 || local.len() > 64 || !plain(local) || !plain(domain) {
            return Err(WRONG);
        }
        Ok(Self(text.to_lowercase().into()))
    }
}

impl FromStr for TailnetLogin {
    type Err = NotAccepted;
    fn from_str(text: &str) -> Result<Self, NotAccepted> {
        let splits = |character: char| character.is_control() || character.is_whitespace();
        if (1..=254).contains(&text.len()) && !text.contains(splits) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(NotAccepted(
                "a login of the tailnet is 1 to 254 characters without a space, such as sam@github",
            ))
        }
    }
}

impl TailnetLogin {
    /// The e-mail address that this login is, if it is one: `sam@example.com`, and not `sam@github`.
    pub fn email(&self) -> Option<Email> {
        let (_, domain) = self.0.rsplit_once('@')?;
        let labels = domain.split('.').filter(|label| !label.is_empty()).count();
        (labels > 1 && labels == domain.split('.').count()).then(|| self.0.parse().ok()).flatten()
    }
}

impl FromStr for Role {
    type Err = NotAccepted;
    fn from_str(text: &str) -> Result<Self, NotAccepted> {
        let mut bytes = text.bytes();
        let fits = text.len() <= 64
            && bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b':' | b'-'));
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(NotAccepted(
                "a role is 1 to 64 of a-z, 0-9, underscore, dot, colon and dash, and starts with a letter or digit",
            ))
        }
    }
}

impl FromStr for AppName {
    type Err = NotAccepted;
    fn from_str(text: &str) -> Result<Self, NotAccepted> {
        let mut bytes = text.bytes();
        let fits = text.len() <= 64
            && bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(NotAccepted("the name of an app is 1 to 64 of a-z, 0-9 and dash"))
        }
    }
}

/// One way in which somebody showed who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// The account's password.
    Password,
    /// A tap on the right number in Telegram.
    Telegram,
    /// A code of an authenticator app (RFC 6238).
    Totp,
    /// A passkey that verified its user: two factors in one (`WebAuthn`).
    Passkey,
    /// A recovery code, each of which counts once.
    RecoveryCode,
    /// An API token, which somebody made who had shown two factors.
    Token,
    /// The local tailscaled knows whose device it is. Never of a session: it is asked anew.
    Tailnet,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Password,
        Self::Telegram,
        Self::Totp,
        Self::Passkey,
        Self::RecoveryCode,
        Self::Token,
        Self::Tailnet,
    ];

    /// As it stands in `Remote-Auth-Method` and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Telegram => "telegram",
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::RecoveryCode => "recovery_code",
            Self::Token => "token",
            Self::Tailnet => "tailnet",
        }
    }

    /// As it stands in a token's `amr` (RFC 8176, section 2; `token` and `tailnet` are names of our own).
    pub fn amr(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::Telegram => "mca",
            Self::Totp | Self::RecoveryCode => "otp",
            Self::Passkey => "pop",
            Self::Token => "token",
            Self::Tailnet => "tailnet",
        }
    }

    /// The method of that [`name`](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// What was shown once this is shown after `before`: each once, in the order of their last showing.
    pub fn after(self, before: &[Self]) -> Vec<Self> {
        before.iter().copied().filter(|shown| *shown != self).chain([self]).collect()
    }

    /// Whether it is more than a password: what it adds to one makes two factors.
    pub fn is_second_factor(self) -> bool {
        match self {
            Self::Telegram | Self::Totp | Self::Passkey | Self::RecoveryCode => true,
            Self::Password | Self::Token | Self::Tailnet => false,
        }
    }
}

/// How far an identity reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assurance {
    /// One factor.
    SignedIn,
    /// Two factors, or one that counts as two.
    TwoFactor,
}

impl Assurance {
    /// How far a session or a token reaches in which these were shown. (How far a device of the tailnet
    /// reaches is for the settings to say.)
    pub fn of(methods: &[Method]) -> Self {
        let counts = |method: &Method| match method {
            Method::Passkey | Method::Token => true,
            Method::Telegram | Method::Totp | Method::RecoveryCode => methods.contains(&Method::Password),
            Method::Password | Method::Tailnet => false,
        };
        if methods.iter().any(counts) { Self::TwoFactor } else { Self::SignedIn }
    }
}

/// What a rule asks of a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Require {
    /// Everybody, as nobody: identity headers are sent empty.
    Public,
    /// Everybody, with identity where it is known.
    Optional,
    /// Somebody who is signed in.
    SignedIn,
    /// Somebody who has shown two factors.
    TwoFactor,
    /// Somebody on the tailnet, by whois of this very request.
    Tailnet,
    /// Nobody.
    Deny,
}

/// Who somebody is, taken from the live record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub user: UserId,
    /// Its name.
    pub username: Username,
    /// Its address, if it has one.
    pub email: Option<Email>,
    /// The display name, or the username where there is none.
    pub name: Box<str>,
    /// Its roles, sorted.
    pub roles: Arc<[Role]>,
    /// Whether it administers Aegis. No role gives that.
    pub administrator: bool,
    /// How it was recognised, in the order it happened.
    pub methods: Arc<[Method]>,
    /// How far that reaches.
    pub assurance: Assurance,
    /// When it last showed a factor, where it did.
    pub authenticated_at: Option<Wall>,
    /// The session it acts in, where there is one.
    pub session: Option<SessionId>,
}

impl Identity {
    /// `password`, `password+telegram`, …: the value of `Remote-Auth-Method`.
    pub fn method_names(&self) -> String {
        let names: Vec<&str> = self.methods.iter().map(|method| method.name()).collect();
        names.join("+")
    }

    /// The claim `amr` (RFC 8176): how it was recognised, each once, and `mfa` for two factors that were shown.
    pub fn amr(&self) -> Vec<&'static str> {
        let mut amr: Vec<&'static str> = Vec::with_capacity(self.methods.len() + 1);
        for method in self.methods.iter().map(|method| method.amr()) {
            if !amr.contains(&method) {
                amr.push(method);
            }
        }
        if self.methods.iter().any(|method| method.is_second_factor()) {
            amr.push("mfa");
        }
        amr
    }

    /// Whether the tailnet, and nothing else, says who this is.
    pub fn is_by_tailnet(&self) -> bool {
        *self.methods == [Method::Tailnet]
    }

    /// The roles as text.
    pub fn role_names(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(Role::as_str)
    }
}

/// A person of a tailnet, as its control server knows them. `(tailnet, id)` is who they are: a login
/// can be given to somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The tailnet, by its `MagicDNSSuffix`.
    pub tailnet: Arc<str>,
    /// `UserProfile.ID`.
    pub id: i64,
    /// `UserProfile.LoginName`: `sam@github`, `sam@example.com`, with headscale also `sam`. No e-mail address.
    pub login: Box<str>,
    /// `UserProfile.DisplayName`; may be empty.
    pub name: Box<str>,
}

/// What stands before the name of the own tailnet; none has a space in it.
const SHARED_WITH: &str = "shared with ";

impl Person {
    /// What `tailnet` is called for people of others whom something is shared with.
    pub fn tailnet_of_those_shared_with(own: &str) -> Arc<str> {
        format!("{SHARED_WITH}{own}").into()
    }

    /// Whether a person's `tailnet` is that of those.
    pub fn is_of_another(tailnet: &str) -> bool {
        tailnet.starts_with(SHARED_WITH)
    }
}

/// Who did something, for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A signed-in user.
    User(UserId),
    /// Somebody at a door who is not known (yet).
    Visitor,
    /// Whoever ran a command on this machine.
    Command,
    /// Aegis itself.
    Aegis,
}

/// What a look at a request's credentials gave.
#[derive(Clone, Debug)]
pub enum Found {
    /// No credential of ours.
    Nobody,
    /// A credential that counts, and whose it is.
    Known(Arc<Identity>),
    /// A credential of ours that does not count.
    Refused(Why),
    /// Something that had to be asked did not answer.
    Unanswered(Part),
}

/// Why a credential was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has our shape and is not ours, is altered, or is over.
    Invalid,
    /// Its account is disabled.
    Disabled,
    /// It was made for another app.
    Audience,
    /// It was made for other methods or paths of this app.
    Scope,
}

/// A part of the house that others wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The store.
    Store,
    /// The local tailscaled.
    Tailscale,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_what_the_contract_says() {
        for good in ["sam", "a", "sam.h-2_x", "0"] {
            assert!(good.parse::<Username>().is_ok(), "{good:?} is a username");
        }
        let long = "a".repeat(33);
        for bad in ["", "Sam", "sam h", "säm", "sam@x", long.as_str()] {
            assert!(bad.parse::<Username>().is_err(), "{bad:?} is no username");
        }
    }

    #[test]
    fn a_username_is_made_from_an_address() {
        let email: Email = "Sam+H@Example.com".parse().unwrap();
        assert_eq!(email.as_str(), "sam+h@example.com");
        assert_eq!(Username::from_email(&email).as_str(), "sam-h");
        let taken: Username = "a".repeat(32).parse().unwrap();
        assert_eq!(taken.numbered(12).as_str(), format!("{}12", "a".repeat(30)));
    }

    #[test]
    fn addresses_and_roles_that_could_split_a_header_are_refused() {
        for bad in ["sam", "@x", "a@", "a,b@x", "a\r\n@x", "a b@x", "a@b@c"] {
            assert!(bad.parse::<Email>().is_err(), "{bad:?} is no address");
        }
        for bad in ["", "-a", "Admin", "a,b", "a b", "é"] {
            assert!(bad.parse::<Role>().is_err(), "{bad:?} is no role");
        }
        assert!("team:ops.read_1-x".parse::<Role>().is_ok());
    }
}
