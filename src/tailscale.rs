//! stub
#![allow(missing_docs, clippy::pedantic, clippy::todo)]
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Mono, Now};
use crate::config::{Placed, TailscaleSettings};
use crate::error::{Error, Faults};
use crate::identity::Person;
use crate::place::ClientAddress;

pub const LIFETIME: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {}
impl Options {
    pub fn compile(_: &Placed<TailscaleSettings>) -> Result<Self, Faults> {
        Ok(Self {})
    }
}
#[derive(Debug)]
pub struct Tailscale {}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    Address(ClientAddress),
    Loopback(SocketAddr),
}
#[derive(Debug)]
pub struct Answer {
    pub who: Result<Device, Unusable>,
    pub asked_at: Mono,
    pub generation: u64,
}
#[derive(Debug)]
pub struct Device {
    pub name: Box<str>,
    pub stable_id: Box<str>,
    pub owner: Owner,
    pub routes: bool,
    pub grants: Grants,
}
#[derive(Debug)]
pub enum Owner {
    Person(Person),
    Shared(Person),
    Tagged(Box<[Box<str>]>),
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    NotThere,
}
impl Unusable {
    pub fn words(self) -> &'static str {
        ""
    }
}
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    Down,
}
impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("")
    }
}
#[derive(Debug)]
pub struct Grants(());
impl Grants {
    pub fn of(&self, _: &str) -> &[serde_json::Value] {
        &[]
    }
}
pub struct Node {
    pub tun: Option<bool>,
    pub addresses: Vec<IpAddr>,
}
impl Tailscale {
    pub fn new(_: Options, _: Clock) -> Self {
        Self {}
    }
    pub fn may_be_there(&self, _: ClientAddress) -> bool {
        false
    }
    pub fn generation(&self) -> u64 {
        0
    }
    pub async fn whois(&self, _: Place, _: Now) -> Result<Arc<Answer>, Failure> {
        Err(Failure::Down)
    }
    pub fn node(&self) -> Arc<Node> {
        todo!()
    }
    pub async fn listen(&self) -> Result<Infallible, Error> {
        todo!()
    }
}
