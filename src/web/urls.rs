//! Every path of ours, once. Owns the names; who answers them is the route table's matter.

use form_urlencoded::byte_serialize;

use crate::identity::ChallengeId;
use crate::place::Origin;

/// The apps of a person, or the way to sign in.
pub const HOME: &str = "/";
/// The sign-in page and its form.
pub const LOGIN: &str = "/login";
/// POST, perhaps with `rd`: the tailnet tells again who this browser's user is.
pub const LOGIN_TAILNET: &str = "/login/tailnet";
/// What a sign-in waits for on Telegram.
pub const LOGIN_APPROVE: &str = "/login/approve";
/// GET by script, with the sign-in its page shows in `of`: how far that has come, once it has come further.
pub const LOGIN_WAIT: &str = "/login/wait";
/// POST: somebody says that they have approved.
pub const LOGIN_CONTINUE: &str = "/login/continue";
/// A code of an authenticator app: `totp`.
pub const LOGIN_CODE: &str = "/login/code";
/// A recovery code: `recovery_code`.
pub const LOGIN_RECOVERY: &str = "/login/recovery";
/// POST: asks on Telegram once more.
pub const LOGIN_AGAIN: &str = "/login/again";
/// POST: gives the sign-in up.
pub const LOGIN_CANCEL: &str = "/login/cancel";
/// GET shows a button, POST lets somebody who is signed in show a second factor.
pub const LOGIN_STEP_UP: &str = "/login/step-up";
/// A passkey, where a sign-in waits for one.
pub const LOGIN_KEY: &str = "/login/key";
/// POST `ceremony`, `response`, `keep`, `rd` as JSON: signs in with a passkey.
pub const LOGIN_PASSKEY: &str = "/login/passkey";
/// POST: what the browser is to be asked for that.
pub const LOGIN_PASSKEY_OPTIONS: &str = "/login/passkey/options";
/// GET shows a button, POST signs out.
pub const LOGOUT: &str = "/logout";

/// One's own account.
pub const ACCOUNT: &str = "/account";
/// POST `name`.
pub const ACCOUNT_NAME: &str = "/account/name";
/// POST `current`, `new`.
pub const ACCOUNT_PASSWORD: &str = "/account/password";
/// POST `password`: links the person of the tailnet whose device asks.
pub const ACCOUNT_TAILNET: &str = "/account/tailnet";
/// POST `ceremony`, `response`, `name` as JSON: adds a passkey.
pub const ACCOUNT_PASSKEY: &str = "/account/passkey";
/// POST: what the browser is to be asked for that.
pub const ACCOUNT_PASSKEY_OPTIONS: &str = "/account/passkey/options";
/// The first second factor: GET shows the kinds, or what has to happen first; POST `password`.
pub const ACCOUNT_ENROL: &str = "/account/enrol";
/// Sets up an authenticator app: GET, then POST `offer`, `totp`.
pub const ACCOUNT_TOTP: &str = "/account/factors/totp";
/// Links Telegram: POST begins, GET shows how far it has come.
pub const ACCOUNT_TELEGRAM: &str = "/account/factors/telegram";
/// GET by script: whether somebody has answered in Telegram, once somebody has.
pub const ACCOUNT_TELEGRAM_WAIT: &str = "/account/factors/telegram/wait";
/// POST `person`: it is they.
pub const ACCOUNT_TELEGRAM_CONFIRM: &str = "/account/factors/telegram/confirm";
/// POST: it is not they.
pub const ACCOUNT_TELEGRAM_REFUSE: &str = "/account/factors/telegram/refuse";
/// What a passkey is called: GET with `id`, POST `id`, `name`.
pub const ACCOUNT_FACTOR_PASSKEY: &str = "/account/factors/passkey";
/// Recovery codes: GET says what they are, POST makes new ones.
pub const ACCOUNT_RECOVERY: &str = "/account/factors/recovery";
/// Takes away what proves who one is: GET and POST with `factor`.
pub const ACCOUNT_REMOVE: &str = "/account/factors/remove";
/// POST `id`: forgets a browser that is remembered.
pub const ACCOUNT_FORGET_DEVICE: &str = "/account/devices/forget";
/// POST: forgets all of them.
pub const ACCOUNT_FORGET_DEVICES: &str = "/account/devices/forget-all";
/// One's API tokens: GET, and POST `name`, `app-…`, `all-apps`, `allow`, `expires` makes one.
pub const ACCOUNT_TOKENS: &str = "/account/tokens";
/// POST `id`: revokes one.
pub const ACCOUNT_REVOKE_TOKEN: &str = "/account/tokens/revoke";
/// POST `id`: ends one session.
pub const ACCOUNT_END_SESSION: &str = "/account/sessions/end";
/// POST: ends every session but this one, if it is one.
pub const ACCOUNT_END_OTHERS: &str = "/account/sessions/end-others";

/// Makes the first administrator. The code stands in the fragment.
pub const LINK_SETUP: &str = "/link/setup";
/// Chooses a password. The code stands in the fragment.
pub const LINK_PASSWORD: &str = "/link/password";
/// Opens a session in which the first second factor may be added. The code stands in the fragment.
pub const LINK_FACTOR: &str = "/link/factor";

/// POST: a password for a token.
pub const TOKEN: &str = "/auth/token";
/// POST: whether a token counts.
pub const VALIDATE: &str = "/auth/validate";
/// POST: Telegram tells what people wrote and tapped, where it is set up that way.
pub const TELEGRAM_WEBHOOK: &str = "/telegram/webhook";
/// Whether this server can serve.
pub const HEALTH: &str = "/health";
/// The public keys (RFC 7517).
pub const JWKS: &str = "/.well-known/jwks.json";

/// What crawlers may look at: nothing.
pub const ROBOTS: &str = "/robots.txt";

/// The sheet, the script and the icon, each under a name with its hash.
pub const ASSETS: &str = "/assets/";

/// Forward-auth of Caddy, Traefik and HAProxy, and the names other servers gave it.
pub const FORWARD_AUTH: [&str; 4] =
    ["/auth/forward-auth", "/api/authz/forward-auth", "/api/auth/caddy", "/api/auth/traefik"];
/// nginx's `auth_request`, and the names other servers gave it.
pub const NGINX: [&str; 3] = ["/auth/nginx", "/api/authz/auth-request", "/api/auth/nginx"];
/// Envoy's `ext_authz`: the request's own path follows the prefix.
pub const ENVOY: [&str; 2] = ["/auth/envoy", "/api/authz/ext-authz"];

/// The path asked about, if `path` is under one of the prefixes of [`ENVOY`]; never empty.
pub fn envoy(path: &str) -> Option<&str> {
    ENVOY.iter().find_map(|prefix| match path.strip_prefix(prefix)? {
        "" => Some("/"),
        rest if rest.starts_with('/') => Some(rest),
        _ => None,
    })
}

/// `path` on our own site, absolute.
pub fn absolute(public_url: &Origin, path: &str) -> String {
    format!("{public_url}{path}")
}

/// The sign-in page, absolute, that leads back to `return_to`.
pub fn sign_in(public_url: &Origin, return_to: &str) -> String {
    absolute(public_url, &login(Some(return_to)))
}

/// The path of the sign-in page, perhaps with the way back.
pub fn login(return_to: Option<&str>) -> String {
    with_way_back(LOGIN, return_to)
}

/// The path of the page that asks for a second factor, perhaps with the way back.
pub fn step_up(return_to: Option<&str>) -> String {
    with_way_back(LOGIN_STEP_UP, return_to)
}

/// Where the page that shows the sign-in `id` asks how far it has come.
pub fn login_wait(id: ChallengeId) -> String {
    with_field(LOGIN_WAIT, "of", &id.to_string())
}

/// The page that takes that away: `totp`, `telegram`, `passkey:ID`, `tailnet:LOGIN`.
pub fn removal(factor: &str) -> String {
    with_field(ACCOUNT_REMOVE, "factor", factor)
}

/// The page that says what this passkey is called.
pub fn passkey(id: &str) -> String {
    with_field(ACCOUNT_FACTOR_PASSKEY, "id", id)
}

fn with_field(path: &str, name: &str, value: &str) -> String {
    let mut path = format!("{path}?{name}=");
    path.extend(byte_serialize(value.as_bytes()));
    path
}

fn with_way_back(path: &str, return_to: Option<&str>) -> String {
    let mut path = path.to_owned();
    if let Some(return_to) = return_to {
        path.push_str("?rd=");
        path.extend(byte_serialize(return_to.as_bytes()));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_one_parameter_whatever_it_holds() {
        let public_url: Origin = "https://auth.example.com".parse().unwrap();
        let asked = "https://arlo.example.com/a?b=c&rd=https://evil.test/#x";
        let url = url::Url::parse(&sign_in(&public_url, asked)).unwrap();
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        assert_eq!(pairs, [("rd".to_owned(), asked.to_owned())], "asked to return to {asked}, made {url}");
        assert_eq!((url.path(), url.fragment()), (LOGIN, None));
    }

    #[test]
    fn envoy_hands_over_the_path_behind_the_prefix() {
        for (path, expected) in [
            ("/auth/envoy", Some("/")),
            ("/auth/envoy/", Some("/")),
            ("/auth/envoy/a/b", Some("/a/b")),
            ("/api/authz/ext-authz/x", Some("/x")),
            ("/auth/envoyx", None),
            ("/auth", None),
        ] {
            assert_eq!(envoy(path), expected, "asked {path}");
        }
    }
}
