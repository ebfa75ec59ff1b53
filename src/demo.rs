//! The show: Aegis, a small app, a reverse proxy before it and a pretend phone, on loopback, gone when it
//! ends.
//!
//! Promises: the server is the one of `aegis serve`, with the cookies of production; nothing is left
//! behind, neither a file nor a process; nobody beyond this machine can reach any of it.
//! Never: reads the environment's settings, or touches data that was there.

pub mod bot_api;
mod caddy;
mod folder;
mod phone;
mod sample_app;
mod stand_in;

use std::fs;
use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use crate::audit::{Entry, Event, Recorded as _};
use crate::clock::Clock;
use crate::config::{self, Sources};
use crate::error::{Error, Fault, Faults};
use crate::identity::{Actor, NotAccepted, SessionId, UserId};
use crate::second_factor::Proof;
use crate::secret::{Secret, random_bytes};
use crate::serve::house::House;
use crate::serve::listen::Address;
use crate::serve::{Answer, Limits, Listener, run};
use crate::state::App;
use crate::store::Write;
use crate::users::NewUser;

use bot_api::BotApi;
use caddy::Caddy;
use folder::Folder;
use phone::PhonePage;
use sample_app::SampleApp;
use stand_in::StandIn;

/// The host of Aegis's own site.
const PORTAL: &str = "auth.aegis.localhost";
/// The host of the sample app.
const APP: &str = "arlo.aegis.localhost";
/// The host of the pretend phone.
const PHONE: &str = "phone.aegis.localhost";
/// What the app is told.
const IDENTITY: [&str; 6] = [
    "Remote-User",
    "Remote-Email",
    "Remote-Name",
    "Remote-Groups",
    "Remote-Auth-Method",
    "X-Aegis-Assertion",
];
/// The port that is taken if it is free.
const PORT: u16 = 8080;
/// Who can sign in.
const USERNAME: &str = "sam";
/// Telegram's id of that person, in the show's own Telegram.
const PERSON: i64 = 1_000_001;
/// The name of the bot there.
const BOT: &str = "aegis_demo_bot";

/// What a newcomer needs to know.
pub struct Invitation {
    /// The address to open first.
    pub address: String,
    /// Who can sign in.
    pub username: &'static str,
    /// With which password; another one each time.
    pub password: Secret,
    /// The address of the pretend phone.
    pub phone: String,
    /// Which proxy stands before all, in words.
    pub proxy: String,
    /// The settings, for other commands.
    pub config: PathBuf,
}

/// Starts everything, tells when it answers, and goes on until `shutdown` comes to its end.
pub async fn show(
    clock: Clock,
    tell: impl FnOnce(&Invitation),
    shutdown: impl Future<Output = ()>,
) -> Result<(), Faults> {
    let folder = Folder::make().map_err(|error| {
        Fault::new(format!("cannot make a folder: {error}"))
            .hint("set TMPDIR to a folder that can be written")
            .at(&std::env::temp_dir(), None)
    })?;
    let path = folder.path().to_path_buf();
    let shown = start(&clock, &path, tell, shutdown).await;
    folder.remove().map_err(|error| {
        Fault::new(format!("cannot be removed: {error}")).hint("remove it by hand").at(&path, None)
    })?;
    shown
}

async fn start(
    clock: &Clock,
    folder: &Path,
    tell: impl FnOnce(&Invitation),
    shutdown: impl Future<Output = ()>,
) -> Result<(), Faults> {
    let port = free_port()?;
    let config = folder.join("aegis.toml");
    let token = Secret::new(format!("1000000:{}", Secret::random(35).reveal()));
    let telegram = BotApi::new(&token, BOT, clock.clone())?;
    let bot_api = Listener::bind(&[Address::Tcp((Ipv4Addr::LOCALHOST, 0).into())])?;
    let api_port = bot_api
        .iter()
        .find_map(Listener::tcp_address)
        .ok_or_else(|| Fault::new("no port is free on 127.0.0.1"))?
        .port();
    fs::write(&config, settings(folder, port, api_port, &token))
        .map_err(|error| Fault::new(format!("cannot write {}: {error}", config.display())))?;
    let sources =
        Sources { file: Some(config.clone()), directory: folder.to_path_buf(), ..Sources::default() };
    let settings = config::read(&sources)?;
    let app = App::open(App::prepare(&settings)?, &settings, clock.clone())?;
    let password = password();
    add_user(&app, &password).await.map_err(|error| Fault::new(error.log))?;
    let phone = telegram.person(PERSON, "Sam");
    let phone_at = format!("http://{PHONE}:{port}");
    let origin = phone_at.parse().map_err(|_| Fault::new("the phone has no address"))?;
    let invitation = |proxy| Invitation {
        address: format!("http://{APP}:{port}/"),
        username: USERNAME,
        phone: format!("{phone_at}/"),
        password,
        proxy,
        config,
    };

    let aegis = unix(folder.join("aegis.sock"))?;
    let sample_app = unix(folder.join("app.sock"))?;
    let phone_page = unix(folder.join("phone.sock"))?;
    let house = House::start(&app)?;
    let (stop, stopped) = watch::channel(false);
    let until = || told(&stopped);
    // The server ends before what it speaks to.
    let (leave, left) = watch::channel(false);
    let behind = async {
        let app = beside(sample_app, SampleApp::new(format!("http://{PORTAL}:{port}")), until());
        let house = async {
            let faults = house.serve(aegis, Limits::default(), until()).await;
            // If it ended by itself, the rest has no purpose.
            let _told = (stop.send(true), leave.send(true));
            faults
        };
        let phone = beside(phone_page, PhonePage::new(telegram.clone(), phone, origin), until());
        let telegram = telegram.serve(bot_api, told(&left));
        tokio::join!(house, app, phone, telegram).0
    };
    let before = async {
        let until = async {
            tokio::select! {
                () = shutdown => {}
                () = until() => {}
            }
        };
        let ended = proxy(clock, folder, port, |proxy| tell(&invitation(proxy)), until).await;
        let _told = stop.send(true);
        ended
    };
    let (mut faults, ended) = tokio::join!(behind, before);
    faults.extend(ended.err().unwrap_or_default());
    faults.or(())
}

/// Comes to its end when that is said.
fn told(word: &watch::Receiver<bool>) -> impl Future<Output = ()> + use<> {
    let mut word = word.clone();
    async move {
        let _said = word.wait_for(|said| *said).await;
    }
}

/// Puts a proxy before Aegis and the app, tells which, and lets it run until `shutdown`.
async fn proxy(
    clock: &Clock,
    folder: &Path,
    port: u16,
    tell: impl FnOnce(String),
    shutdown: impl Future<Output = ()>,
) -> Result<(), Faults> {
    let why = match Caddy::start(clock, folder, port).await {
        Ok(mut caddy) => {
            tell(format!("{}, with the files of caddy/", caddy.name()));
            let ended = tokio::select! {
                () = shutdown => Ok(()),
                why = caddy.ended() => Err(Fault::new(format!("Caddy ended: {why}")).into()),
            };
            caddy.stop().await;
            return ended;
        }
        Err(why) => why,
    };
    let listeners = Listener::bind(&[Address::Tcp((Ipv4Addr::LOCALHOST, port).into())])?;
    tell(format!("a stand-in of ours, because {why}"));
    beside(listeners, StandIn::new(folder), shutdown).await;
    Ok(())
}

/// Runs a small server of the show.
async fn beside(listeners: Vec<Listener>, answer: impl Answer, until: impl Future<Output = ()>) {
    let limits = Limits { connections: 256, ..Limits::default() };
    let _drained = run(listeners, Arc::new(answer), limits, until).await;
}

fn unix(path: PathBuf) -> Result<Vec<Listener>, Faults> {
    Listener::bind(&[Address::Unix { path, mode: 0o600 }])
}

/// The usual port, or one that is free. Browsers try both loopback addresses, so it has to be on both.
fn free_port() -> Result<u16, Fault> {
    let is_free = |port: u16| {
        let other = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
        let taken = other.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse);
        !taken && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    };
    let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    std::iter::once(PORT)
        .chain((0..32).filter_map(|_| any().as_ref().map(SocketAddr::port).ok()))
        .find(|&port| is_free(port))
        .ok_or_else(|| Fault::new("no port is free on 127.0.0.1"))
}

/// The settings of the show: what a newcomer would write.
fn settings(folder: &Path, port: u16, api_port: u16, token: &Secret) -> String {
    let folder = folder.display();
    let token = token.reveal();
    format!(
        r#"public_url = "http://{PORTAL}:{port}"
listen = ["unix:{folder}/aegis.sock"]
data_dir = "{folder}/data"

[cookie]
domain = "aegis.localhost"

[telegram]
api_url = "http://127.0.0.1:{api_port}"
token = "{token}"

[app.arlo]
title = "Arlo"
hosts = ["{APP}:{port}"]
require = "two_factor"
public = ["/public"]

[[app.arlo.rule]]
path = "/admin/*"
roles = ["admin"]
"#
    )
}

async fn add_user(app: &App, password: &Secret) -> Result<(), Error> {
    let not_accepted = |error: NotAccepted| Error::internal(error.to_string());
    let hash = app.sign_in.new_password(password.clone(), vec![USERNAME.to_owned()]).await?;
    let new = NewUser {
        username: USERNAME.parse().map_err(not_accepted)?,
        email: Some("sam@example.com".parse().map_err(not_accepted)?),
        name: "Sam".to_owned(),
        roles: vec!["operator".parse().map_err(not_accepted)?],
        administrator: false,
        active: true,
        password: Some(hash),
    };
    let now = app.clock.now().wall;
    let user = app.users.add(Write::new(), new, Actor::Command, now).await?;
    link(app, user).await
}

/// Links the person's phone as they would: begun in a browser, answered there, confirmed.
async fn link(app: &App, user: UserId) -> Result<(), Error> {
    let (links, now, session) = (&app.second_factor.telegram, app.clock.now().wall, SessionId::new());
    let offer = links.offer(user, session, now).await?;
    links.answered(offer.payload.reveal(), (PERSON, PERSON), "Sam", now).await?;
    let confirmed = links.confirm(Write::new(), (user, session), PERSON, now).await?;
    let Proof { write, .. } = confirmed.ok_or_else(|| Error::internal("the phone was not linked"))?;
    let entry = Entry::new(Event::FactorAdded, Actor::Command).about(user);
    app.store.write(write.audit(entry, now)).await?;
    Ok(())
}

/// 80 random bits that can be typed: `k7mp-2wxq-9ztd-hv4c`.
fn password() -> Secret {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes: [u8; 16] = random_bytes();
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map_or('a', char::from);
    let groups: Vec<String> = bytes.chunks(4).map(|group| group.iter().map(letter).collect()).collect();
    Secret::new(groups.join("-"))
}
