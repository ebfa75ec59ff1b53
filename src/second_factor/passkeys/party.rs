//! The relying party of `WebAuthn`: what a browser is asked, and whether what it answers is right.
//! Owns what we ask for beyond the library's own ways. Never reads the store.

use serde::Deserialize;
use serde_json::{Value as Json, json};
use url::Url;
use webauthn_rs::prelude::{
    CredentialID, DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::Holder;
use super::ceremony::LASTS;
use crate::place::Origin;

/// The site passkeys are made for.
pub(super) struct RelyingParty {
    webauthn: Webauthn,
    origin: String,
}

/// What was not right, for the log.
pub(super) type Refusal = String;

/// What the browser says of the page that asked, as far as the library does not judge it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    top_origin: Option<String>,
}

impl RelyingParty {
    /// The site at `public_url`, if its host is a name.
    pub(super) fn at(public_url: &Origin) -> Option<Self> {
        let host = public_url.host();
        if host.is_address() {
            return None;
        }
        let origin = public_url.to_string();
        let url = Url::parse(&origin).ok()?;
        let webauthn =
            WebauthnBuilder::new(host.as_str(), &url).ok()?.rp_name("Aegis").timeout(LASTS).build().ok()?;
        Some(Self { webauthn, origin })
    }

    /// Asks for a new passkey that is none of `known`.
    pub(super) fn begin_registration(
        &self,
        holder: Holder<'_>,
        known: Vec<CredentialID>,
    ) -> Result<(Json, PasskeyRegistration), Refusal> {
        let username = holder.username.as_str();
        let name = if holder.name.is_empty() { username } else { holder.name };
        let (options, state) = self
            .webauthn
            .start_passkey_registration(holder.id.0, username, name, Some(known))
            .map_err(refusal)?;
        let mut options = to_json(&options)?;
        // It signs in alone: the authenticator has to know whose it is.
        set(&mut options, "/publicKey/authenticatorSelection/residentKey", json!("required"))?;
        set(&mut options, "/publicKey/authenticatorSelection/requireResidentKey", json!(true))?;
        Ok((options, state))
    }

    /// The passkey that the answer holds.
    pub(super) fn finish_registration(
        &self,
        response: &[u8],
        state: &PasskeyRegistration,
    ) -> Result<Passkey, Refusal> {
        let response: RegisterPublicKeyCredential = read(response)?;
        self.judge(&response.response.client_data_json)?;
        self.webauthn.finish_passkey_registration(&response, state).map_err(refusal)
    }

    /// Asks for whichever there is.
    pub(super) fn begin_authentication(&self) -> Result<(Json, DiscoverableAuthentication), Refusal> {
        let (mut options, state) = self.webauthn.start_discoverable_authentication().map_err(refusal)?;
        // Whether the browser offers it in a field or in a window of its own is for the page to say.
        options.mediation = None;
        options.public_key.extensions = None;
        Ok((to_json(&options)?, state))
    }

    /// The passkey after it was shown, if the answer is one of it.
    pub(super) fn finish_authentication(
        &self,
        response: &PublicKeyCredential,
        state: DiscoverableAuthentication,
        mut passkey: Passkey,
    ) -> Result<Passkey, Refusal> {
        self.judge(&response.response.client_data_json)?;
        let key = DiscoverableKey::from(&passkey);
        let shown =
            self.webauthn.finish_discoverable_authentication_v2(response, state, key).map_err(refusal)?;
        if !shown.user_verified() {
            return Err("the user was not verified".to_owned());
        }
        match passkey.update_credential(&shown) {
            Some(_) => Ok(passkey),
            None => Err("another credential was shown than was looked up".to_owned()),
        }
    }

    /// Whether a page of ours asked, and no other around it. (The library takes an origin with a path, and
    /// asks about frames only where a passkey is made.)
    fn judge(&self, client_data: &[u8]) -> Result<(), Refusal> {
        let said: ClientData = read(client_data)?;
        if said.origin != self.origin {
            return Err(format!("the origin is {:?}", said.origin));
        }
        if said.cross_origin || said.top_origin.is_some() {
            return Err("it was asked for inside a page of another origin".to_owned());
        }
        Ok(())
    }
}

/// JSON that a browser sent.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(text).map_err(|error| format!("it cannot be read: {error}"))
}

/// Puts `value` where the library has another.
fn set(options: &mut Json, place: &str, value: Json) -> Result<(), Refusal> {
    let there = options.pointer_mut(place).ok_or_else(|| format!("the options have no {place}"))?;
    *there = value;
    Ok(())
}

fn to_json(options: &impl serde::Serialize) -> Result<Json, Refusal> {
    serde_json::to_value(options).map_err(|error| error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn refusal(error: WebauthnError) -> Refusal {
    error.to_string()
}
