//! The daemon's JSON. Owns its shape: what must be there, what may be missing or null, and what
//! nobody reads.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::failure::Broken;
use crate::text::one_line;

/// `GET /localapi/v0/whois`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Whois {
    pub(super) node: Peer,
    pub(super) user_profile: Profile,
    pub(super) cap_map: Option<CapMap>,
}

/// `CapMap` (`tailcfg.PeerCapMap`): null where a capability has no arguments.
pub(super) type CapMap = HashMap<Box<str>, Option<Box<[Value]>>>;

/// `Node` (`tailcfg.Node`).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Peer {
    #[serde(rename = "ID")]
    pub(super) _id: i64,
    #[serde(rename = "StableID")]
    pub(super) stable_id: Box<str>,
    /// With a dot at its end; may be empty.
    pub(super) name: Option<Box<str>>,
    pub(super) user: Option<i64>,
    pub(super) sharer: Option<i64>,
    pub(super) key_expiry: Option<Box<str>>,
    /// Networks of one address each.
    pub(super) addresses: Vec<Box<str>>,
    #[serde(rename = "AllowedIPs")]
    pub(super) allowed_ips: Option<Vec<Box<str>>>,
    pub(super) hostinfo: Option<Hostinfo>,
    pub(super) tags: Option<Vec<Box<str>>>,
    pub(super) machine_authorized: Option<bool>,
    pub(super) expired: Option<bool>,
    pub(super) is_jailed: Option<bool>,
    pub(super) is_wire_guard_only: Option<bool>,
    #[serde(rename = "UnsignedPeerAPIOnly")]
    pub(super) unsigned_peer_api_only: Option<bool>,
}

/// `Node.Hostinfo`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Hostinfo {
    pub(super) sharee_node: Option<bool>,
}

/// `UserProfile`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Profile {
    #[serde(rename = "ID")]
    pub(super) id: i64,
    pub(super) login_name: Box<str>,
    pub(super) display_name: Option<Box<str>>,
}

/// `GET /localapi/v0/status?peers=false` (`ipnstate.Status`).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Status {
    pub(super) backend_state: Box<str>,
    pub(super) version: Option<Box<str>>,
    #[serde(rename = "TUN")]
    pub(super) tun: Option<bool>,
    #[serde(rename = "TailscaleIPs")]
    pub(super) tailscale_ips: Option<Vec<Box<str>>>,
    #[serde(rename = "Self")]
    pub(super) own: Option<Own>,
    pub(super) health: Option<Vec<Box<str>>>,
    pub(super) current_tailnet: Option<CurrentTailnet>,
}

/// `Self`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Own {
    /// The stable id.
    #[serde(rename = "ID")]
    pub(super) id: Option<Box<str>>,
    #[serde(rename = "DNSName")]
    pub(super) dns_name: Option<Box<str>>,
    #[serde(rename = "TailscaleIPs")]
    pub(super) tailscale_ips: Option<Vec<Box<str>>>,
    pub(super) tags: Option<Vec<Box<str>>>,
    pub(super) online: Option<bool>,
    pub(super) key_expiry: Option<Box<str>>,
}

/// `CurrentTailnet`.
#[derive(Deserialize)]
pub(super) struct CurrentTailnet {
    #[serde(rename = "MagicDNSSuffix")]
    pub(super) magic_dns_suffix: Option<Box<str>>,
}

/// One line of the bus (`ipn.Notify`): only what is there counts.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Notify {
    pub(super) state: Option<IgnoredAny>,
    pub(super) prefs: Option<IgnoredAny>,
    pub(super) net_map: Option<IgnoredAny>,
    pub(super) self_change: Option<IgnoredAny>,
    pub(super) login_finished: Option<IgnoredAny>,
    pub(super) peers_changed: Option<IgnoredAny>,
    pub(super) peers_removed: Option<IgnoredAny>,
    pub(super) user_profiles: Option<IgnoredAny>,
}

/// Reads `body`.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Broken> {
    serde_json::from_slice(body).map_err(|_| Broken::Shape)
}

/// `text` without control characters, and no longer than `longest`.
pub(super) fn tame(text: &str, longest: usize) -> Box<str> {
    one_line(text, longest).into()
}

/// `text`, if it can name somebody: it is there, of bounded length, and without control characters.
pub(super) fn name(text: Box<str>) -> Result<Box<str>, Broken> {
    let fits = (1..=255).contains(&text.len()) && !text.contains(char::is_control);
    if fits { Ok(text) } else { Err(Broken::Value) }
}

/// `name` without the dot at its end, and without the tailnet's name behind it where it has that.
pub(super) fn without_tailnet<'a>(name: &'a str, tailnet: Option<&str>) -> (&'a str, bool) {
    let name = name.strip_suffix('.').unwrap_or(name);
    let split = tailnet.and_then(|tailnet| {
        let (first, rest) = name.split_at_checked(name.len().checked_sub(tailnet.len() + 1)?)?;
        let is_in = !first.is_empty() && rest.strip_prefix('.')?.eq_ignore_ascii_case(tailnet);
        is_in.then_some(first)
    });
    (split.unwrap_or(name), split.is_some())
}
