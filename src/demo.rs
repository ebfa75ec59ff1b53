//! The show: Aegis, a small app and a reverse proxy before it, on loopback, gone when it ends.
//!
//! Promises: the server is the one of `aegis serve`, with the cookies of production; nothing is left
//! behind, neither a file nor a process; nobody beyond this machine can reach any of it.
//! Never: reads the environment's settings, or touches data that was there.

pub mod bot_api;
mod caddy;
mod folder;
mod sample_app;
mod stand_in;

use std::fs;
use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::{self, Sources};
use crate::error::{Error, Fault, Faults};
use crate::identity::{Actor, NotAccepted};
use crate::secret::{Secret, random_bytes};
use crate::serve::house::House;
use crate::serve::listen::Address;
use crate::serve::{Answer, Limits, Listener, run};
use crate::state::App;
use crate::store::Write;
use crate::users::NewUser;

use caddy::Caddy;
use folder::Folder;
use sample_app::SampleApp;
use stand_in::StandIn;

/// The host of Aegis's own site.
const PORTAL: &str = "auth.aegis.localhost";
/// The host of the sample app.
const APP: &str = "arlo.aegis.localhost";
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

/// What a newcomer needs to know.
pub struct Invitation {
    /// The address to open first.
    pub address: String,
    /// Who can sign in.
    pub username: &'static str,
    /// With which password; another one each time.
    pub password: Secret,
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
    let folder = Folder::make().map_err(|error| Fault::new(format!("cannot make a folder: {error}")))?;
    let shown = start(&clock, folder.path(), tell, shutdown).await;
    folder.remove().map_err(|error| Fault::new(format!("a folder is left behind: {error}")))?;
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
    fs::write(&config, settings(folder, port))
        .map_err(|error| Fault::new(format!("cannot write {}: {error}", config.display())))?;
    let sources =
        Sources { file: Some(config.clone()), directory: folder.to_path_buf(), ..Sources::default() };
    let settings = config::read(&sources)?;
    let app = App::open(App::prepare(&settings)?, &settings, clock.clone())?;
    let password = password();
    add_user(&app, &password).await.map_err(|error| Fault::new(error.log))?;
    let invitation = |proxy| Invitation {
        address: format!("http://{APP}:{port}/"),
        username: USERNAME,
        password,
        proxy,
        config,
    };

    let aegis = unix(folder.join("aegis.sock"))?;
    let sample_app = unix(folder.join("app.sock"))?;
    let house = House::start(&app)?;
    let (stop, stopped) = watch::channel(false);
    let until = || {
        let mut stopped = stopped.clone();
        async move {
            let _told = stopped.wait_for(|stopped| *stopped).await;
        }
    };
    let behind = async {
        let app = beside(sample_app, SampleApp::new(format!("http://{PORTAL}:{port}")), until());
        let house = async {
            let faults = house.serve(aegis, Limits::default(), until()).await;
            // If it ended by itself, the rest has no purpose.
            let _told = stop.send(true);
            faults
        };
        tokio::join!(house, app).0
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
fn settings(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        r#"public_url = "http://{PORTAL}:{port}"
listen = ["unix:{folder}/aegis.sock"]
data_dir = "{folder}/data"

[cookie]
domain = "aegis.localhost"

[app.arlo]
title = "Arlo"
hosts = ["{APP}:{port}"]
require = "signed_in"
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
    app.users.add(Write::new(), new, Actor::Command, app.clock.now().wall).await?;
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
